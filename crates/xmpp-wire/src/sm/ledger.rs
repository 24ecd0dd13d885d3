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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    UnderWay,
    Done,
    Abandoned,
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
    /// One for each stanza after those handled. The session bounds how many it has under way.
    under_way: VecDeque<Fate>,
    /// Stanzas of an earlier stream that were done although one before them was not.
    ahead: Vec<Counter>,
}

impl Seq {
    /// The number as it is stored: how many stanzas came before this one.
    pub fn counter(self) -> Counter {
        Counter::new(self.0)
    }
}

impl Ledger {
    /// Goes on where an earlier stream of the session ended: `handled` in all, and some after a gap.
    ///
    /// What lies in the gap was never finished, so the peer sends it again, and with it what came later.
    pub fn resumed(handled: Counter, ahead: impl IntoIterator<Item = Counter>) -> Self {
        let mut ledger =
            Self { handled, under_way: VecDeque::new(), ahead: ahead.into_iter().collect() };
        while ledger.repeated() {}
        ledger
    }

    /// Whether the stanza that comes next was done before the session went on; it is counted then, and must not be
    /// acted upon again.
    pub fn repeated(&mut self) -> bool {
        let next = self.handled.after(self.under_way.len() as u32);
        let Some(place) = self.ahead.iter().position(|done| *done == next) else { return false };
        self.ahead.swap_remove(place);
        self.under_way.push_back(Fate::Done);
        self.collapse();
        true
    }

    /// The count as it would be if one more stanza were done; what a store writes along with its effects.
    pub fn preview(&self, seq: Seq) -> Counter {
        let place = Counter::new(seq.0).since(self.handled) as usize;
        let done = |(at, fate): (usize, &Fate)| *fate == Fate::Done || at == place;
        let run = self.under_way.iter().enumerate().take_while(|one| done(*one)).count();
        self.handled.after(run as u32)
    }

    /// Notes that a stanza has come.
    pub fn received(&mut self) -> Seq {
        let seq = self.handled.after(self.under_way.len() as u32);
        self.under_way.push_back(Fate::UnderWay);
        Seq(seq.get())
    }

    /// Notes that the effects of a stanza are durable. Doing so twice changes nothing.
    pub fn complete(&mut self, seq: Seq) {
        let place = Counter::new(seq.0).since(self.handled) as usize;
        if let Some(fate) = self.under_way.get_mut(place) {
            *fate = Fate::Done;
        }
        self.collapse();
    }

    /// Notes that nobody will ever know what became of a stanza. It never counts, and neither does what came after it,
    /// until the peer has sent it again (see [`Ledger::rewind`]).
    pub fn abandon(&mut self, seq: Seq) {
        let place = Counter::new(seq.0).since(self.handled) as usize;
        if let Some(fate @ Fate::UnderWay) = self.under_way.get_mut(place) {
            *fate = Fate::Abandoned;
        }
    }

    /// Whether a stanza was abandoned.
    pub fn has_abandoned(&self) -> bool {
        self.under_way.contains(&Fate::Abandoned)
    }

    /// Goes back to the count of what is handled: the peer sends again whatever came after it. What of that is done
    /// is recognised then. To be called when nothing is under way.
    pub fn rewind(&mut self) {
        for (place, fate) in self.under_way.drain(..).enumerate() {
            if fate == Fate::Done {
                self.ahead.push(self.handled.after(place as u32));
            }
        }
    }

    fn collapse(&mut self) {
        while self.under_way.front() == Some(&Fate::Done) {
            self.under_way.pop_front();
            self.handled = self.handled.after(1);
        }
    }

    /// The count that may be told to the peer.
    pub fn handled(&self) -> Handled {
        Handled(self.handled)
    }

    /// Whether no stanza is under way any more: each is done or abandoned.
    pub fn is_settled(&self) -> bool {
        !self.under_way.contains(&Fate::UnderWay)
    }

    /// Stanzas that came and are not handled.
    pub fn pending(&self) -> usize {
        self.under_way.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_counts_what_a_store_is_about_to_finish() {
        let mut ledger = Ledger::default();
        let (first, second, third) = (ledger.received(), ledger.received(), ledger.received());
        assert_eq!(ledger.preview(second).get(), 0);
        ledger.complete(second);
        assert_eq!(ledger.preview(first).get(), 2);
        assert_eq!(ledger.preview(third).get(), 0);
        assert_eq!(ledger.handled().counter().get(), 0);
    }

    #[test]
    fn an_abandoned_stanza_is_expected_again_and_what_came_after_it_is_recognised() {
        let mut ledger = Ledger::default();
        let seqs: Vec<_> = (0..4).map(|_| ledger.received()).collect();
        ledger.complete(seqs[0]);
        ledger.abandon(seqs[1]);
        ledger.complete(seqs[3]);
        assert!(!ledger.is_settled() && ledger.has_abandoned());
        ledger.abandon(seqs[2]);
        assert!(ledger.is_settled());
        assert_eq!(ledger.handled().counter().get(), 1);
        ledger.rewind();
        assert!(!ledger.has_abandoned() && !ledger.repeated());
        let (second, third) = (ledger.received(), ledger.received());
        assert!(ledger.repeated(), "the fourth was done");
        ledger.complete(second);
        ledger.complete(third);
        assert_eq!((ledger.handled().counter().get(), ledger.pending()), (4, 0));
    }

    #[test]
    fn a_resumed_ledger_knows_what_was_done_ahead_of_a_gap() {
        let ahead = [Counter::new(0), Counter::new(1)];
        let mut ledger = Ledger::resumed(Counter::new(u32::MAX), ahead);
        assert_eq!(ledger.handled().counter().get(), u32::MAX);
        assert!(!ledger.repeated());
        let gap = ledger.received();
        assert!(ledger.repeated() && ledger.repeated() && !ledger.repeated());
        ledger.complete(gap);
        assert_eq!(ledger.handled().counter().get(), 2);
        assert_eq!(Ledger::resumed(Counter::new(0), ahead).handled().counter().get(), 2);
    }
}
