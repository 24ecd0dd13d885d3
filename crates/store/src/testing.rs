//! For the tests of this and other crates: scratch databases, and the comparison with ejabberd's schema.

pub(crate) mod facts;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use facts::{check_against_facts, check_set_against_facts};

use crate::error::OpenError;
use crate::migrate::TableSet;
use crate::store::{OpenOptions, Store};

/// A private directory that disappears with the value.
#[derive(Debug)]
pub struct ScratchDirectory(PathBuf);

impl ScratchDirectory {
    /// Makes a new directory with mode 0700 in the system's directory for temporary files.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("store-{}-{number}", std::process::id()));
        let place = path.join("database");
        crate::files::Place::resolve(&place)
            .expect("the system gives a directory for temporary files");
        Self(path)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for ScratchDirectory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ScratchDirectory {
    fn drop(&mut self) {
        // A left-over directory is no reason to fail a test.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A store in a scratch directory. It derefs to the [`Store`]; the files go when it is dropped.
#[derive(Debug)]
pub struct ScratchStore {
    store: Store,
    directory: ScratchDirectory,
}

impl ScratchStore {
    /// Opens a new store with the tables of `sets`.
    ///
    /// # Errors
    /// [`OpenError`], for instance when declarations contradict each other.
    pub fn open(sets: &[&TableSet]) -> Result<Self, OpenError> {
        let directory = ScratchDirectory::new();
        let store = Store::open(&OpenOptions::new(directory.path().join("database")), sets)?;
        Ok(Self { store, directory })
    }

    /// The directory of the store.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl std::ops::Deref for ScratchStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}
