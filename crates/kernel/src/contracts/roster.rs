//! Who knows whom: the contract of the roster (RFC 6121 §2).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jid::BareJid;

/// The subscription state of a roster item (RFC 6121 §2.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Subscription {
    /// Neither sees the other's presence.
    #[default]
    None,
    /// The account sees the contact's presence.
    To,
    /// The contact sees the account's presence.
    From,
    /// Both see each other's.
    Both,
}

impl Subscription {
    /// Whether the account sees the contact's presence.
    pub fn to(self) -> bool {
        matches!(self, Self::To | Self::Both)
    }

    /// Whether the contact sees the account's presence.
    pub fn from(self) -> bool {
        matches!(self, Self::From | Self::Both)
    }
}

/// One contact, as far as others need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub jid: BareJid,
    /// The state between the two.
    pub subscription: Subscription,
    /// The groups the account put it in.
    pub groups: Vec<String>,
}

/// A consistent view of one roster.
pub type RosterView = Arc<[Contact]>;

/// The roster could not be read; the reason is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the roster cannot be read now")]
pub struct RosterError;

/// Reads rosters.
pub trait Roster: Send + Sync {
    /// All contacts of an account of this host, from the cache where possible.
    fn contacts<'a>(
        &'a self,
        account: &'a BareJid,
    ) -> Pin<Box<dyn Future<Output = Result<RosterView, RosterError>> + Send + 'a>>;
}
