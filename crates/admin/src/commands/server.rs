//! The server as a whole: its state, its end, its configuration, its log.

use kernel::ServerControl;
use kernel::commands::{Arguments, Call, CommandError, Example, Policy, Value};
use observe::LogLevel;

use super::{Command, Kernel, RESCODE, RESTUPLE, Shape, Version, field};

/// What is said where commands run without a process, in tests.
const NO_PROCESS: &str = "there is no server process around these commands";

fn process(kernel: &Kernel) -> Result<&dyn ServerControl, CommandError> {
    kernel.control().ok_or_else(|| CommandError::failed(NO_PROCESS))
}

/// A command without arguments that asks the process and answers success or failure.
macro_rules! asks_process {
    ($name:ident, $word:literal, $tag:literal, $about:literal, $policy:ident, $method:ident) => {
        pub(super) const $name: Command = Command {
            name: $word,
            tags: &[$tag],
            about: $about,
            versions: &[Version {
                result: RESCODE,
                run: |Call { kernel, .. }| {
                    Box::pin(async move {
                        process(kernel)?.$method().await.map_err(CommandError::failed)?;
                        Ok(Value::OK)
                    })
                },
                ..Version::FIRST
            }],
            policy: Policy::$policy,
            ..Command::PLAIN
        };
    };
}

asks_process!(
    STOP,
    "stop",
    "server",
    "Stop the server in order: clients are told, everything is stored",
    Restricted,
    stop
);
asks_process!(
    RESTART,
    "restart",
    "server",
    "Stop the server in order and start it again",
    Restricted,
    restart
);
asks_process!(
    REOPEN_LOG,
    "reopen_log",
    "logs",
    "Open the log file anew after it was moved away",
    Admin,
    reopen_log
);
asks_process!(
    ROTATE_LOG,
    "rotate_log",
    "logs",
    "Move the log file away and begin another",
    Restricted,
    rotate_log
);

pub(super) const RELOAD_CONFIG: Command = Command {
    name: "reload_config",
    tags: &["config"],
    about: "Put the configuration files in force as they are now, wholly or not at all",
    versions: &[Version {
        result: RESCODE,
        run: |Call { kernel, .. }| Box::pin(reload_config(kernel)),
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn reload_config(kernel: &Kernel) -> Result<Value, CommandError> {
    // Notes about options that are not in force are in the log; the command is quiet like ejabberd's.
    process(kernel)?.reload().await.map_err(CommandError::bad_argument)?;
    Ok(Value::OK)
}

pub(super) const STATUS: Command = Command {
    name: "status",
    tags: &["server"],
    about: "Get the status of the server",
    versions: &[Version {
        result: RESTUPLE,
        run: |Call { kernel, .. }| Box::pin(async { Ok(Value::Restuple(true, status(kernel))) }),
        example: Example {
            args: &[],
            prints: "The node rookery@example is started with status: started\nrookery 0.1.0 is running in that node",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

/// Scripts look for "is started with status: started" and "is running in that node".
fn status(kernel: &Kernel) -> String {
    let node = kernel.node();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "The node {node} is started with status: started\nrookery {version} is running in that node"
    )
}

pub(super) const REGISTERED_VHOSTS: Command = Command {
    name: "registered_vhosts",
    tags: &["server"],
    about: "List all registered vhosts of the server",
    versions: &[Version {
        result: field("vhosts", Shape::List(&field("vhost", Shape::Text))),
        run: |Call { kernel, .. }| Box::pin(async { Ok(Value::texts(kernel.config().hosts())) }),
        example: Example { args: &[], prints: "example.com\nanon.example.com" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const GET_LOGLEVEL: Command = Command {
    name: "get_loglevel",
    tags: &["logs"],
    about: "Get the current loglevel",
    versions: &[Version {
        result: field("levelatom", Shape::Word),
        run: |Call { kernel, .. }| {
            Box::pin(async {
                let level = process(kernel)?.log_level().await.map_err(CommandError::failed)?;
                Ok(Value::text(level.as_str()))
            })
        },
        example: Example { args: &[], prints: "warning" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const SET_LOGLEVEL: Command = Command {
    name: "set_loglevel",
    tags: &["logs"],
    about: "Set the loglevel: none, emergency, alert, critical, error, warning, notice, info or debug",
    versions: &[Version {
        args: &[field("loglevel", Shape::Text)],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(set_loglevel(kernel, arguments)),
        example: Example { args: &["debug"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn set_loglevel(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let level: LogLevel = arguments
        .text("loglevel")
        .parse()
        .map_err(|error: observe::LogError| CommandError::bad_argument(error.to_string()))?;
    process(kernel)?.set_log_level(level).await.map_err(CommandError::failed)?;
    Ok(Value::OK)
}
