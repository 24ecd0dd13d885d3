//! Old accounts, and what is stored of passwords.

use access::{RuleRef, Subject};
use accounts::AccountError;
use jid::Jid;
use kernel::commands::{Arguments, Call, CommandError, Example, Progress, Value};
use kernel::contracts::Activities;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::accounts::{PAGE, remove};
use super::{
    ADMIN_EXTRA, Command, Field, HOST, Kernel, RESCODE, RESTUPLE, Shape, USER, Version, address,
    field, served,
};

/// Names of deleted accounts that the answer holds at most.
const NAMES_MAX: usize = 10_000;
const SECONDS_A_DAY: i64 = 86_400;

pub(super) const CHECK_PASSWORD_HASH: Command = Command {
    name: "check_password_hash",
    tags: &["accounts"],
    needs: ADMIN_EXTRA,
    about: "Check whether a hash is that of the password; only where passwords are stored in clear",
    detail: "HASHMETHOD is md5, sha, sha224, sha256, sha384 or sha512; the hash is written in hexadecimal digits.",
    versions: &[Version {
        args: &[USER, HOST, field("passwordhash", Shape::Text), field("hashmethod", Shape::Text)],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(check_password_hash(kernel, arguments)),
        example: Example {
            args: &["peter", "myserver.com", "5ebe2294ecd0e0f08eab7690d2a6ee69", "md5"],
            prints: "",
        },
        ..Version::FIRST
    }],
    secrets: &["passwordhash"],
    ..Command::PLAIN
};

async fn check_password_hash(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let hash: fn(&str) -> String = match arguments.text("hashmethod") {
        "md5" => hashed::<Md5>,
        "sha" => hashed::<Sha1>,
        "sha224" => hashed::<Sha224>,
        "sha256" => hashed::<Sha256>,
        "sha384" => hashed::<Sha384>,
        "sha512" => hashed::<Sha512>,
        // COMPAT: the word is spelt so.
        _ => return Err(CommandError::bad_argument("unkown_hash_method")),
    };
    let stored =
        match kernel.accounts().stored(arguments.text("user"), arguments.text("host")).await {
            Ok(Some(stored)) => stored,
            Ok(None) | Err(AccountError::UnknownHost(_) | AccountError::InvalidName(_)) => {
                return Ok(Value::Rescode(false));
            }
            Err(other) => return Err(CommandError::failed(other)),
        };
    let Some(plain) = stored.plain() else {
        let word = "passwords_scrammed_command_cannot_work";
        return Err(CommandError::bad_argument(word));
    };
    let wanted = arguments.text("passwordhash");
    Ok(Value::Rescode(hash(plain.expose()).eq_ignore_ascii_case(wanted)))
}

