//! The handshake of two nodes, versions 5 and 6 (DIST, "Distribution Handshake").
//!
//! Each message travels behind a length of 16 bits. Both sides prove that they know the cookie by a digest of it with the
//! other's challenge; the digest is MD5, which is the protocol's choice.

use md5::{Digest, Md5};

use crate::bytes::Bytes;

/// The longest handshake message that is read, in bytes without its length.
pub const MESSAGE_BYTES_MAX: usize = 2048;
/// The longest node name, in bytes: 255 characters of 4 bytes.
pub const NAME_BYTES_MAX: usize = 1020;

/// Why a message of the handshake cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// It ends too early.
    #[error("a handshake message is cut off")]
    CutOff,
    /// It begins with another letter than the protocol wants now.
    #[error("a handshake message of kind {0} came where another was due")]
    Kind(u8),
    /// A node of a protocol before version 5.
    #[error("the peer speaks version {0} of the protocol, not 5 or 6")]
    Version(u16),
    /// A node name that is none.
    #[error("the peer's node name is no text of at most 255 characters")]
    Name,
    /// A status that the protocol does not have.
    #[error("the peer sent an unknown status")]
    Status,
}

fn cut<T>(value: Option<T>) -> Result<T, HandshakeError> {
    value.ok_or(HandshakeError::CutOff)
}

fn name_of(bytes: &[u8]) -> Result<Box<str>, HandshakeError> {
    let name = std::str::from_utf8(bytes).map_err(|_| HandshakeError::Name)?;
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().count() <= 255;
    if fits { Ok(name.into()) } else { Err(HandshakeError::Name) }
}

fn counted_name(bytes: &mut Bytes<'_>) -> Result<Box<str>, HandshakeError> {
    let length = usize::from(cut(bytes.u16())?);
    name_of(cut(bytes.take(length))?)
}

fn put_name(name: &str, out: &mut Vec<u8>) {
    out.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(name.as_bytes());
}

/// `n` or `N`: who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendName {
    /// What it can do; the old form has the lower 32 bits only.
    pub flags: u64,
    /// Its incarnation; `None` in the old form, which completes it later.
    pub creation: Option<u32>,
    /// Its name, or its host alone when it asks for a name ([`crate::flags::NAME_ME`]).
    pub name: Box<str>,
}

impl SendName {
    /// Reads the message without its length. What follows the name in the new form is ignored.
    ///
    /// # Errors
    /// When it is no such message.
    pub fn parse(message: &[u8]) -> Result<Self, HandshakeError> {
        let mut bytes = Bytes(message);
        match cut(bytes.u8())? {
            b'N' => {
                let flags = cut(bytes.u64())?;
                let creation = Some(cut(bytes.u32())?);
                Ok(Self { flags, creation, name: counted_name(&mut bytes)? })
            }
            b'n' => {
                match cut(bytes.u16())? {
                    5 | 6 => {}
                    other => return Err(HandshakeError::Version(other)),
                }
                let flags = u64::from(cut(bytes.u32())?);
                Ok(Self { flags, creation: None, name: name_of(bytes.0)? })
            }
            other => Err(HandshakeError::Kind(other)),
        }
    }

    /// The message without its length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.creation {
            Some(creation) => {
                out.push(b'N');
                out.extend(self.flags.to_be_bytes());
                out.extend(creation.to_be_bytes());
                put_name(&self.name, &mut out);
            }
            None => {
                out.extend([b'n', 0, 5]);
                let [_, _, _, _, low @ ..] = self.flags.to_be_bytes();
                out.extend(low);
                out.extend(self.name.as_bytes());
            }
        }
        out
    }
}

/// `s`: what becomes of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Go on.
    Ok,
    /// Go on; the other connection attempt is given up.
    OkSimultaneous,
    /// The other connection attempt is kept.
    Nok,
    /// Refused.
    NotAllowed,
    /// There is a connection already; is this one meant to replace it?
    Alive,
    /// The answer to [`Status::Alive`].
    Continue(bool),
    /// Go on, under this name and incarnation.
    Named(Box<str>, u32),
}

