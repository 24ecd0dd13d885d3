//! Stream management of one session (XEP-0198): what the client has not acknowledged, what it may be told is handled.

mod journal;
mod module;
mod registry;
mod restore;
pub(crate) mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::store::{StoreError, Tx};
use kernel::{Acceptance, Control, Kernel, Receipt, SessionHandle};
use parking_lot::Mutex;
use tokio::time::Instant;
use xmpp_wire::Stanza;
use xmpp_wire::sm::{AckError, Counter, Handled, Ledger, OutQueue, Seq};

pub(crate) use journal::{Entry as JournalEntry, Journal, text};
pub(crate) use module::StreamMgmt;
pub(crate) use module::{Policy, ResendOnTimeout};
pub(crate) use registry::Resumption;
pub use restore::restore;
pub(crate) use store::{Reached, SessionRow};

/// The bytes a session may have unacknowledged, beside the count of `max_ack_queue`.
const QUEUE_BYTES_MAX: usize = 16 << 20;

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
    state: Mutex<InboundState>,
    handle: Arc<SessionHandle>,
}

struct InboundState {
    ledger: Ledger,
    /// The session wants to be woken when everything is handled.
    awaited: bool,
    /// The journal may have numbers of stanzas that were handled ahead of an earlier one.
    ahead_stored: bool,
    /// How many the journal is known to count as handled. The client must not be told more: after a crash it would
    /// be told less, and the two would count differently from then on.
    durable: Counter,
    /// Which targets have stanzas that others are still to get; short, as it is emptied with every stanza handled.
    reached: Vec<Reached>,
    /// The journal may have some of those.
    reached_stored: bool,
}

impl Inbound {
    pub(crate) fn new(id: SmId, ledger: Ledger, handle: Arc<SessionHandle>) -> Arc<Self> {
        Self::resumed(id, ledger, Vec::new(), handle)
    }

    /// The count of a session of before a restart.
    pub(crate) fn resumed(
        id: SmId,
        ledger: Ledger,
        reached: Vec<Reached>,
        handle: Arc<SessionHandle>,
    ) -> Arc<Self> {
        let durable = ledger.handled().counter();
        // A session that goes on may have left some behind.
        let reached_stored = !reached.is_empty();
        let state = InboundState {
            ledger,
            awaited: false,
            ahead_stored: true,
            durable,
            reached,
            reached_stored,
        };
        Arc::new(Self { id, state: Mutex::new(state), handle })
    }

    /// Counts a stanza from the client and returns the receipt that says when it is handled.
    ///
    /// None for a stanza that was handled before a restart and is now repeated.
    pub(crate) fn received(self: &Arc<Self>) -> Option<Receipt> {
        let mut state = self.state.lock();
        if state.ledger.repeated() {
            return None;
        }
        let seq = state.ledger.received();
        drop(state);
        Some(Receipt::new(InboundStanza {
            inbound: self.clone(),
            seq,
            recorded: AtomicU64::new(NOT_RECORDED),
        }))
    }

    /// What the client may be told, if that is everything it sent; otherwise the session is woken when it is.
    pub(crate) fn handled_all(&self) -> Option<Handled> {
        let mut state = self.state.lock();
        state.awaited = !state.ledger.is_settled();
        (!state.awaited).then(|| state.ledger.handled())
    }

    /// Whether the fate of a stanza is unknown, so that the client must be made to send it again.
    pub(crate) fn has_abandoned(&self) -> bool {
        self.state.lock().ledger.has_abandoned()
    }

    /// Expects the abandoned stanzas and what came after them once more; the client is about to be told so.
    pub(crate) fn rewind(&self) {
        self.state.lock().ledger.rewind();
    }

    /// Makes what the client is to be told durable, if it is not already. Free when every stanza was recorded with
    /// its effect.
    ///
    /// # Errors
    /// Those of the store: the client must not be told then.
    pub(crate) async fn settle(
        &self,
        journal: &Journal,
        handled: Handled,
    ) -> Result<(), StoreError> {
        let count = handled.counter();
        if is_covered(self.state.lock().durable, count) {
            return Ok(());
        }
        journal.store_handled(count).await?;
        self.note_durable(count);
        Ok(())
    }

    fn note_durable(&self, count: Counter) {
        let mut state = self.state.lock();
        if !is_covered(state.durable, count) {
            state.durable = count;
        }
    }

    fn wake(&self) {
        // A session that has ended needs no waking.
        drop(self.handle.mailbox().control(Control::Wake));
    }

    /// What the client may be told now.
    pub(crate) fn handled(&self) -> Handled {
        self.state.lock().ledger.handled()
    }
}

/// Whether a count includes another one, modulo 2^32.
fn is_covered(by: Counter, count: Counter) -> bool {
    by.since(count) < u32::MAX / 2
}

