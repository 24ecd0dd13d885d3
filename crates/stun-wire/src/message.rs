//! The message: header and attributes, read in place (RFC 8489 §5, §14).

use crate::attribute::{Attribute, attr};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 20;
/// The fixed value after the length (RFC 8489 §5); messages without it are from RFC 3489 peers.
pub const MAGIC_COOKIE: u32 = 0x2112_A442;
/// Attributes that a message may have; more is refused, since each one costs time.
pub const ATTRIBUTES_MAX: usize = 64;

/// What a message is (RFC 8489 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Asks for an answer.
    Request,
    /// Tells, without answer.
    Indication,
    /// The answer to a request that was done.
    Success,
    /// The answer to a request that was not.
    Error,
}

/// What is asked for (RFC 8489 §18.2, RFC 8656 §17, RFC 6062 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of the registry say it")]
pub enum Method {
    Binding,
    Allocate,
    Refresh,
    Send,
    Data,
    CreatePermission,
    ChannelBind,
    Connect,
    ConnectionBind,
    ConnectionAttempt,
    /// One that is not known here, 12 bits.
    Other(u16),
}

const METHODS: [(Method, u16); 10] = [
    (Method::Binding, 1),
    (Method::Allocate, 3),
    (Method::Refresh, 4),
    (Method::Send, 6),
    (Method::Data, 7),
    (Method::CreatePermission, 8),
    (Method::ChannelBind, 9),
    (Method::Connect, 10),
    (Method::ConnectionBind, 11),
    (Method::ConnectionAttempt, 12),
];

impl Method {
    /// The method of a 12-bit number.
    pub fn from_number(number: u16) -> Self {
        let known = METHODS.into_iter().find(|(_, known)| *known == number);
        known.map_or(Self::Other(number & 0xFFF), |(method, _)| method)
    }

    /// Its 12-bit number.
    pub fn number(self) -> u16 {
        if let Self::Other(number) = self {
            return number & 0xFFF;
        }
        METHODS.into_iter().find(|(method, _)| *method == self).map_or(0, |(_, number)| number)
    }
}

/// Puts class and method into the 14 bits of the type (RFC 8489 §5, figure 3).
pub(crate) fn message_type(class: Class, method: Method) -> u16 {
    let class = match class {
        Class::Request => 0,
        Class::Indication => 0x010,
        Class::Success => 0x100,
        Class::Error => 0x110,
    };
    let method = method.number();
    (method & 0x00F) | (method & 0x070) << 1 | (method & 0xF80) << 2 | class
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Shorter than a header, or than the header says.
    #[error("the message is cut off")]
    Short,
    /// The first two bits are not zero: another protocol.
    #[error("the first bits are not those of STUN")]
    NotStun,
    /// The length is no multiple of four, or not that of the datagram.
    #[error("the length in the header is wrong")]
    Length,
    /// An attribute reaches beyond the end, or there are too many.
    #[error("the attributes are malformed")]
    Attributes,
}

/// Where an integrity attribute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integrity {
    /// Offset of the attribute's header in the message.
    pub(crate) at: usize,
    /// Bytes of its value.
    pub(crate) len: usize,
}

/// A well-formed message, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub(crate) bytes: &'a [u8],
    /// The end of the attributes that count: what follows the integrity is ignored (RFC 8489 §14.5).
    counted: usize,
    pub(crate) sha1: Option<Integrity>,
    pub(crate) sha256: Option<Integrity>,
    pub(crate) fingerprint_at: Option<usize>,
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_be_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

