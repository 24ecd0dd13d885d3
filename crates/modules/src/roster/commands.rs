//! The commands about rosters.

use jid::{BareJid, DomainPart, Jid, NodePart};
use kernel::commands::{
    Arguments, Call, Command, CommandError, Example, Field, Policy, Shape, Value, Version, field,
};
use kernel::contracts::Subscription;
use kernel::{Kernel, Panel, Place};

use super::change::{Assigned, assign, withdraw};
use super::item::{Book, within_bounds, word};
use super::state::State;
use super::{Rosters, file, iq, process};
use crate::commands::{ADMIN_EXTRA, HOST, RESCODE, USER, account, failed, host, module, on};
use crate::presence;

/// The commands of the roster.
pub(super) const COMMANDS: &[Command] = &[
    ADD_ROSTERITEM,
    DELETE_ROSTERITEM,
    GET_ROSTER,
    GET_ROSTER_COUNT,
    process::PROCESS_ROSTERITEMS,
    PUSH_ALLTOALL,
    PUSH_ROSTER,
    PUSH_ROSTER_ALL,
];

/// What administrators see of it.
pub(super) const PANELS: &[Panel] = &[
    Panel {
        place: Place::Host,
        page: "users",
        title: "Users",
        commands: &["get_roster_count"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::User,
        page: "",
        title: "User <jid>",
        commands: &["get_roster_count"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::User,
        page: "roster",
        title: "Roster",
        commands: &["add_rosteritem", "push_roster", "get_roster", "delete_rosteritem"],
        ..Panel::PLAIN
    },
];

/// Contacts that are written in one transaction, so that others get their turn.
const BATCH: usize = 500;
/// Accounts of a host that are all put into each other's rosters at most: their pairs are what has to be written.
const ALL_TO_ALL_MAX: u64 = 2_000;
/// Account names that are read at a time.
const PAGE: u32 = 1_000;

const LOCALUSER: Field = field("localuser", Shape::Text);
const LOCALHOST: Field = field("localhost", Shape::Text);
const NICK: Field = field("nick", Shape::Text);
const SUBS: Field = field("subs", Shape::Text);
const FILE: Field = field("file", Shape::Text);
const GROUP: Field = field("group", Shape::Text);

const ADD_ROSTERITEM: Command = Command {
    name: "add_rosteritem",
    tags: &["roster"],
    needs: ADMIN_EXTRA,
    about: "Add a contact to the roster of an account",
    detail: "SUBS is none, from, to or both. The contact is not asked: add the account to its roster too. The groups \
             are a list; in API version 0 one word, divided by semicolons.",
    versions: &[
        Version {
            args: &[LOCALUSER, LOCALHOST, USER, HOST, NICK, GROUP, SUBS],
            result: RESCODE,
            run: |Call { kernel, arguments, .. }| {
                Box::pin(async move {
                    let groups = arguments.text("group").split(';');
                    let groups = groups.filter(|group| !group.is_empty());
                    let groups = groups.map(str::to_owned).collect();
                    add_rosteritem(kernel, &arguments, groups).await
                })
            },
            example: Example {
                args: &[
                    "user1",
                    "myserver.com",
                    "user2",
                    "myserver.com",
                    "User 2",
                    "Friends",
                    "both",
                ],
                prints: "",
            },
            ..Version::FIRST
        },
        Version {
            since: 1,
            args: &[
                LOCALUSER,
                LOCALHOST,
                USER,
                HOST,
                NICK,
                field("groups", Shape::List(&GROUP)),
                SUBS,
            ],
            result: RESCODE,
            run: |Call { kernel, arguments, .. }| {
                Box::pin(async move {
                    add_rosteritem(kernel, &arguments, arguments.texts("groups")).await
                })
            },
            example: Example {
                args: &[
                    "user1",
                    "myserver.com",
                    "user2",
                    "myserver.com",
                    "User 2",
                    "Friends,Team 1",
                    "both",
                ],
                prints: "",
            },
        },
    ],
    ..Command::PLAIN
};

/// The owner of a roster and a contact, as the arguments name them.
fn pair(arguments: &Arguments) -> Result<(BareJid, Jid), CommandError> {
    let owner = account(arguments.text("localuser"), arguments.text("localhost"))
        .ok_or_else(|| CommandError::thrown("error", "Invalid 'localuser'/'localserver'"))?;
    Ok((owner, contact(arguments.text("user"), arguments.text("host"))?))
}

/// A contact, which may be a domain.
fn contact(user: &str, host: &str) -> Result<Jid, CommandError> {
    let invalid = || CommandError::thrown("error", "Invalid 'user'/'server'");
    let domain = DomainPart::new(host).map_err(|_| invalid())?;
    let bare = if user.is_empty() {
        BareJid::from_parts(None, &domain)
    } else {
        BareJid::from_parts(Some(&NodePart::new(user).map_err(|_| invalid())?), &domain)
    };
    Ok(bare.into())
}

async fn add_rosteritem(
    kernel: &Kernel,
    arguments: &Arguments,
    mut groups: Vec<String>,
) -> Result<Value, CommandError> {
    let (owner, jid) = pair(arguments)?;
    let subscription = match arguments.text("subs") {
        "none" => Subscription::None,
        "from" => Subscription::From,
        "to" => Subscription::To,
        "both" => Subscription::Both,
        _ => {
            let text = "The subscription is none of none, from, to, both";
            return Err(CommandError::bad_argument(text));
        }
    };
    groups.sort_unstable();
    groups.dedup();
    let name = arguments.text("nick").to_owned();
    let contact = assigned(jid, name, groups, subscription)?;
    give(kernel, &owner, vec![contact]).await?;
    Ok(Value::OK)
}

fn assigned(
    jid: Jid,
    name: String,
    groups: Vec<String>,
    subscription: Subscription,
) -> Result<Assigned, CommandError> {
    within_bounds(&name, &groups).map_err(CommandError::bad_argument)?;
    Ok(Assigned { jid, name, groups, subscription })
}

/// Puts contacts into the roster of an account and tells whoever must know.
async fn give(
    kernel: &Kernel,
    owner: &BareJid,
    contacts: Vec<Assigned>,
) -> Result<(), CommandError> {
    let rosters = module::<Rosters>(&*host(kernel, owner.domain().as_str())?)?;
    let jids: Vec<BareJid> = contacts.iter().map(|contact| contact.jid.to_bare()).collect();
    let change = rosters.change(kernel, owner, move |tx, whose| assign(tx, whose, &contacts));
    let states: Vec<(State, State)> = change.await.map_err(failed)?.into_inner();
    for (contact, (before, after)) in jids.iter().zip(states) {
        match (before.from, after.from) {
            (true, false) => presence::withdraw(kernel, owner, contact).await,
            (false, true) => {
                for available in presence::available(kernel, owner) {
                    kernel.route(available.with_to(Jid::from(contact.clone())).into()).await;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

const DELETE_ROSTERITEM: Command = Command {
    name: "delete_rosteritem",
    tags: &["roster"],
    needs: ADMIN_EXTRA,
    about: "Remove a contact from the roster of an account; both subscriptions end",
    versions: &[Version {
        args: &[LOCALUSER, LOCALHOST, USER, HOST],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(delete_rosteritem(kernel, arguments)),
        example: Example { args: &["user1", "myserver.com", "user2", "myserver.com"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

/// COMPAT: removing what is not there is a success.
async fn delete_rosteritem(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let (owner, jid) = pair(&arguments)?;
    let rosters = module::<Rosters>(&*host(kernel, owner.domain().as_str())?)?;
    let key = jid.clone();
    let change = rosters.change(kernel, &owner, move |tx, whose| withdraw(tx, whose, key.as_str()));
    if let Some(state) = change.await.map_err(failed)?.into_inner() {
        iq::take_leave(kernel, &owner, &jid.into_bare(), state).await;
    }
    Ok(Value::OK)
}

const CONTACT: &[Field] = &[
    field("jid", Shape::Text),
    NICK,
    field("subscription", Shape::Text),
    field("pending", Shape::Text),
    field("groups", Shape::List(&GROUP)),
];

const GET_ROSTER: Command = Command {
    name: "get_roster",
    tags: &["roster"],
    needs: ADMIN_EXTRA,
    policy: Policy::User,
    about: "List the contacts of an account",
    versions: &[Version {
        args: &[USER, HOST],
        result: field("contacts", Shape::List(&field("contact", Shape::Tuple(CONTACT)))),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let book = book(kernel, &arguments).await?;
                let row = |(jid, item): (&str, &super::item::Item)| {
                    let pending = if item.state.pending_out { "subscribe" } else { "undefined" };
                    Value::Tuple(vec![
                        Value::text(jid),
                        Value::text(&item.name),
                        Value::text(word(item.state.subscription())),
                        Value::text(pending),
                        Value::texts(&item.groups),
                    ])
                };
                Ok(Value::List(book.listed().map(row).collect()))
            })
        },
        example: Example { args: &[], prints: "user2@localhost\tUser 2\tnone\tsubscribe\tGroup1" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const GET_ROSTER_COUNT: Command = Command {
    name: "get_roster_count",
    tags: &["roster"],
    needs: ADMIN_EXTRA,
    policy: Policy::User,
    about: "Count the contacts of an account",
    versions: &[Version {
        args: &[USER, HOST],
        result: field("value", Shape::Integer),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let count = book(kernel, &arguments).await?.listed().count();
                Ok(Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)))
            })
        },
        example: Example { args: &[], prints: "5" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn book(
    kernel: &Kernel,
    arguments: &Arguments,
) -> Result<std::sync::Arc<Book>, CommandError> {
    let on = on::<Rosters>(kernel, arguments)?;
    on.module.book(&on.account).await.map_err(failed)
}

const PUSH_ROSTER: Command = Command {
    name: "push_roster",
    tags: &["roster"],
    needs: ADMIN_EXTRA,
    about: "Put the contacts of a file into the roster of an account",
    detail: "The file, on the machine of the server, holds one Erlang term: \
             [{\"user\", \"host\", \"group\", \"nick\"}, ...]. The subscription is both.",
    versions: &[Version {
        args: &[FILE, USER, HOST],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let owner = on::<Rosters>(kernel, &arguments)?.account;
                let people = file::read(arguments.text("file")).await?;
                introduce(kernel, &owner, &people).await?;
                Ok(Value::OK)
            })
        },
        example: Example { args: &["/home/ejabberd/roster.txt", "user1", "localhost"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const PUSH_ROSTER_ALL: Command = Command {
    name: "push_roster_all",
    tags: &["roster"],
    needs: ADMIN_EXTRA,
    about: "Put everybody of a file into the roster of everybody else there",
    detail: "The file is that of push_roster.",
    versions: &[Version {
        args: &[FILE],
        result: RESCODE,
        run: |Call { kernel, arguments, progress }| {
            Box::pin(async move {
                let people = file::read(arguments.text("file")).await?;
                if people.len() as u64 > ALL_TO_ALL_MAX {
                    return Err(too_many(people.len() as u64));
                }
                for (done, person) in people.iter().enumerate() {
                    let owner = account(&person.user, &person.host).ok_or_else(|| {
                        CommandError::thrown("error", "Invalid 'localuser'/'localserver'")
                    })?;
                    introduce(kernel, &owner, &people).await?;
                    progress.tell(format!("{} of {} rosters", done + 1, people.len()));
                }
                Ok(Value::OK)
            })
        },
        example: Example { args: &["/home/ejabberd/roster.txt"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const PUSH_ALLTOALL: Command = Command {
    name: "push_alltoall",
    tags: &["roster"],
    needs: ADMIN_EXTRA,
    about: "Put all accounts of a host into the rosters of each other, in a group",
    detail: "For hosts with few accounts.",
    versions: &[Version {
        args: &[HOST, GROUP],
        result: RESCODE,
        run: |Call { kernel, arguments, progress }| {
            Box::pin(async move {
                let host = host(kernel, arguments.text("host"))?;
                module::<Rosters>(&host)?;
                let people = everybody(kernel, host.name(), arguments.text("group")).await?;
                for (done, person) in people.iter().enumerate() {
                    if let Some(owner) = account(&person.user, &person.host) {
                        introduce(kernel, &owner, &people).await?;
                    }
                    progress.tell(format!("{} of {} rosters", done + 1, people.len()));
                }
                Ok(Value::OK)
            })
        },
        example: Example { args: &["myserver.com", "Everybody"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

fn too_many(count: u64) -> CommandError {
    CommandError::bad_argument(format!(
        "{count} accounts are too many to know each other: {ALL_TO_ALL_MAX} is the limit"
    ))
}

/// The accounts of a small host.
async fn everybody(
    kernel: &Kernel,
    host: &str,
    group: &str,
) -> Result<Vec<file::Person>, CommandError> {
    let count = kernel.accounts().count(host, "").await.map_err(failed)?;
    if count > ALL_TO_ALL_MAX {
        return Err(too_many(count));
    }
    let mut people = Vec::new();
    loop {
        let offset = u32::try_from(people.len()).map_err(failed)?;
        let page = kernel.accounts().list(host, "", PAGE, offset).await.map_err(failed)?;
        let full = page.len() == PAGE as usize;
        people.extend(page.into_iter().map(|user| file::Person {
            nick: user.clone(),
            user,
            host: host.to_owned(),
            group: group.to_owned(),
        }));
        if !full || people.len() as u64 > ALL_TO_ALL_MAX {
            return Ok(people);
        }
    }
}

/// Puts people into the roster of one account, without itself.
async fn introduce(
    kernel: &Kernel,
    owner: &BareJid,
    people: &[file::Person],
) -> Result<(), CommandError> {
    let mut contacts = Vec::new();
    for person in people {
        let jid = contact(&person.user, &person.host)?;
        if jid.as_str() == owner.as_str() {
            continue;
        }
        let groups = person.group.split(';').filter(|group| !group.is_empty());
        let mut groups: Vec<String> = groups.map(str::to_owned).collect();
        groups.sort_unstable();
        groups.dedup();
        contacts.push(assigned(jid, person.nick.clone(), groups, Subscription::Both)?);
    }
    for batch in contacts.chunks(BATCH) {
        give(kernel, owner, batch.to_vec()).await?;
    }
    Ok(())
}
