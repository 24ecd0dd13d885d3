//! Commands about relays.

use kernel::commands::{Command, CommandError, Field, Shape, Value, Version, field};
use kernel::{Panel, Place};
use observe::names;

use crate::shared::Shared;

const PAIR: Field =
    field("relay", Shape::Tuple(&[field("name", Shape::Text), field("value", Shape::Integer)]));

/// The commands of this crate.
pub static COMMANDS: &[Command] = &[Command {
    name: "relay_status",
    tags: &["stun"],
    about: "Show how much the TURN relay is used",
    versions: &[Version {
        result: field("relays", Shape::List(&PAIR)),
        run: |call| {
            Box::pin(async move {
                let shared = call.kernel.shared::<Shared>();
                let pair = |name: &str, value: u64| {
                    let value = i64::try_from(value).unwrap_or(i64::MAX);
                    Value::Tuple(vec![Value::text(name), Value::Integer(value)])
                };
                Ok::<_, CommandError>(Value::List(vec![
                    pair("allocations", u64::from(shared.allocations())),
                    pair("users", shared.users() as u64),
                ]))
            })
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
}];

/// What the door shows to administrators.
pub(crate) const PANELS: &[Panel] = &[Panel {
    place: Place::Node,
    page: "relays",
    title: "Relays",
    commands: &["relay_status"],
    metrics: &[
        names::TURN_ALLOCATIONS,
        names::TURN_PACKETS,
        names::TURN_BYTES,
        names::TURN_DROPPED,
        names::TURN_REFUSALS,
    ],
}];
