//! Changes of a roster: one transaction, then the pushes, in the order of the commits (RFC 6121 §2.1.6).

use ::store::{Committed, StoreError, Tx};
use jid::{BareJid, Jid};
use kernel::contracts::Subscription;
use kernel::{Kernel, random};
use tokio::sync::oneshot;
use xmlstream::Element;
use xmpp_wire::{IqType, Stanza, StanzaCondition, ns};

use super::item::{ITEMS_MAX, Item, REQUESTS_MAX, Wanted, removed};
use super::state::{State, Verb, inbound, outbound};
use super::store::{self, Owner};
use super::{Rosters, Versioning};

/// What a change came to.
pub(crate) struct Outcome<T> {
    /// For whoever asked for the change.
    pub(crate) value: T,
    /// The items that interested resources are told of.
    pub(crate) pushes: Vec<Element>,
}

impl Rosters {
    /// Changes the roster of an account. Interested resources are told before this returns.
    ///
    /// # Errors
    /// Those of the store; nothing has changed then.
    pub(crate) async fn change<T, F>(
        &self,
        kernel: &Kernel,
        account: &BareJid,
        change: F,
    ) -> Result<Committed<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>, &Owner) -> Result<Outcome<T>, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let (owner, versioning, fresh) = (Owner::new(account), self.versioning, random::token());
        let work = move |tx: &mut Tx<'_>| {
            let outcome = change(tx, &owner)?;
            let version = match versioning {
                _ if outcome.pushes.is_empty() => None,
                Versioning::Off => None,
                Versioning::Hash => Some(store::read_book(tx, &owner)?.hash().to_owned()),
                Versioning::Stored => {
                    store::write_version(tx, &owner, &fresh)?;
                    Some(fresh)
                }
            };
            Ok((outcome, version))
        };
        let (kernel, account, shelf) = (kernel.clone(), account.clone(), self.shelf.clone());
        // Commits come here one after the other, so no client sees two changes of an item in the wrong order.
        self.store.write_then(work, move |result| {
            let result = result.map(|committed| {
                shelf.forget(account.as_str());
                committed.map(|(outcome, version)| {
                    for item in &outcome.pushes {
                        push(&kernel, &account, item, version.as_deref());
                    }
                    outcome.value
                })
            });
            // The asker may have gone away; the change counts all the same.
            drop(answer.send(result));
        })?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// Tells every interested resource of an account of an item.
pub(crate) fn push(kernel: &Kernel, account: &BareJid, item: &Element, version: Option<&str>) {
    for session in kernel.account_sessions(account) {
        if !session.is_interested() {
            continue;
        }
        let query = Element::new("query", ns::ROSTER)
            .with_attr_opt("ver", version.map(str::to_owned))
            .with_child(item.clone());
        let push = Stanza::iq(IqType::Set, &random::token())
            .with_from(Jid::from(account.clone()))
            .with_to(Jid::from(session.jid().clone()))
            .with_child(&query);
        // A session that ends, or is told to end because it does not read, asks for the roster anew.
        drop(session.mailbox().push(push.into()));
    }
}

/// Writes what became of an item.
fn save(
    tx: &mut Tx<'_>,
    owner: &Owner,
    jid: &str,
    before: Option<&Item>,
    item: &Item,
) -> Result<(), StoreError> {
    let was_listed = before.is_some_and(|before| before.listed);
    if !item.listed && !item.state.pending_in {
        if before.is_some() {
            store::delete_item(tx, owner, jid)?;
        }
        return Ok(());
    }
    if before == Some(item) {
        return Ok(());
    }
    if item.listed && !was_listed && store::count(tx, owner, false)? >= ITEMS_MAX {
        return Err(StoreError::Rejected("The roster has too many items; remove some"));
    }
    if !item.listed && before.is_none() && store::count(tx, owner, true)? >= REQUESTS_MAX {
        return Err(StoreError::Rejected("Too many requests of strangers wait"));
    }
    store::write_item(tx, owner, jid, item)
}

/// Takes a change of name and groups, or a removal, out of a roster set; the value is the state of an item
/// that was removed.
pub(crate) fn set(
    tx: &mut Tx<'_>,
    owner: &Owner,
    wanted: Wanted,
) -> Result<Outcome<Result<Option<State>, StanzaCondition>>, StoreError> {
    let jid = wanted.jid.as_str();
    let before = store::read_item(tx, owner, jid)?;
    let Some((name, groups)) = wanted.data else {
        let Some(item) = before.filter(|item| item.listed) else {
            return Ok(Outcome { value: Err(StanzaCondition::ItemNotFound), pushes: Vec::new() });
        };
        store::delete_item(tx, owner, jid)?;
        return Ok(Outcome { value: Ok(Some(item.state)), pushes: vec![removed(jid)] });
    };
    let item = Item { name, groups, listed: true, ..before.clone().unwrap_or_default() };
    save(tx, owner, jid, before.as_ref(), &item)?;
    Ok(Outcome { value: Ok(None), pushes: vec![item.to_element(jid)] })
}

