//! Registering, changing and removing accounts. Every answer carries the receipt of its commit.

use sasl::ScramHash;
use stdx::Secret;
use store::Committed;

use crate::accounts::{Accounts, Named};
use crate::backend::sql::{Changed, Rows};
use crate::check::prepare;
use crate::{AccountError, Form, Method, Stored};

impl Accounts {
    /// Creates an account.
    ///
    /// # Errors
    /// [`AccountError::Exists`], [`AccountError::InvalidName`], [`AccountError::InvalidPassword`],
    /// [`AccountError::UnknownHost`], [`AccountError::NotAllowed`],
    /// [`AccountError::MethodNotInForce`], [`AccountError::Busy`], [`AccountError::Store`].
    pub async fn register(
        &self,
        user: &str,
        host: &str,
        password: &Secret,
    ) -> Result<Committed<()>, AccountError> {
        let named = self.writable(user, host)?;
        let prepared = prepare(password).ok_or(AccountError::InvalidPassword)?;
        // Asked before the expensive part; the change itself asks again.
        if self.look_up(&named).await?.stored.is_some() || self.0.anonymous.is_open(&named.address)
        {
            return Err(AccountError::Exists);
        }
        let rows = self.rows(&named, &prepared, &self.store_form(&named, &prepared).await?);
        let changed =
            self.0.sql.create(&named.host, &named.user, rows, self.forgetting(&named)).await?;
        done(changed, AccountError::Exists)
    }

    /// Sets the password of an account.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; else as [`Self::register`].
    pub async fn set_password(
        &self,
        user: &str,
        host: &str,
        password: &Secret,
    ) -> Result<Committed<()>, AccountError> {
        let named = self.writable(user, host)?;
        let prepared = prepare(password).ok_or(AccountError::InvalidPassword)?;
        if self.look_up(&named).await?.stored.is_none() {
            return Err(AccountError::NotFound);
        }
        let rows = self.rows(&named, &prepared, &self.store_form(&named, &prepared).await?);
        let changed =
            self.0.sql.replace(&named.host, &named.user, rows, self.forgetting(&named)).await?;
        done(changed, AccountError::NotFound)
    }

    /// Replaces the clear text of an account's password by the SCRAM verifiers that the host wants, SHA-1 if it wants
    /// none. Says whether there was something to replace; durable when the answer comes.
    ///
    /// # Errors
    /// As [`Self::register`], without those about passwords.
    pub async fn convert_to_scram(&self, user: &str, host: &str) -> Result<bool, AccountError> {
        let named = self.writable(user, host)?;
        let entry = self.look_up(&named).await?;
        let Some(before) = entry.stored.as_ref().filter(|_| entry.whole) else { return Ok(false) };
        let Some(prepared) = before.plain().and_then(prepare) else { return Ok(false) };
        let mut forms: Vec<Form> = named.options().stored.clone();
        forms.retain(|form| matches!(form, Form::Scram(_)));
        if forms.is_empty() {
            forms.push(Form::Scram(ScramHash::Sha1));
        }
        forms.retain(|form| !before.forms().contains(form));
        let mut stored = before.clone();
        self.add_forms(&mut stored, &forms, &prepared).await?;
        stored.set_plain(None);
        let after = self.forgetting(&named);
        let rows = self.rows(&named, &prepared, &stored);
        let changed = self.0.sql.upgrade(&named.host, &named.user, before, rows, after).await?;
        Ok(*changed == Changed::Done)
    }

    /// Removes an account. What other parts of the server keep about it is theirs to remove.
    ///
    /// # Errors
    /// [`AccountError::NotFound`]; else as [`Self::register`].
    pub async fn remove(&self, user: &str, host: &str) -> Result<Committed<()>, AccountError> {
        let named = self.writable(user, host)?;
        let changed = self.0.sql.remove(&named.host, &named.user, self.forgetting(&named)).await?;
        done(changed, AccountError::NotFound)
    }

    /// Prepares a name on a host whose back-ends keep accounts.
    fn writable(&self, user: &str, host: &str) -> Result<Named, AccountError> {
        let named = self.named(user, host)?;
        if named.options().methods.contains(&Method::Sql) {
            return Ok(named);
        }
        let refused = self.undecided(&named);
        Err(refused.unwrap_or(AccountError::NotAllowed { host: named.host }))
    }

    async fn store_form(&self, named: &Named, prepared: &Secret) -> Result<Stored, AccountError> {
        let mut stored = Stored::default();
        self.add_forms(&mut stored, &named.options().stored, prepared).await?;
        Ok(stored)
    }

    /// All rows of an account with this password.
    pub(crate) fn rows(&self, named: &Named, prepared: &Secret, stored: &Stored) -> Rows {
        Rows { users: stored.rows(), relay: self.relay_rows(named, prepared, stored) }
    }

    fn forgetting(&self, named: &Named) -> impl FnOnce() + Send + 'static {
        let (accounts, address) = (self.clone(), named.address.clone());
        move || accounts.forget(&address)
    }
}

/// The receipt of a change that was made, or the error that says why not.
fn done(changed: Committed<Changed>, refused: AccountError) -> Result<Committed<()>, AccountError> {
    match *changed {
        Changed::Done => Ok(changed.map(|_| ())),
        Changed::Refused => Err(refused),
    }
}
