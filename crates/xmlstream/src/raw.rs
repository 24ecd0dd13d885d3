//! An element as it was received: its bytes and an index of the top attributes and direct children, in one
//! allocation. The index follows the bytes: what decoded values mean, then one fixed-size record each.

use crate::element::Element;
use crate::error::{Fault, XmlError};
use crate::limits::Limits;
use crate::namespace::Namespace;
use crate::scan::{Scanner, Scope, Span};
use crate::{NS_XML, build};
use bytes::Bytes;

mod content;

pub use content::Content;
use content::{CHILD_WORDS, Words};

/// Words of an attribute record: place of the name, its lengths, value, namespace.
const ATTR_WORDS: usize = 6;
/// The namespace of an attribute is that of the prefix `xml`.
const AT_XML: u32 = u32::MAX;

/// A validated element whose bytes mean the same in any stream whose default namespace is its own: no prefix of the
/// stream header is used, the top element has no prefix, and no child depends on a prefix that the top element
/// declares. The reader writes elements anew where the received bytes are not like that.
#[derive(Clone)]
pub struct RawElement {
    content: Content,
    /// Length of the element; the index comes after.
    len: u32,
    name_len: u16,
    attrs: u16,
    attrs_at: u32,
    ns_at: u32,
    ns_len: u32,
}

/// An attribute of a [`RawElement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttrRef<'a> {
    /// The local name.
    pub name: &'a str,
    /// The prefix as written, empty for none.
    pub prefix: &'a str,
    /// The namespace, empty for none.
    pub ns: &'a str,
    /// What the value means: references resolved, white space normalised.
    pub value: &'a str,
}

/// An element within validated bytes that was not decoded yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ElementRef<'a> {
    pub(crate) xml: &'a [u8],
    pub(crate) name: &'a str,
    pub(crate) ns: &'a str,
    pub(crate) outer_ns: &'a str,
}

impl<'a> ElementRef<'a> {
    /// The local name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The namespace, empty for none.
    pub fn ns(&self) -> &'a str {
        self.ns
    }

    /// Whether it has this local name and namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns == ns
    }

    /// The bytes as received. They may inherit the default namespace of the element around them.
    pub fn bytes(&self) -> &'a [u8] {
        self.xml
    }

    /// Decodes the element. Cost and memory are proportional to its bytes, which the stream's limits bound.
    pub fn parse(&self) -> Element {
        build::tree(self.xml, &Scope::Default(Namespace::from_wire(self.outer_ns)))
    }
}

impl std::fmt::Debug for ElementRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.xml))
    }
}

impl RawElement {
    /// Validates and indexes one whole element with nothing around it, as it was stored or framed.
    /// `default_ns` is the namespace of an element without declaration.
    ///
    /// # Errors
    /// Whatever [`crate::Reader::next`] refuses in an element, and bytes that go on or end too early.
    pub fn parse(xml: &[u8], default_ns: &str) -> Result<Self, XmlError> {
        Self::parse_within(xml, default_ns, &Limits::trusted())
    }

    /// The same under a peer's limits.
    ///
    /// # Errors
    /// See [`RawElement::parse`].
    pub fn parse_within(xml: &[u8], default_ns: &str, limits: &Limits) -> Result<Self, XmlError> {
        let scope = Scope::Default(Namespace::from_wire(default_ns));
        if xml.len() > limits.stanza_bytes() {
            return Err(XmlError::TooBig(Fault {
                at: 0,
                rule: "an element is longer than allowed",
            }));
        }
        if xml.first() != Some(&b'<') {
            return Err(XmlError::NotWellFormed(Fault { at: 0, rule: "an element was expected" }));
        }
        let mut scanner = Scanner::new();
        let end = scanner.run(xml, &scope, limits).map_err(|stop| stop.into_error(0))?;
        if end != xml.len() {
            return Err(XmlError::NotWellFormed(Fault {
                at: end as u64,
                rule: "more follows the element",
            }));
        }
        Self::finish(&scanner, xml, &scope, limits, 0)
    }

    /// Makes the element of a finished scan. `base` is where it began in the stream.
    pub(crate) fn finish(
        scanner: &Scanner,
        xml: &[u8],
        scope: &Scope,
        limits: &Limits,
        base: u64,
    ) -> Result<Self, XmlError> {
        if !scanner.context_bound {
            return Ok(Self::indexed(scanner, xml, scope));
        }
        let too_big = || {
            XmlError::TooBig(Fault {
                at: base,
                rule: "an element that must be written anew is longer than allowed",
            })
        };
        let tree = build::tree(xml, scope);
        let anew = tree.to_bytes_bounded(limits.stanza_bytes()).ok_or_else(too_big)?;
        let own = Scope::Default(Namespace::NONE);
        let mut scanner = Scanner::new();
        // Prefixes are gone, but each attribute with one declares its own: the counts may be higher than the peer's.
        let written =
            scanner.run(&anew, &own, &Limits::trusted()).map_err(|stop| stop.into_error(base))?;
        debug_assert!(written == anew.len(), "what we write is self-contained");
        Ok(Self::indexed(&scanner, &anew, &own))
    }

