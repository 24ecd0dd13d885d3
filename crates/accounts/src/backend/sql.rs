//! Accounts in the SQL store: ejabberd's `sql`, and its `internal` (`mnesia`), which is the same
//! store here.

use ::store::{Committed, Query, Store, StoreError, TableSet, Tx};
use stdx::SecretBytes;
use tokio::sync::oneshot;

use super::store;
use crate::relay::RelayRow;
use crate::stored::{Stored, UserRow};

/// The tables of accounts, to declare when the store is opened.
pub const TABLES: [&TableSet; 3] = [&store::USERS_SET, &store::KEYS_SET, &store::RELAY_SET];

/// The name of the key for invented verifiers.
const DECOY_KEY: &str = "decoy";

/// The SQL back-end.
pub(crate) struct Sql {
    store: Store,
}

/// What was read of an account: its forms, whether every row was understood, and the rows themselves.
pub(crate) struct Found {
    pub(crate) stored: Stored,
    pub(crate) whole: bool,
    pub(crate) rows: Vec<UserRow>,
    pub(crate) relay: Vec<RelayRow>,
}

/// What is written of an account.
pub(crate) struct Rows {
    pub(crate) users: Vec<UserRow>,
    pub(crate) relay: Vec<RelayRow>,
}

/// What became of a change that depends on what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Done,
    /// There is an account already, there is none, or it is no longer as it was.
    Refused,
}

impl Sql {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// The key for invented verifiers: `fresh` at the first start, the same ever after.
    pub(crate) async fn decoy_key(&self, fresh: SecretBytes) -> Result<SecretBytes, StoreError> {
        let key = self.store.write(move |tx| store::key(tx, DECOY_KEY, fresh.expose())).await?;
        Ok(key.into_inner())
    }

    pub(crate) async fn load(
        &self,
        host: &str,
        user: &str,
        with_relay: bool,
    ) -> Result<Option<Found>, StoreError> {
        let (host, user) = (host.to_owned(), user.to_owned());
        let load = move |query: &mut Query<'_>| {
            let mut found = understand(store::rows(query, &host, &user)?, &user, &host);
            if let Some(found) = found.as_mut().filter(|_| with_relay) {
                found.relay = store::relay_rows(query, &host, &user)?;
            }
            Ok(found)
        };
        self.store.read(load).await
    }

    /// User name and host of the account that has a name of this hash.
    pub(crate) async fn relay_account(
        &self,
        userhash: Vec<u8>,
    ) -> Result<Option<(String, String)>, StoreError> {
        self.store.read(move |query| store::relay_account(query, &userhash)).await
    }

    pub(crate) async fn list(
        &self,
        host: &str,
        prefix: &str,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<String>, StoreError> {
        let (host, prefix) = (host.to_owned(), prefix.to_owned());
        self.store.read(move |query| store::list(query, &host, &prefix, limit, offset)).await
    }

    pub(crate) async fn count(&self, host: &str, prefix: &str) -> Result<u64, StoreError> {
        let (host, prefix) = (host.to_owned(), prefix.to_owned());
        let count = self.store.read(move |query| store::count(query, &host, &prefix)).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Creates an account that is not there.
    pub(crate) async fn create(
        &self,
        host: &str,
        user: &str,
        rows: Rows,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<Committed<Changed>, StoreError> {
        let (host, user) = (host.to_owned(), user.to_owned());
        let change = move |tx: &mut Tx<'_>| {
            if store::exists(tx, &host, &user)? {
                return Ok(Changed::Refused);
            }
            store::replace(tx, &host, &user, &rows)?;
            Ok(Changed::Done)
        };
        self.change(change, after).await
    }

    /// Replaces what is stored of an account that is there.
    pub(crate) async fn replace(
        &self,
        host: &str,
        user: &str,
        rows: Rows,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<Committed<Changed>, StoreError> {
        let (host, user) = (host.to_owned(), user.to_owned());
        let change = move |tx: &mut Tx<'_>| {
            if !store::exists(tx, &host, &user)? {
                return Ok(Changed::Refused);
            }
            store::replace(tx, &host, &user, &rows)?;
            Ok(Changed::Done)
        };
        self.change(change, after).await
    }

    /// Replaces what is stored of an account if it still is `before`, so that a password set
    /// meanwhile stays.
    pub(crate) async fn upgrade(
        &self,
        host: &str,
        user: &str,
        before: &Stored,
        rows: Rows,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<Committed<Changed>, StoreError> {
        let (host, user) = (host.to_owned(), user.to_owned());
        let before = before.rows();
        let change = move |tx: &mut Tx<'_>| {
            let now = understand(store::rows(tx, &host, &user)?, &user, &host);
            if !now.is_some_and(|now| now.whole && now.stored.rows() == before) {
                return Ok(Changed::Refused);
            }
            store::replace(tx, &host, &user, &rows)?;
            Ok(Changed::Done)
        };
        self.change(change, after).await
    }

    pub(crate) async fn remove(
        &self,
        host: &str,
        user: &str,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<Committed<Changed>, StoreError> {
        let (host, user) = (host.to_owned(), user.to_owned());
        let change = move |tx: &mut Tx<'_>| {
            let deleted = store::delete(tx, &host, &user)?;
            Ok(if deleted { Changed::Done } else { Changed::Refused })
        };
        self.change(change, after).await
    }

    /// Runs a change and calls `after` once it is committed, on the writer's thread: also when the
    /// caller has stopped waiting, so that no cache outlives the rows it was filled from.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<Committed<T>, StoreError> {
        let (tell, told) = oneshot::channel();
        self.store.write_then(change, move |result| {
            after();
            // The caller may have gone away; the change counts all the same.
            drop(tell.send(result));
        })?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// Puts rows together and logs those that are not understood; nothing if there are none.
fn understand(rows: Vec<UserRow>, user: &str, host: &str) -> Option<Found> {
    if rows.is_empty() {
        return None;
    }
    let mut whole = true;
    let stored = Stored::from_rows(&rows, |error| {
        whole = false;
        tracing::error!(user, host, %error, "a row of `users` is not understood and left as it is");
    });
    Some(Found { stored, whole, rows, relay: Vec::new() })
}
