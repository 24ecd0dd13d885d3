//! Private data (XEP-0049) on its way in: table `private_storage`.

use jid::BareJid;
use xmlstream::Element;

use crate::sink::Sink;
use crate::words::key;

/// Stores an element in the place of the one of the same namespace.
pub(crate) fn store(sink: &mut Sink, account: &BareJid, namespace: &str, data: &Element) {
    let (user, host) = key(account);
    let text = String::from_utf8_lossy(&data.to_bytes("")).into_owned();
    let cells = vec![
        ("username", user.into()),
        ("server_host", host.into()),
        ("namespace", namespace.into()),
        ("data", text.into()),
    ];
    sink.put("private_storage", cells);
}
