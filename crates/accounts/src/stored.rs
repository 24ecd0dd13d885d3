//! What is stored of a password: its forms, and ejabberd's rows for them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sasl::{ScramHash, ScramVerifier, VerifierError};
use stdx::{Secret, SecretBytes};

/// A form in which a password is stored (`auth_stored_password_types`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// Clear text.
    Plain,
    /// A SCRAM verifier.
    Scram(ScramHash),
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 4] = [
        Self::Plain,
        Self::Scram(ScramHash::Sha1),
        Self::Scram(ScramHash::Sha256),
        Self::Scram(ScramHash::Sha512),
    ];

    /// The word in the settings.
    pub const fn option(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Scram(ScramHash::Sha1) => "scram_sha1",
            Self::Scram(ScramHash::Sha256) => "scram_sha256",
            Self::Scram(ScramHash::Sha512) => "scram_sha512",
        }
    }

    /// The form of a word in the settings.
    pub fn from_option(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.option() == word)
    }

    /// The number in column `type`.
    const fn number(self) -> i64 {
        match self {
            Self::Plain => 1,
            Self::Scram(ScramHash::Sha1) => 2,
            Self::Scram(ScramHash::Sha256) => 3,
            Self::Scram(ScramHash::Sha512) => 4,
        }
    }
}

/// Column `type` of a row from before there were several forms an account.
const OLD_TYPE: i64 = 0;

/// A row of table `users`, without its key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct UserRow {
    /// Column `type`; `NULL` counts as 0.
    pub(crate) kind: i64,
    pub(crate) password: Secret,
    pub(crate) serverkey: Secret,
    pub(crate) salt: String,
    pub(crate) iterationcount: i64,
}

/// Why a row is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// The number in column `type` is unknown.
    #[error("column `type` holds the unknown number {0}")]
    Kind(i64),
    /// A key or the salt is not base64.
    #[error("a key or the salt is not base64")]
    Base64,
    /// The iteration count or a length is out of range.
    #[error("{0}")]
    Verifier(#[from] VerifierError),
}

/// All that is stored of one account's password.
#[derive(Clone, Default)]
pub struct Stored {
    plain: Option<Secret>,
    verifiers: Vec<ScramVerifier>,
    /// A row of the old kind was among those read, so they should be written anew.
    old: bool,
}

impl Stored {
    /// Puts the rows of an account together. A row that is not understood is left out and reported
    /// through `skipped`; the others count. Where an old row and a new one hold the same form, the
    /// new one counts.
    pub(crate) fn from_rows(rows: &[UserRow], mut skipped: impl FnMut(StoredError)) -> Self {
        // Hardly an account has more than one, and it is kept for as long as its session.
        let mut stored = Self { verifiers: Vec::with_capacity(rows.len()), ..Self::default() };
        let (old, new): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.kind == OLD_TYPE);
        for row in new.into_iter().chain(old) {
            stored.old |= row.kind == OLD_TYPE;
            match read(row) {
                Ok(Read::Plain(text)) => {
                    stored.plain.get_or_insert(text);
                }
                Ok(Read::Verifier(verifier)) if stored.verifier(verifier.hash()).is_none() => {
                    stored.verifiers.push(verifier);
                }
                Ok(Read::Verifier(_)) => {}
                Err(error) => skipped(error),
            }
        }
        stored
    }

    /// The rows to write, one a form.
    pub(crate) fn rows(&self) -> Vec<UserRow> {
        let plain = self.plain.iter().map(|text| UserRow {
            kind: Form::Plain.number(),
            password: text.clone(),
            serverkey: Secret::new(""),
            salt: String::new(),
            iterationcount: 0,
        });
        let verifiers = self.verifiers.iter().map(|verifier| UserRow {
            kind: Form::Scram(verifier.hash()).number(),
            password: Secret::new(STANDARD.encode(verifier.stored_key().expose())),
            serverkey: Secret::new(STANDARD.encode(verifier.server_key().expose())),
            salt: STANDARD.encode(verifier.salt()),
            iterationcount: i64::from(verifier.iterations()),
        });
        plain.chain(verifiers).collect()
    }

    /// The forms there are.
    pub fn forms(&self) -> Vec<Form> {
        let plain = self.plain.iter().map(|_| Form::Plain);
        plain.chain(self.verifiers.iter().map(|verifier| Form::Scram(verifier.hash()))).collect()
    }

    /// The clear text, if it is stored.
    pub fn plain(&self) -> Option<&Secret> {
        self.plain.as_ref()
    }

    /// The verifier of a hash, if it is stored.
    pub fn verifier(&self, hash: ScramHash) -> Option<&ScramVerifier> {
        self.verifiers.iter().find(|verifier| verifier.hash() == hash)
    }

    /// The verifier that is cheapest to check a password against.
    pub(crate) fn cheapest(&self) -> Option<&ScramVerifier> {
        self.verifiers.iter().min_by_key(|verifier| cost(verifier))
    }

    /// Whether rows of the old kind should be replaced.
    pub(crate) fn is_old(&self) -> bool {
        self.old
    }

    pub(crate) fn set_plain(&mut self, text: Option<Secret>) {
        self.plain = text;
    }

    pub(crate) fn add(&mut self, verifier: ScramVerifier) {
        self.verifiers.retain(|other| other.hash() != verifier.hash());
        self.verifiers.push(verifier);
    }
}

/// Relative time of PBKDF2. SHA-1 and SHA-256 have processor instructions and cost about the same;
/// SHA-512 does not on most and is six times as slow.
fn cost(verifier: &ScramVerifier) -> u64 {
    let of_hash = match verifier.hash() {
        ScramHash::Sha256 => 10,
        ScramHash::Sha1 => 11,
        ScramHash::Sha512 => 60,
    };
    u64::from(verifier.iterations()) * of_hash
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("forms", &self.forms()).field("old", &self.old).finish()
    }
}

enum Read {
    Plain(Secret),
    Verifier(ScramVerifier),
}

fn read(row: &UserRow) -> Result<Read, StoredError> {
    let text = row.password.expose();
    let (hash, key) = match row.kind {
        1 => return Ok(Read::Plain(row.password.clone())),
        2 => (ScramHash::Sha1, text),
        3 => (ScramHash::Sha256, text),
        4 => (ScramHash::Sha512, text),
        // COMPAT: in an old row clear text has no salt and no iterations, and a prefix names a hash
        // other than SHA-1.
        OLD_TYPE if row.iterationcount == 0 && row.salt.is_empty() => {
            return Ok(Read::Plain(row.password.clone()));
        }
        OLD_TYPE => match text.split_once(':') {
            Some(("sha256", key)) => (ScramHash::Sha256, key),
            Some(("sha512", key)) => (ScramHash::Sha512, key),
            Some(("sha", key)) => (ScramHash::Sha1, key),
            _ => (ScramHash::Sha1, text),
        },
        unknown => return Err(StoredError::Kind(unknown)),
    };
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| StoredError::Base64);
    let iterations = u32::try_from(row.iterationcount).map_err(|_| VerifierError::Iterations)?;
    let stored_key = SecretBytes::new(decode(key)?);
    let server_key = SecretBytes::new(decode(row.serverkey.expose())?);
    let verifier =
        ScramVerifier::from_parts(hash, iterations, decode(&row.salt)?, stored_key, server_key)?;
    Ok(Read::Verifier(verifier))
}
