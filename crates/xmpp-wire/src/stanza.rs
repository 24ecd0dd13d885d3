//! Stanzas (RFC 6120 §8): a typed envelope around content that stays as it was received.

use crate::error::{StanzaCondition, StanzaError, StreamCondition, StreamError};
use crate::{ChildRef, ns};
use jid::Jid;
use xmlstream::{Content, Element, RawElement, XmlError, escape_attr};

mod kind;
mod reply;
#[cfg(test)]
mod tests;

pub use kind::{IqType, MessageType, PresenceType, StanzaKind};

/// A message, presence or IQ. Addresses, id and type are decoded; what lies within is kept as bytes and decoded only
/// by the owner of its namespace. Copies share the content.
///
/// The namespace of a stanza is that of the stream it travels on. Children that inherit it count as `jabber:client`.
#[derive(Clone)]
pub struct Stanza {
    kind: StanzaKind,
    to: Option<Jid>,
    from: Option<Jid>,
    id: Option<Box<str>>,
    lang: Option<Box<str>>,
    /// Attributes we do not know, as they will be written, each after a space.
    extra: Option<Box<str>>,
    content: Content,
}

/// Why an element is no stanza that can be handled; the fault is the sender's.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Neither message, presence nor IQ: stream error `unsupported-stanza-type` (RFC 6120 §4.9.3.24).
    #[error("the element is no stanza")]
    UnsupportedStanza,
    /// A stanza's name in a foreign namespace: stream error `invalid-namespace` (RFC 6120 §4.9.3.10).
    #[error("the stanza is in a namespace that no stream has")]
    InvalidNamespace,
    /// The envelope cannot be understood; the sender may get [`Rejected::reply`].
    #[error("{}", .0.error)]
    Rejected(Box<Rejected>),
}

impl From<EnvelopeError> for StreamError {
    /// The error to end a stream with; a stanza that may be answered is better answered by [`Rejected::reply`].
    fn from(error: EnvelopeError) -> Self {
        Self::new(match error {
            EnvelopeError::UnsupportedStanza => StreamCondition::UnsupportedStanzaType,
            EnvelopeError::InvalidNamespace => StreamCondition::InvalidNamespace,
            EnvelopeError::Rejected(_) => StreamCondition::BadFormat,
        })
    }
}

/// A stanza whose envelope cannot be understood, as far as it can.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The stanza without what is wrong in it. It must not be routed.
    pub stanza: Stanza,
    /// What is wrong.
    pub error: StanzaError,
}

impl Rejected {
    /// The answer for the sender, if the stanza may be answered at all.
    pub fn reply(&self) -> Option<Stanza> {
        self.stanza.error_reply(&self.error)
    }
}

