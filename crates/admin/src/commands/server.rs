//! The server as a whole: its state, its end, its configuration, its log.

use kernel::ServerControl;
use kernel::commands::{Arguments, Call, CommandError, Example, Policy, Value};
use observe::LogLevel;

use super::session::integer;
use super::{Command, Field, Kernel, RESCODE, RESTUPLE, Shape, Version, field};

/// What is said where commands run without a process, in tests.
const NO_PROCESS: &str = "there is no server process around these commands";

pub(super) fn process(kernel: &Kernel) -> Result<&dyn ServerControl, CommandError> {
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
    HALT,
    "halt",
    "server",
    "End the server at once, with exit status 1; clients are not told",
    Restricted,
    halt
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

pub(super) const CLEAR_CACHE: Command = Command {
    name: "clear_cache",
    tags: &["server"],
    about: "Empty all caches, so that everything is read from the database again",
    versions: &[Version {
        result: RESCODE,
        run: |Call { kernel, .. }| {
            Box::pin(async {
                kernel.forget_stored().await;
                Ok(Value::OK)
            })
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const GC: Command = Command {
    name: "gc",
    tags: &["server"],
    about: "Succeed: memory is given back when its last user is gone, there is nothing to collect",
    versions: &[Version {
        result: RESCODE,
        run: |_| Box::pin(async { Ok(Value::OK) }),
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const SENTENCE: Field = field("sentence", Shape::Text);

pub(super) const ECHO: Command = Command {
    name: "echo",
    tags: &["internal"],
    about: "Give a sentence back, to test a front end",
    versions: &[Version {
        args: &[SENTENCE],
        result: SENTENCE,
        run: |Call { arguments, .. }| {
            Box::pin(async move { Ok(Value::text(arguments.text("sentence"))) })
        },
        example: Example { args: &["Test Sentence"], prints: "Test Sentence" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const ECHO3: Command = Command {
    name: "echo3",
    tags: &["internal"],
    about: "Give the last of three words back, to test a front end",
    versions: &[Version {
        args: &[field("first", Shape::Text), field("second", Shape::Text), SENTENCE],
        result: SENTENCE,
        run: |Call { arguments, .. }| {
            Box::pin(async move { Ok(Value::text(arguments.text("sentence"))) })
        },
        example: Example {
            args: &["example.com", "Group1", "Test Sentence"],
            prints: "Test Sentence",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const LIST_CLUSTER: Command = Command {
    name: "list_cluster",
    tags: &["cluster"],
    about: "List the nodes of the cluster: this one",
    versions: &[Version {
        result: field("nodes", Shape::List(&field("node", Shape::Word))),
        run: |Call { kernel, .. }| Box::pin(async { Ok(Value::texts([kernel.node().as_str()])) }),
        example: Example { args: &[], prints: "ejabberd1@machine7\nejabberd1@machine8" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const NODE_DETAILS: &[Field] = &[
    field("name", Shape::Word),
    field("running", Shape::Text),
    field("status", Shape::Text),
    field("online_users", Shape::Integer),
    field("processes", Shape::Integer),
    field("uptime_seconds", Shape::Integer),
    field("master_node", Shape::Word),
];

pub(super) const LIST_CLUSTER_DETAILED: Command = Command {
    name: "list_cluster_detailed",
    tags: &["cluster"],
    about: "List the nodes of the cluster, which is this one, with some numbers",
    versions: &[Version {
        result: field("nodes", Shape::List(&field("node", Shape::Tuple(NODE_DETAILS)))),
        run: |Call { kernel, .. }| {
            Box::pin(async {
                let node = kernel.node().as_str();
                let uptime = kernel.clock().uptime().as_secs();
                Ok(Value::List(vec![Value::Tuple(vec![
                    Value::text(node),
                    Value::text("true"),
                    Value::text(format!("The node {node} is started with status: started")),
                    integer(kernel.sessions().count()),
                    integer(kernel.tasks().count()),
                    Value::Integer(i64::try_from(uptime).unwrap_or(i64::MAX)),
                    Value::text("none"),
                ])]))
            })
        },
        example: Example {
            args: &[],
            prints: "ejabberd@localhost\ttrue\tThe node ejabberd is started. Status...\t7\t348\t60\tnone",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const CERTIFICATE: &[Field] =
    &[field("domain", Shape::Text), field("file", Shape::Text), field("used", Shape::Text)];

pub(super) const LIST_CERTIFICATES: Command = Command {
    name: "list_certificates",
    tags: &["acme"],
    about: "List the certificates by domain and file, and whether a served host uses them",
    versions: &[Version {
        result: field(
            "certificates",
            Shape::List(&field("certificate", Shape::Tuple(CERTIFICATE))),
        ),
        run: |Call { kernel, .. }| Box::pin(async { Ok(list_certificates(kernel)) }),
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

fn list_certificates(kernel: &Kernel) -> Value {
    let config = kernel.config();
    let mut rows = Vec::new();
    for (names, file) in kernel.certs().list() {
        for name in names {
            // A wildcard stands for one label (RFC 9525 §6.3).
            let fits = |host: &String| match name.strip_prefix("*.") {
                Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
                None => *host == name,
            };
            let used = if config.hosts().iter().any(fits) { "true" } else { "false" };
            rows.push((name, file.display().to_string(), used));
        }
    }
    rows.sort_unstable();
    let row = |(name, file, used)| {
        Value::Tuple(vec![Value::Text(name), Value::Text(file), Value::text(used)])
    };
    Value::List(rows.into_iter().map(row).collect())
}
