//! Answers to stanzas (RFC 6120 §8.2.3, §8.3.1).

use super::{IqType, Stanza, StanzaKind};
use crate::error::StanzaError;
use crate::ns;
use xmlstream::{Content, Element};

impl Stanza {
    /// The error that tells the sender why this failed: addresses swapped, what was sent included, as ejabberd does.
    /// `None` for what must not be answered: errors, and results of IQs (RFC 6120 §8.3.1, §8.2.3).
    pub fn error_reply(&self, error: &StanzaError) -> Option<Self> {
        if self.is_error() || self.kind == StanzaKind::Iq(IqType::Result) {
            return None;
        }
        let mut reply = self.reply_of_kind(self.kind.to_error());
        reply.content = self.content.clone();
        // Who reads the answer takes the first error for ours.
        reply.remove_children(|child| child.is("error", ns::CLIENT));
        reply.content.push(&error.to_element(ns::CLIENT), ns::CLIENT);
        Some(reply)
    }

    /// The result of an IQ of type get or set; `None` for any other stanza.
    pub fn result_reply(&self, payload: Option<&Element>) -> Option<Self> {
        if !self.is_request() {
            return None;
        }
        let mut reply = self.reply_of_kind(StanzaKind::Iq(IqType::Result));
        if let Some(payload) = payload {
            reply.push(payload);
        }
        Some(reply)
    }

    /// Whether it is an IQ that must be answered.
    pub fn is_request(&self) -> bool {
        matches!(self.kind, StanzaKind::Iq(IqType::Get | IqType::Set))
    }

    /// The error within a stanza of type `error`.
    pub fn error(&self) -> Option<StanzaError> {
        let error = self.child("error", ns::CLIENT)?;
        self.is_error().then(|| StanzaError::from_element(&error.parse())).flatten()
    }

    fn reply_of_kind(&self, kind: StanzaKind) -> Self {
        Self {
            kind,
            to: self.from.clone(),
            from: self.to.clone(),
            id: self.id.clone(),
            lang: self.lang.clone(),
            extra: None,
            content: Content::default(),
        }
    }
}