/// Why stored bytes are no stanza.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ParseError {
    /// They are not acceptable XML.
    #[error("stored stanza: {0}")]
    Xml(#[from] XmlError),
    /// They are no stanza.
    #[error("stored stanza: {0}")]
    Envelope(#[from] EnvelopeError),
}

impl Stanza {
    fn built(kind: StanzaKind) -> Self {
        Self {
            kind,
            to: None,
            from: None,
            id: None,
            lang: None,
            extra: None,
            content: Content::default(),
        }
    }

    /// An empty message.
    pub fn message(kind: MessageType) -> Self {
        Self::built(StanzaKind::Message(kind))
    }

    /// An empty presence.
    pub fn presence(kind: PresenceType) -> Self {
        Self::built(StanzaKind::Presence(kind))
    }

    /// An IQ of some id (RFC 6120 §8.2.3).
    pub fn iq(kind: IqType, id: &str) -> Self {
        Self { id: Some(id.into()), ..Self::built(StanzaKind::Iq(kind)) }
    }

    /// Decodes the envelope of an element that came over a stream.
    ///
    /// # Errors
    /// When the element is no stanza, or its type or addresses cannot be understood.
    pub fn from_raw(raw: RawElement) -> Result<Self, EnvelopeError> {
        let stanza_name = matches!(raw.name(), "message" | "presence" | "iq");
        if !matches!(raw.ns(), ns::CLIENT | ns::SERVER | ns::COMPONENT_ACCEPT) {
            return Err(if stanza_name {
                EnvelopeError::InvalidNamespace
            } else {
                EnvelopeError::UnsupportedStanza
            });
        }
        if !stanza_name {
            return Err(EnvelopeError::UnsupportedStanza);
        }
        let mut problem = None;
        let mut stanza = Self::built(StanzaKind::Message(MessageType::Normal));
        let mut type_name = None;
        let mut extra = Extra::default();
        for attr in raw.attrs() {
            match (attr.ns, attr.name) {
                ("", "to") => stanza.to = address(attr.value, "to", &mut problem),
                ("", "from") => stanza.from = address(attr.value, "from", &mut problem),
                ("", "id") => stanza.id = Some(attr.value.into()),
                ("", "type") => type_name = Some(attr.value),
                (ns::XML, "lang") => stanza.lang = Some(attr.value.into()),
                _ => extra.add(&attr),
            }
        }
        match StanzaKind::from_names(raw.name(), type_name) {
            Ok(kind) => stanza.kind = kind,
            Err(best) => {
                stanza.kind = best;
                problem = Some(bad_request("the stanza's type is unknown or missing"));
            }
        }
        if matches!(stanza.kind, StanzaKind::Iq(_)) && stanza.id.is_none() {
            problem = Some(bad_request("an IQ needs an id"));
        }
        stanza.extra = extra.finish();
        stanza.content = raw.into_content();
        match problem {
            None => Ok(stanza),
            Some(error) => Err(EnvelopeError::Rejected(Box::new(Rejected { stanza, error }))),
        }
    }

    /// A stanza from a tree, such as one that was forwarded inside another.
    ///
    /// # Errors
    /// See [`Stanza::from_raw`].
    pub fn from_element(element: &Element) -> Result<Self, ParseError> {
        Self::parse(&element.to_bytes(""))
    }

    /// Reads the stored form: one element; its namespace, if it declares none, is `jabber:client`.
    ///
    /// # Errors
    /// When the bytes are not acceptable XML or no stanza.
    pub fn parse(stored: &[u8]) -> Result<Self, ParseError> {
        Ok(Self::from_raw(RawElement::parse(stored, ns::CLIENT)?)?)
    }

    /// The stored form: the element with its namespace declared.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size() + 32);
        self.write_standalone(&mut out);
        out
    }

    /// The stanza as a tree.
    pub fn to_element(&self) -> Element {
        // What this type writes is acceptable, whatever was put in: `xmlstream` escapes on the way out.
        Element::parse(&self.to_bytes(), ns::CLIENT)
            .unwrap_or_else(|_| Element::new(self.kind.name(), ns::CLIENT))
    }

    /// What it is, with its type.
    pub fn kind(&self) -> StanzaKind {
        self.kind
    }

    /// The value of the attribute `type` as written; `None` where it is left out.
    pub fn type_name(&self) -> Option<&'static str> {
        self.kind.type_name()
    }

    /// Whether its type is `error`.
    pub fn is_error(&self) -> bool {
        self.kind.is_error()
    }

    /// The addressee.
    pub fn to(&self) -> Option<&Jid> {
        self.to.as_ref()
    }

    /// The sender.
    pub fn from(&self) -> Option<&Jid> {
        self.from.as_ref()
    }

    /// The id.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The language of its text (RFC 6120 §8.1.5).
    pub fn lang(&self) -> Option<&str> {
        self.lang.as_deref()
    }

    /// Readdresses it.
    pub fn set_to(&mut self, to: Option<Jid>) {
        self.to = to;
    }

    /// Stamps the sender.
    pub fn set_from(&mut self, from: Option<Jid>) {
        self.from = from;
    }

    /// Sets the id.
    pub fn set_id(&mut self, id: Option<&str>) {
        self.id = id.map(Into::into);
    }

    /// Sets the language.
    pub fn set_lang(&mut self, lang: Option<&str>) {
        self.lang = lang.map(Into::into);
    }

    /// Sets the language if the stanza has none: that of its stream (RFC 6120 §4.7.4).
    pub fn inherit_lang(&mut self, lang: &str) {
        if self.lang.is_none() && !lang.is_empty() {
            self.lang = Some(lang.into());
        }
    }

    /// Changes what it is.
    pub fn set_kind(&mut self, kind: StanzaKind) {
        self.kind = kind;
    }

    /// With an addressee.
    #[must_use]
    pub fn with_to(mut self, to: impl Into<Jid>) -> Self {
        self.to = Some(to.into());
        self
    }

    /// With a sender.
    #[must_use]
    pub fn with_from(mut self, from: impl Into<Jid>) -> Self {
        self.from = Some(from.into());
        self
    }

    /// With an id.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = Some(id.into());
        self
    }

    /// With a language.
    #[must_use]
    pub fn with_lang(mut self, lang: &str) -> Self {
        self.lang = Some(lang.into());
        self
    }

    /// With one more child at the end.
    #[must_use]
    pub fn with_child(mut self, child: &Element) -> Self {
        self.push(child);
        self
    }

    /// The direct children, not decoded.
    pub fn children(&self) -> impl ExactSizeIterator<Item = ChildRef<'_>> {
        self.content.children(ns::CLIENT)
    }

    /// The first child of this name and namespace.
    pub fn child(&self, name: &str, ns: &str) -> Option<ChildRef<'_>> {
        self.children().find(|child| child.is(name, ns))
    }

    /// The first child: what an IQ asks or answers.
    pub fn payload(&self) -> Option<ChildRef<'_>> {
        self.children().next()
    }

    /// Appends a child.
    pub fn push(&mut self, child: &Element) {
        self.content.push(child, ns::CLIENT);
    }

    /// Removes every child that `condemned` picks and returns how many those were.
    pub fn remove_children(&mut self, condemned: impl FnMut(ChildRef<'_>) -> bool) -> usize {
        self.content.remove(ns::CLIENT, condemned)
    }

    /// Removes everything within.
    pub fn clear_children(&mut self) {
        self.content.clear();
    }

    /// Bytes between the tags.
    pub fn content_len(&self) -> usize {
        self.content.len()
    }

    /// Bytes when written, up to what escaping of addresses and ids adds.
    pub fn size(&self) -> usize {
        let jid = |jid: &Option<Jid>, name: usize| {
            jid.as_ref().map_or(0, |jid| jid.as_str().len() + name + 4)
        };
        let text = |text: &Option<Box<str>>, name: usize| {
            text.as_ref().map_or(0, |text| text.len() + name + 4)
        };
        let tags = if self.content.is_empty() {
            3 + self.kind.name().len()
        } else {
            5 + 2 * self.kind.name().len()
        };
        tags + jid(&self.to, 2)
            + jid(&self.from, 4)
            + text(&self.id, 2)
            + text(&self.lang, 8)
            + self.extra.as_ref().map_or(0, |extra| extra.len())
            + self.type_name().map_or(0, |name| name.len() + 8)
            + self.content.len()
    }

    /// Bytes of memory it takes, shared ones included.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.size() - self.content.len() + self.content.memory()
    }

    /// Appends it for a stream whose default namespace is that of its stanzas.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_to(out, self.to.as_ref(), "");
    }

    /// Appends it as addressed to somebody else: fan-out without copies of the stanza.
    pub fn write_with_to(&self, out: &mut Vec<u8>, to: &Jid) {
        self.write_to(out, Some(to), "");
    }

    /// Appends it with its namespace declared, for where nothing is around it: frames (RFC 7395 §3.3.3) and storage.
    pub fn write_standalone(&self, out: &mut Vec<u8>) {
        self.write_to(out, self.to.as_ref(), " xmlns='jabber:client'");
    }

    fn write_to(&self, out: &mut Vec<u8>, to: Option<&Jid>, declaration: &str) {
        let name = self.kind.name();
        out.reserve(self.size() + declaration.len() + to.map_or(0, |to| to.as_str().len()));
        out.push(b'<');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(declaration.as_bytes());
        let mut attr = |prefix: &str, value: Option<&str>| {
            if let Some(value) = value {
                out.extend_from_slice(prefix.as_bytes());
                escape_attr(value, out);
                out.push(b'\'');
            }
        };
        attr(" xml:lang='", self.lang());
        attr(" to='", to.map(|to| to.as_str()));
        attr(" from='", self.from.as_ref().map(|from| from.as_str()));
        attr(" type='", self.type_name());
        attr(" id='", self.id());
        if let Some(extra) = &self.extra {
            out.extend_from_slice(extra.as_bytes());
        }
        if self.content.is_empty() {
            out.extend_from_slice(b"/>");
            return;
        }
        out.push(b'>');
        out.extend_from_slice(self.content.bytes());
        out.extend_from_slice(b"</");
        out.extend_from_slice(name.as_bytes());
        out.push(b'>');
    }
}

