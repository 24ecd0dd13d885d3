//! Enabling stream management, and taking up a session on another connection (XEP-0198 §3, §5).

use std::sync::Arc;
use std::time::Duration;

use jid::Jid;
use kernel::{ConnectionInfo, Control, Host, random};
use xmlstream::RawElement;
use xmpp_wire::sm::{self, Counter, Ledger, OutQueue, SmElement};
use xmpp_wire::{Condition, StreamError};

use super::negotiate::{Negotiating, Step, Stop};
use super::session::{ClientSession, Ending, Next};
use super::sm::{Inbound, Policy, Resumption, SessionRow, Sm, SmId, StreamMgmt};
use super::socket_of;

impl ClientSession {
    /// `<enable/>`: from here on stanzas are counted.
    pub(super) async fn enable_sm(&mut self, resume: bool, max: Option<u32>, out: &mut Vec<u8>) -> Next {
        let Some(policy) = self.policy() else {
            sm::failed(Condition::ServiceUnavailable, None).write_on_stream(out);
            return Next::Go;
        };
        if self.sm.is_some() {
            sm::failed(Condition::UnexpectedRequest, None).write_on_stream(out);
            return Next::Go;
        }
        let resume_for = resume.then(|| wait(&policy, max)).filter(|wait| !wait.is_zero());
        let id = SmId::new(&random::token());
        let inbound = Inbound::new(id.clone(), Ledger::new(), self.session.handle().clone());
        let queue = OutQueue::new(policy.max_ack_queue);
        let managed = Sm::new(self.session.kernel(), id, policy, resume_for, inbound, queue);
        // The promise to be resumable holds across a crash, so it is durable before it is given.
        if managed.journal.open(self.row(resume_for)).await.is_err() {
            sm::failed(Condition::InternalServerError, None).write_on_stream(out);
            return Next::Go;
        }
        if resume_for.is_some() {
            self.door.registry().add(&managed.id, self.session.handle());
        }
        sm::enabled(resume_for.map(|wait| (managed.id.as_str(), wait.as_secs()))).write_on_stream(out);
        self.sm = Some(Box::new(managed));
        Next::Go
    }

    fn policy(&self) -> Option<Arc<Policy>> {
        Some(self.session.generation().module::<StreamMgmt>("mod_stream_mgmt")?.policy())
    }

    fn row(&self, resume_for: Option<Duration>) -> SessionRow {
        let jid = self.session.jid();
        let handle = self.session.handle();
        SessionRow {
            username: jid.node().map(|node| node.as_str().to_owned()).unwrap_or_default(),
            host: jid.domain().as_str().to_owned(),
            resource: jid.resource().as_str().to_owned(),
            resume_seconds: resume_for.map_or(0, |wait| i64::try_from(wait.as_secs()).unwrap_or(i64::MAX)),
            handled: 0,
            presence: handle.presence().map(|stanza| stanza.to_text()),
            interested: handle.is_interested(),
        }
    }

    /// The session goes on over another connection.
    pub(super) async fn attach(&mut self, resumption: Resumption, out: &mut Vec<u8>) -> Next {
        let Some(sm) = &mut self.sm else { return Next::Go };
        // A client must not repeat what is still on its way into the store, so it has to wait for that.
        let Some(handled) = sm.inbound.handled_all() else {
            self.waiting = Some(Box::new(resumption));
            return Next::Go;
        };
        let Resumption { carrier, h, info, lang } = resumption;
        if let Some(mut old) = self.carrier.replace(carrier) {
            // The old connection is probably dead; a word and no waiting.
            let mut bye = Vec::new();
            StreamError::conflict().with_text("Resumed on another connection").write(&mut bye);
            bye.extend_from_slice(b"</stream:stream>");
            drop(old.write(&bye, Duration::from_millis(200)).await);
        }
        out.clear();
        if let Err(too_high) = sm.acknowledged(h) {
            return Next::End(Ending::WithError(too_high.stream_error()));
        }
        sm.ack_asked = false;
        sm.owes_ack = false;
        sm::resumed(sm.id.as_str(), handled).write_on_stream(out);
        sm.queue.unacknowledged().for_each(|stanza| stanza.write(out));
        self.lang = lang;
        self.session.handle().set_info(info);
        self.resumed().await;
        Next::Go
    }
}

/// How long a session may wait: what the client asks for, within the policy.
fn wait(policy: &Policy, asked: Option<u32>) -> Duration {
    match asked {
        Some(seconds) => Duration::from_secs(u64::from(seconds)).min(policy.max_resume_timeout),
        None => policy.resume_timeout,
    }
}

impl Negotiating {
    /// `<resume/>`: finds the session and hands it this connection.
    pub(super) async fn resume(&mut self, host: &Arc<Host>, element: &RawElement) -> Result<Step, Stop> {
        let Ok(SmElement::Resume { previd, h }) = SmElement::parse(element) else {
            return Err(StreamError::invalid_xml().into());
        };
        let Some(account) = self.account.clone() else { return Err(Stop::Quietly) };
        let enabled = host.generation().module::<StreamMgmt>("mod_stream_mgmt").is_some();
        let session = self.door.registry().find(&previd).filter(|session| {
            enabled && session.jid().to_bare() == account
        });
        let Some(session) = session else {
            let h = self.door.registry().last_count(&previd, &account);
            return self.not_resumed(h).await;
        };
        let info = ConnectionInfo {
            kind: if self.is_tls() { "c2s_tls" } else { "c2s" },
            peer: socket_of(&self.peer),
            since: self.door.kernel.clock().wall(),
        };
        let Some(mut carrier) = self.carrier.take() else { return Err(Stop::Quietly) };
        let generation = host.generation();
        let full = Jid::from(session.jid().clone());
        let subject = access::Subject::new(Some(&full), self.peer.ip());
        let shaper = generation.access().shaper(&self.door.options.shaper, &subject).rate();
        carrier.set_shaper(shaper.map(|rate| netio::Shaper::new(rate.bytes_per_second, Some(rate.burst_bytes))));
        let resumption = Resumption { carrier, h, info, lang: self.lang.take() };
        match session.mailbox().control(Control::Attach(Box::new(resumption))) {
            Ok(()) => Err(Stop::Done(None)),
            Err(Control::Attach(back)) => {
                // It ended while we looked; the client keeps this connection and binds anew.
                self.carrier = back.downcast::<Resumption>().ok().map(|resumption| resumption.carrier);
                self.not_resumed(None).await
            }
            Err(_) => Err(Stop::Quietly),
        }
    }

    async fn not_resumed(&mut self, h: Option<Counter>) -> Result<Step, Stop> {
        let failed = sm::failed(Condition::ItemNotFound, h);
        self.send(&failed).await?;
        Ok(Step::Continue)
    }
}
