//! What the commands of several modules share: arguments, and finding the module of a host.

use std::sync::Arc;

use jid::{BareJid, DomainPart, NodePart};
use kernel::commands::{Arguments, CommandError, Field, Shape, field};
use kernel::{Host, Kernel, Module};

pub(crate) const USER: Field = field("user", Shape::Text);
pub(crate) const HOST: Field = field("host", Shape::Text);
pub(crate) const RESCODE: Field = field("res", Shape::Rescode);

/// What the commands of ejabberd's `mod_admin_extra` need.
pub(crate) const ADMIN_EXTRA: Option<&str> = Some("mod_admin_extra");

/// The account that somebody typed; `None` if none can be called so.
pub(crate) fn account(user: &str, host: &str) -> Option<BareJid> {
    let (node, domain) = (NodePart::new(user).ok()?, DomainPart::new(host).ok()?);
    Some(BareJid::from_parts(Some(&node), &domain))
}

/// A module on a host.
pub(crate) struct On<M> {
    /// The prepared address of the account.
    pub(crate) account: BareJid,
    /// The module that runs there.
    pub(crate) module: Arc<M>,
}

/// The host that somebody typed.
pub(crate) fn host(kernel: &Kernel, name: &str) -> Result<Arc<Host>, CommandError> {
    let domain = DomainPart::new(name).ok();
    domain
        .and_then(|domain| kernel.host(domain.as_str()))
        .ok_or_else(|| CommandError::bad_argument("Unknown virtual host"))
}

/// The module of a host.
pub(crate) fn module<M: Module>(host: &Host) -> Result<Arc<M>, CommandError> {
    host.generation().module::<M>(M::NAME).ok_or_else(|| {
        CommandError::bad_argument(format!("{} is not enabled on {}", M::NAME, host.name()))
    })
}

/// The account and the module that the arguments `user` and `host` name.
///
/// COMPAT: as in ejabberd the account need not exist.
pub(crate) fn on<M: Module>(kernel: &Kernel, arguments: &Arguments) -> Result<On<M>, CommandError> {
    let host = host(kernel, arguments.text("host"))?;
    let module = module(&host)?;
    let account = account(arguments.text("user"), host.name())
        .ok_or_else(|| CommandError::thrown("error", "Invalid 'user'/'server'"))?;
    Ok(On { account, module })
}

/// What an administrator is told when the store failed.
pub(crate) fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::failed(error)
}
