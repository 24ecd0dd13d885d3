//! EXTERNAL (RFC 4422 appendix A) with the identities of a verified TLS certificate, as XEP-0178
//! uses it.

use jid::BareJid;

use crate::{Condition, Failure, authzid};

/// Chooses the identity that a message of EXTERNAL claims among those the certificate proves
/// (XEP-0178 §2 and §3).
///
/// An empty message means "the one in my certificate", which has to be exactly one.
pub(crate) fn message(claimed: &[u8], certified: &[BareJid]) -> Result<BareJid, Failure> {
    let claimed =
        str::from_utf8(claimed).map_err(|_| Failure::malformed("The identity is not UTF-8"))?;
    if certified.is_empty() {
        return Err(Failure::new(
            Condition::NotAuthorized,
            "The certificate names nobody this server knows",
        ));
    }
    if claimed.is_empty() {
        return match certified {
            [only] => Ok(only.clone()),
            _ => Err(Failure::new(
                Condition::InvalidAuthzid,
                "The certificate names several identities; choose one",
            )),
        };
    }
    let claimed = authzid::parse(claimed).ok_or(Failure::new(
        Condition::InvalidAuthzid,
        "The authorization identity is not a bare address",
    ))?;
    if certified.contains(&claimed) {
        Ok(claimed)
    } else {
        Err(Failure::new(Condition::InvalidAuthzid, "The certificate does not name this identity"))
    }
}
