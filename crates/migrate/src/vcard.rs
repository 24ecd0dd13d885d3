//! vCards on their way in: tables `vcard` and `vcard_search`.

use jid::BareJid;
use xmlstream::Element;
use xmpp_wire::payload::vcard::searchable;

use crate::sink::{Cells, Sink};
use crate::words::key;

/// The columns of the searchable fields, as they are and in lower case.
const COLUMNS: [(&str, &str); 11] = [
    ("fn", "lfn"),
    ("family", "lfamily"),
    ("given", "lgiven"),
    ("middle", "lmiddle"),
    ("nickname", "lnickname"),
    ("bday", "lbday"),
    ("ctry", "lctry"),
    ("locality", "llocality"),
    ("email", "lemail"),
    ("orgname", "lorgname"),
    ("orgunit", "lorgunit"),
];

/// Stores a card in the place of the account's.
pub(crate) fn store(sink: &mut Sink, account: &BareJid, card: &Element) {
    let (user, host) = key(account);
    let text = String::from_utf8_lossy(&card.to_bytes("")).into_owned();
    let cells =
        vec![("username", user.into()), ("server_host", host.into()), ("vcard", text.into())];
    sink.put("vcard", cells);
    let mut cells: Cells =
        vec![("username", user.into()), ("lusername", user.into()), ("server_host", host.into())];
    for ((column, lower), value) in COLUMNS.into_iter().zip(searchable(card)) {
        cells.push((lower, value.to_lowercase().into()));
        cells.push((column, value.into()));
    }
    sink.put("vcard_search", cells);
}
