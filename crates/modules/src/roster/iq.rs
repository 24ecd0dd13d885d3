//! `jabber:iq:roster`: get, set and what a removal means (RFC 6121 §2.2 to §2.6).

use ::store::Committed;
use jid::{BareJid, Jid};
use kernel::{Answering, GetAnswer, IqRequest, Kernel, SetAnswer, bare_str, random};
use xmlstream::Element;
use xmpp_wire::{PresenceType, Stanza, StanzaCondition, StanzaError, ns};

use super::item::{Book, Wanted};
use super::state::State;
use super::{Rosters, Versioning, change, stanza_error, store};

impl Rosters {
    /// A client asks for the roster, and for pushes from now on.
    pub(crate) fn answer_get<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            let account = own_account(request)?;
            if request.payload.name() != "query" || request.payload.children().next().is_some() {
                return Err(StanzaCondition::BadRequest.into());
            }
            // First of all, so that no change falls between what is read and the first push.
            mark_interested(&request.kernel, &request.from);
            let book = self.book(&account).await.map_err(|error| stanza_error(&account, &error))?;
            let query = Element::new("query", ns::ROSTER);
            let Some(known) = request.payload.attr("ver") else {
                return Ok(Some(query.with_children(book.to_elements())));
            };
            match self.version(&request.kernel, &account, &book).await? {
                None => Ok(Some(query.with_children(book.to_elements()))),
                Some(version) if version == known => Ok(None),
                Some(version) => {
                    Ok(Some(query.with_attr("ver", version).with_children(book.to_elements())))
                }
            }
        })
    }

    /// The version of a roster; one that has none yet gets one.
    async fn version(
        &self,
        kernel: &Kernel,
        account: &BareJid,
        book: &Book,
    ) -> Result<Option<String>, StanzaError> {
        match (self.versioning, book.stored_version()) {
            (Versioning::Off, _) => Ok(None),
            (Versioning::Hash, _) => Ok(Some(book.hash().to_owned())),
            (Versioning::Stored, Some(version)) => Ok(Some(version.to_owned())),
            (Versioning::Stored, None) => {
                let fresh = random::token();
                let given = self.change(kernel, account, move |tx, owner| {
                    let version = match store::read_version(tx, owner)? {
                        // A change came in between: what was read is older than this version.
                        Some(_) => None,
                        None => {
                            store::write_version(tx, owner, &fresh)?;
                            Some(fresh)
                        }
                    };
                    Ok(change::Outcome { value: version, pushes: Vec::new() })
                });
                let given =
                    given.await.map_err(|error| stanza_error(account, &error))?.into_inner();
                Ok(given)
            }
        }
    }

    /// A client adds, changes or removes an item.
    pub(crate) fn answer_set<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, SetAnswer> {
        Box::pin(async move {
            let account = own_account(request)?;
            if request.payload.name() != "query" {
                return Err(StanzaCondition::BadRequest.into());
            }
            let wanted = Wanted::from_query(&request.payload)?;
            if !self.allows(&request.host, &request.from) {
                return Err(StanzaError::new(StanzaCondition::NotAllowed)
                    .with_text("Access denied by service policy"));
            }
            let jid = wanted.jid.clone();
            let kernel = &request.kernel;
            let done = self
                .change(kernel, &account, move |tx, owner| change::set(tx, owner, wanted))
                .await;
            let (result, receipt) = unzip(done.map_err(|error| stanza_error(&account, &error))?);
            if let Some(state) = result? {
                take_leave(kernel, &account, &jid.into_bare(), state).await;
            }
            Ok(receipt.map(|()| None))
        })
    }
}

/// Takes the value out and leaves the proof.
fn unzip<T>(committed: Committed<T>) -> (T, Committed<()>) {
    let mut value = None;
    let proof = committed.map(|inner| value = Some(inner));
    (value.expect("the closure has just put it there"), proof)
}

/// Only the account itself has to do with its roster (RFC 6121 §2.1.5).
fn own_account(request: &IqRequest) -> Result<BareJid, StanzaError> {
    if request.is_own() {
        return Ok(request.from.to_bare());
    }
    Err(StanzaError::new(StanzaCondition::Forbidden)
        .with_text("The roster of somebody else is nobody's business"))
}

fn mark_interested(kernel: &Kernel, from: &Jid) {
    let Some(resource) = from.resource() else { return };
    if let Some(session) = kernel.sessions().find(bare_str(from), resource.as_str()) {
        session.set_interested();
    }
}

/// A contact was removed: both subscriptions end, whatever their state (RFC 6121 §2.5.2).
pub(crate) async fn take_leave(
    kernel: &Kernel,
    account: &BareJid,
    contact: &BareJid,
    state: State,
) {
    if account == contact {
        return;
    }
    if state.from {
        crate::presence::withdraw(kernel, account, contact).await;
    }
    let mut say = Vec::new();
    if state.to || state.pending_out {
        say.push(PresenceType::Unsubscribe);
    }
    if state.from || state.pending_in {
        say.push(PresenceType::Unsubscribed);
    }
    for kind in say {
        let stanza = Stanza::presence(kind)
            .with_from(Jid::from(account.clone()))
            .with_to(Jid::from(contact.clone()));
        kernel.route(stanza.into()).await;
    }
}
