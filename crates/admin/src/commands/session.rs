//! Who is online, and ending sessions.

use std::sync::Arc;

use kernel::commands::{Arguments, Call, CommandError, Example, Policy, Value};
use kernel::{CloseReason, Control, SessionHandle};
use xmpp_wire::ns;

use super::{
    ADMIN_EXTRA, Command, Field, HOST, Kernel, RESCODE, RESTUPLE, Shape, USER, Version, address,
    field, served,
};

/// What a session is told when nobody gave a reason.
pub(super) const KICKED: &str = "kicked by an administrator";

const SESSIONS: Shape = Shape::List(&field("sessions", Shape::Text));

const INFO: &[Field] = &[
    field("jid", Shape::Text),
    field("connection", Shape::Text),
    field("ip", Shape::Text),
    field("port", Shape::Integer),
    field("priority", Shape::Integer),
    field("node", Shape::Text),
    field("uptime", Shape::Integer),
    field("status", Shape::Text),
    field("resource", Shape::Text),
    field("statustext", Shape::Text),
];

/// The same without the address, which the caller knows.
const ACCOUNT_INFO: &[Field] = match INFO {
    [_, rest @ ..] => rest,
    [] => &[],
};

pub(super) const CONNECTED_USERS: Command = Command {
    name: "connected_users",
    tags: &["session"],
    about: "List all established sessions",
    versions: &[Version {
        result: field("connected_users", SESSIONS),
        run: |Call { kernel, .. }| Box::pin(async { Ok(addresses(kernel.sessions().all())) }),
        example: Example { args: &[], prints: "user1@example.com/Home\nuser2@example.com/54134" },
        ..Version::FIRST
    }],
    policy: Policy::Admin,
    ..Command::PLAIN
};

pub(super) const CONNECTED_USERS_NUMBER: Command = Command {
    name: "connected_users_number",
    tags: &["session", "statistics"],
    about: "Get the number of established sessions",
    versions: &[Version {
        result: field("num_sessions", Shape::Integer),
        run: |Call { kernel, .. }| Box::pin(async { Ok(integer(kernel.sessions().count())) }),
        example: Example { args: &[], prints: "2" },
        ..Version::FIRST
    }],
    policy: Policy::Admin,
    ..Command::PLAIN
};

