//! The roster in SQL: ejabberd's tables `rosterusers`, `rostergroups` and `roster_version`.

use std::collections::BTreeMap;

use jid::BareJid;
use store::{Column, Index, Kind, Query, Row, Step, StoreError, Table, TableSet, Tx, Update};

use super::item::{Book, Item};
use super::state::State;

/// Items.
static USERS: Table = Table::new(
    "rosterusers",
    "mod_roster",
    &[
        Column::text("username"),
        Column::text("server_host"),
        Column::text("jid"),
        Column::text("nick"),
        Column::new("subscription", Kind::Char(1)),
        Column::new("approved", Kind::Boolean),
        Column::new("ask", Kind::Char(1)),
        Column::text("askmessage"),
        Column::new("server", Kind::Char(1)),
        Column::text("subscribe"),
        Column::text("type").nullable(),
        Column::created_at(),
    ],
)
.indexes(&[Index::unique(&["server_host", "username", "jid"]), Index::on(&["server_host", "jid"])]);

/// Groups of items.
static GROUPS: Table = Table::new(
    "rostergroups",
    "mod_roster",
    &[
        Column::text("username"),
        Column::text("server_host"),
        Column::text("jid"),
        Column::text("grp"),
    ],
)
.indexes(&[Index::on(&["server_host", "username", "jid"])]);

/// Versions of rosters.
static VERSIONS: Table = Table::new(
    "roster_version",
    "mod_roster",
    &[Column::text("username"), Column::text("server_host"), Column::text("version")],
)
.indexes(&[Index::unique(&["server_host", "username"])]);

/// The tables of the roster.
pub(crate) static TABLES: TableSet = TableSet {
    module: "mod_roster",
    version: 2,
    tables: &[&USERS, &GROUPS, &VERSIONS],
    updates: &[Update {
        to: 2,
        steps: &[Step::AddColumn { table: "rosterusers", column: "approved" }],
    }],
};

/// Marks, in a column that is otherwise empty and that ejabberd does not read, an item which the account
/// has put into its roster while a request of the contact waits; without it such a row is a mere request.
const LISTED: &str = "listed";

/// Whose roster.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    user: Box<str>,
    host: Box<str>,
}

impl Owner {
    /// The owner of an account's roster.
    pub(crate) fn new(account: &BareJid) -> Self {
        let user = account.node().map_or("", |node| node.as_str());
        Self { user: user.into(), host: account.domain().as_str().into() }
    }
}

/// COMPAT: the letters of ejabberd, older ones included (schema.json, `rosterusers`).
fn decode_state(subscription: &str, ask: &str, approved: bool) -> State {
    let to = matches!(subscription, "T" | "B");
    let from = matches!(subscription, "F" | "B");
    State {
        to,
        from,
        pending_out: !to && matches!(ask, "O" | "B" | "S"),
        pending_in: !from && matches!(ask, "I" | "B"),
        approved,
    }
}

fn subscription_letter(state: State) -> &'static str {
    match (state.to, state.from) {
        (true, true) => "B",
        (true, false) => "T",
        (false, true) => "F",
        (false, false) => "N",
    }
}

fn ask_letter(state: State) -> &'static str {
    match (state.pending_out, state.pending_in) {
        (true, true) => "B",
        (true, false) => "O",
        (false, true) => "I",
        (false, false) => "N",
    }
}

fn is_bare_request(state: State) -> bool {
    state == State { pending_in: true, ..State::default() }
}

fn item(row: &Row<'_>) -> Result<(Box<str>, Item), StoreError> {
    let state =
        decode_state(row.text(2)?, row.text(3)?, row.get::<Option<bool>>(4)?.unwrap_or(false));
    let name: String = row.get(1)?;
    let listed = !is_bare_request(state) || !name.is_empty() || row.text(6)? == LISTED;
    Ok((row.get(0)?, Item { name, groups: Vec::new(), state, reason: row.get(5)?, listed }))
}

/// One item.
pub(crate) fn read_item(
    query: &mut Query<'_>,
    owner: &Owner,
    jid: &str,
) -> Result<Option<Item>, StoreError> {
    let found = query.query_opt(
        "SELECT jid, nick, subscription, ask, approved, askmessage, subscribe FROM rosterusers \
         WHERE server_host = ?1 AND username = ?2 AND jid = ?3",
        &[&owner.host, &owner.user, &jid],
        item,
    )?;
    let Some((_, mut item)) = found else { return Ok(None) };
    item.groups = query.query(
        "SELECT grp FROM rostergroups WHERE server_host = ?1 AND username = ?2 AND jid = ?3 ORDER BY grp",
        &[&owner.host, &owner.user, &jid],
        |row| row.get(0),
    )?;
    item.listed |= !item.groups.is_empty();
    Ok(Some(item))
}

/// A whole roster. The number of rows is bounded where they are written.
pub(crate) fn read_book(query: &mut Query<'_>, owner: &Owner) -> Result<Book, StoreError> {
    let rows = query.query(
        "SELECT jid, nick, subscription, ask, approved, askmessage, subscribe FROM rosterusers \
         WHERE server_host = ?1 AND username = ?2",
        &[&owner.host, &owner.user],
        item,
    )?;
    let mut items: BTreeMap<_, _> = rows.into_iter().collect();
    query.for_each(
        "SELECT jid, grp FROM rostergroups WHERE server_host = ?1 AND username = ?2 ORDER BY jid, grp",
        &[&owner.host, &owner.user],
        |row| {
            if let Some(item) = items.get_mut(row.text(0)?) {
                item.groups.push(row.get(1)?);
                item.listed = true;
            }
            Ok(true)
        },
    )?;
    Ok(Book::new(items, read_version(query, owner)?))
}

