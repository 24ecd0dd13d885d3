//! The journal of stream management in SQL: which sessions can be resumed, what they have not acknowledged.
//!
//! Own tables, not ejabberd's, which keeps this in memory and loses it with the process.

use store::{Column, Index, Kind, Query, StoreError, Table, TableSet, Tx};
use xmpp_wire::Stanza;
use xmpp_wire::sm::Counter;

use super::Row;
use super::journal::text;

/// Sessions with stream management.
static SESSIONS: Table = Table {
    indexes: &[Index::unique(&["id"])],
    server_host: store::ServerHost::Always,
    ..Table::new(
        "rookery_sm_session",
        "mod_stream_mgmt",
        &[
            Column::text("id"),
            Column::text("username"),
            Column::text("server_host"),
            Column::text("resource"),
            Column::bigint("resume_seconds"),
            Column::bigint("handled"),
            Column::text("presence").nullable(),
            Column::new("interested", Kind::Boolean),
        ],
    )
};

/// Messages that a client has not acknowledged.
static QUEUE: Table = Table {
    indexes: &[Index::unique(&["session", "row"])],
    clustered: true,
    ..Table::new(
        "rookery_sm_queue",
        "mod_stream_mgmt",
        &[Column::text("session"), Column::bigint("row"), Column::new("stanza", Kind::TextBig)],
    )
};

/// Stanzas of a client that were handled before an earlier one was.
static AHEAD: Table = Table {
    indexes: &[Index::unique(&["session", "seq"])],
    clustered: true,
    ..Table::new(
        "rookery_sm_ahead",
        "mod_stream_mgmt",
        &[Column::text("session"), Column::bigint("seq")],
    )
};

/// Stanzas with several targets that some of them have. A stanza of the session has its number among those it sent; a
/// message that it left at its end has -1 less its row.
static REACHED: Table = Table {
    indexes: &[Index::unique(&["session", "seq", "target"])],
    clustered: true,
    ..Table::new(
        "rookery_sm_reached",
        "mod_stream_mgmt",
        &[Column::text("session"), Column::bigint("seq"), Column::text("target")],
    )
};

/// The journal's tables.
pub(crate) static TABLES: TableSet = TableSet {
    module: "mod_stream_mgmt",
    version: 2,
    tables: &[&SESSIONS, &QUEUE, &AHEAD, &REACHED],
    updates: &[],
};

/// A target that has a stanza already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) seq: i64,
    pub(crate) target: Box<str>,
}

/// A session as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) username: String,
    pub(crate) host: String,
    pub(crate) resource: String,
    /// How long it waits for resumption; zero for a session that cannot be resumed, or that has ended.
    pub(crate) resume_seconds: i64,
    /// How many stanzas of the client have been handled, modulo 2^32.
    pub(crate) handled: u32,
    /// The last available presence.
    pub(crate) presence: Option<String>,
    /// Whether it gets roster pushes.
    pub(crate) interested: bool,
}

