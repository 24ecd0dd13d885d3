//! Tests of the crate as a whole.

mod chunks;
mod differential;
mod rules;
mod trees;

use crate::{Element, Event, Limits, Node, Reader, XmlError};

/// The header of every client.
const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// All events of a stream that comes whole.
fn events(limits: Limits, stream: &[u8]) -> Result<Vec<Event>, XmlError> {
    let mut reader = Reader::new(limits);
    let mut input = stream;
    let mut events = Vec::new();
    while let Some(event) = reader.next(&mut input)? {
        events.push(event);
    }
    assert!(input.is_empty(), "without an event, all is taken");
    Ok(events)
}

/// The trees of the elements of a stream whose header is the usual one.
fn elements(body: &str) -> Result<Vec<Element>, XmlError> {
    let stream = [HEADER, body].concat();
    let elements =
        events(Limits::default(), stream.as_bytes())?.into_iter().filter_map(|event| match event {
            Event::Element(raw) => Some(raw.parse_tree()),
            _ => None,
        });
    Ok(elements.collect())
}

/// A tree in a form that two parsers can agree on: control characters mark what the text cannot hold.
fn dump(element: &Element, out: &mut String) {
    out.push_str(&format!("\u{1}S{}\u{2}{}", element.ns(), element.name()));
    let mut attrs: Vec<_> = element
        .attrs()
        .iter()
        .map(|a| format!("\u{1}A{}\u{2}{}\u{2}{}", a.ns, a.name, a.value))
        .collect();
    attrs.sort();
    out.extend(attrs);
    for node in element.nodes() {
        match node {
            Node::Element(child) => dump(child, out),
            Node::Text(text) => out.push_str(&format!("\u{1}T{text}")),
        }
    }
    out.push_str("\u{1}E");
}

/// A small generator of pseudo-random numbers (xorshift64*): the same seed gives the same corpus for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}
