//! Questions: snapshots, what readers may not do, values, and the life of reader threads.

use std::time::{Duration, Instant};

use stdx::Secret;

use super::{NONE, ids, insert, open, spawn};
use crate::testing::ScratchDirectory;
use crate::{FromColumn, StoreError, Value};

#[tokio::test]
async fn all_questions_of_a_closure_see_the_same_state() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    store.write(|tx| insert(tx, 1)).await.unwrap();
    let (tell, told) = std::sync::mpsc::sync_channel::<()>(1);
    let (started, running) = tokio::sync::oneshot::channel();
    let reading = spawn({
        let store = store.clone();
        async move {
            store
                .read(move |query| {
                    let count = "SELECT count(*) FROM rookery_note";
                    let before: i64 = query.query_one(count, &[], |row| row.get(0))?;
                    started.send(()).unwrap();
                    told.recv().unwrap();
                    let after: i64 = query.query_one(count, &[], |row| row.get(0))?;
                    Ok((before, after))
                })
                .await
        }
    });
    running.await.unwrap();
    store.write(|tx| insert(tx, 2)).await.unwrap();
    tell.send(()).unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), (1, 1));
    assert_eq!(ids(&store).await, [1, 2]);
}

#[tokio::test]
async fn a_question_cannot_change_anything() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let sql = "INSERT INTO rookery_note (id, body) VALUES (1, '') RETURNING id";
    let refused = store.read(move |query| query.query(sql, &[], |row| row.get::<i64>(0))).await;
    assert!(refused.is_err());
    assert_eq!(ids(&store).await, NONE);
    let allowed = store.write(move |tx| tx.query(sql, &[], |row| row.get::<i64>(0))).await.unwrap();
    assert_eq!(*allowed, [1]);
}

#[tokio::test]
async fn a_panic_in_a_question_harms_nobody() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |options| options.readers_max = 1);
    let result = store.read::<(), _>(|_| panic!("a defect of a module, on purpose")).await;
    assert_eq!(result.unwrap_err(), StoreError::Panicked);
    assert_eq!(ids(&store).await, NONE);
}

#[tokio::test]
async fn readers_start_late_and_leave_when_idle() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |options| options.reader_idle = Duration::from_millis(10));
    assert_eq!(store.stats().readers, 0);
    for _ in 0..3 {
        assert_eq!(ids(&store).await, NONE);
        assert_eq!(store.stats().readers, 1);
        let deadline = Instant::now() + Duration::from_secs(5);
        while store.stats().readers > 0 {
            assert!(Instant::now() < deadline, "the reader does not leave");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_questions_than_readers_are_all_answered() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |options| {
        options.reads_waiting_max = 8;
        options.reader_idle = Duration::from_micros(50);
    });
    let tasks: Vec<_> = (0..500)
        .map(|_| {
            let store = store.clone();
            spawn(async move { ids(&store).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), NONE);
    }
    assert!(store.stats().readers <= 2);
}

#[tokio::test]
async fn values_come_back_as_they_were_bound() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    store
        .write(|tx| {
            let row = (
                i64::MIN,
                "O'Neil; DROP TABLE rookery_note; -- ü\0",
                [0_u8, 255],
                true,
                None::<String>,
                Secret::new("pw"),
            );
            let sql = "SELECT ?, ?, ?, ?, ?, ?, typeof(?3)";
            tx.query_one(sql, &[&row.0, &row.1, &row.2, &row.3, &row.4, &row.5], |found| {
                assert_eq!(found.get::<i64>(0)?, row.0);
                assert_eq!((found.get::<String>(1)?.as_str(), found.text(1)?), (row.1, row.1));
                assert_eq!(found.get::<Vec<u8>>(2)?, row.2);
                assert!(found.get::<bool>(3)?);
                assert_eq!(found.get::<Option<String>>(4)?, None);
                assert_eq!(found.value(4)?, Value::Null);
                assert_eq!(found.get::<Secret>(5)?.expose(), "pw");
                assert_eq!(found.text(6)?, "blob");
                assert!(matches!(found.get::<i64>(1), Err(StoreError::Type { index: 1, .. })));
                assert!(matches!(found.get::<String>(4), Err(StoreError::Type { index: 4, .. })));
                assert!(matches!(found.get::<i64>(7), Err(StoreError::Type { index: 7, .. })));
                Ok(())
            })
        })
        .await
        .unwrap();
}

#[test]
fn booleans_are_read_as_ejabberd_reads_them() {
    let read = |value| bool::from_column(value).unwrap();
    assert!(
        [Value::Integer(1), Value::Text("t"), Value::Text("true"), Value::Text("1")]
            .into_iter()
            .all(read)
    );
    assert!(
        ![Value::Integer(0), Value::Text("f"), Value::Text("TRUE"), Value::Text("")]
            .into_iter()
            .any(read)
    );
    assert_eq!(i64::from_column(Value::Text("1700000000")), Some(1_700_000_000));
    assert_eq!(i64::from_column(Value::Text("soon")), None);
}

#[tokio::test]
async fn a_statement_that_does_not_fit_its_values_is_an_error() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let insert_one = store.write(|tx| tx.execute(super::INSERT, &[&1_i64])).await;
    assert!(matches!(insert_one.unwrap_err(), StoreError::Statement { .. }));
    let no_table = store.read(|query| query.exists("SELECT 1 FROM nothing", &[])).await;
    assert!(matches!(no_table.unwrap_err(), StoreError::Statement { .. }));
    let two = store
        .write(|tx| tx.execute("DELETE FROM rookery_note; DELETE FROM schema_version", &[]))
        .await;
    assert!(two.is_err());
    let none = store.read(|query| query.query_one("SELECT 1 WHERE 0", &[], |_| Ok(()))).await;
    assert_eq!(none.unwrap_err(), StoreError::NoRow);
}
