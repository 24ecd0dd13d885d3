//! Errors that peers are told: of stanzas (RFC 6120 §8.3) and of streams (RFC 6120 §4.9).

mod stanza;
mod stream;
#[cfg(test)]
mod tests;

pub use stanza::{ErrorType, StanzaCondition, StanzaError};
pub use stream::{StreamCondition, StreamError};
