//! Group commit: who shares a commit, who fails alone, when receipts appear, how long the queue is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{INSERT, NONE, hold, ids, insert, open, spawn, submit};
use crate::StoreError;
use crate::testing::ScratchDirectory;

#[tokio::test]
async fn a_failing_change_undoes_only_itself() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let release = hold(&store);
    let first_fails =
        submit(&store, |tx| insert(tx, 1).and(Err::<(), _>(StoreError::Rejected("first"))));
    let two = submit(&store, |tx| insert(tx, 2));
    let rejected = submit(&store, |tx| insert(tx, 3).and(Err::<(), _>(StoreError::Rejected("no"))));
    let panicked = submit(&store, |tx| {
        insert(tx, 4)?;
        if tx.exists("SELECT 1 FROM rookery_note WHERE id = 2", &[])? {
            panic!("a defect of a module, on purpose");
        }
        Ok(())
    });
    let duplicate = submit(&store, |tx| insert(tx, 5).and_then(|()| insert(tx, 2)));
    let six = submit(&store, |tx| insert(tx, 6));
    drop(release);
    assert_eq!(first_fails.recv().unwrap().unwrap_err(), StoreError::Rejected("first"));
    assert_eq!(rejected.recv().unwrap().unwrap_err(), StoreError::Rejected("no"));
    assert_eq!(panicked.recv().unwrap().unwrap_err(), StoreError::Panicked);
    assert!(duplicate.recv().unwrap().unwrap_err().is_unique_violation());
    two.recv().unwrap().unwrap();
    six.recv().unwrap().unwrap();
    assert_eq!(ids(&store).await, [2, 6]);
    assert_eq!(store.stats().failures, 4);
    store.write(|tx| insert(tx, 7)).await.unwrap();
    assert_eq!(ids(&store).await, [2, 6, 7]);
}

#[tokio::test]
async fn the_first_change_of_a_transaction_is_undone_when_it_fails() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let failed =
        store.write(|tx| insert(tx, 1).and(Err::<(), _>(StoreError::Rejected("no")))).await;
    assert!(failed.is_err());
    assert_eq!(ids(&store).await, NONE);
}

#[tokio::test]
async fn waiting_changes_share_one_commit_up_to_the_bound() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |options| options.group_max = 10);
    let release = hold(&store);
    let waiting: Vec<_> = (0..39).map(|id| submit(&store, move |tx| insert(tx, id))).collect();
    assert_eq!(store.stats().waiting, 39);
    drop(release);
    for answer in waiting {
        answer.recv().unwrap().unwrap();
    }
    // The change that held the writer is the fortieth.
    let stats = store.stats();
    assert_eq!((stats.groups, stats.changes, stats.failures, stats.waiting), (4, 40, 0, 0));
}

#[tokio::test]
async fn a_receipt_appears_only_after_the_commit() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let path = store.path().to_owned();
    let count = move || {
        let other = rusqlite::Connection::open(&path).unwrap();
        other
            .query_row("SELECT count(*) FROM rookery_note", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let answered = Arc::new(AtomicBool::new(false));
    let release = hold(&store);
    let (tell, seen_at_answer) = std::sync::mpsc::sync_channel(1);
    let (flag, look) = (Arc::clone(&answered), count.clone());
    let done = move |result: Result<_, _>| {
        flag.store(result.is_ok(), Ordering::SeqCst);
        tell.send(look()).unwrap();
    };
    store.write_then(|tx| insert(tx, 1), done).unwrap();
    // The second change of the group runs after the first and before the commit.
    let later = submit(&store, move |tx| {
        insert(tx, 2)?;
        Ok((answered.load(Ordering::SeqCst), count()))
    });
    drop(release);
    assert_eq!(later.recv().unwrap().unwrap().into_inner(), (false, 0));
    assert_eq!(seen_at_answer.recv().unwrap(), 2);
}

#[tokio::test]
async fn a_failed_commit_acknowledges_nobody() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    store
        .write(|tx| tx.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)", &[]))
        .await
        .unwrap();
    let child = "CREATE TABLE child (id INTEGER REFERENCES parent (id))";
    store.write(move |tx| tx.execute(child, &[])).await.unwrap();
    let release = hold(&store);
    let innocent = submit(&store, |tx| insert(tx, 1));
    // A deferred reference is the one thing that SQLite looks at only when it commits.
    let orphan = submit(&store, |tx| {
        tx.execute("PRAGMA defer_foreign_keys = ON", &[])?;
        tx.execute("INSERT INTO child (id) VALUES (5)", &[])
    });
    drop(release);
    assert!(matches!(innocent.recv().unwrap(), Err(StoreError::Constraint { unique: false, .. })));
    assert!(matches!(orphan.recv().unwrap(), Err(StoreError::Constraint { unique: false, .. })));
    assert_eq!(ids(&store).await, NONE);
    store.write(|tx| insert(tx, 2)).await.unwrap();
    assert_eq!(ids(&store).await, [2]);
}

