//! Versions of tables: created when absent, adopted when they look like a known version, updated in
//! one transaction, refused when they are newer or unknown.
//!
//! The rows of `schema_version` are shared with ejabberd, so a database can go there and back.

use std::collections::HashMap;

use crate::actual::{ActualColumn, columns_of, difference, keys_of};
use crate::engine::{Connection, Control};
use crate::error::{OpenError, StoreError};
use crate::files::Place;
use crate::store::Layout;
use crate::table::{Dialect, Table, quoted, quoted_list, sqlite_added_column};
use crate::tables::SCHEMA_VERSION;
use crate::value::Bind;

/// The tables of one module, at one version.
#[derive(Debug, Clone, Copy)]
pub struct TableSet {
    /// The module by the name under which `schema_version` knows it, for example `mod_roster`.
    pub module: &'static str,
    /// The newest version, as `tables` describe it.
    pub version: i64,
    /// The tables.
    pub tables: &'static [&'static Table],
    /// How to come here from older versions, in ascending order. A table that is missing is created in
    /// its newest form and needs no update.
    pub updates: &'static [Update],
}

/// The way from the version before to a version.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    /// The version that is reached.
    pub to: i64,
    /// The steps, each of which does nothing if its result is there already.
    pub steps: &'static [Step],
}

/// A step of an update. Missing indexes need no step: they are created after every update.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Adds the column of that name, as the newest version of the table declares it.
    AddColumn {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// Gives the table the primary key of its newest version; the rows stay.
    UpdatePrimaryKey {
        /// The table.
        table: &'static str,
    },
    /// Runs a statement.
    Execute(&'static str),
}

/// What has to be done for one set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing.
    Current,
    /// Create what is missing, and apply the updates above this version.
    From(i64),
}

/// Finds contradictions between declarations before anything is opened.
pub(crate) fn check_declarations(sets: &[&TableSet]) -> Result<(), OpenError> {
    let mut owners = HashMap::from([(SCHEMA_VERSION.name, "core")]);
    for set in sets {
        for table in set.tables {
            if let Some(other) = owners.insert(table.name, set.module) {
                let text =
                    format!("table {} is declared by {other} and by {}", table.name, set.module);
                return Err(OpenError::Declaration(text));
            }
            if let Some(unknown) = unknown_column(table) {
                let text =
                    format!("an index of table {} names the unknown column {unknown}", table.name);
                return Err(OpenError::Declaration(text));
            }
        }
        let ascending = set.updates.windows(2).all(|pair| matches!(pair, [a, b] if a.to < b.to));
        if !ascending || set.updates.last().is_some_and(|last| last.to > set.version) {
            return Err(OpenError::Declaration(format!(
                "the updates of {} are not in order",
                set.module
            )));
        }
        for step in set.updates.iter().flat_map(|update| update.steps) {
            if let Step::AddColumn { table, .. } | Step::UpdatePrimaryKey { table } = step {
                find_table(set, table)?;
            }
        }
    }
    Ok(())
}

fn unknown_column(table: &Table) -> Option<&'static str> {
    let known = |name: &&&str| table.columns.iter().any(|column| column.name == **name);
    table.indexes.iter().flat_map(|index| index.columns).find(|name| !known(name)).copied()
}

fn find_table(set: &TableSet, name: &str) -> Result<&'static Table, OpenError> {
    let found = set.tables.iter().find(|table| table.name == name).copied();
    found.ok_or_else(|| {
        OpenError::Declaration(format!("{} updates the unknown table {name}", set.module))
    })
}

/// Decides for every set what is to be done, without changing anything.
pub(crate) fn plan_all(
    place: &Place,
    connection: &mut Connection,
    layout: Layout,
    sets: &[&TableSet],
) -> Result<Vec<Plan>, OpenError> {
    let actual = columns_of(place, connection, SCHEMA_VERSION.name)?;
    let versions = if actual.is_empty() {
        HashMap::new()
    } else {
        if let Some(reason) = difference(&SCHEMA_VERSION, &actual, layout, &[]) {
            return Err(mismatch(place, SCHEMA_VERSION.name, reason));
        }
        recorded_versions(connection).map_err(|source| engine(place, source))?
    };
    let mut plans = Vec::with_capacity(sets.len());
    for set in sets {
        let mut plan = plan(place, connection, layout, set, versions.get(set.module).copied())?;
        if actual.is_empty() && plan == Plan::Current {
            plan = Plan::From(set.version);
        }
        plans.push(plan);
    }
    Ok(plans)
}

