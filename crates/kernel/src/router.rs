//! Routing: to which local session, account, host or route a stanza goes (RFC 6120 §10, RFC 6121 §8).

use std::collections::HashMap;
use std::sync::Arc;

use jid::{BareJid, Jid};
use observe::names;
use parking_lot::RwLock;
use xmpp_wire::{IqType, MessageType, Stanza, StanzaCondition, StanzaError, StanzaKind};

use crate::Kernel;
use crate::hooks::{AccountInbound, Delivering, Flow, Offline, Undelivered};
use crate::host::Host;
use crate::iq::{At, IqRequest};
use crate::mailbox::Delivery;
use crate::session::SessionHandle;
use crate::sessions::{AccountSessions, bare_str, message_targets};

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

    /// Hands a stanza to the sessions it is meant for, past the account's hooks.
    pub async fn deliver_to_sessions(&self, host: &Arc<Host>, delivery: Delivery) {
        let Some(to) = delivery.stanza.to() else { return };
        let bare = bare_str(to);
        if let Some(resource) = to.resource() {
            if let Some(session) = self.sessions().find(bare, resource.as_str()) {
                let Err(delivery) = push(&session, delivery) else { return };
                return self.without_session(host, delivery).await;
            }
            return self.without_session(host, delivery).await;
        }
        let sessions = self.sessions().of(bare);
        match delivery.stanza.kind() {
            StanzaKind::Message(kind) => self.message_to_bare(host, kind, sessions, delivery).await,
            StanzaKind::Presence(_) => {
                for session in sessions.iter().filter(|session| session.priority().is_some()) {
                    // Presence is not kept for a session that does not read.
                    drop(push(session, delivery.clone()));
                }
            }
            StanzaKind::Iq(_) => self.deliver_iq_to_account(host, delivery).await,
        }
    }

    /// RFC 6121 §8.5.2: a message to the bare JID.
    async fn message_to_bare(
        &self,
        host: &Arc<Host>,
        kind: MessageType,
        sessions: AccountSessions,
        delivery: Delivery,
    ) {
        match kind {
            MessageType::GroupChat => {
                self.refuse(delivery, StanzaCondition::ServiceUnavailable).await
            }
            MessageType::Error => {}
            MessageType::Chat | MessageType::Normal | MessageType::Headline => {
                let targets = message_targets(&sessions, kind == MessageType::Headline);
                if let Some(delivery) = push_to_all(&targets, delivery) {
                    self.to_offline(host, delivery).await;
                }
            }
        }
    }

    /// RFC 6121 §8.5.3.2: a full JID without session.
    async fn without_session(&self, host: &Arc<Host>, delivery: Delivery) {
        match delivery.stanza.kind() {
            StanzaKind::Message(kind @ (MessageType::Chat | MessageType::Normal)) => {
                let sessions = delivery
                    .stanza
                    .to()
                    .map(|to| self.sessions().of(bare_str(to)))
                    .unwrap_or_default();
                self.message_to_bare(host, kind, sessions, delivery).await;
            }
            // Rooms send to resources that are gone; whether they hear of it is an option of the module that keeps messages.
            StanzaKind::Message(MessageType::GroupChat) => self.to_offline(host, delivery).await,
            StanzaKind::Iq(IqType::Get | IqType::Set) => {
                self.bounce(delivery, &StanzaError::new(StanzaCondition::ServiceUnavailable)).await;
            }
            StanzaKind::Message(MessageType::Headline | MessageType::Error)
            | StanzaKind::Presence(_)
            | StanzaKind::Iq(IqType::Result | IqType::Error) => {}
        }
    }

    /// Offers an undeliverable message to whoever keeps such messages, else sends it back.
    pub async fn to_offline(&self, host: &Arc<Host>, delivery: Delivery) {
        let Some(account) = delivery.stanza.to().map(Jid::to_bare) else { return };
        let generation = host.generation();
        let mut left = Some(delivery);
        let mut event = Undelivered { kernel: self, host, account: &account, delivery: &mut left };
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
            drop(push(session, own.into()));
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

/// Hands a message to every target; gives it back when none takes it.
///
/// The last target gets the delivery itself: a receipt that is still held here could not be recorded by the one
/// session that stores the message (see [`crate::Receipt::record`]).
fn push_to_all(targets: &AccountSessions, delivery: Delivery) -> Option<Delivery> {
    let Some((last, others)) = targets.split_last() else { return Some(delivery) };
    let mut delivered = false;
    for session in others {
        delivered |= push(session, delivery.clone()).is_ok();
    }
    match push(last, delivery) {
        Err(back) if !delivered => Some(back),
        _ => None,
    }
}

fn push(session: &SessionHandle, delivery: Delivery) -> Result<(), Delivery> {
    session.mailbox().push(delivery).map_err(|(_refused, delivery)| delivery)
}
