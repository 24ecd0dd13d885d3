//! The commands about last activity.

use jiff::Timestamp;
use kernel::commands::{
    Arguments, Call, Command, CommandError, Example, Shape, Value, Version, field,
};
use kernel::{Kernel, Panel, Place, xmpp_stamp};

use super::store::{self, Activity};
use super::{LastActivity, STATUS_BYTES_MAX};
use crate::commands::{ADMIN_EXTRA, HOST, On, RESCODE, USER, failed, on};

/// The commands of last activity.
pub(super) const COMMANDS: &[Command] = &[GET_LAST, SET_LAST];

/// What administrators see of it.
pub(super) const PANELS: &[Panel] = &[
    Panel {
        place: Place::Host,
        page: "users",
        title: "Users",
        commands: &["get_last"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::User,
        page: "",
        title: "User <jid>",
        commands: &["get_last", "set_last"],
        ..Panel::PLAIN
    },
];

const GET_LAST: Command = Command {
    name: "get_last",
    tags: &["last"],
    needs: ADMIN_EXTRA,
    about: "Tell when an account was last available, and what it said then",
    detail: "For an account that is online the time is now and the status ONLINE; for one of which nothing is known \
             the time is now and the status NOT FOUND.",
    versions: &[Version {
        args: &[USER, HOST],
        result: field(
            "last_activity",
            Shape::Tuple(&[field("timestamp", Shape::Text), field("status", Shape::Text)]),
        ),
        run: |Call { kernel, arguments, .. }| Box::pin(get_last(kernel, arguments)),
        example: Example {
            args: &["user1", "myserver.com"],
            prints: "2017-06-30T14:32:16.060684Z\tONLINE",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn get_last(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let On { account, module } = on::<LastActivity>(kernel, &arguments)?;
    let now = || kernel.clock().wall();
    let (time, status) = if kernel.sessions().is_online(&account) {
        (now(), "ONLINE".to_owned())
    } else {
        match module.read(kernel, &account).await.map_err(failed)? {
            Some(Activity { at, status }) => (Timestamp::from_second(at).map_err(failed)?, status),
            None => (now(), "NOT FOUND".to_owned()),
        }
    };
    Ok(Value::Tuple(vec![Value::text(xmpp_stamp(time)), Value::text(status)]))
}

const SET_LAST: Command = Command {
    name: "set_last",
    tags: &["last"],
    needs: ADMIN_EXTRA,
    about: "Say when an account was last available, and what it said then",
    detail: "TIMESTAMP is a number of seconds since 1970.",
    versions: &[Version {
        args: &[USER, HOST, field("timestamp", Shape::Integer), field("status", Shape::Text)],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(set_last(kernel, arguments)),
        example: Example {
            args: &["user1", "myserver.com", "1500045311", "GoSleeping"],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn set_last(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let On { account, module } = on::<LastActivity>(kernel, &arguments)?;
    let (at, mut status) = (arguments.integer("timestamp"), arguments.text("status").to_owned());
    if at < 0 || Timestamp::from_second(at).is_err() {
        return Err(CommandError::bad_argument("The timestamp is no time since 1970"));
    }
    status.truncate(status.floor_char_boundary(STATUS_BYTES_MAX));
    let (key, activity) = (account.clone(), Activity { at, status });
    let write = kernel.store().write(move |tx| store::replace(tx, &key, &activity)).await;
    module.cache.forget(&account);
    write.map_err(failed)?;
    Ok(Value::OK)
}
