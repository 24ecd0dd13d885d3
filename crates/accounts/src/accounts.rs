//! [`Accounts`]: the handle, looking accounts up, and listing them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::hmac;
use jid::{DomainPart, NodePart};
use parking_lot::RwLock;
use sasl::{ScramHash, ScramVerifier};
use stdx::{Secret, SecretBytes};
use store::{Store, StoreError};

use crate::backend::anonymous::{AnonymousSession, Sessions};
use crate::backend::sql::Sql;
use crate::cache::{Cache, Entry};
use crate::hashing::Hashing;
use crate::relay::Relays;
use crate::{AccountError, HostOptions, Method, Options, Stored};

/// Gives random bytes: the kernel's source, passed in.
pub type RandomSource = fn() -> [u8; 32];

/// The accounts of all hosts. Cloning is cheap; all clones share cache and store.
#[derive(Clone)]
pub struct Accounts(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) sql: Sql,
    pub(crate) hashing: Hashing,
    pub(crate) random: RandomSource,
    pub(crate) anonymous: Sessions,
    pub(crate) decoy_key: Arc<SecretBytes>,
    memory_key: hmac::Key,
    pub(crate) relays: RwLock<Arc<Relays>>,
    settled: RwLock<Arc<Settled>>,
    /// Counts changes of accounts, so that what was read before a change is not cached after it.
    changes: AtomicU64,
}

/// What a reload replaces.
pub(crate) struct Settled {
    options: Options,
    pub(crate) cache: Arc<Cache>,
}

/// An account's name, prepared, with the options of its host at this moment.
pub(crate) struct Named {
    pub(crate) user: String,
    pub(crate) host: String,
    /// `user@host`.
    pub(crate) address: String,
    settled: Arc<Settled>,
}

impl Named {
    pub(crate) fn options(&self) -> &HostOptions {
        self.settled
            .options
            .hosts
            .get(&self.host)
            .expect("the host was found when the name was prepared")
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.options().use_cache.then_some(&*self.settled.cache)
    }
}

/// How much is going on, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Passwords that wait to be hashed or are being hashed.
    pub hashing: usize,
    /// Accounts in the cache, about.
    pub cached: u64,
    /// Addresses with open anonymous sessions.
    pub anonymous: usize,
}

impl Accounts {
    /// Opens the accounts in a store that was opened with [`crate::TABLES`]. At the first start a
    /// key for invented verifiers is drawn and stored.
    ///
    /// # Errors
    /// The store's.
    pub async fn open(
        store: Store,
        options: Options,
        random: RandomSource,
    ) -> Result<Self, StoreError> {
        let sql = Sql::new(store);
        let decoy_key = sql.decoy_key(SecretBytes::new(random())).await?;
        let memory_key = hmac::Key::new(hmac::HMAC_SHA256, &random());
        let cache = Arc::new(Cache::new(options.cache));
        Ok(Self(Arc::new(Inner {
            sql,
            hashing: Hashing::new(),
            random,
            anonymous: Sessions::default(),
            decoy_key: Arc::new(decoy_key),
            memory_key,
            relays: RwLock::default(),
            settled: RwLock::new(Arc::new(Settled { options, cache })),
            changes: AtomicU64::new(0),
        })))
    }

    /// Takes the options of a reload. The cache stays unless its bounds changed.
    pub fn reconfigure(&self, options: Options) {
        let mut settled = self.0.settled.write();
        let cache = if settled.cache.limits() == options.cache {
            Arc::clone(&settled.cache)
        } else {
            Arc::new(Cache::new(options.cache))
        };
        *settled = Arc::new(Settled { options, cache });
    }

    /// The options of a host, for instance to see which mechanisms it can offer.
    ///
    /// # Errors
    /// [`AccountError::UnknownHost`].
    pub fn host_options(&self, host: &str) -> Result<HostOptions, AccountError> {
        let settled = self.settled();
        let host = served(&settled, host)?;
        Ok(settled.options.hosts.get(&host).expect("a served host has options").clone())
    }

    /// The key for inventing verifiers of unknown accounts ([`sasl::Context::decoy_key`]); the same
    /// at every start.
    pub fn decoy_key(&self) -> Arc<SecretBytes> {
        Arc::clone(&self.0.decoy_key)
    }

    /// How much is going on.
    pub fn stats(&self) -> Stats {
        Stats {
            hashing: self.0.hashing.waiting(),
            cached: self.settled().cache.len(),
            anonymous: self.0.anonymous.len(),
        }
    }

