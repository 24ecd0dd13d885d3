//! Passwords on their way into table `users`: in the forms that the host's options ask for.

use accounts::{Accounts, Form};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jid::BareJid;
use sasl::{DEFAULT_ITERATIONS, ScramHash, ScramVerifier, saslprep_password};
use stdx::{Secret, SecretBytes};

use crate::sink::{Datum, Sink};
use crate::words::key;

/// Bytes of a fresh salt.
const SALT_BYTES: usize = 16;

/// A password as a file has it.
pub(crate) enum Password {
    /// Itself.
    Plain(Secret),
    /// What is enough to check it.
    Verifier(ScramVerifier),
}

/// Brings passwords into the forms that are stored.
#[derive(Clone)]
pub(crate) struct Passwords(Accounts);

impl Passwords {
    pub(crate) fn new(accounts: Accounts) -> Self {
        Self(accounts)
    }

    /// Stores the passwords of an account in the place of all that it had; says whether any of them is usable. Deriving
    /// verifiers takes milliseconds each, so this belongs to a thread that may wait.
    pub(crate) fn store(&self, sink: &mut Sink, account: &BareJid, passwords: &[Password]) -> bool {
        let mut rows = Vec::new();
        for password in passwords {
            match password {
                Password::Verifier(verifier) => rows.push(row(account, verifier)),
                Password::Plain(text) => rows.extend(self.forms(account, text)),
            }
        }
        if rows.is_empty() {
            return false;
        }
        let (user, host) = key(account);
        sink.delete("users", vec![("username", user.into()), ("server_host", host.into())]);
        rows.into_iter().for_each(|row| sink.put("users", row));
        true
    }

    fn forms(&self, account: &BareJid, text: &Secret) -> Vec<crate::sink::Cells> {
        let (user, host) = key(account);
        let Ok(prepared) = saslprep_password(text) else { return Vec::new() };
        let forms = self.0.host_options(host).map(|options| options.stored).unwrap_or_default();
        let one = |form: &Form| match form {
            Form::Plain => Some(plain_row(user, host, text)),
            Form::Scram(hash) => {
                let salt = kernel::random::bytes::<SALT_BYTES>().to_vec();
                let derived = ScramVerifier::derive(*hash, &prepared, salt, DEFAULT_ITERATIONS);
                derived.ok().map(|verifier| row(account, &verifier))
            }
        };
        forms.iter().filter_map(one).collect()
    }
}

fn plain_row(user: &str, host: &str, text: &Secret) -> crate::sink::Cells {
    vec![
        ("username", user.into()),
        ("server_host", host.into()),
        ("type", 1.into()),
        ("password", text.expose().into()),
    ]
}

fn row(account: &BareJid, verifier: &ScramVerifier) -> crate::sink::Cells {
    let (user, host) = key(account);
    let kind = match verifier.hash() {
        ScramHash::Sha1 => 2,
        ScramHash::Sha256 => 3,
        ScramHash::Sha512 => 4,
    };
    vec![
        ("username", user.into()),
        ("server_host", host.into()),
        ("type", Datum::Integer(kind)),
        ("password", STANDARD.encode(verifier.stored_key().expose()).into()),
        ("serverkey", STANDARD.encode(verifier.server_key().expose()).into()),
        ("salt", STANDARD.encode(verifier.salt()).into()),
        ("iterationcount", i64::from(verifier.iterations()).into()),
    ]
}

/// What a row of table `users` has: the hash of a verifier and its stored key, or clear text.
pub(crate) fn of_row(kind: i64, password: &str, iterations: i64) -> (Option<ScramHash>, &str) {
    match kind {
        1 => (None, password),
        2 => (Some(ScramHash::Sha1), password),
        3 => (Some(ScramHash::Sha256), password),
        4 => (Some(ScramHash::Sha512), password),
        // COMPAT: rows of older versions of ejabberd say the hash in a prefix.
        _ if iterations == 0 => (None, password),
        _ => match password.split_once(':') {
            Some(("sha256", key)) => (Some(ScramHash::Sha256), key),
            Some(("sha512", key)) => (Some(ScramHash::Sha512), key),
            Some((_, key)) => (Some(ScramHash::Sha1), key),
            None => (Some(ScramHash::Sha1), password),
        },
    }
}

/// A verifier of base64 parts.
///
/// COMPAT: ejabberd's files of XEP-0227 hold base64 of base64; what decodes to a key only when it is decoded twice
/// is taken so.
pub(crate) fn verifier(
    hash: ScramHash,
    iterations: i64,
    salt: &str,
    stored_key: &str,
    server_key: &str,
) -> Option<ScramVerifier> {
    let once = |text: &str| STANDARD.decode(text.trim()).ok();
    let twice = |text: &str| once(std::str::from_utf8(&once(text)?).ok()?);
    let iterations = u32::try_from(iterations).ok()?;
    let length = hash.digest_bytes();
    let (salt, stored, server) = match once(stored_key)? {
        key if key.len() == length => (once(salt)?, key, once(server_key)?),
        _ => (twice(salt)?, twice(stored_key)?, twice(server_key)?),
    };
    let (stored, server) = (SecretBytes::new(stored), SecretBytes::new(server));
    ScramVerifier::from_parts(hash, iterations, salt, stored, server).ok()
}
