//! The keyed and plain hashes SCRAM is made of (RFC 5802 §2.2).

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

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