pub(crate) fn insert_session(
    tx: &mut Tx<'_>,
    id: &str,
    row: &SessionRow,
) -> Result<(), StoreError> {
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

/// The session cannot be resumed any more.
pub(crate) fn end_session(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE rookery_sm_session SET resume_seconds = 0 WHERE id = ?", &[&id])?;
    Ok(())
}

pub(crate) fn delete_session(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM rookery_sm_session WHERE id = ?", &[&id])?;
    tx.execute("DELETE FROM rookery_sm_queue WHERE session = ?", &[&id])?;
    tx.execute("DELETE FROM rookery_sm_ahead WHERE session = ?", &[&id])?;
    tx.execute("DELETE FROM rookery_sm_reached WHERE session = ?", &[&id])?;
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

pub(crate) fn insert_stanza(
    tx: &mut Tx<'_>,
    id: &str,
    row: Row,
    stanza: &Stanza,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO rookery_sm_queue (session, row, stanza) VALUES (?, ?, ?)",
        &[&id, &row, &text(stanza)],
    )?;
    Ok(())
}

pub(crate) fn delete_stanza(tx: &mut Tx<'_>, id: &str, row: Row) -> Result<(), StoreError> {
    tx.execute("DELETE FROM rookery_sm_queue WHERE session = ? AND row = ?", &[&id, &row])?;
    Ok(())
}

pub(crate) fn delete_stanzas(tx: &mut Tx<'_>, id: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM rookery_sm_queue WHERE session = ?", &[&id])?;
    Ok(())
}

/// Writes how many stanzas of the client are handled, unless more are written already (modulo 2^32).
pub(crate) fn update_handled(
    tx: &mut Tx<'_>,
    id: &str,
    handled: Counter,
) -> Result<(), StoreError> {
    let handled = i64::from(handled.get());
    tx.execute(
        "UPDATE rookery_sm_session SET handled = ? WHERE id = ? AND ((? - handled) & 4294967295) < 2147483648",
        &[&handled, &id, &handled],
    )?;
    Ok(())
}

/// Writes that a stanza is handled although one before it is not.
pub(crate) fn insert_ahead(tx: &mut Tx<'_>, id: &str, seq: Counter) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO rookery_sm_ahead (session, seq) VALUES (?, ?) ON CONFLICT DO NOTHING",
        &[&id, &i64::from(seq.get())],
    )?;
    Ok(())
}

/// Forgets the stanzas that were ahead and are now among the `handled` (modulo 2^32).
pub(crate) fn delete_ahead(tx: &mut Tx<'_>, id: &str, handled: Counter) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM rookery_sm_ahead WHERE session = ? AND ((? - 1 - seq) & 4294967295) < 2147483648",
        &[&id, &i64::from(handled.get())],
    )?;
    Ok(())
}

/// Writes that a target has a stanza which others are still to get.
pub(crate) fn insert_reached(
    tx: &mut Tx<'_>,
    id: &str,
    seq: i64,
    target: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO rookery_sm_reached (session, seq, target) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        &[&id, &seq, &target],
    )?;
    Ok(())
}

/// Forgets which targets had the stanzas that are now among the `handled` (modulo 2^32).
pub(crate) fn delete_reached(
    tx: &mut Tx<'_>,
    id: &str,
    handled: Counter,
) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM rookery_sm_reached WHERE session = ? AND seq >= 0 \
         AND ((? - 1 - seq) & 4294967295) < 2147483648",
        &[&id, &i64::from(handled.get())],
    )?;
    Ok(())
}

/// Which targets have which stanzas already.
pub(crate) fn reached(query: &mut Query<'_>, id: &str) -> Result<Vec<Reached>, StoreError> {
    query.query("SELECT seq, target FROM rookery_sm_reached WHERE session = ?", &[&id], |row| {
        Ok(Reached { seq: row.get(0)?, target: row.get(1)? })
    })
}

/// Pretends that a session belongs to another host.
#[cfg(test)]
pub(crate) fn move_session(tx: &mut Tx<'_>, id: &str, host: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE rookery_sm_session SET server_host = ? WHERE id = ?", &[&host, &id])?;
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
pub(crate) fn queue(query: &mut Query<'_>, id: &str) -> Result<Vec<(Row, String)>, StoreError> {
    query.query(
        "SELECT row, stanza FROM rookery_sm_queue WHERE session = ? ORDER BY row",
        &[&id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Numbers of stanzas that were handled ahead of an earlier one.
pub(crate) fn ahead(query: &mut Query<'_>, id: &str) -> Result<Vec<u32>, StoreError> {
    query.query("SELECT seq FROM rookery_sm_ahead WHERE session = ?", &[&id], |row| {
        Ok(counter(row.get(0)?))
    })
}

/// Counters are stored as what they are, numbers below 2^32.
fn counter(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(0)
}
