//! What was sent and not acknowledged.

use super::Counter;
use std::collections::VecDeque;

/// The queue is as long as allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer leaves more stanzas unacknowledged than allowed")]
pub struct Full;

/// The peer acknowledges what was never sent: stream error `undefined-condition` with
/// `handled-count-too-high` (XEP-0198 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer acknowledges {h} stanzas, {sent} were sent")]
pub struct AckError {
    /// What the peer says.
    pub h: u32,
    /// What was sent.
    pub sent: u32,
}

impl AckError {
    /// The stream error to end with.
    pub fn to_stream_error(self) -> crate::StreamError {
        let app = xmlstream::Element::new("handled-count-too-high", crate::ns::SM)
            .with_attr("h", self.h.to_string())
            .with_attr("send-count", self.sent.to_string());
        crate::StreamError::new(crate::StreamCondition::UndefinedCondition).with_app(app)
    }
}

/// Stanzas that were sent and may have to be sent again, in order; bounded by number and bytes.
#[derive(Debug)]
pub struct OutQueue<T> {
    /// Each with the bytes it counts for.
    items: VecDeque<(T, usize)>,
    pub(super) acked: Counter,
    bytes: usize,
    items_max: usize,
    bytes_max: usize,
}

impl<T> OutQueue<T> {
    /// An empty queue that holds at most `items_max` stanzas and `bytes_max` bytes.
    pub fn new(items_max: usize, bytes_max: usize) -> Self {
        Self { items: VecDeque::new(), acked: Counter::default(), bytes: 0, items_max, bytes_max }
    }

    /// An empty queue of a session that goes on: the peer has acknowledged `acked` stanzas in all.
    pub fn resumed(acked: Counter, items_max: usize, bytes_max: usize) -> Self {
        Self { acked, ..Self::new(items_max, bytes_max) }
    }

    /// Notes that a stanza of some size was sent.
    ///
    /// # Errors
    /// [`Full`] if that is one too many; it is not taken then.
    pub fn push(&mut self, item: T, bytes: usize) -> Result<(), Full> {
        // One stanza is always taken: its size was bounded where it came from.
        let too_big = self.bytes.saturating_add(bytes) > self.bytes_max && !self.items.is_empty();
        if self.items.len() >= self.items_max || too_big {
            return Err(Full);
        }
        self.bytes += bytes;
        self.items.push_back((item, bytes));
        Ok(())
    }

    /// Takes out what the peer acknowledges by `h`, oldest first.
    ///
    /// # Errors
    /// [`AckError`] if `h` counts more than was sent or less than was acknowledged before; nothing changes then.
    pub fn ack(&mut self, h: Counter) -> Result<impl Iterator<Item = T> + use<'_, T>, AckError> {
        let count = h.since(self.acked) as usize;
        if count > self.items.len() {
            return Err(AckError { h: h.get(), sent: self.sent().get() });
        }
        self.acked = h;
        self.bytes -= self.items.iter().take(count).map(|(_, bytes)| bytes).sum::<usize>();
        Ok(self.items.drain(..count).map(|(item, _)| item))
    }

    /// How many stanzas were sent in all, modulo 2^32.
    pub fn sent(&self) -> Counter {
        self.acked.after(self.items.len() as u32)
    }

    /// What the peer has acknowledged.
    pub fn acked(&self) -> Counter {
        self.acked
    }

    /// What may have to be sent again, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.items.iter().map(|(item, _)| item)
    }

    /// Takes everything out, oldest first: the session ends and the stanzas go elsewhere.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + use<'_, T> {
        self.acked = self.sent();
        self.bytes = 0;
        self.items.drain(..).map(|(item, _)| item)
    }

    /// Stanzas not acknowledged.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether all is acknowledged.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes not acknowledged.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back memory that a burst has left.
    pub fn shrink(&mut self) {
        self.items.shrink_to(self.items.len().max(8));
    }
}
