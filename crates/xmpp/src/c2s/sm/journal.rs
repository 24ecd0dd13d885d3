//! The journal: what stream management must not lose with the process.
//!
//! A message for a session is written to the journal before it is written to the client, together with the count of
//! what its sender sent. So after a crash both sides know what the other has: nothing that was acknowledged is lost,
//! and nothing is sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::store::{StoreError, Tx};
use kernel::{Acceptance, Delivery, Kernel, Receipt};
use xmpp_wire::Stanza;
use xmpp_wire::sm::Counter;

use super::store::{self, Reached};
use super::{Row, SmId};

/// The journal of one session.
#[derive(Clone)]
pub(crate) struct Journal {
    kernel: Kernel,
    id: SmId,
    /// What others got of this session's messages before a restart.
    reached: Option<Arc<Vec<Reached>>>,
}

/// A message on its way into the journal.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    pub(crate) stanza: Stanza,
    pub(crate) receipt: Option<Receipt>,
}

impl Journal {
    pub(crate) fn new(kernel: Kernel, id: SmId) -> Self {
        Self { kernel, id, reached: None }
    }

    /// The journal of a session of before a restart, during which its messages were being dealt with elsewhere.
    pub(crate) fn with_reached(mut self, reached: Vec<Reached>) -> Self {
        self.reached = (!reached.is_empty()).then(|| Arc::new(reached));
        self
    }

    /// Enters the session; it can be resumed after a crash from now on.
    pub(crate) async fn open(&self, session: store::SessionRow) -> Result<(), StoreError> {
        let id = self.id.clone();
        self.kernel
            .store()
            .write(move |tx| store::insert_session(tx, id.as_str(), &session))
            .await?;
        Ok(())
    }

