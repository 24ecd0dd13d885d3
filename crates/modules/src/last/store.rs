//! Table `last` (schema.json): when an account was last available, and what it said then.

use jid::BareJid;
use store::{Column, Index, Query, StoreError, Table, TableSet, Tx};

use crate::host_and_user;

/// Last activity.
static LAST: Table = Table::new("last", "mod_last", COLUMNS).indexes(INDEXES);

const COLUMNS: &[Column] = &[
    Column::text("username"),
    Column::text("server_host"),
    Column::text("seconds"),
    Column::text("state"),
];
const INDEXES: &[Index] = &[Index::unique(&["server_host", "username"])];

pub(super) static TABLES: TableSet =
    TableSet { module: "mod_last", version: 1, tables: &[&LAST], updates: &[] };

/// The last activity of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Activity {
    /// Seconds since 1970.
    pub(super) at: i64,
    /// The status text of the last unavailable presence.
    pub(super) status: String,
}

pub(super) fn read(
    query: &mut Query<'_>,
    account: &BareJid,
) -> Result<Option<Activity>, StoreError> {
    let (host, user) = host_and_user(account);
    let found = query.query_opt(
        "SELECT seconds, state FROM last WHERE server_host = ?1 AND username = ?2",
        &[&host, &user],
        |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)),
    )?;
    // Seconds are decimal text; what is none is as good as absent.
    Ok(found
        .and_then(|(seconds, status)| Some(Activity { at: seconds.trim().parse().ok()?, status })))
}

pub(super) fn replace(
    tx: &mut Tx<'_>,
    account: &BareJid,
    activity: &Activity,
) -> Result<(), StoreError> {
    let (host, user) = host_and_user(account);
    tx.execute(
        "INSERT INTO last (username, server_host, seconds, state) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (server_host, username) DO UPDATE SET seconds = excluded.seconds, state = excluded.state",
        &[&user, &host, &activity.at.to_string(), &activity.status],
    )?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, account: &BareJid) -> Result<(), StoreError> {
    let (host, user) = host_and_user(account);
    tx.execute("DELETE FROM last WHERE server_host = ?1 AND username = ?2", &[&host, &user])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use store::testing::{ScratchStore, check_set_against_facts};

    use super::*;

    #[test]
    fn the_table_is_ejabberds() {
        check_set_against_facts(&TABLES).unwrap();
    }

    #[tokio::test]
    async fn the_last_activity_replaces_the_one_before() {
        let store = ScratchStore::open(&[&TABLES]).unwrap();
        let romeo = BareJid::new("romeo@example.org").unwrap();
        let activity = |at, status: &str| Activity { at, status: status.to_owned() };
        let write = store.write(move |tx| {
            replace(tx, &romeo, &activity(1, "one"))?;
            replace(tx, &romeo, &activity(2, "two"))?;
            assert_eq!(read(tx, &romeo)?, Some(activity(2, "two")));
            delete(tx, &romeo)?;
            read(tx, &romeo)
        });
        assert_eq!(write.await.unwrap().into_inner(), None);
    }
}
