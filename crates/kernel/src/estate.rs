//! What an ended session leaves, and who waits for it (RFC 6120 §10.1, RFC 6121 §8).
//!
//! The stanzas of one sender reach an account in the order in which they were sent, to its bare and its full JIDs alike.
//! A sender sends one after the other, and each is pushed into a mailbox or stored before the next one is looked at, so
//! order is lost only where messages change their place: a session ends with some that its client does not have (its
//! estate), and they go to another session or are stored. Three rules keep the order:
//!
//! - Newer messages wait, in the tasks of their senders, from the moment at which the session is not there any more (it
//!   has left the table, was replaced in it, has refused a message for want of room, or becomes unavailable) until its
//!   estate is given back.
//!   [`Gate`] is what they wait at; the table of sessions has it beside the sessions, so that looking there costs
//!   nothing. An estate waits for the store, never for a client, and nobody waits longer than [`PROBATE_MAX`].
//! - The estate is older than what is stored for the account: it goes before that, the last message first, each in a
//!   transaction of its own. So what a crash leaves is still older than what has been stored.
//! - Messages that were held back in the ended session's mailbox waited for stored ones and go behind those.
//!
//! No loss is above order: who has waited too long, or is waited for, goes on. Nothing is counted as handled meanwhile.

use std::sync::Arc;
use std::time::Duration;

use jid::Jid;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::Kernel;
use crate::hooks::Age;
use crate::host::Host;
use crate::mailbox::Delivery;
use crate::router::{Offered, Turn};
use crate::session::SessionHandle;

/// How long a message waits for older ones at most. An estate of a thousand messages is stored in less; a store that
/// is slower than that has other troubles, and the senders' clients want answers.
const PROBATE_MAX: Duration = Duration::from_secs(5);

/// A sender that waits looks this often whether somebody waits for the sender.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Time for a session to make room, when it has been waited for once and is full again.
const ROOM_INTERVAL: Duration = Duration::from_millis(20);

/// What new messages for an account wait at until the older ones are where they belong.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Has no permits: who waits for one learns that it was closed.
    settled: Semaphore,
    /// After this it keeps nobody any more.
    until: Instant,
}

impl Default for Gate {
    fn default() -> Self {
        Self { settled: Semaphore::new(0), until: Instant::now() + PROBATE_MAX }
    }
}

impl Gate {
    pub(crate) fn open(&self) {
        self.settled.close();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.settled.is_closed() || Instant::now() >= self.until
    }

    async fn passed(&self) {
        // It opens by being closed; there are no permits. Or the time is over.
        drop(timeout_at(self.until, self.settled.acquire()).await);
    }
}

/// A session whose messages are changing their place. What is new for its account waits until this is dropped.
pub struct Probate {
    kernel: Kernel,
    handle: Arc<SessionHandle>,
    stays: bool,
}

impl Drop for Probate {
    fn drop(&mut self) {
        if self.stays {
            self.kernel.sessions().has_room(&self.handle);
        } else {
            self.kernel.sessions().settle(&self.handle);
        }
    }
}

impl Kernel {
    /// Takes a session out of the table, if it is there, and makes what is new wait for its estate.
    pub fn open_probate(&self, handle: &Arc<SessionHandle>) -> Probate {
        // Never released: what is held back stays apart from what is older than stored messages.
        handle.mailbox().hold();
        self.sessions().take_out(handle);
        Probate { kernel: self.clone(), handle: handle.clone(), stays: false }
    }

    /// The same for a session that stays and gives some of its messages away.
    pub fn pause_account(&self, handle: &Arc<SessionHandle>) -> Probate {
        self.sessions().overflowed(handle);
        Probate { kernel: self.clone(), handle: handle.clone(), stays: true }
    }

    /// Whether what is new for an account, given as `user@host`, has to wait for an estate.
    pub fn is_in_probate(&self, bare: &str) -> bool {
        self.sessions().gate(bare).is_some()
    }

    /// Waits until no estate of an account, given as `user@host`, is outstanding; [`PROBATE_MAX`] for each at most.
    pub async fn probate_over(&self, bare: &str) {
        while let Some(gate) = self.sessions().gate(bare) {
            gate.passed().await;
        }
    }

    /// Gives the stanzas of an ended session to its account, past its hooks: to other sessions, or to be kept.
    ///
    /// `older` is older than what is kept for the account, `newest` is newer; each begins with the oldest. All of them
    /// are addressed.
    pub async fn bequeath(&self, host: &Arc<Host>, older: Vec<Delivery>, newest: Vec<Delivery>) {
        let mut untaken = Vec::new();
        for delivery in older {
            if let Offered::Untaken(back) = self.offer(delivery, Turn::First) {
                untaken.push(back);
            }
        }
        // Each goes before all that are there.
        while let Some(delivery) = untaken.pop() {
            self.without_session(host, delivery, Age::Oldest).await;
        }
        for delivery in newest {
            if let Offered::Untaken(back) = self.offer(delivery, Turn::AtOnce) {
                self.without_session(host, back, Age::Newest).await;
            }
        }
    }

    /// Delivers a stanza whose turn has yet to come.
    pub(crate) async fn deliver_later(
        &self,
        host: &Arc<Host>,
        mut gate: Arc<Gate>,
        mut delivery: Delivery,
    ) {
        let deadline = Instant::now() + PROBATE_MAX;
        loop {
            let waited = self.has_turn(&gate, delivery.stanza.from(), deadline).await;
            let turn = if waited { Turn::AfterOlder } else { Turn::AtOnce };
            match self.offer(delivery, turn) {
                Offered::Taken => return,
                Offered::Untaken(back) => {
                    return self.without_session(host, back, Age::Newest).await;
                }
                Offered::NotYet(next, back) => (gate, delivery) = (next, back),
            }
            tokio::time::sleep(ROOM_INTERVAL).await;
        }
    }

    /// Waits at a gate; says whether the turn has come, or the sender must not wait any longer.
    ///
    /// The task that sends may be that of a session which has been replaced, and somebody waits for its end: if it
    /// waited itself, each could wait for the other.
    async fn has_turn(&self, gate: &Gate, from: Option<&Jid>, deadline: Instant) -> bool {
        let is_awaited = || from.is_some_and(|from| self.sessions().is_awaited(from));
        while Instant::now() < deadline && !is_awaited() {
            if timeout(LOOK_INTERVAL, gate.passed()).await.is_ok() {
                return true;
            }
        }
        false
    }
}
