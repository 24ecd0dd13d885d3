//! ANONYMOUS (RFC 4505): no proof, a fresh address chosen by the server.

use jid::{BareJid, NodePart};

use crate::{Condition, Failure, Step};

/// The longest trace information, in characters (RFC 4505 §2).
const TRACE_CHARACTERS_MAX: usize = 255;

/// The only message: trace information, which is checked for its form and then dropped, never
/// logged.
///
/// COMPAT: a request without initial response counts as one with empty trace information, as in
/// ejabberd; clients in use expect `<success/>` and would not answer an empty challenge.
pub(crate) fn message(
    trace: &[u8],
    host: &BareJid,
    node: Option<&NodePart>,
) -> Result<Step, Failure> {
    let trace =
        str::from_utf8(trace).map_err(|_| Failure::malformed("Trace information is not UTF-8"))?;
    if trace.chars().count() > TRACE_CHARACTERS_MAX || trace.contains('\0') {
        return Err(Failure::malformed("Trace information is too long or holds a zero byte"));
    }
    let node =
        node.ok_or(Failure::new(Condition::InvalidMechanism, "Anonymous log-in is not offered"))?;
    let identity = BareJid::from_parts(Some(node), host.domain());
    Ok(Step::Success { identity, additional_data: None })
}
