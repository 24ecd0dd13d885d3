//! Subscription stanzas on their way out and in (RFC 6121 §3), and the end of an account.

use jid::{BareJid, Jid};
use kernel::hooks::{AccountEvent, AccountInbound, Flow, Outgoing, Step};
use kernel::{Kernel, bare_str};
use xmpp_wire::{PresenceType, Stanza, StanzaCondition, StanzaError, StanzaKind, ns};

use super::change::{Outcome, Verdict, receive, received, send};
use super::item::{REASON_BYTES_MAX, shortened};
use super::state::Verb;
use super::{Rosters, iq, stanza_error, store};
use crate::presence;

impl Rosters {
    /// A client sends something: presence with an address is looked at.
    pub(crate) fn on_user_send<'a>(&'a self, event: &'a mut Outgoing<'_>) -> Step<'a> {
        let StanzaKind::Presence(kind) = event.stanza.kind() else { return Step::CONTINUE };
        if event.stanza.to().is_none() {
            return Step::CONTINUE;
        }
        match Verb::of(kind) {
            None => Step::Done(presence::watch_directed(event, kind)),
            Some(verb) => {
                let (stanza, session) = (&mut *event.stanza, &mut *event.session);
                Step::Wait(Box::pin(async move {
                    match self.send_subscription(stanza, session, verb).await {
                        Ok(flow) => flow,
                        Err(error) => {
                            if let Some(reply) = stanza.error_reply(&error) {
                                session.send(reply);
                            }
                            Flow::Stop
                        }
                    }
                }))
            }
        }
    }

    /// RFC 6121 §3.1.2, §3.2.1, §3.3.2, §3.4.2: stamped with the bare JID, written down, then routed.
    async fn send_subscription(
        &self,
        stanza: &mut Stanza,
        session: &mut kernel::Session,
        verb: Verb,
    ) -> Result<Flow, StanzaError> {
        let account = session.account().clone();
        let Some(contact) = stanza.to().map(Jid::to_bare) else { return Ok(Flow::Continue) };
        if contact == account {
            return Ok(Flow::Stop);
        }
        let own = Jid::from(session.jid().clone());
        if !self.allows(session.host(), &own) {
            return Err(StanzaError::new(StanzaCondition::NotAllowed)
                .with_text("Access denied by service policy"));
        }
        let kernel = session.kernel().clone();
        let key = contact.clone();
        let done = self
            .change(&kernel, &account, move |tx, owner| send(tx, owner, key.as_str(), verb))
            .await;
        let verdict = done.map_err(|error| stanza_error(&account, &error))?.into_inner();
        if verdict.revokes() {
            presence::withdraw(&kernel, &account, &contact).await;
        }
        if verdict.grants() {
            // After the stanza itself, which the contact's server must see first.
            for available in presence::available(&kernel, &account) {
                session.route(available.with_to(Jid::from(contact.clone())));
            }
        }
        if !verdict.passes {
            return Ok(Flow::Stop);
        }
        stanza.set_from(Some(account.into()));
        stanza.set_to(Some(contact.into()));
        Ok(Flow::Continue)
    }

    /// Presence for an account: subscriptions and probes are dealt with here.
    pub(crate) fn on_delivering<'a>(&'a self, event: &'a mut AccountInbound<'_>) -> Step<'a> {
        let StanzaKind::Presence(kind) = event.stanza.kind() else { return Step::CONTINUE };
        let (kernel, account) = (event.kernel, event.account);
        let stanza = &mut *event.stanza;
        if kind == PresenceType::Probe {
            return Step::Wait(Box::pin(async move {
                self.answer_probe(kernel, account, stanza).await;
                Flow::Stop
            }));
        }
        let Some(verb) = Verb::of(kind) else { return Step::CONTINUE };
        let refusal = &mut event.refusal;
        Step::Wait(Box::pin(async move {
            match self.receive_subscription(kernel, account, stanza, verb).await {
                Ok(flow) => flow,
                Err(error) => {
                    *refusal = Some(error);
                    Flow::Stop
                }
            }
        }))
    }

    /// RFC 6121 §3.1.3, §3.1.6, §3.2.3, §3.3.3.
    async fn receive_subscription(
        &self,
        kernel: &Kernel,
        account: &BareJid,
        stanza: &mut Stanza,
        verb: Verb,
    ) -> Result<Flow, StanzaError> {
        let Some(contact) = stanza.from().map(Jid::to_bare) else { return Ok(Flow::Stop) };
        if contact == *account {
            return Ok(Flow::Stop);
        }
        let Some(verdict) = self.note_received(kernel, account, &contact, stanza, verb).await?
        else {
            return Ok(Flow::Stop);
        };
        if verdict.revokes() {
            presence::withdraw(kernel, account, &contact).await;
        }
        if let Some(reply) = verdict.reply {
            let reply = Stanza::presence(reply.kind()).with_from(Jid::from(account.clone()));
            kernel.route(reply.with_to(Jid::from(contact.clone())).into()).await;
            for available in presence::available(kernel, account) {
                kernel.route(available.with_to(Jid::from(contact.clone())).into()).await;
            }
        }
        if !verdict.passes {
            return Ok(Flow::Stop);
        }
        stanza.set_from(Some(contact.into()));
        stanza.set_to(Some(account.clone().into()));
        if verb != Verb::Subscribe {
            tell_interested(kernel, account, stanza);
        }
        Ok(Flow::Continue)
    }

    /// Writes down what a stanza of a contact changes; `None` if it means nothing.
    async fn note_received(
        &self,
        kernel: &Kernel,
        account: &BareJid,
        contact: &BareJid,
        stanza: &Stanza,
        verb: Verb,
    ) -> Result<Option<Verdict>, StanzaError> {
        let fail = |error| stanza_error(account, &error);
        let book = self.book(account).await.map_err(fail)?;
        let state = book.item(contact.as_str()).map(|item| item.state).unwrap_or_default();
        let verdict = received(state, verb);
        if verdict.before == verdict.after && !verdict.passes {
            // Nothing to write; strangers cannot make the disk work.
            return Ok(verdict.reply.is_some().then_some(verdict));
        }
        if book.is_empty() && !exists(kernel, account).await? {
            // RFC 6121 §8.5.1: as silent as an account that has not answered yet.
            return Ok(None);
        }
        let reason = stanza
            .child("status", ns::CLIENT)
            .map(|status| status.parse().text())
            .unwrap_or_default();
        let reason = shortened(reason, REASON_BYTES_MAX);
        let key = contact.clone();
        let done = self
            .change(kernel, account, move |tx, owner| {
                receive(tx, owner, key.as_str(), verb, &reason)
            })
            .await;
        match done {
            Ok(verdict) => Ok(Some(verdict.into_inner())),
            // An answer would tell a stranger that the account exists.
            Err(::store::StoreError::Rejected(why)) => {
                tracing::warn!(%account, %contact, why, "a subscription request was dropped");
                Ok(None)
            }
            Err(error) => Err(fail(error)),
        }
    }

    /// An account is gone: its contacts are told, then nothing is kept (RFC 6121 §2.5 for every item).
    pub(crate) fn on_account_removed<'a>(&'a self, event: &'a mut AccountEvent<'_>) -> Step<'a> {
        let (kernel, account) = (event.kernel, event.account);
        Step::Wait(Box::pin(async move {
            match self.book(account).await {
                Ok(book) => {
                    for (jid, item) in book.items() {
                        let Ok(contact) = BareJid::new(jid) else { continue };
                        iq::take_leave(kernel, account, &contact, item.state).await;
                    }
                }
                Err(error) => {
                    tracing::error!(%account, %error, "contacts of a removed account could not be told")
                }
            }
            let done = self.change(kernel, account, |tx, owner| {
                store::delete_book(tx, owner)?;
                Ok(Outcome { value: (), pushes: Vec::new() })
            });
            if let Err(error) = done.await {
                tracing::error!(%account, %error, "the roster of a removed account could not be deleted");
            }
            Flow::Continue
        }))
    }
}

async fn exists(kernel: &Kernel, account: &BareJid) -> Result<bool, StanzaError> {
    let Some(node) = account.node() else { return Ok(false) };
    if kernel.sessions().is_online(account) {
        return Ok(true);
    }
    kernel.accounts().exists(node.as_str(), account.domain().as_str()).await.map_err(|error| {
        tracing::error!(%account, %error, "it could not be found out whether the account exists");
        StanzaError::new(StanzaCondition::InternalServerError)
    })
}

/// Resources that have asked for the roster hear of the answer even while they are unavailable (RFC 6121
/// §3.1.6); the available ones get it from the router.
fn tell_interested(kernel: &Kernel, account: &BareJid, stanza: &Stanza) {
    debug_assert_eq!(stanza.to().map(bare_str), Some(account.as_str()), "addressed to the account");
    for session in kernel.account_sessions(account) {
        if session.is_interested() && session.priority().is_none() {
            // A session that ends asks for the roster anew.
            drop(session.mailbox().push(stanza.clone().into()));
        }
    }
}
