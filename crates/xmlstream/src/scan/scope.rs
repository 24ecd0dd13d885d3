//! What the stream header declares for all elements of the stream.

use crate::NS_STREAMS;
use crate::namespace::Namespace;

/// The namespaces in scope around a top-level element. The usual headers cost no allocation.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    /// `xmlns` is what it says, and the prefix `stream` stands for the streams namespace.
    Usual(&'static str),
    /// A default namespace and no prefix.
    Default(Namespace),
    /// Anything else.
    Declared(Box<Declared>),
}

#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) default: Namespace,
    pub(crate) prefixes: Vec<(Box<str>, Namespace)>,
    /// The root's name as written, which its end tag must repeat.
    pub(crate) root: Box<str>,
}

impl Scope {
    /// The scope that a root element makes.
    pub(crate) fn declared(
        default: &str,
        prefixes: Vec<(Box<str>, Namespace)>,
        root: &str,
    ) -> Self {
        let usual = ["jabber:client", "jabber:server", "jabber:component:accept"]
            .into_iter()
            .find(|ns| *ns == default);
        if let (Some(usual), [(prefix, uri)], "stream:stream") = (usual, &*prefixes, root)
            && &**prefix == "stream"
            && uri.as_str() == NS_STREAMS
        {
            return Self::Usual(usual);
        }
        Self::Declared(Box::new(Declared {
            default: Namespace::from_wire(default),
            prefixes,
            root: root.into(),
        }))
    }

    pub(crate) fn default_ns(&self) -> Namespace {
        match self {
            Self::Usual(ns) => (*ns).into(),
            Self::Default(ns) => ns.clone(),
            Self::Declared(declared) => declared.default.clone(),
        }
    }

    /// The root's name as written.
    pub(crate) fn root(&self) -> &str {
        match self {
            Self::Usual(_) => "stream:stream",
            Self::Default(_) => "",
            Self::Declared(declared) => &declared.root,
        }
    }

    /// The place of a prefix among those declared; `xml` is the scanner's business.
    pub(crate) fn lookup(&self, prefix: &[u8]) -> Option<usize> {
        match self {
            Self::Usual(_) => (prefix == b"stream").then_some(0),
            Self::Default(_) => None,
            Self::Declared(declared) => {
                declared.prefixes.iter().position(|(name, _)| name.as_bytes() == prefix)
            }
        }
    }

    /// The namespace of the prefix at a place; empty beyond the last.
    pub(crate) fn uri(&self, place: usize) -> Namespace {
        match self {
            Self::Usual(_) => NS_STREAMS.into(),
            Self::Default(_) => Namespace::NONE,
            Self::Declared(declared) => {
                declared.prefixes.get(place).map_or(Namespace::NONE, |(_, uri)| uri.clone())
            }
        }
    }
}
