//! Any element as a stanza: no panic, and what is written is read as the same stanza.

use xmpp_wire::{
    Element, EnvelopeError, RawElement, Stanza, StanzaCondition, StanzaError, StanzaKind, ns,
};

/// One input: an element.
///
/// # Panics
/// When a stanza does not keep its word.
pub fn stanza(input: &[u8]) {
    let Ok(raw) = RawElement::parse(input, ns::CLIENT) else { return };
    let mut stanza = match Stanza::from_raw(raw) {
        Ok(stanza) => stanza,
        Err(EnvelopeError::Rejected(rejected)) => {
            // An IQ without id is answered all the same, by an error that has none either.
            let reply = rejected
                .reply()
                .filter(|reply| !matches!(reply.kind(), StanzaKind::Iq(_)) || reply.id().is_some());
            if let Some(reply) = reply {
                Stanza::parse(&reply.to_bytes()).expect("our answer is a stanza");
            }
            return;
        }
        Err(_) => return,
    };
    let stored = stanza.to_bytes();
    let read = Stanza::parse(&stored).expect("what we write is a stanza");
    assert_eq!(
        (read.to(), read.from(), read.id(), read.kind()),
        (stanza.to(), stanza.from(), stanza.id(), stanza.kind())
    );
    assert_eq!(read.to_element(), stanza.to_element());
    let children = stanza.children().count();
    stanza.push(&Element::new("x", "u").with_text("<&>"));
    assert_eq!(stanza.children().count(), children + 1);
    assert_eq!(stanza.remove_children(|child| child.is("x", "u")), {
        let mut read = read;
        read.remove_children(|child| child.is("x", "u")) + 1
    });
    let names: Vec<_> = stanza
        .children()
        .map(|child| (child.parse().name().to_owned(), child.name().to_owned()))
        .collect();
    assert!(names.iter().all(|(a, b)| a == b));
    if let Some(reply) = stanza.error_reply(&StanzaError::new(StanzaCondition::NotAllowed)) {
        assert!(
            Stanza::parse(&reply.to_bytes()).expect("our answer is a stanza").error().is_some()
        );
    }
}
