//! The comparison of declared tables with ejabberd's schema, `tests/facts/ejabberd-26.07/schema.json`.

use serde_json::Value as Json;

use crate::migrate::TableSet;
use crate::store::Layout;
use crate::table::{Column, DefaultValue, Kind, ServerHost, Table, affinity, sqlite_word};

/// The facts, from the root of the repository.
const FACTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/facts/ejabberd-26.07/schema.json");

/// Compares a table with ejabberd's of the same name: columns in order, types, defaults, whether they
/// may be `NULL`, references, keys and indexes, the owner, and what becomes of `server_host`.
///
/// # Errors
/// The differences, one a line.
pub fn check_against_facts(table: &Table) -> Result<(), String> {
    let facts = facts(table.name)?;
    let mut wrong = Vec::new();
    if facts["owner"] != table.owner {
        wrong.push(format!("owner {} is {}", table.owner, facts["owner"]));
    }
    let stays = facts["server_host_column"] == "both schemas";
    if stays != (table.server_host == ServerHost::Always) {
        wrong.push(format!("server_host is {}", facts["server_host_column"]));
    }
    if table.clustered {
        wrong.push("ejabberd's tables are not clustered".to_owned());
    }
    check_columns(table, &facts, &mut wrong);
    check_keys(table, &facts, &mut wrong);
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("table {}:\n  {}", table.name, wrong.join("\n  ")))
    }
}

