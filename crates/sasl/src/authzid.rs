//! Names on the wire: the authentication identity becomes an address, and the authorization
//! identity has to be it.
//!
//! Attack class 8: the session's address is always the proven identity; an authorization identity
//! can only confirm it.

use jid::{BareJid, Jid, NodePart};

use crate::prep::saslprep;
use crate::{Condition, Failure, NAME_BYTES_MAX};

const BAD_NAME: Failure = Failure::new(Condition::NotAuthorized, "Malformed user name");
const BAD_AUTHZID: Failure =
    Failure::new(Condition::InvalidAuthzid, "You may only act as yourself");

/// The account that an authentication identity names: SASLprep first (RFC 4616 §2), then nodeprep.
pub(crate) fn account(authcid: &str, host: &BareJid) -> Result<BareJid, Failure> {
    if authcid.len() > NAME_BYTES_MAX {
        return Err(BAD_NAME);
    }
    let prepared = saslprep(authcid).map_err(|_| BAD_NAME)?;
    let node = NodePart::new(&prepared).map_err(|_| BAD_NAME)?;
    Ok(BareJid::from_parts(Some(&node), host.domain()))
}

/// Checks that a non-empty authorization identity is the identity itself (RFC 6120 §6.3.8: a bare
/// address).
///
/// COMPAT: ejabberd also takes the user name alone; it names the same identity, so it can do no
/// harm.
pub(crate) fn confirm(authzid: &str, identity: &BareJid) -> Result<(), Failure> {
    if authzid.len() > 2 * NAME_BYTES_MAX + 1 {
        return Err(BAD_AUTHZID);
    }
    let same = if authzid.contains('@') || identity.node().is_none() {
        parse(authzid).is_some_and(|claimed| claimed == *identity)
    } else {
        NodePart::new(authzid)
            .is_ok_and(|node| identity.node().is_some_and(|own| own.as_str() == node.as_str()))
    };
    if same { Ok(()) } else { Err(BAD_AUTHZID) }
}

/// A bare address, or nothing.
pub(crate) fn parse(authzid: &str) -> Option<BareJid> {
    Jid::new(authzid).ok()?.try_into_full().err()
}
