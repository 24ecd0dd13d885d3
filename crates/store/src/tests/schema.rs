//! The generator of statements against ejabberd's schema: all of its tables, in both layouts.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::testing::{check_against_facts, check_set_against_facts};
use crate::{Column, DefaultValue, Dialect, Index, Kind, Layout, SCHEMA_VERSION, Table, TableSet};

/// Copies of some of ejabberd's tables, written as their owners would.
pub(super) static USERS: Table = Table::new(
    "users",
    "ejabberd_auth",
    &[
        Column::text("username"),
        Column::text("server_host"),
        Column::new("type", Kind::SmallInt),
        Column::text("password"),
        Column::new("serverkey", Kind::TextMax(128)).or(DefaultValue::Empty),
        Column::new("salt", Kind::TextMax(128)).or(DefaultValue::Empty),
        Column::new("iterationcount", Kind::Integer).or(DefaultValue::Zero),
        Column::created_at(),
    ],
)
.indexes(&[Index::unique(&["server_host", "username", "type"])]);

pub(super) static SPOOL: Table = Table::new(
    "spool",
    "mod_offline",
    &[
        Column::text("username"),
        Column::text("server_host"),
        Column::new("xml", Kind::TextBig),
        Column::new("seq", Kind::BigSerial),
        Column::created_at(),
    ],
)
.indexes(&[Index::on(&["server_host", "username"]), Index::on(&["created_at"])]);

static PRIVACY_LIST_DATA: Table = Table::new(
    "privacy_list_data",
    "mod_privacy",
    &[
        Column::bigint("id").nullable().references("privacy_list", "id"),
        Column::new("t", Kind::Char(1)),
        Column::text("value"),
        Column::new("action", Kind::Char(1)),
        Column::new("ord", Kind::Numeric),
        Column::new("match_all", Kind::Boolean),
        Column::new("match_iq", Kind::Boolean),
        Column::new("match_message", Kind::Boolean),
        Column::new("match_presence_in", Kind::Boolean),
        Column::new("match_presence_out", Kind::Boolean),
    ],
)
.indexes(&[Index::on(&["id"])]);

#[test]
fn declared_tables_agree_with_ejabberd() {
    for table in [&SCHEMA_VERSION, &USERS, &SPOOL, &PRIVACY_LIST_DATA] {
        check_against_facts(table).unwrap();
    }
    static SPOOL_SET: TableSet =
        TableSet { module: "mod_offline", version: 1, tables: &[&SPOOL], updates: &[] };
    check_set_against_facts(&SPOOL_SET).unwrap();
}

