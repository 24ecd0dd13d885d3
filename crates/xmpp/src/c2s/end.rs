//! The end of a session: the client is told, contacts see it go, nothing undelivered is lost.

use std::sync::Arc;

use jid::{FullJid, Jid};
use kernel::contracts::Roster;
use kernel::hooks::{AccountRemoved, OwnPresence, SelfPresence, SessionClosed};
use kernel::{Delivery, Effect, Host, Kernel, Probate, xmpp_stamp};
use tokio::time::Instant;
use xmpp_wire::negotiation::write_close;
use xmpp_wire::payload::delay::Delay;
use xmpp_wire::{
    IqType, MessageType, PresenceType, Stanza, StanzaCondition, StanzaKind, StreamCondition,
};

use super::session::{CLOSE_PATIENCE, ClientSession, Ending};
use super::sm::{ResendOnTimeout, Sm, StreamMgmt};

impl ClientSession {
    /// Ends the session for good.
    pub(super) async fn end(mut self, ending: Ending) {
        let probate = self.session.kernel().open_probate(self.session.handle());
        if self.is_suspended(&ending) {
            return self.suspend(ending, probate).await;
        }
        // First of all, as what is new for the account waits: a farewell can take long.
        self.leave_behind().await;
        drop(probate);
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

    /// Gives what the client does not have to the account.
    async fn leave_behind(&mut self) {
        if let Some(sm) = &self.sm
            && sm.resume_for.is_some()
            && let Some(module) = StreamMgmt::of(&self.session.generation())
        {
            let handled = sm.inbound.handled();
            module.registry().end(&sm.id, self.session.account(), handled, Instant::now());
        }
        Estate::of(self).give_back().await;
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
    async fn suspend(&mut self, ending: Ending, probate: Probate) {
        let left = self.session.handle().mailbox().close();
        let mut undelivered = std::mem::take(&mut self.taken);
        undelivered.extend(left.stanzas);
        undelivered.extend(left.held);
        let mut out = Vec::new();
        drop(self.enqueue(undelivered, &mut out).await);
        drop(probate);
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

/// What an ended session leaves, and where it goes (see the kernel's `estate.rs` for the order).
pub(super) struct Estate {
    kernel: Kernel,
    host: Arc<Host>,
    jid: FullJid,
    sm: Option<Box<Sm>>,
    /// What the session took from its mailbox, and what it could have taken.
    taken: Vec<Delivery>,
    /// What was held back in its mailbox.
    held: Vec<Delivery>,
}

impl Estate {
    /// Takes everything from a session that is over; its mailbox takes no more.
    pub(super) fn of(client: &mut ClientSession) -> Self {
        let left = client.session.handle().mailbox().close();
        let mut taken = std::mem::take(&mut client.taken);
        taken.extend(left.stanzas);
        let session = &client.session;
        Self {
            kernel: session.kernel().clone(),
            host: session.host().clone(),
            jid: session.jid().clone(),
            sm: client.sm.take(),
            taken,
            held: left.held,
        }
    }

    /// Leaves what the journal has to the next start of the server.
    pub(super) fn without_journal(mut self) -> Self {
        self.sm = None;
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sm.is_none() && self.taken.is_empty() && self.held.is_empty()
    }

    /// What the client does not have goes back to the account: to another session, or to be kept.
    pub(super) async fn give_back(mut self) {
        let mut older = match self.sm.take() {
            Some(sm) => self.unacknowledged(*sm).await,
            None => Vec::new(),
        };
        older.extend(self.taken.into_iter().map(|delivery| addressed(delivery, &self.jid)));
        let held = self.held.into_iter().map(|delivery| addressed(delivery, &self.jid));
        self.kernel.bequeath(&self.host, older, held.collect()).await;
    }

    /// What the client has not acknowledged (XEP-0198 §5, §9; `resend_on_timeout`): the messages that go back to the
    /// account; the others go back to their senders.
    async fn unacknowledged(&self, sm: Sm) -> Vec<Delivery> {
        let online = self.kernel.sessions().is_online(&self.jid.to_bare());
        let resend = match sm.policy.resend_on_timeout {
            ResendOnTimeout::No => false,
            ResendOnTimeout::Yes => true,
            ResendOnTimeout::IfOffline => !online,
        };
        let (journal, unacknowledged, acked) = sm.into_unacknowledged();
        let ending = if unacknowledged.iter().any(|kept| kept.row.is_some()) {
            journal.mark_ended(acked).await;
            Some(journal.end())
        } else {
            // Nothing of it may be there again once its client has seen the stream end.
            journal.close().await;
            None
        };
        let stamp = xmpp_stamp(self.kernel.clock().wall());
        let mut again = Vec::new();
        for kept in unacknowledged {
            let mut delivery = match kept.row.zip(ending.as_ref()) {
                Some((row, ending)) => journal.hand_over(ending, row, kept.stanza),
                None => Delivery::new(kept.stanza),
            };
            match delivery.stanza.kind() {
                StanzaKind::Message(MessageType::Error) | StanzaKind::Presence(_) => {}
                StanzaKind::Message(_) if resend => {
                    self.mark_resent(&mut delivery.stanza, &stamp);
                    again.push(addressed(delivery, &self.jid));
                }
                StanzaKind::Message(_) | StanzaKind::Iq(IqType::Get | IqType::Set) => {
                    self.kernel.refuse(delivery, StanzaCondition::ServiceUnavailable).await;
                }
                StanzaKind::Iq(IqType::Result | IqType::Error) => {}
            }
        }
        again
    }

    fn mark_resent(&self, message: &mut Stanza, stamp: &str) {
        if message.child("delay", xmpp_wire::ns::DELAY).is_none() {
            let from = Some(self.host.jid());
            let delay = Delay { from, stamp: stamp.to_owned(), reason: Some("Resent".to_owned()) };
            message.push(&delay.to_element());
        }
    }
}

fn addressed(mut delivery: Delivery, to: &FullJid) -> Delivery {
    if delivery.stanza.to().is_none() {
        delivery.stanza.set_to(Some(Jid::from(to.clone())));
    }
    delivery
}
