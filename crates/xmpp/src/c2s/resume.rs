//! Enabling stream management, and taking up a session on another connection (XEP-0198 §3, §5).

use std::sync::Arc;
use std::time::Duration;

use access::Subject;
use jid::Jid;
use kernel::{ConnectionInfo, Control, Host, random};
use tokio::time::Instant;
use xmlstream::RawElement;
use xmpp_wire::negotiation::write_close;
use xmpp_wire::sm::{Handled, Ledger, SmFailed, SmReply, SmRequest};
use xmpp_wire::{StanzaCondition, StreamCondition, StreamError, ns};

use super::inbound::failed;
use super::negotiate::{Negotiating, Step, Stop};
use super::session::{ClientSession, Ending, Next};
use super::sm::{Inbound, Policy, Resumption, SessionRow, Sm, SmId, StreamMgmt, text};
use super::socket_of;

/// How long the connection that is replaced may take to hear of it; it is most likely dead.
const REPLACED_PATIENCE: Duration = Duration::from_millis(200);

impl ClientSession {
    /// `<enable/>`: from here on stanzas are counted.
    pub(super) async fn enable_sm(
        &mut self,
        resume: bool,
        max_seconds: Option<u32>,
        ns: &'static str,
        out: &mut Vec<u8>,
    ) -> Next {
        let generation = self.session.generation();
        let refusal = match StreamMgmt::of(&generation) {
            Some(_) if self.sm.is_some() => Err(failed(StanzaCondition::UnexpectedRequest)),
            Some(module) => self.begin_sm(&module, resume, max_seconds, ns).await,
            None => Err(failed(StanzaCondition::ServiceUnavailable)),
        };
        match refusal {
            Ok(reply) => reply.write(out, ns),
            Err(refusal) => SmReply::Failed(refusal).write(out, ns),
        }
        Next::Go
    }

    async fn begin_sm(
        &mut self,
        module: &StreamMgmt,
        resume: bool,
        max_seconds: Option<u32>,
        ns: &'static str,
    ) -> Result<SmReply, SmFailed> {
        let policy = module.policy();
        let resume_for = resume.then(|| wait(&policy, max_seconds)).filter(|wait| !wait.is_zero());
        let id = SmId::new(&random::token());
        let inbound = Inbound::new(id.clone(), Ledger::default(), self.session.handle().clone());
        let mut sm = Sm::new(self.session.kernel(), id, policy, ns, inbound);
        sm.resume_for = resume_for;
        // The promise to be resumable holds across a crash, so it is durable before it is given.
        if let Err(error) = sm.journal.open(self.row(resume_for)).await {
            tracing::error!(%error, "stream management could not be enabled");
            return Err(failed(StanzaCondition::InternalServerError));
        }
        let mut reply = SmReply::Enabled { id: None, max_seconds: None, location: None };
        if let Some(wait) = resume_for {
            module.registry().add(&sm.id, self.session.handle());
            let max_seconds = u32::try_from(wait.as_secs()).ok();
            reply = SmReply::Enabled {
                id: Some(sm.id.as_str().to_owned()),
                max_seconds,
                location: None,
            };
        }
        self.sm = Some(Box::new(sm));
        Ok(reply)
    }

    fn row(&self, resume_for: Option<Duration>) -> SessionRow {
        let jid = self.session.jid();
        let handle = self.session.handle();
        SessionRow {
            username: jid.node().map(|node| node.as_str().to_owned()).unwrap_or_default(),
            host: jid.domain().as_str().to_owned(),
            resource: jid.resource().as_str().to_owned(),
            resume_seconds: resume_for
                .map_or(0, |wait| i64::try_from(wait.as_secs()).unwrap_or(i64::MAX)),
            handled: 0,
            presence: handle.presence().as_ref().map(text),
            interested: handle.is_interested(),
        }
    }

    /// Closes the connection that another one replaces, and forgets what was rendered for it.
    async fn dismiss(&mut self, out: &mut Vec<u8>) {
        out.clear();
        if let Some(sm) = &mut self.sm {
            sm.asked = None;
            sm.owes_ack = None;
            sm.requests = 0;
        }
        let Some(mut old) = self.carrier.take() else { return };
        let mut bye = Vec::new();
        let error = StreamError::new(StreamCondition::Conflict);
        error.with_text("Resumed on another connection").write(&mut bye);
        write_close(&mut bye);
        drop(old.write(&bye, REPLACED_PATIENCE).await);
    }

