//! Table `spool`: messages that have waited too long.

use store::{Query, StoreError, Tx};

/// Deletes up to `count_max` messages of a host that were stored before `before` (`YYYY-MM-DD HH:MM:SS`, UTC),
/// oldest first; gives how many there were.
pub(super) fn delete_before(
    tx: &mut Tx<'_>,
    host: &str,
    before: &str,
    count_max: i64,
) -> Result<u64, StoreError> {
    let deleted = tx.execute(
        "DELETE FROM spool WHERE seq IN (SELECT seq FROM spool WHERE server_host = ?1 AND created_at < ?2 \
         ORDER BY created_at, seq LIMIT ?3)",
        &[&host, &before, &count_max],
    )?;
    Ok(deleted as u64)
}

/// A message that may say when it expires.
pub(super) struct Dated {
    pub(super) seq: i64,
    pub(super) xml: String,
    /// Seconds since 1970.
    pub(super) stored_at: i64,
}

/// Up to `count_max` messages of a host after `after` that hold the word `word`.
pub(super) fn holding(
    query: &mut Query<'_>,
    host: &str,
    word: &str,
    after: i64,
    count_max: i64,
) -> Result<Vec<Dated>, StoreError> {
    query.query(
        "SELECT seq, xml, CAST(strftime('%s', created_at) AS INTEGER) FROM spool \
         WHERE server_host = ?1 AND seq > ?2 AND instr(xml, ?3) > 0 ORDER BY seq LIMIT ?4",
        &[&host, &after, &word, &count_max],
        |row| {
            Ok(Dated {
                seq: row.get(0)?,
                xml: row.get(1)?,
                stored_at: row.get::<Option<i64>>(2)?.unwrap_or(i64::MAX),
            })
        },
    )
}

/// Deletes one message.
pub(super) fn delete(tx: &mut Tx<'_>, host: &str, seq: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM spool WHERE server_host = ?1 AND seq = ?2", &[&host, &seq]).map(drop)
}
