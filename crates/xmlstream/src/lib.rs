//! The XML of XMPP (RFC 6120 §11): a push reader that cuts a byte stream into validated elements, keeping
//! their bytes as received, and a small tree for what the server itself builds or decodes.
//!
//! No I/O, no clock, no randomness. Every kept thing has a limit ([`Limits`]), and no bytes make it panic.
//!
//! ```
//! use xmlstream::{Event, Limits, Reader};
//! let mut reader = Reader::new(Limits::default());
//! let mut input: &[u8] = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>\
//!     <message to='juliet@example.org'><body>hi</body></message>";
//! assert!(matches!(reader.next(&mut input), Ok(Some(Event::Open(_)))));
//! let Ok(Some(Event::Element(message))) = reader.next(&mut input) else { panic!("a message was expected") };
//! assert_eq!((message.name(), message.ns()), ("message", "jabber:client"));
//! assert_eq!(message.attr("to"), Some("juliet@example.org"));
//! ```

mod build;
mod chars;
mod element;
mod error;
mod escape;
mod limits;
mod namespace;
mod raw;
mod reader;
mod scan;
mod write;

#[cfg(test)]
mod tests;

pub use chars::{is_ncname, is_xml_char};
pub use element::{Attr, Element, Node};
pub use error::{Fault, XmlError};
pub use escape::{escape_attr, escape_text};
pub use limits::Limits;
pub use namespace::Namespace;
pub use raw::{AttrRef, Content, ElementRef, RawElement};
pub use reader::{Event, Reader, StreamHeader};

/// The namespace that the prefix `xml` is bound to (Namespaces in XML 1.0 §3).
pub const NS_XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of namespace declarations, which nothing may be bound to (Namespaces in XML 1.0 §3).
pub const NS_XMLNS: &str = "http://www.w3.org/2000/xmlns/";
/// The namespace of the stream root and of what concerns the stream itself (RFC 6120 §4.8.1).
pub const NS_STREAMS: &str = "http://etherx.jabber.org/streams";
