//! What closures work with: [`Query`] asks, [`Tx`] changes, [`Row`] is one row of an answer.

use std::ops::{Deref, DerefMut};

use crate::engine::{Connection, EngineRow};
use crate::error::StoreError;
use crate::value::{Bind, FromColumn, Value};

/// Questions to the database. All questions of one closure see the same state of it.
pub struct Query<'c> {
    connection: &'c mut Connection,
}

impl<'c> Query<'c> {
    pub(crate) fn new(connection: &'c mut Connection) -> Self {
        Self { connection }
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.connection
    }

    /// All rows, each turned into a value by `row`. The statement bounds the number of rows (`LIMIT`)
    /// where users decide how many there are.
    ///
    /// # Errors
    /// The engine's, those of `row`, or a number of `params` that does not fit the statement.
    pub fn query<T>(
        &mut self,
        sql: &'static str,
        params: &[&dyn Bind],
        mut row: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.connection.query(sql, params, &mut |one| {
            found.push(row(one)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// Shows each row to `row` without keeping any, until `row` returns `false`.
    ///
    /// # Errors
    /// As for [`Query::query`].
    pub fn for_each(
        &mut self,
        sql: &'static str,
        params: &[&dyn Bind],
        mut row: impl FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.connection.query(sql, params, &mut row)
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As for [`Query::query`].
    pub fn query_opt<T>(
        &mut self,
        sql: &'static str,
        params: &[&dyn Bind],
        row: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut row = Some(row);
        let mut found = None;
        self.connection.query(sql, params, &mut |one| {
            if let Some(row) = row.take() {
                found = Some(row(one)?);
            }
            Ok(false)
        })?;
        Ok(found)
    }

    /// The first row.
    ///
    /// # Errors
    /// [`StoreError::NoRow`] if there is none; else as for [`Query::query`].
    pub fn query_one<T>(
        &mut self,
        sql: &'static str,
        params: &[&dyn Bind],
        row: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.query_opt(sql, params, row)?.ok_or(StoreError::NoRow)
    }

    /// Whether the statement finds at least one row.
    ///
    /// # Errors
    /// As for [`Query::query`].
    pub fn exists(&mut self, sql: &'static str, params: &[&dyn Bind]) -> Result<bool, StoreError> {
        Ok(self.query_opt(sql, params, |_| Ok(()))?.is_some())
    }
}

/// Changes to the database, and questions that see them. What the closure did is stored as a whole or,
/// if it returns an error or panics, not at all.
pub struct Tx<'c> {
    query: Query<'c>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(connection: &'c mut Connection) -> Self {
        Self { query: Query::new(connection) }
    }

    /// Runs a statement that returns no rows; gives the number of rows inserted, changed or deleted.
    ///
    /// # Errors
    /// The engine's, or a number of `params` that does not fit the statement.
    pub fn execute(
        &mut self,
        sql: &'static str,
        params: &[&dyn Bind],
    ) -> Result<usize, StoreError> {
        self.query.connection.execute(sql, params)
    }

    /// The key that the engine gave to the row inserted last in a table with a
    /// [`Kind::BigSerial`](crate::Kind::BigSerial) column.
    pub fn last_insert_id(&self) -> i64 {
        self.query.connection.last_insert_id()
    }
}

impl<'c> Deref for Tx<'c> {
    type Target = Query<'c>;

    fn deref(&self) -> &Self::Target {
        &self.query
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.query
    }
}

/// One row of an answer.
pub struct Row<'r> {
    inner: EngineRow<'r>,
}

impl<'r> Row<'r> {
    pub(crate) fn new(inner: EngineRow<'r>) -> Self {
        Self { inner }
    }

    /// The value of column `index`, counted from 0 in the order of the statement.
    ///
    /// # Errors
    /// [`StoreError::Type`] if the column does not exist or cannot be read as `T`.
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T, StoreError> {
        let wanted = std::any::type_name::<T>();
        T::from_column(self.value(index)?).ok_or(StoreError::Type { index, wanted })
    }

    /// The value of column `index` without copying it.
    ///
    /// # Errors
    /// [`StoreError::Type`] if the column does not exist or is text that is not UTF-8.
    pub fn value(&self, index: usize) -> Result<Value<'_>, StoreError> {
        self.inner.value(index).ok_or(StoreError::Type { index, wanted: "a value" })
    }

    /// The text of column `index` without copying it.
    ///
    /// # Errors
    /// [`StoreError::Type`] if the column does not exist or is no text.
    pub fn text(&self, index: usize) -> Result<&str, StoreError> {
        match self.value(index)? {
            Value::Text(text) => Ok(text),
            _ => Err(StoreError::Type { index, wanted: "text" }),
        }
    }
}
