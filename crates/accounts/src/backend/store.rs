//! Table `users` as ejabberd's multi-host layout has it, the key of invented verifiers, the sealed keys for relays, and
//! the SQL for them.

use stdx::{Secret, SecretBytes};
use store::{
    Column, DefaultValue, Index, Kind, Query, Row, StoreError, Table, TableSet, Tx, Update,
};

use super::sql::Rows;
use crate::relay::RelayRow;
use crate::stored::UserRow;

/// Rows of one account that are read at most: there are five kinds.
const ROWS_MAX: i64 = 8;

/// Table `users` (schema.json): one row for each stored form of an account's password.
pub(crate) static USERS: Table =
    Table::new("users", "ejabberd_auth", USERS_COLUMNS).indexes(USERS_INDEXES);

const USERS_COLUMNS: &[Column] = &[
    Column::text("username"),
    Column::text("server_host"),
    Column::new("type", Kind::SmallInt),
    Column::text("password"),
    Column::new("serverkey", Kind::TextMax(128)).or(DefaultValue::Empty),
    Column::new("salt", Kind::TextMax(128)).or(DefaultValue::Empty),
    Column::new("iterationcount", Kind::Integer).or(DefaultValue::Zero),
    Column::created_at(),
];
const USERS_INDEXES: &[Index] = &[Index::unique(&["server_host", "username", "type"])];

/// The server's own keys. It has none of ejabberd's names, so ejabberd leaves it alone.
pub(crate) static KEYS: Table =
    Table::new("rookery_account_keys", "rookery_accounts", KEYS_COLUMNS)
        .indexes(&[Index::unique(&["name"])])
        .clustered();

const KEYS_COLUMNS: &[Column] = &[Column::text("name"), Column::new("value", Kind::Blob)];

pub(crate) static USERS_SET: TableSet = TableSet {
    module: "ejabberd_auth",
    version: 2,
    tables: &[&USERS],
    updates: &[Update {
        to: 2,
        steps: &[
            store::Step::AddColumn { table: "users", column: "type" },
            store::Step::UpdatePrimaryKey { table: "users" },
        ],
    }],
};

pub(crate) static KEYS_SET: TableSet =
    TableSet { module: "rookery_accounts", version: 1, tables: &[&KEYS], updates: &[] };

/// Keys for relays, sealed ([`crate::relay`]): at most two names an account and realm.
pub(crate) static RELAY: Table = Table::new("rookery_relay_keys", "rookery_relay", RELAY_COLUMNS)
    .indexes(RELAY_INDEXES)
    .server_host_always();

const RELAY_COLUMNS: &[Column] = &[
    Column::new("userhash", Kind::Blob),
    Column::text("username"),
    Column::text("server_host"),
    Column::text("realm"),
    Column::new("sealed", Kind::Blob),
];
const RELAY_INDEXES: &[Index] =
    &[Index::unique(&["userhash"]), Index::on(&["server_host", "username"])];

pub(crate) static RELAY_SET: TableSet =
    TableSet { module: "rookery_relay", version: 1, tables: &[&RELAY], updates: &[] };

/// Rows of one account that are read at most.
const RELAY_ROWS_MAX: i64 = 16;

pub(crate) fn relay_rows(
    query: &mut Query<'_>,
    host: &str,
    user: &str,
) -> Result<Vec<RelayRow>, StoreError> {
    query.query(
        "SELECT userhash, realm, sealed FROM rookery_relay_keys \
         WHERE server_host = ?1 AND username = ?2 LIMIT ?3",
        &[&host, &user, &RELAY_ROWS_MAX],
        |row| Ok(RelayRow { userhash: row.get(0)?, realm: row.get(1)?, sealed: row.get(2)? }),
    )
}