/// What an administrator says of a contact.
#[derive(Clone, Debug)]
pub(crate) struct Assigned {
    /// The contact.
    pub(crate) jid: Jid,
    /// The account's name for it.
    pub(crate) name: String,
    /// Sorted, each once.
    pub(crate) groups: Vec<String>,
    /// Where the two stand from now on.
    pub(crate) subscription: Subscription,
}

/// Puts contacts into a roster whatever the state before; the values are the states before and afterwards.
///
/// Nobody is asked: the same must be done to the roster of the contact if it is to agree.
pub(crate) fn assign(
    tx: &mut Tx<'_>,
    owner: &Owner,
    contacts: &[Assigned],
) -> Result<Outcome<Vec<(State, State)>>, StoreError> {
    let mut outcome = Outcome { value: Vec::new(), pushes: Vec::new() };
    for contact in contacts {
        let jid = contact.jid.as_str();
        let before = store::read_item(tx, owner, jid)?;
        let old = before.as_ref().map(|item| item.state).unwrap_or_default();
        let (to, from) = (contact.subscription.to(), contact.subscription.from());
        let state = State {
            to,
            from,
            pending_out: old.pending_out && !to,
            pending_in: old.pending_in && !from,
            ..old
        };
        let reason = before.as_ref().map(|item| item.reason.clone()).unwrap_or_default();
        let item = Item {
            name: contact.name.clone(),
            groups: contact.groups.clone(),
            state,
            reason: if state.pending_in { reason } else { String::new() },
            listed: true,
        };
        save(tx, owner, jid, before.as_ref(), &item)?;
        outcome.value.push((old, state));
        outcome.pushes.push(item.to_element(jid));
    }
    Ok(outcome)
}

/// Takes a contact out of a roster; the value is the state before, if there was an item.
pub(crate) fn withdraw(
    tx: &mut Tx<'_>,
    owner: &Owner,
    jid: &str,
) -> Result<Outcome<Option<State>>, StoreError> {
    let Some(item) = store::read_item(tx, owner, jid)? else {
        return Ok(Outcome { value: None, pushes: Vec::new() });
    };
    store::delete_item(tx, owner, jid)?;
    let push = item.listed.then(|| removed(jid));
    Ok(Outcome { value: Some(item.state), pushes: push.into_iter().collect() })
}

/// What became of a subscription stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The state before.
    pub(crate) before: State,
    /// The state afterwards.
    pub(crate) after: State,
    /// Whether the stanza goes on, to the contact or to the account's clients.
    pub(crate) passes: bool,
    /// What the server answers in the account's name.
    pub(crate) reply: Option<Verb>,
}

impl Verdict {
    /// Whether the contact sees the account's presence only now.
    pub(crate) fn grants(self) -> bool {
        self.after.from && !self.before.from
    }

    /// Whether the contact sees the account's presence no more.
    pub(crate) fn revokes(self) -> bool {
        self.before.from && !self.after.from
    }
}

/// The account sends a subscription stanza.
pub(crate) fn send(
    tx: &mut Tx<'_>,
    owner: &Owner,
    contact: &str,
    verb: Verb,
) -> Result<Outcome<Verdict>, StoreError> {
    step(tx, owner, contact, "", |state| {
        let result = outbound(state, verb);
        Verdict { before: state, after: result.next, passes: result.route, reply: None }
    })
}

/// The contact sent a subscription stanza, with some words.
pub(crate) fn receive(
    tx: &mut Tx<'_>,
    owner: &Owner,
    contact: &str,
    verb: Verb,
    reason: &str,
) -> Result<Outcome<Verdict>, StoreError> {
    step(tx, owner, contact, reason, |state| received(state, verb))
}

/// What a stanza of the contact comes to in a state.
pub(crate) fn received(state: State, verb: Verb) -> Verdict {
    let result = inbound(state, verb);
    Verdict { before: state, after: result.next, passes: result.deliver, reply: result.reply }
}

fn step(
    tx: &mut Tx<'_>,
    owner: &Owner,
    contact: &str,
    reason: &str,
    decide: impl FnOnce(State) -> Verdict,
) -> Result<Outcome<Verdict>, StoreError> {
    let before = store::read_item(tx, owner, contact)?;
    let old = before.clone().unwrap_or_default();
    let verdict = decide(old.state);
    let after = verdict.after;
    let reason = match (old.state.pending_in, after.pending_in) {
        (true, true) => old.reason,
        (false, true) => reason.to_owned(),
        (_, false) => String::new(),
    };
    let visible = after.to || after.from || after.pending_out || after.approved;
    let item = Item { state: after, reason, listed: old.listed || visible, ..old };
    save(tx, owner, contact, before.as_ref(), &item)?;
    let differs = after.looks_different_from(verdict.before);
    let push = (item.listed && differs).then(|| item.to_element(contact));
    Ok(Outcome { value: verdict, pushes: push.into_iter().collect() })
}
