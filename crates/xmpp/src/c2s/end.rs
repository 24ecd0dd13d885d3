//! The end of a session: the client is told, contacts see it go, nothing undelivered is lost.

use jid::Jid;
use kernel::hooks::{OwnPresence, SelfPresence, SessionClosed};
use kernel::{Delivery, Effect, Kernel, xmpp_stamp};
use xmpp_wire::payload::delay;
use xmpp_wire::{IqType, MessageType, PresenceType, Stanza, StanzaError, StanzaKind};

use super::session::{CLOSE_PATIENCE, ClientSession, Ending};
use super::sm::{ResendOnTimeout, Sm};

impl ClientSession {
    /// Ends the session for good.
    pub(super) async fn end(mut self, ending: Ending) {
        self.session.kernel().sessions().remove(self.session.handle());
        self.farewell(ending).await;
        self.go_unavailable().await;
        let generation = self.session.generation();
        let mut session = &mut self.session;
        generation.chains().run::<SessionClosed>(&mut session).await;
        self.route_effects().await;
        let (_, left) = self.session.handle().mailbox().close();
        if let Some(sm) = self.sm.take() {
            self.door.kernel.spawn_counters(&sm);
            self.route_unacknowledged(*sm).await;
        }
        self.give_back(left).await;
        tracing::debug!(session = %self.session.jid(), "session closed");
    }

    /// Closes the stream and the connection, if there is one.
    async fn farewell(&mut self, ending: Ending) {
        let Some(mut carrier) = self.carrier.take() else { return };
        let mut out = Vec::new();
        if let Ending::WithError(error) = &ending {
            tracing::debug!(session = %self.session.jid(), %error, "closing with a stream error");
            error.write(&mut out);
        }
        out.extend_from_slice(b"</stream:stream>");
        if carrier.write(&out, CLOSE_PATIENCE).await.is_ok() {
            carrier.shutdown(CLOSE_PATIENCE).await;
        }
    }

    /// RFC 6121 §4.5.4: the server sends unavailable presence for a client that is gone.
    async fn go_unavailable(&mut self) {
        let Some(previous) = self.session.handle().set_presence(None) else { return };
        let mut presence = Stanza::presence(PresenceType::Unavailable);
        presence.set_from(Some(Jid::from(self.session.jid().clone())));
        let generation = self.session.generation();
        let mut event =
            OwnPresence { presence: &presence, previous: Some(previous), session: &mut self.session };
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

    /// What the client has not acknowledged (XEP-0198 §5, §9; `resend_on_timeout`).
    async fn route_unacknowledged(&mut self, sm: Sm) {
        let kernel = self.session.kernel().clone();
        let online = kernel.sessions().is_online(self.session.account());
        let resend = match sm.policy.resend_on_timeout {
            ResendOnTimeout::No => false,
            ResendOnTimeout::Yes => true,
            ResendOnTimeout::IfOffline => !online,
        };
        let ending = sm.journal.end();
        let stamp = xmpp_stamp(kernel.clock().wall());
        for (seq, stanza) in sm.queue.into_entries() {
            let delivery = sm.journal.hand_over(&ending, seq, stanza);
            self.route_one(&kernel, delivery, resend, &stamp).await;
        }
    }

    async fn route_one(&self, kernel: &Kernel, mut delivery: Delivery, resend: bool, stamp: &str) {
        match delivery.stanza.kind() {
            StanzaKind::Message(MessageType::Error) | StanzaKind::Presence(_) => {}
            StanzaKind::Message(_) if resend => {
                if delivery.stanza.child("delay", xmpp_wire::ns::DELAY).is_none() {
                    let from = self.session.host().name();
                    delivery.stanza.push(&delay::element(from, stamp, Some("Resent")));
                }
                kernel.deliver_to_sessions(self.session.host(), delivery).await;
            }
            StanzaKind::Message(_) | StanzaKind::Iq(IqType::Get | IqType::Set) => {
                kernel.bounce(delivery, &StanzaError::service_unavailable()).await;
            }
            StanzaKind::Iq(IqType::Result | IqType::Error) => {}
        }
    }
}
