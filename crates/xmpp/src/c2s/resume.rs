//! Enabling stream management, and taking up a session on another connection (XEP-0198 §3, §5).

use std::sync::Arc;
use std::time::Duration;

use access::Subject;
use jid::Jid;
use kernel::{Control, Host, random};
use tokio::time::Instant;
use xmlstream::{Element, RawElement};
use xmpp_wire::negotiation::{authorization_identifier, write_close};
use xmpp_wire::sm::{Ledger, SmFailed, SmReply, SmRequest};
use xmpp_wire::{StanzaCondition, StreamCondition, StreamError, ns};

use super::inbound::failed;
use super::negotiate::{Negotiating, Step, Stop};
use super::session::{ClientSession, Ending, Next};
use super::sm::{Inbound, Policy, Resumption, SessionRow, Sm, SmId, StreamMgmt, text};

/// How long the connection that is replaced may take to hear of it; it is most likely dead.
const REPLACED_PATIENCE: Duration = Duration::from_millis(200);

impl ClientSession {
    /// `<enable/>`: from here on stanzas are counted.
    pub(super) async fn enable_sm(
        &mut self,
        resume: bool,
        max_seconds: Option<u32>,
        ns: &'static str,
    ) -> SmReply {
        let generation = self.session.generation();
        let enabled = match StreamMgmt::of(&generation) {
            Some(_) if self.sm.is_some() => Err(failed(StanzaCondition::UnexpectedRequest)),
            Some(module) => self.begin_sm(&module, resume, max_seconds, ns).await,
            None => Err(failed(StanzaCondition::ServiceUnavailable)),
        };
        enabled.unwrap_or_else(SmReply::Failed)
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
        let Resumption { carrier, h, info, lang, ns, success } = resumption;
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
        let resumed = SmReply::Resumed { handled, previd: sm.id.as_str().to_owned() };
        match success {
            None => resumed.write(out, ns),
            // XEP-0198 §9.2: no features follow.
            Some(success) => success
                .with_child(authorization_identifier(self.session.jid().as_str()))
                .with_child(resumed.to_element(ns))
                .write(out, ""),
        }
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
    /// `<resume/>` of a client that has authenticated.
    pub(super) async fn resume(
        &mut self,
        host: &Arc<Host>,
        element: &RawElement,
    ) -> Result<Step, Stop> {
        let bad = || Err(failed(StanzaCondition::BadRequest));
        let request = SmRequest::from_raw(element).unwrap_or_else(bad);
        match self.take_up(host, request, spoken(element), None) {
            Ok(()) => Err(Stop::Done(None)),
            Err(refusal) => self.sm_failed(element, refusal).await,
        }
    }

    /// Finds the session and hands it this connection; its task answers. `success` is what the answer is part of.
    ///
    /// After a refusal the connection is still here, and the client may bind instead.
    pub(super) fn take_up(
        &mut self,
        host: &Host,
        request: Result<SmRequest, SmFailed>,
        ns: &'static str,
        success: Option<&Element>,
    ) -> Result<(), SmFailed> {
        let SmRequest::Resume { previd, h } = request? else {
            return Err(failed(StanzaCondition::BadRequest));
        };
        let gone = |handled| SmFailed { condition: StanzaCondition::ItemNotFound, handled };
        let Some(account) = self.account.clone() else { return Err(gone(None)) };
        let generation = host.generation();
        let module =
            StreamMgmt::of(&generation).ok_or(failed(StanzaCondition::ServiceUnavailable))?;
        let Some(session) =
            module.registry().find(&previd).filter(|session| session.jid().to_bare() == account)
        else {
            return Err(gone(module.registry().last_count(&previd, &account, Instant::now())));
        };
        let info = self.connection();
        let Some(mut carrier) = self.carrier.take() else { return Err(gone(None)) };
        let full = Jid::from(session.jid().clone());
        let subject = Subject::of_jid(&full).with_ip(self.peer.ip());
        let shaper = generation.access().shaper(&self.door.options.shaper, &subject).rate();
        carrier.set_shaper(
            shaper.map(|rate| netio::Shaper::new(rate.bytes_per_second, Some(rate.burst_bytes))),
        );
        let success = success.cloned().map(Box::new);
        let resumption = Resumption { carrier, h, info, lang: self.lang.take(), ns, success };
        match session.mailbox().control(Control::Attach(Box::new(resumption))) {
            Ok(()) => Ok(()),
            Err(back) => {
                // It ended while we looked; the client keeps this connection and binds anew.
                if let Control::Attach(back) = back
                    && let Ok(back) = back.downcast::<Resumption>()
                {
                    self.carrier = Some(back.carrier);
                    self.lang = back.lang;
                }
                Err(gone(None))
            }
        }
    }

    /// Refuses a request of stream management; the client may bind instead.
    pub(super) async fn sm_failed(
        &mut self,
        request: &RawElement,
        refusal: SmFailed,
    ) -> Result<Step, Stop> {
        let mut out = Vec::new();
        SmReply::Failed(refusal).write(&mut out, spoken(request));
        self.write(&out).await?;
        Ok(Step::Continue)
    }
}

/// The version of stream management that a client speaks.
fn spoken(request: &RawElement) -> &'static str {
    if request.ns() == ns::SM_2 { ns::SM_2 } else { ns::SM }
}
