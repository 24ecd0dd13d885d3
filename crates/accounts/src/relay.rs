//! Keys for relays: what STUN's long-term credentials need of a password (RFC 8489 §9.2.2), kept beside verifiers.
//!
//! A SCRAM verifier cannot be turned into such a key, and the key itself is a fast hash to try passwords on. So it is
//! kept sealed (AES-256-GCM) under a key that lies in a file of its own and never in the database: whoever gets the
//! database or a backup of it has nothing to try passwords on. A sealed key is bound to the rows of the account's
//! password; once these are changed, by whomever, it opens no more.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use stdx::Secret;
use stun_wire::{Algorithm, Key, long_term_key, user_hash};

use crate::accounts::{Accounts, Named};
use crate::cache::Entry;
use crate::check::prepare;
use crate::stored::UserRow;
use crate::{AccountError, Method, Stored};

/// Bytes of both keys together.
const KEYS_BYTES: usize = MD5_BYTES + 32;
const MD5_BYTES: usize = 16;

/// The keys of one user name in one realm.
#[derive(Clone, Debug)]
pub struct RelayKeys {
    /// `MD5(user ":" realm ":" password)`.
    pub md5: Key,
    /// `SHA-256(user ":" realm ":" password)`.
    pub sha256: Key,
}

impl RelayKeys {
    /// The keys of a prepared password.
    pub fn derive(name: &str, realm: &str, password: &Secret) -> Self {
        let key = |algorithm| long_term_key(algorithm, name, realm, password);
        Self { md5: key(Algorithm::Md5), sha256: key(Algorithm::Sha256) }
    }
}

/// A realm in which accounts log in to relays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayRealm {
    /// Its name, as clients are told it.
    pub name: String,
    /// The host of user names that name none.
    pub host: String,
}

/// What keys are sealed under.
pub struct RelaySeal(LessSafeKey);

impl RelaySeal {
    /// Reads the key's file; makes it, with `fresh` in it and mode 0600, when it is not there.
    ///
    /// # Errors
    /// The system's, with the path; and when the file holds something else.
    pub fn open(path: &Path, fresh: [u8; 32]) -> io::Result<Self> {
        let at =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(path, &fresh).map_err(at)?;
                fresh.to_vec()
            }
            Err(error) => return Err(at(error)),
        };
        let wrong =
            || io::Error::new(io::ErrorKind::InvalidData, "holds no key of 32 bytes: remove it");
        Self::new(&bytes).ok_or_else(wrong).map_err(at)
    }

    /// A seal from its 32 bytes.
    fn new(bytes: &[u8]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, bytes).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    fn close(&self, nonce: [u8; NONCE_LEN], bound: &[u8], keys: &RelayKeys) -> Option<Vec<u8>> {
        let mut sealed = [keys.md5.expose(), keys.sha256.expose()].concat();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(unique, Aad::from(bound), &mut sealed).ok()?;
        Some([&nonce, sealed.as_slice()].concat())
    }

    fn reveal(&self, sealed: &[u8], bound: &[u8]) -> Option<RelayKeys> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let keys = self.0.open_in_place(nonce, Aad::from(bound), &mut bytes).ok()?;
        let (md5, sha256) =
            keys.split_at_checked(MD5_BYTES).filter(|_| keys.len() == KEYS_BYTES)?;
        Some(RelayKeys { md5: Key::new(md5), sha256: Key::new(sha256) })
    }
}

/// Writes a file whole or not at all.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// A row of table `rookery_relay_keys`, without its account.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RelayRow {
    /// `USERHASH` of the user name (RFC 8489 §14.4), which also says which name it is.
    pub(crate) userhash: Vec<u8>,
    pub(crate) realm: String,
    pub(crate) sealed: Vec<u8>,
}

/// A row that was opened.
#[derive(Clone, Debug)]
pub(crate) struct RelayKey {
    name: String,
    realm: String,
    keys: RelayKeys,
}

/// What is kept, and under what.
#[derive(Default)]
pub(crate) struct Relays {
    seal: Option<RelaySeal>,
    realms: Vec<RelayRealm>,
    /// That keys are of another realm was said.
    said: AtomicBool,
}

/// The names by which an account logs in to the relays of a realm.
fn names<'a>(named: &'a Named, realm: &'a RelayRealm) -> impl Iterator<Item = &'a str> {
    let short = (realm.host == named.host).then_some(named.user.as_str());
    std::iter::once(named.address.as_str()).chain(short)
}

/// What a sealed key is bound to: whose it is, and the password as it is stored.
fn bound(name: &str, realm: &str, host: &str, rows: &[UserRow]) -> Vec<u8> {
    let mut rows: Vec<&UserRow> = rows.iter().collect();
    rows.sort_by_key(|row| row.kind);
    let mut hash = digest::Context::new(&digest::SHA256);
    for row in rows {
        for part in [row.password.expose(), row.salt.as_str()] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(&row.kind.to_be_bytes());
        hash.update(&row.iterationcount.to_be_bytes());
    }
    // No part holds a zero byte, so it ends each.
    [name.as_bytes(), realm.as_bytes(), host.as_bytes(), hash.finish().as_ref()].join(&0)
}

