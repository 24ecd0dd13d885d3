//! Offline messages on their way in: table `spool`.

use jid::BareJid;
use jiff::Timestamp;
use kernel::xmpp_stamp;
use xmlstream::Element;
use xmpp_wire::payload::delay::Delay;
use xmpp_wire::{Stanza, ns};

use crate::sink::{Cells, Sink};
use crate::words::{column_time, key};

/// When a message was kept, by its own words; `None` if it does not say.
pub(crate) fn kept_since(message: &Element) -> Option<Timestamp> {
    let delays = message.children().filter_map(Delay::from_element);
    delays.filter_map(|delay| delay.stamp.parse().ok()).min()
}

/// Stores a message that was kept since `since`, or nobody knows since when; the same one is not stored twice. `None` if
/// it is no message.
pub(crate) fn store(
    sink: &mut Sink,
    account: &BareJid,
    message: &mut Element,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Option<()> {
    let (user, host) = key(account);
    let stamped =
        |delay: &Element| delay.is("delay", ns::DELAY) && delay.attr("from") == Some(host);
    if let Some(since) = since
        && !message.children().any(stamped)
    {
        let delay = Element::new("delay", ns::DELAY)
            .with_attr("from", host.to_owned())
            .with_attr("stamp", xmpp_stamp(since))
            .with_text("Offline storage");
        message.push(delay);
    }
    let stanza = Stanza::parse(&message.to_bytes("")).ok()?;
    if !message.is("message", ns::CLIENT) {
        return None;
    }
    let xml = String::from_utf8(stanza.to_bytes()).ok()?;
    let mut cells: Cells =
        vec![("username", user.into()), ("server_host", host.into()), ("xml", xml.into())];
    sink.delete("spool", cells.clone());
    cells.push(("created_at", column_time(since.unwrap_or(now)).into()));
    sink.put("spool", cells);
    Some(())
}
