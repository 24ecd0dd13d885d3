//! Banned accounts: they keep what is theirs, and nobody can log in to them.

use std::sync::Arc;

use accounts::AccountError;
use jid::BareJid;
use kernel::commands::{Arguments, Call, CommandError, Example, Value};
use kernel::contracts::{Activities, Ban, Bans, RecordError};
use kernel::hooks::PasswordChanged;
use kernel::{Host, random, xmpp_stamp};
use stdx::Secret;

use super::session::{KICKED, integer, kick};
use super::{
    ADMIN_EXTRA, Command, Field, HOST, Kernel, RESCODE, Shape, UNKNOWN_HOST, USER, Version,
    address, field, served,
};

/// What stands for every host.
const ALL: &str = "all";
/// Accounts that are read at a time.
const PAGE: u32 = 1_000;
/// Accounts that a list holds at most.
const LISTED_MAX: usize = 100_000;

const REASON: Field = field("reason", Shape::Text);

pub(super) const BAN_ACCOUNT: Command = Command {
    name: "ban_account",
    tags: &["accounts"],
    needs: ADMIN_EXTRA,
    about: "Ban an account: its sessions end, and nobody can log in until the ban is lifted",
    detail: "The ban is kept in private storage, so mod_private must be enabled on the host. In API versions 0 and 1 \
             the account gets a random password instead, which cannot be undone.",
    versions: &[
        Version {
            args: &[USER, HOST, REASON],
            result: RESCODE,
            run: |Call { kernel, arguments, .. }| Box::pin(take_password(kernel, arguments)),
            example: Example {
                args: &["attacker", "myserver.com", "Spaming other users"],
                prints: "",
            },
            ..Version::FIRST
        },
        Version {
            since: 2,
            args: &[USER, HOST, REASON],
            result: RESCODE,
            run: |Call { kernel, arguments, .. }| Box::pin(ban_account(kernel, arguments)),
            example: Example {
                args: &["attacker", "myserver.com", "Spaming other users"],
                prints: "",
            },
        },
    ],
    ..Command::PLAIN
};

/// An account that the arguments name, which exists, with the keeper of bans of its host.
struct Target {
    account: BareJid,
    host: Arc<Host>,
    bans: Arc<dyn Bans>,
}

async fn target(kernel: &Kernel, arguments: &Arguments) -> Result<Target, CommandError> {
    let (user, host) = (arguments.text("user"), arguments.text("host"));
    let host = kernel.host(&served(kernel, host)?);
    let host = host.ok_or_else(|| CommandError::bad_argument(UNKNOWN_HOST))?;
    let bans = host.generation().contract::<dyn Bans>();
    let bans = bans.ok_or(CommandError::returned("mod_private_is_required_but_disabled"))?;
    let missing = CommandError::returned("account_does_not_exist");
    let Some(account) = address(user, host.name()) else { return Err(missing) };
    match kernel.accounts().exists(user, host.name()).await {
        Ok(true) => Ok(Target { account, host, bans }),
        Ok(false) => Err(missing),
        Err(error) => Err(CommandError::failed(error)),
    }
}

async fn ban_account(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let Target { account, host, bans } = target(kernel, &arguments).await?;
    if bans.ban(kernel, &account).await.map_err(CommandError::failed)?.is_some() {
        return Err(CommandError::returned("account_was_already_banned"));
    }
    let reason = arguments.text("reason");
    let now = xmpp_stamp(kernel.clock().wall());
    let (last_date, last_status) = last_seen(kernel, &host, &account, &now).await?;
    let ban = Ban { reason: reason.to_owned(), banned_at: now, last_date, last_status };
    bans.set_ban(kernel, &account, Some(ban)).await.map_err(CommandError::failed)?;
    kernel.end_account_use(&account);
    end_sessions(kernel, &account, reason);
    Ok(Value::OK)
}

/// When the account was last seen, and its words then, as the details of a ban show them.
async fn last_seen(
    kernel: &Kernel,
    host: &Host,
    account: &BareJid,
    now: &str,
) -> Result<(String, String), CommandError> {
    if kernel.sessions().is_online(account) {
        return Ok((now.to_owned(), "ONLINE".to_owned()));
    }
    let last = match host.generation().contract::<dyn Activities>() {
        Some(activities) => {
            activities.last_seen(kernel, account).await.map_err(CommandError::failed)?
        }
        None => None,
    };
    let shown = last.and_then(|last| {
        let at = jiff::Timestamp::from_second(last.at).ok()?;
        Some((xmpp_stamp(at), last.status))
    });
    Ok(shown.unwrap_or_else(|| (now.to_owned(), "NOT FOUND".to_owned())))
}

fn end_sessions(kernel: &Kernel, account: &BareJid, reason: &str) {
    let reason = if reason.is_empty() { KICKED } else { reason };
    for session in kernel.account_sessions(account) {
        kick(&session, reason);
    }
}

async fn take_password(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let (user, host) = (arguments.text("user"), arguments.text("host"));
    let now = xmpp_stamp(kernel.clock().wall());
    let password = Secret::new(format!("BANNED_ACCOUNT--{now}--{}", random::token()));
    match kernel.accounts().set_password(user, host, &password).await {
        Ok(committed) => {
            let ((), _receipt) = committed.split();
            if let Some(account) = address(user, host) {
                kernel.announce::<PasswordChanged>(&account).await;
                end_sessions(kernel, &account, arguments.text("reason"));
            }
            Ok(Value::OK)
        }
        Err(AccountError::NotFound | AccountError::InvalidName(_)) => {
            Err(CommandError::returned("account_does_not_exist"))
        }
        Err(AccountError::UnknownHost(_)) => Err(CommandError::bad_argument(UNKNOWN_HOST)),
        Err(other) => Err(CommandError::failed(other)),
    }
}