impl Status {
    /// Reads the message without its length.
    ///
    /// # Errors
    /// When it is no such message.
    pub fn parse(message: &[u8]) -> Result<Self, HandshakeError> {
        let mut bytes = Bytes(message);
        match cut(bytes.u8())? {
            b's' => {}
            other => return Err(HandshakeError::Kind(other)),
        }
        if let Some(rest) = bytes.0.strip_prefix(b"named:") {
            let mut bytes = Bytes(rest);
            let name = counted_name(&mut bytes)?;
            return Ok(Self::Named(name, cut(bytes.u32())?));
        }
        match bytes.0 {
            b"ok" => Ok(Self::Ok),
            b"ok_simultaneous" => Ok(Self::OkSimultaneous),
            b"nok" => Ok(Self::Nok),
            b"not_allowed" => Ok(Self::NotAllowed),
            b"alive" => Ok(Self::Alive),
            b"true" => Ok(Self::Continue(true)),
            b"false" => Ok(Self::Continue(false)),
            _ => Err(HandshakeError::Status),
        }
    }

    /// The message without its length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![b's'];
        out.extend_from_slice(match self {
            Self::Ok => b"ok",
            Self::OkSimultaneous => b"ok_simultaneous",
            Self::Nok => b"nok",
            Self::NotAllowed => b"not_allowed",
            Self::Alive => b"alive",
            Self::Continue(true) => b"true",
            Self::Continue(false) => b"false",
            Self::Named(..) => b"named:",
        });
        if let Self::Named(name, creation) = self {
            put_name(name, &mut out);
            out.extend(creation.to_be_bytes());
        }
        out
    }
}

/// `N` from the side that accepts: who it is, and its challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What it can do.
    pub flags: u64,
    /// The number that the cookie is proven with.
    pub challenge: u32,
    /// Its incarnation.
    pub creation: u32,
    /// Its name.
    pub name: Box<str>,
}

impl Challenge {
    /// Reads the message without its length. What follows the name is ignored.
    ///
    /// # Errors
    /// When it is no such message.
    pub fn parse(message: &[u8]) -> Result<Self, HandshakeError> {
        let mut bytes = Bytes(message);
        match cut(bytes.u8())? {
            b'N' => {}
            other => return Err(HandshakeError::Kind(other)),
        }
        let (flags, challenge) = (cut(bytes.u64())?, cut(bytes.u32())?);
        let creation = cut(bytes.u32())?;
        Ok(Self { flags, challenge, creation, name: counted_name(&mut bytes)? })
    }

    /// The message without its length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![b'N'];
        out.extend(self.flags.to_be_bytes());
        out.extend(self.challenge.to_be_bytes());
        out.extend(self.creation.to_be_bytes());
        put_name(&self.name, &mut out);
        out
    }
}

/// `c`: what an old [`SendName`] left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complement {
    /// The upper 32 bits of the flags.
    pub flags_high: u32,
    /// The incarnation.
    pub creation: u32,
}

impl Complement {
    /// Reads the message without its length.
    ///
    /// # Errors
    /// When it is no such message.
    pub fn parse(message: &[u8]) -> Result<Self, HandshakeError> {
        let mut bytes = Bytes(message);
        match cut(bytes.u8())? {
            b'c' => Ok(Self { flags_high: cut(bytes.u32())?, creation: cut(bytes.u32())? }),
            other => Err(HandshakeError::Kind(other)),
        }
    }

    /// The message without its length.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = vec![b'c'];
        out.extend(self.flags_high.to_be_bytes());
        out.extend(self.creation.to_be_bytes());
        out
    }
}

/// `r`: the proof of the side that connects, and its own challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeReply {
    /// The number that the other side has to prove the cookie with.
    pub challenge: u32,
    /// The proof.
    pub digest: [u8; 16],
}

impl ChallengeReply {
    /// Reads the message without its length.
    ///
    /// # Errors
    /// When it is no such message.
    pub fn parse(message: &[u8]) -> Result<Self, HandshakeError> {
        let mut bytes = Bytes(message);
        match cut(bytes.u8())? {
            b'r' => Ok(Self { challenge: cut(bytes.u32())?, digest: cut(bytes.array())? }),
            other => Err(HandshakeError::Kind(other)),
        }
    }

    /// The message without its length.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = vec![b'r'];
        out.extend(self.challenge.to_be_bytes());
        out.extend(self.digest);
        out
    }
}

/// `a`: the proof of the side that accepts, without its length.
pub fn challenge_ack(digest: [u8; 16]) -> Vec<u8> {
    let mut out = vec![b'a'];
    out.extend(digest);
    out
}

/// The proof that a side knows the cookie: MD5 of the cookie and the challenge in decimal digits.
pub fn digest(cookie: &str, challenge: u32) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update(cookie.as_bytes());
    hash.update(challenge.to_string().as_bytes());
    hash.finalize().into()
}
