//! Backups on their way back: what is accepted, what is refused, and `kill -9` in the middle.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use super::schema::SPOOL;
use super::{INSERT, NOTES, child, childs_database, ids, insert, open};
use crate::testing::{ScratchDirectory, ScratchStore};
use crate::{Layout, OpenError, OpenOptions, Store, TableSet, Value};

/// Rows of a page each, so that a copy takes several steps.
const ROWS: i64 = 1500;
const ROUNDS: u32 = 12;

async fn fill(store: &Store, first: i64) {
    let body = "x".repeat(3000);
    let write = move |tx: &mut crate::Tx<'_>| {
        tx.execute("DELETE FROM rookery_note", &[])?;
        (first..first + ROWS).try_for_each(|id| tx.execute(INSERT, &[&id, &body]).map(drop))
    };
    store.write(write).await.unwrap();
}

#[tokio::test]
async fn restored_data_replaces_all_data_at_once_and_stays() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    store.write(|tx| insert(tx, 1)).await.unwrap();
    let copy = directory.path().join("copy");
    store.backup_to(&copy).await.unwrap();
    store.write(|tx| insert(tx, 2)).await.unwrap();
    // A reader with a connection of its own from before.
    assert_eq!(ids(&store).await, [1, 2]);
    store.restore_from(&copy, vec![&NOTES]).await.unwrap();
    assert_eq!(ids(&store).await, [1]);
    store.write(|tx| insert(tx, 3)).await.unwrap();
    store.close().await.unwrap();
    let again = open(&directory, |_| {});
    assert_eq!(ids(&again).await, [1, 3]);
    assert_eq!(again.integrity_check().await.unwrap(), Vec::<String>::new());
    assert!(!directory.path().join("database-restoring").exists());
}

#[tokio::test]
async fn a_fallback_takes_the_place_at_the_next_start_and_only_then() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    store.write(|tx| insert(tx, 1)).await.unwrap();
    let copy = directory.path().join("copy");
    store.backup_to(&copy).await.unwrap();
    store.write(|tx| insert(tx, 2)).await.unwrap();
    store.install_fallback(&copy, vec![&NOTES]).await.unwrap();
    store.write(|tx| insert(tx, 3)).await.unwrap();
    assert_eq!(ids(&store).await, [1, 2, 3]);
    store.close().await.unwrap();
    // A crash between the removal of the journal and the renaming leaves this.
    std::fs::write(directory.path().join("database-wal"), "left over").unwrap();
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(directory.path().join("database-wal"), permissions).unwrap();
    let store = open(&directory, |_| {});
    assert_eq!(ids(&store).await, [1]);
    store.close().await.unwrap();
    let store = open(&directory, |_| {});
    assert_eq!(ids(&store).await, [1]);
}

#[tokio::test]
async fn what_is_no_backup_of_ours_changes_nothing() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    store.write(|tx| insert(tx, 1)).await.unwrap();
    let copy = directory.path().join("copy");
    store.backup_to(&copy).await.unwrap();
    let good = std::fs::read(&copy).unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("empty"), "").unwrap();
    std::fs::write(path("text"), "{tables,[]}.\n".repeat(50)).unwrap();
    std::fs::write(path("cut"), &good[..good.len() / 2]).unwrap();
    let mut foreign = good.clone();
    foreign[68..72].copy_from_slice(&[0; 4]);
    std::fs::write(path("foreign"), foreign).unwrap();
    let mut damaged = good.clone();
    let end = damaged.len();
    damaged[4096 + 8..end].fill(0xff);
    std::fs::write(path("damaged"), damaged).unwrap();
    let database = store.path().to_owned();
    for name in [
        "empty",
        "text",
        "cut",
        "foreign",
        "damaged",
        "no such file",
        "",
        "database",
        "database-wal",
    ] {
        let source = path(name);
        assert!(store.restore_from(&source, vec![&NOTES]).await.is_err(), "{name}");
        assert!(store.install_fallback(&source, vec![&NOTES]).await.is_err(), "{name}");
    }
    let refused = store.restore_from(path("text"), vec![&NOTES]).await.unwrap_err();
    assert!(matches!(refused, OpenError::NotABackup { .. }), "{refused}");
    assert!(refused.to_string().contains("for `load`. Nothing was changed"), "{refused}");
    for name in ["database", "database-wal", "database-lock", "database-fallback"] {
        assert!(store.backup_to(database.with_file_name(name)).await.is_err(), "{name}");
    }
    assert_eq!(ids(&store).await, [1]);
    store.restore_from(&copy, vec![&NOTES]).await.unwrap();
    store.close().await.unwrap();
    assert!(!path("database-fallback").exists() && !path("database-restoring").exists());
}

