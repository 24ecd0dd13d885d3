//! Who is online: a sharded table from account to sessions, read without waiting.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jid::{BareJid, Jid};
use parking_lot::RwLock;
use smallvec::SmallVec;

use crate::estate::Gate;
use crate::session::SessionHandle;

const SHARDS: usize = 64;

/// The sessions of one account, oldest first.
pub type AccountSessions = SmallVec<[Arc<SessionHandle>; 1]>;

/// The bare form of an address without allocating: neither a node nor a domain can hold a slash.
pub fn bare_str(jid: &Jid) -> &str {
    let text = jid.as_str();
    text.split_once('/').map_or(text, |(bare, _)| bare)
}

/// What the table knows of an account: there is one as long as it has a session, or an estate to wait for.
#[derive(Default)]
struct Account {
    sessions: AccountSessions,
    probate: Option<Box<Probate>>,
}

/// Sessions whose estate is still to be given back, and what opens when the last one is.
struct Probate {
    of: AccountSessions,
    gate: Arc<Gate>,
}

impl Account {
    fn list(&mut self, session: &Arc<SessionHandle>) -> Arc<Gate> {
        let fresh = || Box::new(Probate { of: AccountSessions::new(), gate: Arc::default() });
        let probate = self.probate.get_or_insert_with(fresh);
        if probate.gate.is_open() {
            // Nobody waits for the one before any more, but this estate has its own time.
            probate.gate = Arc::default();
        }
        if probate.of.iter().all(|other| other.number() != session.number()) {
            probate.of.push(session.clone());
        }
        probate.gate.clone()
    }

    fn strike(&mut self, number: u64) {
        let Some(probate) = &mut self.probate else { return };
        probate.of.retain(|other| other.number() != number);
        if probate.of.is_empty() {
            probate.gate.open();
            self.probate = None;
        }
    }
}

/// All sessions of this node.
pub struct Sessions {
    shards: Vec<RwLock<HashMap<Box<str>, Account>>>,
    hasher: RandomState,
    count: AtomicUsize,
}

impl Default for Sessions {
    fn default() -> Self {
        let shards = std::iter::repeat_with(RwLock::default).take(SHARDS).collect();
        Self { shards, hasher: RandomState::new(), count: AtomicUsize::new(0) }
    }
}

impl Sessions {
    fn shard(&self, bare: &str) -> &RwLock<HashMap<Box<str>, Account>> {
        let place = usize::try_from(self.hasher.hash_one(bare)).unwrap_or(usize::MAX) % SHARDS;
        &self.shards[place]
    }

    /// Enters a session. Returns the sessions it replaces: any with the same full JID.
    ///
    /// What is new waits until each of those has [settled](Self::settle): the older messages are with them.
    pub fn add(&self, handle: Arc<SessionHandle>) -> AccountSessions {
        let name = handle.jid().to_bare();
        let mut shard = self.shard(name.as_str()).write();
        let account = shard.entry(name.as_str().into()).or_default();
        let mut replaced = AccountSessions::new();
        account.sessions.retain(|old| {
            let same = old.jid() == handle.jid();
            if same {
                replaced.push(old.clone());
            }
            !same
        });
        replaced.iter().for_each(|old| drop(account.list(old)));
        account.sessions.push(handle);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_sub(replaced.len(), Ordering::Relaxed);
        replaced
    }

    /// Takes a session out that leaves nothing. Returns whether it was there: one that was replaced is not.
    pub fn remove(&self, handle: &SessionHandle) -> bool {
        let removed = self.take_out(handle);
        self.settle(handle);
        removed
    }

