//! Files that the store must refuse, and must leave as they are, byte for byte.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{NOTES, insert, open};
use crate::testing::ScratchDirectory;
use crate::{Column, Index, Layout, OpenError, OpenOptions, Store, Table, TableSet};

/// Every file of the directory with its content and the time of its last change.
fn snapshot(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.clone(),
                (std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap()),
            )
        })
        .collect()
}

fn private(path: &Path) {
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[track_caller]
fn refused_as(directory: &Path, layout: Layout, sets: &[&TableSet]) -> OpenError {
    for entry in std::fs::read_dir(directory).unwrap() {
        private(&entry.unwrap().path());
    }
    let before = snapshot(directory);
    let mut options = OpenOptions::new(directory.join("database"));
    options.layout = layout;
    let error = Store::open(&options, sets).expect_err("this must not open");
    assert!(snapshot(directory) == before, "the refusal left traces: {error}");
    assert!(error.to_string().contains("database"), "the message does not name the file: {error}");
    error
}

#[track_caller]
fn refused(directory: &Path) -> OpenError {
    refused_as(directory, Layout::MultiHost, &[&NOTES])
}

/// A database made by some program, by statements.
fn made_by(statements: &str) -> ScratchDirectory {
    let directory = ScratchDirectory::new();
    let connection = rusqlite::Connection::open(directory.path().join("database")).unwrap();
    connection.execute_batch(statements).unwrap();
    connection.close().unwrap();
    directory
}

/// A closed database of ours with some rows.
async fn ours(rows: i64) -> (ScratchDirectory, PathBuf) {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    store.write(move |tx| (0..rows).try_for_each(|id| insert(tx, id))).await.unwrap();
    store.close().await.unwrap();
    let path = directory.path().join("database");
    (directory, path)
}

#[test]
fn files_that_are_no_databases() {
    for content in
        [&b"hosts:\n  - localhost\n"[..], &[0; 8192], b"SQLite format 3", &b"x".repeat(5000)]
    {
        let directory = ScratchDirectory::new();
        std::fs::write(directory.path().join("database"), content).unwrap();
        assert!(matches!(refused(directory.path()), OpenError::NotADatabase { .. }));
    }
    let directory = ScratchDirectory::new();
    std::fs::create_dir(directory.path().join("database")).unwrap();
    let options = OpenOptions::new(directory.path().join("database"));
    assert!(matches!(Store::open(&options, &[&NOTES]), Err(OpenError::Io { .. })));
}

#[tokio::test]
async fn damaged_databases() {
    let (directory, path) = ours(2000).await;
    let whole = std::fs::read(&path).unwrap();
    let damage = |from: usize, to: usize| {
        let mut bytes = whole.clone();
        bytes[from..to].fill(0xa5);
        bytes
    };
    let pages = whole.len() / 4096;
    assert!(pages > 6, "{pages}");
    let truncated = whole[..whole.len() / 2].to_vec();
    let cases = [
        ("truncated", truncated),
        ("schema", damage(100, 4096)),
        ("header", damage(20, 60)),
        ("leaf", damage(whole.len() - 4096, whole.len() - 2048)),
    ];
    for (name, bytes) in cases {
        std::fs::write(&path, bytes).unwrap();
        let error = refused(directory.path());
        assert!(
            matches!(error, OpenError::Corrupt { .. } | OpenError::NotADatabase { .. }),
            "{name}: {error:?}"
        );
    }
    std::fs::write(&path, whole).unwrap();
    open(&directory, |_| {}).close().await.unwrap();
}

#[test]
fn databases_of_other_programs() {
    let marked = made_by(
        "PRAGMA application_id = 252006674; CREATE TABLE rookery_note (id bigint, body text)",
    );
    assert!(matches!(refused(marked.path()), OpenError::Foreign { .. }));
    let browser = made_by("CREATE TABLE moz_places (id INTEGER PRIMARY KEY, url TEXT)");
    let error = refused(browser.path());
    assert!(
        matches!(&error, OpenError::Foreign { reason, .. } if reason.contains("moz_places")),
        "{error}"
    );
    let in_wal_mode =
        made_by("PRAGMA journal_mode = WAL; CREATE TABLE moz_places (id INTEGER PRIMARY KEY)");
    assert!(matches!(refused(in_wal_mode.path()), OpenError::Foreign { .. }));
    let same_name = made_by("CREATE TABLE rookery_note (id bigint, body text, colour text)");
    let error = refused(same_name.path());
    assert!(
        matches!(&error, OpenError::Mismatch { reason, .. } if reason.contains("colour")),
        "{error}"
    );
    let same_columns = made_by("CREATE TABLE rookery_note (id text, body text)");
    assert!(matches!(refused(same_columns.path()), OpenError::Mismatch { .. }));
    let own_versions = made_by(
        "CREATE TABLE schema_version (id integer); CREATE TABLE rookery_note (id bigint, body text)",
    );
    assert!(
        matches!(refused(own_versions.path()), OpenError::Mismatch { table, .. } if table == "schema_version")
    );
}

#[test]
fn a_database_with_the_unfinished_work_of_another_program() {
    for suffix in ["wal", "journal"] {
        let directory = made_by(
            "CREATE TABLE rookery_note (id bigint NOT NULL PRIMARY KEY, body text NOT NULL)",
        );
        std::fs::write(directory.path().join(format!("database-{suffix}")), "some pages").unwrap();
        let error = refused(directory.path());
        assert!(matches!(error, OpenError::UnfinishedJournal { .. }), "{suffix}: {error}");
    }
    let directory = ScratchDirectory::new();
    std::fs::write(directory.path().join("database"), "").unwrap();
    std::fs::write(directory.path().join("database-wal"), "some pages").unwrap();
    assert!(matches!(refused(directory.path()), OpenError::Corrupt { .. }));
}

#[tokio::test]
async fn tables_of_a_newer_server() {
    let (directory, path) = ours(1).await;
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute("UPDATE schema_version SET version = 2 WHERE module = 'rookery_note'", [])
        .unwrap();
    connection.close().unwrap();
    let error = refused(directory.path());
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }), "{error}");
}

