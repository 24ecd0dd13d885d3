//! The commands that look into the queue of an account.

use kernel::commands::{
    Arguments, Call, Command, CommandError, Example, Field, Policy, Shape, Value, Version, field,
};
use kernel::{Kernel, Panel, Place};
use observe::names;
use xmpp_wire::{Stanza, ns};

use super::store::{self, Owner, Row};
use super::{OfflineMessages, owner};
use crate::commands::{ADMIN_EXTRA, HOST, USER, failed, on};

/// The commands about queues.
pub(super) const COMMANDS: &[Command] = &[GET_OFFLINE_COUNT, GET_OFFLINE_MESSAGES];

/// What administrators see of it.
pub(super) const PANELS: &[Panel] = &[
    Panel {
        place: Place::Host,
        page: "users",
        title: "Users",
        commands: &["get_offline_count"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Host,
        page: "stats",
        title: "Statistics",
        commands: &[],
        metrics: &[names::OFFLINE_STORED],
    },
    Panel {
        place: Place::User,
        page: "",
        title: "User <jid>",
        commands: &["get_offline_count"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::User,
        page: "queue",
        title: "Offline Queue",
        commands: &["get_offline_messages"],
        ..Panel::PLAIN
    },
];

/// Messages that are shown at most, oldest first.
const SHOWN_MAX: usize = 10_000;
/// Bytes of messages that are shown, about.
const SHOWN_BYTES_MAX: usize = 16 << 20;

const GET_OFFLINE_COUNT: Command = Command {
    name: "get_offline_count",
    tags: &["offline"],
    needs: ADMIN_EXTRA,
    policy: Policy::User,
    about: "Count the messages that wait for an account",
    versions: &[Version {
        args: &[USER, HOST],
        result: field("value", Shape::Integer),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let whose = of(kernel, &arguments)?;
                let read = kernel.store().read(move |query| store::count(query, &whose)).await;
                read.map(Value::Integer).map_err(failed)
            })
        },
        example: Example { args: &[], prints: "5" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const MESSAGE: &[Field] = &[
    field("time", Shape::Text),
    field("from", Shape::Text),
    field("to", Shape::Text),
    field("packet", Shape::Text),
];

const GET_OFFLINE_MESSAGES: Command = Command {
    name: "get_offline_messages",
    tags: &["internal", "offline"],
    needs: ADMIN_EXTRA,
    policy: Policy::User,
    about: "Show the messages that wait for an account, the oldest first",
    detail: "At most ten thousand, and about 16 MiB.",
    versions: &[Version {
        args: &[USER, HOST],
        result: field("queue", Shape::List(&field("messages", Shape::Tuple(MESSAGE)))),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let whose = of(kernel, &arguments)?;
                let page = kernel.store().read(move |query| {
                    store::page(query, &whose, i64::MIN, SHOWN_MAX, SHOWN_BYTES_MAX)
                });
                let (rows, _) = page.await.map_err(failed)?;
                Ok(Value::List(rows.iter().map(shown).collect()))
            })
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

fn of(kernel: &Kernel, arguments: &Arguments) -> Result<Owner, CommandError> {
    let account = on::<OfflineMessages>(kernel, arguments)?.account;
    Ok(owner(&account).expect("an account has a node"))
}

/// A message that is not understood is shown as it is stored.
fn shown(row: &Row) -> Value {
    let stanza = Stanza::parse(row.xml.as_bytes()).ok();
    let stamp = stanza.as_ref().and_then(|stanza| {
        let delay = stanza.child("delay", ns::DELAY)?.parse();
        delay.attr("stamp").map(str::to_owned)
    });
    let address = |jid: Option<&jid::Jid>| jid.map(ToString::to_string).unwrap_or_default();
    Value::Tuple(vec![
        Value::text(stamp.unwrap_or_default()),
        Value::text(address(stanza.as_ref().and_then(Stanza::from))),
        Value::text(address(stanza.as_ref().and_then(Stanza::to))),
        Value::text(&row.xml),
    ])
}
