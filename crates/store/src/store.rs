//! [`Store`]: the handle that everybody holds, and how it is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::backup;
use crate::durable::Committed;
use crate::engine::{Connection, Control, sqlite};
use crate::error::{OpenError, StoreError};
use crate::files;
use crate::inspect;
use crate::migrate::{self, TableSet};
use crate::query::{Query, Tx};
use crate::readers::Readers;
use crate::writer::{Change, Counters, Message, Writer};

/// Which of ejabberd's two table layouts the database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// All virtual hosts share the database; most tables carry `server_host`
    /// (`sql_schema_multihost: true`).
    #[default]
    MultiHost,
    /// One database per virtual host, without `server_host`.
    SingleHost,
}

/// Where the database is and how large its queues are.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The file; created with mode 0600, in a directory created with mode 0700.
    pub path: PathBuf,
    /// The layout of the tables.
    pub layout: Layout,
    /// Changes that may wait in the queue.
    pub writes_waiting_max: usize,
    /// Changes that share one commit.
    pub group_max: usize,
    /// Reader threads.
    pub readers_max: usize,
    /// Questions that may wait or run.
    pub reads_waiting_max: usize,
    /// How long a reader thread without work stays.
    pub reader_idle: Duration,
    /// How long a commit waits while another program keeps the database locked. Changes that wait
    /// meanwhile share the outcome.
    pub lock_wait: Duration,
    /// A limit of the size of the database in pages of 4096 bytes; `None` leaves it to the disk.
    pub pages_max: Option<u32>,
    /// Whether files that other users of the machine can read or change, or that belong to another one, are refused.
    /// Symbolic links always are.
    pub refuse_exposed: bool,
}

impl OpenOptions {
    /// The defaults for a database at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            layout: Layout::MultiHost,
            writes_waiting_max: 4096,
            group_max: 512,
            readers_max: 2,
            reads_waiting_max: 1024,
            reader_idle: Duration::from_secs(10),
            lock_wait: Duration::from_secs(5),
            pages_max: None,
            refuse_exposed: true,
        }
    }
}

/// What the store did since it was opened, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Commits.
    pub groups: u64,
    /// Changes stored by them.
    pub changes: u64,
    /// Changes answered with an error.
    pub failures: u64,
    /// Changes that wait in the queue now.
    pub waiting: usize,
    /// Reader threads alive now.
    pub readers: usize,
    /// Questions that wait or run now.
    pub reads: usize,
}

