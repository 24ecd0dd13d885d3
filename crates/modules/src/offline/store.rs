//! Table `spool` (schema.json): messages that wait for their recipients, in the order of `seq`.

use store::{Column, Index, Kind, Query, StoreError, Table, TableSet, Tx};

/// Messages of accounts without available session, in the order of `seq`.
pub(super) static SPOOL: Table = Table::new("spool", "mod_offline", COLUMNS).indexes(INDEXES);

const COLUMNS: &[Column] = &[
    Column::text("username"),
    Column::text("server_host"),
    Column::new("xml", Kind::TextBig),
    Column::new("seq", Kind::BigSerial),
    Column::created_at(),
];
const INDEXES: &[Index] = &[Index::on(&["server_host", "username"]), Index::on(&["created_at"])];

pub(super) static TABLES: TableSet =
    TableSet { module: "mod_offline", version: 1, tables: &[&SPOOL], updates: &[] };

/// Whose messages: the localpart and the host, both prepared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub(super) user: Box<str>,
    pub(super) host: Box<str>,
}

impl Owner {
    /// The bare JID.
    pub(super) fn account(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) xml: String,
}

/// Whether an account has at least so many messages.
pub(super) fn has(query: &mut Query<'_>, owner: &Owner, count: u64) -> Result<bool, StoreError> {
    let Some(before_last) = count.checked_sub(1) else { return Ok(true) };
    let offset = i64::try_from(before_last).unwrap_or(i64::MAX);
    query.exists(
        "SELECT 1 FROM spool WHERE server_host = ?1 AND username = ?2 LIMIT 1 OFFSET ?3",
        &[&owner.host, &owner.user, &offset],
    )
}

pub(super) fn count(query: &mut Query<'_>, owner: &Owner) -> Result<i64, StoreError> {
    query.query_one(
        "SELECT count(*) FROM spool WHERE server_host = ?1 AND username = ?2",
        &[&owner.host, &owner.user],
        |row| row.get(0),
    )
}

pub(super) fn insert(tx: &mut Tx<'_>, owner: &Owner, xml: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO spool (username, server_host, xml) VALUES (?1, ?2, ?3)",
        &[&owner.user, &owner.host, &xml],
    )?;
    Ok(())
}

/// Stores a message before all others, and returns its number: numbers may be negative.
pub(super) fn insert_first(tx: &mut Tx<'_>, owner: &Owner, xml: &str) -> Result<i64, StoreError> {
    let seq = before_first(tx)?;
    tx.execute(
        "INSERT INTO spool (seq, username, server_host, xml) VALUES (?1, ?2, ?3, ?4)",
        &[&seq, &owner.user, &owner.host, &xml],
    )?;
    Ok(seq)
}

/// Puts a stored message before all others, and returns its new number.
pub(super) fn move_first(tx: &mut Tx<'_>, owner: &Owner, seq: i64) -> Result<i64, StoreError> {
    let first = before_first(tx)?;
    tx.execute(
        "UPDATE spool SET seq = ?1 WHERE server_host = ?2 AND username = ?3 AND seq = ?4",
        &[&first, &owner.host, &owner.user, &seq],
    )?;
    Ok(first)
}

fn before_first(query: &mut Query<'_>) -> Result<i64, StoreError> {
    query.query_one("SELECT coalesce(min(seq), 1) - 1 FROM spool", &[], |row| row.get(0))
}

/// Messages after `after`, oldest first: at most `count_max`, and no more once `bytes_max` is reached. The second
/// value says whether these were the last ones.
pub(super) fn page(
    query: &mut Query<'_>,
    owner: &Owner,
    after: i64,
    count_max: usize,
    bytes_max: usize,
) -> Result<(Vec<Row>, bool), StoreError> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    let mut last = true;
    query.for_each(
        "SELECT seq, xml FROM spool WHERE server_host = ?1 AND username = ?2 AND seq > ?3 ORDER BY seq",
        &[&owner.host, &owner.user, &after],
        |row| {
            if rows.len() == count_max || bytes >= bytes_max {
                last = false;
                return Ok(false);
            }
            let row = Row { seq: row.get(0)?, xml: row.get(1)? };
            bytes += row.xml.len();
            rows.push(row);
            Ok(true)
        },
    )?;
    Ok((rows, last))
}

pub(super) fn one(
    query: &mut Query<'_>,
    owner: &Owner,
    seq: i64,
) -> Result<Option<Row>, StoreError> {
    query.query_opt(
        "SELECT seq, xml FROM spool WHERE server_host = ?1 AND username = ?2 AND seq = ?3",
        &[&owner.host, &owner.user, &seq],
        |row| Ok(Row { seq: row.get(0)?, xml: row.get(1)? }),
    )
}

/// Deletes a message; says whether it was there.
pub(super) fn delete(tx: &mut Tx<'_>, owner: &Owner, seq: i64) -> Result<bool, StoreError> {
    let deleted = tx.execute(
        "DELETE FROM spool WHERE server_host = ?1 AND username = ?2 AND seq = ?3",
        &[&owner.host, &owner.user, &seq],
    )?;
    Ok(deleted > 0)
}

pub(super) fn delete_all(tx: &mut Tx<'_>, owner: &Owner) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM spool WHERE server_host = ?1 AND username = ?2",
        &[&owner.host, &owner.user],
    )?;
    Ok(())
}
