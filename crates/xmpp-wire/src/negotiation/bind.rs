//! Resource binding (RFC 6120 §7) and the session of RFC 3921 §3.

use crate::ns;
use jid::FullJid;
use xmlstream::Element;

/// A request to bind a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind {
    /// The resource that the client would like; `None` leaves it to the server. Not prepared yet.
    pub resource: Option<String>,
}

impl Bind {
    /// The feature.
    pub fn feature() -> Element {
        Element::new("bind", ns::BIND)
    }

    /// Reads the payload of the IQ; `None` if it is something else.
    pub fn from_element(bind: &Element) -> Option<Self> {
        bind.is("bind", ns::BIND).then(|| Self {
            resource: bind.child_text("resource", ns::BIND).filter(|resource| !resource.is_empty()),
        })
    }

    /// The request.
    pub fn to_element(&self) -> Element {
        let bind = Element::new("bind", ns::BIND);
        match &self.resource {
            Some(resource) => {
                bind.with_child(Element::new("resource", ns::BIND).with_text(resource))
            }
            None => bind,
        }
    }

    /// The payload of the answer.
    pub fn result(jid: &FullJid) -> Element {
        Element::new("bind", ns::BIND)
            .with_child(Element::new("jid", ns::BIND).with_text(jid.as_str()))
    }

    /// Reads the payload of the answer.
    pub fn bound(bind: &Element) -> Option<FullJid> {
        bind.child_text("jid", ns::BIND).and_then(|jid| FullJid::new(&jid).ok())
    }
}

/// The feature that tells clients of RFC 3921 that they need not ask for a session.
pub fn session_feature() -> Element {
    Element::new("session", ns::SESSION).with_child(Element::new("optional", ns::SESSION))
}
