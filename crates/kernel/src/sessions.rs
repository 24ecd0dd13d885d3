//! Who is online: a sharded table from account to sessions, read without waiting.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jid::{BareJid, Jid};
use parking_lot::RwLock;
use smallvec::SmallVec;

use crate::session::SessionHandle;

const SHARDS: usize = 64;

/// The sessions of one account, oldest first.
pub type AccountSessions = SmallVec<[Arc<SessionHandle>; 1]>;

/// The bare form of an address without allocating: neither a node nor a domain can hold a slash.
pub fn bare_str(jid: &Jid) -> &str {
    let text = jid.as_str();
    text.split_once('/').map_or(text, |(bare, _)| bare)
}

/// All sessions of this node.
pub struct Sessions {
    shards: Vec<RwLock<HashMap<Box<str>, AccountSessions>>>,
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
    fn shard(&self, bare: &str) -> &RwLock<HashMap<Box<str>, AccountSessions>> {
        let place = usize::try_from(self.hasher.hash_one(bare)).unwrap_or(usize::MAX) % SHARDS;
        &self.shards[place]
    }

    /// Enters a session. Returns the sessions it replaces: any with the same full JID.
    pub fn add(&self, handle: Arc<SessionHandle>) -> AccountSessions {
        let account = handle.jid().to_bare();
        let mut shard = self.shard(account.as_str()).write();
        let sessions = shard.entry(account.as_str().into()).or_default();
        let mut replaced = AccountSessions::new();
        sessions.retain(|old| {
            let same = old.jid() == handle.jid();
            if same {
                replaced.push(old.clone());
            }
            !same
        });
        sessions.push(handle);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_sub(replaced.len(), Ordering::Relaxed);
        replaced
    }

    /// Takes a session out. Returns whether it was there: one that was replaced is not.
    pub fn remove(&self, handle: &SessionHandle) -> bool {
        let account = handle.jid().to_bare();
        let mut shard = self.shard(account.as_str()).write();
        let Some(sessions) = shard.get_mut(account.as_str()) else { return false };
        let before = sessions.len();
        sessions.retain(|other| other.number() != handle.number());
        let removed = before - sessions.len();
        if sessions.is_empty() {
            shard.remove(account.as_str());
        }
        self.count.fetch_sub(removed, Ordering::Relaxed);
        removed > 0
    }

    /// The sessions of an account given as `user@host`.
    pub fn of(&self, bare: &str) -> AccountSessions {
        self.shard(bare).read().get(bare).cloned().unwrap_or_default()
    }

    /// The session of a full JID.
    pub fn find(&self, bare: &str, resource: &str) -> Option<Arc<SessionHandle>> {
        let shard = self.shard(bare).read();
        shard.get(bare)?.iter().find(|handle| handle.jid().resource().as_str() == resource).cloned()
    }

    /// Whether an account has any session.
    pub fn is_online(&self, account: &BareJid) -> bool {
        self.shard(account.as_str()).read().contains_key(account.as_str())
    }

    /// How many sessions there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Every session, in no order; a copy, for commands.
    pub fn all(&self) -> Vec<Arc<SessionHandle>> {
        let mut all = Vec::with_capacity(self.count());
        for shard in &self.shards {
            all.extend(shard.read().values().flatten().cloned());
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

/// The sessions that get a message to the bare JID (RFC 6121 §8.5.2.1.1).
///
/// COMPAT: like ejabberd, chat and normal messages go to all sessions that share the highest priority,
/// headlines to all with a priority that is not negative.
pub fn message_targets(sessions: &AccountSessions, headline: bool) -> AccountSessions {
    let ready =
        |handle: &&Arc<SessionHandle>| handle.priority().is_some_and(|priority| priority >= 0);
    let Some(highest) = sessions.iter().filter(ready).filter_map(|handle| handle.priority()).max()
    else {
        return AccountSessions::new();
    };
    let chosen = |handle: &&Arc<SessionHandle>| headline || handle.priority() == Some(highest);
    sessions.iter().filter(ready).filter(chosen).cloned().collect()
}
