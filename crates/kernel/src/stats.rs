//! What happens too often to ask the metrics each time: counted here, and told to them every few seconds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use observe::names;
use xmpp_wire::StanzaKind;

use crate::Kernel;

/// Stanzas routed, by kind.
#[derive(Default)]
pub(crate) struct Stats {
    messages: AtomicU64,
    presences: AtomicU64,
    iqs: AtomicU64,
}

impl Stats {
    pub(crate) fn routed(&self, kind: StanzaKind) {
        let counter = match kind {
            StanzaKind::Message(_) => &self.messages,
            StanzaKind::Presence(_) => &self.presences,
            StanzaKind::Iq(_) => &self.iqs,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Kernel {
    /// Tells the metrics what was counted since the start, and how many sessions there are.
    pub fn report_metrics(&self) {
        let Stats { messages, presences, iqs } = self.stats();
        for (kind, count) in [("message", messages), ("presence", presences), ("iq", iqs)] {
            metrics::counter!(names::STANZAS, "kind" => kind)
                .absolute(count.load(Ordering::Relaxed));
        }
        metrics::counter!(names::STORE_COMMITS).absolute(self.store().stats().groups);
        let mut sessions: HashMap<String, (u32, u32)> = HashMap::new();
        for host in self.hosts() {
            sessions.insert(host.name().to_owned(), (0, 0));
        }
        for session in self.sessions().all() {
            if let Some((open, detached)) = sessions.get_mut(session.jid().domain().as_str()) {
                *open += 1;
                *detached += u32::from(session.is_detached());
            }
        }
        for (host, (open, detached)) in sessions {
            metrics::gauge!(names::SESSIONS_OPEN, "host" => host.clone()).set(f64::from(open));
            metrics::gauge!(names::SESSIONS_DETACHED, "host" => host).set(f64::from(detached));
        }
    }
}
