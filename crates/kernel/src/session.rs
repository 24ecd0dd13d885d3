//! A session as others see it ([`SessionHandle`]) and as its own task and the hooks see it ([`Session`]).

use std::any::{Any, TypeId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

use jid::{BareJid, FullJid, Jid};
use jiff::Timestamp;
use parking_lot::Mutex;
use xmpp_wire::Stanza;

use crate::Kernel;
use crate::clock::Clock;
use crate::host::{Generation, Host};
use crate::mailbox::{CloseReason, Delivery, Mailbox, MailboxBounds};

/// Stands for "no available presence" in [`SessionHandle::priority`].
const UNAVAILABLE: i32 = i32::MIN;

/// How a client is connected, for administrators.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// ejabberd's word for it: `c2s`, `c2s_tls`, `http_bind`, `websocket`.
    pub kind: &'static str,
    /// The client's address, if it came over a network.
    pub peer: Option<SocketAddr>,
    /// When the session was bound.
    pub since: Timestamp,
}

/// What the rest of the server knows of a session. Shared; the session's task alone changes it.
pub struct SessionHandle {
    jid: FullJid,
    number: u64,
    mailbox: Mailbox,
    priority: AtomicI32,
    presence: Mutex<Option<Box<Stanza>>>,
    appeared: AtomicU64,
    interested: AtomicBool,
    detached: AtomicBool,
    active_at: AtomicU32,
    info: Mutex<ConnectionInfo>,
}