    fn indexed(scanner: &Scanner, xml: &[u8], scope: &Scope) -> Self {
        let outer = if scanner.ns == Span::OUTER { scope.default_ns() } else { Namespace::NONE };
        let attr_bytes = scanner.attrs.len() * ATTR_WORDS * 4;
        let child_bytes = scanner.children.len() * CHILD_WORDS * 4;
        let decoded_at = xml.len() as u32;
        let mut buffer = Vec::with_capacity(
            xml.len() + scanner.decoded.len() + outer.len() + attr_bytes + child_bytes,
        );
        buffer.extend_from_slice(xml);
        buffer.extend_from_slice(&scanner.decoded);
        let outer_at = buffer.len() as u32;
        buffer.extend_from_slice(outer.as_bytes());
        let place = |span: Span| match span {
            Span::OUTER => (outer_at, outer.len() as u32),
            Span::XML => (AT_XML, 0),
            Span { at, len } if at & Span::DECODED != 0 => {
                (decoded_at + (at & !Span::DECODED), len)
            }
            Span { at, len } => (at, len),
        };
        let attrs_at = buffer.len() as u32;
        for attr in &scanner.attrs {
            let (value_at, value_len) = place(attr.value);
            let (ns_at, ns_len) = attr.ns.map_or((0, 0), place);
            let name = attr.name;
            let lengths = u32::from(name.prefix) << 16 | u32::from(name.local);
            buffer.extend_from_slice(&content::record::<ATTR_WORDS, { ATTR_WORDS * 4 }>([
                name.at, lengths, value_at, value_len, ns_at, ns_len,
            ]));
        }
        let children_at = buffer.len() as u32;
        for child in &scanner.children {
            content::push_record(
                &mut buffer,
                child.start,
                child.end,
                child.name,
                child.ns.map(place),
            );
        }
        let (ns_at, ns_len) = place(scanner.ns);
        let start = scanner.content_start as u32;
        let end = scanner.content_end as u32;
        let children = scanner.children.len() as u32;
        Self {
            content: Content::new(Bytes::from(buffer), start..end, children_at, children),
            len: xml.len() as u32,
            name_len: scanner.name.local,
            attrs: scanner.attrs.len() as u16,
            attrs_at,
            ns_at,
            ns_len,
        }
    }

    /// The local name.
    pub fn name(&self) -> &str {
        self.content.text(1, u32::from(self.name_len))
    }

    /// The namespace, empty for none.
    pub fn ns(&self) -> &str {
        self.content.text(self.ns_at, self.ns_len)
    }

    /// Whether it has this local name and namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name() == name && self.ns() == ns
    }

    /// The element's bytes, which inherit [`RawElement::ns`] if they do not declare it.
    pub fn bytes(&self) -> &[u8] {
        &self.content.buffer()[..self.len as usize]
    }

    /// The attributes in their order, namespace declarations left out.
    pub fn attrs(&self) -> impl ExactSizeIterator<Item = AttrRef<'_>> {
        (0..usize::from(self.attrs)).map(|index| {
            let words =
                Words::at(self.content.buffer(), self.attrs_at as usize + index * ATTR_WORDS * 4);
            let (name_at, lengths) = (words.get(0), words.get(1));
            let (prefix, local) = (lengths >> 16, lengths & 0xFFFF);
            let local_at = if prefix == 0 { name_at } else { name_at + prefix + 1 };
            AttrRef {
                name: self.content.text(local_at, local),
                prefix: self.content.text(name_at, prefix),
                ns: if words.get(4) == AT_XML {
                    NS_XML
                } else {
                    self.content.text(words.get(4), words.get(5))
                },
                value: self.content.text(words.get(2), words.get(3)),
            }
        })
    }

    /// The value of an attribute without namespace, or of `xml:…`.
    pub fn attr(&self, name: &str) -> Option<&str> {
        let (name, ns) = name.strip_prefix("xml:").map_or((name, ""), |local| (local, NS_XML));
        self.attrs().find(|attr| attr.name == name && attr.ns == ns).map(|attr| attr.value)
    }

    /// The direct children.
    pub fn children(&self) -> impl ExactSizeIterator<Item = ElementRef<'_>> {
        self.content.children(self.ns())
    }

    /// The first direct child of this name and namespace.
    pub fn child(&self, name: &str, ns: &str) -> Option<ElementRef<'_>> {
        self.children().find(|child| child.is(name, ns))
    }

    /// The text directly within the element, joined.
    pub fn text(&self) -> String {
        self.content.direct_text()
    }

    /// What lies between the tags.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What lies between the tags, without copying it.
    pub fn into_content(self) -> Content {
        self.content
    }

    /// Decodes the element.
    pub fn parse_tree(&self) -> Element {
        ElementRef { xml: self.bytes(), name: self.name(), ns: self.ns(), outer_ns: self.ns() }
            .parse()
    }
}

impl std::fmt::Debug for RawElement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.bytes()))
    }
}
