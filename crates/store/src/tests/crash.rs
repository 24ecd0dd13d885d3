//! `kill -9`: whatever was acknowledged before it is there after it.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::{NOTES, child, childs_database, ids, insert, open, spawn};
use crate::testing::ScratchDirectory;
use crate::{OpenOptions, Store};

const ROUNDS: u32 = 20;

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let directory = ScratchDirectory::new();
    let database = directory.path().join("database");
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let mut running = child("", "tests::crash::write_until_killed", &database)
            .env("STORE_TEST_FIRST", (i64::from(round) * 1_000_000).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
        let before = acknowledged.len();
        let is_id = |line: &str| line.strip_suffix('.').and_then(|id| id.parse::<i64>().ok());
        // The first rounds kill at the very start, where the file is being created.
        let noise = RandomState::new().hash_one(round) % 25_000;
        if round >= 5 {
            acknowledged.extend(lines.by_ref().map_while(Result::ok).find_map(|line| is_id(&line)));
        }
        std::thread::sleep(Duration::from_micros(noise));
        running.kill().unwrap();
        running.wait().unwrap();
        acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| is_id(&line)));
        assert!(round < 5 || acknowledged.len() > before, "round {round} acknowledged nothing");
        let store = open(&directory, |_| {});
        let there: HashSet<i64> = ids(&store).await.into_iter().collect();
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(
            lost.is_empty(),
            "round {round} lost {} of {}: {lost:?}",
            lost.len(),
            acknowledged.len()
        );
        assert_eq!(store.integrity_check().await.unwrap(), Vec::<String>::new());
        store.close().await.unwrap();
    }
    assert!(acknowledged.len() > 500, "only {} changes were acknowledged", acknowledged.len());
}

#[test]
#[ignore = "run by what_was_acknowledged_survives_a_kill, in a process of its own"]
fn write_until_killed() {
    let first: i64 = std::env::var("STORE_TEST_FIRST").unwrap().parse().unwrap();
    let store = Store::open(&OpenOptions::new(childs_database()), &[&NOTES]).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let next = std::sync::Arc::new(AtomicI64::new(first));
    // One write a line, so that a kill cannot tear two acknowledgements apart; the dot marks the end.
    let say =
        |id: i64| std::io::stdout().lock().write_all(format!("\n{id}.\n").as_bytes()).unwrap();
    let write_for_ever = |task: i64| {
        let (store, next) = (store.clone(), std::sync::Arc::clone(&next));
        async move {
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed);
                if task % 2 == 0 {
                    store.write(move |tx| insert(tx, id)).await.unwrap();
                    say(id);
                    continue;
                }
                let (tell, told) = tokio::sync::oneshot::channel();
                let done = move |result: Result<_, _>| {
                    result.unwrap();
                    say(id);
                    tell.send(()).unwrap();
                };
                store.write_then(move |tx| insert(tx, id), done).unwrap();
                told.await.unwrap();
            }
        }
    };
    runtime.block_on(async {
        for task in 1..16 {
            spawn(write_for_ever(task));
        }
        write_for_ever(0).await
    });
}
