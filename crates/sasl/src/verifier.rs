//! What a server keeps of a password for SCRAM (RFC 5802 §3): enough to check a proof, not enough
//! to make one.

use std::fmt;

use stdx::{Secret, SecretBytes};
use subtle::ConstantTimeEq;

use crate::pbkdf2::salted_password;
use crate::{ScramHash, keys};

/// The iteration count of new verifiers unless configured otherwise; ejabberd's.
pub const DEFAULT_ITERATIONS: u32 = 4096;

/// The highest iteration count accepted from storage: some seconds of one core, never minutes.
pub const ITERATIONS_MAX: u32 = 10_000_000;

/// The longest salt accepted from storage, in bytes; it travels in the first challenge.
const SALT_BYTES_MAX: usize = 1024;

/// The length of an invented salt, in bytes: that of the salts ejabberd and this server make.
const DECOY_SALT_BYTES: usize = 16;

/// Why stored values make no verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// The iteration count is 0 or above [`ITERATIONS_MAX`].
    #[error("the iteration count of a SCRAM verifier must be from 1 to {ITERATIONS_MAX}")]
    Iterations,
    /// The salt is empty or too long.
    #[error("the salt of a SCRAM verifier must be from 1 to {SALT_BYTES_MAX} bytes long")]
    Salt,
    /// A key is not as long as the hash's digest.
    #[error("a key of a SCRAM verifier is not as long as the digest of its hash")]
    KeyLength,
}

/// A SCRAM verifier: `hash`, salt, iteration count, `StoredKey` and `ServerKey` (RFC 5802 §3).
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    hash: ScramHash,
    iterations: u32,
    salt: Vec<u8>,
    stored_key: SecretBytes,
    server_key: SecretBytes,
}

impl ScramVerifier {
    /// A verifier from stored parts.
    pub fn from_parts(
        hash: ScramHash,
        iterations: u32,
        salt: Vec<u8>,
        stored_key: SecretBytes,
        server_key: SecretBytes,
    ) -> Result<Self, VerifierError> {
        check(iterations, &salt)?;
        let length = hash.digest_bytes();
        if stored_key.expose().len() != length || server_key.expose().len() != length {
            return Err(VerifierError::KeyLength);
        }
        Ok(Self { hash, iterations, salt, stored_key, server_key })
    }

    /// Derives a verifier from a password that went through [`crate::saslprep_password`].
    ///
    /// This is the expensive step (PBKDF2): keep it off the async workers. `salt` comes from the
    /// kernel's randomness; 16 bytes are customary.
    pub fn derive(
        hash: ScramHash,
        prepared: &Secret,
        salt: Vec<u8>,
        iterations: u32,
    ) -> Result<Self, VerifierError> {
        check(iterations, &salt)?;
        let (stored_key, server_key) = derive_keys(hash, prepared, &salt, iterations);
        Ok(Self { hash, iterations, salt, stored_key, server_key })
    }

    /// Whether a prepared password is the one this verifier was made from. As expensive as
    /// [`Self::derive`].
    pub fn matches(&self, prepared: &Secret) -> bool {
        let (stored_key, _) = derive_keys(self.hash, prepared, &self.salt, self.iterations);
        bool::from(stored_key.expose().ct_eq(self.stored_key.expose()))
    }

    /// A verifier for an account that does not exist: the same for the same name as long as `key`
    /// is the same, equal in form to a real one, and matched by no password anyone knows (attack
    /// class 16: user enumeration).
    ///
    /// `user` is the prepared bare address. An `iterations` out of range is replaced by
    /// [`DEFAULT_ITERATIONS`].
    pub fn decoy(hash: ScramHash, key: &SecretBytes, user: &str, iterations: u32) -> Self {
        let iterations = if (1..=ITERATIONS_MAX).contains(&iterations) {
            iterations
        } else {
            DEFAULT_ITERATIONS
        };
        // Purpose and hash name end in a zero byte, so no two inputs share a hashed text.
        let part = |purpose: &str| {
            let parts = [purpose.as_bytes(), b"\0", hash.name().as_bytes(), b"\0", user.as_bytes()];
            keys::hmac(hash, key.expose(), &parts)
        };
        let mut salt = part("salt");
        salt.truncate(DECOY_SALT_BYTES);
        Self {
            hash,
            iterations,
            salt,
            stored_key: SecretBytes::new(part("stored")),
            server_key: SecretBytes::new(part("server")),
        }
    }

    /// The hash it was made with.
    pub fn hash(&self) -> ScramHash {
        self.hash
    }

    /// The iteration count.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// The salt.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// `StoredKey`: checks a proof.
    pub fn stored_key(&self) -> &SecretBytes {
        &self.stored_key
    }

    /// `ServerKey`: lets the server prove itself.
    pub fn server_key(&self) -> &SecretBytes {
        &self.server_key
    }
}

impl fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramVerifier")
            .field("hash", &self.hash)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

fn check(iterations: u32, salt: &[u8]) -> Result<(), VerifierError> {
    if !(1..=ITERATIONS_MAX).contains(&iterations) {
        return Err(VerifierError::Iterations);
    }
    if !(1..=SALT_BYTES_MAX).contains(&salt.len()) {
        return Err(VerifierError::Salt);
    }
    Ok(())
}

/// `StoredKey` and `ServerKey` of RFC 5802 §3.
fn derive_keys(
    hash: ScramHash,
    prepared: &Secret,
    salt: &[u8],
    iterations: u32,
) -> (SecretBytes, SecretBytes) {
    let salted = salted_password(hash, prepared.expose().as_bytes(), salt, iterations);
    let client_key = SecretBytes::new(keys::hmac(hash, salted.expose(), &[b"Client Key"]));
    let stored_key = keys::digest(hash, &[client_key.expose()]);
    let server_key = keys::hmac(hash, salted.expose(), &[b"Server Key"]);
    (SecretBytes::new(stored_key), SecretBytes::new(server_key))
}
