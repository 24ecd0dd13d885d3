//! XEP-0280 Message Carbons: the wrappers, and what keeps a message from being copied.

use super::forward;
use crate::{Stanza, ns};
use xmlstream::Element;

/// Whose copy a carbon is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The account received the message on another resource.
    Received,
    /// The account sent the message from another resource.
    Sent,
}

impl Direction {
    /// The wrapper's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }
}

/// The wrapper around a copy.
pub fn wrap(direction: Direction, message: &Stanza) -> Element {
    Element::new(direction.name(), ns::CARBONS).with_child(forward::wrap(message, None))
}

/// Whether a message is a carbon, or says that it is: only our own server may send one (XEP-0280 §11).
pub fn is_carbon(message: &Stanza) -> bool {
    message
        .children()
        .any(|child| child.ns() == ns::CARBONS && matches!(child.name(), "received" | "sent"))
}

/// Whether the sender asks that no copies are made (XEP-0280 §5).
pub fn is_private(message: &Stanza) -> bool {
    message.child("private", ns::CARBONS).is_some()
}
