//! Extensions: one folder or file each, one line to register it.

mod cache;
mod caps;
mod commands;
mod disco;
mod last;
mod offline;
mod ping;
mod presence;
mod private;
mod roster;
mod stun_disco;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod time;
mod vcard;
mod vcard_xupdate;
mod version;

use jid::BareJid;
use kernel::{ModuleEntry, entry};

/// Every module of this crate, in the order in which they run within a stage of a hook.
pub static MODULES: &[ModuleEntry] = &[
    entry::<caps::Capabilities>(),
    entry::<disco::ServiceDiscovery>(),
    entry::<last::LastActivity>(),
    entry::<offline::OfflineMessages>(),
    entry::<ping::Ping>(),
    entry::<private::PrivateStorage>(),
    entry::<roster::Rosters>(),
    entry::<stun_disco::StunDisco>(),
    entry::<time::EntityTime>(),
    entry::<vcard::VCardTemp>(),
    entry::<vcard_xupdate::AvatarHash>(),
    entry::<version::SoftwareVersion>(),
];

/// Top-level options that modules honour through the defaults of their own.
pub static OPTIONS: &[&str] =
    &["cache_life_time", "cache_missed", "cache_size", "default_db", "use_cache"];

/// What ejabberd's tables of accounts are keyed by: `server_host` and `username`.
fn host_and_user(account: &BareJid) -> (&str, &str) {
    (account.domain().as_str(), account.node().map_or("", |node| node.as_str()))
}
