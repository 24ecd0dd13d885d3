//! Table `private_storage` (schema.json): one element for each account and namespace.

use jid::BareJid;
use store::{Column, Index, Query, StoreError, Table, TableSet, Tx};

use crate::host_and_user;

/// Private XML storage.
static PRIVATE_STORAGE: Table =
    Table::new("private_storage", "mod_private", COLUMNS).indexes(INDEXES);

const COLUMNS: &[Column] = &[
    Column::text("username"),
    Column::text("server_host"),
    Column::text("namespace"),
    Column::text("data"),
    Column::created_at(),
];
const INDEXES: &[Index] = &[Index::unique(&["server_host", "username", "namespace"])];

pub(super) static TABLES: TableSet =
    TableSet { module: "mod_private", version: 1, tables: &[&PRIVATE_STORAGE], updates: &[] };

pub(super) fn read(
    query: &mut Query<'_>,
    account: &BareJid,
    namespace: &str,
) -> Result<Option<String>, StoreError> {
    let (host, user) = host_and_user(account);
    query.query_opt(
        "SELECT data FROM private_storage WHERE server_host = ?1 AND username = ?2 AND namespace = ?3",
        &[&host, &user, &namespace],
        |row| row.get(0),
    )
}

pub(super) fn count(query: &mut Query<'_>, account: &BareJid) -> Result<i64, StoreError> {
    let (host, user) = host_and_user(account);
    query.query_one(
        "SELECT count(*) FROM private_storage WHERE server_host = ?1 AND username = ?2",
        &[&host, &user],
        |row| row.get(0),
    )
}

pub(super) fn replace(
    tx: &mut Tx<'_>,
    account: &BareJid,
    namespace: &str,
    data: &str,
) -> Result<(), StoreError> {
    let (host, user) = host_and_user(account);
    tx.execute(
        "INSERT INTO private_storage (username, server_host, namespace, data) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (server_host, username, namespace) DO UPDATE SET data = excluded.data",
        &[&user, &host, &namespace, &data],
    )?;
    Ok(())
}

pub(super) fn delete(
    tx: &mut Tx<'_>,
    account: &BareJid,
    namespace: &str,
) -> Result<(), StoreError> {
    let (host, user) = host_and_user(account);
    tx.execute(
        "DELETE FROM private_storage WHERE server_host = ?1 AND username = ?2 AND namespace = ?3",
        &[&host, &user, &namespace],
    )?;
    Ok(())
}

/// Accounts of a host that keep something under a namespace, sorted: at most `count_max` after `after`.
pub(super) fn users_with(
    query: &mut Query<'_>,
    host: &str,
    namespace: &str,
    after: &str,
    count_max: u32,
) -> Result<Vec<String>, StoreError> {
    query.query(
        "SELECT username FROM private_storage WHERE server_host = ?1 AND username > ?2 AND namespace = ?3 \
         ORDER BY username LIMIT ?4",
        &[&host, &after, &namespace, &count_max],
        |row| row.get(0),
    )
}

pub(super) fn delete_all(tx: &mut Tx<'_>, account: &BareJid) -> Result<(), StoreError> {
    let (host, user) = host_and_user(account);
    tx.execute(
        "DELETE FROM private_storage WHERE server_host = ?1 AND username = ?2",
        &[&host, &user],
    )?;
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
    async fn one_element_for_each_account_and_namespace() {
        let store = ScratchStore::open(&[&TABLES]).unwrap();
        let romeo = BareJid::new("romeo@example.org").unwrap();
        let juliet = BareJid::new("juliet@example.org").unwrap();
        let write = store.write(move |tx| {
            replace(tx, &romeo, "a", "<one/>")?;
            replace(tx, &romeo, "a", "<two/>")?;
            replace(tx, &romeo, "b", "<three/>")?;
            replace(tx, &juliet, "a", "<four/>")?;
            assert_eq!(count(tx, &romeo)?, 2);
            assert_eq!(read(tx, &romeo, "a")?.as_deref(), Some("<two/>"));
            delete_all(tx, &romeo)?;
            assert_eq!(read(tx, &romeo, "b")?, None);
            read(tx, &juliet, "a")
        });
        assert_eq!(write.await.unwrap().into_inner().as_deref(), Some("<four/>"));
    }
}