fn plan(
    place: &Place,
    connection: &mut Connection,
    layout: Layout,
    set: &TableSet,
    recorded: Option<i64>,
) -> Result<Plan, OpenError> {
    if let Some(found) = recorded.filter(|found| *found > set.version) {
        let (path, module) = (place.file().to_owned(), set.module.to_owned());
        return Err(OpenError::Newer { path, module, found, known: set.version });
    }
    let mut actual = Vec::with_capacity(set.tables.len());
    for table in set.tables {
        actual.push((*table, columns_of(place, connection, table.name)?));
    }
    let complete = actual.iter().all(|(_, columns)| !columns.is_empty());
    actual.retain(|(_, columns)| !columns.is_empty());
    if actual.is_empty() {
        return Ok(if set.tables.is_empty() && recorded == Some(set.version) {
            Plan::Current
        } else {
            Plan::From(set.version)
        });
    }
    // The lowest version that fits is the safe guess, because every step does nothing when its result
    // is there already. Index-only versions cannot be told apart by columns.
    let lowest = set.updates.first().map_or(set.version, |update| update.to - 1);
    let candidates = match recorded {
        Some(version) => version..=version,
        None => lowest..=set.version,
    };
    for version in candidates {
        let later = columns_added_after(set, version);
        let fits = |(table, columns): &(&Table, Vec<ActualColumn>)| {
            let added: Vec<&str> = later
                .iter()
                .filter(|(name, _)| *name == table.name)
                .map(|(_, column)| *column)
                .collect();
            difference(table, columns, layout, &added).is_none()
        };
        if actual.iter().all(fits) {
            let current = complete && recorded == Some(set.version);
            return Ok(if current { Plan::Current } else { Plan::From(version) });
        }
    }
    for (table, columns) in &actual {
        if let Some(reason) = difference(table, columns, layout, &[]) {
            return Err(mismatch(place, table.name, reason));
        }
    }
    let reason = format!(
        "version {} is recorded, but the columns are of another one",
        recorded.unwrap_or_default()
    );
    Err(mismatch(place, set.module, reason))
}

fn columns_added_after(set: &TableSet, version: i64) -> Vec<(&'static str, &'static str)> {
    let later = set.updates.iter().filter(|update| update.to > version);
    let steps = later.flat_map(|update| update.steps);
    steps
        .filter_map(|step| match step {
            Step::AddColumn { table, column } => Some((*table, *column)),
            _ => None,
        })
        .collect()
}

/// Brings every set to its version, in one transaction; does not write if there is nothing to do.
pub(crate) fn run(
    place: &Place,
    connection: &mut Connection,
    layout: Layout,
    sets: &[&TableSet],
) -> Result<(), OpenError> {
    let plans = plan_all(place, connection, layout, sets)?;
    let there = !columns_of(place, connection, SCHEMA_VERSION.name)?.is_empty();
    if there && plans.iter().all(|plan| *plan == Plan::Current) && is_claimed(connection) {
        return Ok(());
    }
    let fail = |source| engine(place, source);
    connection.control(Control::BeginWrite).map_err(fail)?;
    let done = apply_all(place, connection, layout, sets, &plans)
        .and_then(|()| connection.control(Control::Commit).map_err(fail));
    if connection.in_transaction() {
        connection.control(Control::Rollback).map_err(fail)?;
    }
    done
}

/// As [`run`], on the connection of a store that is open.
pub(crate) fn run_while_open(
    place: &Place,
    connection: &mut Connection,
    layout: Layout,
    sets: &[&TableSet],
) -> Result<(), OpenError> {
    let fail = |source| engine(place, source);
    let Connection::Sqlite(open) = connection;
    open.enforce_foreign_keys(false).map_err(fail)?;
    let done = run(place, connection, layout, sets);
    let Connection::Sqlite(open) = connection;
    open.enforce_foreign_keys(true).map_err(fail)?;
    done
}

fn is_claimed(connection: &Connection) -> bool {
    let Connection::Sqlite(open) = connection;
    open.is_claimed()
}

fn apply_all(
    place: &Place,
    connection: &mut Connection,
    layout: Layout,
    sets: &[&TableSet],
    plans: &[Plan],
) -> Result<(), OpenError> {
    let fail = |source| engine(place, source);
    let Connection::Sqlite(open) = &*connection;
    // In the same transaction, so that an interrupted first start is no half-claimed database.
    open.mark_claimed().map_err(fail)?;
    create_missing(place, connection, layout, &SCHEMA_VERSION)?;
    let mut updated = false;
    for (set, plan) in sets.iter().zip(plans) {
        let Plan::From(version) = plan else { continue };
        for table in set.tables {
            create_missing(place, connection, layout, table)?;
        }
        for update in set.updates.iter().filter(|update| update.to > *version) {
            tracing::info!(module = set.module, version = update.to, "updating tables");
            updated = true;
            for step in update.steps {
                apply(place, connection, layout, set, step)?;
            }
        }
        for table in set.tables {
            create_missing_indexes(connection, layout, table).map_err(fail)?;
        }
        let row: [&dyn Bind; 2] = [&set.module, &set.version];
        connection
            .execute("DELETE FROM schema_version WHERE module = ?", &[&set.module])
            .map_err(fail)?;
        connection
            .execute("INSERT INTO schema_version (module, version) VALUES (?, ?)", &row)
            .map_err(fail)?;
    }
    if updated { check_references(place, connection) } else { Ok(()) }
}

