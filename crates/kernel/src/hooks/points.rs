//! The catalogue of hook points: each event documented where it is defined.

use jid::BareJid;
use xmpp_wire::{Stanza, StanzaError};

use super::HookPoint;
use crate::Kernel;
use crate::host::Host;
use crate::mailbox::Delivery;
use crate::session::Session;

/// A client's stanza passed the envelope checks (RFC 6120 §8.1) and is about to be routed.
///
/// `Stop` drops it; a subscriber that refuses it answers through `session`.
pub struct UserSend;

/// The event of [`UserSend`].
pub struct Outgoing<'e> {
    /// The stanza, `from` stamped.
    pub stanza: &'e mut Stanza,
    /// The sender.
    pub session: &'e mut Session,
}

impl HookPoint for UserSend {
    const NAME: &'static str = "user_send";
    type Event<'e> = Outgoing<'e>;
}

/// A stanza reached a session and is about to be written to its client. `Stop` drops it.
pub struct UserReceive;

/// The event of [`UserReceive`].
pub struct Incoming<'e> {
    /// The stanza as the client will see it.
    pub stanza: &'e mut Stanza,
    /// The recipient.
    pub session: &'e mut Session,
}

impl HookPoint for UserReceive {
    const NAME: &'static str = "user_receive";
    type Event<'e> = Incoming<'e>;
}

/// A stanza for a local account is about to be handed to its sessions, of which there may be none.
///
/// `Stop` means that the account has dealt with it.
pub struct Delivering;

/// The event of [`Delivering`].
pub struct AccountInbound<'e> {
    /// The server.
    pub kernel: &'e Kernel,
    /// The host of the account.
    pub host: &'e Host,
    /// The account.
    pub account: &'e BareJid,
    /// The stanza.
    pub stanza: &'e mut Stanza,
    /// An error to send back when the event is stopped.
    pub refusal: Option<StanzaError>,
}

impl HookPoint for Delivering {
    const NAME: &'static str = "delivering";
    type Event<'e> = AccountInbound<'e>;
}

/// A message for a local account found no session that takes it (RFC 6121 §8.5.2.2, §8.5.3.2).
///
/// Whoever keeps it takes it out of `delivery`; what is left goes back with `service-unavailable`.
pub struct Offline;

/// The event of [`Offline`].
pub struct Undelivered<'e> {
    /// The server.
    pub kernel: &'e Kernel,
    /// The host of the account.
    pub host: &'e Host,
    /// The account, which need not exist.
    pub account: &'e BareJid,
    /// The message.
    pub delivery: &'e mut Option<Delivery>,
    /// Where it belongs among those that are kept.
    pub age: Age,
}

/// How old an undelivered message is, compared with those that are kept for the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It comes after them.
    Newest,
    /// A session that has ended had it before they came (see [`Kernel::bequeath`]).
    Oldest,
}

impl HookPoint for Offline {
    const NAME: &'static str = "offline";
    type Event<'e> = Undelivered<'e>;
}

/// A client sent presence without address (RFC 6121 §4.2, §4.4, §4.5), or its session ends while available.
///
/// The session already counts with the new presence. `Stop` keeps it from later subscribers.
pub struct SelfPresence;

/// The event of [`SelfPresence`].
pub struct OwnPresence<'e> {
    /// The presence, `from` stamped with the full JID.
    pub presence: &'e Stanza,
    /// What it replaces; `None` marks initial presence.
    pub previous: Option<Stanza>,
    /// Whose it is.
    pub session: &'e mut Session,
}

impl HookPoint for SelfPresence {
    const NAME: &'static str = "self_presence";
    type Event<'e> = OwnPresence<'e>;
}

macro_rules! session_points {
    ($($(#[$doc:meta])* $point:ident $name:literal;)*) => {$(
        $(#[$doc])*
        pub struct $point;
        impl HookPoint for $point {
            const NAME: &'static str = $name;
            type Event<'e> = &'e mut Session;
        }
    )*};
}

session_points! {
    /// A resource was bound (RFC 6120 §7).
    SessionBound "session_bound";
    /// The connection of a resumable session was lost (XEP-0198 §5).
    SessionPending "session_pending";
    /// A session was resumed on another connection (XEP-0198 §5).
    SessionResumed "session_resumed";
    /// A session of before a restart is there again, and waits for its client.
    SessionRestored "session_restored";
    /// A session is over; its last unavailable presence has been sent.
    SessionClosed "session_closed";
}

/// What happened to an account.
pub struct AccountEvent<'e> {
    /// The server.
    pub kernel: &'e Kernel,
    /// The host of the account.
    pub host: &'e Host,
    /// The account.
    pub account: &'e BareJid,
}

/// An account was created.
pub struct AccountCreated;
impl HookPoint for AccountCreated {
    const NAME: &'static str = "account_created";
    type Event<'e> = AccountEvent<'e>;
}

/// An account was removed: everything kept for it goes too.
pub struct AccountRemoved;
impl HookPoint for AccountRemoved {
    const NAME: &'static str = "account_removed";
    type Event<'e> = AccountEvent<'e>;
}

/// The database was given other content, or more, past the modules: what they keep of it in memory is old.
pub struct StoreReplaced;

/// The event of [`StoreReplaced`].
pub struct HostEvent<'e> {
    /// The server.
    pub kernel: &'e Kernel,
    /// The host whose module is asked.
    pub host: &'e Host,
}

impl HookPoint for StoreReplaced {
    const NAME: &'static str = "store_replaced";
    type Event<'e> = HostEvent<'e>;
}

/// The password of an account changed.
pub struct PasswordChanged;
impl HookPoint for PasswordChanged {
    const NAME: &'static str = "password_changed";
    type Event<'e> = AccountEvent<'e>;
}