    /// Whether an account exists, or an anonymous session of that name is open.
    ///
    /// # Errors
    /// [`AccountError::InvalidName`], [`AccountError::UnknownHost`],
    /// [`AccountError::MethodNotInForce`] if only such a method could say yes,
    /// [`AccountError::Store`].
    pub async fn exists(&self, user: &str, host: &str) -> Result<bool, AccountError> {
        let named = self.named(user, host)?;
        for method in &named.options().methods {
            match method {
                Method::Sql if self.look_up(&named).await?.stored.is_some() => return Ok(true),
                Method::Anonymous if self.0.anonymous.exists(&named.address) => return Ok(true),
                Method::Sql | Method::Anonymous | Method::NotInForce(_) => {}
            }
        }
        self.undecided(&named).map_or(Ok(false), Err)
    }

    /// What is stored of an account's password, `None` if there is no account: for reports, not for
    /// log-in.
    ///
    /// # Errors
    /// As [`Self::exists`].
    pub async fn stored(&self, user: &str, host: &str) -> Result<Option<Stored>, AccountError> {
        let named = self.named(user, host)?;
        if !named.options().methods.contains(&Method::Sql) {
            return self.undecided(&named).map_or(Ok(None), Err);
        }
        Ok(self.look_up(&named).await?.stored.clone())
    }

    /// The verifier that SCRAM needs, `None` if there is no account or none of that hash: give it
    /// to [`sasl::Negotiation::verifier`] as it is. Where only clear text is stored, one is
    /// derived, with a salt that stays the same.
    ///
    /// # Errors
    /// As [`Self::exists`], and [`AccountError::Busy`].
    pub async fn verifier(
        &self,
        user: &str,
        host: &str,
        hash: ScramHash,
    ) -> Result<Option<ScramVerifier>, AccountError> {
        let named = self.named(user, host)?;
        if !named.options().methods.contains(&Method::Sql) {
            return Ok(None);
        }
        let entry = self.look_up(&named).await?;
        let Some(stored) = &entry.stored else {
            return Ok(None);
        };
        if let Some(verifier) = stored.verifier(hash) {
            return Ok(Some(verifier.clone()));
        }
        if let Some(derived) = entry.derived(hash) {
            return Ok(Some(derived));
        }
        let Some(plain) = stored.plain() else {
            return Ok(None);
        };
        let Ok(prepared) = sasl::saslprep_password(plain) else {
            return Ok(None);
        };
        let form = self.decoy(hash, &named.address);
        let derived = self.derive(hash, prepared, form.salt().to_vec()).await?;
        entry.set_derived(&derived);
        Ok(Some(derived))
    }

    /// Account names of a host that start with `prefix`, sorted by their bytes: at most `limit`
    /// after skipping `offset`.
    ///
    /// # Errors
    /// [`AccountError::UnknownHost`], [`AccountError::MethodNotInForce`] if no other method is
    /// named, [`AccountError::Store`].
    pub async fn list(
        &self,
        host: &str,
        prefix: &str,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<String>, AccountError> {
        let settled = self.settled();
        let host = served(&settled, host)?;
        if !stores(&settled, &host)? {
            return Ok(Vec::new());
        }
        Ok(self.0.sql.list(&host, prefix, limit, offset).await?)
    }

    /// How many accounts of a host start with `prefix`.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn count(&self, host: &str, prefix: &str) -> Result<u64, AccountError> {
        let settled = self.settled();
        let host = served(&settled, host)?;
        if !stores(&settled, &host)? {
            return Ok(0);
        }
        Ok(self.0.sql.count(&host, prefix).await?)
    }

    /// A fresh name for SASL ANONYMOUS: 128 random bits.
    pub fn anonymous_node(&self) -> NodePart {
        let name: String =
            (self.0.random)().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        NodePart::new(&name).expect("hexadecimal digits are a valid node").into_owned()
    }

    /// Opens an anonymous session under a name; it exists until the value is dropped.
    ///
    /// # Errors
    /// [`AccountError::NotAllowed`] if anonymous log-in is off, [`AccountError::Exists`] if an
    /// account has the name, or another session has it and `allow_multiple_connections` is off;
    /// else as [`Self::exists`].
    pub async fn open_anonymous(
        &self,
        user: &str,
        host: &str,
    ) -> Result<AnonymousSession, AccountError> {
        let named = self.named(user, host)?;
        let options = named.options();
        if !options.methods.contains(&Method::Anonymous) {
            return Err(AccountError::NotAllowed { host: named.host });
        }
        if options.methods.contains(&Method::Sql) && self.look_up(&named).await?.stored.is_some() {
            return Err(AccountError::Exists);
        }
        self.0.anonymous.open(&named.address, options.anonymous_shared).ok_or(AccountError::Exists)
    }

    fn settled(&self) -> Arc<Settled> {
        Arc::clone(&self.0.settled.read())
    }