impl Accounts {
    /// From now on keys for these realms are kept of every password that is set or shown in clear; none when there
    /// are no realms.
    pub fn keep_relay_keys(&self, seal: Option<RelaySeal>, realms: Vec<RelayRealm>) {
        let seal = seal.filter(|_| !realms.is_empty());
        *self.0.relays.write() = Arc::new(Relays { seal, realms, said: AtomicBool::new(false) });
        self.forget_all();
    }

    /// Whether keys are kept now.
    pub(crate) fn keeps_relay_keys(&self) -> bool {
        self.0.relays.read().seal.is_some()
    }

    /// The keys of a user name of an account, from clear text where that is stored; `None` if there is no account or
    /// nothing to make them from.
    ///
    /// # Errors
    /// As [`Self::exists`].
    pub async fn relay_keys(
        &self,
        user: &str,
        host: &str,
        realm: &str,
        name: &str,
    ) -> Result<Option<RelayKeys>, AccountError> {
        let named = self.named(user, host)?;
        if !named.options().methods.contains(&Method::Sql) {
            return Ok(None);
        }
        let entry = self.look_up(&named).await?;
        if let Some(plain) = entry.stored.as_ref().and_then(Stored::plain) {
            return Ok(prepare(plain).map(|plain| RelayKeys::derive(name, realm, &plain)));
        }
        let found = entry.relay.iter().find(|key| key.name == name && key.realm == realm);
        if let (None, Some(other)) = (found, entry.relay.first())
            && other.realm != realm
            && !self.0.relays.read().said.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                realm,
                kept_for = other.realm,
                "keys for relays are of another realm and cannot be used; new ones are made when a client logs in \
                 with SASL PLAIN or a password is set"
            );
        }
        Ok(found.map(|key| key.keys.clone()))
    }

    /// Which account, by user name and host, has a name of this `USERHASH` (RFC 8489 §14.4), if its keys are kept.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn relay_account(
        &self,
        userhash: [u8; 32],
    ) -> Result<Option<(String, String)>, AccountError> {
        Ok(self.0.sql.relay_account(userhash.to_vec()).await?)
    }

    /// The rows to keep of a prepared password that is stored so.
    pub(crate) fn relay_rows(
        &self,
        named: &Named,
        prepared: &Secret,
        stored: &Stored,
    ) -> Vec<RelayRow> {
        let relays = Arc::clone(&self.0.relays.read());
        let Some(seal) = &relays.seal else { return Vec::new() };
        let users = stored.rows();
        let row = |name: &str, realm: &str| {
            let nonce = *(self.0.random)().first_chunk()?;
            let keys = RelayKeys::derive(name, realm, prepared);
            let sealed = seal.close(nonce, &bound(name, realm, &named.host, &users), &keys)?;
            Some(RelayRow {
                userhash: user_hash(name, realm).to_vec(),
                realm: realm.to_owned(),
                sealed,
            })
        };
        let all = relays.realms.iter().flat_map(|realm| {
            names(named, realm).filter_map(|name| row(name, &realm.name)).collect::<Vec<_>>()
        });
        all.collect()
    }

    /// Opens what was read; a row that does not open is left out, and is written anew at the next chance.
    pub(crate) fn open_relay_rows(
        &self,
        named: &Named,
        users: &[UserRow],
        rows: &[RelayRow],
    ) -> Vec<RelayKey> {
        let relays = Arc::clone(&self.0.relays.read());
        let Some(seal) = &relays.seal else { return Vec::new() };
        let open = |row: &RelayRow| {
            let all = [named.address.as_str(), named.user.as_str()];
            let is_it = |name: &&str| user_hash(name, &row.realm)[..] == row.userhash[..];
            let name = all.into_iter().find(is_it)?;
            let keys = seal.reveal(&row.sealed, &bound(name, &row.realm, &named.host, users))?;
            Some(RelayKey { name: name.to_owned(), realm: row.realm.clone(), keys })
        };
        rows.iter().filter_map(open).collect()
    }

    /// Whether keys are wanted that an account has not.
    pub(crate) fn lacks_relay_keys(&self, named: &Named, entry: &Entry) -> bool {
        let relays = Arc::clone(&self.0.relays.read());
        let kept = |name: &str, realm: &str| {
            entry.relay.iter().any(|key| key.name == name && key.realm == realm)
        };
        relays.seal.is_some()
            && (relays.realms.iter())
                .any(|realm| names(named, realm).any(|name| !kept(name, &realm.name)))
    }
}
