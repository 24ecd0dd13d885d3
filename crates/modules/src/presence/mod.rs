//! Presence: broadcast, probes and directed presence (RFC 6121 §4). Always on where rosters are.

mod directed;
#[cfg(test)]
mod tests;

pub(crate) use directed::watch_directed;

use std::collections::HashSet;

use jid::{BareJid, Jid};
use kernel::contracts::RosterView;
use kernel::hooks::{Flow, OwnPresence, Step};
use kernel::{Kernel, Session};
use xmlstream::Element;
use xmpp_wire::{PresenceType, Stanza, StanzaKind, ns};

use self::directed::Directed;
use crate::roster::{Book, Rosters, stanza_error};

/// The presence of every available resource of an account, as it was broadcast.
pub(crate) fn available(kernel: &Kernel, account: &BareJid) -> Vec<Stanza> {
    kernel.account_sessions(account).iter().filter_map(|session| session.presence()).collect()
}

/// Tells somebody who may see the account's presence no more that it is gone (RFC 6121 §3.2.1, §3.3.3).
pub(crate) async fn withdraw(kernel: &Kernel, account: &BareJid, contact: &BareJid) {
    for session in kernel.account_sessions(account) {
        if session.priority().is_some() {
            let gone = unavailable(Jid::from(session.jid().clone()));
            kernel.route(gone.with_to(Jid::from(contact.clone())).into()).await;
        }
    }
}

fn unavailable(from: Jid) -> Stanza {
    Stanza::presence(PresenceType::Unavailable).with_from(from)
}

/// The contacts that one side of the subscriptions picks, without the account itself.
fn chosen(
    view: &RosterView,
    account: &BareJid,
    side: fn(kernel::contracts::Subscription) -> bool,
) -> Vec<BareJid> {
    let fits = |contact: &&kernel::contracts::Contact| {
        side(contact.subscription) && contact.jid != *account
    };
    view.iter().filter(fits).map(|contact| contact.jid.clone()).collect()
}

impl Rosters {
    /// A client's own presence (RFC 6121 §4.2 initial, §4.4 later, §4.5 unavailable).
    pub(crate) fn on_self_presence<'a>(&'a self, event: &'a mut OwnPresence<'_>) -> Step<'a> {
        let initial = event.previous.is_none();
        let (presence, session) = (event.presence, &mut *event.session);
        Step::Wait(Box::pin(async move {
            let account = session.account().clone();
            let book = match self.book(&account).await {
                Ok(book) => book,
                Err(error) => {
                    let error = stanza_error(&account, &error);
                    if let Some(reply) = presence.error_reply(&error) {
                        session.send(reply);
                    }
                    // Those that need no roster to be known still hear of it.
                    std::sync::Arc::default()
                }
            };
            if presence.kind() == StanzaKind::Presence(PresenceType::Available) {
                appear(session, presence, &book, initial).await;
            } else {
                disappear(session, presence, &book).await;
            }
            Flow::Continue
        }))
    }

    /// A session is over; whoever knows of it by directed presence alone is told (RFC 6121 §4.6.3).
    pub(crate) fn on_session_closed<'a>(&'a self, session: &'a mut &mut Session) -> Step<'a> {
        if session.existing_slot::<Directed>().is_none_or(Directed::is_empty) {
            return Step::CONTINUE;
        }
        Step::Wait(Box::pin(async move {
            let gone = unavailable(Jid::from(session.jid().clone()));
            tell_directed(session, &gone, &HashSet::new()).await;
            Flow::Continue
        }))
    }

    /// A server asks for the presence of an account (RFC 6121 §4.3.2).
    ///
    /// Who is not subscribed gets the same answer whether the account exists or not.
    pub(crate) async fn answer_probe(&self, kernel: &Kernel, account: &BareJid, probe: &Stanza) {
        let (Some(from), Some(to)) = (probe.from(), probe.to()) else { return };
        let prober = from.to_bare();
        let is_own = prober == *account;
        let allowed = is_own
            || match self.book(account).await {
                Ok(book) => book.item(prober.as_str()).is_some_and(|item| item.state.from),
                Err(error) => {
                    // An "unsubscribed" now would end a subscription because a disk failed.
                    tracing::error!(%account, %error, "a presence probe could not be answered");
                    return;
                }
            };
        if !allowed {
            let refusal =
                Stanza::presence(PresenceType::Unsubscribed).with_from(Jid::from(account.clone()));
            kernel.route(refusal.with_to(Jid::from(prober)).into()).await;
            return;
        }
        let asked = |presence: &Stanza| to.resource().is_none() || presence.from() == Some(to);
        let mut answers: Vec<_> = available(kernel, account).into_iter().filter(asked).collect();
        // COMPAT: a client of this server reads absence from silence, as with ejabberd; another server may have
        // missed that the account went away, and is told.
        if answers.is_empty() && kernel.host(prober.domain().as_str()).is_none() {
            answers.push(unavailable(to.clone()));
        }
        for answer in answers {
            kernel.route(answer.with_to(from.clone()).into()).await;
        }
    }
}

