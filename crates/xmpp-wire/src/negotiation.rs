//! What is said before stanzas flow (RFC 6120 §4.7, §5, §6, §7; XEP-0388, XEP-0386), as values: reading and writing, no decisions.

mod bind;
mod compress;
mod features;
mod open;
mod sasl;
mod sasl2;
#[cfg(test)]
mod tests;

pub use bind::{Bind, session_feature};
pub use compress::Compression;
pub use features::{ChannelBinding, Features, StartTls};
pub use open::{StreamOpen, Version, write_close};
pub use sasl::{SaslCondition, SaslFailure, SaslProfile, SaslRequest, SaslResponse};
pub use sasl2::{Bind2, Inline, authentication_offer, authorization_identifier};

use xmlstream::Element;

/// Appends an element of the streams namespace with the prefix `stream`, which the stream's header declares: many
/// clients look for `stream:features` and `stream:error` by prefix.
pub fn write_in_stream(element: &Element, out: &mut Vec<u8>) {
    let name = element.name().as_bytes();
    out.extend_from_slice(b"<stream:");
    out.extend_from_slice(name);
    for attr in element.attrs() {
        debug_assert!(attr.ns.is_empty(), "elements of the stream have plain attributes");
        out.push(b' ');
        out.extend_from_slice(attr.name.as_bytes());
        out.extend_from_slice(b"='");
        xmlstream::escape_attr(&attr.value, out);
        out.push(b'\'');
    }
    out.push(b'>');
    for node in element.nodes() {
        match node {
            xmlstream::Node::Element(child) => child.write(out, ""),
            xmlstream::Node::Text(text) => xmlstream::escape_text(text, out),
        }
    }
    out.extend_from_slice(b"</stream:");
    out.extend_from_slice(name);
    out.push(b'>');
}