#[tokio::test]
async fn tables_of_a_newer_server_that_crashed() {
    let (directory, path) = ours(1).await;
    let crashed = ScratchDirectory::new();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute("UPDATE schema_version SET version = 2 WHERE module = 'rookery_note'", [])
        .unwrap();
    // Another process copies the files, since reading them here would drop the locks of the connection.
    for name in ["database", "database-wal"] {
        let (from, to) = (directory.path().join(name), crashed.path().join(name));
        assert!(Command::new("cp").args([from, to]).status().unwrap().success());
    }
    connection.close().unwrap();
    for name in ["database", "database-wal"] {
        private(&crashed.path().join(name));
    }
    let before = snapshot(crashed.path());
    let error =
        Store::open(&OpenOptions::new(crashed.path().join("database")), &[&NOTES]).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }), "{error}");
    let after = snapshot(crashed.path());
    for (path, content) in before {
        assert!(after[&path] == content, "{} was changed", path.display());
    }
}

static PEOPLE: Table =
    Table::new("people", "mod_people", &[Column::text("username"), Column::text("server_host")])
        .indexes(&[Index::unique(&["server_host", "username"])]);
static PEOPLE_SET: TableSet =
    TableSet { module: "mod_people", version: 1, tables: &[&PEOPLE], updates: &[] };

#[test]
fn the_other_layout_is_named() {
    let single = made_by("CREATE TABLE people (username text PRIMARY KEY)");
    let error = refused_as(single.path(), Layout::MultiHost, &[&PEOPLE_SET]);
    assert!(error.to_string().contains("`sql_schema_multihost: false`"), "{error}");
    let multi = made_by("CREATE TABLE people (username text, server_host text)");
    let error = refused_as(multi.path(), Layout::SingleHost, &[&PEOPLE_SET]);
    assert!(error.to_string().contains("`sql_schema_multihost: true`"), "{error}");
}

#[test]
fn declarations_that_contradict_each_other() {
    static AGAIN: TableSet =
        TableSet { module: "mod_again", version: 1, tables: &[&PEOPLE], updates: &[] };
    static TYPO: Table =
        Table::new("typo", "mod_typo", &[Column::text("name")]).indexes(&[Index::on(&["nam"])]);
    static TYPO_SET: TableSet =
        TableSet { module: "mod_typo", version: 1, tables: &[&TYPO], updates: &[] };
    for sets in [&[&PEOPLE_SET, &AGAIN][..], &[&TYPO_SET]] {
        let directory = ScratchDirectory::new();
        let refused = Store::open(&OpenOptions::new(directory.path().join("database")), sets);
        assert!(matches!(refused, Err(OpenError::Declaration(_))));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
