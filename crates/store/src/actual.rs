//! Tables as the database describes them, and how they differ from what is declared.

use crate::engine::Connection;
use crate::error::{OpenError, StoreError};
use crate::files::Place;
use crate::migrate::engine;
use crate::store::Layout;
use crate::table::{Column, Table, affinity, sqlite_word};

/// A column as the database describes it.
#[derive(Debug)]
pub(crate) struct ActualColumn {
    pub(crate) name: String,
    pub(crate) declared: String,
}

/// The keys of a table as the database describes them.
pub(crate) struct ActualKeys {
    pub(crate) primary: Vec<String>,
    pub(crate) indexes: Vec<(Vec<String>, bool)>,
}

/// The columns of a table; none if the table does not exist.
pub(crate) fn columns_of(
    place: &Place,
    connection: &mut Connection,
    table: &str,
) -> Result<Vec<ActualColumn>, OpenError> {
    let mut columns = Vec::new();
    connection
        .query("SELECT name, type FROM pragma_table_info(?)", &[&table], &mut |row| {
            columns.push(ActualColumn { name: row.get(0)?, declared: row.get(1)? });
            Ok(true)
        })
        .map_err(|source| engine(place, source))?;
    Ok(columns)
}

/// The primary key and the indexes of a table.
pub(crate) fn keys_of(connection: &mut Connection, table: &str) -> Result<ActualKeys, StoreError> {
    let mut primary = Vec::new();
    connection.query(
        "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk",
        &[&table],
        &mut |row| {
            primary.push(row.get(0)?);
            Ok(true)
        },
    )?;
    let mut names: Vec<(String, bool)> = Vec::new();
    let sql =
        "SELECT name, \"unique\" FROM pragma_index_list(?) WHERE origin <> 'pk' AND partial = 0";
    connection.query(sql, &[&table], &mut |row| {
        names.push((row.get(0)?, row.get(1)?));
        Ok(true)
    })?;
    let mut indexes = Vec::with_capacity(names.len());
    for (name, unique) in names {
        let mut columns = Vec::new();
        connection.query(
            "SELECT name FROM pragma_index_info(?) ORDER BY seqno",
            &[&name],
            &mut |row| {
                columns.push(row.get::<Option<String>>(0)?.unwrap_or_default());
                Ok(true)
            },
        )?;
        indexes.push((columns, unique));
    }
    Ok(ActualKeys { primary, indexes })
}

/// Says how the columns of a table differ from its declaration without `except`; `None` if they agree.
pub(crate) fn difference(
    table: &Table,
    actual: &[ActualColumn],
    layout: Layout,
    except: &[&str],
) -> Option<String> {
    let reason = difference_in(table, actual, layout, except)?;
    let (other, mend) = match layout {
        Layout::MultiHost => {
            (Layout::SingleHost, "the single-host layout: set `sql_schema_multihost: false`")
        }
        Layout::SingleHost => {
            (Layout::MultiHost, "the multi-host layout: set `sql_schema_multihost: true`")
        }
    };
    let swapped = difference_in(table, actual, other, except).is_none();
    Some(if swapped { format!("it has {mend}") } else { reason })
}

fn difference_in(
    table: &Table,
    actual: &[ActualColumn],
    layout: Layout,
    except: &[&str],
) -> Option<String> {
    let expected: Vec<&Column> =
        table.columns_in(layout).filter(|column| !except.contains(&column.name)).collect();
    let named =
        |column: &&Column, found: &&ActualColumn| found.name.eq_ignore_ascii_case(column.name);
    for column in &expected {
        let Some(found) = actual.iter().find(|found| named(column, found)) else {
            return Some(format!("column {} is missing", column.name));
        };
        let word = sqlite_word(column.kind);
        if affinity(&word) != affinity(&found.declared) {
            return Some(format!(
                "column {} has type {}, expected {word}",
                column.name, found.declared
            ));
        }
    }
    let unknown = actual.iter().find(|found| !expected.iter().any(|column| named(column, found)));
    unknown.map(|found| format!("column {} is unknown", found.name))
}
