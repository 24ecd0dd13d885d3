//! The commands that need no module, one file per area.

mod accounts;
mod backup;
mod bans;
mod convert;
mod data;
mod documentation;
mod dump;
mod kindly;
mod passwords;
mod presence;
mod purge;
mod serialized;
mod server;
mod session;
mod stanza;
mod statistics;

pub(crate) use accounts::CODE_CANNOT_REGISTER;
pub(crate) use bans::is_banned;
#[cfg(test)]
pub(crate) use dump::render;

use jid::{BareJid, DomainPart, NodePart};
use kernel::Kernel;
use kernel::commands::{Command, CommandError, Field, Policy, Shape, Version, field};

/// The commands that need no module.
pub const COMMANDS: &[Command] = &[
    accounts::CHANGE_PASSWORD,
    accounts::CHECK_ACCOUNT,
    accounts::CHECK_PASSWORD,
    accounts::REGISTER,
    accounts::REGISTERED_USERS,
    accounts::UNREGISTER,
    bans::BAN_ACCOUNT,
    bans::COUNT_BANNED,
    bans::GET_BAN_DETAILS,
    bans::LIST_BANNED,
    bans::UNBAN_ACCOUNT,
    convert::CONVERT_TO_YAML,
    dump::DUMP_CONFIG,
    kindly::EVACUATE_KINDLY,
    kindly::RESTART_KINDLY,
    kindly::STOP_KINDLY,
    passwords::CHECK_PASSWORD_HASH,
    passwords::CONVERT_TO_SCRAM,
    passwords::DELETE_OLD_USERS,
    passwords::DELETE_OLD_USERS_VHOST,
    presence::GET_PRESENCE,
    presence::SET_PRESENCE,
    presence::STATUS_LIST,
    presence::STATUS_LIST_HOST,
    presence::STATUS_NUM,
    presence::STATUS_NUM_HOST,
    server::CLEAR_CACHE,
    server::ECHO,
    server::ECHO3,
    server::GC,
    backup::BACKUP,
    backup::INSTALL_FALLBACK,
    backup::RESTORE,
    data::DUMP,
    data::DUMP_TABLE,
    data::EXPORT2SQL,
    data::EXPORT_PIEFXIS,
    data::EXPORT_PIEFXIS_HOST,
    data::IMPORT_DIR,
    data::IMPORT_FILE,
    data::IMPORT_PIEFXIS,
    data::IMPORT_PROSODY,
    data::LOAD,
    data::PRINT_SQL_SCHEMA,
    serialized::EXPORT_DB,
    serialized::EXPORT_DB_ABORT,
    serialized::EXPORT_DB_EXT,
    serialized::EXPORT_DB_STATUS,
    serialized::IMPORT_DB,
    serialized::IMPORT_DB_ABORT,
    serialized::IMPORT_DB_STATUS,
    purge::ABORT_DELETE_OLD_MESSAGES,
    purge::DELETE_EXPIRED_MESSAGES,
    purge::DELETE_OLD_MESSAGES,
    purge::DELETE_OLD_MESSAGES_BATCH,
    purge::DELETE_OLD_MESSAGES_STATUS,
    documentation::GEN_HTML,
    documentation::GEN_MARKDOWN,
    documentation::GEN_MARKDOWN_TAGS,
    documentation::HELP,
    documentation::MAN,
    server::GET_LOGLEVEL,
    server::HALT,
    server::LIST_CERTIFICATES,
    server::LIST_CLUSTER,
    server::LIST_CLUSTER_DETAILED,
    server::REGISTERED_VHOSTS,
    server::RELOAD_CONFIG,
    server::REOPEN_LOG,
    server::RESTART,
    server::ROTATE_LOG,
    server::SET_LOGLEVEL,
    server::STATUS,
    server::STOP,
    session::CONNECTED_USERS,
    session::CONNECTED_USERS_INFO,
    session::CONNECTED_USERS_NUMBER,
    session::CONNECTED_USERS_VHOST,
    session::KICK_SESSION,
    session::KICK_USER,
    session::KICK_USERS,
    session::NUM_RESOURCES,
    session::RESOURCE_NUM,
    session::USER_RESOURCES,
    session::USER_SESSIONS_INFO,
    stanza::SEND_MESSAGE,
    stanza::SEND_STANZA,
    stanza::SEND_STANZA_C2S,
    statistics::STATS,
    statistics::STATS_HOST,
];

const USER: Field = field("user", Shape::Text);
const HOST: Field = field("host", Shape::Text);
const RESCODE: Field = field("res", Shape::Rescode);
const RESTUPLE: Field = field("res", Shape::Restuple);

/// What the commands of ejabberd's `mod_admin_extra` need.
const ADMIN_EXTRA: Option<&str> = Some(crate::extra::NAME);

/// What ejabberd says of a host that it does not serve.
const UNKNOWN_HOST: &str = "Unknown virtual host";

/// The address of an account as somebody typed it; `None` if no account can be called so.
pub(crate) fn address(user: &str, host: &str) -> Option<BareJid> {
    let (node, domain) = (NodePart::new(user).ok()?, DomainPart::new(host).ok()?);
    Some(BareJid::from_parts(Some(&node), &domain))
}

/// The prepared name of a served host.
fn served(kernel: &Kernel, host: &str) -> Result<String, CommandError> {
    let prepared = DomainPart::new(host).ok().map(|domain| domain.as_str().to_owned());
    let known = prepared.filter(|domain| kernel.host(domain).is_some());
    known.ok_or_else(|| CommandError::bad_argument(UNKNOWN_HOST))
}
