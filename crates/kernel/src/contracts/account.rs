//! What is known of an account beside its password: when it was last there, and whether it is banned.

use jid::BareJid;

use crate::{Answering, Kernel};

/// The store could not be asked or changed; the reason is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database failed")]
pub struct RecordError;

/// When an account was last available, and what it said then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// Seconds since 1970.
    pub at: i64,
    /// The status text of its last unavailable presence.
    pub status: String,
}

/// Remembers when accounts were last available.
pub trait Activities: Send + Sync {
    /// When an account of this host was last available; `None` if it never was.
    fn last_seen<'a>(
        &'a self,
        kernel: &'a Kernel,
        account: &'a BareJid,
    ) -> Answering<'a, Result<Option<LastSeen>, RecordError>>;
}

/// A ban, as administrators see it; times are those of XEP-0082.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ban {
    /// Why.
    pub reason: String,
    /// Since when.
    pub banned_at: String,
    /// When the account was last seen before.
    pub last_date: String,
    /// What it said then.
    pub last_status: String,
}

/// Knows banned accounts: they exist with all that is theirs, and nobody can log in to them.
///
/// A change is durable when its answer comes.
pub trait Bans: Send + Sync {
    /// The ban of an account of this host.
    fn ban<'a>(
        &'a self,
        kernel: &'a Kernel,
        account: &'a BareJid,
    ) -> Answering<'a, Result<Option<Ban>, RecordError>>;

    /// Bans an account, or lifts its ban. Ending its sessions is the caller's business, afterwards.
    fn set_ban<'a>(
        &'a self,
        kernel: &'a Kernel,
        account: &'a BareJid,
        ban: Option<Ban>,
    ) -> Answering<'a, Result<(), RecordError>>;

    /// Localparts of banned accounts of a host, sorted: at most `count_max` after `after`.
    fn banned<'a>(
        &'a self,
        kernel: &'a Kernel,
        host: &'a str,
        after: &'a str,
        count_max: u32,
    ) -> Answering<'a, Result<Vec<String>, RecordError>>;
}
