//! What was read of accounts, kept in memory for a while, and which password was right last.
//!
//! A password is kept only as an HMAC under a key that lives in this process, never as itself.

use std::sync::Arc;

use parking_lot::Mutex;
use sasl::{ScramHash, ScramVerifier};
use stdx::{Recent, SecretBytes};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::relay::RelayKey;
use crate::{CacheLimits, Stored};

/// An account as it was read: `None` if it does not exist.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) stored: Option<Stored>,
    /// Every row was understood, so the rows may be written anew.
    pub(crate) whole: bool,
    /// Keys for relays, where they are kept.
    pub(crate) relay: Vec<RelayKey>,
    right: Mutex<Option<SecretBytes>>,
    derived: Mutex<Vec<ScramVerifier>>,
}

impl Entry {
    pub(crate) fn new(stored: Option<Stored>, whole: bool, relay: Vec<RelayKey>) -> Self {
        Self { stored, whole, relay, right: Mutex::default(), derived: Mutex::default() }
    }

    /// Whether the password of this tag was right before.
    pub(crate) fn was_right(&self, tag: &SecretBytes) -> bool {
        let right = self.right.lock();
        right.as_ref().is_some_and(|right| right.expose().ct_eq(tag.expose()).into())
    }

    pub(crate) fn set_right(&self, tag: SecretBytes) {
        *self.right.lock() = Some(tag);
    }

    /// A verifier that was derived from clear text before.
    pub(crate) fn derived(&self, hash: ScramHash) -> Option<ScramVerifier> {
        self.derived.lock().iter().find(|verifier| verifier.hash() == hash).cloned()
    }

    pub(crate) fn set_derived(&self, verifier: &ScramVerifier) {
        let mut derived = self.derived.lock();
        if derived.iter().all(|other| other.hash() != verifier.hash()) {
            derived.push(verifier.clone());
        }
    }
}

/// The entries, by bare address.
pub(crate) struct Cache {
    limits: CacheLimits,
    entries: Mutex<Recent<Box<str>, Arc<Entry>>>,
}

impl Cache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        let places = usize::try_from(limits.entries_max).unwrap_or(usize::MAX);
        Self { limits, entries: Mutex::new(Recent::new(places, limits.life)) }
    }

    pub(crate) fn limits(&self) -> CacheLimits {
        self.limits
    }

    pub(crate) fn get(&self, address: &str) -> Option<Arc<Entry>> {
        self.entries.lock().get(address, Instant::now().into_std()).cloned()
    }

    pub(crate) fn insert(&self, address: &str, entry: Arc<Entry>) {
        if entry.stored.is_some() || self.limits.missed {
            self.entries.lock().insert(address.into(), entry, Instant::now().into_std());
        }
    }

    pub(crate) fn forget(&self, address: &str) {
        self.entries.lock().remove(address);
    }

    pub(crate) fn forget_all(&self) {
        self.entries.lock().clear();
    }

    pub(crate) fn len(&self) -> u64 {
        self.entries.lock().len() as u64
    }
}