pub(super) const UNBAN_ACCOUNT: Command = Command {
    name: "unban_account",
    tags: &["accounts"],
    needs: ADMIN_EXTRA,
    about: "Lift the ban of an account; its password is what it was",
    versions: &[Version {
        since: 2,
        args: &[USER, HOST],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let Target { account, bans, .. } = target(kernel, &arguments).await?;
                if bans.ban(kernel, &account).await.map_err(CommandError::failed)?.is_none() {
                    return Err(CommandError::returned("account_was_not_banned"));
                }
                bans.set_ban(kernel, &account, None).await.map_err(CommandError::failed)?;
                Ok(Value::OK)
            })
        },
        example: Example { args: &["gooduser", "myserver.com"], prints: "" },
    }],
    ..Command::PLAIN
};

pub(super) const GET_BAN_DETAILS: Command = Command {
    name: "get_ban_details",
    tags: &["accounts"],
    needs: ADMIN_EXTRA,
    about: "Tell about the ban of an account; nothing for one that is not banned",
    versions: &[Version {
        since: 2,
        args: &[USER, HOST],
        result: field(
            "ban_details",
            Shape::List(&field(
                "detail",
                Shape::Tuple(&[field("name", Shape::Text), field("value", Shape::Text)]),
            )),
        ),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let (user, host) = (arguments.text("user"), arguments.text("host"));
                let ban = ban_of(kernel, user, &served(kernel, host)?).await;
                let ban = ban.map_err(CommandError::failed)?;
                let details = ban.into_iter().flat_map(|ban| {
                    [
                        ("reason", ban.reason),
                        ("bandate", ban.banned_at),
                        ("lastdate", ban.last_date),
                        ("lastreason", ban.last_status),
                    ]
                });
                let row = |(name, value)| Value::Tuple(vec![Value::text(name), Value::Text(value)]);
                Ok(Value::List(details.map(row).collect()))
            })
        },
        example: Example {
            args: &["attacker", "myserver.com"],
            prints: "reason\tSpamming other users\nbandate\t2024-04-22T09:16:47.975312Z\nlastdate\t2024-04-22T08:39:12Z\nlastreason\tConnection reset by peer",
        },
    }],
    ..Command::PLAIN
};

async fn ban_of(kernel: &Kernel, user: &str, host: &str) -> Result<Option<Ban>, RecordError> {
    let Some(account) = address(user, host) else { return Ok(None) };
    let host = kernel.host(account.domain().as_str());
    match host.and_then(|host| host.generation().contract::<dyn Bans>()) {
        Some(bans) => bans.ban(kernel, &account).await,
        None => Ok(None),
    }
}

/// Whether an account is banned; one that cannot exist is not.
///
/// # Errors
/// When the store cannot be asked.
pub(crate) async fn is_banned(
    kernel: &Kernel,
    user: &str,
    host: &str,
) -> Result<bool, CommandError> {
    ban_of(kernel, user, host).await.map(|ban| ban.is_some()).map_err(CommandError::failed)
}

pub(super) const LIST_BANNED: Command = Command {
    name: "list_banned",
    tags: &["accounts"],
    needs: ADMIN_EXTRA,
    about: "List the banned accounts of a host, or of all",
    versions: &[Version {
        args: &[HOST],
        result: field("banned", Shape::List(&field("jid", Shape::Text))),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let mut jids = Vec::new();
                let host = arguments.text("host");
                each_banned(kernel, host, |jid| jids.push(Value::Text(jid)), LISTED_MAX).await?;
                Ok(Value::List(jids))
            })
        },
        example: Example {
            args: &["myserver.com"],
            prints: "attacker@example.com\nuser3@example.com",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const COUNT_BANNED: Command = Command {
    name: "count_banned",
    tags: &["accounts"],
    needs: ADMIN_EXTRA,
    about: "Count the banned accounts of a host, or of all",
    versions: &[Version {
        args: &[HOST],
        result: field("banned", Shape::Integer),
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let count = each_banned(kernel, arguments.text("host"), drop, usize::MAX).await?;
                Ok(integer(count))
            })
        },
        example: Example { args: &["myserver.com"], prints: "6" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

/// Goes through the banned accounts of a host or of all, page by page, and gives how many there are.
async fn each_banned(
    kernel: &Kernel,
    host: &str,
    mut take: impl FnMut(String) + Send,
    count_max: usize,
) -> Result<usize, CommandError> {
    let hosts = match host {
        ALL => kernel.config().hosts().to_vec(),
        host => vec![served(kernel, host)?],
    };
    let mut count = 0;
    for name in hosts {
        let Some(host) = kernel.host(&name) else { continue };
        let Some(bans) = host.generation().contract::<dyn Bans>() else { continue };
        let mut after = String::new();
        loop {
            let page = bans.banned(kernel, &name, &after, PAGE).await;
            let page = page.map_err(CommandError::failed)?;
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            count += page.len();
            if count > count_max {
                let text =
                    format!("More than {count_max} accounts are banned; count_banned counts");
                return Err(CommandError::bad_argument(text));
            }
            page.iter().for_each(|user| take(format!("{user}@{name}")));
        }
    }
    Ok(count)
}
