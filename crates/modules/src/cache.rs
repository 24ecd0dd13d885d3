//! What was read from the store, kept for a while, as the options `use_cache`, `cache_size`, `cache_life_time` and
//! `cache_missed` say.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use settings::{Limit, Section};
use stdx::Recent;
use tokio::time::Instant;

/// The options of every cache, by ejabberd's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    count_max: u64,
    life: Option<Duration>,
    missed: bool,
}

type Entries<K, V> = Arc<Mutex<Recent<K, Option<V>>>>;

/// A cache in front of a table. Clones share the entries.
///
/// A value read before a change is never put in after it: whoever reads takes a [`Cache::ticket`] first.
pub(crate) struct Cache<K, V> {
    bounds: Bounds,
    entries: Option<Entries<K, V>>,
    changes: Arc<AtomicU64>,
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self { bounds: self.bounds, entries: self.entries.clone(), changes: self.changes.clone() }
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Cache<K, V> {
    /// The cache of the generation before if its options are the same, else a new one.
    pub(crate) fn start(options: &Section, previous: Option<&Self>) -> Self {
        let in_use = !options.has("use_cache") || options.bool("use_cache");
        let bounds = Bounds {
            count_max: if in_use {
                options.limit("cache_size").finite().unwrap_or(u64::MAX)
            } else {
                0
            },
            life: options.duration_if_set("cache_life_time").and_then(Limit::finite),
            missed: options.bool("cache_missed"),
        };
        if let Some(previous) = previous.filter(|previous| previous.bounds == bounds) {
            return previous.clone();
        }
        let places = usize::try_from(bounds.count_max).unwrap_or(usize::MAX);
        let entries = in_use.then(|| Arc::new(Mutex::new(Recent::new(places, bounds.life))));
        Self { bounds, entries, changes: Arc::default() }
    }

    /// What is known: `Some(None)` means that there is nothing.
    pub(crate) fn get(&self, key: &K) -> Option<Option<V>> {
        self.entries.as_ref()?.lock().get(key, now()).cloned()
    }

    /// Taken before the store is read.
    pub(crate) fn ticket(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Puts in what was read, unless something changed since the ticket was taken.
    pub(crate) fn put(&self, ticket: u64, key: K, value: Option<V>)
    where
        K: Clone,
    {
        let Some(entries) = &self.entries else { return };
        if self.ticket() != ticket || (value.is_none() && !self.bounds.missed) {
            return;
        }
        entries.lock().insert(key.clone(), value, now());
        if self.ticket() != ticket {
            entries.lock().remove(&key);
        }
    }

    /// Knows a change before it is committed; whoever writes forgets it if the commit fails.
    pub(crate) fn set(&self, key: K, value: V) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(entries) = &self.entries {
            entries.lock().insert(key, Some(value), now());
        }
    }

    /// Forgets everything that `condemned` picks; for rare changes, since it looks at every entry.
    pub(crate) fn forget_if(&self, condemned: impl Fn(&K) -> bool) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(entries) = &self.entries {
            entries.lock().remove_if(condemned);
        }
    }

    /// Forgets everything, after the rows were changed by others.
    pub(crate) fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(entries) = &self.entries {
            entries.lock().clear();
        }
    }

    /// Forgets what has changed; called when the change is committed.
    pub(crate) fn forget(&self, key: &K) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(entries) = &self.entries {
            entries.lock().remove(key);
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
