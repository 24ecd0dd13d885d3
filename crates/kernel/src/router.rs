//! Routing: to which local session, account, host or route a stanza goes (RFC 6120 §10, RFC 6121 §8).

use std::collections::HashMap;
use std::sync::Arc;

use jid::{BareJid, Jid};
use observe::names;
use parking_lot::RwLock;
use xmpp_wire::{IqType, MessageType, Stanza, StanzaCondition, StanzaError, StanzaKind};

use crate::Kernel;
use crate::estate::Gate;
use crate::hooks::{AccountInbound, Age, Delivering, Flow, Offline, Undelivered};
use crate::host::Host;
use crate::iq::{At, IqRequest};
use crate::mailbox::{Delivery, Refused};
use crate::session::SessionHandle;
use crate::sessions::{AccountSessions, bare_str, message_targets, with_resource};

/// A destination beside the hosts: a component, a room service, another server.
///
/// It takes a delivery without waiting, as a mailbox does.
pub trait Route: Send + Sync {
    /// Takes a stanza for the domain it was entered for.
    fn deliver(&self, kernel: &Kernel, delivery: Delivery);
}

/// Domains that are not hosts but have a destination here.
#[derive(Default)]
pub struct Routes(RwLock<HashMap<String, Arc<dyn Route>>>);

impl Routes {
    /// Enters a destination for a domain. Returns the one it replaces.
    pub fn add(&self, domain: &str, route: Arc<dyn Route>) -> Option<Arc<dyn Route>> {
        self.0.write().insert(domain.to_owned(), route)
    }

    /// Takes a destination out.
    pub fn remove(&self, domain: &str) -> Option<Arc<dyn Route>> {
        self.0.write().remove(domain)
    }

    /// The destination of a domain.
    pub fn get(&self, domain: &str) -> Option<Arc<dyn Route>> {
        self.0.read().get(domain).cloned()
    }
}

impl Kernel {
    /// Routes an addressed stanza.
    ///
    /// It waits for the store where a module must (in the caller's task), never for a recipient.
    pub async fn route(&self, delivery: Delivery) {
        let Some(to) = delivery.stanza.to() else {
            tracing::debug!("a stanza without address was dropped by the router");
            return;
        };
        self.stats().routed(delivery.stanza.kind());
        let domain = to.domain().as_str();
        if let Some(host) = self.host(domain) {
            match to.node() {
                None => self.deliver_to_host(&host, delivery).await,
                Some(_) => self.deliver_to_account(&host, delivery).await,
            }
        } else if let Some(route) = self.routes().get(domain) {
            route.deliver(self, delivery);
        } else {
            Box::pin(
                self.bounce(delivery, &StanzaError::new(StanzaCondition::RemoteServerNotFound)),
            )
            .await;
        }
    }

    /// Answers a stanza with an error, if it is one that is answered.
    pub async fn bounce(&self, delivery: Delivery, error: &StanzaError) {
        let Delivery { stanza, receipt } = delivery;
        if let Some(reply) = stanza.error_reply(error) {
            metrics::counter!(names::STANZAS_BOUNCED, "condition" => error.condition.name())
                .increment(1);
            Box::pin(self.route(reply.into())).await;
        }
        drop(receipt);
    }

    /// RFC 6120 §10.5.1, §10.5.2: a stanza to the server itself, or to a resource of it.
    async fn deliver_to_host(&self, host: &Arc<Host>, delivery: Delivery) {
        let resource = delivery.stanza.to().is_some_and(|to| to.resource().is_some());
        match delivery.stanza.kind() {
            StanzaKind::Iq(IqType::Get | IqType::Set) if !resource => {
                self.answer_iq(host, At::Server, delivery).await
            }
            StanzaKind::Iq(IqType::Result | IqType::Error) => {
                // A late or forged reply means nothing to anybody.
                drop(self.pending_replies().resolve(delivery.stanza));
            }
            StanzaKind::Message(MessageType::Error) | StanzaKind::Presence(_) => {}
            StanzaKind::Message(MessageType::Headline) if !resource => {}
            // COMPAT: ejabberd answers in this way what no module of the host takes.
            StanzaKind::Message(_) | StanzaKind::Iq(_) => {
                self.refuse(delivery, StanzaCondition::ItemNotFound).await
            }
        }
    }

    async fn deliver_to_account(&self, host: &Arc<Host>, mut delivery: Delivery) {
        let Some(to) = delivery.stanza.to() else { return };
        if matches!(delivery.stanza.kind(), StanzaKind::Iq(_)) && to.resource().is_none() {
            return self.deliver_iq_to_account(host, delivery).await;
        }
        let generation = host.generation();
        if let Some(chain) = generation.chains().get::<Delivering>() {
            let account = to.to_bare();
            let mut event = AccountInbound {
                kernel: self,
                host,
                account: &account,
                stanza: &mut delivery.stanza,
                refusal: None,
            };
            if chain.run(&mut event).await == Flow::Stop {
                if let Some(error) = event.refusal.take() {
                    self.bounce(delivery, &error).await;
                }
                return;
            }
        }
        self.deliver_to_sessions(host, delivery).await;
    }

