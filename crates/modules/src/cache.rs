//! What was read from the store, kept for a while, as the options `use_cache`, `cache_size`, `cache_life_time` and
//! `cache_missed` say.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use settings::{Limit, Section};

/// The options of every cache, by ejabberd's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    count_max: u64,
    life: Option<Duration>,
    missed: bool,
}

/// A cache in front of a table. Clones share the entries.
///
/// A value read before a change is never put in after it: whoever reads takes a [`Cache::ticket`] first.
pub(crate) struct Cache<K, V> {
    bounds: Bounds,
    entries: Option<moka::sync::Cache<K, Option<V>>>,
    changes: Arc<AtomicU64>,
}

/// moka refuses more than a thousand years, which an administrator may well write for "for ever": a century.
const LIFE_MAX: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

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
        let mut builder = moka::sync::Cache::builder().max_capacity(bounds.count_max);
        if let Some(life) = bounds.life {
            builder = builder.time_to_live(life.min(LIFE_MAX));
        }
        let entries = in_use.then(|| builder.build());
        Self { bounds, entries, changes: Arc::default() }
    }

    /// What is known: `Some(None)` means that there is nothing.
    pub(crate) fn get(&self, key: &K) -> Option<Option<V>> {
        self.entries.as_ref()?.get(key)
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
        entries.insert(key.clone(), value);
        if self.ticket() != ticket {
            entries.invalidate(&key);
        }
    }

    /// Knows a change before it is committed; whoever writes forgets it if the commit fails.
    pub(crate) fn set(&self, key: K, value: V) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(entries) = &self.entries {
            entries.insert(key, Some(value));
        }
    }

    /// Forgets everything that `condemned` picks; for rare changes, since it looks at every entry.
    pub(crate) fn forget_if(&self, condemned: impl Fn(&K) -> bool)
    where
        K: Clone,
    {
        self.changes.fetch_add(1, Ordering::AcqRel);
        let Some(entries) = &self.entries else { return };
        let keys: Vec<_> =
            entries.iter().map(|(key, _)| key).filter(|key| condemned(key)).collect();
        keys.iter().for_each(|key| entries.invalidate(key.as_ref()));
    }

    /// Forgets everything, after the rows were changed by others.
    pub(crate) fn forget_all(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(entries) = &self.entries {
            entries.invalidate_all();
        }
    }

    /// Forgets what has changed; called when the change is committed.
    pub(crate) fn forget(&self, key: &K) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        if let Some(entries) = &self.entries {
            entries.invalidate(key);
        }
    }
}