#[tokio::test]
async fn a_change_that_ends_the_transaction_is_caught() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let release = hold(&store);
    let before = submit(&store, |tx| insert(tx, 1));
    let culprit = submit(&store, |tx| tx.execute("ROLLBACK", &[]));
    let after = submit(&store, |tx| insert(tx, 3));
    drop(release);
    assert!(matches!(before.recv().unwrap(), Err(StoreError::TransactionLost(_))));
    assert!(matches!(culprit.recv().unwrap(), Err(StoreError::TransactionLost(_))));
    after.recv().unwrap().unwrap();
    assert_eq!(ids(&store).await, [3]);
}

#[tokio::test]
async fn a_panicking_callback_harms_nobody() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let release = hold(&store);
    store.write_then(|tx| insert(tx, 1), |_| panic!("a defect of a module, on purpose")).unwrap();
    let next = submit(&store, |tx| insert(tx, 2));
    drop(release);
    next.recv().unwrap().unwrap();
    assert_eq!(ids(&store).await, [1, 2]);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_or_makes_wait() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |options| options.writes_waiting_max = 3);
    let release = hold(&store);
    let waiting: Vec<_> = (0..3).map(|id| submit(&store, move |tx| insert(tx, id))).collect();
    let called = Arc::new(AtomicBool::new(false));
    let (ran, told) = (Arc::clone(&called), Arc::clone(&called));
    let refused = store.write_then(
        move |_| {
            ran.store(true, Ordering::SeqCst);
            Ok(())
        },
        move |_| told.store(true, Ordering::SeqCst),
    );
    assert_eq!(refused.unwrap_err(), StoreError::Full { waiting_max: 3 });
    let patient = spawn({
        let store = store.clone();
        async move { store.write(|tx| insert(tx, 9)).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!patient.is_finished());
    assert_eq!(store.stats().waiting, 3);
    drop(release);
    patient.await.unwrap().unwrap();
    for answer in waiting {
        answer.recv().unwrap().unwrap();
    }
    assert_eq!(ids(&store).await, [0, 1, 2, 9]);
    assert!(!called.load(Ordering::SeqCst));
}

#[tokio::test]
async fn an_abandoned_change_is_stored_all_the_same() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let release = hold(&store);
    let mut write = Box::pin(store.write(|tx| insert(tx, 1)));
    assert!(tokio::time::timeout(Duration::from_millis(5), &mut write).await.is_err());
    drop(write);
    drop(release);
    store.write(|tx| insert(tx, 2)).await.unwrap();
    assert_eq!(ids(&store).await, [1, 2]);
}

#[tokio::test]
async fn closing_stores_what_is_queued_and_leaves_one_file() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    assert_eq!(ids(&store).await, NONE);
    let release = hold(&store);
    let queued = submit(&store, |tx| insert(tx, 1));
    let closing = spawn({
        let store = store.clone();
        async move { store.close().await }
    });
    let again = spawn({
        let store = store.clone();
        async move { store.close().await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(release);
    closing.await.unwrap().unwrap();
    again.await.unwrap().unwrap();
    queued.recv().unwrap().unwrap();
    assert_eq!(store.write(|tx| insert(tx, 2)).await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.write_then(|tx| insert(tx, 2), |_| {}).unwrap_err(), StoreError::Closed);
    assert_eq!(store.read(|_| Ok(())).await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.close().await, Ok(()));
    let mut left: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["database", "database-lock"]);
    let store = open(&directory, |_| {});
    assert_eq!(ids(&store).await, [1]);
}

#[tokio::test]
async fn dropping_the_last_handle_stores_what_is_queued() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let release = hold(&store);
    let queued = submit(&store, |tx| insert(tx, 1));
    drop(store);
    drop(release);
    queued.recv().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_write_and_read_at_once() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |options| options.writes_waiting_max = 16);
    let tasks: Vec<_> = (0..32)
        .map(|task| {
            let store = store.clone();
            spawn(async move {
                for step in 0..20_i64 {
                    let id = task * 20 + step;
                    store.write(move |tx| tx.execute(INSERT, &[&id, &"text"])).await.unwrap();
                    // Whoever was told that a row is stored sees it.
                    let sql = "SELECT 1 FROM rookery_note WHERE id = ?";
                    assert!(store.read(move |query| query.exists(sql, &[&id])).await.unwrap());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(ids(&store).await.len(), 640);
    let stats = store.stats();
    assert_eq!(stats.changes, 640);
    assert!(stats.groups < 640, "32 tasks never shared a commit");
}
