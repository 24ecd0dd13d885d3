//! Checking a password, and bringing what is stored up to the configured forms when one was right.

use std::sync::Arc;

use sasl::{PASSWORD_BYTES_MAX, ScramVerifier, saslprep_password};
use stdx::Secret;
use subtle::ConstantTimeEq;

use crate::accounts::{Accounts, Named};
use crate::backend::sql::Changed;
use crate::cache::Entry;
use crate::{AccountError, Form, Method, Stored};

/// Whether a password was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Check {
    /// It was right for the back-end named; [`Method::Anonymous`] means that the session is an
    /// anonymous one.
    Right(Method),
    /// It was wrong, or there is no such account.
    Wrong,
}

impl Check {
    /// Whether it was right.
    pub fn is_right(self) -> bool {
        matches!(self, Self::Right(_))
    }
}

impl Accounts {
    /// Checks a password against the back-ends of the host in their order. It takes about as long
    /// for an account that does not exist as for a wrong password (attack class 16).
    ///
    /// # Errors
    /// [`AccountError::InvalidName`], [`AccountError::UnknownHost`], [`AccountError::Busy`],
    /// [`AccountError::Store`]; [`AccountError::MethodNotInForce`] if no other method said yes.
    pub async fn check_password(
        &self,
        user: &str,
        host: &str,
        password: &Secret,
    ) -> Result<Check, AccountError> {
        let named = self.named(user, host)?;
        let Some(prepared) = prepare(password) else {
            return Ok(Check::Wrong);
        };
        for method in &named.options().methods {
            let right = match method {
                Method::Sql => self.check_sql(&named, &prepared).await?,
                Method::Anonymous => self.check_anonymous(&named).await?,
                Method::NotInForce(_) => false,
            };
            if right {
                return Ok(Check::Right(*method));
            }
        }
        self.undecided(&named).map_or(Ok(Check::Wrong), Err)
    }

    /// `login_anon`: any free name with any password.
    async fn check_anonymous(&self, named: &Named) -> Result<bool, AccountError> {
        let options = named.options();
        if !options.anonymous_protocol.allows_login() {
            return Ok(false);
        }
        if options.methods.contains(&Method::Sql) && self.look_up(named).await?.stored.is_some() {
            return Ok(false);
        }
        Ok(options.anonymous_shared || !self.0.anonymous.is_open(&named.address))
    }

    async fn check_sql(&self, named: &Named, prepared: &Secret) -> Result<bool, AccountError> {
        let entry = self.look_up(named).await?;
        let tag = self.tag(named, prepared);
        if entry.was_right(&tag) {
            return Ok(true);
        }
        let right = self.compare(named, &entry, prepared).await?;
        if right && let Some(stored) = &entry.stored {
            if named.cache().is_some() {
                entry.set_right(tag);
            }
            if entry.whole {
                self.upgrade(named, &entry, stored, prepared).await;
            }
        }
        Ok(right)
    }

    /// Compares a password with what is stored. Where verifiers are stored, PBKDF2 runs once
    /// whatever is found.
    async fn compare(
        &self,
        named: &Named,
        entry: &Arc<Entry>,
        prepared: &Secret,
    ) -> Result<bool, AccountError> {
        let plain = entry.stored.as_ref().and_then(Stored::plain);
        let plain = plain
            .map(|stored| saslprep_password(stored).is_ok_and(|stored| same(&stored, prepared)));
        let verifier = entry.stored.as_ref().and_then(Stored::cheapest).cloned();
        let Some(verifier) = verifier.or_else(|| self.usual_decoy(named)) else {
            return Ok(plain.unwrap_or(false));
        };
        let genuine = entry.stored.as_ref().is_some_and(|stored| stored.cheapest().is_some());
        let prepared = prepared.clone();
        let matches = self.0.hashing.run(move || verifier.matches(&prepared)).await?;
        Ok(plain.unwrap_or(matches & genuine))
    }

    /// The decoy for the verifier that accounts of this host usually are checked against.
    fn usual_decoy(&self, named: &Named) -> Option<ScramVerifier> {
        let mut usual = Stored::default();
        for form in &named.options().stored {
            if let Form::Scram(hash) = form {
                usual.add(self.decoy(*hash, &named.address));
            }
        }
        usual.cheapest().cloned()
    }

    /// Stores the configured forms and the keys for relays that are missing, replaces rows of the old kind, and drops clear
    /// text if the administrator chose forms without it. What fails is tried again at the next
    /// log-in.
    async fn upgrade(&self, named: &Named, entry: &Entry, before: &Stored, prepared: &Secret) {
        let options = named.options();
        let forms = before.forms();
        let missing: Vec<Form> =
            options.stored.iter().copied().filter(|form| !forms.contains(form)).collect();
        let drops_plain = options.stored_explicitly
            && before.plain().is_some()
            && !options.stored.contains(&Form::Plain);
        let lacks_keys = self.lacks_relay_keys(named, entry);
        if missing.is_empty() && !drops_plain && !before.is_old() && !lacks_keys {
            return;
        }
        let result = async {
            let mut stored = before.clone();
            self.add_forms(&mut stored, &missing, prepared).await?;
            if drops_plain {
                stored.set_plain(None);
            }
            let (accounts, address) = (self.clone(), named.address.clone());
            let after = move || accounts.forget(&address);
            let rows = self.rows(named, prepared, &stored);
            let changed = self.0.sql.upgrade(&named.host, &named.user, before, rows, after).await?;
            Ok::<Changed, AccountError>(*changed)
        };
        match result.await {
            Ok(_) => {}
            Err(error) => {
                let account = &named.address;
                tracing::warn!(account, %error, "the stored forms were not brought up to date");
            }
        }
    }

    /// Adds forms of a prepared password.
    pub(crate) async fn add_forms(
        &self,
        stored: &mut Stored,
        forms: &[Form],
        prepared: &Secret,
    ) -> Result<(), AccountError> {
        for form in forms {
            match form {
                Form::Plain => stored.set_plain(Some(prepared.clone())),
                Form::Scram(hash) => {
                    let salt = (self.0.random)()[..SALT_BYTES].to_vec();
                    stored.add(self.derive(*hash, prepared.clone(), salt).await?);
                }
            }
        }
        Ok(())
    }
}

/// Length of a new salt, in bytes; ejabberd's.
const SALT_BYTES: usize = 16;

/// A password as it is compared and stored; `None` if none like it can be set.
pub(crate) fn prepare(password: &Secret) -> Option<Secret> {
    if password.expose().len() > PASSWORD_BYTES_MAX {
        return None;
    }
    let prepared = saslprep_password(password).ok()?;
    (prepared.expose().len() <= PASSWORD_BYTES_MAX).then_some(prepared)
}

fn same(one: &Secret, other: &Secret) -> bool {
    one.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
}
