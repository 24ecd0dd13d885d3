//! Rows on their way out, whose columns are asked for by name.

use store::{Cell, Query, Row, StoreError, Value};

use crate::tables::Tables;

/// Names read at once.
const NAMES_MAX: u32 = 1000;

/// A row whose columns are asked for by name.
pub(crate) struct Named<'r> {
    columns: &'r [&'r str],
    values: &'r Row<'r>,
}

impl Named<'_> {
    fn place(&self, column: &str) -> usize {
        self.columns.iter().position(|name| *name == column).unwrap_or(usize::MAX)
    }

    pub(crate) fn text(&self, column: &str) -> Result<&str, StoreError> {
        self.values.text(self.place(column))
    }

    pub(crate) fn integer(&self, column: &str) -> Result<i64, StoreError> {
        self.values.get(self.place(column))
    }
}

/// Shows the rows of an account in a table; a table that is not there has none.
pub(crate) fn rows_of(
    query: &mut Query<'_>,
    tables: &Tables,
    table: &str,
    (host, user): (&str, &str),
    mut row: impl FnMut(&Named<'_>) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let Some(table) = tables.get(table) else { return Ok(()) };
    let layout = tables.layout();
    let columns: Vec<&str> = table.columns_in(layout).map(|column| column.name).collect();
    let whose: [Cell<'_>; 2] =
        [("server_host", Value::Text(host)), ("username", Value::Text(user))];
    query.rows_of(table, layout, &whose, |values| row(&Named { columns: &columns, values }))
}

/// The names of accounts of a host in a table after `after`: a page of them, so that a host of any size takes little
/// memory.
pub(crate) fn names_after(
    query: &mut Query<'_>,
    tables: &Tables,
    table: &str,
    host: &str,
    after: &str,
) -> Result<Vec<String>, StoreError> {
    let Some(table) = tables.get(table) else { return Ok(Vec::new()) };
    let host = [("server_host", Value::Text(host))];
    query.texts_after(table, tables.layout(), ("username", after), &host, NAMES_MAX)
}
