//! Stream headers (RFC 6120 §4.7), and the `<open/>` of framed streams (RFC 7395 §3.4).

use std::borrow::Cow;

use crate::error::{StreamCondition, StreamError};
use crate::ns;
use jid::Jid;
use xmlstream::{Element, StreamHeader, escape_attr};

/// A version of XMPP (RFC 6120 §4.7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Incompatible with others.
    pub major: u16,
    /// Compatible within the major version.
    pub minor: u16,
}

impl Version {
    /// The version of RFC 6120.
    pub const V1_0: Self = Self { major: 1, minor: 0 };

    /// Reads `major.minor`; leading zeros do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let number = |digits: &str| {
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
        };
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

/// What a stream header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamOpen {
    /// Whom the peer wants to speak to.
    pub to: Option<Jid>,
    /// Who the peer says it is; not proved.
    pub from: Option<Jid>,
    /// The stream's id, given by the receiving side.
    pub id: Option<String>,
    /// `None` if left out: a peer from before XMPP 1.0.
    pub version: Option<Version>,
    /// The language of the stream's text.
    pub lang: Option<String>,
    /// Whether the prefix `db` stands for server dialback (XEP-0220 §2.1).
    pub dialback: bool,
}

impl StreamOpen {
    /// Reads the header of a stream whose stanzas must be in `content_ns`.
    ///
    /// # Errors
    /// The stream error to answer with: `invalid-namespace`, `bad-format`, `improper-addressing`, `unsupported-version`.
    pub fn from_header(header: &StreamHeader, content_ns: &str) -> Result<Self, StreamError> {
        if header.namespace != ns::STREAMS {
            return Err(StreamError::new(StreamCondition::InvalidNamespace));
        }
        if header.name != "stream" {
            return Err(
                StreamError::new(StreamCondition::BadFormat).with_text("the root must be 'stream'")
            );
        }
        // RFC 6120 §4.8.3: the content namespace is the default one, or has a prefix and the root's is the default.
        let prefixed = header.namespace == header.content_namespace
            && header.prefixes.iter().any(|(_, uri)| uri == content_ns);
        if header.content_namespace != content_ns && !prefixed {
            return Err(StreamError::new(StreamCondition::InvalidNamespace));
        }
        let dialback =
            header.prefixes.iter().any(|(prefix, uri)| prefix == "db" && uri == ns::DIALBACK);
        let from_attrs = |name: &str| match name {
            "to" => header.to.as_deref(),
            "from" => header.from.as_deref(),
            "id" => header.id.as_deref(),
            "version" => header.version.as_deref(),
            _ => header.lang.as_deref(),
        };
        Ok(Self { dialback, ..Self::from_attrs(from_attrs)? })
    }

    /// Reads the `<open/>` of a framed stream (RFC 7395 §3.4).
    ///
    /// # Errors
    /// The stream error to answer with.
    pub fn from_framed(open: &xmlstream::RawElement) -> Result<Self, StreamError> {
        if !open.is("open", ns::FRAMING) {
            return Err(StreamError::new(StreamCondition::InvalidNamespace));
        }
        Self::from_attrs(|name| open.attr(name))
    }

    fn from_attrs<'a>(attr: impl Fn(&str) -> Option<&'a str>) -> Result<Self, StreamError> {
        let address = |name: &str| match attr(name) {
            None => Ok(None),
            Some(text) => crate::address(text).map(Some).map_err(|_| {
                let what = format!("the address in '{name}' is malformed");
                StreamError::new(StreamCondition::ImproperAddressing).with_text(&what)
            }),
        };
        let version = match attr("version") {
            None => None,
            Some(text) => {
                let unsupported = || StreamError::new(StreamCondition::UnsupportedVersion);
                Some(Version::parse(text).ok_or_else(unsupported)?)
            }
        };
        Ok(Self {
            to: address("to")?,
            from: address("from")?,
            id: attr("id").map(str::to_owned),
            version,
            lang: attr("xml:lang").map(str::to_owned),
            dialback: false,
        })
    }

    /// Appends the header, XML declaration first.
    pub fn write(&self, out: &mut Vec<u8>, content_ns: &str) {
        out.extend_from_slice(b"<?xml version='1.0'?><stream:stream xmlns='");
        escape_attr(content_ns, out);
        out.extend_from_slice(b"' xmlns:stream='http://etherx.jabber.org/streams'");
        if self.dialback {
            out.extend_from_slice(b" xmlns:db='jabber:server:dialback'");
        }
        for (name, value) in self.attrs() {
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"='");
            escape_attr(&value, out);
            out.push(b'\'');
        }
        out.push(b'>');
    }

    /// The `<open/>` of a framed stream.
    pub fn to_framed(&self) -> Element {
        self.attrs().fold(Element::new("open", ns::FRAMING), |open, (name, value)| {
            open.with_attr(name, value.into_owned())
        })
    }

    fn attrs(&self) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
        let version = self.version.map(|version| match version {
            Version::V1_0 => "1.0".into(),
            Version { major, minor } => format!("{major}.{minor}").into(),
        });
        let all: [(_, Option<Cow<'_, str>>); 5] = [
            ("to", self.to.as_ref().map(|jid| jid.as_str().into())),
            ("from", self.from.as_ref().map(|jid| jid.as_str().into())),
            ("id", self.id.as_deref().map(Into::into)),
            ("version", version),
            ("xml:lang", self.lang.as_deref().map(Into::into)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

/// Appends the end of the stream.
pub fn write_close(out: &mut Vec<u8>) {
    out.extend_from_slice(b"</stream:stream>");
}