pub(super) const CONNECTED_USERS_VHOST: Command = Command {
    name: "connected_users_vhost",
    tags: &["session"],
    needs: ADMIN_EXTRA,
    about: "Get the list of established sessions in a vhost",
    versions: &[Version {
        args: &[HOST],
        result: field("connected_users_vhost", SESSIONS),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let host = served(kernel, arguments.text("host"))?;
                Ok(addresses(kernel.sessions().of_host(&host)))
            })
        },
        example: Example {
            args: &["myexample.com"],
            prints: "user1@myserver.com/tka\nuser2@localhost/tka",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const CONNECTED_USERS_INFO: Command = Command {
    name: "connected_users_info",
    tags: &["session"],
    needs: ADMIN_EXTRA,
    about: "List all established sessions and their information",
    versions: &[Version {
        result: field("connected_users_info", Shape::List(&field("session", Shape::Tuple(INFO)))),
        run: |Call { kernel, .. }| Box::pin(async { Ok(connected_users_info(kernel)) }),
        example: Example {
            args: &[],
            prints: "user1@myserver.com/tka\tc2s\t127.0.0.1\t42656\t8\tejabberd@localhost\t231\tdnd\ttka\t",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

fn connected_users_info(kernel: &Kernel) -> Value {
    let sessions = sorted(kernel.sessions().all());
    let rows = sessions.iter().map(|session| {
        let mut row = vec![Value::text(session.jid().as_str())];
        row.extend(describe(kernel, session));
        Value::Tuple(row)
    });
    Value::List(rows.collect())
}

pub(super) const USER_SESSIONS_INFO: Command = Command {
    name: "user_sessions_info",
    tags: &["session"],
    needs: ADMIN_EXTRA,
    about: "Get information about all sessions of a user",
    versions: &[Version {
        args: &[USER, HOST],
        result: field("sessions_info", Shape::List(&field("session", Shape::Tuple(ACCOUNT_INFO)))),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let sessions = sessions_of(kernel, &arguments);
                Ok(Value::List(
                    sessions.iter().map(|one| Value::Tuple(describe(kernel, one))).collect(),
                ))
            })
        },
        example: Example {
            args: &["peter", "myserver.com"],
            prints: "c2s\t127.0.0.1\t42656\t8\tejabberd@localhost\t231\tdnd\ttka\t",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const USER_RESOURCES: Command = Command {
    name: "user_resources",
    tags: &["session"],
    about: "List user's connected resources",
    versions: &[Version {
        args: &[USER, HOST],
        result: field("resources", Shape::List(&field("resource", Shape::Text))),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let sessions = sessions_of(kernel, &arguments);
                Ok(Value::texts(sessions.iter().map(|session| session.jid().resource().as_str())))
            })
        },
        example: Example { args: &["user1", "example.com"], prints: "tka1\nGajim\nmobile-app" },
        ..Version::FIRST
    }],
    policy: Policy::Admin,
    ..Command::PLAIN
};

pub(super) const NUM_RESOURCES: Command = Command {
    name: "num_resources",
    tags: &["session"],
    needs: ADMIN_EXTRA,
    about: "Get the number of resources of a user",
    versions: &[Version {
        args: &[USER, HOST],
        result: field("resources", Shape::Integer),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move { Ok(integer(sessions_of(kernel, &arguments).len())) })
        },
        example: Example { args: &["peter", "myserver.com"], prints: "5" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const KICK_USER: Command = Command {
    name: "kick_user",
    tags: &["session"],
    about: "Disconnect user's active sessions",
    versions: &[
        Version {
            args: &[USER, HOST],
            result: field("num_resources", Shape::Integer),
            run: |Call { kernel, arguments, .. }| {
                Box::pin(async move { Ok(integer(kick_user(kernel, &arguments))) })
            },
            example: Example { args: &["user1", "example.com"], prints: "3" },
            ..Version::FIRST
        },
        Version {
            since: 2,
            args: &[USER, HOST],
            result: RESTUPLE,
            run: |Call { kernel, arguments, .. }| {
                Box::pin(async move {
                    let count = kick_user(kernel, &arguments);
                    Ok(Value::Restuple(true, format!("Kicked sessions: {count}")))
                })
            },
            example: Example { args: &["user1", "example.com"], prints: "Kicked sessions: 2" },
        },
    ],
    ..Command::PLAIN
};

pub(super) const KICK_USERS: Command = Command {
    name: "kick_users",
    tags: &["session"],
    about: "Disconnect all sessions of a vhost",
    versions: &[Version {
        args: &[HOST],
        result: field("num_sessions", Shape::Integer),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let host = served(kernel, arguments.text("host"))?;
                let sessions = kernel.sessions().of_host(&host);
                Ok(integer(sessions.iter().filter(|session| kick(session, KICKED)).count()))
            })
        },
        example: Example { args: &["example.com"], prints: "3" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const RESOURCE_NUM: Command = Command {
    name: "resource_num",
    tags: &["session"],
    needs: ADMIN_EXTRA,
    about: "Tell the resource of a user's session by its number, from 1; the oldest session comes first",
    versions: &[Version {
        args: &[USER, HOST, field("num", Shape::Integer)],
        result: field("resource", Shape::Text),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move { resource_num(kernel, &arguments) })
        },
        example: Example { args: &["peter", "myserver.com", "2"], prints: "Psi" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

fn resource_num(kernel: &Kernel, arguments: &Arguments) -> Result<Value, CommandError> {
    let number = arguments.integer("num");
    let account = address(arguments.text("user"), arguments.text("host"));
    let sessions = account.map(|account| kernel.account_sessions(&account)).unwrap_or_default();
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let found = place.and_then(|place| sessions.get(place));
    found.map(|session| Value::text(session.jid().resource().as_str())).ok_or_else(|| {
        CommandError::thrown("bad_argument", format!("Wrong resource number: {number}"))
    })
}

fn kick_user(kernel: &Kernel, arguments: &Arguments) -> usize {
    let sessions = sessions_of(kernel, arguments);
    sessions.iter().filter(|session| kick(session, KICKED)).count()
}

pub(super) const KICK_SESSION: Command = Command {
    name: "kick_session",
    tags: &["session"],
    needs: ADMIN_EXTRA,
    about: "Kick a user session",
    versions: &[Version {
        args: &[USER, HOST, field("resource", Shape::Text), field("reason", Shape::Text)],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(kick_session(kernel, arguments)),
        example: Example {
            args: &["peter", "myserver.com", "Psi", "Stuck connection"],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

/// COMPAT: kicking a session that is not there is a success too.
async fn kick_session(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let reason = match arguments.text("reason") {
        "" => KICKED,
        reason => reason,
    };
    let resource = jid::ResourcePart::new(arguments.text("resource"))
        .map_err(|error| CommandError::bad_argument(format!("this is not a resource: {error}")))?;
    if let Some(account) = address(arguments.text("user"), arguments.text("host"))
        && let Some(session) = kernel.sessions().find(account.as_str(), resource.as_str())
    {
        kick(&session, reason);
    }
    Ok(Value::OK)
}

/// Tells a session to end; false if it has ended already.
pub(super) fn kick(session: &SessionHandle, reason: &str) -> bool {
    session.mailbox().control(Control::Close(CloseReason::Kicked(reason.to_owned()))).is_ok()
}

pub(super) fn integer(count: usize) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

pub(super) fn sorted(mut sessions: Vec<Arc<SessionHandle>>) -> Vec<Arc<SessionHandle>> {
    sessions.sort_by(|one, other| one.jid().as_str().cmp(other.jid().as_str()));
    sessions
}

fn addresses(sessions: Vec<Arc<SessionHandle>>) -> Value {
    Value::texts(sorted(sessions).iter().map(|session| session.jid().as_str()))
}

/// The sessions of the account that the arguments `user` and `host` name; nobody's for an impossible name.
fn sessions_of(kernel: &Kernel, arguments: &Arguments) -> Vec<Arc<SessionHandle>> {
    let account = address(arguments.text("user"), arguments.text("host"));
    sorted(account.map(|account| kernel.account_sessions(&account)).unwrap_or_default())
}

/// What a session says of itself.
pub(super) struct Shown {
    /// `available`, `unavailable`, or what its presence shows.
    pub(super) show: String,
    /// Its words.
    pub(super) status: String,
}

pub(super) fn shown(session: &SessionHandle) -> Shown {
    let Some(presence) = session.presence().map(|presence| presence.to_element()) else {
        return Shown { show: "unavailable".to_owned(), status: String::new() };
    };
    Shown {
        show: presence.child_text("show", ns::CLIENT).unwrap_or_else(|| "available".to_owned()),
        status: presence.child_text("status", ns::CLIENT).unwrap_or_default(),
    }
}

/// COMPAT: a session without presence counts as -1.
pub(super) fn priority(session: &SessionHandle) -> Value {
    Value::Integer(session.priority().unwrap_or(-1).into())
}

/// The values of [`ACCOUNT_INFO`].
fn describe(kernel: &Kernel, session: &SessionHandle) -> Vec<Value> {
    let info = session.info();
    let Shown { show, status } = shown(session);
    let (ip, port) = match info.peer {
        Some(peer) => (peer.ip().to_canonical().to_string(), peer.port()),
        None => ("unknown".to_owned(), 0),
    };
    vec![
        Value::text(info.kind),
        Value::text(ip),
        Value::Integer(port.into()),
        priority(session),
        Value::text(kernel.node().as_str()),
        Value::Integer((kernel.clock().unix_seconds() - info.since.as_second()).max(0)),
        Value::text(show),
        Value::text(session.jid().resource().as_str()),
        Value::text(status),
    ]
}