impl<'a> Message<'a> {
    /// Reads a whole datagram, or a frame of a stream cut out by [`next_frame`](crate::next_frame).
    ///
    /// # Errors
    /// [`ParseError`]; such bytes are to be dropped without answer.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        if bytes.len() < HEADER_BYTES {
            return Err(ParseError::Short);
        }
        if bytes.first().is_some_and(|first| first & 0xC0 != 0) {
            return Err(ParseError::NotStun);
        }
        let length = usize::from(u16_at(bytes, 2).ok_or(ParseError::Short)?);
        if length % 4 != 0 || bytes.len() != HEADER_BYTES + length {
            return Err(ParseError::Length);
        }
        let mut message =
            Self { bytes, counted: bytes.len(), sha1: None, sha256: None, fingerprint_at: None };
        message.walk()?;
        Ok(message)
    }

    /// Checks that the attributes are well-formed, and finds those that cover others.
    fn walk(&mut self) -> Result<(), ParseError> {
        let mut at = HEADER_BYTES;
        let mut count = 0;
        while at < self.bytes.len() {
            count += 1;
            let kind = u16_at(self.bytes, at).ok_or(ParseError::Attributes)?;
            let len = usize::from(u16_at(self.bytes, at + 2).ok_or(ParseError::Attributes)?);
            let next = at + 4 + crate::padded_len(len);
            if next > self.bytes.len() || count > ATTRIBUTES_MAX {
                return Err(ParseError::Attributes);
            }
            let integrity = Integrity { at, len };
            match kind {
                attr::MESSAGE_INTEGRITY if self.sha1.is_none() && self.sha256.is_none() => {
                    self.sha1 = Some(integrity);
                    self.counted = self.counted.min(at);
                }
                attr::MESSAGE_INTEGRITY_SHA256 if self.sha256.is_none() => {
                    self.sha256 = Some(integrity);
                    self.counted = self.counted.min(at);
                }
                attr::FINGERPRINT if next == self.bytes.len() => {
                    if len != 4 {
                        return Err(ParseError::Attributes);
                    }
                    self.fingerprint_at = Some(at);
                    self.counted = self.counted.min(at);
                }
                _ => {}
            }
            at = next;
        }
        Ok(())
    }

    /// The whole message.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn kind(&self) -> u16 {
        u16_at(self.bytes, 0).unwrap_or_default()
    }

    /// Its class.
    pub fn class(&self) -> Class {
        match self.kind() & 0x110 {
            0 => Class::Request,
            0x010 => Class::Indication,
            0x100 => Class::Success,
            _ => Class::Error,
        }
    }

    /// Its method.
    pub fn method(&self) -> Method {
        let kind = self.kind();
        Method::from_number(kind & 0x00F | (kind & 0x0E0) >> 1 | (kind & 0x3E00) >> 2)
    }

    /// Whether it has no magic cookie: then only `MAPPED-ADDRESS` is understood (RFC 8489 §11).
    pub fn is_classic(&self) -> bool {
        u32_at(self.bytes, 4) != Some(MAGIC_COOKIE)
    }

    /// The 16 bytes that an answer repeats: the cookie, or what stood in its place, and the transaction id.
    pub fn transaction(&self) -> [u8; 16] {
        let found = self.bytes.get(4..HEADER_BYTES).and_then(|bytes| bytes.try_into().ok());
        found.expect("a message has a header")
    }

    /// The attributes before the integrity, in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> {
        let mut rest = self.bytes.get(HEADER_BYTES..self.counted).unwrap_or_default();
        let transaction = self.transaction();
        std::iter::from_fn(move || {
            let kind = u16_at(rest, 0)?;
            let len = usize::from(u16_at(rest, 2)?);
            let value = rest.get(4..4 + len)?;
            rest = rest.get(4 + crate::padded_len(len)..).unwrap_or_default();
            Some(Attribute { kind, value, transaction })
        })
    }

    /// The first attribute of a type; later ones are ignored (RFC 8489 §14).
    pub fn attribute(&self, kind: u16) -> Option<Attribute<'a>> {
        self.attributes().find(|attribute| attribute.kind == kind)
    }

    /// Types that must be understood and are not in `known` (RFC 8489 §14), at most `max`.
    pub fn unknown(&self, known: &[u16], max: usize) -> impl Iterator<Item = u16> {
        let kinds = self.attributes().map(|attribute| attribute.kind);
        kinds.filter(move |kind| *kind < 0x8000 && !known.contains(kind)).take(max)
    }

    /// Whether an integrity attribute is there.
    pub fn has_integrity(&self) -> bool {
        self.sha1.is_some() || self.sha256.is_some()
    }

    /// Whether the stronger integrity is there, which then is the one that counts (RFC 8489 §9.2.4).
    pub fn has_sha256(&self) -> bool {
        self.sha256.is_some()
    }
}