#[tokio::test]
async fn rows_of_any_table_are_read_and_replaced_by_their_declaration() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let table = NOTES.tables[0];
    let write = move |tx: &mut crate::Tx<'_>| {
        for (id, body) in [(2, "two"), (1, "one"), (2, "again")] {
            let cells = [("id", Value::Integer(id)), ("body", Value::Text(body))];
            tx.put_row(table, Layout::MultiHost, &cells)?;
        }
        let unknown = tx.put_row(table, Layout::MultiHost, &[("no_such", Value::Null)]);
        assert!(matches!(unknown, Err(crate::StoreError::Statement { .. })));
        assert!(tx.delete_rows(table, Layout::MultiHost, &[]).is_err());
        let mut rows = Vec::new();
        tx.rows_of(table, Layout::MultiHost, &[], |row| {
            rows.push((row.get::<i64>(0)?, row.get::<String>(1)?));
            Ok(true)
        })?;
        let page = tx.texts_after(table, Layout::MultiHost, ("body", "again"), &[], 5)?;
        let gone = tx.delete_rows(table, Layout::MultiHost, &[("id", Value::Integer(1))])?;
        Ok((rows, page, gone))
    };
    let (rows, page, gone) = store.write(write).await.unwrap().into_inner();
    assert_eq!(rows, [(1, "one".to_owned()), (2, "again".to_owned())]);
    assert_eq!((page, gone), (vec!["one".to_owned()], 1));
}

#[tokio::test]
async fn a_row_without_its_number_is_the_same_whenever_it_was_stored() {
    static SET: TableSet =
        TableSet { module: "mod_offline", version: 1, tables: &[&SPOOL], updates: &[] };
    let store = ScratchStore::open(&[&SET]).unwrap();
    let write = |tx: &mut crate::Tx<'_>| {
        for (xml, at) in [("<a/>", "2026-01-01 00:00:00"), ("<b/>", "2026-01-01 00:00:00")] {
            for at in [at, "2026-01-02 00:00:00"] {
                let names = [("username", "u"), ("server_host", "h"), ("xml", xml)];
                let cells = names.into_iter().chain([("created_at", at)]);
                let cells: Vec<_> = cells.map(|(name, text)| (name, Value::Text(text))).collect();
                tx.put_row(&SPOOL, Layout::MultiHost, &cells)?;
            }
        }
        tx.query("SELECT xml || created_at FROM spool ORDER BY seq", &[], |row| row.get(0))
    };
    let rows: Vec<String> = store.write(write).await.unwrap().into_inner();
    assert_eq!(rows, ["<a/>2026-01-02 00:00:00", "<b/>2026-01-02 00:00:00"]);
}

#[tokio::test]
async fn a_kill_in_the_middle_leaves_the_old_data_or_the_new() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    for first in [0, ROWS] {
        fill(&store, first).await;
        store.backup_to(directory.path().join(format!("copy-{first}"))).await.unwrap();
    }
    store.close().await.unwrap();
    let old: Vec<i64> = (0..ROWS).collect();
    let new: Vec<i64> = (ROWS..2 * ROWS).collect();
    for round in 0..ROUNDS {
        let mut running =
            child("", "tests::backup::restore_until_killed", &directory.path().join("database"))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line == "restored"));
        let noise = RandomState::new().hash_one(round) % 60_000;
        std::thread::sleep(Duration::from_micros(noise));
        running.kill().unwrap();
        running.wait().unwrap();
        let store = open(&directory, |_| {});
        let there = ids(&store).await;
        assert!(there == old || there == new, "round {round}: {} rows", there.len());
        assert_eq!(store.integrity_check().await.unwrap(), Vec::<String>::new());
        store.close().await.unwrap();
    }
}

#[test]
#[ignore = "run by a_kill_in_the_middle_leaves_the_old_data_or_the_new, in a process of its own"]
fn restore_until_killed() {
    let database = childs_database();
    let store = Store::open(&OpenOptions::new(&database), &[&NOTES]).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.block_on(async {
        for first in [0, ROWS].into_iter().cycle() {
            let copy = database.with_file_name(format!("copy-{first}"));
            store.restore_from(copy, vec![&NOTES]).await.unwrap();
            std::io::stdout().lock().write_all(b"\nrestored\n").unwrap();
        }
    });
}