/// Available presence: contacts and the account's other resources hear of it; at first the session also
/// learns what it has missed.
async fn appear(session: &mut Session, presence: &Stanza, book: &Book, initial: bool) {
    let kernel = session.kernel().clone();
    let account = session.account().clone();
    let view = book.view();
    // RFC 6121 §4.2.2: every resource of the account, this one included.
    let to_own = presence.clone().with_to(Jid::from(account.clone()));
    let appeared = session.handle().appeared();
    if initial {
        // Those that appeared meanwhile ask by themselves, below.
        let others = kernel.account_sessions(&account).into_iter();
        for other in others.filter(|other| other.priority().is_some()) {
            if other.appeared() <= appeared {
                // Presence is not kept for a session that does not read.
                drop(other.mailbox().push(to_own.clone().into()));
            }
        }
    } else {
        kernel.route(to_own.into()).await;
    }
    kernel
        .broadcast_presence(presence, chosen(&view, &account, |subscription| subscription.from()))
        .await;
    if !initial {
        return;
    }
    let own = Jid::from(session.jid().clone());
    for other in kernel.account_sessions(&account) {
        if other.appeared() < appeared
            && let Some(other) = other.presence()
        {
            kernel.route(other.with_to(own.clone()).into()).await;
        }
    }
    let probe = Stanza::presence(PresenceType::Probe).with_from(own);
    kernel
        .broadcast_presence(&probe, chosen(&view, &account, |subscription| subscription.to()))
        .await;
    repeat_own_requests(&kernel, &account, book).await;
    repeat_requests(session, book);
}

/// RFC 6121 §3.1.2: what has not been answered may have been lost on the way. A contact that has the request
/// already ignores it.
async fn repeat_own_requests(kernel: &Kernel, account: &BareJid, book: &Book) {
    for (jid, _) in book.items().filter(|(_, item)| item.state.pending_out) {
        let Ok(contact) = BareJid::new(jid) else { continue };
        let request =
            Stanza::presence(PresenceType::Subscribe).with_from(Jid::from(account.clone()));
        kernel.route(request.with_to(Jid::from(contact)).into()).await;
    }
}

/// RFC 6121 §3.1.3: a request is shown again at every log-in until it is answered.
fn repeat_requests(session: &Session, book: &Book) {
    for (jid, item) in book.items().filter(|(_, item)| item.state.pending_in) {
        let Ok(contact) = Jid::new(jid) else { continue };
        let mut request = Stanza::presence(PresenceType::Subscribe)
            .with_from(contact)
            .with_to(Jid::from(session.account().clone()));
        if !item.reason.is_empty() {
            request.push(&Element::new("status", ns::CLIENT).with_text(&item.reason));
        }
        // A session that ends gets it at its next log-in.
        drop(session.handle().mailbox().push(request.into()));
    }
}

/// Unavailable presence: everybody who knew that the resource was there hears of it (RFC 6121 §4.5.2, §4.6.3).
async fn disappear(session: &mut Session, presence: &Stanza, book: &Book) {
    let kernel = session.kernel().clone();
    let account = session.account().clone();
    let contacts = chosen(&book.view(), &account, |subscription| subscription.from());
    let own = presence.clone().with_to(Jid::from(account));
    kernel.route(own.into()).await;
    session.send(presence.clone().with_to(Jid::from(session.jid().clone())));
    kernel.broadcast_presence(presence, contacts.iter().cloned()).await;
    tell_directed(session, presence, &contacts.into_iter().collect()).await;
}

async fn tell_directed(session: &mut Session, presence: &Stanza, told: &HashSet<BareJid>) {
    let kernel = session.kernel().clone();
    for jid in session.slot::<Directed>().take() {
        if !told.contains(&jid.to_bare()) {
            kernel.route(presence.clone().with_to(jid).into()).await;
        }
    }
}
