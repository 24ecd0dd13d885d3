//! The client's half of SASL SCRAM-SHA-1 (RFC 5802), and the verifier of an account made with it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::LazyLock;

use aws_lc_rs::{digest, hmac, pbkdf2, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;

/// Iterations of every account that the benchmark makes, on every server.
pub(crate) const ITERATIONS: u32 = 4096;

/// Password, salt and iterations.
type SaltedFrom = (String, Vec<u8>, u32);

/// Salted passwords: the load generator must not pay PBKDF2 for each log-in.
static SALTED: LazyLock<Mutex<HashMap<SaltedFrom, [u8; 20]>>> = LazyLock::new(Mutex::default);

/// What a server stores for an account (RFC 5802 §3).
pub(crate) struct Verifier {
    /// `StoredKey`.
    pub(crate) stored_key: Vec<u8>,
    /// `ServerKey`.
    pub(crate) server_key: Vec<u8>,
}

/// Computes the verifier of `password`.
pub(crate) fn verifier(password: &str, salt: &[u8]) -> Verifier {
    let salted = salted_password(password, salt, ITERATIONS);
    let client_key = mac(&salted, b"Client Key");
    Verifier { stored_key: sha1(&client_key), server_key: mac(&salted, b"Server Key") }
}

/// One exchange without channel binding.
pub(crate) struct Exchange {
    first_bare: String,
    nonce: String,
}

impl Exchange {
    /// Starts an exchange for `user`, whose name must need no escaping.
    pub(crate) fn new(user: &str) -> Self {
        let mut raw = [0_u8; 18];
        rand::fill(&mut raw).expect("the kernel's random source works");
        let nonce = BASE64.encode(raw);
        Self { first_bare: format!("n={user},r={nonce}"), nonce }
    }

    /// The client-first-message in base64.
    pub(crate) fn first(&self) -> String {
        BASE64.encode(format!("n,,{}", self.first_bare))
    }

    /// The client-final-message in base64, from the server-first-message in base64; `None` if that is not valid.
    pub(crate) fn last(&self, challenge: &str, password: &str) -> Option<String> {
        let challenge = String::from_utf8(BASE64.decode(challenge.trim()).ok()?).ok()?;
        let field = |name: &str| challenge.split(',').find_map(|part| part.strip_prefix(name));
        let nonce = field("r=")?;
        let salt = BASE64.decode(field("s=")?).ok()?;
        let iterations = field("i=")?.parse().ok()?;
        if !nonce.starts_with(&self.nonce) {
            return None;
        }
        let salted = salted_password(password, &salt, iterations);
        let client_key = mac(&salted, b"Client Key");
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{challenge},{without_proof}", self.first_bare);
        let signature = mac(&sha1(&client_key), auth_message.as_bytes());
        let proof: Vec<u8> =
            client_key.iter().zip(&signature).map(|(key, sign)| key ^ sign).collect();
        Some(BASE64.encode(format!("{without_proof},p={}", BASE64.encode(proof))))
    }
}

fn salted_password(password: &str, salt: &[u8], iterations: u32) -> [u8; 20] {
    let key = (password.to_owned(), salt.to_vec(), iterations);
    if let Some(found) = SALTED.lock().get(&key) {
        return *found;
    }
    let mut salted = [0; 20];
    let count = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, count, salt, password.as_bytes(), &mut salted);
    SALTED.lock().insert(key, salted);
    salted
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key), data).as_ref().to_vec()
}

fn sha1(data: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, data).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 5802 §5.
    #[test]
    fn exchange_of_the_rfc() {
        let exchange = Exchange {
            first_bare: "n=user,r=fyko+d2lbbFgONRv9qkxdawL".to_owned(),
            nonce: "fyko+d2lbbFgONRv9qkxdawL".to_owned(),
        };
        let challenge =
            BASE64.encode("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
        let last = exchange.last(&challenge, "pencil").unwrap();
        let expected =
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
        assert_eq!(String::from_utf8(BASE64.decode(last).unwrap()).unwrap(), expected);
    }

    #[test]
    fn foreign_nonce_is_refused() {
        let exchange = Exchange::new("user");
        let challenge = BASE64.encode("r=somethingelse,s=QSXCR+Q6sek8bf92,i=4096");
        assert!(exchange.last(&challenge, "pencil").is_none());
    }
}
