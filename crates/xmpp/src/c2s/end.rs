//! The end of a session: the client is told, contacts see it go, nothing undelivered is lost.

use std::sync::Arc;

use jid::{FullJid, Jid};
use kernel::contracts::Roster;
use kernel::hooks::{AccountRemoved, OwnPresence, SelfPresence, SessionClosed};
use kernel::{Delivery, Effect, Host, Kernel, xmpp_stamp};
use tokio::time::Instant;
use xmpp_wire::negotiation::write_close;
use xmpp_wire::payload::delay::Delay;
use xmpp_wire::{
    IqType, MessageType, PresenceType, Stanza, StanzaCondition, StanzaError, StanzaKind,
    StreamCondition,
};

use super::session::{CLOSE_PATIENCE, ClientSession, Ending};
use super::sm::{ResendOnTimeout, Sm, StreamMgmt};

impl ClientSession {
    /// Ends the session for good.
    pub(super) async fn end(mut self, ending: Ending) {
        self.session.kernel().sessions().remove(self.session.handle());
        if self.is_suspended(&ending) {
            return self.suspend(ending).await;
        }
        let (_, left) = self.session.handle().mailbox().close();
        // First of all, as what is sent to the account from now on must not overtake it: a farewell can take long.
        self.leave_behind(left).await;
        self.farewell(ending).await;
        self.go_unavailable().await;
        let generation = self.session.generation();
        let mut session = &mut self.session;
        generation.chains().run::<SessionClosed>(&mut session).await;
        self.route_effects().await;
        if let Some(mut anonymous) = self.anonymous.take()
            && anonymous.leave()
        {
            // The next one of this name is somebody else.
            let account = self.session.account().clone();
            self.session.kernel().announce::<AccountRemoved>(&account).await;
        }
        tracing::debug!(session = %self.session.jid(), "session closed");
    }

    /// Gives what the client does not have to the account: `left` and whatever came before it.
    async fn leave_behind(&mut self, left: Vec<Delivery>) {
        let estate = Estate::of(self);
        if let Some(sm) = self.sm.take() {
            if sm.resume_for.is_some()
                && let Some(module) = StreamMgmt::of(&self.session.generation())
            {
                module.registry().end(
                    &sm.id,
                    self.session.account(),
                    sm.inbound.handled(),
                    Instant::now(),
                );
            }
            estate.route_unacknowledged(*sm).await;
        }
        let taken = std::mem::take(&mut self.taken);
        estate.give_back(taken).await;
        estate.give_back(left).await;
    }

    /// Whether the session goes on after the server has been started again. One without account does not: nobody could
    /// prove that it is theirs.
    fn is_suspended(&self, ending: &Ending) -> bool {
        let shutdown = matches!(ending, Ending::WithError(error) if error.condition == StreamCondition::SystemShutdown);
        shutdown
            && self.anonymous.is_none()
            && self.sm.as_ref().is_some_and(|sm| sm.resume_for.is_some())
    }

    /// The server stops: what has not been delivered stays in the journal, and the client resumes after the start.
    ///
    /// Contacts see nothing of it, as they see nothing of a crash.
    async fn suspend(&mut self, ending: Ending) {
        let (_, left) = self.session.handle().mailbox().close();
        let mut undelivered = std::mem::take(&mut self.taken);
        undelivered.extend(left);
        let mut out = Vec::new();
        drop(self.enqueue(undelivered, &mut out).await);
        if self.write(&out).await {
            self.farewell(ending).await;
        }
    }

    /// Closes the stream and the connection, if there is one.
    async fn farewell(&mut self, ending: Ending) {
        let Some(carrier) = self.carrier.take() else { return };
        let mut out = Vec::new();
        if let Ending::WithError(error) = &ending {
            tracing::debug!(session = %self.session.jid(), %error, "closing with a stream error");
            error.write(&mut out);
        }
        write_close(&mut out);
        carrier.finish(&out, CLOSE_PATIENCE).await;
    }

    /// RFC 6121 §4.5.4: the server sends unavailable presence for a client that is gone.
    async fn go_unavailable(&mut self) {
        let Some(previous) = self.session.handle().set_presence(None) else { return };
        let mut presence = Stanza::presence(PresenceType::Unavailable);
        presence.set_from(Some(Jid::from(self.session.jid().clone())));
        let generation = self.session.generation();
        if generation.contract::<dyn Roster>().is_none() {
            self.session.kernel().tell_own_resources(self.session.account(), &presence);
        }
        let mut event = OwnPresence {
            presence: &presence,
            previous: Some(previous),
            session: &mut self.session,
        };
        generation.chains().run::<SelfPresence>(&mut event).await;
        self.route_effects().await;
    }

    /// Hooks of a session that ends can still reach others, not its client.
    async fn route_effects(&mut self) {
        for effect in self.session.take_effects() {
            if let Effect::Route(delivery) = effect {
                self.session.kernel().clone().route(delivery).await;
            }
        }
    }
}

/// What deals with the messages that an ended session leaves.
pub(super) struct Estate {
    kernel: Kernel,
    host: Arc<Host>,
    jid: FullJid,
}

impl Estate {
    pub(super) fn of(client: &ClientSession) -> Self {
        let session = &client.session;
        Self {
            kernel: session.kernel().clone(),
            host: session.host().clone(),
            jid: session.jid().clone(),
        }
    }

    /// What could not be written goes back to the account: to another session, or to be kept.
    pub(super) async fn give_back(&self, deliveries: Vec<Delivery>) {
        for mut delivery in deliveries {
            if delivery.stanza.to().is_none() {
                delivery.stanza.set_to(Some(Jid::from(self.jid.clone())));
            }
            self.kernel.deliver_to_sessions(&self.host, delivery).await;
        }
    }

    /// What the client has not acknowledged (XEP-0198 §5, §9; `resend_on_timeout`).
    pub(super) async fn route_unacknowledged(&self, sm: Sm) {
        let online = self.kernel.sessions().is_online(&self.jid.to_bare());
        let resend = match sm.policy.resend_on_timeout {
            ResendOnTimeout::No => false,
            ResendOnTimeout::Yes => true,
            ResendOnTimeout::IfOffline => !online,
        };
        let (journal, unacknowledged) = sm.into_unacknowledged();
        let ending = journal.end();
        let stamp = xmpp_stamp(self.kernel.clock().wall());
        for kept in unacknowledged {
            let delivery = match kept.row {
                Some(row) => journal.hand_over(&ending, row, kept.stanza),
                None => Delivery::new(kept.stanza),
            };
            self.route_one(delivery, resend, &stamp).await;
        }
    }

    async fn route_one(&self, mut delivery: Delivery, resend: bool, stamp: &str) {
        match delivery.stanza.kind() {
            StanzaKind::Message(MessageType::Error) | StanzaKind::Presence(_) => {}
            StanzaKind::Message(_) if resend => {
                if delivery.stanza.child("delay", xmpp_wire::ns::DELAY).is_none() {
                    let from = Some(self.host.jid());
                    let delay =
                        Delay { from, stamp: stamp.to_owned(), reason: Some("Resent".to_owned()) };
                    delivery.stanza.push(&delay.to_element());
                }
                self.kernel.deliver_to_sessions(&self.host, delivery).await;
            }
            StanzaKind::Message(_) | StanzaKind::Iq(IqType::Get | IqType::Set) => {
                self.kernel
                    .bounce(delivery, &StanzaError::new(StanzaCondition::ServiceUnavailable))
                    .await;
            }
            StanzaKind::Iq(IqType::Result | IqType::Error) => {}
        }
    }
}
