//! The way into a session: a bounded queue that never makes a sender wait.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;
use jid::Jid;
use parking_lot::Mutex;
use xmpp_wire::{Stanza, StanzaKind};

use crate::acceptance::Receipt;

/// A stanza on its way to a session.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The stanza, addressed.
    pub stanza: Stanza,
    /// The sender's receipt, if the sender waits for an acknowledgement.
    pub receipt: Option<Receipt>,
}

impl Delivery {
    /// A stanza nobody waits for.
    pub fn new(stanza: Stanza) -> Self {
        Self { stanza, receipt: None }
    }
}

impl From<Stanza> for Delivery {
    fn from(stanza: Stanza) -> Self {
        Self::new(stanza)
    }
}

/// What overtakes stanzas on the way into a session.
pub enum Control {
    /// End the session: another one took its place, an administrator asked for it, or its account is gone.
    Close(CloseReason),
    /// A connection resumes this session; what is inside is known to the door alone.
    Attach(Box<dyn std::any::Any + Send>),
    /// Send the present presence once more, through the hooks, as something that they add has changed.
    RepeatPresence,
    /// Act as if the client had sent this presence, without address: an administrator asked for it.
    Presence(Box<Stanza>),
    /// Something that the session waits for has happened; it knows what.
    Wake,
}

impl Control {
    fn supersedes(&self, waiting: &Self) -> bool {
        match (self, waiting) {
            (Self::Attach(_), Self::Attach(_)) | (Self::Presence(_), Self::Presence(_)) => true,
            (Self::Close(_), Self::Close(reason)) => *reason == CloseReason::Stalled,
            _ => false,
        }
    }

    fn makes_needless(&self, next: &Self) -> bool {
        matches!((self, next), (Self::Close(_), Self::Close(_)) | (Self::Wake, Self::Wake))
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(reason) => write!(f, "Close({reason:?})"),
            Self::Attach(_) => f.write_str("Attach"),
            Self::RepeatPresence => f.write_str("RepeatPresence"),
            Self::Presence(_) => f.write_str("Presence"),
            Self::Wake => f.write_str("Wake"),
        }
    }
}

/// Why a session must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Another session of the same resource replaced it: stream error `conflict`.
    Replaced,
    /// An administrator ended it, with the text to show: `policy-violation` or `not-authorized`.
    Kicked(String),
    /// The account was removed or its password changed: `not-authorized`.
    AccountGone,
    /// The server stops: `system-shutdown`.
    Shutdown,
    /// Its host is served no longer: `host-gone`.
    HostGone,
    /// It did not read what was sent to it: `resource-constraint`.
    Stalled,
}

/// How much a mailbox holds before its session counts as stalled.
#[derive(Clone, Copy, Debug)]
pub struct MailboxBounds {
    /// Stanzas at most.
    pub count_max: usize,
    /// Bytes of stanzas at most.
    pub bytes_max: usize,
}

impl Default for MailboxBounds {
    fn default() -> Self {
        Self { count_max: 5_000, bytes_max: 8 << 20 }
    }
}

/// Why a delivery came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The session does not read; it is told to end.
    Full,
    /// The session has ended.
    Closed,
}

/// Where in a mailbox a stanza goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Behind everything.
    Last,
    /// Before what is held back.
    Ahead,
    /// The same, in the half that is not left to what is new; nobody is blamed for there being no room.
    AheadIfRoom,
}

/// What a mailbox had when it was closed.
#[derive(Debug)]
pub struct Left {
    /// Control items.
    pub control: Vec<Control>,
    /// Stanzas that the session could have taken.
    pub stanzas: Vec<Delivery>,
    /// Messages that were held back: newer than those that are stored for the account, as the others are older.
    pub held: Vec<Delivery>,
}

/// The queue into one session. Any task may push, one task takes.
pub struct Mailbox {
    lanes: Mutex<Lanes>,
    waker: AtomicWaker,
    bounds: MailboxBounds,
}

#[derive(Default)]
struct Lanes {
    control: Vec<Control>,
    stanzas: VecDeque<Delivery>,
    held: Option<Box<Held>>,
    bytes: usize,
    closed: bool,
}

/// Messages that wait until older ones have gone in, and what their senders sent after them: stanzas of one sender
/// arrive in the order in which they were sent (RFC 6120 §10.1). There is one of these only while somebody holds.
#[derive(Default)]
struct Held {
    holders: usize,
    stanzas: VecDeque<Delivery>,
    senders: HashSet<Jid>,
}

