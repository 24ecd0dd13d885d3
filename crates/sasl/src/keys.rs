//! The keyed and plain hashes SCRAM is made of, and PBKDF2 (RFC 8018 §5.2) with one block of output.
//!
//! `sha1` and `sha2` choose the processor's SHA instructions at run time; the block loop of PBKDF2 is theirs.

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use stdx::SecretBytes;

use crate::ScramHash;

/// `H(parts joined)`.
pub(crate) fn digest(hash: ScramHash, parts: &[&[u8]]) -> Vec<u8> {
    fn run<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
        let mut state = D::new();
        for part in parts {
            state.update(part);
        }
        state.finalize().to_vec()
    }
    match hash {
        ScramHash::Sha1 => run::<Sha1>(parts),
        ScramHash::Sha256 => run::<Sha256>(parts),
        ScramHash::Sha512 => run::<Sha512>(parts),
    }
}

/// `HMAC(key, parts joined)` (RFC 2104).
pub(crate) fn hmac(hash: ScramHash, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    fn run<D: EagerHash>(key: &[u8], parts: &[&[u8]]) -> Vec<u8>
    where
        Hmac<D>: Mac + KeyInit,
    {
        let mut state =
            <Hmac<D> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
        for part in parts {
            state.update(part);
        }
        state.finalize().into_bytes().to_vec()
    }
    match hash {
        ScramHash::Sha1 => run::<Sha1>(key, parts),
        ScramHash::Sha256 => run::<Sha256>(key, parts),
        ScramHash::Sha512 => run::<Sha512>(key, parts),
    }
}

/// `Hi(password, salt, iterations)` of RFC 5802 §2.2: PBKDF2 with HMAC, one digest long.
pub(crate) fn salted_password(
    hash: ScramHash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
) -> SecretBytes {
    let mut salted = vec![0; hash.digest_bytes()];
    match hash {
        ScramHash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut salted),
        ScramHash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted),
        ScramHash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut salted),
    }
    SecretBytes::new(salted)
}
