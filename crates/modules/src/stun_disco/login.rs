//! Log-ins for relays: a user name that says until when and, to us alone, for whom; and the password for it.
//!
//! The scheme is the one that TURN servers share (`expiry:anything`, password = base64 of HMAC-SHA-1 of the user name
//! under the shared secret), so that services of others can be told of as well. What follows the expiry is the
//! account, encrypted: whoever listens on the network does not learn it, and our own relay knows whose relay to end,
//! also after a restart and without keeping anything.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jid::BareJid;
use stdx::Secret;

/// The longest user name of STUN (RFC 8489 §14.3), in bytes.
const USER_BYTES_MAX: usize = 508;

/// Makes log-ins and knows them again.
pub(super) struct Mint {
    seal: LessSafeKey,
    sign: hmac::Key,
}

impl Mint {
    pub(super) fn new(secret: &Secret) -> Self {
        let secret = secret.expose().as_bytes();
        let derive = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = hmac::sign(&derive, b"rookery: accounts in user names of relays");
        let key =
            UnboundKey::new(&AES_256_GCM, key.as_ref()).expect("SHA-256 gives a key of AES-256");
        Self {
            seal: LessSafeKey::new(key),
            sign: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret),
        }
    }

    /// A log-in until `expires` (seconds since 1970); `None` if the address is too long for a user name.
    pub(super) fn login(
        &self,
        account: &BareJid,
        expires: i64,
        nonce: [u8; NONCE_LEN],
    ) -> Option<(String, Secret)> {
        let expires = expires.to_string();
        let mut sealed = account.as_str().as_bytes().to_vec();
        let aad = Aad::from(expires.as_bytes());
        let nonce_bytes = nonce;
        self.seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce_bytes), aad, &mut sealed)
            .ok()?;
        let user =
            format!("{expires}:{}", URL_SAFE_NO_PAD.encode([&nonce, sealed.as_slice()].concat()));
        let password = self.password(&user);
        (user.len() <= USER_BYTES_MAX).then_some((user, password))
    }

    fn password(&self, user: &str) -> Secret {
        Secret::new(STANDARD.encode(hmac::sign(&self.sign, user.as_bytes())))
    }

    /// Whom a user name stands for that is valid at `now`, and its password.
    pub(super) fn read(&self, user: &str, now: i64) -> Option<(BareJid, Secret)> {
        let (expires, sealed) = user.split_once(':')?;
        if expires.parse::<i64>().ok()? < now || user.len() > USER_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(expires.as_bytes());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let account = self.seal.open_in_place(nonce, aad, &mut sealed).ok()?;
        let account = BareJid::new(std::str::from_utf8(account).ok()?).ok()?;
        Some((account, self.password(user)))
    }
}