impl Held {
    fn takes(&self, stanza: &Stanza) -> bool {
        matches!(stanza.kind(), StanzaKind::Message(_))
            || stanza.from().is_some_and(|from| self.senders.contains(from))
    }

    fn keep(&mut self, delivery: Delivery) {
        if let Some(from) = delivery.stanza.from()
            && !self.senders.contains(from)
        {
            self.senders.insert(from.clone());
        }
        self.stanzas.push_back(delivery);
    }
}

impl Lanes {
    fn len(&self) -> usize {
        self.stanzas.len() + self.held.as_ref().map_or(0, |held| held.stanzas.len())
    }
}

impl Mailbox {
    /// An empty mailbox; it allocates nothing until something arrives.
    pub fn new(bounds: MailboxBounds) -> Self {
        Self { lanes: Mutex::default(), waker: AtomicWaker::new(), bounds }
    }

    /// How much it holds.
    pub fn bounds(&self) -> MailboxBounds {
        self.bounds
    }

    /// Puts a stanza in, or gives it back.
    ///
    /// # Errors
    /// `Full` when a bound is reached, `Closed` when the session has ended; the delivery comes back with it.
    pub fn push(&self, delivery: Delivery) -> Result<(), (Refused, Delivery)> {
        self.put(delivery, Lane::Last)
    }

    /// The same for a message that is older than those held back: it goes before them.
    ///
    /// # Errors
    /// Those of [`Mailbox::push`].
    pub fn push_ahead(&self, delivery: Delivery) -> Result<(), (Refused, Delivery)> {
        self.put(delivery, Lane::Ahead)
    }

    /// The same for the estate of another session, which this one did not ask for: to have no room for it is no fault.
    pub(crate) fn push_ahead_if_room(&self, delivery: Delivery) -> Result<(), (Refused, Delivery)> {
        self.put(delivery, Lane::AheadIfRoom)
    }