fn hashed<D: Digest>(text: &str) -> String {
    D::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) const CONVERT_TO_SCRAM: Command = Command {
    name: "convert_to_scram",
    tags: &["sql"],
    about: "Replace the passwords of a host that are stored in clear by SCRAM verifiers",
    detail: "Set auth_stored_password_types too, or new passwords are stored in clear again.",
    versions: &[Version {
        args: &[HOST],
        result: RESCODE,
        run: |Call { kernel, arguments, progress }| {
            Box::pin(convert_to_scram(kernel, arguments, progress))
        },
        example: Example { args: &["example.com"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn convert_to_scram(
    kernel: &Kernel,
    arguments: Arguments,
    progress: Progress,
) -> Result<Value, CommandError> {
    let host = served(kernel, arguments.text("host"))?;
    let (mut looked_at, mut converted) = (0, 0_u64);
    loop {
        let page = kernel.accounts().list(&host, "", PAGE, looked_at).await;
        let page = page.map_err(CommandError::failed)?;
        if page.is_empty() {
            return Ok(Value::OK);
        }
        looked_at += u32::try_from(page.len()).map_err(CommandError::failed)?;
        for user in page {
            let done = kernel.accounts().convert_to_scram(&user, &host).await;
            converted += u64::from(done.map_err(CommandError::failed)?);
        }
        progress.tell(format!("{looked_at} accounts looked at, {converted} converted"));
    }
}

const DAYS: Field = field("days", Shape::Integer);

pub(super) const DELETE_OLD_USERS: Command = Command {
    name: "delete_old_users",
    tags: &["accounts", "purge"],
    needs: ADMIN_EXTRA,
    about: "Delete the accounts of all hosts that were not available for so many days",
    detail: "Accounts of which no last activity is known are deleted too. Kept are those that are online, those that \
             the access rule protect_old_users allows, and all of hosts without mod_last.",
    versions: &[Version {
        args: &[DAYS],
        result: RESTUPLE,
        run: |Call { kernel, arguments, progress }| {
            Box::pin(async move {
                let before = begin_of(kernel, &arguments)?;
                let mut deleted = Deleted::default();
                for host in kernel.config().hosts() {
                    delete_old(kernel, host, before, &mut deleted, &progress).await?;
                }
                Ok(deleted.answer())
            })
        },
        example: Example {
            args: &[],
            prints: "Deleted 2 users: [\"oldman@myserver.com\", \"test@myserver.com\"]",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const DELETE_OLD_USERS_VHOST: Command = Command {
    name: "delete_old_users_vhost",
    tags: &["accounts", "purge"],
    needs: ADMIN_EXTRA,
    about: "Delete the accounts of a host that were not available for so many days",
    detail: "Accounts of which no last activity is known are deleted too. Kept are those that are online, and those \
             that the access rule protect_old_users allows.",
    versions: &[Version {
        args: &[HOST, DAYS],
        result: RESTUPLE,
        run: |Call { kernel, arguments, progress }| {
            Box::pin(async move {
                let before = begin_of(kernel, &arguments)?;
                let host = served(kernel, arguments.text("host"))?;
                let mut deleted = Deleted::default();
                if !delete_old(kernel, &host, before, &mut deleted, &progress).await? {
                    let text =
                        format!("mod_last is not enabled on {host}, so nobody knows who is old");
                    return Err(CommandError::bad_argument(text));
                }
                Ok(deleted.answer())
            })
        },
        example: Example {
            args: &["myserver.com", "30"],
            prints: "Deleted 2 users: [\"oldman@myserver.com\", \"test@myserver.com\"]",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

/// The second since when an account must have been available to be kept.
fn begin_of(kernel: &Kernel, arguments: &Arguments) -> Result<i64, CommandError> {
    let days = arguments.integer("days");
    if days < 0 {
        return Err(CommandError::bad_argument("The number of days is negative"));
    }
    Ok(kernel.clock().unix_seconds().saturating_sub(days.saturating_mul(SECONDS_A_DAY)))
}

#[derive(Default)]
struct Deleted {
    count: u64,
    names: Vec<String>,
}

impl Deleted {
    fn add(&mut self, account: String) {
        self.count += 1;
        if self.names.len() < NAMES_MAX {
            self.names.push(format!("\"{account}\""));
        }
    }

    fn answer(self) -> Value {
        let text = format!("Deleted {} users: [{}]", self.count, self.names.join(", "));
        Value::Restuple(true, text)
    }
}

/// Deletes the old accounts of a host, page by page; false if nobody there knows when an account was available.
async fn delete_old(
    kernel: &Kernel,
    host: &str,
    before: i64,
    deleted: &mut Deleted,
    progress: &Progress,
) -> Result<bool, CommandError> {
    let Some(activities) =
        kernel.host(host).and_then(|host| host.generation().contract::<dyn Activities>())
    else {
        return Ok(false);
    };
    // Those that stay are passed over at the next page.
    let mut kept = 0;
    loop {
        let page = match kernel.accounts().list(host, "", PAGE, kept).await {
            Ok(page) => page,
            Err(AccountError::MethodNotInForce { .. }) => return Ok(true),
            Err(other) => return Err(CommandError::failed(other)),
        };
        if page.is_empty() {
            return Ok(true);
        }
        for user in page {
            if is_old(kernel, &*activities, &user, host, before).await? {
                match remove(kernel, &user, host).await {
                    Ok(()) | Err(AccountError::NotFound) => deleted.add(format!("{user}@{host}")),
                    Err(other) => return Err(CommandError::failed(other)),
                }
            } else {
                kept += 1;
            }
        }
        progress.tell(format!("{host}: {kept} accounts kept, {} deleted", deleted.count));
    }
}

async fn is_old(
    kernel: &Kernel,
    activities: &dyn Activities,
    user: &str,
    host: &str,
    before: i64,
) -> Result<bool, CommandError> {
    // A name that cannot be an address is nobody's; it is left for somebody to look at.
    let (Some(account), Some(served)) = (address(user, host), kernel.host(host)) else {
        return Ok(false);
    };
    let jid = Jid::from(account.clone());
    let protects = RuleRef::named("protect_old_users");
    if served.generation().access().allows(&protects, &Subject::of_jid(&jid))
        || kernel.sessions().is_online(&account)
    {
        return Ok(false);
    }
    let last = activities.last_seen(kernel, &account).await.map_err(CommandError::failed)?;
    Ok(last.is_none_or(|last| last.at <= before))
}
