//! The way into the database: changes in batches, each of them one transaction.

use std::sync::Arc;

use store::{Cell, Store, StoreError, Tx, Value};

use crate::tables::Tables;

/// Changes in one transaction, about.
const BATCH_CHANGES: usize = 500;
/// Bytes in one transaction, about.
const BATCH_BYTES: usize = 1 << 20;

/// A value of a column. It may be a password, so it does not print.
#[derive(Clone, PartialEq)]
pub(crate) enum Datum {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Datum {
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Real(number) => Value::Real(*number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
            _ => 8,
        }
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Datum {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Datum {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// Columns with their values.
pub(crate) type Cells = Vec<(&'static str, Datum)>;

enum Kind {
    /// Stores a row in the place of the one like it.
    Put,
    /// Deletes the rows with these values.
    Delete,
}

struct Change {
    kind: Kind,
    table: &'static str,
    cells: Cells,
}

/// Collects changes and stores them. It belongs to a thread of [`Store::aside`].
pub(crate) struct Sink {
    store: Store,
    tables: Arc<Tables>,
    batch: Vec<Change>,
    bytes: usize,
}

impl Sink {
    pub(crate) fn new(store: Store, tables: Arc<Tables>) -> Self {
        Self { store, tables, batch: Vec::new(), bytes: 0 }
    }

    /// Stores a row; one with the same key is replaced.
    pub(crate) fn put(&mut self, table: &'static str, cells: Cells) {
        self.push(Change { kind: Kind::Put, table, cells });
    }

    /// Deletes rows.
    pub(crate) fn delete(&mut self, table: &'static str, cells: Cells) {
        self.push(Change { kind: Kind::Delete, table, cells });
    }

    fn push(&mut self, change: Change) {
        self.bytes += change.cells.iter().map(|(_, datum)| datum.bytes()).sum::<usize>();
        self.batch.push(change);
    }

    /// Says that what was collected belongs together and is whole; stores it when it is enough.
    pub(crate) fn whole(&mut self) -> Result<(), StoreError> {
        if self.batch.len() < BATCH_CHANGES && self.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.flush()
    }

    /// Whether everything that was collected is stored.
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Stores what was collected.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let tables = self.tables.clone();
        let write = move |tx: &mut Tx<'_>| batch.iter().try_for_each(|one| apply(tx, &tables, one));
        self.store.write_blocking(write).map(drop)
    }
}

fn apply(tx: &mut Tx<'_>, tables: &Tables, change: &Change) -> Result<(), StoreError> {
    let Some(table) = tables.get(change.table) else {
        return Err(StoreError::Rejected("a table that no module declares"));
    };
    let cells: Vec<Cell<'_>> =
        change.cells.iter().map(|(name, datum)| (*name, datum.value())).collect();
    match change.kind {
        Kind::Put => tx.put_row(table, tables.layout(), &cells),
        Kind::Delete => tx.delete_rows(table, tables.layout(), &cells).map(drop),
    }
}