impl std::fmt::Debug for Stanza {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

impl PartialEq for Stanza {
    /// Whether both would be written as the same bytes.
    fn eq(&self, other: &Self) -> bool {
        (self.kind, &self.to, &self.from, &self.id, &self.lang, &self.extra)
            == (other.kind, &other.to, &other.from, &other.id, &other.lang, &other.extra)
            && self.content.bytes() == other.content.bytes()
    }
}

fn bad_request(text: &str) -> StanzaError {
    StanzaError::new(StanzaCondition::BadRequest).with_text(text)
}

/// An address as it must be; an empty one is malformed (RFC 7622 §3.2).
fn address(text: &str, attribute: &str, problem: &mut Option<StanzaError>) -> Option<Jid> {
    let parsed = crate::address(text).ok();
    if parsed.is_none() {
        let what = format!("the address in '{attribute}' is malformed");
        problem.get_or_insert_with(|| {
            StanzaError::new(StanzaCondition::JidMalformed).with_text(&what)
        });
    }
    parsed
}

/// Attributes that are kept without being understood.
#[derive(Default)]
struct Extra {
    written: Vec<u8>,
    count: usize,
}

impl Extra {
    fn add(&mut self, attr: &xmlstream::AttrRef<'_>) {
        let prefix = match attr.ns {
            "" => String::new(),
            ns::XML => "xml:".to_owned(),
            other => {
                // The peer's prefix may mean something else where this goes, so each gets one of our own.
                let prefix = format!("n{}", self.count);
                self.count += 1;
                self.written.extend_from_slice(format!(" xmlns:{prefix}='").as_bytes());
                escape_attr(other, &mut self.written);
                self.written.push(b'\'');
                prefix + ":"
            }
        };
        self.written.push(b' ');
        self.written.extend_from_slice(prefix.as_bytes());
        self.written.extend_from_slice(attr.name.as_bytes());
        self.written.extend_from_slice(b"='");
        escape_attr(attr.value, &mut self.written);
        self.written.push(b'\'');
    }

    fn finish(self) -> Option<Box<str>> {
        let written = String::from_utf8(self.written).ok()?;
        (!written.is_empty()).then(|| written.into_boxed_str())
    }
}
