//! Which sessions can be resumed, and how far ended ones had come (XEP-0198 §5).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use jid::BareJid;
use kernel::{ConnectionInfo, SessionHandle};
use parking_lot::Mutex;
use xmpp_wire::sm::Counter;

use super::SmId;
use crate::carriers::Carrier;

/// Counters of ended sessions that are remembered at most, whatever the configuration says.
const ENDED_MAX: usize = 10_000;

/// A connection on its way to the session that it resumes.
pub(crate) struct Resumption {
    pub(crate) carrier: Carrier,
    /// What the client says it has received.
    pub(crate) h: Counter,
    pub(crate) info: ConnectionInfo,
    pub(crate) lang: Option<Box<str>>,
}

/// Sessions by the identifier that clients resume them with.
#[derive(Default)]
pub(crate) struct Registry {
    live: Mutex<HashMap<SmId, Weak<SessionHandle>>>,
    ended: Mutex<Ended>,
}

#[derive(Default)]
struct Ended {
    counters: HashMap<SmId, (BareJid, Counter)>,
    order: VecDeque<SmId>,
}

impl Registry {
    pub(crate) fn add(&self, id: &SmId, session: &Arc<SessionHandle>) {
        self.live.lock().insert(id.clone(), Arc::downgrade(session));
    }

    pub(crate) fn find(&self, previd: &str) -> Option<Arc<SessionHandle>> {
        self.live.lock().get(&SmId::new(previd))?.upgrade()
    }

    /// Remembers how many stanzas of an ended session were handled, so that its client knows what to repeat.
    pub(crate) fn end(&self, id: &SmId, account: &BareJid, handled: Counter) {
        self.live.lock().remove(id);
        let mut ended = self.ended.lock();
        if ended.order.len() >= ENDED_MAX
            && let Some(oldest) = ended.order.pop_front()
        {
            ended.counters.remove(&oldest);
        }
        ended.order.push_back(id.clone());
        ended.counters.insert(id.clone(), (account.clone(), handled));
    }

    /// The count of an ended session, told to its own account only.
    pub(crate) fn last_count(&self, previd: &str, account: &BareJid) -> Option<Counter> {
        let ended = self.ended.lock();
        let (owner, handled) = ended.counters.get(&SmId::new(previd))?;
        (owner == account).then_some(*handled)
    }
}
