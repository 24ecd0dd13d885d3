//! What a sender may be told about a stanza: that its effects are durable, and not before.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::{Durable, StoreError, Tx};

/// The sender's side of a [`Receipt`]: who counts handled stanzas, and where the count is kept.
pub trait Acceptance: Any + Send + Sync {
    /// Writes, inside the transaction that stores an effect, that the stanza has been handled.
    ///
    /// The effect and the count then become durable together, so a crash can neither lose a counted
    /// stanza nor make its sender repeat a stored one.
    ///
    /// # Errors
    /// Those of the store; the whole closure is rolled back then.
    fn record(&self, tx: &mut Tx<'_>) -> Result<(), StoreError>;

    /// Writes, in the transaction of one effect among several, that the stanza has reached `target`. A crash may come
    /// before the others, and then the sender repeats it.
    ///
    /// # Errors
    /// Those of the store.
    fn record_part(&self, _tx: &mut Tx<'_>, _target: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether the stanza is such a repetition, and has reached `target` before.
    fn has_reached(&self, _target: &str) -> bool {
        false
    }

    /// Learns that the transaction of [`record`](Acceptance::record) was committed. Not every effect calls it.
    fn recorded(&self) {}

    /// Counts the stanza as handled. Called once, when the last effect is over.
    fn handled(&self);

    /// Learns, instead of [`handled`](Acceptance::handled), that a panic took the last effect: nobody knows how far it
    /// came, so the sender must not be told that the stanza is handled.
    fn abandoned(&self);
}

/// Travels with a stanza from a sender that expects an acknowledgement.
///
/// Clone it for each effect that must be durable first. When the last clone is dropped the stanza counts
/// as handled: either stored, or delivered, or refused with an error that the sender got. What a panic drops does not
/// count (see [`Acceptance::abandoned`]).
#[derive(Clone)]
pub struct Receipt(Arc<Token>);

struct Token {
    acceptance: Box<dyn Acceptance>,
    /// A panic took one of the effects, whatever the others did.
    abandoned: AtomicBool,
}

impl Drop for Token {
    fn drop(&mut self) {
        if *self.abandoned.get_mut() {
            self.acceptance.abandoned();
        } else {
            self.acceptance.handled();
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandoned.store(true, Ordering::Relaxed);
        }
    }
}

impl Receipt {
    /// A receipt for one stanza.
    pub fn new(acceptance: impl Acceptance + 'static) -> Self {
        let acceptance = Box::new(acceptance);
        Self(Arc::new(Token { acceptance, abandoned: AtomicBool::new(false) }))
    }

    /// Records the handling in the transaction which stores the effect, if this is the only effect left.
    ///
    /// With several effects the last one to finish counts; until then a crash makes the sender repeat.
    ///
    /// # Errors
    /// Those of the store.
    pub fn record(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if Arc::strong_count(&self.0) == 1 { self.0.acceptance.record(tx) } else { Ok(()) }
    }

    /// The same for a stanza that may have several targets of which each has a name that survives a crash: what has
    /// been stored for one of them is known by [`has_reached`](Self::has_reached) when the sender must repeat it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn record_for(&self, tx: &mut Tx<'_>, target: &str) -> Result<(), StoreError> {
        if Arc::strong_count(&self.0) == 1 {
            self.0.acceptance.record(tx)
        } else {
            self.0.acceptance.record_part(tx, target)
        }
    }

    /// Whether the stanza was stored for `target` before a crash, after which its sender repeats it.
    pub fn has_reached(&self, target: &str) -> bool {
        self.0.acceptance.has_reached(target)
    }

    /// The sender's side, if it is of this type: for a store that gets back what it handed out itself.
    pub fn acceptance<A: Acceptance>(&self) -> Option<&A> {
        let acceptance: &dyn Any = self.0.acceptance.as_ref();
        acceptance.downcast_ref()
    }

    /// Says that the transaction in which [`record`](Self::record) was called has been committed, as the proof shows.
    pub fn recorded(&self, _proof: &Durable) {
        self.0.acceptance.recorded();
    }

    /// Ends this effect by the proof that it is durable.
    pub fn complete(self, proof: Durable) {
        self.recorded(&proof);
    }

    /// Ends this effect by handing the stanza to the recipient's connection or answering the sender.
    pub fn settle(self) {}
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}
