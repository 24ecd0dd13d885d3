//! Presence of sessions, as an administrator sees and sets it (RFC 6121 §4).

use kernel::commands::{Arguments, Call, CommandError, Example, Policy, Value};
use kernel::{Control, SessionHandle};
use xmlstream::Element;
use xmpp_wire::{PresenceType, Stanza, ns};

use super::session::{Shown, integer, priority, shown, sorted};
use super::{
    ADMIN_EXTRA, Command, Field, HOST, Kernel, RESCODE, Shape, USER, Version, address, field,
    served,
};

/// What stands for every host and for every status.
const ALL: &str = "all";

pub(super) const GET_PRESENCE: Command = Command {
    name: "get_presence",
    tags: &["session"],
    needs: ADMIN_EXTRA,
    about: "Presence of a user: the session with the highest priority, what it shows and what it says",
    detail: "The JID that is shown has no resource when the user is not online.",
    versions: &[Version {
        args: &[USER, HOST],
        result: field(
            "presence",
            Shape::Tuple(&[
                field("jid", Shape::Text),
                field("show", Shape::Text),
                field("status", Shape::Text),
            ]),
        ),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move { Ok(get_presence(kernel, &arguments)) })
        },
        example: Example {
            args: &["peter", "myexample.com"],
            prints: "user1@myserver.com/tka\tdnd\tBusy",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

fn get_presence(kernel: &Kernel, arguments: &Arguments) -> Value {
    let (user, host) = (arguments.text("user"), arguments.text("host"));
    let account = address(user, host);
    let sessions = account.map(|account| kernel.account_sessions(&account)).unwrap_or_default();
    // The oldest of those with the highest priority; without presence there is none.
    let best = sessions.iter().rev().max_by_key(|session| session.priority());
    let (jid, Shown { show, status }) = match best {
        Some(session) => (session.jid().as_str().to_owned(), shown(session)),
        None => {
            let nobody = Shown { show: "unavailable".to_owned(), status: String::new() };
            (format!("{user}@{host}"), nobody)
        }
    };
    Value::Tuple(vec![Value::text(jid), Value::text(show), Value::text(status)])
}

const SET_ARGS: &[Field] = &[
    USER,
    HOST,
    field("resource", Shape::Text),
    field("type", Shape::Text),
    field("show", Shape::Text),
    field("status", Shape::Text),
    field("priority", Shape::Text),
];

const SET_ARGS_1: &[Field] = &[
    USER,
    HOST,
    field("resource", Shape::Text),
    field("type", Shape::Text),
    field("show", Shape::Text),
    field("status", Shape::Text),
    field("priority", Shape::Integer),
];

pub(super) const SET_PRESENCE: Command = Command {
    name: "set_presence",
    tags: &["session"],
    needs: ADMIN_EXTRA,
    about: "Change the presence of a session in the name of its client",
    detail: "The session acts as if its client had sent the presence: contacts are told. TYPE is available or \
             unavailable; SHOW is away, chat, dnd, xa, or empty; PRIORITY is a number from -128 to 127.",
    versions: &[
        Version {
            args: SET_ARGS,
            result: RESCODE,
            run: |Call { kernel, arguments, .. }| {
                Box::pin(async move {
                    let priority = arguments.text("priority").trim().parse().map_err(|_| {
                        CommandError::bad_argument("The priority is not a whole number")
                    })?;
                    set_presence(kernel, &arguments, priority)
                })
            },
            example: Example {
                args: &["user1", "myserver.com", "tka1", "available", "away", "BB", "7"],
                prints: "",
            },
            ..Version::FIRST
        },
        Version {
            since: 1,
            args: SET_ARGS_1,
            result: RESCODE,
            run: |Call { kernel, arguments, .. }| {
                Box::pin(
                    async move { set_presence(kernel, &arguments, arguments.integer("priority")) },
                )
            },
            example: Example {
                args: &["user1", "myserver.com", "tka1", "available", "away", "BB", "7"],
                prints: "",
            },
        },
    ],
    ..Command::PLAIN
};

fn set_presence(
    kernel: &Kernel,
    arguments: &Arguments,
    priority: i64,
) -> Result<Value, CommandError> {
    let presence = presence(arguments, priority)?;
    let account = address(arguments.text("user"), arguments.text("host"));
    let resource = jid::ResourcePart::new(arguments.text("resource")).ok();
    let session = account.zip(resource).and_then(|(account, resource)| {
        kernel.sessions().find(account.as_str(), resource.as_str())
    });
    let asked = session
        .map(|session| session.mailbox().control(Control::Presence(Box::new(presence))).is_ok());
    if asked == Some(true) {
        Ok(Value::OK)
    } else {
        Err(CommandError::thrown("error", "User session not found"))
    }
}

/// The presence that the arguments describe; what a client could not say is refused.
fn presence(arguments: &Arguments, priority: i64) -> Result<Stanza, CommandError> {
    let mut presence = match arguments.text("type") {
        "available" | "" => Stanza::presence(PresenceType::Available),
        "unavailable" => Stanza::presence(PresenceType::Unavailable),
        _ => {
            return Err(CommandError::bad_argument(
                "The type is neither available nor unavailable",
            ));
        }
    };
    let mut push = |name: &'static str, text: &str| {
        if !text.is_empty() {
            presence.push(&Element::new(name, ns::CLIENT).with_text(text));
        }
    };
    match arguments.text("show") {
        show @ ("away" | "chat" | "dnd" | "xa" | "") => push("show", show),
        _ => return Err(CommandError::bad_argument("The show is none of away, chat, dnd, xa")),
    }
    push("status", arguments.text("status"));
    let priority = i8::try_from(priority)
        .map_err(|_| CommandError::bad_argument("The priority is no number from -128 to 127"))?;
    push("priority", &priority.to_string());
    Ok(presence)
}

const STATUS: Field = field("status", Shape::Text);
const USERS: Field = field("users", Shape::Integer);

/// `user`, `host` and `resource` apart, as up to API version 2.
const PARTS: Field = field(
    "users",
    Shape::List(&field(
        "userstatus",
        Shape::Tuple(&[
            USER,
            HOST,
            field("resource", Shape::Text),
            field("priority", Shape::Integer),
            STATUS,
        ]),
    )),
);

const JIDS: Field = field(
    "users",
    Shape::List(&field(
        "userstatus",
        Shape::Tuple(&[field("jid", Shape::Text), field("priority", Shape::Integer), STATUS]),
    )),
);

/// The sessions that show a status, `all` for any, on a host; on every one if the command takes none, or `all`.
fn showing(call: &Call<'_>) -> Result<Vec<std::sync::Arc<SessionHandle>>, CommandError> {
    let host = if call.arguments.has("host") { call.arguments.text("host") } else { ALL };
    let mut sessions = match host {
        ALL => call.kernel.sessions().all(),
        host => call.kernel.sessions().of_host(&served(call.kernel, host)?),
    };
    let status = call.arguments.text("status");
    if status != ALL {
        sessions.retain(|session| shown(session).show == status);
    }
    Ok(sorted(sessions))
}

/// Lists sessions by their parts, or by their JIDs.
fn list(call: Call<'_>, parts: bool) -> Result<Value, CommandError> {
    let row = |session: &std::sync::Arc<SessionHandle>| {
        let jid = session.jid();
        let mut row = if parts {
            let user = jid.node().map(|node| node.as_str().to_owned()).unwrap_or_default();
            let resource = jid.resource().as_str().to_owned();
            vec![Value::text(user), Value::text(jid.domain().as_str()), Value::text(resource)]
        } else {
            vec![Value::text(jid.as_str())]
        };
        // COMPAT: a line of the control tool is one session, so line ends become two characters.
        let status = shown(session).status.replace('\n', "\\n");
        row.extend([priority(session), Value::text(status)]);
        Value::Tuple(row)
    };
    Ok(Value::List(showing(&call)?.iter().map(row).collect()))
}

pub(super) const STATUS_NUM: Command = Command {
    name: "status_num",
    tags: &["session", "statistics"],
    needs: ADMIN_EXTRA,
    about: "Count the sessions that show STATUS, or all for any",
    versions: &[Version {
        args: &[STATUS],
        result: USERS,
        run: |call| Box::pin(async move { Ok(integer(showing(&call)?.len())) }),
        example: Example { args: &["dnd"], prints: "23" },
        ..Version::FIRST
    }],
    policy: Policy::Admin,
    ..Command::PLAIN
};

pub(super) const STATUS_NUM_HOST: Command = Command {
    name: "status_num_host",
    tags: &["session", "statistics"],
    needs: ADMIN_EXTRA,
    about: "Count the sessions of HOST that show STATUS, or all for any",
    versions: &[Version {
        args: &[HOST, STATUS],
        result: USERS,
        run: |call| Box::pin(async move { Ok(integer(showing(&call)?.len())) }),
        example: Example { args: &["myserver.com", "dnd"], prints: "23" },
        ..Version::FIRST
    }],
    policy: Policy::Admin,
    ..Command::PLAIN
};

pub(super) const STATUS_LIST: Command = Command {
    name: "status_list",
    tags: &["session"],
    needs: ADMIN_EXTRA,
    about: "List the sessions that show STATUS, or all for any",
    versions: &[
        Version {
            args: &[STATUS],
            result: PARTS,
            run: |call| Box::pin(async move { list(call, true) }),
            example: Example { args: &["dnd"], prints: "peter\tmyserver.com\ttka\t6\tBusy" },
            ..Version::FIRST
        },
        Version {
            since: 3,
            args: &[STATUS],
            result: JIDS,
            run: |call| Box::pin(async move { list(call, false) }),
            example: Example { args: &["dnd"], prints: "peter@myserver.com/tka\t6\tBusy" },
        },
    ],
    ..Command::PLAIN
};

pub(super) const STATUS_LIST_HOST: Command = Command {
    name: "status_list_host",
    tags: &["session"],
    needs: ADMIN_EXTRA,
    about: "List the sessions of HOST that show STATUS, or all for any",
    versions: &[
        Version {
            args: &[HOST, STATUS],
            result: PARTS,
            run: |call| Box::pin(async move { list(call, true) }),
            example: Example {
                args: &["myserver.com", "dnd"],
                prints: "peter\tmyserver.com\ttka\t6\tBusy",
            },
            ..Version::FIRST
        },
        Version {
            since: 3,
            args: &[HOST, STATUS],
            result: JIDS,
            run: |call| Box::pin(async move { list(call, false) }),
            example: Example {
                args: &["myserver.com", "dnd"],
                prints: "peter@myserver.com/tka\t6\tBusy",
            },
        },
    ],
    ..Command::PLAIN
};
