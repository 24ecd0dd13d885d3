//! Stream management (XEP-0198): counters, the queue of what was not acknowledged, and the ledger by which an
//! acknowledgement can only follow the effects of what it acknowledges. No clock, no I/O.

mod elements;
mod ledger;
mod queue;
#[cfg(test)]
mod tests;

pub use elements::{SmFailed, SmReply, SmRequest};
pub use ledger::{Handled, Ledger, Seq};
pub use queue::{AckError, Full, OutQueue};

/// A count of stanzas modulo 2^32 (XEP-0198 §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counter(u32);

impl Counter {
    /// A count that a peer or a store names.
    pub const fn new(count: u32) -> Self {
        Self(count)
    }

    /// The count as it is written.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The count after `more` stanzas.
    #[must_use]
    pub const fn after(self, more: u32) -> Self {
        Self(self.0.wrapping_add(more))
    }

    /// How many stanzas came since `earlier`, which is not later than this.
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

impl std::fmt::Display for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
