//! Stream errors (RFC 6120 §4.9). All of them end the stream.

use crate::ns;
use xmlstream::{Element, XmlError};

/// Conditions of stream errors (RFC 6120 §4.9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamCondition {
    /// §4.9.3.1: XML that cannot be processed.
    BadFormat,
    /// §4.9.3.2: an unknown or missing namespace prefix.
    BadNamespacePrefix,
    /// §4.9.3.3: another stream has taken its place.
    Conflict,
    /// §4.9.3.4: the peer was silent too long.
    ConnectionTimeout,
    /// §4.9.3.5: the host is no longer served.
    HostGone,
    /// §4.9.3.6: the host is not served.
    HostUnknown,
    /// §4.9.3.7: a stanza between servers lacks an address.
    ImproperAddressing,
    /// §4.9.3.8: the server failed.
    InternalServerError,
    /// §4.9.3.9: the sender's address is not the peer's.
    InvalidFrom,
    /// §4.9.3.10: the stream or content namespace is wrong.
    InvalidNamespace,
    /// §4.9.3.11: XML that is not valid here.
    InvalidXml,
    /// §4.9.3.12: not before authentication.
    NotAuthorized,
    /// §4.9.3.13: not well-formed.
    NotWellFormed,
    /// §4.9.3.14: a rule of the service is broken.
    PolicyViolation,
    /// §4.9.3.15: a connection that is needed cannot be made.
    RemoteConnectionFailed,
    /// §4.9.3.16: start anew.
    Reset,
    /// §4.9.3.17: too busy.
    ResourceConstraint,
    /// §4.9.3.18: comments, processing instructions, entities.
    RestrictedXml,
    /// §4.9.3.19: go to [`StreamError::host`].
    SeeOtherHost,
    /// §4.9.3.20: the server is going down.
    SystemShutdown,
    /// §4.9.3.21: see [`StreamError::app`].
    UndefinedCondition,
    /// §4.9.3.22: not UTF-8.
    UnsupportedEncoding,
    /// §4.9.3.23: a mandatory feature cannot be negotiated.
    UnsupportedFeature,
    /// §4.9.3.24: neither message, presence nor IQ.
    UnsupportedStanzaType,
    /// §4.9.3.25: another version of XMPP.
    UnsupportedVersion,
}

impl StreamCondition {
    const TABLE: [(Self, &'static str); 25] = [
        (Self::BadFormat, "bad-format"),
        (Self::BadNamespacePrefix, "bad-namespace-prefix"),
        (Self::Conflict, "conflict"),
        (Self::ConnectionTimeout, "connection-timeout"),
        (Self::HostGone, "host-gone"),
        (Self::HostUnknown, "host-unknown"),
        (Self::ImproperAddressing, "improper-addressing"),
        (Self::InternalServerError, "internal-server-error"),
        (Self::InvalidFrom, "invalid-from"),
        (Self::InvalidNamespace, "invalid-namespace"),
        (Self::InvalidXml, "invalid-xml"),
        (Self::NotAuthorized, "not-authorized"),
        (Self::NotWellFormed, "not-well-formed"),
        (Self::PolicyViolation, "policy-violation"),
        (Self::RemoteConnectionFailed, "remote-connection-failed"),
        (Self::Reset, "reset"),
        (Self::ResourceConstraint, "resource-constraint"),
        (Self::RestrictedXml, "restricted-xml"),
        (Self::SeeOtherHost, "see-other-host"),
        (Self::SystemShutdown, "system-shutdown"),
        (Self::UndefinedCondition, "undefined-condition"),
        (Self::UnsupportedEncoding, "unsupported-encoding"),
        (Self::UnsupportedFeature, "unsupported-feature"),
        (Self::UnsupportedStanzaType, "unsupported-stanza-type"),
        (Self::UnsupportedVersion, "unsupported-version"),
    ];

    /// All conditions in the order of the RFC.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|row| row.0)
    }

