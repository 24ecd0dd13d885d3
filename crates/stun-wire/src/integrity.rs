//! Keys, integrity, fingerprints and the nonce cookie (RFC 8489 §9.2, §14.3–§14.7).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use stdx::{Secret, SecretBytes};
use subtle::ConstantTimeEq;

use crate::attribute::Algorithm;
use crate::message::{HEADER_BYTES, Message, u32_at};

/// The shortest `MESSAGE-INTEGRITY-SHA256` (RFC 8489 §14.6), in bytes.
pub const INTEGRITY_SHA256_BYTES_MIN: usize = 16;

/// A key for integrity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(SecretBytes);

impl Key {
    /// A key from its bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(SecretBytes::new(bytes))
    }

    /// The bytes, to be kept where secrets are kept.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

/// The key of a user in a realm (RFC 8489 §9.2.2). Passwords are to be prepared (OpaqueString) by the caller.
pub fn long_term_key(algorithm: Algorithm, user: &str, realm: &str, password: &Secret) -> Key {
    let parts = [user, ":", realm, ":", password.expose()];
    match algorithm {
        Algorithm::Md5 => {
            let mut hash = Md5::new();
            parts.iter().for_each(|part| hash.update(part));
            Key::new(hash.finalize().to_vec())
        }
        Algorithm::Sha256 => {
            let mut hash = Sha256::new();
            parts.iter().for_each(|part| hash.update(part));
            Key::new(hash.finalize().to_vec())
        }
    }
}

/// The key of a short-term credential (RFC 8489 §9.1.1).
pub fn short_term_key(password: &Secret) -> Key {
    Key::new(password.expose().as_bytes())
}

/// `USERHASH` (RFC 8489 §14.4).
pub fn user_hash(user: &str, realm: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    [user, ":", realm].iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The HMAC over a message up to offset `at`, with the length that the header has when the attribute ends at `end`.
pub(crate) fn sha1_over(key: &Key, bytes: &[u8], at: usize, end: usize) -> Option<[u8; 20]> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.expose()).ok()?;
    feed(bytes, at, end, |part| mac.update(part))?;
    Some(mac.finalize().into_bytes().into())
}

pub(crate) fn sha256_over(key: &Key, bytes: &[u8], at: usize, end: usize) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).ok()?;
    feed(bytes, at, end, |part| mac.update(part))?;
    Some(mac.finalize().into_bytes().into())
}

fn feed(bytes: &[u8], at: usize, end: usize, mut take: impl FnMut(&[u8])) -> Option<()> {
    let length = u16::try_from(end.checked_sub(HEADER_BYTES)?).ok()?;
    take(bytes.get(..2)?);
    take(&length.to_be_bytes());
    take(bytes.get(4..at)?);
    Some(())
}

impl Message<'_> {
    /// Whether the integrity is that of the key. With both attributes there, the stronger counts (RFC 8489 §9.2.4).
    /// A message without any has none.
    pub fn verify(&self, key: &Key) -> bool {
        if let Some(found) = self.sha256 {
            let allowed = INTEGRITY_SHA256_BYTES_MIN..=32;
            if !allowed.contains(&found.len) || found.len % 4 != 0 {
                return false;
            }
            let end = found.at + 4 + found.len;
            let sent = self.bytes.get(found.at + 4..end);
            let right = sha256_over(key, self.bytes, found.at, end);
            return same(sent, right.as_ref().and_then(|right| right.get(..found.len)));
        }
        let Some(found) = self.sha1.filter(|found| found.len == 20) else { return false };
        let end = found.at + 24;
        let right = sha1_over(key, self.bytes, found.at, end);
        same(self.bytes.get(found.at + 4..end), right.as_ref().map(<[u8; 20]>::as_slice))
    }

    /// Whether the fingerprint is right; `None` without one (RFC 8489 §14.7).
    pub fn fingerprint(&self) -> Option<bool> {
        let at = self.fingerprint_at?;
        let right = fingerprint(self.bytes.get(..at)?);
        Some(u32_at(self.bytes, at + 4) == Some(right))
    }
}

fn same(sent: Option<&[u8]>, right: Option<&[u8]>) -> bool {
    match (sent, right) {
        (Some(sent), Some(right)) => sent.ct_eq(right).into(),
        _ => false,
    }
}

const CRC: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// The value of `FINGERPRINT` over the bytes before it (RFC 8489 §14.7). Their length field must count it already.
pub fn fingerprint(bytes: &[u8]) -> u32 {
    let crc =
        bytes.iter().fold(u32::MAX, |crc, byte| CRC[usize::from((crc as u8) ^ byte)] ^ (crc >> 8));
    !crc ^ 0x5354_554E
}

/// What a server says through its nonce that it does (RFC 8489 §18.1), so that nobody in between can deny it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecurityFeatures {
    /// `PASSWORD-ALGORITHMS` is sent and heard.
    pub password_algorithms: bool,
    /// `USERHASH` is understood for every user.
    pub username_anonymity: bool,
}

const NONCE_COOKIE: &str = "obMatJos2";

/// Bytes of [`SecurityFeatures::nonce_prefix`].
pub const NONCE_PREFIX_BYTES: usize = NONCE_COOKIE.len() + 4;

impl SecurityFeatures {
    /// The beginning of a nonce: the cookie and the features (RFC 8489 §9.2).
    pub fn nonce_prefix(self) -> [u8; NONCE_PREFIX_BYTES] {
        let bits = u8::from(self.password_algorithms) << 7 | u8::from(self.username_anonymity) << 6;
        let mut prefix = [0; NONCE_PREFIX_BYTES];
        let (cookie, features) = prefix.split_at_mut(NONCE_COOKIE.len());
        cookie.copy_from_slice(NONCE_COOKIE.as_bytes());
        STANDARD.encode_slice([bits, 0, 0], features).expect("three bytes become four letters");
        prefix
    }
}

/// Splits a nonce into features and the rest; one without the cookie has none.
pub fn split_nonce(nonce: &str) -> (SecurityFeatures, &str) {
    let found = nonce.strip_prefix(NONCE_COOKIE).and_then(|rest| {
        let (features, rest) = rest.split_at_checked(4)?;
        let bits = STANDARD.decode(features).ok()?;
        let first = bits.first()?;
        let features = SecurityFeatures {
            password_algorithms: first & 0x80 != 0,
            username_anonymity: first & 0x40 != 0,
        };
        Some((features, rest))
    });
    found.unwrap_or((SecurityFeatures::default(), nonce))
}
