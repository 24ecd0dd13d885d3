//! Writing messages: one buffer, attributes in order, integrity and fingerprint last.

use std::net::{IpAddr, SocketAddr};

use crate::attribute::{Algorithm, attr, mix};
use crate::integrity::{Key, fingerprint, sha1_over, sha256_over};
use crate::message::{
    ATTRIBUTES_MAX, Class, HEADER_BYTES, MAGIC_COOKIE, Message, Method, message_type,
};

/// The longest message that can be written: its length field has 16 bits.
pub const MESSAGE_BYTES_MAX: usize = HEADER_BYTES + 65_532;

/// Error codes (RFC 8489 §14.8, RFC 8656 §19, RFC 6062 §6.3).
#[expect(missing_docs, reason = "the names of the registry say it")]
pub mod code {
    pub const TRY_ALTERNATE: u16 = 300;
    pub const BAD_REQUEST: u16 = 400;
    pub const UNAUTHENTICATED: u16 = 401;
    pub const FORBIDDEN: u16 = 403;
    pub const UNKNOWN_ATTRIBUTE: u16 = 420;
    pub const ALLOCATION_MISMATCH: u16 = 437;
    pub const STALE_NONCE: u16 = 438;
    pub const ADDRESS_FAMILY_NOT_SUPPORTED: u16 = 440;
    pub const WRONG_CREDENTIALS: u16 = 441;
    pub const UNSUPPORTED_TRANSPORT: u16 = 442;
    pub const PEER_ADDRESS_FAMILY_MISMATCH: u16 = 443;
    pub const CONNECTION_ALREADY_EXISTS: u16 = 446;
    pub const CONNECTION_TIMEOUT_OR_FAILURE: u16 = 447;
    pub const ALLOCATION_QUOTA_REACHED: u16 = 486;
    pub const SERVER_ERROR: u16 = 500;
    pub const INSUFFICIENT_CAPACITY: u16 = 508;
}

/// Writes one message.
#[derive(Clone, Debug)]
pub struct MessageWriter {
    bytes: Vec<u8>,
    transaction: [u8; 16],
}

impl MessageWriter {
    /// Begins a message with the 16 bytes of cookie and transaction id.
    pub fn new(class: Class, method: Method, transaction: [u8; 16]) -> Self {
        let mut bytes = Vec::with_capacity(160);
        bytes.extend_from_slice(&message_type(class, method).to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&transaction);
        Self { bytes, transaction }
    }

    /// Begins a request or an indication of our own.
    pub fn with_id(class: Class, method: Method, id: [u8; 12]) -> Self {
        let mut transaction = [0; 16];
        let (cookie, rest) = transaction.split_at_mut(4);
        cookie.copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        rest.copy_from_slice(&id);
        Self::new(class, method, transaction)
    }

    /// Begins the answer to a request.
    pub fn answer(request: &Message<'_>, class: Class) -> Self {
        Self::new(class, request.method(), request.transaction())
    }

    /// Begins an error answer; the reason phrase is left out, since it would only make the answer longer.
    pub fn error(request: &Message<'_>, code: u16) -> Self {
        Self::answer(request, Class::Error).code(attr::ERROR_CODE, 0, code)
    }

    /// Adds an attribute. What would not fit into a message is left out.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let room = MESSAGE_BYTES_MAX.saturating_sub(self.bytes.len() + 4);
        let Some(length) =
            u16::try_from(value.len()).ok().filter(|_| crate::padded_len(value.len()) <= room)
        else {
            return self;
        };
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.set_length(self.bytes.len());
        self
    }

    /// Adds a four-byte number.
    #[must_use]
    pub fn number(self, kind: u16, value: u32) -> Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// Adds an error code: of the message, or of a family (RFC 8656 §18.13; `family` 0 otherwise).
    #[must_use]
    pub fn code(self, kind: u16, family: u8, code: u16) -> Self {
        let (class, number) = ((code / 100) as u8, (code % 100) as u8);
        self.attribute(kind, &[family, 0, class, number])
    }

    /// Adds an address mixed with the transaction.
    #[must_use]
    pub fn xor_address(self, kind: u16, address: SocketAddr) -> Self {
        let mixed = mix(address, &self.transaction);
        self.address(kind, mixed)
    }

    /// Adds an address in clear.
    #[must_use]
    pub fn address(self, kind: u16, address: SocketAddr) -> Self {
        let mut value = [0; 20];
        let len = match address.ip() {
            IpAddr::V4(ip) => {
                value[4..8].copy_from_slice(&ip.octets());
                8
            }
            IpAddr::V6(ip) => {
                value[4..20].copy_from_slice(&ip.octets());
                20
            }
        };
        value[1] = if len == 8 { 1 } else { 2 };
        value[2..4].copy_from_slice(&address.port().to_be_bytes());
        self.attribute(kind, &value[..len])
    }

    /// Adds the list of types that are not understood (RFC 8489 §14.13).
    #[must_use]
    pub fn unknown_attributes(self, kinds: impl Iterator<Item = u16>) -> Self {
        let mut value = [0; 2 * ATTRIBUTES_MAX];
        let mut len = 0;
        for (room, kind) in value.chunks_exact_mut(2).zip(kinds) {
            room.copy_from_slice(&kind.to_be_bytes());
            len += 2;
        }
        self.attribute(attr::UNKNOWN_ATTRIBUTES, value.get(..len).unwrap_or_default())
    }

    /// Adds `PASSWORD-ALGORITHMS` in the order of preference (RFC 8489 §14.11).
    #[must_use]
    pub fn password_algorithms(self, algorithms: &[Algorithm]) -> Self {
        let mut value = [0; 4 * ATTRIBUTES_MAX];
        for (room, algorithm) in value.chunks_exact_mut(4).zip(algorithms) {
            room[..2].copy_from_slice(&algorithm.number().to_be_bytes());
        }
        let len = algorithms.len().min(ATTRIBUTES_MAX) * 4;
        self.attribute(attr::PASSWORD_ALGORITHMS, value.get(..len).unwrap_or_default())
    }

    /// Adds the integrity with SHA-1 (RFC 8489 §14.5).
    #[must_use]
    pub fn integrity_sha1(self, key: &Key) -> Self {
        let at = self.bytes.len();
        match sha1_over(key, &self.bytes, at, at + 24) {
            Some(mac) => self.attribute(attr::MESSAGE_INTEGRITY, &mac),
            None => self,
        }
    }

    /// Adds the integrity with SHA-256 (RFC 8489 §14.6).
    #[must_use]
    pub fn integrity_sha256(self, key: &Key) -> Self {
        let at = self.bytes.len();
        match sha256_over(key, &self.bytes, at, at + 36) {
            Some(mac) => self.attribute(attr::MESSAGE_INTEGRITY_SHA256, &mac),
            None => self,
        }
    }

    /// Adds the fingerprint (RFC 8489 §14.7); nothing may follow.
    #[must_use]
    pub fn fingerprint(mut self) -> Self {
        self.set_length(self.bytes.len() + 8);
        let value = fingerprint(&self.bytes);
        self.number(attr::FINGERPRINT, value)
    }

    fn set_length(&mut self, end: usize) {
        let length = u16::try_from(end - HEADER_BYTES).unwrap_or(u16::MAX);
        if let Some(field) = self.bytes.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// The message.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