pub(crate) fn relay_account(
    query: &mut Query<'_>,
    userhash: &[u8],
) -> Result<Option<(String, String)>, StoreError> {
    let mut found = query.query(
        "SELECT username, server_host FROM rookery_relay_keys WHERE userhash = ?1",
        &[&userhash],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(found.pop())
}

fn row(row: &Row<'_>) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        kind: row.get::<Option<i64>>(0)?.unwrap_or(0),
        password: row.get::<Secret>(1)?,
        serverkey: row.get::<Secret>(2)?,
        salt: row.get(3)?,
        iterationcount: row.get(4)?,
    })
}

pub(crate) fn rows(
    query: &mut Query<'_>,
    host: &str,
    user: &str,
) -> Result<Vec<UserRow>, StoreError> {
    query.query(
        "SELECT type, password, serverkey, salt, iterationcount FROM users \
         WHERE server_host = ?1 AND username = ?2 ORDER BY type LIMIT ?3",
        &[&host, &user, &ROWS_MAX],
        row,
    )
}

pub(crate) fn exists(query: &mut Query<'_>, host: &str, user: &str) -> Result<bool, StoreError> {
    query.exists(
        "SELECT 1 FROM users WHERE server_host = ?1 AND username = ?2 LIMIT 1",
        &[&host, &user],
    )
}

/// Replaces all rows of an account.
pub(crate) fn replace(
    tx: &mut Tx<'_>,
    host: &str,
    user: &str,
    rows: &Rows,
) -> Result<(), StoreError> {
    delete(tx, host, user)?;
    for row in &rows.relay {
        tx.execute(
            "INSERT INTO rookery_relay_keys (userhash, username, server_host, realm, sealed) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (userhash) DO UPDATE SET \
             username = excluded.username, server_host = excluded.server_host, sealed = excluded.sealed",
            &[&row.userhash, &user, &host, &row.realm, &row.sealed],
        )?;
    }
    for row in &rows.users {
        tx.execute(
            "INSERT INTO users (username, server_host, type, password, serverkey, salt, iterationcount) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[&user, &host, &row.kind, &row.password, &row.serverkey, &row.salt, &row.iterationcount],
        )?;
    }
    Ok(())
}

/// Deletes an account; gives whether there was one.
pub(crate) fn delete(tx: &mut Tx<'_>, host: &str, user: &str) -> Result<bool, StoreError> {
    tx.execute(
        "DELETE FROM rookery_relay_keys WHERE server_host = ?1 AND username = ?2",
        &[&host, &user],
    )?;
    let deleted =
        tx.execute("DELETE FROM users WHERE server_host = ?1 AND username = ?2", &[&host, &user])?;
    Ok(deleted > 0)
}

pub(crate) fn list(
    query: &mut Query<'_>,
    host: &str,
    prefix: &str,
    limit: u32,
    offset: u32,
) -> Result<Vec<String>, StoreError> {
    query.query(
        "SELECT DISTINCT username FROM users \
         WHERE server_host = ?1 AND username >= ?2 AND substr(username, 1, length(?2)) = ?2 \
         ORDER BY username LIMIT ?3 OFFSET ?4",
        &[&host, &prefix, &limit, &offset],
        |row| row.get(0),
    )
}

pub(crate) fn count(query: &mut Query<'_>, host: &str, prefix: &str) -> Result<i64, StoreError> {
    query.query_one(
        "SELECT count(DISTINCT username) FROM users \
         WHERE server_host = ?1 AND username >= ?2 AND substr(username, 1, length(?2)) = ?2",
        &[&host, &prefix],
        |row| row.get(0),
    )
}

/// The key of a name; `fresh` is stored and given if there is none.
pub(crate) fn key(tx: &mut Tx<'_>, name: &str, fresh: &[u8]) -> Result<SecretBytes, StoreError> {
    tx.execute(
        "INSERT INTO rookery_account_keys (name, value) VALUES (?1, ?2) \
         ON CONFLICT (name) DO NOTHING",
        &[&name, &fresh],
    )?;
    let key: Vec<u8> =
        tx.query_one("SELECT value FROM rookery_account_keys WHERE name = ?1", &[&name], |row| {
            row.get(0)
        })?;
    Ok(SecretBytes::new(key))
}
