//! Numbers about the server.

use accounts::AccountError;
use kernel::commands::{Call, CommandError, Example, Value};

use super::session::integer;
use super::{
    ADMIN_EXTRA, Command, Field, HOST, Kernel, Policy, Shape, UNKNOWN_HOST, Version, field, served,
};

const NAME: Field = field("name", Shape::Text);
const STAT: Field = field("stat", Shape::Integer);

pub(super) const STATS: Command = Command {
    name: "stats",
    tags: &["statistics"],
    needs: ADMIN_EXTRA,
    policy: Policy::Admin,
    about: "Tell a number about the server",
    detail: "NAME is registeredusers, onlineusers, onlineusersnode, uptimeseconds or processes. Processes are the \
             tasks that run in the server.",
    versions: &[Version {
        args: &[NAME],
        result: STAT,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move { stats(kernel, arguments.text("name")).await })
        },
        example: Example { args: &["registeredusers"], prints: "6" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn stats(kernel: &Kernel, name: &str) -> Result<Value, CommandError> {
    match name {
        "uptimeseconds" => Ok(number(kernel.clock().uptime().as_secs())),
        "processes" => Ok(integer(kernel.tasks().count())),
        "onlineusers" | "onlineusersnode" => Ok(integer(kernel.sessions().count())),
        "registeredusers" => {
            let mut sum = 0;
            for host in kernel.config().hosts() {
                sum += registered(kernel, host).await?;
            }
            Ok(number(sum))
        }
        _ => Err(unknown(name)),
    }
}

pub(super) const STATS_HOST: Command = Command {
    name: "stats_host",
    tags: &["statistics"],
    needs: ADMIN_EXTRA,
    policy: Policy::Admin,
    about: "Tell a number about a host: registeredusers or onlineusers",
    versions: &[Version {
        args: &[NAME, HOST],
        result: STAT,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let host = served(kernel, arguments.text("host"))?;
                match arguments.text("name") {
                    "registeredusers" => registered(kernel, &host).await.map(number),
                    "onlineusers" => Ok(integer(kernel.sessions().of_host(&host).len())),
                    other => Err(unknown(other)),
                }
            })
        },
        example: Example { args: &["registeredusers", "example.com"], prints: "6" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

/// Accounts of a host; one that keeps none, for instance because it is anonymous, has none.
async fn registered(kernel: &Kernel, host: &str) -> Result<u64, CommandError> {
    match kernel.accounts().count(host, "").await {
        Ok(count) => Ok(count),
        Err(AccountError::MethodNotInForce { .. }) => Ok(0),
        Err(AccountError::UnknownHost(_)) => Err(CommandError::bad_argument(UNKNOWN_HOST)),
        Err(other) => Err(CommandError::failed(other)),
    }
}

fn number(count: u64) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

fn unknown(name: &str) -> CommandError {
    CommandError::bad_argument(format!("There is no statistical value called '{name}'"))
}
