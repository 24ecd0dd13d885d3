//! The commands that need no module, one file per area.

mod accounts;
mod documentation;
mod server;
mod session;

pub(crate) use accounts::CODE_CANNOT_REGISTER;

use jid::{BareJid, DomainPart, NodePart};
use kernel::Kernel;
use kernel::commands::{Command, CommandError, Field, Shape, Version, field};

/// The commands that need no module.
pub const COMMANDS: &[Command] = &[
    accounts::CHANGE_PASSWORD,
    accounts::CHECK_ACCOUNT,
    accounts::CHECK_PASSWORD,
    accounts::REGISTER,
    accounts::REGISTERED_USERS,
    accounts::UNREGISTER,
    documentation::GEN_HTML,
    documentation::GEN_MARKDOWN,
    documentation::GEN_MARKDOWN_TAGS,
    documentation::HELP,
    documentation::MAN,
    server::GET_LOGLEVEL,
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
    session::NUM_RESOURCES,
    session::USER_RESOURCES,
    session::USER_SESSIONS_INFO,
];

const USER: Field = field("user", Shape::Text);
const HOST: Field = field("host", Shape::Text);
const RESCODE: Field = field("res", Shape::Rescode);
const RESTUPLE: Field = field("res", Shape::Restuple);

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
