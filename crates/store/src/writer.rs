//! The writer: one thread, one connection, group commit.
//!
//! Changes arrive as closures on a bounded queue. The writer opens one transaction, runs as many
//! closures as are waiting (up to a bound), commits once and then answers all of them. So a busy
//! server pays one flush of the disk for hundreds of changes, and an idle one never waits for company.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use observe::names;
use tokio::sync::{mpsc, oneshot};

use crate::durable::Committed;
use crate::engine::{Connection, Control};
use crate::error::StoreError;
use crate::files::Lock;
use crate::query::Tx;

/// What the writer is asked to do.
pub(crate) enum Message {
    /// A change that may share a commit with others.
    Write(Box<dyn Job>),
    /// Work that needs the connection for itself, outside any transaction.
    Alone(Box<dyn FnOnce(&mut Connection) + Send>),
    /// Finish what is queued, checkpoint, close, and say how that went.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// A change on its way through the writer.
pub(crate) trait Job: Send {
    /// Runs the closure once; returns whether its changes are to be kept.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// The error that the closure returned, if it did.
    fn error(&self) -> Option<StoreError>;
    /// Replaces the outcome by an error.
    fn fail(&mut self, error: StoreError);
    /// Hands the outcome to the one who waits. Called after the commit if [`Job::run`] returned true
    /// and nobody called [`Job::fail`].
    fn finish(self: Box<Self>);
}

/// A job made of a closure and a callback.
pub(crate) struct Change<T, F, D> {
    closure: Option<F>,
    done: D,
    outcome: Result<T, StoreError>,
}

impl<T, F, D> Change<T, F, D>
where
    T: Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    D: FnOnce(Result<Committed<T>, StoreError>) + Send + 'static,
{
    pub(crate) fn boxed(closure: F, done: D) -> Box<dyn Job> {
        Box::new(Self { closure: Some(closure), done, outcome: Err(StoreError::Closed) })
    }
}

impl<T, F, D> Job for Change<T, F, D>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send,
    D: FnOnce(Result<Committed<T>, StoreError>) + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let closure = self.closure.take().expect("the writer runs a job once");
        self.outcome =
            catch_unwind(AssertUnwindSafe(|| closure(tx))).unwrap_or(Err(StoreError::Panicked));
        self.outcome.is_ok()
    }

    fn error(&self) -> Option<StoreError> {
        self.outcome.as_ref().err().cloned()
    }

    fn fail(&mut self, error: StoreError) {
        self.outcome = Err(error);
    }

    fn finish(self: Box<Self>) {
        let Self { closure, done, outcome } = *self;
        // What a closure that never ran holds is free before its asker hears of that.
        drop(closure);
        done(outcome.map(Committed::after_commit));
    }
}

/// What the writer did since it started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Commits that succeeded.
    pub(crate) groups: AtomicU64,
    /// Changes stored by them.
    pub(crate) changes: AtomicU64,
    /// Changes answered with an error.
    pub(crate) failures: AtomicU64,
}

/// The state of the writer's thread.
pub(crate) struct Writer {
    connection: Connection,
    /// Changes of the open transaction that wait for its commit.
    pending: Vec<Box<dyn Job>>,
    /// When the open transaction began.
    begun: Instant,
    /// Why the current group cannot have a transaction: the changes in it need not wait one by one for
    /// a lock that the first of them did not get.
    refused: Option<StoreError>,
    group_max: usize,
    counters: Arc<Counters>,
    /// Held as long as the database is open, so that no second server opens it.
    _lock: Lock,
}

impl Writer {
    pub(crate) fn new(
        connection: Connection,
        group_max: usize,
        counters: Arc<Counters>,
        lock: Lock,
    ) -> Self {
        Self {
            connection,
            pending: Vec::new(),
            begun: Instant::now(),
            refused: None,
            group_max,
            counters,
            _lock: lock,
        }
    }

    /// Serves the queue until somebody asks to close or nobody is left, then closes the database.
    pub(crate) fn serve(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut askers = Vec::new();
        while let Some(first) = queue.blocking_recv() {
            if let Some(asker) = self.group(first, &mut queue) {
                askers.push(asker);
                // What was accepted so far is still stored, and nothing more is accepted.
                queue.close();
            }
        }
        let result = self.close();
        if let Err(error) = &result {
            tracing::error!(%error, "the database was not closed cleanly; it recovers at the next start");
        }
        for asker in askers {
            drop(asker.send(result.clone()));
        }
    }

