//! XEP-0334 Message Processing Hints.

use crate::{Stanza, ns};

/// What a sender asks those who keep or copy messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Not for people who were not there: no archive.
    pub no_permanent_store: bool,
    /// Nowhere, not even offline.
    pub no_store: bool,
    /// Not to other resources.
    pub no_copy: bool,
    /// Keep it although it looks empty.
    pub store: bool,
}

impl Hints {
    /// Reads the hints of a message; unknown ones are passed over.
    pub fn of(message: &Stanza) -> Self {
        let mut hints = Self::default();
        for child in message.children().filter(|child| child.ns() == ns::HINTS) {
            match child.name() {
                "no-permanent-store" => hints.no_permanent_store = true,
                "no-store" => hints.no_store = true,
                "no-copy" => hints.no_copy = true,
                "store" => hints.store = true,
                _ => {}
            }
        }
        hints
    }
}
