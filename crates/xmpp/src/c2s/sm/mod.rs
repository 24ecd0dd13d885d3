//! Stream management of one session (XEP-0198): what the client has not acknowledged, what it may be told is handled.

mod journal;
mod module;
mod registry;
mod restore;
mod store;

use std::sync::Arc;
use std::time::Duration;

use kernel::{Acceptance, Control, Delivery, Receipt, SessionHandle};
use ::store::{StoreError, Tx};
use parking_lot::Mutex;
use tokio::time::Instant;
use xmpp_wire::sm::{Counter, Handled, Ledger, OutQueue, QueueError};

pub(crate) use journal::Journal;
pub use module::{Policy, ResendOnTimeout, StreamMgmt};
pub(crate) use registry::{Registry, Resumption};
pub use restore::restore;

/// Ties a session to its rows in the journal, and names it in resumption.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SmId(Arc<str>);

impl SmId {
    pub(crate) fn new(token: &str) -> Self {
        Self(token.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The part of stream management that other tasks touch: the count of what has been handled for good.
pub(crate) struct Inbound {
    id: SmId,
    ledger: Mutex<LedgerState>,
    handle: Arc<SessionHandle>,
}

struct LedgerState {
    ledger: Ledger,
    /// The session wants to hear when everything up to this number is handled.
    awaited: Option<u32>,
    /// Stanzas recorded in the journal ahead of an earlier one that is not finished.
    out_of_order: bool,
}

impl Inbound {
    pub(crate) fn new(id: SmId, ledger: Ledger, handle: Arc<SessionHandle>) -> Arc<Self> {
        let state = LedgerState { ledger, awaited: None, out_of_order: false };
        Arc::new(Self { id, ledger: Mutex::new(state), handle })
    }

    /// Counts a stanza from the client and returns the receipt that says when it is handled.
    pub(crate) fn received(self: &Arc<Self>) -> Receipt {
        let seq = self.ledger.lock().ledger.received();
        Receipt::new(InboundStanza { inbound: self.clone(), seq })
    }

    /// What the client may be told, if that is everything it sent; otherwise the session is woken when it is.
    pub(crate) fn handled_all(&self) -> Option<Handled> {
        let mut state = self.ledger.lock();
        if state.ledger.is_complete() {
            return Some(state.ledger.handled());
        }
        state.awaited = Some(state.ledger.last_received().value());
        None
    }

    /// What the client may be told now.
    pub(crate) fn handled(&self) -> Handled {
        self.ledger.lock().ledger.handled()
    }
}

struct InboundStanza {
    inbound: Arc<Inbound>,
    seq: Counter,
}

impl Acceptance for InboundStanza {
    fn record(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let mut state = self.inbound.ledger.lock();
        let prefix = state.ledger.handled_if(self.seq);
        let ahead = prefix.value() != self.seq.value() && !state.ledger.covers(prefix, self.seq);
        let had_rows = state.out_of_order;
        state.out_of_order |= ahead;
        drop(state);
        store::record_inbound(tx, self.inbound.id.as_str(), prefix.value(), ahead.then(|| self.seq.value()), had_rows)
    }

    fn handled(&self) {
        let mut state = self.inbound.ledger.lock();
        state.ledger.complete(self.seq);
        if state.awaited.is_some() && state.ledger.is_complete() {
            state.awaited = None;
            drop(state);
            // A session that has ended needs no waking.
            drop(self.inbound.handle.mailbox().control(Control::Wake(WAKE_HANDLED)));
        }
    }
}

/// Tells the session that everything it asked about has been handled.
pub(crate) const WAKE_HANDLED: u32 = 1;

/// Stream management of one session, owned by its task.
pub(crate) struct Sm {
    pub(crate) id: SmId,
    pub(crate) inbound: Arc<Inbound>,
    pub(crate) queue: OutQueue<Delivery>,
    pub(crate) policy: Arc<Policy>,
    /// How long the session outlives its connection; `None` when the client did not ask for resumption.
    pub(crate) resume_for: Option<Duration>,
    /// The client asked for an acknowledgement that could not be given yet.
    pub(crate) owes_ack: bool,
    /// When the client must have answered our request for an acknowledgement.
    pub(crate) ack_deadline: Option<Instant>,
    /// Rows of the journal that the client has acknowledged since the last write.
    pub(crate) acked_in_journal: Option<Counter>,
}

impl Sm {
    pub(crate) fn new(
        id: SmId,
        policy: Arc<Policy>,
        resume_for: Option<Duration>,
        inbound: Arc<Inbound>,
        queue: OutQueue<Delivery>,
    ) -> Self {
        Self { id, inbound, queue, policy, resume_for, owes_ack: false, ack_deadline: None, acked_in_journal: None }
    }

    /// Takes an acknowledgement of the client.
    ///
    /// # Errors
    /// The client acknowledges more than it was sent (XEP-0198 §4, `handled-count-too-high`).
    pub(crate) fn acknowledged(&mut self, h: Counter) -> Result<(), QueueError> {
        let gone = self.queue.ack(h)?;
        self.ack_deadline = None;
        if !gone.is_empty() {
            self.acked_in_journal = Some(h);
        }
        Ok(())
    }
}