    async fn deliver_iq_to_account(&self, host: &Arc<Host>, delivery: Delivery) {
        match delivery.stanza.kind() {
            StanzaKind::Iq(IqType::Get | IqType::Set) => {
                self.answer_iq(host, At::Account, delivery).await
            }
            _ => drop(self.pending_replies().resolve(delivery.stanza)),
        }
    }

    /// Hands a stanza to the sessions it is meant for, past the account's hooks, once older ones have gone there.
    pub async fn deliver_to_sessions(&self, host: &Arc<Host>, delivery: Delivery) {
        match self.offer(delivery, Turn::AfterOlder) {
            Offered::Taken => {}
            Offered::Untaken(delivery) => self.without_session(host, delivery, Age::Newest).await,
            Offered::NotYet(gate, delivery) => {
                Box::pin(self.deliver_later(host, gate, delivery)).await;
            }
        }
    }

    /// Pushes a stanza into the mailboxes it is meant for.
    pub(crate) fn offer(&self, mut delivery: Delivery, turn: Turn) -> Offered {
        let Some(to) = delivery.stanza.to() else { return Offered::Taken };
        let kind = delivery.stanza.kind();
        let turn = match kind {
            StanzaKind::Message(kind) if kind != MessageType::Error => turn,
            // What is of the moment waits for nothing, and an error may be an answer to what waits.
            _ if turn == Turn::AfterOlder => Turn::AtOnce,
            _ => turn,
        };
        if let Some(resource) = to.resource() {
            let find = |all: &[Arc<SessionHandle>]| with_resource(all, resource.as_str());
            let session = match self.look(bare_str(to), turn, find) {
                Ok(session) => session,
                Err(gate) => return Offered::NotYet(gate, delivery),
            };
            match self.push_to_all(session.as_slice(), delivery, turn) {
                Offered::Untaken(back) => delivery = back,
                done => return done,
            }
            if !matches!(kind, StanzaKind::Message(MessageType::Chat | MessageType::Normal)) {
                return Offered::Untaken(delivery);
            }
        }
        let Some(to) = delivery.stanza.to() else { return Offered::Taken };
        let targets = |all: &[Arc<SessionHandle>]| match kind {
            StanzaKind::Message(MessageType::Headline) => message_targets(all, true),
            StanzaKind::Message(MessageType::Chat | MessageType::Normal) => {
                message_targets(all, false)
            }
            StanzaKind::Presence(_) => {
                all.iter().filter(|session| session.priority().is_some()).cloned().collect()
            }
            StanzaKind::Message(_) | StanzaKind::Iq(_) => AccountSessions::new(),
        };
        match self.look(bare_str(to), turn, targets) {
            Ok(targets) => self.push_to_all(&targets, delivery, turn),
            Err(gate) => Offered::NotYet(gate, delivery),
        }
    }

    fn look<T>(
        &self,
        bare: &str,
        turn: Turn,
        look: impl FnOnce(&[Arc<SessionHandle>]) -> T,
    ) -> Result<T, Arc<Gate>> {
        match turn {
            Turn::AfterOlder => self.sessions().in_turn(bare, look),
            Turn::AtOnce | Turn::First => Ok(self.sessions().at_once(bare, look)),
        }
    }

    /// Hands a stanza to every target; gives it back when none takes it.
    ///
    /// The last target gets the delivery itself: a receipt that is still held here could not be recorded by the one
    /// session that stores the message (see [`crate::Receipt::record`]).
    fn push_to_all(
        &self,
        targets: &[Arc<SessionHandle>],
        delivery: Delivery,
        turn: Turn,
    ) -> Offered {
        let Some((last, others)) = targets.split_last() else { return Offered::Untaken(delivery) };
        let mut delivered = false;
        for session in others {
            delivered |= push(session, delivery.clone(), turn).is_ok();
        }
        match push(last, delivery, turn) {
            Err((refused, back)) if !delivered => match self.reason_to_wait(last, refused, turn) {
                Some(gate) => Offered::NotYet(gate, back),
                None => Offered::Untaken(back),
            },
            _ => Offered::Taken,
        }
    }

    /// A session that has just ended, or must, has older messages.
    fn reason_to_wait(
        &self,
        session: &SessionHandle,
        refused: Refused,
        turn: Turn,
    ) -> Option<Arc<Gate>> {
        if turn != Turn::AfterOlder {
            return None;
        }
        let overflowed = match refused {
            Refused::Full => self.sessions().overflowed(session),
            Refused::Closed => None,
        };
        overflowed.or_else(|| self.sessions().gate(session.jid().to_bare().as_str()))
    }

