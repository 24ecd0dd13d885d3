//! The journal of stream management in SQL: which sessions can be resumed, what they have not acknowledged.
//!
//! Own tables, not ejabberd's, which keeps this in memory and loses it with the process.

use store::{Query, StoreError, Tx};

/// A session as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) username: String,
    pub(crate) host: String,
    pub(crate) resource: String,
    /// How long it waits for resumption; zero for a session that cannot be resumed.
    pub(crate) resume_seconds: i64,
    /// How many stanzas of the client have been handled, modulo 2^32.
    pub(crate) handled: u32,
    /// The last available presence.
    pub(crate) presence: Option<String>,
    /// Whether it gets roster pushes.
    pub(crate) interested: bool,
}

pub(crate) fn insert_session(tx: &mut Tx<'_>, id: &str, row: &SessionRow) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO rookery_sm_session (id, username, server_host, resource, resume_seconds, handled, presence, \
         interested) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            &id,
            &row.username,
            &row.host,
            &row.resource,
            &row.resume_seconds,
            &i64::from(row.handled),
            &row.presence,
            &row.interested,
        ],
    )?;
    Ok(())
}

pub(crate) fn delete_session(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM rookery_sm_session WHERE id = ?", &[&id])?;
    tx.execute("DELETE FROM rookery_sm_queue WHERE session = ?", &[&id])?;
    tx.execute("DELETE FROM rookery_sm_handled WHERE session = ?", &[&id])?;
    Ok(())
}

pub(crate) fn update_presence(
    tx: &mut Tx<'_>,
    id: &str,
    presence: Option<&str>,
    interested: bool,
) -> Result<(), StoreError> {
    let presence = presence.map(str::to_owned);
    tx.execute(
        "UPDATE rookery_sm_session SET presence = ?, interested = ? WHERE id = ?",
        &[&presence, &interested, &id],
    )?;
    Ok(())
}

pub(crate) fn insert_stanza(tx: &mut Tx<'_>, id: &str, seq: u32, stanza: &[u8]) -> Result<(), StoreError> {
    let text = std::str::from_utf8(stanza).map_err(|_| StoreError::refused("a stanza is not UTF-8"))?;
    tx.execute(
        "INSERT INTO rookery_sm_queue (session, seq, stanza) VALUES (?, ?, ?)",
        &[&id, &i64::from(seq), &text],
    )?;
    Ok(())
}

pub(crate) fn delete_stanza(tx: &mut Tx<'_>, id: &str, seq: u32) -> Result<(), StoreError> {
    tx.execute("DELETE FROM rookery_sm_queue WHERE session = ? AND seq = ?", &[&id, &i64::from(seq)])?;
    Ok(())
}

pub(crate) fn delete_stanzas(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM rookery_sm_queue WHERE session = ?", &[&id])?;
    Ok(())
}

/// Writes that the first `handled` stanzas of the client are handled, or that one ahead of them is.
pub(crate) fn record_inbound(tx: &mut Tx<'_>, id: &str, handled: u32, ahead: Option<u32>) -> Result<(), StoreError> {
    match ahead {
        Some(seq) => {
            tx.execute("INSERT INTO rookery_sm_handled (session, seq) VALUES (?, ?)", &[&id, &i64::from(seq)])?;
        }
        None => {
            tx.execute("UPDATE rookery_sm_session SET handled = ? WHERE id = ?", &[&i64::from(handled), &id])?;
        }
    }
    Ok(())
}

pub(crate) fn delete_ahead(tx: &mut Tx<'_>, id: &str, seq: u32) -> Result<(), StoreError> {
    tx.execute("DELETE FROM rookery_sm_handled WHERE session = ? AND seq = ?", &[&id, &i64::from(seq)])?;
    Ok(())
}

/// Everything the journal has, for the start of the server.
pub(crate) fn sessions(query: &mut Query<'_>) -> Result<Vec<(String, SessionRow)>, StoreError> {
    query.query(
        "SELECT id, username, server_host, resource, resume_seconds, handled, presence, interested \
         FROM rookery_sm_session",
        &[],
        |row| {
            let session = SessionRow {
                username: row.get(1)?,
                host: row.get(2)?,
                resource: row.get(3)?,
                resume_seconds: row.get(4)?,
                handled: counter(row.get(5)?),
                presence: row.get(6)?,
                interested: row.get(7)?,
            };
            Ok((row.get(0)?, session))
        },
    )
}

/// The unacknowledged messages of a session, oldest first.
pub(crate) fn queue(query: &mut Query<'_>, id: &str) -> Result<Vec<(u32, String)>, StoreError> {
    query.query(
        "SELECT seq, stanza FROM rookery_sm_queue WHERE session = ? ORDER BY rowid",
        &[&id],
        |row| Ok((counter(row.get(0)?), row.get(1)?)),
    )
}

/// Numbers of stanzas that were handled ahead of an earlier one.
pub(crate) fn ahead(query: &mut Query<'_>, id: &str) -> Result<Vec<u32>, StoreError> {
    query.query("SELECT seq FROM rookery_sm_handled WHERE session = ?", &[&id], |row| Ok(counter(row.get(0)?)))
}

/// Counters are stored as what they are, numbers below 2^32.
fn counter(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(0)
}