    /// Runs what is waiting, commits, answers. Returns the asker if the queue held a wish to close.
    fn group(
        &mut self,
        first: Message,
        queue: &mut mpsc::Receiver<Message>,
    ) -> Option<oneshot::Sender<Result<(), StoreError>>> {
        let mut next = Some(first);
        let mut ran = 0;
        self.refused = None;
        while let Some(message) = next {
            match message {
                Message::Write(job) => self.run(job),
                Message::Alone(work) => {
                    self.commit();
                    if catch_unwind(AssertUnwindSafe(|| work(&mut self.connection))).is_err() {
                        tracing::error!("exclusive work on the database panicked");
                    }
                    self.roll_back();
                }
                Message::Close(asker) => {
                    self.commit();
                    return Some(asker);
                }
            }
            ran += 1;
            next = if ran < self.group_max { queue.try_recv().ok() } else { None };
        }
        self.commit();
        None
    }

    /// Runs one change inside the open transaction, or opens one. A change that fails undoes itself
    /// alone and is answered at once; one that succeeds waits for the commit.
    fn run(&mut self, mut job: Box<dyn Job>) {
        if let Err(error) = self.prepare() {
            job.fail(error);
            return self.answer(job);
        }
        let keep = job.run(&mut Tx::new(&mut self.connection));
        // SQLite ends the transaction itself after some failures of the disk; then the changes of the
        // others are gone with it. A closure that ends it by a statement of its own is caught here too.
        if !self.connection.in_transaction() {
            let lost = match job.error() {
                Some(
                    cause @ (StoreError::DiskFull | StoreError::Io(_) | StoreError::Corrupt(_)),
                ) => cause,
                _ => StoreError::TransactionLost("a change of the same group ended it".into()),
            };
            if keep {
                job.fail(lost.clone());
            }
            self.answer(job);
            return self.fail_pending(&lost);
        }
        // The first change needs no mark of its own: it is undone with the transaction.
        let step = match (keep, self.pending.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => self.connection.control(Control::Release),
            (false, true) => self.connection.control(Control::Rollback),
            (false, false) => self.connection.control(Control::Undo),
        };
        match step {
            Ok(()) if keep => self.pending.push(job),
            Ok(()) => self.answer(job),
            Err(error) => {
                if keep {
                    job.fail(error.clone());
                }
                self.roll_back();
                self.answer(job);
                self.fail_pending(&error);
            }
        }
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        if let Some(error) = &self.refused {
            return Err(error.clone());
        }
        if !self.pending.is_empty() {
            return self.connection.control(Control::Savepoint);
        }
        self.roll_back();
        self.begun = Instant::now();
        let begun = self.connection.control(Control::BeginWrite);
        self.refused = begun.clone().err();
        begun
    }

    /// Commits the open transaction and answers those whose changes it carries.
    fn commit(&mut self) {
        if self.pending.is_empty() {
            return self.roll_back();
        }
        if let Err(error) = self.connection.control(Control::Commit) {
            tracing::error!(%error, changes = self.pending.len(), "a commit failed; nothing of it was acknowledged");
            self.roll_back();
            return self.fail_pending(&error);
        }
        metrics::histogram!(names::STORE_COMMIT_SECONDS).record(self.begun.elapsed());
        self.counters.groups.fetch_add(1, Ordering::Relaxed);
        self.counters.changes.fetch_add(self.pending.len() as u64, Ordering::Relaxed);
        let mut pending = std::mem::take(&mut self.pending);
        for job in pending.drain(..) {
            finish(job);
        }
        self.pending = pending;
    }

    fn fail_pending(&mut self, error: &StoreError) {
        let mut pending = std::mem::take(&mut self.pending);
        for mut job in pending.drain(..) {
            job.fail(error.clone());
            self.answer(job);
        }
        self.pending = pending;
    }

    /// Answers a change that is not stored.
    fn answer(&self, job: Box<dyn Job>) {
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
        finish(job);
    }

    fn roll_back(&mut self) {
        if self.connection.in_transaction()
            && let Err(error) = self.connection.control(Control::Rollback)
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    fn close(self) -> Result<(), StoreError> {
        let Connection::Sqlite(connection) = self.connection;
        let checkpoint = connection.checkpoint();
        connection.close().and(checkpoint)
    }
}

/// Calls the callback of a job; its panic must not end the writer.
fn finish(job: Box<dyn Job>) {
    if catch_unwind(AssertUnwindSafe(|| job.finish())).is_err() {
        tracing::error!("a callback of the store panicked");
    }
}
