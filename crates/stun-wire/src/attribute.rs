//! Attributes and their values (RFC 8489 §14, RFC 8656 §18, RFC 6062 §6.2, RFC 5780 §7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::message::{MAGIC_COOKIE, u16_at, u32_at};

/// Attribute types.
#[expect(missing_docs, reason = "the names of the registry say it")]
pub mod attr {
    pub const MAPPED_ADDRESS: u16 = 0x0001;
    pub const CHANGE_REQUEST: u16 = 0x0003;
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub const CHANNEL_NUMBER: u16 = 0x000C;
    pub const LIFETIME: u16 = 0x000D;
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub const DATA: u16 = 0x0013;
    pub const REALM: u16 = 0x0014;
    pub const NONCE: u16 = 0x0015;
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub const EVEN_PORT: u16 = 0x0018;
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub const DONT_FRAGMENT: u16 = 0x001A;
    pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
    pub const PASSWORD_ALGORITHM: u16 = 0x001D;
    pub const USERHASH: u16 = 0x001E;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const RESERVATION_TOKEN: u16 = 0x0022;
    pub const PRIORITY: u16 = 0x0024;
    pub const USE_CANDIDATE: u16 = 0x0025;
    pub const PADDING: u16 = 0x0026;
    pub const RESPONSE_PORT: u16 = 0x0027;
    pub const CONNECTION_ID: u16 = 0x002A;
    pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
    pub const ADDRESS_ERROR_CODE: u16 = 0x8001;
    pub const PASSWORD_ALGORITHMS: u16 = 0x8002;
    pub const ALTERNATE_DOMAIN: u16 = 0x8003;
    pub const ICMP: u16 = 0x8004;
    pub const SOFTWARE: u16 = 0x8022;
    pub const ALTERNATE_SERVER: u16 = 0x8023;
    pub const FINGERPRINT: u16 = 0x8028;
    pub const RESPONSE_ORIGIN: u16 = 0x802B;
    pub const OTHER_ADDRESS: u16 = 0x802C;
}

/// A value has the wrong length or content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute {0:#06x} is malformed")]
pub struct AttributeError(pub u16);

/// How a password becomes a key (RFC 8489 §18.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `MD5(user ":" realm ":" password)`.
    Md5,
    /// `SHA-256(user ":" realm ":" password)`.
    Sha256,
}

impl Algorithm {
    /// Its number in the registry.
    pub fn number(self) -> u16 {
        match self {
            Self::Md5 => 1,
            Self::Sha256 => 2,
        }
    }
}

/// The value of `PASSWORD-ALGORITHM` (RFC 8489 §14.12): one known here, without parameters, or not.
pub type PasswordAlgorithm = Option<Algorithm>;

/// One attribute of a message.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// Its type; see [`attr`].
    pub kind: u16,
    /// Its value without padding.
    pub value: &'a [u8],
    /// The bytes that addresses are mixed with.
    pub(crate) transaction: [u8; 16],
}

impl<'a> Attribute<'a> {
    fn wrong(&self) -> AttributeError {
        AttributeError(self.kind)
    }

    /// A four-byte number.
    ///
    /// # Errors
    /// Another length.
    pub fn number(&self) -> Result<u32, AttributeError> {
        let number = (self.value.len() == 4).then(|| u32_at(self.value, 0)).flatten();
        number.ok_or(self.wrong())
    }

    /// Its first byte, of values that have four with three reserved, or one.
    ///
    /// # Errors
    /// Another length.
    pub fn byte(&self) -> Result<u8, AttributeError> {
        match self.value {
            [byte] | [byte, _, _, _] => Ok(*byte),
            _ => Err(self.wrong()),
        }
    }

    /// A channel number; the two bytes after it are reserved (RFC 8656 §18.1).
    ///
    /// # Errors
    /// Another length.
    pub fn channel(&self) -> Result<u16, AttributeError> {
        self.number().map(|number| (number >> 16) as u16)
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// Another length.
    pub fn token(&self) -> Result<[u8; 8], AttributeError> {
        self.value.try_into().map_err(|_| self.wrong())
    }

    /// A text in UTF-8 of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// Another content.
    pub fn text(&self, bytes_max: usize) -> Result<&'a str, AttributeError> {
        let text = std::str::from_utf8(self.value).map_err(|_| self.wrong())?;
        if text.len() > bytes_max { Err(self.wrong()) } else { Ok(text) }
    }

    /// An address that is mixed with the transaction (RFC 8489 §14.2).
    ///
    /// # Errors
    /// Another family or length.
    pub fn xor_address(&self) -> Result<SocketAddr, AttributeError> {
        let plain = self.address()?;
        Ok(mix(plain, &self.transaction))
    }

    /// An address in clear (RFC 8489 §14.1).
    ///
    /// # Errors
    /// Another family or length.
    pub fn address(&self) -> Result<SocketAddr, AttributeError> {
        let family = u16_at(self.value, 0).ok_or(self.wrong())? & 0xFF;
        let port = u16_at(self.value, 2).ok_or(self.wrong())?;
        let ip = self.value.get(4..).unwrap_or_default();
        let ip: IpAddr = match family {
            1 => <[u8; 4]>::try_from(ip).map_err(|_| self.wrong())?.into(),
            2 => <[u8; 16]>::try_from(ip).map_err(|_| self.wrong())?.into(),
            _ => return Err(self.wrong()),
        };
        Ok(SocketAddr::new(ip, port))
    }

    /// The code of `ERROR-CODE` and `ADDRESS-ERROR-CODE` (RFC 8489 §14.8), 300 to 699.
    ///
    /// # Errors
    /// Another length or number.
    pub fn error_code(&self) -> Result<u16, AttributeError> {
        match self.value {
            [_, _, class, number, ..] if (3..=6).contains(&(class & 7)) && *number < 100 => {
                Ok(u16::from(class & 7) * 100 + u16::from(*number))
            }
            _ => Err(self.wrong()),
        }
    }

    /// The algorithm of `PASSWORD-ALGORITHM` (RFC 8489 §14.12).
    ///
    /// # Errors
    /// Another length than its parameters say.
    pub fn password_algorithm(&self) -> Result<PasswordAlgorithm, AttributeError> {
        let number = u16_at(self.value, 0).ok_or(self.wrong())?;
        let parameters = usize::from(u16_at(self.value, 2).ok_or(self.wrong())?);
        if self.value.len() != 4 + parameters
            && self.value.len() != 4 + crate::padded_len(parameters)
        {
            return Err(self.wrong());
        }
        Ok(match (number, parameters) {
            (1, 0) => Some(Algorithm::Md5),
            (2, 0) => Some(Algorithm::Sha256),
            _ => None,
        })
    }
}

/// Mixes an address with a transaction; doing it twice gives the address back.
pub(crate) fn mix(address: SocketAddr, transaction: &[u8; 16]) -> SocketAddr {
    let port = address.port() ^ (MAGIC_COOKIE >> 16) as u16;
    let ip = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() ^ MAGIC_COOKIE)),
        IpAddr::V6(ip) => {
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() ^ u128::from_be_bytes(*transaction)))
        }
    };
    SocketAddr::new(ip, port)
}
