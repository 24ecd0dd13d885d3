//! From the client: envelope checks, the stamped `from`, hooks, routing (RFC 6120 §8.1, §10.3).

use std::time::Duration;

use jid::Jid;
use kernel::contracts::Roster;
use kernel::hooks::{Flow, Outgoing, OwnPresence, SelfPresence, UserSend};
use kernel::{Delivery, Receipt};
use tokio::time::Instant;
use xmlstream::RawElement;
use xmpp_wire::sm::{SmFailed, SmReply, SmRequest};
use xmpp_wire::{
    EnvelopeError, IqType, PresenceType, Stanza, StanzaCondition, StanzaError, StanzaKind,
    StreamCondition, StreamError, ns,
};

use super::session::{ClientSession, Ending, Next};

/// A request for acknowledgement is answered this soon, even if not everything is handled.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3);

/// Unanswered requests for acknowledgement that are counted; a client that asks more often gets fewer answers.
const REQUESTS_MAX: u32 = 1000;

impl ClientSession {
    /// One first-level element from the client.
    pub(super) async fn element(&mut self, element: RawElement, out: &mut Vec<u8>) -> Next {
        if let Some(request) = SmRequest::from_raw(&element) {
            let ns = if element.ns() == ns::SM_2 { ns::SM_2 } else { ns::SM };
            return match request {
                Ok(request) => self.sm_request(request, ns, out).await,
                Err(failed) => {
                    SmReply::Failed(failed).write(out, ns);
                    Next::Go
                }
            };
        }
        let parsed = Stanza::from_raw(element);
        if let Err(error @ (EnvelopeError::UnsupportedStanza | EnvelopeError::InvalidNamespace)) =
            parsed
        {
            return Next::End(Ending::WithError(error.into()));
        }
        let receipt = match self.sm.as_ref().map(|sm| sm.inbound.received()) {
            None => None,
            // Handled before a restart, and repeated because an earlier one was not.
            Some(None) => return Next::Go,
            Some(receipt) => receipt,
        };
        match parsed {
            Ok(stanza) => self.stanza(stanza, receipt, out).await,
            // The sender's fault in one stanza; the stream goes on.
            Err(EnvelopeError::Rejected(rejected)) => match rejected.reply() {
                Some(reply) => self.render(vec![Delivery::new(reply)], out).await,
                None => Next::Go,
            },
            Err(error) => Next::End(Ending::WithError(error.into())),
        }
    }

    pub(super) async fn stanza(
        &mut self,
        mut stanza: Stanza,
        receipt: Option<Receipt>,
        out: &mut Vec<u8>,
    ) -> Next {
        if !self.stamp(&mut stanza) {
            return Next::End(Ending::WithError(StreamError::new(StreamCondition::InvalidFrom)));
        }
        if let Some(lang) = &self.lang {
            stanza.inherit_lang(lang);
        }
        let generation = self.session.generation();
        if let Some(chain) = generation.chains().get::<UserSend>() {
            let mut event = Outgoing { stanza: &mut stanza, session: &mut self.session };
            if chain.run(&mut event).await == Flow::Stop {
                return Next::Go;
            }
        }
        if let Some(error) = fault(&stanza) {
            let reply = stanza.error_reply(&error).map(Delivery::new);
            return self.render(reply.into_iter().collect(), out).await;
        }
        match (stanza.kind(), stanza.to()) {
            (StanzaKind::Presence(kind), None) => {
                return self.own_presence(kind, stanza, out).await;
            }
            (StanzaKind::Iq(IqType::Set), to)
                if to.is_none_or(|to| to.as_str() == self.session.host().name())
                    && is_session(&stanza) =>
            {
                // The session request of RFC 3921, which does nothing since RFC 6121.
                let reply = stanza.result_reply(None).map(Delivery::new);
                return self.render(reply.into_iter().collect(), out).await;
            }
            (_, None) => {
                // RFC 6120 §10.3: what has no address is for the sender's own account.
                stanza.set_to(Some(Jid::from(self.session.account().clone())));
                self.session.kernel().clone().route(Delivery { stanza, receipt }).await;
            }
            (_, Some(_)) => self.session.kernel().clone().route(Delivery { stanza, receipt }).await,
        }
        Next::Go
    }

    /// RFC 6120 §8.1.2.1: whatever the client says about itself must be true; then the full JID is stamped.
    fn stamp(&self, stanza: &mut Stanza) -> bool {
        let own = self.session.jid();
        if let Some(from) = stanza.from() {
            let claimed = from.as_str();
            if claimed != own.as_str() && claimed != self.session.account().as_str() {
                return false;
            }
        }
        stanza.set_from(Some(Jid::from(own.clone())));
        true
    }