#[test]
fn the_comparison_finds_every_kind_of_difference() {
    const WRONG: &[(&str, &[Column])] = &[
        ("columns are", &[Column::text("username"), Column::text("server_host")]),
        ("seconds: type", &changed(Column::bigint("seconds"))),
        ("seconds: NULL", &changed(Column::text("seconds").nullable())),
        ("seconds: default", &changed(Column::text("seconds").or(DefaultValue::Empty))),
        ("seconds: references", &changed(Column::text("seconds").references("users", "username"))),
    ];
    const KEY: &[Index] = &[Index::unique(&["server_host", "username"])];
    const NO_KEY: &[Index] = &[Index::on(&["server_host", "username"])];
    let last = |columns: &'static [Column]| Table::new("last", "mod_last", columns).indexes(KEY);
    let right = last(const { &changed(Column::text("seconds")) });
    check_against_facts(&right).unwrap();
    for (word, columns) in WRONG {
        let text = check_against_facts(&last(columns)).unwrap_err();
        assert!(text.contains(word), "{word}: {text}");
    }
    for (word, table) in [
        ("indexes are", right.indexes(NO_KEY)),
        ("unique are", right.indexes(&[])),
        ("owner", Table { owner: "mod_first", ..right }),
        ("server_host is", right.server_host_always()),
        ("clustered", right.clustered()),
        ("no table", Table { name: "first", ..right }),
    ] {
        let text = check_against_facts(&table).unwrap_err();
        assert!(text.contains(word), "{word}: {text}");
    }
    static LAST: Table = Table::new("last", "mod_last", &[]);
    static SET: TableSet =
        TableSet { module: "mod_vcard", version: 7, tables: &[&LAST], updates: &[] };
    let text = check_set_against_facts(&SET).unwrap_err();
    for word in [
        "vcard_search is missing",
        "version of vcard is 1",
        "last belongs to mod_last",
        "columns are",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

const fn changed(seconds: Column) -> [Column; 4] {
    [Column::text("username"), Column::text("server_host"), seconds, Column::text("state")]
}

fn leak(text: &Json) -> &'static str {
    text.as_str().unwrap().to_owned().leak()
}

fn kind(word: &str) -> Kind {
    let length = |text: &str| text.split(['(', ')']).nth(1).unwrap().parse().unwrap();
    match word {
        "text" => Kind::Text,
        "text(big)" => Kind::TextBig,
        "char(1)" => Kind::Char(1),
        "smallint" => Kind::SmallInt,
        "integer" => Kind::Integer,
        "bigint" => Kind::BigInt,
        "bigserial" => Kind::BigSerial,
        "boolean" => Kind::Boolean,
        "blob" => Kind::Blob,
        "timestamp" => Kind::Timestamp,
        "numeric" => Kind::Numeric,
        other => Kind::TextMax(length(other)),
    }
}

/// A declaration made from the facts: what every owner of a table will come to write.
fn from_facts(facts: &Json) -> Table {
    let array = |json: &Json| json.as_array().cloned().unwrap_or_default();
    let file = |name: &Json| {
        array(&facts["columns"]).into_iter().find(|column| column["name"] == *name).unwrap()
    };
    let column = |json: &Json| {
        let more = file(&json["name"]);
        let mut column = Column::new(leak(&json["name"]), kind(json["type"].as_str().unwrap()));
        column.null = more["null"] == true && column.kind != Kind::BigSerial;
        column.default = match more["default"].as_str() {
            None => DefaultValue::None,
            Some("''") => DefaultValue::Empty,
            Some("0") => DefaultValue::Zero,
            Some(_) => DefaultValue::Now,
        };
        if let Some((table, key)) =
            more["references"].as_str().and_then(|text| text.split_once('.'))
        {
            let key = key.split(' ').next().unwrap();
            column = column.references(table.to_owned().leak(), key.to_owned().leak());
        }
        column
    };
    let index = |json: &Json| Index {
        columns: array(&json["columns"]).iter().map(leak).collect::<Vec<_>>().leak(),
        unique: json["unique"] == true,
    };
    let columns: Vec<Column> = array(&facts["auto"]["columns"]).iter().map(column).collect();
    let indexes: Vec<Index> = array(&facts["auto"]["indexes"]).iter().map(index).collect();
    let table = Table::new(leak(&facts["name"]), leak(&facts["owner"]), columns.leak())
        .indexes(indexes.leak());
    if facts["server_host_column"] == "both schemas" { table.server_host_always() } else { table }
}

#[test]
fn all_tables_of_ejabberd_come_out_right_in_sqlite() {
    let facts = crate::testing::facts::load().unwrap();
    let all = facts["tables"].as_array().unwrap();
    assert_eq!(all.len(), 44);
    for (layout, mode) in [(Layout::MultiHost, "multi"), (Layout::SingleHost, "single")] {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for facts in all {
            let table = from_facts(facts);
            for statement in table.create(Dialect::Sqlite, layout) {
                connection
                    .execute(&statement, [])
                    .unwrap_or_else(|error| panic!("{statement}: {error}"));
            }
            compare(&connection, &table, facts, mode);
        }
        let columns = "SELECT count(*) FROM sqlite_schema s, pragma_table_info(s.name) c
            WHERE s.type = 'table' AND s.name NOT IN ('auth_fast_tokens', 'schema_version', 'sqlite_sequence')";
        let count: i64 = connection.query_row(columns, [], |row| row.get(0)).unwrap();
        assert_eq!(Json::from(count), facts["counts"][format!("columns_{mode}_host")]);
    }
}

/// Compares what SQLite says about a created table with the facts of ejabberd's own file for SQLite.
fn compare(connection: &rusqlite::Connection, table: &Table, facts: &Json, mode: &str) {
    let name = table.name;
    let info = "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?)";
    let mut statement = connection.prepare(info).unwrap();
    let mut rows = statement.query([name]).unwrap();
    let mut key = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let column: String = row.get(0).unwrap();
        let at: i64 = row.get(4).unwrap();
        if at > 0 {
            key.push((at, column.clone()));
        }
        let fact =
            facts["columns"].as_array().unwrap().iter().find(|one| one["name"] == column).unwrap();
        let (declared, serial) =
            (row.get::<_, String>(1).unwrap().to_lowercase(), fact["pgsql"] == "bigserial");
        if let Some(sqlite) = fact["sqlite"].as_str() {
            let sqlite = sqlite
                .trim_end_matches(" auto_increment")
                .replace("varchar(32)", "text")
                .replace(" unsigned", "");
            assert_eq!(declared, sqlite, "{mode} {name}.{column}");
            assert_eq!(
                row.get::<_, bool>(2).unwrap(),
                fact["null"] == false && !serial,
                "{mode} {name}.{column}"
            );
        }
        let default = row.get::<_, Option<String>>(3).unwrap();
        let expected =
            fact["default"].as_str().map(|text| text.replace("now()", "CURRENT_TIMESTAMP"));
        assert_eq!(default, expected, "{mode} {name}.{column}");
    }
    key.sort();
    let key: Vec<String> = key.into_iter().map(|(_, column)| column).collect();
    let names = |json: &Json| -> Vec<String> {
        json.as_array()
            .into_iter()
            .flatten()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    };
    let file = &facts["keys"][mode]["sqlite"];
    if file.is_null() {
        return;
    }
    let unique = std::iter::once(&file["primary_key"])
        .chain(file["unique"].as_array().into_iter().flatten().map(|one| &one["columns"]))
        .map(names)
        .filter(|columns| !columns.is_empty());
    let unique: BTreeSet<Vec<String>> = unique.collect();
    let (ours, others) = indexes(connection, name);
    let ours: BTreeSet<Vec<String>> =
        ours.into_iter().chain([key]).filter(|columns| !columns.is_empty()).collect();
    assert_eq!(ours, unique, "{mode} {name}: unique");
    let covered = |columns: &Vec<String>| {
        others.contains(columns) || ours.iter().any(|one| one.starts_with(columns))
    };
    for index in file["indexes"].as_array().into_iter().flatten() {
        assert!(covered(&names(&index["columns"])), "{mode} {name}: {index} is missing");
    }
}

