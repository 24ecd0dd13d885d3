//! XEP-0199: XMPP Ping. Answers pings, and pings clients that were silent for a while.
//!
//! One task looks after all sessions of a host. Whatever a client sends shows that it is there, the answer to a ping
//! like anything else, so no reply is waited for.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use kernel::hooks::{SessionBound, SessionClosed, SessionPending, SessionResumed, Stage, Step};
use kernel::{
    Answering, At, CloseReason, Control, Delivery, GetAnswer, IqRequest, Kernel, Module, Register,
    Session, SessionHandle, Start, Xep, random, xep,
};
use parking_lot::Mutex;
use settings::{Limit, Problem};
use xmlstream::Element;
use xmpp_wire::{IqType, Stanza, StanzaCondition, ns};

/// How long an answer may take when `ping_ack_timeout` does not say: ejabberd's patience with any IQ.
const ACK_TIMEOUT: Duration = Duration::from_secs(32);

/// Answers pings, and sends them.
pub(crate) struct Ping {
    /// Sessions that wait for their resumption: nobody is there to answer.
    pending: Arc<Mutex<HashSet<u64>>>,
    /// Present while pings are sent; the task ends with it.
    pinger: Option<Arc<Pinger>>,
}

struct Pinger {
    host: Box<str>,
    interval: u32,
    ack_timeout: u32,
    kill: bool,
    pending: Arc<Mutex<HashSet<u64>>>,
    /// When sessions were pinged that have not been heard of since, in seconds since the server started.
    asked: Mutex<HashMap<u64, u32>>,
}

impl Module for Ping {
    const NAME: &'static str = "mod_ping";
    const ABOUT: &'static str = "Answers pings and pings silent clients (XEP-0199)";
    const IMPLEMENTS: &'static [Xep] = &[xep(199, "2.0.1")];
    const OPTIONS: &'static [&'static str] =
        &["ping_ack_timeout", "ping_interval", "send_pings", "timeout_action"];

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        let options = start.options;
        let pending = start.previous.map_or_else(Arc::default, |previous| previous.pending.clone());
        let ack_timeout = options
            .duration_if_set("ping_ack_timeout")
            .and_then(Limit::finite)
            .unwrap_or(ACK_TIMEOUT);
        let pinger = match options.duration("ping_interval").finite() {
            Some(interval) if options.bool("send_pings") => {
                let asked = start.previous.and_then(|previous| previous.pinger.as_ref());
                let pinger = Arc::new(Pinger {
                    host: start.host.into(),
                    interval: seconds(interval),
                    ack_timeout: seconds(ack_timeout),
                    kill: options.text("timeout_action") == Some("kill"),
                    pending: pending.clone(),
                    asked: Mutex::new(
                        asked.map(|previous| previous.asked.lock().clone()).unwrap_or_default(),
                    ),
                });
                let watch = watch(start.kernel.clone(), Arc::downgrade(&pinger), pinger.pause());
                start.kernel.tasks().spawn("ping", watch);
                Some(pinger)
            }
            _ => None,
        };
        Ok(Self { pending, pinger })
    }

    fn register(on: &mut Register<'_, Self>) {
        on.iq_get(At::Server, ns::PING, Self::answer);
        on.iq_get(At::Account, ns::PING, Self::answer);
        on.feature(At::Account, ns::PING);
        on.hook::<SessionBound>(Stage::Observe, Self::connected);
        on.hook::<SessionPending>(Stage::Observe, Self::disconnected);
        on.hook::<SessionResumed>(Stage::Observe, Self::connected);
        on.hook::<SessionClosed>(Stage::Observe, Self::closed);
    }
}

impl Ping {
    fn answer<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        let ping = request.payload.name() == "ping";
        Box::pin(
            async move { if ping { Ok(None) } else { Err(StanzaCondition::BadRequest.into()) } },
        )
    }

    fn connected<'a>(&'a self, session: &'a mut &mut Session) -> Step<'a> {
        session.handle().touch(session.kernel().clock());
        self.pending.lock().remove(&session.handle().number());
        Step::CONTINUE
    }

    fn disconnected<'a>(&'a self, session: &'a mut &mut Session) -> Step<'a> {
        self.pending.lock().insert(session.handle().number());
        Step::CONTINUE
    }

    fn closed<'a>(&'a self, session: &'a mut &mut Session) -> Step<'a> {
        let number = session.handle().number();
        self.pending.lock().remove(&number);
        if let Some(pinger) = &self.pinger {
            pinger.asked.lock().remove(&number);
        }
        Step::CONTINUE
    }
}

async fn watch(kernel: Kernel, pinger: Weak<Pinger>, pause: Duration) {
    let mut stopping = kernel.tasks().stopping();
    loop {
        tokio::select! {
            () = stopping.wait() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let Some(pinger) = pinger.upgrade() else { return };
        let now = u32::try_from(kernel.clock().uptime().as_secs()).unwrap_or(u32::MAX);
        let sessions = kernel.sessions().of_host(&pinger.host);
        let present: HashSet<u64> = sessions.iter().map(|session| session.number()).collect();
        pinger.asked.lock().retain(|number, _| present.contains(number));
        for session in sessions {
            pinger.look_after(&session, now);
        }
    }
}

impl Pinger {
    /// How often it looks: a quarter of the shorter time, and not too seldom.
    fn pause(&self) -> Duration {
        Duration::from_secs(u64::from((self.interval.min(self.ack_timeout) / 4).clamp(1, 15)))
    }

    fn look_after(&self, session: &SessionHandle, now: u32) {
        if self.pending.lock().contains(&session.number()) {
            return;
        }
        let active_at = session.active_at();
        let asked = self.asked.lock().get(&session.number()).copied();
        match asked {
            Some(at) if active_at >= at => drop(self.asked.lock().remove(&session.number())),
            Some(at) if now.saturating_sub(at) >= self.ack_timeout => {
                if self.kill {
                    self.asked.lock().insert(session.number(), now);
                    tracing::info!(session = %session.jid(), "a client that does not answer pings is taken for gone");
                    // As for one that does not read: it may resume elsewhere.
                    drop(session.mailbox().control(Control::Close(CloseReason::Stalled)));
                } else {
                    // It is asked again after another interval.
                    self.ask(session, now);
                }
            }
            Some(_) => {}
            None if now.saturating_sub(active_at) >= self.interval => self.ask(session, now),
            None => {}
        }
    }

    fn ask(&self, session: &SessionHandle, now: u32) {
        let Ok(host) = jid::Jid::new(&self.host) else { return };
        let ping = Stanza::iq(IqType::Get, &random::token())
            .with_from(host)
            .with_to(jid::Jid::from(session.jid().clone()))
            .with_child(&Element::new("ping", ns::PING));
        if session.mailbox().push(Delivery::new(ping)).is_ok() {
            self.asked.lock().insert(session.number(), now);
        }
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)
}
