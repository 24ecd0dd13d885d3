//! The cache of rosters: bounded, shared by the generations of a host, never older than the last commit.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use stdx::Recent;
use tokio::time::Instant;

use super::item::Book;

/// What "infinity" means for the number of rosters: every cache has a bound.
const BOOKS_MAX: u64 = 1_000_000;
const SHARDS: usize = 64;

/// The settings of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Rosters at most (`cache_size`).
    pub(crate) books_max: Option<u64>,
    /// How long one is kept (`cache_life_time`).
    pub(crate) life_time: Option<Duration>,
    /// Whether it is remembered that there is none (`cache_missed`).
    pub(crate) keeps_empty: bool,
}

struct Kept {
    bounds: Bounds,
    books: Mutex<Recent<Box<str>, Arc<Book>>>,
}

/// Rosters in memory.
///
/// A reader notes the epoch of the account, asks the store, and keeps what it got only if no change was
/// committed meanwhile; so a slow reader never brings an old roster back.
pub(crate) struct Shelf {
    kept: RwLock<Option<Kept>>,
    epochs: Vec<Mutex<u64>>,
    hasher: RandomState,
}

impl Default for Shelf {
    fn default() -> Self {
        let epochs = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Self { kept: RwLock::new(None), epochs, hasher: RandomState::new() }
    }
}

impl Shelf {
    /// Puts other settings in force; `None` switches the cache off. What is kept stays where the settings are
    /// the same.
    pub(crate) fn set_bounds(&self, bounds: Option<Bounds>) {
        let mut kept = self.kept.write();
        if kept.as_ref().map(|kept| kept.bounds) == bounds {
            return;
        }
        *kept = bounds.map(|bounds| {
            let places = bounds.books_max.unwrap_or(BOOKS_MAX).min(BOOKS_MAX);
            let places = usize::try_from(places).unwrap_or(usize::MAX);
            Kept { bounds, books: Mutex::new(Recent::new(places, bounds.life_time)) }
        });
    }

    fn shard(&self, account: &str) -> &Mutex<u64> {
        &self.epochs[usize::try_from(self.hasher.hash_one(account)).unwrap_or(usize::MAX) % SHARDS]
    }

    /// What is kept of an account.
    pub(crate) fn get(&self, account: &str) -> Option<Arc<Book>> {
        self.kept.read().as_ref()?.books.lock().get(account, now()).cloned()
    }

    /// To be noted before the store is asked.
    pub(crate) fn epoch(&self, account: &str) -> u64 {
        *self.shard(account).lock()
    }

    /// Keeps what was read since `epoch`, unless it may be old.
    pub(crate) fn keep(&self, account: &str, epoch: u64, book: &Arc<Book>) {
        let present = self.shard(account).lock();
        let kept = self.kept.read();
        let Some(kept) = kept.as_ref() else { return };
        if *present == epoch && (kept.bounds.keeps_empty || !book.is_empty()) {
            kept.books.lock().insert(account.into(), book.clone(), now());
        }
    }

    /// The rows were changed by others.
    pub(crate) fn forget_all(&self) {
        for shard in &self.epochs {
            *shard.lock() += 1;
        }
        if let Some(kept) = self.kept.read().as_ref() {
            kept.books.lock().clear();
        }
    }

    /// A change of the account was committed.
    pub(crate) fn forget(&self, account: &str) {
        let mut present = self.shard(account).lock();
        *present += 1;
        if let Some(kept) = self.kept.read().as_ref() {
            kept.books.lock().remove(account);
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
