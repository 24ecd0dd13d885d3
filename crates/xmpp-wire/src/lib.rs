//! The words of XMPP as types: stanzas, errors, negotiation, stream management and the payloads that several
//! extensions share. No I/O, no clock, no randomness; what peers send is judged here and nothing makes it panic.

mod address;
pub mod error;
pub mod negotiation;
pub mod ns;
pub mod payload;
pub mod sm;
pub mod stanza;

pub use address::address;
pub use error::{ErrorType, StanzaCondition, StanzaError, StreamCondition, StreamError};
pub use stanza::{
    EnvelopeError, IqType, MessageType, ParseError, PresenceType, Stanza, StanzaKind,
};
pub use xmlstream::{Element, ElementRef, RawElement};

/// A child of a stanza that was not decoded yet.
pub type ChildRef<'a> = ElementRef<'a>;
