//! Which received stanzas are done with. The only source of the counts that we tell a peer.

use super::Counter;
use std::collections::VecDeque;

/// The place of a received stanza in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seq(u32);

/// The count of stanzas whose effects are durable. [`Ledger::handled`] is its only source, so that nothing can be
/// acknowledged too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handled(Counter);

impl Handled {
    /// The count as it is written.
    pub fn counter(self) -> Counter {
        self.0
    }
}

/// Counts received stanzas and which of them are done. Effects may become durable out of order; only the stanzas
/// before the first that is not done count as handled.
///
/// ```
/// let mut ledger = xmpp_wire::sm::Ledger::default();
/// let (first, second) = (ledger.received(), ledger.received());
/// ledger.complete(second);
/// assert_eq!(ledger.handled().counter().get(), 0);
/// ledger.complete(first);
/// assert_eq!(ledger.handled().counter().get(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Ledger {
    handled: Counter,
    /// One for each stanza after those handled: whether it is done. The session bounds how many it has under way.
    under_way: VecDeque<bool>,
}

impl Ledger {
    /// Notes that a stanza has come.
    pub fn received(&mut self) -> Seq {
        let seq = self.handled.after(self.under_way.len() as u32);
        self.under_way.push_back(false);
        Seq(seq.get())
    }

    /// Notes that the effects of a stanza are durable. Doing so twice changes nothing.
    pub fn complete(&mut self, seq: Seq) {
        let place = Counter::new(seq.0).since(self.handled) as usize;
        if let Some(done) = self.under_way.get_mut(place) {
            *done = true;
        }
        while self.under_way.front() == Some(&true) {
            self.under_way.pop_front();
            self.handled = self.handled.after(1);
        }
    }

    /// The count that may be told to the peer.
    pub fn handled(&self) -> Handled {
        Handled(self.handled)
    }

    /// Stanzas that came and are not handled.
    pub fn pending(&self) -> usize {
        self.under_way.len()
    }
}