/// The database of the server. Cloning is cheap; all clones share the writer and the readers.
///
/// When the last clone is dropped without [`Store::close`], what is queued is still stored, but nobody
/// learns when that is done.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    layout: Layout,
    writes_waiting_max: usize,
    writer: mpsc::Sender<Message>,
    readers: Arc<Readers>,
    counters: Arc<Counters>,
    staging: tokio::sync::Mutex<()>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.readers.stop();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database, or creates it, and brings the tables of `sets` to their versions. Blocks;
    /// meant for the start of the server.
    ///
    /// # Errors
    /// [`OpenError`]. A file that is damaged, foreign or newer than this server is not touched.
    pub fn open(options: &OpenOptions, sets: &[&TableSet]) -> Result<Self, OpenError> {
        migrate::check_declarations(sets)?;
        let place = files::Place::resolve(&options.path)?;
        place.check(options.refuse_exposed)?;
        let held = place.lock_existing()?;
        if held.is_some() {
            backup::take_fallback(&place)?;
        }
        let found = inspect::inspect(&place, held.is_some(), options.layout, sets)?;
        let lock = match held {
            Some(lock) => lock,
            None => place.lock_new()?,
        };
        place.create()?;
        let path = place.file();
        let engine = |source| migrate::engine(&place, source);
        let opened = sqlite::Connection::open_writer(path).map_err(engine)?;
        opened.wait_for_locks(options.lock_wait).map_err(engine)?;
        if let Some(pages) = options.pages_max {
            opened.pragma("max_page_count", &pages.to_string()).map_err(engine)?;
        }
        let mut connection = Connection::Sqlite(opened);
        if !found.checked {
            inspect::check_recovered(&place, &mut connection, options.layout, sets)?;
        }
        migrate::run(&place, &mut connection, options.layout, sets)?;
        let Connection::Sqlite(opened) = &connection;
        opened.use_journal().and_then(|()| opened.settle()).map_err(engine)?;
        Self::start(options, path, connection, lock)
    }

    fn start(
        options: &OpenOptions,
        path: &Path,
        connection: Connection,
        lock: files::Lock,
    ) -> Result<Self, OpenError> {
        let counters = Arc::new(Counters::default());
        let (writer, queue) = mpsc::channel(options.writes_waiting_max.max(1));
        let serving =
            Writer::new(connection, options.group_max.max(1), Arc::clone(&counters), lock);
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || serving.serve(queue))
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        let readers = Readers::new(
            path.to_owned(),
            options.readers_max,
            options.reads_waiting_max,
            options.reader_idle,
        );
        let shared = Shared {
            path: path.to_owned(),
            layout: options.layout,
            writes_waiting_max: options.writes_waiting_max.max(1),
            writer,
            readers,
            counters,
            staging: tokio::sync::Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The file, with the links of its directory resolved.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The layout of the tables.
    pub fn layout(&self) -> Layout {
        self.shared.layout
    }

    /// Asks the database. The closure runs on a reader thread and sees every change that was
    /// acknowledged before the call.
    ///
    /// # Errors
    /// Those of the closure, [`StoreError::Panicked`], or [`StoreError::Closed`].
    pub async fn read<T, F>(&self, f: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Query<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.shared.readers.ask(f).await
    }

    /// Changes the database: waits for room in the queue, then for the commit. If the future is dropped
    /// after the change was queued, the change is stored all the same.
    ///
    /// # Errors
    /// Those of the closure or of the commit; then nothing of the change is stored.
    pub async fn write<T, F>(&self, f: F) -> Result<Committed<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        // The asker may have gone away; the change counts all the same.
        let job = Change::boxed(f, move |result| drop(answer.send(result)));
        self.shared.writer.send(Message::Write(job)).await.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The same for threads that are no workers of the runtime, such as those of [`Store::aside`].
    ///
    /// # Errors
    /// As for [`Store::write`].
    ///
    /// # Panics
    /// On a worker of the runtime, which may not wait.
    pub fn write_blocking<T, F>(&self, f: F) -> Result<Committed<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Change::boxed(f, move |result| drop(answer.send(result)));
        self.shared.writer.blocking_send(Message::Write(job)).map_err(|_| StoreError::Closed)?;
        answered.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Asks the database at length: on a thread and a connection of its own, so that the readers stay free. All
    /// that the closure asks sees the state at its beginning.
    ///
    /// # Errors
    /// Those of the closure or of the opening.
    pub async fn read_at_length<T, F>(&self, name: &'static str, f: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Query<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let path = self.shared.path.clone();
        let read = move || {
            let mut connection = Connection::Sqlite(sqlite::Connection::open_reader(&path)?);
            connection.control(Control::BeginRead)?;
            f(&mut Query::new(&mut connection))
        };
        self.aside(name, read).await?
    }

    /// Queues a change without waiting. `done` is called on the writer's thread after the commit, in
    /// the order in which changes were queued as far as they succeed; it must be quick and must not
    /// block, since all changes wait for it.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Closed`] at once; then neither closure was or will be run.
    pub fn write_then<T, F, D>(&self, f: F, done: D) -> Result<(), StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        D: FnOnce(Result<Committed<T>, StoreError>) + Send + 'static,
    {
        let permit = self.shared.writer.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => {
                StoreError::Full { waiting_max: self.shared.writes_waiting_max }
            }
            mpsc::error::TrySendError::Closed(()) => StoreError::Closed,
        })?;
        permit.send(Message::Write(Change::boxed(f, done)));
        Ok(())
    }

    /// Brings further tables to their versions while the store is open: for modules that a reload
    /// switches on.
    ///
    /// # Errors
    /// [`OpenError`]; then no table was changed.
    pub async fn declare(&self, sets: &'static [&'static TableSet]) -> Result<(), OpenError> {
        let place = files::Place::resolve(&self.shared.path)?;
        let path = self.shared.path.clone();
        let layout = self.shared.layout;
        self.alone(move |connection| {
            migrate::check_declarations(sets)?;
            migrate::run_while_open(&place, connection, layout, sets)
        })
        .await
        .unwrap_or_else(|source| Err(OpenError::Engine { path, source }))
    }

    /// Copies the database to `target` while the server goes on. The copy appears under its name only
    /// when it is complete and on disk, has mode 0600, and needs no other file. An older backup of that
    /// name is replaced, any other file is not.
    ///
    /// # Errors
    /// [`OpenError::Io`] if `target` cannot be written or replaced; [`OpenError::Engine`] if the copy fails.
    pub async fn backup_to(&self, target: impl Into<PathBuf>) -> Result<(), OpenError> {
        let (source, target) = (self.shared.path.clone(), target.into());
        let path = target.clone();
        self.aside("store-backup", move || backup::backup(&source, &target))
            .await
            .unwrap_or_else(|source| Err(OpenError::Engine { path, source }))
    }

    /// Replaces the whole content by that of a backup, in one transaction: changes queued before are
    /// in neither, changes queued after are made to the new content. `sets` are all tables of the server.
    ///
    /// # Errors
    /// [`OpenError`]; then nothing has changed.
    pub async fn restore_from(
        &self,
        source: impl Into<PathBuf>,
        sets: Vec<&'static TableSet>,
    ) -> Result<(), OpenError> {
        let source = source.into();
        // Two at once would share the name of the copy.
        let _one = self.shared.staging.lock().await;
        let staged = self.stage(source.clone(), sets).await?;
        self.alone(move |connection| backup::replace(connection, &staged))
            .await
            .and_then(|done| done)
            .map_err(|error| OpenError::Engine { path: source, source: error })
    }

    /// Leaves a checked copy of a backup beside the database; the next [`Store::open`] takes it instead.
    ///
    /// # Errors
    /// [`OpenError`]; then nothing has changed.
    pub async fn install_fallback(
        &self,
        source: impl Into<PathBuf>,
        sets: Vec<&'static TableSet>,
    ) -> Result<(), OpenError> {
        let _one = self.shared.staging.lock().await;
        let staged = self.stage(source.into(), sets).await?;
        backup::install_fallback(staged, &self.shared.path)
    }

    async fn stage(
        &self,
        source: PathBuf,
        sets: Vec<&'static TableSet>,
    ) -> Result<backup::Staged, OpenError> {
        let (path, live, layout) = (source.clone(), self.shared.path.clone(), self.shared.layout);
        self.aside("store-restore", move || backup::stage(&source, &live, layout, &sets))
            .await
            .unwrap_or_else(|source| Err(OpenError::Engine { path, source }))
    }

    /// Reads the whole database and gives what is wrong with it; an empty list is good news. Takes
    /// time and disk bandwidth in proportion to the size.
    ///
    /// # Errors
    /// The engine's.
    pub async fn integrity_check(&self) -> Result<Vec<String>, StoreError> {
        let path = self.shared.path.clone();
        self.aside("store-check", move || backup::integrity_check(&path)).await?
    }

    /// What happened so far, for metrics.
    pub fn stats(&self) -> Stats {
        let shared = &self.shared;
        Stats {
            groups: shared.counters.groups.load(Ordering::Relaxed),
            changes: shared.counters.changes.load(Ordering::Relaxed),
            failures: shared.counters.failures.load(Ordering::Relaxed),
            waiting: shared.writer.max_capacity() - shared.writer.capacity(),
            readers: shared.readers.threads(),
            reads: shared.readers.questions(),
        }
    }

    /// Stores what is queued, moves the journal into the main file and closes. Later calls on any clone
    /// get [`StoreError::Closed`].
    ///
    /// # Errors
    /// The engine's while closing: everything acknowledged is safe, the next start recovers.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.shared.readers.close().await;
        let (tell, told) = oneshot::channel();
        if self.shared.writer.send(Message::Close(tell)).await.is_err() {
            return Ok(());
        }
        told.await.unwrap_or(Ok(()))
    }

    /// Runs work on the writer's connection outside any transaction.
    pub(crate) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(move |connection: &mut Connection| drop(answer.send(work(connection))));
        self.shared.writer.send(Message::Alone(work)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Panicked)
    }

    /// Runs long work, such as the reading of a large file, on a thread of its own, to its end even if the
    /// future is dropped.
    ///
    /// # Errors
    /// [`StoreError::Io`] if there is no thread, [`StoreError::Panicked`].
    pub async fn aside<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || drop(answer.send(work())))
            .map_err(|error| StoreError::Io(format!("no thread for {name}: {error}").into()))?;
        answered.await.map_err(|_| StoreError::Panicked)
    }
}
