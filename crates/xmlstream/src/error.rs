//! Why a stream's bytes are refused. Each kind answers to one stream error of RFC 6120 §4.9.3.

/// Where a stream's bytes became unacceptable, and the rule they broke. It holds nothing of the peer's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes from the beginning of the stream (or since the last restart) to the offence or the token that holds it.
    pub at: u64,
    /// The rule, in words for a log line.
    pub rule: &'static str,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (byte {})", self.rule, self.at)
    }
}

/// Why the reader refused a peer's bytes; the fault is always the peer's. A reader that returned an error
/// returns the same one ever after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// The bytes break XML 1.0 itself: stream error `not-well-formed`.
    #[error("not well formed: {0}")]
    NotWellFormed(Fault),
    /// A construct that XMPP forbids (RFC 6120 §11.1): stream error `restricted-xml`.
    #[error("restricted XML: {0}")]
    Restricted(Fault),
    /// A prefix that is not declared, or a declaration that is not allowed: stream error `bad-namespace-prefix`.
    #[error("bad namespace: {0}")]
    BadNamespace(Fault),
    /// Another encoding than UTF-8 is declared: stream error `unsupported-encoding`.
    #[error("unsupported encoding: {0}")]
    UnsupportedEncoding(Fault),
    /// XML that has no place at this point of a stream, such as text between stanzas: stream error `invalid-xml`.
    #[error("invalid XML: {0}")]
    Invalid(Fault),
    /// More bytes than [`crate::Limits`] allows for one element or header: stream error `policy-violation`.
    #[error("too big: {0}")]
    TooBig(Fault),
    /// Deeper than [`crate::Limits`] allows: stream error `policy-violation`.
    #[error("too deep: {0}")]
    TooDeep(Fault),
    /// More attributes on one element than [`crate::Limits`] allows: stream error `policy-violation`.
    #[error("too many attributes: {0}")]
    TooManyAttributes(Fault),
    /// A longer name than [`crate::Limits`] allows: stream error `policy-violation`.
    #[error("name too long: {0}")]
    NameTooLong(Fault),
    /// More prefixes in scope than [`crate::Limits`] allows: stream error `policy-violation`.
    #[error("too many namespaces: {0}")]
    TooManyNamespaces(Fault),
}

impl XmlError {
    /// Where and why.
    pub fn fault(&self) -> Fault {
        match *self {
            Self::NotWellFormed(fault)
            | Self::Restricted(fault)
            | Self::BadNamespace(fault)
            | Self::UnsupportedEncoding(fault)
            | Self::Invalid(fault)
            | Self::TooBig(fault)
            | Self::TooDeep(fault)
            | Self::TooManyAttributes(fault)
            | Self::NameTooLong(fault)
            | Self::TooManyNamespaces(fault) => fault,
        }
    }
}

/// Kinds of [`XmlError`] before the place in the stream is known.
pub(crate) type Kind = fn(Fault) -> XmlError;

/// Why a scan stopped.
#[derive(Clone, Copy)]
pub(crate) enum Stop {
    /// The bytes end within a token; nothing is wrong so far.
    More,
    /// The bytes are refused; the offset is relative to the scanned slice.
    Refused(Kind, usize, &'static str),
}

impl Stop {
    /// The public error for a scan whose slice begins `base` bytes into the stream; running out of bytes, where
    /// no more can come, is a document that is not well formed.
    pub(crate) fn into_error(self, base: u64) -> XmlError {
        match self {
            Self::More => XmlError::NotWellFormed(Fault {
                at: base,
                rule: "the document ends within an element",
            }),
            Self::Refused(kind, at, rule) => kind(Fault { at: base + at as u64, rule }),
        }
    }
}

/// Refuses as not well formed.
pub(crate) fn malformed<T>(at: usize, rule: &'static str) -> Result<T, Stop> {
    Err(Stop::Refused(XmlError::NotWellFormed, at, rule))
}
