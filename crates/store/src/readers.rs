//! The readers: a few threads with read-only connections, started when needed and stopped when idle.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::{Semaphore, oneshot};

use crate::engine::{Connection, Control, sqlite};
use crate::error::StoreError;
use crate::query::Query;

/// A question on its way; it gets a connection, or the reason why there is none.
type Question = Box<dyn FnOnce(Result<&mut Connection, StoreError>) + Send>;

/// The pool of readers.
pub(crate) struct Readers {
    path: PathBuf,
    threads_max: usize,
    questions_max: usize,
    idle: Duration,
    /// Bounds the questions that wait or run.
    slots: Arc<Semaphore>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Question>,
    /// Threads that will look at the queue again; a thread that decides to end leaves this number under
    /// the same lock, so that no question waits for it.
    serving: usize,
    /// Threads that may still have a connection.
    alive: usize,
    /// Threads that wait for a question now.
    waiting: usize,
    closed: bool,
    closers: Vec<oneshot::Sender<()>>,
}

impl Readers {
    pub(crate) fn new(
        path: PathBuf,
        threads_max: usize,
        waiting_max: usize,
        idle: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            path,
            threads_max: threads_max.max(1),
            questions_max: waiting_max.max(1),
            idle,
            slots: Arc::new(Semaphore::new(waiting_max.max(1))),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        })
    }

    /// Questions that wait or run now.
    pub(crate) fn questions(&self) -> usize {
        self.questions_max.saturating_sub(self.slots.available_permits())
    }

    /// Runs a question on a reader, inside one read transaction.
    pub(crate) async fn ask<T, F>(self: &Arc<Self>, closure: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Query<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        self.submit(Box::new(move |connection| {
            let result = connection.and_then(|connection| in_snapshot(connection, closure));
            drop(slot);
            // The asker may have gone away; then nobody misses the answer.
            drop(answer.send(result));
        }))?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    fn submit(self: &Arc<Self>, question: Question) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        state.queue.push_back(question);
        let start = state.queue.len() > state.waiting && state.serving < self.threads_max;
        if !start {
            drop(state);
            self.changed.notify_one();
            return Ok(());
        }
        state.serving += 1;
        state.alive += 1;
        drop(state);
        let pool = Arc::clone(self);
        let spawned =
            std::thread::Builder::new().name("store-reader".into()).spawn(move || pool.serve());
        if let Err(error) = spawned {
            let mut state = self.state.lock();
            state.serving -= 1;
            state.alive -= 1;
            // Another reader gets to the question; without one nobody would.
            if state.serving == 0 {
                state.queue.clear();
                return Err(StoreError::Io(format!("no thread for a reader: {error}").into()));
            }
        }
        Ok(())
    }

    /// One reader: opens its connection, answers questions until there are none for a while.
    fn serve(&self) {
        let mut connection = None;
        while let Some(question) = self.next() {
            if connection.is_none() {
                match sqlite::Connection::open_reader(&self.path) {
                    Ok(opened) => connection = Some(Connection::Sqlite(opened)),
                    Err(error) => {
                        tracing::error!(%error, "a reader could not open the database");
                        question(Err(error));
                        continue;
                    }
                }
            }
            let usable = connection.as_mut().expect("it was opened above");
            if catch_unwind(AssertUnwindSafe(|| question(Ok(usable)))).is_err() {
                tracing::error!("an answer of the store could not be handed over (panic)");
            }
        }
        // The connection goes before the thread counts as gone, so that the writer closes last.
        drop(connection);
        let mut state = self.state.lock();
        state.alive -= 1;
        if state.closed && state.alive == 0 {
            for closer in state.closers.drain(..) {
                closer.send(()).ok();
            }
        }
    }

    /// The next question; `None` if the reader is to end.
    fn next(&self) -> Option<Question> {
        let mut state = self.state.lock();
        loop {
            if let Some(question) = state.queue.pop_front() {
                return Some(question);
            }
            if state.closed {
                state.serving -= 1;
                return None;
            }
            state.waiting += 1;
            let timeout = self.changed.wait_for(&mut state, self.idle);
            state.waiting -= 1;
            if timeout.timed_out() && state.queue.is_empty() {
                state.serving -= 1;
                return None;
            }
        }
    }

    /// Takes no more questions; answers those that wait.
    pub(crate) fn stop(&self) {
        self.slots.close();
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Stops, and waits until every reader has closed its connection.
    pub(crate) async fn close(&self) {
        self.stop();
        let gone = {
            let mut state = self.state.lock();
            if state.alive == 0 {
                return;
            }
            let (tell, gone) = oneshot::channel();
            state.closers.push(tell);
            gone
        };
        // An error means that the sender is gone, which happens after the readers are.
        drop(gone.await);
    }

    /// Reader threads alive now.
    pub(crate) fn threads(&self) -> usize {
        self.state.lock().alive
    }
}

/// Runs a closure inside one read transaction, so that all its questions see the same state.
pub(crate) fn in_snapshot<T>(
    connection: &mut Connection,
    closure: impl FnOnce(&mut Query<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.control(Control::BeginRead)?;
    let result = catch_unwind(AssertUnwindSafe(|| closure(&mut Query::new(connection))));
    if connection.in_transaction() {
        connection.control(Control::Rollback)?;
    }
    result.unwrap_or(Err(StoreError::Panicked))
}