    /// RFC 6121 §8.5.2, §8.5.3.2: what no session takes.
    pub(crate) async fn without_session(&self, host: &Arc<Host>, delivery: Delivery, age: Age) {
        let resource = delivery.stanza.to().is_some_and(|to| to.resource().is_some());
        match delivery.stanza.kind() {
            StanzaKind::Message(MessageType::Chat | MessageType::Normal) => {
                self.to_offline(host, delivery, age).await;
            }
            // Rooms send to resources that are gone; whether they hear of it is an option of the module that keeps messages.
            StanzaKind::Message(MessageType::GroupChat) if resource => {
                self.to_offline(host, delivery, age).await;
            }
            StanzaKind::Message(MessageType::Headline) if !resource => {
                self.to_offline(host, delivery, age).await;
            }
            StanzaKind::Message(MessageType::GroupChat) => {
                self.refuse(delivery, StanzaCondition::ServiceUnavailable).await;
            }
            StanzaKind::Iq(_) if !resource => self.deliver_iq_to_account(host, delivery).await,
            StanzaKind::Iq(IqType::Get | IqType::Set) => {
                self.bounce(delivery, &StanzaError::new(StanzaCondition::ServiceUnavailable)).await;
            }
            // Presence is not kept for a session that does not read.
            StanzaKind::Message(MessageType::Headline | MessageType::Error)
            | StanzaKind::Presence(_)
            | StanzaKind::Iq(IqType::Result | IqType::Error) => {}
        }
    }

    /// Offers an undeliverable message to whoever keeps such messages, else sends it back.
    async fn to_offline(&self, host: &Arc<Host>, delivery: Delivery, age: Age) {
        let Some(account) = delivery.stanza.to().map(Jid::to_bare) else { return };
        let generation = host.generation();
        let mut left = Some(delivery);
        let mut event =
            Undelivered { kernel: self, host, account: &account, delivery: &mut left, age };
        generation.chains().run::<Offline>(&mut event).await;
        let Some(delivery) = left else { return };
        // RFC 6121 §8.5.2.2.1: nobody waits for an answer to a headline.
        if delivery.stanza.kind() != StanzaKind::Message(MessageType::Headline) {
            self.refuse(delivery, StanzaCondition::ServiceUnavailable).await;
        }
    }

    async fn answer_iq(&self, host: &Arc<Host>, at: At, delivery: Delivery) {
        let Delivery { stanza, receipt } = delivery;
        let reply = match self.answer_iq_of(host, at, &stanza).await {
            Ok(payload) => stanza.result_reply(payload.as_ref()),
            Err(error) => stanza.error_reply(&error),
        };
        let Some(reply) = reply else { return };
        Box::pin(self.route(reply.into())).await;
        drop(receipt);
    }

    async fn answer_iq_of(
        &self,
        host: &Arc<Host>,
        at: At,
        stanza: &Stanza,
    ) -> Result<Option<xmlstream::Element>, StanzaError> {
        let (Some(from), Some(to), Some(payload)) = (stanza.from(), stanza.to(), stanza.payload())
        else {
            return Err(StanzaCondition::BadRequest.into());
        };
        let request = IqRequest {
            kernel: self.clone(),
            host: host.clone(),
            from: from.clone(),
            to: to.clone(),
            lang: stanza.lang().map(str::to_owned),
            payload: payload.parse(),
        };
        let set = stanza.kind() == StanzaKind::Iq(IqType::Set);
        host.generation().iq().answer(at, set, &request).await
    }

    /// The same as [`Kernel::bounce`] by condition alone.
    pub async fn refuse(&self, delivery: Delivery, condition: StanzaCondition) {
        self.bounce(delivery, &StanzaError::new(condition)).await;
    }

    /// Sends a presence to the available resources of its own account.
    pub fn tell_own_resources(&self, account: &BareJid, presence: &Stanza) {
        for session in self
            .sessions()
            .of(account.as_str())
            .iter()
            .filter(|session| session.priority().is_some())
        {
            let own = presence.clone().with_to(session.jid().clone());
            // Presence is not kept for a session that does not read.
            drop(push(session, own.into(), Turn::AtOnce));
        }
    }

    /// Sends one presence to many, sharing its payload.
    pub async fn broadcast_presence(
        &self,
        presence: &Stanza,
        to: impl IntoIterator<Item = BareJid>,
    ) {
        for contact in to {
            let mut stanza = presence.clone();
            stanza.set_to(Some(contact.into()));
            self.route(stanza.into()).await;
        }
    }
}

/// When a stanza goes to the sessions of an account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// When older ones have gone.
    AfterOlder,
    /// Now, behind what is there.
    AtOnce,
    /// Now, as it is older than what is new.
    First,
}

/// What became of a stanza for an account.
pub(crate) enum Offered {
    /// A session has it.
    Taken,
    /// No session takes it.
    Untaken(Delivery),
    /// It must wait for older ones.
    NotYet(Arc<Gate>, Delivery),
}

fn push(
    session: &SessionHandle,
    delivery: Delivery,
    turn: Turn,
) -> Result<(), (Refused, Delivery)> {
    match turn {
        Turn::AfterOlder | Turn::AtOnce => session.mailbox().push(delivery),
        Turn::First => session.mailbox().push_ahead_if_room(delivery),
    }
}
