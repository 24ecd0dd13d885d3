//! A namespace name that is cheap to copy: a tree of ten thousand elements shares one allocation of it.

use std::borrow::Cow;
use std::sync::Arc;

/// A namespace name: static for those we know, else shared. Copies never copy the text, so that one long
/// declaration inherited by many elements costs its length once.
#[derive(Clone)]
pub struct Namespace(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
}

/// Namespaces that need no allocation when met on the wire.
const KNOWN: [&str; 8] = [
    "",
    "jabber:client",
    "jabber:server",
    "jabber:component:accept",
    crate::NS_STREAMS,
    crate::NS_XML,
    "urn:ietf:params:xml:ns:xmpp-stanzas",
    "jabber:x:data",
];

impl Namespace {
    /// No namespace.
    pub const NONE: Self = Self(Repr::Static(""));

    /// A namespace from text of any lifetime; the commonest need no allocation.
    pub fn from_wire(name: &str) -> Self {
        match KNOWN.iter().find(|known| **known == name) {
            Some(known) => Self(Repr::Static(known)),
            None => Self(Repr::Shared(name.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(name) => name,
            Repr::Shared(name) => name,
        }
    }
}

impl From<&'static str> for Namespace {
    fn from(name: &'static str) -> Self {
        Self(Repr::Static(name))
    }
}

impl From<String> for Namespace {
    fn from(name: String) -> Self {
        Self::from_wire(&name)
    }
}

impl From<Cow<'static, str>> for Namespace {
    fn from(name: Cow<'static, str>) -> Self {
        match name {
            Cow::Borrowed(name) => name.into(),
            Cow::Owned(name) => name.into(),
        }
    }
}

impl std::ops::Deref for Namespace {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Namespace {}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

impl std::fmt::Display for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self)
    }
}
