//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL password`.

use jid::BareJid;
use stdx::Secret;

use crate::prep::saslprep_password;
use crate::{Condition, Failure, NAME_BYTES_MAX, PASSWORD_BYTES_MAX, authzid};

/// The only message. Gives the account and the password, prepared with SASLprep.
pub(crate) fn message(bytes: &[u8], host: &BareJid) -> Result<(BareJid, Secret), Failure> {
    const SHAPE: Failure =
        Failure::malformed("The message is not `[authzid] NUL authcid NUL password`");
    let text = str::from_utf8(bytes).map_err(|_| Failure::malformed("The message is not UTF-8"))?;
    let mut parts = text.split('\0');
    let (Some(claimed), Some(authcid), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(SHAPE);
    };
    if authcid.is_empty() || password.is_empty() {
        return Err(SHAPE);
    }
    if authcid.len() > 2 * NAME_BYTES_MAX + 1 || password.len() > PASSWORD_BYTES_MAX {
        return Err(Failure::malformed("The user name or the password is too long"));
    }
    let user = authzid::account(own_host_removed(authcid, host), host)?;
    if !claimed.is_empty() {
        authzid::confirm(claimed, &user)?;
    }
    let password = saslprep_password(&Secret::new(password))
        .map_err(|_| Failure::new(Condition::NotAuthorized, "SASLprep refuses the password"))?;
    Ok((user, password))
}

/// COMPAT: clients that send their full address as user name are let in by ejabberd; here only if
/// the host is the stream's own, where ejabberd does not look.
fn own_host_removed<'a>(authcid: &'a str, host: &BareJid) -> &'a str {
    match authcid.rsplit_once('@') {
        Some((node, domain)) if authzid::parse(domain).is_some_and(|domain| domain == *host) => {
            node
        }
        _ => authcid,
    }
}
