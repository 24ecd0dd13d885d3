//! The seam behind which database engines live; today there is SQLite.
//!
//! An engine gives a synchronous connection with transactions, savepoints and bound statements.
//! Everything above this file speaks [`Connection`] and knows no driver.

pub(crate) mod sqlite;

use crate::error::StoreError;
use crate::query::Row;
use crate::value::{Bind, Value};

/// What a statement's rows are shown to; it returns whether it wants more.
pub(crate) type RowSink<'f> = &'f mut dyn FnMut(&Row<'_>) -> Result<bool, StoreError>;

/// A connection of some engine.
pub(crate) enum Connection {
    /// SQLite, in this process.
    Sqlite(sqlite::Connection),
}

/// A row of some engine.
pub(crate) enum EngineRow<'r> {
    /// A row that SQLite has just stepped to.
    Sqlite(sqlite::Row<'r>),
}

impl EngineRow<'_> {
    pub(crate) fn value(&self, index: usize) -> Option<Value<'_>> {
        match self {
            Self::Sqlite(row) => row.value(index),
        }
    }
}

/// The steps of a transaction, in the words of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// Begin a transaction that will write.
    BeginWrite,
    /// Begin a transaction that only reads.
    BeginRead,
    /// Make everything since the beginning durable.
    Commit,
    /// Undo everything since the beginning.
    Rollback,
    /// Mark a point to which one change can be undone.
    Savepoint,
    /// Keep what was done since the mark.
    Release,
    /// Undo what was done since the mark, and remove the mark.
    Undo,
}

impl Connection {
    pub(crate) fn control(&mut self, step: Control) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.control(step),
        }
    }

    /// Whether a transaction is open. An engine may end one by itself after a grave error.
    pub(crate) fn in_transaction(&self) -> bool {
        match self {
            Self::Sqlite(connection) => connection.in_transaction(),
        }
    }

    pub(crate) fn execute(&mut self, sql: &str, params: &[&dyn Bind]) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(connection) => connection.execute(sql, params),
        }
    }

    pub(crate) fn query(
        &mut self,
        sql: &str,
        params: &[&dyn Bind],
        row: RowSink<'_>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.query(sql, params, row),
        }
    }

    pub(crate) fn last_insert_id(&self) -> i64 {
        match self {
            Self::Sqlite(connection) => connection.last_insert_id(),
        }
    }
}
