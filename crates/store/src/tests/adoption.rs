//! Databases that exist already: ejabberd's, older ones, ones in which something is missing.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use super::schema::{SPOOL, USERS};
use super::{NOTE, NOTES, insert, open};
use crate::testing::{ScratchDirectory, ScratchStore};
use crate::{Column, Index, Layout, OpenError, OpenOptions, Step, Store, Table, TableSet, Update};

static AUTH: TableSet = TableSet {
    module: "ejabberd_auth",
    version: 2,
    tables: &[&USERS],
    updates: &[Update {
        to: 2,
        steps: &[
            Step::AddColumn { table: "users", column: "type" },
            Step::UpdatePrimaryKey { table: "users" },
        ],
    }],
};
static OFFLINE: TableSet =
    TableSet { module: "mod_offline", version: 1, tables: &[&SPOOL], updates: &[] };

/// A database as it stands after another program closed it.
fn existing(statements: &str) -> (ScratchDirectory, OpenOptions) {
    let directory = ScratchDirectory::new();
    let path = directory.path().join("database");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(statements).unwrap();
    connection.close().unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    (directory, OpenOptions::new(path))
}

async fn text(store: &Store, sql: &'static str) -> String {
    store.read(move |query| query.query_one(sql, &[], |row| row.get(0))).await.unwrap()
}

const VERSIONS: &str = "SELECT group_concat(module || ' ' || version, ', ') FROM (SELECT * FROM schema_version ORDER BY module)";
const SPOOL_INDEXES: &str = "SELECT group_concat(name, ' ') FROM (SELECT name FROM pragma_index_list('spool') ORDER BY name)";
const USERS_KEY: &str = "SELECT group_concat(name, ' ') FROM (SELECT name FROM pragma_table_info('users') WHERE pk > 0 ORDER BY pk)";