/// An item of any roster, for commands that look at all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The host of the owner.
    pub(crate) host: String,
    /// The localpart of the owner.
    pub(crate) user: String,
    /// The contact.
    pub(crate) jid: String,
    /// Where the two stand.
    pub(crate) state: State,
}

/// Items of all rosters in the order of their keys: at most `count_max` after `after`.
pub(crate) fn page(
    query: &mut Query<'_>,
    after: &Entry,
    count_max: i64,
) -> Result<Vec<Entry>, StoreError> {
    query.query(
        "SELECT server_host, username, jid, subscription, ask, approved FROM rosterusers \
         WHERE (server_host, username, jid) > (?1, ?2, ?3) ORDER BY server_host, username, jid LIMIT ?4",
        &[&after.host, &after.user, &after.jid, &count_max],
        |row| {
            let approved = row.get::<Option<bool>>(5)?.unwrap_or(false);
            let state = decode_state(row.text(3)?, row.text(4)?, approved);
            Ok(Entry { host: row.get(0)?, user: row.get(1)?, jid: row.get(2)?, state })
        },
    )
}

/// How many items a roster has: those that are mere requests of strangers, or the others.
pub(crate) fn count(
    query: &mut Query<'_>,
    owner: &Owner,
    requests: bool,
) -> Result<i64, StoreError> {
    query.query_one(
        "SELECT count(*) FROM rosterusers WHERE server_host = ?1 AND username = ?2 \
         AND (subscription = 'N' AND ask = 'I' AND subscribe <> ?3 AND nick = '') = ?4",
        &[&owner.host, &owner.user, &LISTED, &requests],
        |row| row.get(0),
    )
}

/// Writes an item in place of the one that may be there.
pub(crate) fn write_item(
    tx: &mut Tx<'_>,
    owner: &Owner,
    jid: &str,
    item: &Item,
) -> Result<(), StoreError> {
    let mark = if item.listed && is_bare_request(item.state) { LISTED } else { "" };
    tx.execute(
        "INSERT INTO rosterusers (username, server_host, jid, nick, subscription, approved, ask, askmessage, \
         server, subscribe, type) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'N', ?9, 'item') \
         ON CONFLICT (server_host, username, jid) DO UPDATE SET nick = ?4, subscription = ?5, approved = ?6, \
         ask = ?7, askmessage = ?8, subscribe = ?9",
        &[
            &owner.user,
            &owner.host,
            &jid,
            &item.name,
            &subscription_letter(item.state),
            &item.state.approved,
            &ask_letter(item.state),
            &item.reason,
            &mark,
        ],
    )?;
    delete_groups(tx, owner, jid)?;
    for group in &item.groups {
        tx.execute(
            "INSERT INTO rostergroups (username, server_host, jid, grp) VALUES (?1, ?2, ?3, ?4)",
            &[&owner.user, &owner.host, &jid, group],
        )?;
    }
    Ok(())
}

fn delete_groups(tx: &mut Tx<'_>, owner: &Owner, jid: &str) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM rostergroups WHERE server_host = ?1 AND username = ?2 AND jid = ?3",
        &[&owner.host, &owner.user, &jid],
    )?;
    Ok(())
}

/// Deletes an item.
pub(crate) fn delete_item(tx: &mut Tx<'_>, owner: &Owner, jid: &str) -> Result<(), StoreError> {
    delete_groups(tx, owner, jid)?;
    tx.execute(
        "DELETE FROM rosterusers WHERE server_host = ?1 AND username = ?2 AND jid = ?3",
        &[&owner.host, &owner.user, &jid],
    )?;
    Ok(())
}

/// Deletes everything that is kept of an account.
pub(crate) fn delete_book(tx: &mut Tx<'_>, owner: &Owner) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM rostergroups WHERE server_host = ?1 AND username = ?2",
        &[&owner.host, &owner.user],
    )?;
    tx.execute(
        "DELETE FROM rosterusers WHERE server_host = ?1 AND username = ?2",
        &[&owner.host, &owner.user],
    )?;
    tx.execute(
        "DELETE FROM roster_version WHERE server_host = ?1 AND username = ?2",
        &[&owner.host, &owner.user],
    )?;
    Ok(())
}

/// The stored version of a roster.
pub(crate) fn read_version(
    query: &mut Query<'_>,
    owner: &Owner,
) -> Result<Option<String>, StoreError> {
    query.query_opt(
        "SELECT version FROM roster_version WHERE server_host = ?1 AND username = ?2",
        &[&owner.host, &owner.user],
        |row| row.get(0),
    )
}

/// Stores a version of a roster.
pub(crate) fn write_version(
    tx: &mut Tx<'_>,
    owner: &Owner,
    version: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO roster_version (username, server_host, version) VALUES (?1, ?2, ?3) \
         ON CONFLICT (server_host, username) DO UPDATE SET version = ?3",
        &[&owner.user, &owner.host, &version],
    )?;
    Ok(())
}