/// The columns of the unique indexes and of the others.
fn indexes(connection: &rusqlite::Connection, table: &str) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let sql = "SELECT l.name, l.\"unique\", group_concat(i.name) FROM pragma_index_list(?) l, pragma_index_info(l.name) i
        GROUP BY l.name, l.\"unique\" ORDER BY l.name, i.seqno";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement
        .query_map([table], |row| Ok((row.get::<_, bool>(1)?, row.get::<_, String>(2)?)))
        .unwrap();
    let (unique, others): (Vec<_>, Vec<_>) =
        rows.map(Result::unwrap).partition(|(unique, _)| *unique);
    let split = |list: Vec<(bool, String)>| {
        list.into_iter()
            .map(|(_, columns)| columns.split(',').map(str::to_owned).collect())
            .collect()
    };
    (split(unique), split(others))
}

#[test]
fn statements_are_as_ejabberd_derives_them() {
    let multi = SPOOL.create(Dialect::Sqlite, Layout::MultiHost);
    assert_eq!(
        multi,
        [
            "CREATE TABLE \"spool\" (\n    \"username\" text NOT NULL,\n    \"server_host\" text NOT NULL,\n    \"xml\" text NOT NULL,\n    \"seq\" integer PRIMARY KEY AUTOINCREMENT,\n    \"created_at\" timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP\n)",
            "CREATE INDEX \"i_spool_server_host_username\" ON \"spool\" (\"server_host\", \"username\")",
            "CREATE INDEX \"i_spool_created_at\" ON \"spool\" (\"created_at\")",
        ]
    );
    let single = USERS.create(Dialect::Sqlite, Layout::SingleHost);
    assert!(single[0].ends_with("PRIMARY KEY (\"username\", \"type\")\n)"), "{single:?}");
    assert!(!single[0].contains("server_host"));
    assert_eq!(single.len(), 1);
}
