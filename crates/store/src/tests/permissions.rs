//! Who may read the files: nobody else, whatever the umask.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::{NOTES, child, childs_database, insert, open, spawn};
use crate::testing::ScratchDirectory;
use crate::{OpenError, OpenOptions, Store};

fn modes(directory: &Path) -> Vec<(String, u32)> {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().mode() & 0o7777)
        })
        .collect();
    found.sort();
    found
}

#[test]
fn files_are_private_whatever_the_umask() {
    for umask in ["000", "022", "077", "777"] {
        let scratch = ScratchDirectory::new();
        let directory = scratch.path().join("new/data");
        let prologue = format!("umask {umask};");
        let status =
            child(&prologue, "tests::permissions::make_all_files", &directory.join("database"))
                .status()
                .unwrap();
        assert!(status.success(), "umask {umask}");
        assert_eq!(modes(scratch.path()), [("new".to_owned(), 0o700)], "umask {umask}");
        assert_eq!(
            modes(&scratch.path().join("new")),
            [("data".to_owned(), 0o700)],
            "umask {umask}"
        );
    }
}

#[test]
#[ignore = "run by files_are_private_whatever_the_umask, in a process of its own"]
fn make_all_files() {
    let database = childs_database();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&OpenOptions::new(&database), &[&NOTES]).unwrap();
        store.write(|tx| insert(tx, 1)).await.unwrap();
        store.backup_to(database.with_file_name("copy")).await.unwrap();
        let all = ["copy", "database", "database-lock", "database-shm", "database-wal"];
        assert_eq!(modes(database.parent().unwrap()), all.map(|name| (name.to_owned(), 0o600)));
        store.close().await.unwrap();
    });
}

#[tokio::test]
async fn files_that_others_may_read_are_refused_with_the_mending_command() {
    let directory = ScratchDirectory::new();
    open(&directory, |_| {}).close().await.unwrap();
    let options = OpenOptions::new(directory.path().join("database"));
    for mode in [0o640, 0o604, 0o620, 0o602] {
        std::fs::set_permissions(&options.path, Permissions::from_mode(mode)).unwrap();
        let error = Store::open(&options, &[&NOTES]).unwrap_err();
        assert!(matches!(&error, OpenError::Permissions { .. }), "{mode:o}: {error}");
        assert!(
            error.to_string().contains(&format!("chmod 600 '{}'", options.path.display())),
            "{error}"
        );
        assert_eq!(options.path.metadata().unwrap().mode() & 0o777, mode);
    }
    std::fs::set_permissions(&options.path, Permissions::from_mode(0o600)).unwrap();
    let journal = directory.path().join("database-wal");
    std::fs::write(&journal, "").unwrap();
    std::fs::set_permissions(&journal, Permissions::from_mode(0o644)).unwrap();
    assert!(
        matches!(Store::open(&options, &[&NOTES]), Err(OpenError::Permissions { path, .. }) if path == journal)
    );
    std::fs::remove_file(&journal).unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o770)).unwrap();
    let error = Store::open(&options, &[&NOTES]).unwrap_err();
    assert!(error.to_string().contains("chmod go-w "), "{error}");
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o750)).unwrap();
    Store::open(&options, &[&NOTES]).unwrap().close().await.unwrap();
}

#[tokio::test]
async fn links_are_followed_on_the_way_and_refused_at_the_end() {
    let directory = ScratchDirectory::new();
    let real = directory.path().join("real");
    let through = directory.path().join("through");
    symlink(&real, &through).unwrap();
    let store = Store::open(&OpenOptions::new(real.join("database")), &[&NOTES]).unwrap();
    store.close().await.unwrap();
    let store = Store::open(&OpenOptions::new(through.join("database")), &[&NOTES]).unwrap();
    assert_eq!(store.path(), real.canonicalize().unwrap().join("database"));
    store.close().await.unwrap();
    for name in ["link", "database-wal", "database-shm", "database-journal"] {
        let link = real.join(name);
        symlink(directory.path().join("elsewhere"), &link).unwrap();
        let named = if name == "link" { &link } else { &real.join("database") };
        let refused = Store::open(&OpenOptions::new(named), &[&NOTES]);
        assert!(
            matches!(refused, Err(OpenError::Symlink { path }) if path.ends_with(name)),
            "{name}"
        );
        std::fs::remove_file(&link).unwrap();
    }
    assert!(!directory.path().join("elsewhere").exists());
}

#[tokio::test]
async fn a_second_server_is_refused() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    let options = OpenOptions::new(directory.path().join("database"));
    assert!(matches!(Store::open(&options, &[&NOTES]), Err(OpenError::InUse { .. })));
    store.write(|tx| insert(tx, 1)).await.unwrap();
    store.close().await.unwrap();
    Store::open(&options, &[&NOTES]).unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_backup_is_complete_alone_and_replaces_only_a_backup() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    for id in 0..50 {
        store.write(move |tx| insert(tx, id)).await.unwrap();
    }
    let target = directory.path().join("copy");
    let writing = spawn({
        let store = store.clone();
        async move {
            for id in 50..100 {
                store.write(move |tx| insert(tx, id)).await.unwrap();
            }
        }
    });
    store.backup_to(&target).await.unwrap();
    writing.await.unwrap();
    let other = directory.path().join("other");
    std::fs::write(&other, "a letter").unwrap();
    assert!(matches!(store.backup_to(&other).await, Err(OpenError::Io { .. })));
    assert!(matches!(store.backup_to(store.path()).await, Err(OpenError::NotABackup { .. })));
    store.backup_to(&target).await.unwrap();
    let copy = Store::open(&OpenOptions::new(&target), &[&NOTES]).unwrap();
    let there = super::ids(&copy).await;
    assert!((50..=100).contains(&there.len()), "{}", there.len());
    assert_eq!(there, (0..there.len() as i64).collect::<Vec<_>>());
    assert_eq!(copy.integrity_check().await.unwrap(), Vec::<String>::new());
    copy.close().await.unwrap();
    assert!(!directory.path().join("copy.part").exists());
}

#[tokio::test]
async fn what_is_deleted_is_gone_from_the_file() {
    let directory = ScratchDirectory::new();
    let store = open(&directory, |_| {});
    // One that shares its page with others, and one that has pages of its own.
    for (id, length) in [(1, 40), (2, 40), (3, 20_000)] {
        let body = format!("{id}-secret-{}", "x".repeat(length));
        store.write(move |tx| tx.execute(super::INSERT, &[&id, &body])).await.unwrap();
    }
    let delete = "DELETE FROM rookery_note WHERE id IN (?, ?)";
    store.write(|tx| tx.execute(delete, &[&1, &3])).await.unwrap();
    store.close().await.unwrap();
    let file = std::fs::read(store.path()).unwrap();
    let holds = |text: &str| file.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds("2-secret-"), "the file was looked into");
    assert!(
        !holds("1-secret-")
            && !holds("3-secret-")
            && !holds("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
    );
}