    /// Presence without address: the session's own (RFC 6121 §4).
    async fn own_presence(
        &mut self,
        kind: PresenceType,
        presence: Stanza,
        out: &mut Vec<u8>,
    ) -> Next {
        let next = match kind {
            PresenceType::Available => Some((priority(&presence), presence.clone())),
            PresenceType::Unavailable => None,
            // Nothing else means anything without an address.
            _ => return Next::Go,
        };
        let available = next.is_some();
        let handle = self.session.handle().clone();
        // Messages may go elsewhere from now on, behind those that it has.
        let is_less = next.as_ref().map(|(priority, _)| *priority) < handle.priority();
        let turn = is_less.then(|| self.session.kernel().pause_account(&handle));
        // Or it is a target for messages from here on, and hooks have yet to bring the older ones.
        let _held = handle.hold_messages();
        let previous = handle.set_presence(next);
        if !available && previous.is_none() {
            return Next::Go;
        }
        let mut then = Next::Go;
        if let Some(turn) = turn {
            then = self.hand_on_messages(out).await;
            drop(turn);
        }
        if let Some(sm) = &self.sm {
            let interested = self.session.handle().is_interested();
            sm.journal.remember_presence(available.then_some(&presence), interested);
        }
        let generation = self.session.generation();
        let mut event = OwnPresence { presence: &presence, previous, session: &mut self.session };
        generation.chains().run::<SelfPresence>(&mut event).await;
        if generation.contract::<dyn Roster>().is_none() {
            // Without rosters there are no contacts, and still the account's own resources (RFC 6121 §4.2.2).
            self.session.kernel().tell_own_resources(self.session.account(), &presence);
        }
        then
    }

    async fn sm_request(
        &mut self,
        request: SmRequest,
        ns: &'static str,
        out: &mut Vec<u8>,
    ) -> Next {
        match request {
            SmRequest::Ask | SmRequest::Ack(_) if self.sm.is_none() => {
                // Who counts what was never enabled would believe that it is acknowledged.
                SmReply::Failed(failed(StanzaCondition::UnexpectedRequest)).write(out, ns);
                Next::Go
            }
            SmRequest::Ask => {
                if let Some(sm) = &mut self.sm {
                    sm.requests = sm.requests.saturating_add(1).min(REQUESTS_MAX);
                    sm.owes_ack = Some(Some(Instant::now() + ANSWER_PATIENCE));
                    self.acknowledge(out).await;
                }
                Next::Go
            }
            SmRequest::Ack(h) => self.acknowledged(h),
            SmRequest::Enable { resume, max_seconds } => {
                self.enable_sm(resume, max_seconds, ns).await.write(out, ns);
                Next::Go
            }
            SmRequest::Resume { .. } => {
                // A bound session cannot become another one (XEP-0198 §5).
                SmReply::Failed(failed(StanzaCondition::UnexpectedRequest)).write(out, ns);
                Next::Go
            }
        }
    }
}

/// A refusal in stream management without a count.
pub(super) fn failed(condition: StanzaCondition) -> SmFailed {
    SmFailed { condition, handled: None }
}

/// What makes a stanza of a client a `bad-request`, whoever it is for.
fn fault(stanza: &Stanza) -> Option<StanzaError> {
    let bad = |text: &str| Some(StanzaError::new(StanzaCondition::BadRequest).with_text(text));
    match stanza.kind() {
        StanzaKind::Iq(IqType::Get | IqType::Set) => match stanza.children().len() {
            0 => bad("No child elements found"),
            1 => None,
            _ => bad("Too many child elements"),
        },
        StanzaKind::Presence(PresenceType::Available) => {
            let text = |name| stanza.child(name, ns::CLIENT).map(|child| child.parse().text());
            if text("priority").is_some_and(|priority| priority.trim().parse::<i8>().is_err()) {
                return bad("The priority is no number from -128 to 127");
            }
            let known = |show: String| matches!(show.trim(), "away" | "chat" | "dnd" | "xa");
            if text("show").is_some_and(|show| !known(show)) {
                bad("The show is none of away, chat, dnd, xa")
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The priority of a presence; what is no number from -128 to 127 counts as 0 (RFC 6121 §4.7.2.3).
pub(super) fn priority(presence: &Stanza) -> i8 {
    let text = presence.child("priority", ns::CLIENT).map(|child| child.parse().text());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

fn is_session(stanza: &Stanza) -> bool {
    stanza.payload().is_some_and(|payload| payload.is("session", ns::SESSION))
}