    fn put(&self, delivery: Delivery, lane: Lane) -> Result<(), (Refused, Delivery)> {
        let size = delivery.stanza.size();
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            return Err((Refused::Closed, delivery));
        }
        // One stanza is always let in, so that a large one can never be undeliverable for good.
        let MailboxBounds { count_max, bytes_max } = self.bounds;
        let (waiting, count_max, bytes_max) = match lane {
            Lane::Last => (lanes.len(), count_max, bytes_max),
            // What is held back waits for this, and cannot be in its way.
            Lane::Ahead => (lanes.stanzas.len(), count_max, bytes_max.saturating_mul(2)),
            Lane::AheadIfRoom => (lanes.stanzas.len(), count_max / 2, bytes_max / 2),
        };
        let full = waiting >= count_max || lanes.bytes + size > bytes_max;
        if full && waiting > 0 {
            if lane == Lane::AheadIfRoom {
                return Err((Refused::Full, delivery));
            }
            if !lanes.control.iter().any(|c| matches!(c, Control::Close(_))) {
                lanes.control.push(Control::Close(CloseReason::Stalled));
                metrics::counter!(observe::names::MAILBOX_OVERFLOWS).increment(1);
            }
            drop(lanes);
            self.waker.wake();
            return Err((Refused::Full, delivery));
        }
        lanes.bytes += size;
        if let Some(held) = &mut lanes.held
            && lane == Lane::Last
            && held.takes(&delivery.stanza)
        {
            held.keep(delivery);
            return Ok(());
        }
        lanes.stanzas.push_back(delivery);
        drop(lanes);
        self.waker.wake();
        Ok(())
    }

    /// Holds messages back until [`Mailbox::release`] was called as often.
    pub(crate) fn hold(&self) {
        self.lanes.lock().held.get_or_insert_default().holders += 1;
    }

    pub(crate) fn release(&self) {
        let mut lanes = self.lanes.lock();
        let Some(held) = &mut lanes.held else { return };
        held.holders -= 1;
        if held.holders > 0 {
            return;
        }
        if let Some(held) = lanes.held.take() {
            lanes.stanzas.extend(held.stanzas);
        }
        drop(lanes);
        self.waker.wake();
    }

    /// Puts a control item in; these overtake stanzas. Returns it when the session has ended.
    ///
    /// At most one item of each kind waits: a later `Attach` takes the place of an earlier one, whose connection is
    /// closed by that, a later presence that of an earlier one, and the first reason to close stays unless it was `Stalled`.
    ///
    /// # Errors
    /// The item, when the session has ended.
    pub fn control(&self, control: Control) -> Result<(), Control> {
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            return Err(control);
        }
        let superseded = lanes.control.iter().position(|waiting| control.supersedes(waiting));
        let out_of_date = superseded.map(|place| lanes.control.remove(place));
        if !lanes.control.iter().any(|waiting| waiting.makes_needless(&control)) {
            lanes.control.push(control);
        }
        drop(lanes);
        // What is inside is dropped without the lock.
        drop(out_of_date);
        self.waker.wake();
        Ok(())
    }

    /// Waits until something makes the present connection not worth waiting for, without taking anything.
    ///
    /// For a task that is busy writing to that connection: a connection asks to resume the session, another session took
    /// its place, or it left so much unread that the session must give it up. Senders wait for what comes of that.
    pub fn poll_given_up(&self, cx: &mut Context<'_>) -> Poll<()> {
        let ends = |waiting: &Control| match waiting {
            Control::Attach(_) => true,
            Control::Close(reason) => {
                matches!(reason, CloseReason::Replaced | CloseReason::Stalled)
            }
            _ => false,
        };
        let is_given_up = || self.lanes.lock().control.iter().any(ends);
        if is_given_up() {
            return Poll::Ready(());
        }
        self.waker.register(cx.waker());
        if is_given_up() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits until something is there, then takes all control items and up to `count` stanzas.
    pub fn poll_take(
        &self,
        cx: &mut Context<'_>,
        count: usize,
        control: &mut Vec<Control>,
        stanzas: &mut Vec<Delivery>,
    ) -> Poll<()> {
        if self.take(count, control, stanzas) {
            return Poll::Ready(());
        }
        self.waker.register(cx.waker());
        if self.take(count, control, stanzas) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes what is there without waiting; says whether there was anything.
    pub fn take(
        &self,
        count: usize,
        control: &mut Vec<Control>,
        stanzas: &mut Vec<Delivery>,
    ) -> bool {
        let mut lanes = self.lanes.lock();
        if lanes.control.is_empty() && (lanes.stanzas.is_empty() || count == 0) {
            return false;
        }
        control.append(&mut lanes.control);
        let count = count.min(lanes.stanzas.len());
        let freed: usize = lanes.stanzas.iter().take(count).map(|d| d.stanza.size()).sum();
        stanzas.extend(lanes.stanzas.drain(..count));
        lanes.bytes -= freed;
        if lanes.stanzas.is_empty() {
            // An idle session keeps no queue memory.
            lanes.stanzas = VecDeque::new();
        }
        if lanes.control.is_empty() {
            lanes.control = Vec::new();
        }
        true
    }

    /// Takes all stanzas that the session can take at once, and no control items.
    pub fn take_stanzas(&self, stanzas: &mut Vec<Delivery>) {
        let mut lanes = self.lanes.lock();
        let freed: usize = lanes.stanzas.iter().map(|delivery| delivery.stanza.size()).sum();
        lanes.bytes -= freed;
        stanzas.extend(std::mem::take(&mut lanes.stanzas));
    }

    /// Takes what is held back: the session is not whom it waits for any more.
    pub fn take_held(&self) -> Vec<Delivery> {
        let mut lanes = self.lanes.lock();
        let held = lanes.held.as_mut().map(|held| {
            held.senders.clear();
            std::mem::take(&mut held.stanzas)
        });
        let held = held.unwrap_or_default();
        let freed: usize = held.iter().map(|delivery| delivery.stanza.size()).sum();
        lanes.bytes -= freed;
        held.into()
    }

    /// Refuses whatever comes from now on, and returns what was left.
    pub fn close(&self) -> Left {
        let mut lanes = self.lanes.lock();
        lanes.closed = true;
        lanes.bytes = 0;
        let control = std::mem::take(&mut lanes.control);
        let stanzas = std::mem::take(&mut lanes.stanzas).into();
        let held = lanes.held.as_mut().map(|held| std::mem::take(&mut held.stanzas));
        Left { control, stanzas, held: held.unwrap_or_default().into() }
    }

    /// Stanzas waiting, those held back among them.
    pub fn len(&self) -> usize {
        self.lanes.lock().len()
    }

    /// Stanzas that the session can take at once.
    pub fn ready_len(&self) -> usize {
        self.lanes.lock().stanzas.len()
    }

    /// Whether no stanza waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({})", self.len())
    }
}
