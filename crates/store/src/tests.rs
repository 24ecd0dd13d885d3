//! Tests of the store as its callers see it.

mod adoption;
mod backup;
mod crash;
mod faults;
mod groups;
mod permissions;
mod questions;
mod refusal;
mod schema;

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;

use crate::testing::ScratchDirectory;
use crate::{Column, Committed, Index, OpenOptions, Store, StoreError, Table, TableSet, Tx};

/// A small table of our own.
static NOTE: Table =
    Table::new("rookery_note", "rookery", &[Column::bigint("id"), Column::text("body")])
        .indexes(&[Index::unique(&["id"])])
        .clustered();
static NOTES: TableSet =
    TableSet { module: "rookery_note", version: 1, tables: &[&NOTE], updates: &[] };

/// No rows.
const NONE: [i64; 0] = [];
const INSERT: &str = "INSERT INTO rookery_note (id, body) VALUES (?, ?)";

fn insert(tx: &mut Tx<'_>, id: i64) -> Result<(), StoreError> {
    tx.execute(INSERT, &[&id, &"text"]).map(drop)
}

/// Opens a new store; `tune` changes its options.
fn open(directory: &ScratchDirectory, tune: impl FnOnce(&mut OpenOptions)) -> Store {
    let mut options = OpenOptions::new(directory.path().join("database"));
    tune(&mut options);
    Store::open(&options, &[&NOTES]).unwrap()
}

async fn ids(store: &Store) -> Vec<i64> {
    store
        .read(|query| query.query("SELECT id FROM rookery_note ORDER BY id", &[], |row| row.get(0)))
        .await
        .unwrap()
}

/// Runs a future on the runtime of the test.
fn spawn<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::runtime::Handle::current().spawn(future)
}

/// Keeps the writer busy until the returned value is dropped, so that what is queued meanwhile shares
/// one commit.
fn hold(store: &Store) -> mpsc::SyncSender<()> {
    let (started, running) = mpsc::sync_channel(1);
    let (release, released) = mpsc::sync_channel::<()>(1);
    let wait = move |_: &mut Tx<'_>| {
        started.send(()).unwrap();
        released.recv().unwrap_err();
        Ok(())
    };
    store.write_then(wait, |_| {}).unwrap();
    running.recv().unwrap();
    release
}

/// Queues a change and gives the place where its outcome will appear.
fn submit<T: Send + 'static>(
    store: &Store,
    change: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> mpsc::Receiver<Result<Committed<T>, StoreError>> {
    let (answer, answered) = mpsc::sync_channel(1);
    store.write_then(change, move |result| answer.send(result).unwrap()).unwrap();
    answered
}

/// A command that runs one ignored test of this binary as another process, after `prologue` in a shell.
fn child(prologue: &str, test: &str, database: &std::path::Path) -> Command {
    let program: PathBuf = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    let line =
        format!("{prologue} exec \"$0\" --exact {test} --ignored --nocapture --test-threads=1");
    command.arg("-c").arg(line).arg(program).env("STORE_TEST_DATABASE", database);
    command
}

/// The database that the parent process chose.
fn childs_database() -> PathBuf {
    PathBuf::from(
        std::env::var_os("STORE_TEST_DATABASE")
            .expect("run by another test, in a process of its own"),
    )
}
