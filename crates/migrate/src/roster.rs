//! Roster items on their way in and out: tables `rosterusers` and `rostergroups`.

use jid::{BareJid, Jid};

use crate::sink::Sink;
use crate::words::key;

/// What an account keeps of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) to: bool,
    pub(crate) from: bool,
    /// The account waits for the contact's answer.
    pub(crate) asks: bool,
    /// The contact waits for the account's answer.
    pub(crate) asked: bool,
    pub(crate) approved: bool,
    /// It is in the roster and not a mere request.
    pub(crate) listed: bool,
    /// The words of the contact's request.
    pub(crate) reason: String,
    pub(crate) groups: Vec<String>,
}

impl Item {
    /// Takes the subscription and the waiting requests in ejabberd's words; `None` for others.
    pub(crate) fn with_words(self, subscription: &str, ask: &str) -> Option<Self> {
        let (to, from) = match subscription {
            "both" => (true, true),
            "to" => (true, false),
            "from" => (false, true),
            "none" => (false, false),
            _ => return None,
        };
        let (asks, asked) = match ask {
            "both" => (true, true),
            "out" | "subscribe" => (true, false),
            "in" => (false, true),
            "none" | "unsubscribe" => (false, false),
            _ => return None,
        };
        Some(Self { to, from, asks, asked, ..self })
    }
}

/// The prepared form of an address.
pub(crate) fn address(address: &str) -> Option<String> {
    Jid::new(address).ok().map(|jid| jid.as_str().to_owned())
}

/// Stores an item in the place of the one of the same address.
pub(crate) fn store(sink: &mut Sink, account: &BareJid, contact: &str, item: &Item) {
    let (user, host) = key(account);
    let subscription = match (item.to, item.from) {
        (true, true) => "B",
        (true, false) => "T",
        (false, true) => "F",
        (false, false) => "N",
    };
    let ask = match (item.asks, item.asked) {
        (true, true) => "B",
        (true, false) => "O",
        (false, true) => "I",
        (false, false) => "N",
    };
    let whose =
        || vec![("username", user.into()), ("server_host", host.into()), ("jid", contact.into())];
    let mut cells = whose();
    cells.extend([
        ("nick", item.name.as_str().into()),
        ("subscription", subscription.into()),
        ("approved", i64::from(item.approved).into()),
        ("ask", ask.into()),
        ("askmessage", item.reason.as_str().into()),
        ("server", "N".into()),
        // The roster's own mark for an item that would else be taken for a mere request.
        ("subscribe", if item.listed && item.asked { "listed" } else { "" }.into()),
        ("type", "item".into()),
    ]);
    sink.put("rosterusers", cells);
    sink.delete("rostergroups", whose());
    for group in &item.groups {
        let mut cells = whose();
        cells.push(("grp", group.as_str().into()));
        sink.put("rostergroups", cells);
    }
}
