//! Prints how many small changes a second the store makes durable, with 1 to 2048 tasks waiting, how
//! many questions it answers, and how much memory an open and idle store takes.
//!
//! `cargo run --release -p store --example group_commit [DIRECTORY]`; the directory decides which disk is measured.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::{Column, Index, Kind, OpenOptions, Store, StoreError, Table, TableSet};

/// A journal in the order in which things happen: all rows of a commit go to the last page.
static LOG: Table = Table::new(
    "rookery_speed_log",
    "rookery",
    &[
        Column::new("id", Kind::BigSerial),
        Column::bigint("session"),
        Column::bigint("number"),
        Column::new("stanza", Kind::Blob),
    ],
);
/// The same rows in the order of sessions: every row of a commit goes to a page of its own.
static QUEUE: Table = Table::new(
    "rookery_speed_queue",
    "rookery",
    &[Column::bigint("session"), Column::bigint("number"), Column::new("stanza", Kind::Blob)],
)
.indexes(&[Index::unique(&["session", "number"])])
.clustered();
static SET: TableSet =
    TableSet { module: "rookery_speed", version: 1, tables: &[&LOG, &QUEUE], updates: &[] };

const LOG_INSERT: &str = "INSERT INTO rookery_speed_log (session, number, stanza) VALUES (?, ?, ?)";
const INSERT: &str = "INSERT INTO rookery_speed_queue (session, number, stanza) VALUES (?, ?, ?)";
const TIME: Duration = Duration::from_secs(3);

fn resident_kib() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap_or("unknown").trim().to_owned()
}

fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{line}")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = directory.join(format!("store-speed-{}", std::process::id()));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    say(&format!("resident before: {}", resident_kib()))?;
    let begun = Instant::now();
    let store = Store::open(&OpenOptions::new(directory.join("database")), &[&SET])?;
    say(&format!("created in {:?}, resident: {}", begun.elapsed(), resident_kib()))?;
    let result = runtime.block_on(async {
        for (order, sql) in [("in order of time", LOG_INSERT), ("in order of session", INSERT)] {
            say(order)?;
            for tasks in [1, 16, 256, 2048] {
                writes(&store, sql, tasks).await?;
            }
        }
        callbacks(&store).await?;
        reads(&store).await?;
        store.close().await?;
        let begun = Instant::now();
        let store = Store::open(&OpenOptions::new(directory.join("database")), &[&SET])?;
        say(&format!("opened in {:?}, resident: {}", begun.elapsed(), resident_kib()))?;
        Ok(store.close().await?)
    });
    std::fs::remove_dir_all(&directory)?;
    result
}

async fn writes(
    store: &Store,
    sql: &'static str,
    tasks: i64,
) -> Result<(), Box<dyn std::error::Error>> {
    let before = store.stats();
    let begun = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let store = store.clone();
            tokio::runtime::Handle::current().spawn(async move {
                let stanza: Arc<[u8]> = Arc::from([b'x'; 300]);
                let session = tasks * 10_000 + task;
                for number in 0_i64.. {
                    if begun.elapsed() > TIME {
                        break;
                    }
                    let stanza = Arc::clone(&stanza);
                    let insert =
                        store.write(move |tx| tx.execute(sql, &[&session, &number, &&*stanza]));
                    insert.await?;
                }
                Ok::<(), StoreError>(())
            })
        })
        .collect();
    for task in running {
        task.await??;
    }
    let (seconds, after) = (begun.elapsed().as_secs_f64(), store.stats());
    let (changes, groups) = (after.changes - before.changes, after.groups - before.groups);
    let rate = changes as f64 / seconds;
    say(&format!(
        "{tasks:5} tasks: {rate:8.0} rows/s, {:6.1} rows a commit",
        changes as f64 / groups as f64
    ))?;
    Ok(())
}

async fn callbacks(store: &Store) -> Result<(), Box<dyn std::error::Error>> {
    let done = Arc::new(AtomicU64::new(0));
    let stanza: Arc<[u8]> = Arc::from([b'x'; 300]);
    let begun = Instant::now();
    let mut number = 0_i64;
    while begun.elapsed() < TIME {
        let (stanza, count) = (Arc::clone(&stanza), Arc::clone(&done));
        let change =
            move |tx: &mut store::Tx<'_>| tx.execute(INSERT, &[&-1_i64, &number, &&*stanza]);
        let counted = move |result: Result<store::Committed<usize>, StoreError>| {
            if result.is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        match store.write_then(change, counted) {
            Ok(()) => number += 1,
            Err(StoreError::Full { .. }) => tokio::time::sleep(Duration::from_micros(200)).await,
            Err(error) => return Err(error.into()),
        }
    }
    let rate = done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    say(&format!("write_then, queue kept full: {rate:8.0} rows/s"))?;
    Ok(())
}

async fn reads(store: &Store) -> Result<(), Box<dyn std::error::Error>> {
    let sql = "SELECT length(stanza) FROM rookery_speed_queue WHERE session = ? AND number = ?";
    let begun = Instant::now();
    let mut count = 0_i64;
    while begun.elapsed() < TIME {
        let number = count % 100;
        store
            .read(move |query| query.query_one(sql, &[&-1_i64, &number], |row| row.get::<i64>(0)))
            .await?;
        count += 1;
    }
    say(&format!(
        "reads, one after the other: {:8.0} rows/s",
        count as f64 / begun.elapsed().as_secs_f64()
    ))?;
    Ok(())
}
