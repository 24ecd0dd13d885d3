//! Writing a tree: namespace elision, escaping, no recursion.

use crate::element::{Element, Node};
use crate::escape::{escape_attr, escape_text};
use crate::{NS_XML, NS_XMLNS};

/// Room that most elements need no more than.
const SMALL_BYTES: usize = 256;

impl Element {
    /// Appends the element as XML for a place where `parent_ns` is the default namespace.
    pub fn write(&self, out: &mut Vec<u8>, parent_ns: &str) {
        self.write_within(out, Some(parent_ns), usize::MAX);
    }

    /// The element as XML for a place where `parent_ns` is the default namespace.
    pub fn to_bytes(&self, parent_ns: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(SMALL_BYTES);
        self.write(&mut out, parent_ns);
        out
    }

    /// The element as XML that declares its namespace whatever it is, even none, unless that is longer than `bytes_max`.
    pub(crate) fn to_bytes_bounded(&self, bytes_max: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.write_within(&mut out, None, bytes_max).then_some(out)
    }

    /// Writes until `out` is longer than `bytes_max`; says whether all was written. One tag at most goes beyond.
    fn write_within(&self, out: &mut Vec<u8>, parent_ns: Option<&str>, bytes_max: usize) -> bool {
        let mut open = Vec::new();
        if self.write_start(out, parent_ns) {
            open.push((self, self.nodes().iter()));
        }
        while let Some((element, nodes)) = open.last_mut() {
            let ns = element.ns();
            match nodes.next() {
                Some(Node::Text(text)) => escape_text(text, out),
                Some(Node::Element(child)) => {
                    if child.write_start(out, Some(ns)) {
                        open.push((child, child.nodes().iter()));
                    }
                }
                None => {
                    element.write_end(out);
                    open.pop();
                }
            }
            if out.len() > bytes_max {
                return false;
            }
        }
        out.len() <= bytes_max
    }

    /// Writes the start tag, or the whole element if it is empty; says whether an end tag must follow.
    fn write_start(&self, out: &mut Vec<u8>, parent_ns: Option<&str>) -> bool {
        out.push(b'<');
        self.write_name(out);
        if parent_ns != Some(self.ns()) && self.ns() != NS_XML {
            out.extend_from_slice(b" xmlns='");
            escape_attr(self.ns(), out);
            out.push(b'\'');
        }
        for (index, attr) in self.attrs().iter().enumerate() {
            out.push(b' ');
            match attr.ns.as_str() {
                "" => {}
                // Nothing can be in this namespace; the attribute is left out by writing it as one without prefix.
                NS_XMLNS => out.extend_from_slice(b"_"),
                NS_XML => out.extend_from_slice(b"xml:"),
                ns => {
                    out.extend_from_slice(format!("xmlns:n{index}='").as_bytes());
                    escape_attr(ns, out);
                    out.extend_from_slice(format!("' n{index}:").as_bytes());
                }
            }
            out.extend_from_slice(attr.name.as_bytes());
            out.extend_from_slice(b"='");
            escape_attr(&attr.value, out);
            out.push(b'\'');
        }
        if self.nodes().is_empty() {
            out.extend_from_slice(b"/>");
            return false;
        }
        out.push(b'>');
        true
    }

    fn write_end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</");
        self.write_name(out);
        out.push(b'>');
    }

    fn write_name(&self, out: &mut Vec<u8>) {
        if self.ns() == NS_XML {
            out.extend_from_slice(b"xml:");
        }
        out.extend_from_slice(self.name().as_bytes());
    }
}
