//! What can go wrong: with one change or question ([`StoreError`]), and at start ([`OpenError`]).

use std::path::PathBuf;
use std::sync::Arc;

/// Why a question was not answered or a change was not stored.
///
/// A change that returns an error has left no trace in the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The queue of changes is full: the caller must slow down or give up.
    #[error("the queue of the store is full ({waiting_max} changes are waiting)")]
    Full {
        /// The bound of the queue.
        waiting_max: usize,
    },
    /// The store is closed or closing.
    #[error("the store is closed")]
    Closed,
    /// The closure panicked; its change was rolled back.
    #[error("a storage operation failed inside the server (panic); nothing was stored")]
    Panicked,
    /// The closure itself gave up, and its change was rolled back.
    #[error("{0}")]
    Rejected(&'static str),
    /// A row breaks a rule of the table.
    #[error("the database refused a row: {message}")]
    Constraint {
        /// Whether a row with the same key exists already.
        unique: bool,
        /// The engine's words; they name table and columns, never values.
        message: Arc<str>,
    },
    /// The statement is wrong or does not fit its parameters: a defect of the calling code.
    #[error("statement `{sql}` failed: {message}")]
    Statement {
        /// The statement, without values.
        sql: Arc<str>,
        /// The engine's words.
        message: Arc<str>,
    },
    /// A column holds something else than was asked for.
    #[error("column {index} of the result cannot be read as {wanted}")]
    Type {
        /// The number of the column, from 0.
        index: usize,
        /// The Rust type that was asked for.
        wanted: &'static str,
    },
    /// `query_one` found no row.
    #[error("no such row")]
    NoRow,
    /// There is no space left on the disk, or the database has reached its size limit.
    #[error(
        "no space left for the database; nothing was stored. Free some disk space; a running server goes on by itself"
    )]
    DiskFull,
    /// The operating system failed to read or write.
    #[error("the database file cannot be read or written: {0}")]
    Io(Arc<str>),
    /// The file is damaged.
    #[error("the database is damaged: {0}. Stop the server and restore a backup")]
    Corrupt(Arc<str>),
    /// Another program holds the database for longer than the server waits.
    #[error("another program keeps the database locked: {0}")]
    Busy(Arc<str>),
    /// An earlier change in the same commit broke the transaction; nothing of the group was stored.
    #[error("the transaction was lost: {0}")]
    TransactionLost(Arc<str>),
}

impl StoreError {
    /// Whether a row with the same key exists already.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Constraint { unique: true, .. })
    }

    /// Whether the same call may succeed later without a change in the code or the data: what a
    /// session answers with `<wait/>` instead of `<cancel/>` (RFC 6120 §8.3.2).
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Full { .. }
                | Self::Closed
                | Self::DiskFull
                | Self::Io(_)
                | Self::Busy(_)
                | Self::TransactionLost(_)
        )
    }
}

/// Why the store did not open. Nothing was changed on disk, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file exists and is no SQLite database.
    #[error(
        "{path}: this is not an SQLite database. Move it away, or name another file in the configuration"
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The database belongs to another program.
    #[error(
        "{path}: this database belongs to another program ({reason}). Name another file in the configuration"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        reason: String,
    },
    /// The database is damaged.
    #[error(
        "{path}: the database is damaged ({reason}). Restore a backup; the file was not touched"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A file that should come back, or be replaced, is no backup of this server.
    #[error("{path}: {reason}. Nothing was changed")]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another program left an unfinished transaction beside the database.
    #[error(
        "{journal}: another program left an unfinished transaction. Let it finish first: sqlite3 '{path}' 'PRAGMA wal_checkpoint(TRUNCATE)'"
    )]
    UnfinishedJournal {
        /// The database.
        path: PathBuf,
        /// The journal beside it.
        journal: PathBuf,
    },
    /// The tables were written by a newer version.
    #[error(
        "{path}: the tables of {module} have version {found}, this server knows versions up to {known}. Run the newer server, or restore a backup made before the update"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The module that owns the tables.
        module: String,
        /// The version in the database.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// A table does not have the columns of any known version.
    #[error("{path}: table {table} does not look as expected ({reason})")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
        /// What differs, and how to mend it if that is known.
        reason: String,
    },
    /// Others may read or change the files.
    #[error("{path}: {reason}. Mend it with: {mend}")]
    Permissions {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// The command that mends it.
        mend: String,
    },
    /// A part of the path is a symbolic link where none is accepted.
    #[error("{path}: is a symbolic link; name the real file in the configuration")]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// Another server process has the database open.
    #[error(
        "{path}: the database is in use by another server process. Stop that one first, or name another file"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The declarations of the server contradict each other: a defect of the server.
    #[error("the declared tables are inconsistent: {0}")]
    Declaration(String),
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The engine refused while opening, creating or updating; a begun update was rolled back.
    #[error("{path}: {source}")]
    Engine {
        /// The file.
        path: PathBuf,
        /// The engine's reason.
        source: StoreError,
    },
}