/// Compares a set with ejabberd: every table as [`check_against_facts`] does, the version, that the
/// tables belong to the module, and that no table of the module is missing.
///
/// # Errors
/// The differences, one a line.
pub fn check_set_against_facts(set: &TableSet) -> Result<(), String> {
    let mut wrong = Vec::new();
    let all = load()?;
    let owned =
        all["tables"].as_array().into_iter().flatten().filter(|table| table["owner"] == set.module);
    for facts in owned {
        let name = facts["name"].as_str().unwrap_or_default();
        if !set.tables.iter().any(|table| table.name == name) {
            wrong.push(format!("table {name} is missing"));
        }
        if facts["auto"]["version"] != set.version {
            wrong.push(format!("the version of {name} is {}", facts["auto"]["version"]));
        }
    }
    for table in set.tables {
        if table.owner != set.module {
            wrong.push(format!("table {} belongs to {}", table.name, table.owner));
        }
        if let Err(text) = check_against_facts(table) {
            wrong.push(text);
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{}:\n  {}", set.module, wrong.join("\n  ")))
    }
}

/// The whole of the facts.
pub(crate) fn load() -> Result<Json, String> {
    let text = std::fs::read_to_string(FACTS).map_err(|error| format!("{FACTS}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{FACTS}: {error}"))
}

fn facts(name: &str) -> Result<Json, String> {
    let all = load()?;
    let found = all["tables"].as_array().into_iter().flatten().find(|table| table["name"] == name);
    found.cloned().ok_or_else(|| format!("ejabberd has no table {name}"))
}

fn check_columns(table: &Table, facts: &Json, wrong: &mut Vec<String>) {
    let automatic = facts["auto"]["columns"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = automatic.iter().filter_map(|column| column["name"].as_str()).collect();
    let declared: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    if names != declared {
        wrong.push(format!("columns are {names:?}, declared {declared:?}"));
        return;
    }
    let from_file = |name: &str| {
        let columns = facts["columns"].as_array().into_iter().flatten();
        columns.clone().find(|column| column["name"] == name).cloned().unwrap_or(Json::Null)
    };
    for (column, automatic) in table.columns.iter().zip(&automatic) {
        check_column(column, automatic, &from_file(column.name), wrong);
    }
}

fn check_column(column: &Column, automatic: &Json, file: &Json, wrong: &mut Vec<String>) {
    let name = column.name;
    if automatic["type"] != word(column.kind).as_str() {
        wrong.push(format!(
            "{name}: type is {}, declared {}",
            automatic["type"],
            word(column.kind)
        ));
    }
    if (automatic["default"] == true) != (column.default != DefaultValue::None) {
        wrong.push(format!(
            "{name}: default is {}, declared {:?}",
            automatic["default"], column.default
        ));
    }
    // The files know more than the automatic schema, where both have the table.
    if let Some(sqlite) = file["sqlite"].as_str()
        && affinity(sqlite) != affinity(&sqlite_word(column.kind))
    {
        wrong.push(format!(
            "{name}: SQLite's type is {sqlite}, declared {}",
            sqlite_word(column.kind)
        ));
    }
    if let Some(null) = file["null"].as_bool()
        && column.kind != Kind::BigSerial
        && null != column.null
    {
        wrong.push(format!("{name}: NULL allowed is {null}, declared {}", column.null));
    }
    let default = match column.default {
        DefaultValue::None => &[][..],
        DefaultValue::Empty => &["''"],
        DefaultValue::Zero => &["0"],
        DefaultValue::Now => &["now()", "CURRENT_TIMESTAMP"],
    };
    if let Some(found) = file["default"].as_str()
        && !default.contains(&found)
    {
        wrong.push(format!("{name}: default is {found}, declared {:?}", column.default));
    }
    let references =
        column.references.map(|to| format!("{}.{} on delete cascade", to.table, to.column));
    if file["references"].as_str() != references.as_deref() {
        wrong.push(format!("{name}: references {}, declared {references:?}", file["references"]));
    }
}

fn check_keys(table: &Table, facts: &Json, wrong: &mut Vec<String>) {
    let automatic = facts["auto"]["indexes"].as_array().cloned().unwrap_or_default();
    let known: Vec<(Vec<&str>, bool)> = automatic
        .iter()
        .map(|index| {
            let columns = index["columns"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .collect();
            (columns, index["unique"] == true)
        })
        .collect();
    let declared: Vec<(Vec<&str>, bool)> =
        table.indexes.iter().map(|index| (index.columns.to_vec(), index.unique)).collect();
    if known != declared {
        wrong.push(format!("indexes are {known:?}, declared {declared:?}"));
    }
    // Whatever is unique in ejabberd's file must be unique in what we create, and the other way round.
    for (layout, mode) in [(Layout::MultiHost, "multi"), (Layout::SingleHost, "single")] {
        let keys = &facts["keys"][mode]["sqlite"];
        if keys.is_null() {
            continue;
        }
        let key = names(&keys["primary_key"]);
        let mut unique: Vec<Vec<String>> = keys["unique"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| names(&one["columns"]))
            .collect();
        if !key.is_empty() {
            unique.push(key);
        }
        unique.sort();
        unique.dedup();
        let mut ours: Vec<Vec<String>> =
            vec![table.primary_key(layout).into_iter().map(str::to_owned).collect()];
        ours.extend(
            table
                .other_indexes(layout)
                .into_iter()
                .filter(|(_, unique)| *unique)
                .map(|(columns, _)| columns.into_iter().map(str::to_owned).collect()),
        );
        ours.retain(|columns| !columns.is_empty());
        ours.sort();
        if unique != ours {
            wrong.push(format!("{mode}: unique are {unique:?}, we create {ours:?}"));
        }
    }
}

fn names(columns: &Json) -> Vec<String> {
    columns.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// The word for a type in ejabberd's automatic schema.
pub(crate) fn word(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::TextBig => "text(big)".to_owned(),
        Kind::TextMax(length) => format!("text({length})"),
        Kind::Char(length) => format!("char({length})"),
        Kind::SmallInt => "smallint".to_owned(),
        Kind::Integer => "integer".to_owned(),
        Kind::BigInt => "bigint".to_owned(),
        Kind::BigSerial => "bigserial".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Blob => "blob".to_owned(),
        Kind::Timestamp => "timestamp".to_owned(),
        Kind::Numeric => "numeric".to_owned(),
    }
}
