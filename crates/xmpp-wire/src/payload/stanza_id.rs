//! XEP-0359 Unique and Stable Stanza IDs.

use crate::{Stanza, ns};
use jid::Jid;
use xmlstream::Element;

/// The element that says under which id `by` keeps a stanza.
pub fn element(id: &str, by: &Jid) -> Element {
    Element::new("stanza-id", ns::STANZA_ID)
        .with_attr("by", by.as_str().to_owned())
        .with_attr("id", id.to_owned())
}

/// The id under which `by` keeps a stanza.
pub fn by(stanza: &Stanza, by: &Jid) -> Option<String> {
    let ids = stanza
        .children()
        .filter(|child| child.is("stanza-id", ns::STANZA_ID))
        .map(|child| child.parse());
    ids.into_iter().find(|id| claims(id, by)).and_then(|id| id.attr("id").map(str::to_owned))
}

/// Removes every id that claims to be given by `by`, and every one whose giver is no address: they are spoofed,
/// since `by` is us and we have not given any yet (XEP-0359 §6). Returns how many those were.
pub fn remove_spoofed(stanza: &mut Stanza, by: &Jid) -> usize {
    stanza.remove_children(|child| {
        child.is("stanza-id", ns::STANZA_ID) && {
            let id = child.parse();
            claims(&id, by) || id.attr("by").is_none_or(|by| Jid::new(by).is_err())
        }
    })
}

/// Addresses are compared after preparation: `Example.org` is `example.org`.
fn claims(id: &Element, by: &Jid) -> bool {
    id.attr("by").and_then(|given| Jid::new(given).ok()).is_some_and(|given| given == *by)
}

/// The id that the sender gave (XEP-0359 §3.2).
pub fn origin(stanza: &Stanza) -> Option<String> {
    stanza.child("origin-id", ns::STANZA_ID)?.parse().attr("id").map(str::to_owned)
}
