//! Roster items and whole rosters, and their form in `jabber:iq:roster` (RFC 6121 §2.1).

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jid::Jid;
use kernel::contracts::{Contact, RosterView, Subscription};
use sha1::{Digest as _, Sha1};
use xmlstream::Element;
use xmpp_wire::{StanzaCondition, StanzaError, address, ns};

use super::state::State;

/// Items of one roster at most; pending requests of strangers count apart.
pub(crate) const ITEMS_MAX: i64 = 10_000;
/// Requests of strangers that wait in one roster at most.
pub(crate) const REQUESTS_MAX: i64 = 1_000;
/// Groups of one item at most.
pub(crate) const GROUPS_MAX: usize = 100;
/// Bytes of a name or of the name of a group at most (RFC 6121 §2.3.3 leaves it to the server).
pub(crate) const NAME_BYTES_MAX: usize = 1023;
/// Bytes of the words of a pending request at most.
pub(crate) const REASON_BYTES_MAX: usize = 1024;

/// What an account keeps of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Item {
    /// The account's name for the contact.
    pub(crate) name: String,
    /// Sorted, each once.
    pub(crate) groups: Vec<String>,
    /// Where the two stand.
    pub(crate) state: State,
    /// The words of the pending inbound request.
    pub(crate) reason: String,
    /// Whether clients know of it: a mere request of a stranger is no roster item (RFC 6121 §3.1.3).
    pub(crate) listed: bool,
}

impl Item {
    /// The element `<item/>`.
    pub(crate) fn to_element(&self, jid: &str) -> Element {
        let state = self.state;
        let flag = |on: bool, value: &'static str| on.then_some(value);
        Element::new("item", ns::ROSTER)
            .with_attr_opt("ask", flag(state.pending_out, "subscribe"))
            .with_attr_opt("approved", flag(state.approved, "true"))
            .with_attr("subscription", word(state.subscription()))
            .with_attr_opt("name", (!self.name.is_empty()).then(|| self.name.clone()))
            .with_attr("jid", jid.to_owned())
            .with_children(
                self.groups.iter().map(|group| Element::new("group", ns::ROSTER).with_text(group)),
            )
    }
}

/// The element that tells clients of a removed item (RFC 6121 §2.5.2).
pub(crate) fn removed(jid: &str) -> Element {
    Element::new("item", ns::ROSTER)
        .with_attr("subscription", "remove")
        .with_attr("jid", jid.to_owned())
}

/// The value of the attribute `subscription`.
pub(crate) fn word(subscription: Subscription) -> &'static str {
    match subscription {
        Subscription::None => "none",
        Subscription::To => "to",
        Subscription::From => "from",
        Subscription::Both => "both",
    }
}

/// A whole roster as it was at one moment; it never changes.
#[derive(Debug, Default)]
pub(crate) struct Book {
    items: BTreeMap<Box<str>, Item>,
    /// The stored version, with `store_current_id`.
    stored_version: Option<String>,
    view: OnceLock<RosterView>,
    hash: OnceLock<String>,
}

impl Book {
    /// A roster of items by address.
    pub(crate) fn new(items: BTreeMap<Box<str>, Item>, stored_version: Option<String>) -> Self {
        Self { items, stored_version, ..Self::default() }
    }

    /// The item of an address.
    pub(crate) fn item(&self, jid: &str) -> Option<&Item> {
        self.items.get(jid)
    }

    /// All items with their addresses, hidden ones included.
    pub(crate) fn items(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.items.iter().map(|(jid, item)| (jid.as_ref(), item))
    }

    /// Whether nothing is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items that clients may see, as elements.
    pub(crate) fn to_elements(&self) -> impl Iterator<Item = Element> {
        self.listed().map(|(jid, item)| item.to_element(jid))
    }

    /// The items that clients may see.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.items().filter(|(_, item)| item.listed)
    }

    /// The contacts, for other modules.
    pub(crate) fn view(&self) -> RosterView {
        let contact = |(jid, item): (&str, &Item)| {
            // Presence is between accounts: an item for a single resource is a note for the account alone.
            let jid = Jid::new(jid).ok().filter(|jid| jid.resource().is_none())?.into_bare();
            Some(Contact {
                jid,
                subscription: item.state.subscription(),
                groups: item.groups.clone(),
            })
        };
        self.view.get_or_init(|| self.listed().filter_map(contact).collect::<Arc<[_]>>()).clone()
    }

    /// The stored version, with `store_current_id`.
    pub(crate) fn stored_version(&self) -> Option<&str> {
        self.stored_version.as_deref()
    }

    /// A version that follows from what clients see (RFC 6121 §2.6).
    pub(crate) fn hash(&self) -> &str {
        self.hash.get_or_init(|| {
            let mut digest = Sha1::new();
            for element in self.to_elements() {
                digest.update(element.to_bytes(ns::ROSTER));
            }
            let digit =
                |value: u8| char::from_digit(u32::from(value), 16).expect("four bits are a digit");
            digest.finalize().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
        })
    }
}

/// What a client asks to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The contact.
    pub(crate) jid: Jid,
    /// The new name and groups; `None` removes the item.
    pub(crate) data: Option<(String, Vec<String>)>,
}

impl Wanted {
    /// Reads the query of a roster set (RFC 6121 §2.1.5, §2.3.3).
    pub(crate) fn from_query(query: &Element) -> Result<Self, StanzaError> {
        let bad = |text| StanzaError::new(StanzaCondition::BadRequest).with_text(text);
        let mut children = query.children();
        let (Some(item), None) = (children.next(), children.next()) else {
            return Err(bad("A roster set has exactly one item"));
        };
        if !item.is("item", ns::ROSTER) {
            return Err(bad("A roster set has exactly one item"));
        }
        let Some(jid) = item.attr("jid") else { return Err(bad("The item has no 'jid'")) };
        let jid = address(jid).map_err(|_| StanzaError::new(StanzaCondition::JidMalformed))?;
        if item.attr("subscription") == Some("remove") {
            return Ok(Self { jid, data: None });
        }
        let name = item.attr("name").unwrap_or_default().to_owned();
        let unacceptable =
            |text| Err(StanzaError::new(StanzaCondition::NotAcceptable).with_text(text));
        let is_group = |child: &&Element| child.is("group", ns::ROSTER);
        let mut groups: Vec<String> = item.children().filter(is_group).map(Element::text).collect();
        if groups.iter().any(String::is_empty) {
            return unacceptable("A group needs a name");
        }
        if let Err(why) = within_bounds(&name, &groups) {
            return unacceptable(why);
        }
        groups.sort_unstable();
        if groups.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(bad("A group is there twice"));
        }
        Ok(Self { jid, data: Some((name, groups)) })
    }
}

/// Whether a name and groups fit into a roster.
pub(crate) fn within_bounds(name: &str, groups: &[String]) -> Result<(), &'static str> {
    if name.len() > NAME_BYTES_MAX {
        return Err("The name is too long");
    }
    if groups.iter().any(|group| group.len() > NAME_BYTES_MAX) || groups.len() > GROUPS_MAX {
        return Err("There are too many groups, or the name of one is too long");
    }
    Ok(())
}

/// The beginning of a text, at most so many bytes.
pub(crate) fn shortened(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}