struct InboundStanza {
    inbound: Arc<Inbound>,
    seq: Seq,
    /// The count that was last written together with an effect of this stanza, or [`NOT_RECORDED`].
    recorded: AtomicU64,
}

/// No count, as counts have 32 bits.
const NOT_RECORDED: u64 = u64::MAX;

impl Acceptance for InboundStanza {
    fn record(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let mut state = self.inbound.state.lock();
        let handled = state.ledger.preview(self.seq);
        let covered = (1..u32::MAX / 2).contains(&handled.since(self.seq.counter()));
        let tidy = covered && state.ahead_stored;
        // Kept while stanzas are under way: one of them may be noted as ahead, or this transaction may fail.
        state.ahead_stored = !covered || (tidy && state.ledger.pending() > 1);
        let forget = covered && state.reached_stored;
        state.reached_stored &= !covered || state.ledger.pending() > 1;
        drop(state);
        let id = self.inbound.id.as_str();
        if !covered {
            // Ahead of one that is not finished: it will be repeated together with that one, so it is noted by itself.
            return store::insert_ahead(tx, id, self.seq.counter());
        }
        if tidy {
            store::delete_ahead(tx, id, handled)?;
        }
        if forget {
            store::delete_reached(tx, id, handled)?;
        }
        self.recorded.store(handled.get().into(), Ordering::Relaxed);
        store::update_handled(tx, id, handled)
    }

    fn record_part(&self, tx: &mut Tx<'_>, target: &str) -> Result<(), StoreError> {
        let seq = self.seq.counter().get().into();
        let mut state = self.inbound.state.lock();
        state.reached.push(Reached { seq, target: target.into() });
        state.reached_stored = true;
        drop(state);
        store::insert_reached(tx, self.inbound.id.as_str(), seq, target)
    }

    fn has_reached(&self, target: &str) -> bool {
        let seq = i64::from(self.seq.counter().get());
        let state = self.inbound.state.lock();
        state.reached.iter().any(|one| one.seq == seq && *one.target == *target)
    }

    fn recorded(&self) {
        if let Ok(count) = u32::try_from(self.recorded.load(Ordering::Relaxed)) {
            self.inbound.note_durable(Counter::new(count));
        }
    }

    fn handled(&self) {
        let mut state = self.inbound.state.lock();
        state.ledger.complete(self.seq);
        let seq = i64::from(self.seq.counter().get());
        state.reached.retain(|one| one.seq != seq);
        if state.awaited && state.ledger.is_settled() {
            state.awaited = false;
            drop(state);
            self.inbound.wake();
        }
    }

    fn abandoned(&self) {
        let mut state = self.inbound.state.lock();
        state.ledger.abandon(self.seq);
        state.awaited = false;
        drop(state);
        self.inbound.wake();
    }
}

/// A stanza that the client has not acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) stanza: Stanza,
    /// Its row in the journal, if it is kept there.
    pub(crate) row: Option<Row>,
}

/// The number of a message in the journal: its place in the stream, or beyond [`NEVER_SENT`] while it has none.
pub(crate) type Row = i64;

/// Numbers from here on are of messages that came between a restart and the client's return.
const NEVER_SENT: Row = 1 << 32;

/// Stream management of one session, owned by its task.
pub(crate) struct Sm {
    pub(crate) id: SmId,
    pub(crate) journal: Journal,
    pub(crate) inbound: Arc<Inbound>,
    pub(crate) queue: OutQueue<Kept>,
    pub(crate) policy: Arc<Policy>,
    /// The namespace the client speaks, version 2 or 3.
    pub(crate) ns: &'static str,
    /// How long the session outlives its connection; `None` when the client did not ask for resumption.
    pub(crate) resume_for: Option<Duration>,
    /// The client asked for an acknowledgement that could not be given yet: by when it gets at least the count of what
    /// is handled already. No time is left when it got that.
    pub(crate) owes_ack: Option<Option<Instant>>,
    /// How many requests have not been answered; each gets an answer of its own (XEP-0198 §4).
    pub(crate) requests: u32,
    /// We asked for one, and by when it must be there.
    pub(crate) asked: Option<Option<Instant>>,
    /// Rows of the journal that the client has acknowledged since the last write.
    pub(crate) acked_rows: Vec<Row>,
    /// What was kept before a restart, until the client says what it has of it.
    pub(crate) unconfirmed: Option<Vec<Kept>>,
    /// What the queue had no room for. It ends the session, and goes where the rest of the queue goes.
    overflow: Vec<Kept>,
}

