//! Which sessions can be resumed, and how far ended ones had come (XEP-0198 §5).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jid::BareJid;
use kernel::{ConnectionInfo, SessionHandle};
use parking_lot::Mutex;
use tokio::time::Instant;
use xmlstream::Element;
use xmpp_wire::sm::{Counter, Handled};

use super::SmId;
use crate::carriers::Carrier;

/// Counters of ended sessions that are remembered at most, whatever the configuration says.
const ENDED_MAX: usize = 100_000;

/// A connection on its way to the session that it resumes.
pub(crate) struct Resumption {
    pub(crate) carrier: Carrier,
    /// What the client says it has received.
    pub(crate) h: Counter,
    pub(crate) info: ConnectionInfo,
    pub(crate) lang: Option<Box<str>>,
    /// The version of stream management it speaks.
    pub(crate) ns: &'static str,
    /// What the answer is part of, if the client asked while it authenticated (XEP-0198 §9.2).
    pub(crate) success: Option<Box<Element>>,
}

/// Sessions by the identifier that clients resume them with.
#[derive(Default)]
pub(crate) struct Registry {
    live: Mutex<HashMap<SmId, Weak<SessionHandle>>>,
    ended: Mutex<Ended>,
}

#[derive(Default)]
struct Ended {
    counters: HashMap<SmId, Counted>,
    order: VecDeque<SmId>,
    entries_max: usize,
    life: Option<Duration>,
}

struct Counted {
    account: BareJid,
    handled: Handled,
    at: Instant,
}

impl Registry {
    /// `cache_size` and `cache_life_time`: how many counters of ended sessions are remembered, and how long.
    pub(crate) fn set_bounds(&self, entries_max: usize, life: Option<Duration>) {
        let mut ended = self.ended.lock();
        ended.entries_max = entries_max.min(ENDED_MAX);
        ended.life = life;
    }

    pub(crate) fn add(&self, id: &SmId, session: &Arc<SessionHandle>) {
        self.live.lock().insert(id.clone(), Arc::downgrade(session));
    }

    pub(crate) fn find(&self, previd: &str) -> Option<Arc<SessionHandle>> {
        self.live.lock().get(&SmId::new(previd))?.upgrade()
    }

    /// Remembers how many stanzas of an ended session were handled, so that its client knows what to repeat.
    pub(crate) fn end(&self, id: &SmId, account: &BareJid, handled: Handled, now: Instant) {
        self.live.lock().remove(id);
        let mut ended = self.ended.lock();
        while ended.order.len() >= ended.entries_max.max(1)
            && let Some(oldest) = ended.order.pop_front()
        {
            ended.counters.remove(&oldest);
        }
        ended.order.push_back(id.clone());
        ended.counters.insert(id.clone(), Counted { account: account.clone(), handled, at: now });
    }

    /// The count of an ended session, told to its own account only.
    pub(crate) fn last_count(
        &self,
        previd: &str,
        account: &BareJid,
        now: Instant,
    ) -> Option<Handled> {
        let ended = self.ended.lock();
        let counted = ended.counters.get(&SmId::new(previd))?;
        let fresh = ended.life.is_none_or(|life| now.duration_since(counted.at) < life);
        (fresh && counted.account == *account).then_some(counted.handled)
    }
}