    /// Takes a session out; what is new for its account waits until it has [settled](Self::settle).
    pub(crate) fn take_out(&self, handle: &SessionHandle) -> bool {
        let name = handle.jid().to_bare();
        let mut shard = self.shard(name.as_str()).write();
        let Some(account) = shard.get_mut(name.as_str()) else { return false };
        let place = account.sessions.iter().position(|other| other.number() == handle.number());
        let Some(place) = place else { return false };
        let session = account.sessions.remove(place);
        account.list(&session);
        self.count.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// The messages of a session that was taken out, or replaced, are where they belong.
    pub(crate) fn settle(&self, handle: &SessionHandle) {
        self.strike(handle, |_| true);
    }

    /// A session that had [no room](Self::overflowed) has made some, and stays.
    pub fn has_room(&self, handle: &SessionHandle) {
        let number = handle.number();
        // One that was replaced meanwhile has yet to end.
        self.strike(handle, |account| account.sessions.iter().any(|one| one.number() == number));
    }

    fn strike(&self, handle: &SessionHandle, is_due: impl FnOnce(&Account) -> bool) {
        let name = handle.jid().to_bare();
        let mut shard = self.shard(name.as_str()).write();
        let Some(account) = shard.get_mut(name.as_str()) else { return };
        if is_due(account) {
            account.strike(handle.number());
        }
        if account.sessions.is_empty() && account.probate.is_none() {
            shard.remove(name.as_str());
        }
    }

    /// A session refused a message for want of room and has been told: until it has ended, or made room, what is new
    /// for its account must wait. `None` when it has been taken out.
    pub(crate) fn overflowed(&self, handle: &SessionHandle) -> Option<Arc<Gate>> {
        let name = handle.jid().to_bare();
        let mut shard = self.shard(name.as_str()).write();
        let account = shard.get_mut(name.as_str())?;
        let session = account.sessions.iter().find(|one| one.number() == handle.number())?.clone();
        Some(account.list(&session))
    }

    /// What is new for an account has to wait for, if there is anything.
    pub(crate) fn gate(&self, bare: &str) -> Option<Arc<Gate>> {
        self.in_turn(bare, |_| ()).err()
    }

    /// Whether somebody waits for a session with this address to end, or to make room.
    pub(crate) fn is_awaited(&self, jid: &Jid) -> bool {
        let shard = self.shard(bare_str(jid)).read();
        let probate = shard.get(bare_str(jid)).and_then(|account| account.probate.as_ref());
        probate.is_some_and(|probate| {
            probate.of.iter().any(|session| session.jid().as_str() == jid.as_str())
        })
    }

    /// Looks at the sessions of an account, unless what is new has to wait.
    pub(crate) fn in_turn<T>(
        &self,
        bare: &str,
        look: impl FnOnce(&[Arc<SessionHandle>]) -> T,
    ) -> Result<T, Arc<Gate>> {
        let shard = self.shard(bare).read();
        let Some(account) = shard.get(bare) else { return Ok(look(&[])) };
        match &account.probate {
            Some(probate) if !probate.gate.is_open() => Err(probate.gate.clone()),
            _ => Ok(look(&account.sessions)),
        }
    }

    /// Looks at the sessions of an account, given as `user@host`.
    pub(crate) fn at_once<T>(
        &self,
        bare: &str,
        look: impl FnOnce(&[Arc<SessionHandle>]) -> T,
    ) -> T {
        let shard = self.shard(bare).read();
        look(shard.get(bare).map_or(&[], |account| &account.sessions))
    }

    /// The sessions of an account given as `user@host`.
    pub fn of(&self, bare: &str) -> AccountSessions {
        self.at_once(bare, |sessions| sessions.into())
    }

    /// The session of a full JID.
    pub fn find(&self, bare: &str, resource: &str) -> Option<Arc<SessionHandle>> {
        self.at_once(bare, |sessions| with_resource(sessions, resource))
    }

    /// Whether an account has any session.
    pub fn is_online(&self, account: &BareJid) -> bool {
        self.at_once(account.as_str(), |sessions| !sessions.is_empty())
    }

    /// How many sessions there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Every session, in no order; a copy, for commands.
    pub fn all(&self) -> Vec<Arc<SessionHandle>> {
        let mut all = Vec::with_capacity(self.count());
        for shard in &self.shards {
            all.extend(shard.read().values().flat_map(|account| &account.sessions).cloned());
        }
        all
    }

    /// The sessions of one host, in no order.
    pub fn of_host(&self, host: &str) -> Vec<Arc<SessionHandle>> {
        let mut all = self.all();
        all.retain(|handle| handle.jid().domain().as_str() == host);
        all
    }
}

/// The session with a resource among those of an account.
pub(crate) fn with_resource(
    sessions: &[Arc<SessionHandle>],
    resource: &str,
) -> Option<Arc<SessionHandle>> {
    sessions.iter().find(|handle| handle.jid().resource().as_str() == resource).cloned()
}

/// The sessions that get a message to the bare JID (RFC 6121 §8.5.2.1.1).
///
/// COMPAT: like ejabberd, chat and normal messages go to all sessions that share the highest priority,
/// headlines to all with a priority that is not negative.
pub fn message_targets(sessions: &[Arc<SessionHandle>], headline: bool) -> AccountSessions {
    let ready =
        |handle: &&Arc<SessionHandle>| handle.priority().is_some_and(|priority| priority >= 0);
    let Some(highest) = sessions.iter().filter(ready).filter_map(|handle| handle.priority()).max()
    else {
        return AccountSessions::new();
    };
    let chosen = |handle: &&Arc<SessionHandle>| headline || handle.priority() == Some(highest);
    sessions.iter().filter(ready).filter(chosen).cloned().collect()
}