    /// The session goes on over another connection.
    pub(super) async fn attach(&mut self, resumption: Resumption, out: &mut Vec<u8>) -> Next {
        // It takes the place of whatever the client had before, connected or still waiting.
        self.waiting = None;
        self.dismiss(out).await;
        let Some(sm) = &mut self.sm else { return Next::Go };
        // A client must not repeat what is still on its way into the store, so it has to wait for that.
        let Some(handled) = sm.inbound.handled_all() else {
            self.resume_deadline = sm.resume_for.map(|wait| Instant::now() + wait);
            self.waiting = Some(Box::new(resumption));
            return Next::Go;
        };
        sm.inbound.rewind();
        let Resumption { carrier, h, info, lang, ns } = resumption;
        self.carrier = Some(carrier);
        if let Err(error) = sm.settle(handled).await {
            tracing::error!(%error, "the count of handled stanzas could not be stored");
            return Next::End(Ending::WithError(StreamError::new(
                StreamCondition::InternalServerError,
            )));
        }
        if let Err(error) = sm.confirm(h).await {
            tracing::error!(%error, "a session of before the restart could not be resumed");
            return Next::End(Ending::WithError(StreamError::new(
                StreamCondition::InternalServerError,
            )));
        }
        if let Err(too_high) = sm.acknowledged(h) {
            return Next::End(Ending::WithError(too_high.to_stream_error()));
        }
        sm.ns = ns;
        SmReply::Resumed { handled, previd: sm.id.as_str().to_owned() }.write(out, ns);
        sm.queue.iter().for_each(|kept| kept.stanza.write(out));
        self.lang = lang;
        self.session.handle().set_info(info);
        self.resumed().await;
        Next::Go
    }
}

/// How long a session may wait: what the client asks for, within the policy.
fn wait(policy: &Policy, asked_seconds: Option<u32>) -> Duration {
    let asked = asked_seconds.map(|seconds| Duration::from_secs(u64::from(seconds)));
    asked.map_or(policy.resume_timeout, |asked| asked.min(policy.max_resume_timeout))
}

impl Negotiating {
    /// `<resume/>`: finds the session and hands it this connection.
    pub(super) async fn resume(
        &mut self,
        host: &Arc<Host>,
        element: &RawElement,
    ) -> Result<Step, Stop> {
        let (previd, h) = match SmRequest::from_raw(element) {
            Some(Ok(SmRequest::Resume { previd, h })) => (previd, h),
            Some(Err(refusal)) => return self.sm_failed(element, refusal.condition, None).await,
            _ => return self.sm_failed(element, StanzaCondition::BadRequest, None).await,
        };
        let Some(account) = self.account.clone() else { return Err(Stop::Quietly) };
        let generation = host.generation();
        let Some(module) = StreamMgmt::of(&generation) else {
            return self.sm_failed(element, StanzaCondition::ServiceUnavailable, None).await;
        };
        let Some(session) =
            module.registry().find(&previd).filter(|session| session.jid().to_bare() == account)
        else {
            let handled = module.registry().last_count(&previd, &account, Instant::now());
            return self.sm_failed(element, StanzaCondition::ItemNotFound, handled).await;
        };
        let info = ConnectionInfo {
            kind: if self.is_tls() { "c2s_tls" } else { "c2s" },
            peer: socket_of(&self.peer),
            since: self.door.kernel.clock().wall(),
        };
        let Some(mut carrier) = self.carrier.take() else { return Err(Stop::Quietly) };
        let full = Jid::from(session.jid().clone());
        let subject = Subject::of_jid(&full).with_ip(self.peer.ip());
        let shaper = generation.access().shaper(&self.door.options.shaper, &subject).rate();
        carrier.set_shaper(
            shaper.map(|rate| netio::Shaper::new(rate.bytes_per_second, Some(rate.burst_bytes))),
        );
        let resumption =
            Resumption { carrier, h, info, lang: self.lang.take(), ns: spoken(element) };
        match session.mailbox().control(Control::Attach(Box::new(resumption))) {
            Ok(()) => Err(Stop::Done(None)),
            Err(Control::Attach(back)) => {
                // It ended while we looked; the client keeps this connection and binds anew.
                self.carrier =
                    back.downcast::<Resumption>().ok().map(|resumption| resumption.carrier);
                self.sm_failed(element, StanzaCondition::ItemNotFound, None).await
            }
            Err(_) => Err(Stop::Quietly),
        }
    }

    /// Refuses a request of stream management; the client may bind instead.
    pub(super) async fn sm_failed(
        &mut self,
        request: &RawElement,
        condition: StanzaCondition,
        handled: Option<Handled>,
    ) -> Result<Step, Stop> {
        let mut out = Vec::new();
        SmReply::Failed(SmFailed { condition, handled }).write(&mut out, spoken(request));
        self.write(&out).await?;
        Ok(Step::Continue)
    }
}

/// The version of stream management that a client speaks.
fn spoken(request: &RawElement) -> &'static str {
    if request.ns() == ns::SM_2 { ns::SM_2 } else { ns::SM }
}
