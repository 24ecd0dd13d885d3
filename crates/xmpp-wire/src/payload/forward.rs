//! XEP-0297 Stanza Forwarding.

use super::delay::Delay;
use crate::{Stanza, ns};
use xmlstream::Element;

/// A stanza in its wrapper, with the time it was sent.
pub fn wrap(stanza: &Stanza, delay: Option<&Delay>) -> Element {
    let forwarded =
        Element::new("forwarded", ns::FORWARD).with_children(delay.map(Delay::to_element));
    forwarded.with_child(stanza.to_element())
}

/// The stanza within a wrapper, and the time it was sent. What it says about its sender is the wrapper's claim.
pub fn unwrap(forwarded: &Element) -> Option<(Stanza, Option<Delay>)> {
    if !forwarded.is("forwarded", ns::FORWARD) {
        return None;
    }
    let stanza = forwarded.children().find(|child| child.ns() == ns::CLIENT)?;
    let delay = forwarded.child("delay", ns::DELAY).and_then(Delay::from_element);
    Some((Stanza::from_element(stanza).ok()?, delay))
}