fn check_references(place: &Place, connection: &mut Connection) -> Result<(), OpenError> {
    let mut broken = None;
    connection
        .query("PRAGMA foreign_key_check", &[], &mut |row| {
            broken = Some(row.get::<String>(0)?);
            Ok(false)
        })
        .map_err(|source| engine(place, source))?;
    match broken {
        None => Ok(()),
        Some(table) => Err(mismatch(
            place,
            &table,
            "after the update a row would refer to one that is gone".into(),
        )),
    }
}

fn create_missing(
    place: &Place,
    connection: &mut Connection,
    layout: Layout,
    table: &Table,
) -> Result<(), OpenError> {
    if columns_of(place, connection, table.name)?.is_empty() {
        for statement in table.create(Dialect::Sqlite, layout) {
            connection.execute(&statement, &[]).map_err(|source| engine(place, source))?;
        }
    }
    Ok(())
}

fn apply(
    place: &Place,
    connection: &mut Connection,
    layout: Layout,
    set: &TableSet,
    step: &Step,
) -> Result<(), OpenError> {
    let fail = |source| engine(place, source);
    match *step {
        Step::Execute(sql) => connection.execute(sql, &[]).map(drop).map_err(fail),
        Step::AddColumn { table, column } => {
            let declared = find_table(set, table)?.columns.iter().find(|one| one.name == column);
            let declared = declared.ok_or_else(|| {
                OpenError::Declaration(format!(
                    "{} adds the unknown column {table}.{column}",
                    set.module
                ))
            })?;
            if columns_of(place, connection, table)?
                .iter()
                .any(|one| one.name.eq_ignore_ascii_case(column))
            {
                return Ok(());
            }
            let sql = format!(
                "ALTER TABLE {} ADD COLUMN {}",
                quoted(table),
                sqlite_added_column(declared)
            );
            connection.execute(&sql, &[]).map(drop).map_err(fail)
        }
        Step::UpdatePrimaryKey { table } => {
            let table = find_table(set, table)?;
            let key = keys_of(connection, table.name).map_err(fail)?.primary;
            if key == table.primary_key(layout) {
                return Ok(());
            }
            rebuild(connection, layout, table).map_err(fail)
        }
    }
}

/// Copies the rows into a table of the newest form that takes the place of the old one. References to
/// the table stay, because foreign keys are off during updates.
fn rebuild(connection: &mut Connection, layout: Layout, table: &Table) -> Result<(), StoreError> {
    let new = format!("rookery_new_{}", table.name);
    let columns: Vec<&str> = table.columns_in(layout).map(|column| column.name).collect();
    let columns = quoted_list(&columns);
    let (old, target) = (quoted(table.name), quoted(&new));
    connection.execute(&table.create_table(Dialect::Sqlite, layout, &new), &[])?;
    connection
        .execute(&format!("INSERT INTO {target} ({columns}) SELECT {columns} FROM {old}"), &[])?;
    connection.execute(&format!("DROP TABLE {old}"), &[])?;
    connection.execute(&format!("ALTER TABLE {target} RENAME TO {old}"), &[])?;
    Ok(())
}

/// COMPAT: index names and some primary keys differ between ejabberd's files and its automatic schema,
/// so an index counts as present if some key or index covers the same columns in the same order.
fn create_missing_indexes(
    connection: &mut Connection,
    layout: Layout,
    table: &Table,
) -> Result<(), StoreError> {
    let keys = keys_of(connection, table.name)?;
    let mut wanted = table.other_indexes(layout);
    let key = table.primary_key(layout);
    if !key.is_empty() {
        wanted.insert(0, (key, true));
    }
    for (columns, unique) in wanted {
        let same =
            |(known, is_unique): &(Vec<String>, bool)| *known == columns && (*is_unique || !unique);
        if keys.primary != columns && !keys.indexes.iter().any(same) {
            connection.execute(&table.create_index(&columns, unique), &[])?;
        }
    }
    Ok(())
}

fn recorded_versions(connection: &mut Connection) -> Result<HashMap<String, i64>, StoreError> {
    let mut versions = HashMap::new();
    connection.query("SELECT module, version FROM schema_version LIMIT 1000", &[], &mut |row| {
        versions.insert(row.get(0)?, row.get(1)?);
        Ok(true)
    })?;
    Ok(versions)
}

fn mismatch(place: &Place, table: &str, reason: String) -> OpenError {
    OpenError::Mismatch { path: place.file().to_owned(), table: table.to_owned(), reason }
}

pub(crate) fn engine(place: &Place, source: StoreError) -> OpenError {
    let path = place.file().to_owned();
    match source {
        StoreError::Corrupt(reason) => OpenError::Corrupt { path, reason: reason.to_string() },
        source => OpenError::Engine { path, source },
    }
}
