//! Proof that a change was committed: what an acknowledgement must be built from.

use std::ops::Deref;

/// Proof that a change is on disk.
///
/// It has no size and no public constructor: the writer makes one for each change of a group after
/// the commit of that group has returned. It is deliberately neither `Clone` nor `Copy`, so that one
/// commit cannot vouch for two changes.
#[derive(Debug)]
#[must_use = "a receipt exists to build an acknowledgement from"]
pub struct Durable(());

impl Durable {
    /// Made by the writer after a commit, and by nobody else.
    pub(crate) fn after_commit() -> Self {
        Self(())
    }

    /// A receipt without a commit, for unit tests of code that takes one.
    #[cfg(feature = "testing")]
    pub fn in_memory_for_tests() -> Self {
        Self(())
    }
}

/// The value of a change together with the proof that the change is durable.
#[derive(Debug)]
pub struct Committed<T> {
    value: T,
    receipt: Durable,
}

impl<T> Committed<T> {
    /// Pairs the value of a closure with the receipt of its commit.
    pub(crate) fn after_commit(value: T) -> Self {
        Self { value, receipt: Durable::after_commit() }
    }

    /// The answer to a change that by design stores nothing, such as an empty update or a table that
    /// the administrator keeps in memory. `reason` says which design that is, for the reader of the
    /// code and for the log.
    pub fn volatile(value: T, reason: &'static str) -> Self {
        tracing::trace!(reason, "answered without storing");
        Self { value, receipt: Durable(()) }
    }

    /// The value alone, when nothing is acknowledged with it.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// The receipt alone.
    pub fn into_receipt(self) -> Durable {
        self.receipt
    }

    /// The value and the receipt.
    pub fn split(self) -> (T, Durable) {
        (self.value, self.receipt)
    }

    /// The receipt, to show it without giving it away.
    pub fn receipt(&self) -> &Durable {
        &self.receipt
    }

    /// Changes the value and keeps the receipt.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Committed<U> {
        Committed { value: f(self.value), receipt: self.receipt }
    }
}

impl<T> Deref for Committed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
