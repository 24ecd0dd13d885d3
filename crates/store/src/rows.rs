//! Rows of any declared table, for backups and migrations: the declaration makes the statement.

use crate::engine::Connection;
use crate::error::StoreError;
use crate::query::{Query, Row, Tx};
use crate::store::Layout;
use crate::table::{Kind, SERVER_HOST, Table, quoted, quoted_list};
use crate::value::{Bind, Value};

/// A column and the value that it must have.
pub type Cell<'a> = (&'a str, Value<'a>);

impl Query<'_> {
    /// Shows every row whose columns have the values of `which`, in the order of the primary key (of all columns where
    /// there is none), until `row` returns `false`. The columns are those of [`Table::columns_in`], in that order. In
    /// the single-host layout `server_host` picks nothing.
    ///
    /// # Errors
    /// The engine's and those of `row`; [`StoreError::Statement`] if the table has no such column.
    pub fn rows_of(
        &mut self,
        table: &Table,
        layout: Layout,
        which: &[Cell<'_>],
        mut row: impl FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let columns: Vec<&str> = table.columns_in(layout).map(|column| column.name).collect();
        let key = table.primary_key(layout);
        let order = if key.is_empty() { &columns } else { &key };
        let picked = picked(table, layout, which)?;
        let sql = format!(
            "SELECT {} FROM {}{} ORDER BY {}",
            quoted_list(&columns),
            quoted(table.name),
            condition(&picked),
            quoted_list(order)
        );
        self.connection().query(&sql, &bound(&picked), &mut row)
    }

    /// The different texts of a column that come after `after`, in their order, `count_max` at most, among the rows
    /// whose columns have the values of `which`: a page of names.
    ///
    /// # Errors
    /// As for [`Query::rows_of`].
    pub fn texts_after(
        &mut self,
        table: &Table,
        layout: Layout,
        (column, after): (&str, &str),
        which: &[Cell<'_>],
        count_max: u32,
    ) -> Result<Vec<String>, StoreError> {
        let mut cells = picked(table, layout, which)?;
        picked(table, layout, &[(column, Value::Null)])?;
        let condition = condition(&cells);
        let (column, word) = (quoted(column), if condition.is_empty() { "WHERE" } else { "AND" });
        let sql = format!(
            "SELECT DISTINCT {column} FROM {}{condition} {word} {column} > ? ORDER BY {column} LIMIT ?",
            quoted(table.name),
        );
        cells.push(("", Value::Text(after)));
        cells.push(("", Value::Integer(i64::from(count_max))));
        let mut found = Vec::new();
        self.connection().query(&sql, &bound(&cells), &mut |row| {
            found.push(row.get(0)?);
            Ok(true)
        })?;
        Ok(found)
    }
}

impl Tx<'_> {
    /// Stores a row. One with the same primary key is replaced; where the table has none, or `cells` do not have it, one
    /// that is the same in all columns of `cells` but the time of storing is. In the single-host layout `server_host` is left out.
    ///
    /// # Errors
    /// The engine's; [`StoreError::Statement`] if the table has no such column.
    pub fn put_row(
        &mut self,
        table: &Table,
        layout: Layout,
        cells: &[Cell<'_>],
    ) -> Result<(), StoreError> {
        let cells = picked(table, layout, cells)?;
        let key = table.primary_key(layout);
        let known = |column: &&str| cells.iter().any(|(name, _)| name == column);
        // The same row is so whenever it was stored; besides, a search by its time would go through all of that second.
        let is_time = |column: &str| {
            table.columns.iter().any(|it| it.name == column && it.kind == Kind::Timestamp)
        };
        let same: Vec<Cell<'_>> = match key.is_empty() || !key.iter().all(known) {
            true => cells.iter().filter(|(name, _)| !is_time(name)).copied().collect(),
            false => cells.iter().filter(|(name, _)| key.contains(name)).copied().collect(),
        };
        self.delete(table, &same)?;
        let names: Vec<&str> = cells.iter().map(|(name, _)| *name).collect();
        let marks = vec!["?"; cells.len()].join(", ");
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({marks})",
            quoted(table.name),
            quoted_list(&names)
        );
        self.connection().execute(&sql, &bound(&cells)).map(drop)
    }

    /// Deletes every row whose columns have the values of `which`, which names one at least; gives their number.
    ///
    /// # Errors
    /// As for [`Tx::put_row`].
    pub fn delete_rows(
        &mut self,
        table: &Table,
        layout: Layout,
        which: &[Cell<'_>],
    ) -> Result<usize, StoreError> {
        let picked = picked(table, layout, which)?;
        if picked.is_empty() {
            return Err(StoreError::Rejected("rows to delete must be named"));
        }
        self.delete(table, &picked)
    }

    fn delete(&mut self, table: &Table, which: &[Cell<'_>]) -> Result<usize, StoreError> {
        let sql = format!("DELETE FROM {}{}", quoted(table.name), condition(which));
        self.connection().execute(&sql, &bound(which))
    }

    fn connection(&mut self) -> &mut Connection {
        Query::connection(self)
    }
}

fn picked<'a>(
    table: &Table,
    layout: Layout,
    cells: &[Cell<'a>],
) -> Result<Vec<Cell<'a>>, StoreError> {
    let there = |name: &str| table.columns_in(layout).any(|column| column.name == name);
    let single = |name: &str| layout == Layout::SingleHost && name == SERVER_HOST;
    if let Some((unknown, _)) = cells.iter().find(|(name, _)| !there(name) && !single(name)) {
        let message = format!("table {} has no column {unknown}", table.name);
        return Err(StoreError::Statement { sql: table.name.into(), message: message.into() });
    }
    Ok(cells.iter().filter(|(name, _)| there(name)).copied().collect())
}

/// `IS` compares `NULL` with `NULL` too.
fn condition(which: &[Cell<'_>]) -> String {
    let parts: Vec<String> =
        which.iter().map(|(name, _)| format!("{} IS ?", quoted(name))).collect();
    if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
}

fn bound<'b>(cells: &'b [Cell<'_>]) -> Vec<&'b dyn Bind> {
    cells.iter().map(|(_, value)| value as &dyn Bind).collect()
}
