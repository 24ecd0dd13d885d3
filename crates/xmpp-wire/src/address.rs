//! Addresses as peers write them (RFC 7622).

use std::borrow::Cow;

use jid::{Error, Jid};

/// Reads an address; the dot of DNS's root after the domain is no part of it (RFC 7622 §3.2).
///
/// [`Jid::new`] itself keeps the dot in the text but not in its parts, so that an address with it would be two
/// addresses at once: it is taken away before.
///
/// # Errors
/// What is wrong with the address.
pub fn address(text: &str) -> Result<Jid, Error> {
    let (account, resource) = match text.find('/') {
        Some(slash) => text.split_at(slash),
        None => (text, ""),
    };
    let text = match account.strip_suffix('.') {
        None => Cow::Borrowed(text),
        // An empty label is not the root.
        Some(account) if account.ends_with('.') => return Err(Error::Idna),
        Some(account) => Cow::Owned(format!("{account}{resource}")),
    };
    Jid::new(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dot_of_the_root_is_no_part_of_an_address() {
        for (written, meant) in [
            ("v@a.test./r", "v@a.test/r"),
            ("v@a.test.", "v@a.test"),
            ("a.test./r", "a.test/r"),
            ("a.test.", "a.test"),
            ("V@A.Test./r.", "v@a.test/r."),
            ("v.@a.test/r./.", "v.@a.test/r./."),
        ] {
            let read = address(written).unwrap();
            assert_eq!(read.as_str(), meant);
            let parts = Jid::from_parts(read.node(), read.domain(), read.resource());
            assert_eq!(parts.as_str(), meant, "the parts of {written}");
        }
        for wrong in ["v@a.test../r", "v@a.test..", ".", "..", "v@./r", "", "/", "v@a.test./"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