    /// The element's name.
    pub fn name(self) -> &'static str {
        Self::TABLE[self as usize].1
    }

    /// The condition of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// Why a stream ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    /// Why.
    pub condition: StreamCondition,
    /// Words for people, in English.
    pub text: Option<String>,
    /// Where to, for `see-other-host`.
    pub host: Option<String>,
    /// More about it in another namespace.
    pub app: Option<Box<Element>>,
}

impl StreamError {
    /// An error without words.
    pub fn new(condition: StreamCondition) -> Self {
        Self { condition, text: None, host: None, app: None }
    }

    /// With words.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// With a host to go to.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// With an application-specific condition.
    #[must_use]
    pub fn with_app(mut self, app: Element) -> Self {
        self.app = Some(Box::new(app));
        self
    }

    /// The element `<error/>` in the streams namespace.
    pub fn to_element(&self) -> Element {
        let mut condition = Element::new(self.condition.name(), ns::STREAM_ERRORS);
        if let Some(host) = &self.host {
            condition.push_text(host);
        }
        let mut error = Element::new("error", ns::STREAMS).with_child(condition);
        if let Some(text) = &self.text {
            error.push(
                Element::new("text", ns::STREAM_ERRORS).with_attr("xml:lang", "en").with_text(text),
            );
        }
        if let Some(app) = &self.app {
            error.push(Element::clone(app));
        }
        error
    }

    /// Appends `<stream:error/>` for a stream whose header declares that prefix.
    pub fn write(&self, out: &mut Vec<u8>) {
        crate::negotiation::write_in_stream(&self.to_element(), out);
    }

    /// Reads an `<error/>` of the streams namespace; an unknown condition counts as `undefined-condition`.
    pub fn from_element(error: &Element) -> Self {
        let condition = error
            .children()
            .find(|child| child.ns() == ns::STREAM_ERRORS && child.name() != "text");
        let known = condition.and_then(|condition| StreamCondition::from_name(condition.name()));
        let host =
            condition.filter(|_| known == Some(StreamCondition::SeeOtherHost)).map(Element::text);
        Self {
            condition: known.unwrap_or(StreamCondition::UndefinedCondition),
            text: error.child_text("text", ns::STREAM_ERRORS),
            host: host.filter(|host| !host.is_empty()),
            app: error
                .children()
                .find(|child| child.ns() != ns::STREAM_ERRORS)
                .cloned()
                .map(Box::new),
        }
    }
}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> Self {
        Self::new(condition)
    }
}

impl From<XmlError> for StreamError {
    /// What a peer is told whose bytes cannot be accepted: the condition and the rule, nothing of its bytes.
    fn from(error: XmlError) -> Self {
        let condition = match error {
            XmlError::NotWellFormed(_) => StreamCondition::NotWellFormed,
            XmlError::Restricted(_) => StreamCondition::RestrictedXml,
            XmlError::BadNamespace(_) => StreamCondition::BadNamespacePrefix,
            XmlError::UnsupportedEncoding(_) => StreamCondition::UnsupportedEncoding,
            XmlError::Invalid(_) => StreamCondition::InvalidXml,
            XmlError::TooBig(_)
            | XmlError::TooDeep(_)
            | XmlError::TooManyAttributes(_)
            | XmlError::NameTooLong(_)
            | XmlError::TooManyNamespaces(_) => StreamCondition::PolicyViolation,
        };
        Self::new(condition).with_text(error.fault().rule)
    }
}

impl From<&crate::EnvelopeError> for Option<StreamError> {
    /// The stream error for an element that is no stanza; `None` where a stanza error will do.
    fn from(error: &crate::EnvelopeError) -> Self {
        let condition = match error {
            crate::EnvelopeError::UnsupportedStanza => StreamCondition::UnsupportedStanzaType,
            crate::EnvelopeError::InvalidNamespace => StreamCondition::InvalidNamespace,
            crate::EnvelopeError::Rejected(_) => return None,
        };
        Some(StreamError::new(condition))
    }
}

impl std::fmt::Display for StreamError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.condition.name())?;
        match &self.text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StreamError {}