impl SessionHandle {
    /// A bound session without presence.
    pub fn new(jid: FullJid, bounds: MailboxBounds, info: ConnectionInfo) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            jid,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            mailbox: Mailbox::new(bounds),
            priority: AtomicI32::new(UNAVAILABLE),
            presence: Mutex::new(None),
            appeared: AtomicU64::new(0),
            interested: AtomicBool::new(false),
            detached: AtomicBool::new(false),
            active_at: AtomicU32::new(0),
            info: Mutex::new(info),
        }
    }

    /// The full JID.
    pub fn jid(&self) -> &FullJid {
        &self.jid
    }

    /// Tells sessions apart that follow each other under one JID. Later ones have greater numbers.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The way in.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Holds back messages that are pushed from now on, until what is returned is dropped.
    ///
    /// Whoever has older messages for the session puts them in by [`Mailbox::push_ahead`] meanwhile, so that they
    /// arrive in the order in which they were sent (RFC 6120 §10.1). Presence and IQ stanzas go on.
    pub fn hold_messages(self: &Arc<Self>) -> MessagesHeld {
        self.mailbox.hold();
        MessagesHeld(self.clone())
    }

    /// The priority of its available presence (RFC 6121 §4.7.2.3), -128 to 127; `None` while unavailable.
    pub fn priority(&self) -> Option<i8> {
        i8::try_from(self.priority.load(Ordering::Acquire)).ok()
    }

    /// The last available presence, as it was broadcast.
    pub fn presence(&self) -> Option<Stanza> {
        self.presence.lock().as_deref().cloned()
    }

    /// Replaces the presence; only the session's own task does so. Returns the previous one.
    pub fn set_presence(&self, presence: Option<(i8, Stanza)>) -> Option<Stanza> {
        let mut slot = self.presence.lock();
        let (priority, next) = match presence {
            Some((priority, stanza)) => (i32::from(priority), Some(Box::new(stanza))),
            None => (UNAVAILABLE, None),
        };
        if slot.is_none() && next.is_some() {
            static NEXT: AtomicU64 = AtomicU64::new(1);
            self.appeared.store(NEXT.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        }
        self.priority.store(priority, Ordering::Release);
        std::mem::replace(&mut *slot, next).map(|previous| *previous)
    }

    /// When it became available, as a place in the order of all sessions; 0 for one that never did.
    ///
    /// Of two resources that come online together the later one tells the earlier, and learns of it.
    pub fn appeared(&self) -> u64 {
        self.appeared.load(Ordering::Relaxed)
    }

    /// Whether it asked for the roster and so gets roster pushes (RFC 6121 §2.1.6).
    pub fn is_interested(&self) -> bool {
        self.interested.load(Ordering::Relaxed)
    }

    /// Marks it as asking for roster pushes.
    pub fn set_interested(&self) {
        self.interested.store(true, Ordering::Relaxed);
    }

    /// Whether it has no connection and waits to be resumed.
    pub fn is_detached(&self) -> bool {
        self.detached.load(Ordering::Relaxed)
    }

    /// Says that its connection is gone, or that it has one again.
    pub fn set_detached(&self, detached: bool) {
        self.detached.store(detached, Ordering::Relaxed);
    }

    /// When the client last sent anything, in seconds since the server started.
    pub fn active_at(&self) -> u32 {
        self.active_at.load(Ordering::Relaxed)
    }

    /// Notes that the client has just sent something.
    pub fn touch(&self, clock: &Clock) {
        self.active_at
            .store(u32::try_from(clock.uptime().as_secs()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// How the client is connected.
    pub fn info(&self) -> ConnectionInfo {
        self.info.lock().clone()
    }

    /// Says that the client is now connected otherwise, after a resumption.
    pub fn set_info(&self, info: ConnectionInfo) {
        *self.info.lock() = info;
    }
}

/// Messages for a session are held back as long as this exists.
#[derive(Debug)]
pub struct MessagesHeld(Arc<SessionHandle>);

impl Drop for MessagesHeld {
    fn drop(&mut self) {
        self.0.mailbox.release();
    }
}

impl std::fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({} #{})", self.jid, self.number)
    }
}

/// What a hook wants the session to do once its chain is over.
#[derive(Debug)]
pub enum Effect {
    /// Write a stanza to the client, past the hooks of receiving.
    Send(Stanza),
    /// Route a stanza to somebody.
    Route(Delivery),
    /// End the session.
    Close(CloseReason),
}

/// A session as its own task holds it. Hooks state effects; the task applies them after the chain.
pub struct Session {
    kernel: Kernel,
    host: Arc<Host>,
    handle: Arc<SessionHandle>,
    account: BareJid,
    slots: Vec<(TypeId, Box<dyn Any + Send + Sync>)>,
    effects: Vec<Effect>,
}

impl Session {
    /// A session just bound.
    pub fn new(kernel: Kernel, host: Arc<Host>, handle: Arc<SessionHandle>) -> Self {
        let account = handle.jid().to_bare();
        Self { kernel, host, handle, account, slots: Vec::new(), effects: Vec::new() }
    }

    /// The server.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The host of the account.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// The host's present generation.
    pub fn generation(&self) -> Arc<Generation> {
        self.host.generation()
    }

    /// The shared side of this session.
    pub fn handle(&self) -> &Arc<SessionHandle> {
        &self.handle
    }

    /// The full JID.
    pub fn jid(&self) -> &FullJid {
        self.handle.jid()
    }

    /// The account.
    pub fn account(&self) -> &BareJid {
        &self.account
    }

    /// Whether an address is this account, bare or with any resource, or left out.
    pub fn is_own_account(&self, to: Option<&Jid>) -> bool {
        to.is_none_or(|to| crate::sessions::bare_str(to) == self.account.as_str())
    }

    /// Writes a stanza to the client after the chain.
    pub fn send(&mut self, stanza: Stanza) {
        self.effects.push(Effect::Send(stanza));
    }

    /// Routes a stanza after the chain.
    pub fn route(&mut self, stanza: Stanza) {
        self.effects.push(Effect::Route(stanza.into()));
    }

    /// Ends the session after the chain.
    pub fn close(&mut self, reason: CloseReason) {
        self.effects.push(Effect::Close(reason));
    }

    /// Takes what the hooks asked for; for the session's task.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// A module's own state in this session, created when first asked for. It survives a resumption.
    pub fn slot<T: Default + Send + Sync + 'static>(&mut self) -> &mut T {
        let id = TypeId::of::<T>();
        let place = match self.slots.iter().position(|(key, _)| *key == id) {
            Some(place) => place,
            None => {
                self.slots.reserve_exact(1);
                self.slots.push((id, Box::<T>::default()));
                self.slots.len() - 1
            }
        };
        self.slots[place].1.downcast_mut().expect("a slot is filed under its own type")
    }

    /// A module's state if it ever asked for it.
    pub fn existing_slot<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.slots.iter().find(|(key, _)| *key == id)?.1.downcast_ref()
    }
}