    /// Writes messages before they are sent, and removes those that the client has acknowledged.
    ///
    /// The receipts are recorded in the same transaction, and completed by its commit.
    ///
    /// # Errors
    /// The store does not take them: they come back, to be refused.
    pub(crate) async fn append(
        &self,
        entries: Vec<Entry>,
        acked: Vec<Row>,
    ) -> Result<(), Vec<Entry>> {
        let id = self.id.clone();
        let entries = Arc::new(entries);
        let shared = entries.clone();
        let written = self.kernel.store().write(move |tx| {
            acked.iter().try_for_each(|row| store::delete_stanza(tx, id.as_str(), *row))?;
            shared.iter().try_for_each(|entry| {
                store::insert_stanza(tx, id.as_str(), entry.row, &entry.stanza)?;
                let record = |receipt: &Receipt| receipt.record_for(tx, id.as_str());
                entry.receipt.as_ref().map_or(Ok(()), record)
            })?;
            // The receipts leave the closure with the commit: if this task is gone by then, they do not end before.
            Ok(shared)
        });
        match written.await {
            // Dropping the entries completes their receipts.
            Ok(committed) => {
                let (shared, proof) = committed.split();
                shared
                    .iter()
                    .filter_map(|entry| entry.receipt.as_ref())
                    .for_each(|receipt| receipt.recorded(&proof));
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "messages could not be stored before delivery");
                // The writer may still hold the closure that it refused to run, so they may have to be copied.
                Err(Arc::unwrap_or_clone(entries))
            }
        }
    }

    /// Makes durable how many stanzas of the client are handled; never takes a count back.
    ///
    /// # Errors
    /// Those of the store: the count must not be told to the client then.
    pub(crate) async fn store_handled(&self, handled: Counter) -> Result<(), StoreError> {
        let id = self.id.clone();
        self.kernel
            .store()
            .write(move |tx| store::update_handled(tx, id.as_str(), handled))
            .await?;
        Ok(())
    }

    /// Removes acknowledged messages when the session has nothing else to write.
    pub(crate) fn forget(&self, acked: Vec<Row>) {
        let id = self.id.clone();
        self.submit("acknowledged messages", move |tx| {
            acked.iter().try_for_each(|row| store::delete_stanza(tx, id.as_str(), *row))
        });
    }

    /// Keeps what a resumed session needs to be known again: its presence, and whether it wants roster pushes.
    pub(crate) fn remember_presence(&self, presence: Option<&Stanza>, interested: bool) {
        let presence = presence.map(text);
        let id = self.id.clone();
        self.submit("the presence of a session", move |tx| {
            store::update_presence(tx, id.as_str(), presence.as_deref(), interested)
        });
    }

    /// Replaces the numbers of what is left after a resumption across a restart.
    pub(crate) async fn renumber(&self, left: Vec<(Row, Stanza)>) -> Result<(), StoreError> {
        let id = self.id.clone();
        let write = move |tx: &mut Tx<'_>| {
            store::delete_stanzas(tx, id.as_str())?;
            left.iter()
                .try_for_each(|(row, stanza)| store::insert_stanza(tx, id.as_str(), *row, stanza))
        };
        self.kernel.store().write(write).await?;
        Ok(())
    }

    /// Forgets the session, which has no messages that its client lacks.
    pub(crate) async fn close(&self) {
        let id = self.id.clone();
        let closed = self.kernel.store().write(move |tx| store::delete_session(tx, id.as_str()));
        if let Err(error) = closed.await {
            tracing::error!(%error, "the end of a session could not be stored");
        }
    }

    /// Says that the session is over, before what its client does not have goes elsewhere: after a crash the rest of that
    /// follows. Neither can the client resume the session then and have it all, nor is what it `acked` among it.
    pub(crate) async fn mark_ended(&self, acked: Vec<Row>) {
        let id = self.id.clone();
        let marked = self.kernel.store().write(move |tx| {
            acked.iter().try_for_each(|row| store::delete_stanza(tx, id.as_str(), *row))?;
            store::end_session(tx, id.as_str())
        });
        if let Err(error) = marked.await {
            // A store that does not take this takes none of the messages either: they stay where they are.
            tracing::error!(%error, "the end of a session could not be stored");
        }
    }

    /// Turns an unacknowledged message into one that leaves the journal when it has been dealt with elsewhere.
    pub(crate) fn hand_over(&self, ending: &Arc<Ending>, row: Row, stanza: Stanza) -> Delivery {
        let row = JournalRow { ending: ending.clone(), row };
        Delivery { stanza, receipt: Some(Receipt::new(row)) }
    }

    /// The end of the session: its row goes when the last of its messages has been dealt with.
    pub(crate) fn end(&self) -> Arc<Ending> {
        Arc::new(Ending { journal: self.clone(), kept: AtomicBool::new(false) })
    }

    fn submit(
        &self,
        what: &'static str,
        write: impl FnOnce(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    ) {
        // What is lost here is at worst sent once more after a crash; the session goes on.
        let done = move |result: Result<_, StoreError>| {
            if let Err(error) = result {
                tracing::warn!(%error, "could not write {what} to the journal of stream management");
            }
        };
        if let Err(error) = self.kernel.store().write_then(write, done) {
            tracing::warn!(%error, "could not queue {what} for the journal of stream management");
        }
    }
}

/// Held by every message that is still to be dealt with; the last one removes the session from the journal.
pub(crate) struct Ending {
    journal: Journal,
    /// A panic took one of the messages: its row stays until the server is started again and finds it.
    kept: AtomicBool,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Relaxed) {
            return;
        }
        let id = self.journal.id.clone();
        self.journal
            .submit("the end of a session", move |tx| store::delete_session(tx, id.as_str()));
    }
}

/// A message of an ended session, which leaves the journal in the transaction that stores it elsewhere.
struct JournalRow {
    ending: Arc<Ending>,
    row: Row,
}

impl Acceptance for JournalRow {
    fn record(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        store::delete_stanza(tx, self.ending.journal.id.as_str(), self.row)
    }

    fn handled(&self) {
        // Covers what needed no store, such as an error to the sender; a second deletion does no harm.
        self.ending.journal.forget(vec![self.row]);
    }

    fn record_part(&self, tx: &mut Tx<'_>, target: &str) -> Result<(), StoreError> {
        store::insert_reached(tx, self.ending.journal.id.as_str(), -1 - self.row, target)
    }

    fn has_reached(&self, target: &str) -> bool {
        let reached = self.ending.journal.reached.iter().flat_map(|all| all.iter());
        reached.into_iter().any(|one| one.seq == -1 - self.row && *one.target == *target)
    }

    fn abandoned(&self) {
        self.ending.kept.store(true, Ordering::Relaxed);
    }
}

/// A stanza in its stored form.
pub(crate) fn text(stanza: &Stanza) -> String {
    String::from_utf8(stanza.to_bytes()).expect("a stanza is made of checked text")
}