impl Sm {
    pub(crate) fn new(
        kernel: &Kernel,
        id: SmId,
        policy: Arc<Policy>,
        ns: &'static str,
        inbound: Arc<Inbound>,
    ) -> Self {
        let queue = OutQueue::new(policy.max_ack_queue, QUEUE_BYTES_MAX);
        Self {
            journal: Journal::new(kernel.clone(), id.clone()),
            id,
            inbound,
            queue,
            policy,
            ns,
            resume_for: None,
            owes_ack: None,
            requests: 0,
            asked: None,
            acked_rows: Vec::new(),
            unconfirmed: None,
            overflow: Vec::new(),
        }
    }

    /// When the client must have acknowledged.
    pub(crate) fn ack_deadline(&self) -> Option<Instant> {
        self.asked.flatten()
    }

    /// When the client must have got an answer to its request.
    pub(crate) fn answer_deadline(&self) -> Option<Instant> {
        self.owes_ack.flatten()
    }

    /// Makes a count durable before the client is told, if it matters after a crash.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn settle(&self, handled: Handled) -> Result<(), StoreError> {
        if self.resume_for.is_none() {
            return Ok(());
        }
        self.inbound.settle(&self.journal, handled).await
    }

    /// Takes an acknowledgement of the client.
    ///
    /// # Errors
    /// The client acknowledges more than it was sent (XEP-0198 §4, `handled-count-too-high`).
    pub(crate) fn acknowledged(&mut self, h: Counter) -> Result<(), AckError> {
        let gone = self.queue.ack(h)?;
        self.acked_rows.extend(gone.filter_map(|kept| kept.row));
        self.queue.shrink();
        self.asked = None;
        if self.queue.is_empty() && !self.acked_rows.is_empty() {
            self.journal.forget(std::mem::take(&mut self.acked_rows));
        }
        Ok(())
    }

    /// After a restart: drops what the client says it has, and numbers the rest on from there.
    pub(crate) async fn confirm(&mut self, h: Counter) -> Result<(), StoreError> {
        let Some(unconfirmed) = self.unconfirmed.take() else { return Ok(()) };
        self.queue = OutQueue::resumed(h, self.policy.max_ack_queue, QUEUE_BYTES_MAX);
        let mut rows = Vec::new();
        for (number, kept) in (0..).zip(unconfirmed.into_iter().filter(|kept| kept.is_after(h))) {
            let row = Row::from(h.after(number).get());
            rows.push((row, kept.stanza.clone()));
            self.push(Kept { row: Some(row), ..kept });
        }
        if !self.overflow.is_empty() {
            return Err(StoreError::Rejected(
                "more unacknowledged messages than max_ack_queue allows",
            ));
        }
        self.journal.renumber(rows).await
    }

    fn push(&mut self, kept: Kept) -> bool {
        let size = kept.stanza.size();
        // Once something did not fit nothing later may: the order counts.
        let fits = self.overflow.is_empty();
        if !fits || self.queue.push(kept.clone(), size).is_err() {
            self.overflow.push(kept);
            return false;
        }
        true
    }

    /// The number in the journal of the next message but `ahead`.
    pub(crate) fn next_row(&self, ahead: u32) -> Row {
        match &self.unconfirmed {
            None => Row::from(self.queue.sent().after(ahead).get()),
            Some(kept) => {
                let last = kept.iter().filter_map(|kept| kept.row).max().unwrap_or(0);
                last.max(NEVER_SENT) + 1 + Row::from(ahead)
            }
        }
    }

    /// Keeps a stanza until it is acknowledged. Says whether the client may have it: `false` when it leaves more
    /// unacknowledged than it may, which must end the session.
    pub(crate) fn keep(&mut self, kept: Kept) -> bool {
        match &mut self.unconfirmed {
            None => self.push(kept),
            // What is of the moment has no use for a client that is away since before the restart.
            Some(_) if kept.row.is_none() => true,
            Some(all) => {
                let bytes: usize = all.iter().map(|kept| kept.stanza.size()).sum();
                let fits = all.len() < self.policy.max_ack_queue
                    && bytes + kept.stanza.size() <= QUEUE_BYTES_MAX;
                if fits {
                    all.push(kept)
                } else {
                    self.overflow.push(kept)
                }
                fits
            }
        }
    }

    /// Everything that the client may not have, oldest first, and the rows of what it has; for the end of the session.
    pub(crate) fn into_unacknowledged(mut self) -> (Journal, Vec<Kept>, Vec<Row>) {
        let mut all = self.unconfirmed.take().unwrap_or_default();
        all.extend(self.queue.drain());
        all.append(&mut self.overflow);
        (self.journal, all, self.acked_rows)
    }
}

impl Kept {
    /// Whether a client that has counted `h` stanzas cannot have counted this one.
    fn is_after(&self, h: Counter) -> bool {
        self.row.is_some_and(|row| match u32::try_from(row) {
            Ok(number) => Counter::new(number).since(h) < u32::MAX / 2,
            Err(_) => true,
        })
    }
}