/// Two tables in the form of ejabberd's file for SQLite: other index names, other words for types.
const FROM_FILE: &str = "
    CREATE TABLE users (username text NOT NULL, server_host text NOT NULL, type smallint, password text NOT NULL,
        serverkey text NOT NULL DEFAULT '', salt text NOT NULL DEFAULT '', iterationcount integer NOT NULL DEFAULT 0,
        created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (server_host, username, type));
    CREATE TABLE spool (username text NOT NULL, server_host text NOT NULL, xml text NOT NULL,
        seq integer PRIMARY KEY AUTOINCREMENT, created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
    CREATE INDEX i_spool_sh_username ON spool (server_host, username);
    CREATE TABLE somebodys_module (id integer);
    INSERT INTO users (username, server_host, type, password) VALUES ('juliet', 'capulet.lit', 1, 'pw');
    INSERT INTO spool (username, server_host, xml) VALUES ('juliet', 'capulet.lit', '<message/>');";

#[tokio::test]
async fn a_database_of_ejabberds_files_is_served_in_place() {
    let (_directory, options) = existing(FROM_FILE);
    for _ in 0..2 {
        let store = Store::open(&options, &[&AUTH, &OFFLINE]).unwrap();
        assert_eq!(text(&store, "SELECT password FROM users").await, "pw");
        assert_eq!(text(&store, "SELECT xml FROM spool").await, "<message/>");
        assert_eq!(text(&store, VERSIONS).await, "ejabberd_auth 2, mod_offline 1");
        // The index that the file has is not doubled under another name; the missing one is made.
        assert_eq!(text(&store, SPOOL_INDEXES).await, "i_spool_created_at i_spool_sh_username");
        assert_eq!(text(&store, "SELECT count(*) FROM somebodys_module").await, "0");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_adopted_database_recovers_after_a_crash() {
    let (directory, options) = existing(FROM_FILE);
    Store::open(&options, &[&AUTH, &OFFLINE]).unwrap().close().await.unwrap();
    let connection = rusqlite::Connection::open(&options.path).unwrap();
    connection
        .execute("INSERT INTO spool (username, server_host, xml) VALUES ('a', 'b', 'late')", [])
        .unwrap();
    let crashed = ScratchDirectory::new();
    for name in ["database", "database-wal"] {
        let (from, to) = (directory.path().join(name), crashed.path().join(name));
        assert!(
            std::process::Command::new("cp").arg("-p").args([from, to]).status().unwrap().success()
        );
    }
    let store = Store::open(&OpenOptions::new(crashed.path().join("database")), &[&AUTH, &OFFLINE])
        .unwrap();
    assert_eq!(text(&store, "SELECT xml FROM spool WHERE username = 'a'").await, "late");
    store.close().await.unwrap();
}

#[tokio::test]
async fn rows_of_schema_version_by_ejabberd_are_respected() {
    let version_rows = "CREATE TABLE schema_version (module text NOT NULL, version bigint NOT NULL, PRIMARY KEY (module));
        INSERT INTO schema_version VALUES ('mod_offline', 1), ('mod_mam', 2);";
    let (_directory, options) = existing(&format!("{FROM_FILE}{version_rows}"));
    let store = Store::open(&options, &[&AUTH, &OFFLINE]).unwrap();
    assert_eq!(text(&store, VERSIONS).await, "ejabberd_auth 2, mod_mam 2, mod_offline 1");
    store.close().await.unwrap();
}

#[tokio::test]
async fn an_older_version_is_updated_and_keeps_its_rows() {
    let (_directory, options) = existing(
        "CREATE TABLE users (username text NOT NULL, server_host text NOT NULL, password text NOT NULL,
            serverkey text NOT NULL DEFAULT '', salt text NOT NULL DEFAULT '', iterationcount integer NOT NULL DEFAULT 0,
            created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (server_host, username));
        INSERT INTO users (username, server_host, password, created_at) VALUES ('juliet', 'capulet.lit', 'pw', '2020-01-01 00:00:00');",
    );
    let store = Store::open(&options, &[&AUTH]).unwrap();
    assert_eq!(text(&store, USERS_KEY).await, "server_host username type");
    let row = "SELECT username || password || type || created_at FROM users";
    assert_eq!(text(&store, row).await, "julietpw02020-01-01 00:00:00");
    assert_eq!(text(&store, VERSIONS).await, "ejabberd_auth 2");
    let second = "INSERT INTO users (username, server_host, type, password) VALUES ('juliet', 'capulet.lit', 3, 'key')";
    store.write(move |tx| tx.execute(second, &[])).await.unwrap();
    assert!(
        store.write(move |tx| tx.execute(second, &[])).await.unwrap_err().is_unique_violation()
    );
    store.close().await.unwrap();
}

static PARENT: Table =
    Table::new("parent", "mod_family", &[Column::bigint("id"), Column::text("kind")])
        .indexes(&[Index::unique(&["id", "kind"]), Index::unique(&["id"])]);
static CHILD: Table =
    Table::new("child", "mod_family", &[Column::bigint("id").references("parent", "id")]);

const FAMILY: &str = "
    CREATE TABLE parent (id bigint NOT NULL, kind text NOT NULL, PRIMARY KEY (id));
    CREATE TABLE child (id bigint NOT NULL REFERENCES parent (id) ON DELETE CASCADE);
    INSERT INTO parent VALUES (1, 'a'), (2, 'b');
    INSERT INTO child VALUES (1), (2), (2);
    CREATE TABLE schema_version (module text NOT NULL PRIMARY KEY, version bigint NOT NULL);
    INSERT INTO schema_version VALUES ('mod_family', 1);";

#[tokio::test]
async fn rebuilding_a_table_keeps_the_rows_that_refer_to_it() {
    static SET: TableSet = TableSet {
        module: "mod_family",
        version: 2,
        tables: &[&PARENT, &CHILD],
        updates: &[Update { to: 2, steps: &[Step::UpdatePrimaryKey { table: "parent" }] }],
    };
    let (_directory, options) = existing(FAMILY);
    let store = Store::open(&options, &[&SET]).unwrap();
    assert_eq!(text(&store, "SELECT group_concat(id) FROM child").await, "1,2,2");
    store.write(|tx| tx.execute("DELETE FROM parent WHERE id = 2", &[])).await.unwrap();
    assert_eq!(text(&store, "SELECT group_concat(id) FROM child").await, "1");
    let orphan = store.write(|tx| tx.execute("INSERT INTO child (id) VALUES (9)", &[])).await;
    assert!(orphan.is_err());
    store.close().await.unwrap();
}

#[test]
fn an_update_that_fails_leaves_the_old_version() {
    static SET: TableSet = TableSet {
        module: "mod_family",
        version: 3,
        tables: &[&PARENT, &CHILD, &NOTE],
        updates: &[
            Update { to: 2, steps: &[Step::UpdatePrimaryKey { table: "parent" }] },
            Update {
                to: 3,
                steps: &[Step::Execute("DELETE FROM parent"), Step::Execute("DELETE FROM nowhere")],
            },
        ],
    };
    static ORPHANS: TableSet = TableSet {
        module: "mod_family",
        version: 2,
        tables: &[&PARENT, &CHILD],
        updates: &[Update { to: 2, steps: &[Step::Execute("DELETE FROM parent WHERE id = 1")] }],
    };
    for set in [&SET, &ORPHANS] {
        let (_directory, options) = existing(FAMILY);
        let error = Store::open(&options, &[set]).unwrap_err();
        assert!(matches!(error, OpenError::Engine { .. } | OpenError::Mismatch { .. }), "{error}");
        let connection = rusqlite::Connection::open(&options.path).unwrap();
        let sql = "SELECT version || (SELECT count(*) FROM parent) || (SELECT count(*) FROM sqlite_schema WHERE type = 'table')
            || (SELECT count(*) FROM pragma_table_info('parent') WHERE pk > 0) FROM schema_version";
        let state: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(state, "1231");
    }
}

#[tokio::test]
async fn a_table_that_is_missing_is_created() {
    static BOTH: TableSet =
        TableSet { module: "mod_offline", version: 1, tables: &[&SPOOL, &NOTE], updates: &[] };
    let (_directory, options) = existing(FROM_FILE);
    let store = Store::open(&options, &[&BOTH]).unwrap();
    store.write(|tx| insert(tx, 1)).await.unwrap();
    assert_eq!(text(&store, "SELECT xml FROM spool").await, "<message/>");
    store.close().await.unwrap();
}

#[tokio::test]
async fn tables_can_be_declared_while_the_store_is_open() {
    static SETS: &[&TableSet] = &[&NOTES, &OFFLINE];
    static OTHER: Table = Table::new("spool", "mod_other", &[Column::text("colour")]);
    static WRONG: &[&TableSet] =
        &[&TableSet { module: "mod_other", version: 1, tables: &[&OTHER], updates: &[] }];
    let store = ScratchStore::open(&[&NOTES]).unwrap();
    store.declare(SETS).await.unwrap();
    let sql = "INSERT INTO spool (username, server_host, xml) VALUES ('a', 'b', 'c')";
    let key =
        store.write(move |tx| tx.execute(sql, &[]).map(|_| tx.last_insert_id())).await.unwrap();
    assert_eq!(*key, 1);
    assert!(matches!(store.declare(WRONG).await, Err(OpenError::Mismatch { .. })));
    assert_eq!(text(&store, VERSIONS).await, "mod_offline 1, rookery_note 1");
    assert!(store.write(|tx| tx.exists("PRAGMA foreign_keys", &[])).await.unwrap().into_inner());
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_new_database_in_the_single_host_layout() {
    let directory = ScratchDirectory::new();
    let mut options = OpenOptions::new(directory.path().join("database"));
    options.layout = Layout::SingleHost;
    for _ in 0..2 {
        let store = Store::open(&options, &[&AUTH]).unwrap();
        assert_eq!(text(&store, USERS_KEY).await, "username type");
        store.close().await.unwrap();
    }
    options.layout = Layout::MultiHost;
    assert!(matches!(Store::open(&options, &[&AUTH]), Err(OpenError::Mismatch { .. })));
}

#[tokio::test]
async fn an_unchanged_database_is_opened_without_writing() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    store.close().await.unwrap();
    let path = directory.path().join("database");
    let before = (std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap());
    open(&directory, |_| {}).close().await.unwrap();
    let after = (std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap());
    assert!(before == after, "opening wrote into the file");
}