    /// Prepares a name (nodeprep) and finds its host.
    pub(crate) fn named(&self, user: &str, host: &str) -> Result<Named, AccountError> {
        let settled = self.settled();
        let host = served(&settled, host)?;
        let node = NodePart::new(user)
            .map_err(|_| AccountError::InvalidName(user.chars().take(80).collect()))?;
        let user = node.as_str().to_owned();
        Ok(Named { address: format!("{user}@{host}"), user, host, settled })
    }

    /// The error for methods that would have to decide and cannot.
    pub(crate) fn undecided(&self, named: &Named) -> Option<AccountError> {
        named.options().methods.iter().find_map(|method| match method {
            Method::NotInForce(method) => {
                Some(AccountError::MethodNotInForce { method, host: named.host.clone() })
            }
            Method::Sql | Method::Anonymous => None,
        })
    }

    /// What is stored of an account, from the cache or the store.
    pub(crate) async fn look_up(&self, named: &Named) -> Result<Arc<Entry>, AccountError> {
        if let Some(entry) = named.cache().and_then(|cache| cache.get(&named.address)) {
            return Ok(entry);
        }
        let before = self.0.changes.load(Ordering::SeqCst);
        let with_relay = self.keeps_relay_keys();
        let found = self.0.sql.load(&named.host, &named.user, with_relay).await?;
        let entry = Arc::new(match found {
            Some(found) => {
                let relay = self.open_relay_rows(named, &found.rows, &found.relay);
                Entry::new(Some(found.stored), found.whole, relay)
            }
            None => Entry::new(None, true, Vec::new()),
        });
        if let Some(cache) = named.cache()
            && self.0.changes.load(Ordering::SeqCst) == before
        {
            cache.insert(&named.address, Arc::clone(&entry));
            // A change that was committed between the two lines above forgot before we inserted.
            if self.0.changes.load(Ordering::SeqCst) != before {
                cache.forget(&named.address);
            }
        }
        Ok(entry)
    }

    /// Forgets what is cached of an account; called when a change of it is committed.
    pub(crate) fn forget(&self, address: &str) {
        self.0.changes.fetch_add(1, Ordering::SeqCst);
        self.settled().cache.forget(address);
    }

    /// Forgets what is cached of every account, after the rows were changed by others.
    pub fn forget_all(&self) {
        self.0.changes.fetch_add(1, Ordering::SeqCst);
        self.settled().cache.forget_all();
    }

    /// An HMAC of a password that is right for one account, under a key that lives in this process.
    pub(crate) fn tag(&self, named: &Named, prepared: &Secret) -> SecretBytes {
        let mut context = hmac::Context::with_key(&self.0.memory_key);
        // No address holds a zero byte, so it ends the address.
        context.update(named.address.as_bytes());
        context.update(&[0]);
        context.update(prepared.expose().as_bytes());
        SecretBytes::new(context.sign().as_ref())
    }

    /// The verifier of an account that does not exist.
    pub(crate) fn decoy(&self, hash: ScramHash, address: &str) -> ScramVerifier {
        ScramVerifier::decoy(hash, &self.0.decoy_key, address, sasl::DEFAULT_ITERATIONS)
    }

    /// Derives a verifier behind the gate.
    pub(crate) async fn derive(
        &self,
        hash: ScramHash,
        prepared: Secret,
        salt: Vec<u8>,
    ) -> Result<ScramVerifier, AccountError> {
        let derive = move || ScramVerifier::derive(hash, &prepared, salt, sasl::DEFAULT_ITERATIONS);
        Ok(self
            .0
            .hashing
            .run(derive)
            .await?
            .expect("the server's own salt and iteration count are in range"))
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// The prepared name of a served host.
fn served(settled: &Settled, host: &str) -> Result<String, AccountError> {
    let hosts = &settled.options.hosts;
    if hosts.contains_key(host) {
        return Ok(host.to_owned());
    }
    let prepared =
        DomainPart::new(host).ok().filter(|prepared| hosts.contains_key(prepared.as_str()));
    let unknown = || AccountError::UnknownHost(host.chars().take(80).collect());
    prepared.map(|prepared| prepared.as_str().to_owned()).ok_or_else(unknown)
}

/// Whether a host has a back-end that keeps accounts.
fn stores(settled: &Settled, host: &str) -> Result<bool, AccountError> {
    let methods = settled
        .options
        .hosts
        .get(host)
        .map(|options| options.methods.as_slice())
        .unwrap_or_default();
    let other = methods.iter().find_map(|method| match method {
        Method::NotInForce(method) => Some(*method),
        Method::Sql | Method::Anonymous => None,
    });
    match other {
        _ if methods.contains(&Method::Sql) => Ok(true),
        Some(method) => Err(AccountError::MethodNotInForce { method, host: host.to_owned() }),
        None => Ok(false),
    }
}
