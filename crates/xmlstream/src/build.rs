//! From validated bytes to a tree, without recursion.

use crate::NS_XML;
use crate::element::{Attr, Element};
use crate::escape::{decode_attr, decode_cdata, decode_text};
use crate::limits::Limits;
use crate::namespace::Namespace;
use crate::scan::{QName, RawAttrs, Scope, start_tag};

/// Prefixes and the default namespace at one place.
struct InScope<'d> {
    default: Namespace,
    bindings: Vec<(&'d [u8], Namespace)>,
    outer: &'d Scope,
}

impl InScope<'_> {
    fn resolve(&self, prefix: &[u8]) -> Namespace {
        if prefix == b"xml" {
            return NS_XML.into();
        }
        let own = self
            .bindings
            .iter()
            .rev()
            .find(|(name, _)| *name == prefix)
            .map(|(_, uri)| uri.clone());
        own.or_else(|| self.outer.lookup(prefix).map(|place| self.outer.uri(place)))
            .unwrap_or(Namespace::NONE)
    }
}

/// An element whose end has not come, and what was in scope around it.
struct Open {
    element: Element,
    default: Namespace,
    bindings: usize,
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("only validated bytes are decoded")
}

fn local(data: &[u8], name: QName) -> String {
    utf8(name.local_in(data).to_vec())
}

/// The tree of one element that the scanner has passed.
pub(crate) fn tree(data: &[u8], scope: &Scope) -> Element {
    let limits = Limits { attributes_max: u16::MAX, name_bytes_max: u16::MAX, ..Limits::trusted() };
    let mut names = InScope { default: scope.default_ns(), bindings: Vec::new(), outer: scope };
    let mut open: Vec<Open> = Vec::new();
    let mut attrs = RawAttrs::new();
    let mut pos = 0;
    loop {
        pos = texts(data, pos, open.last_mut().map(|top| &mut top.element));
        let ended = if data.get(pos + 1) == Some(&b'/') {
            let top = open.pop();
            pos = memchr::memchr(b'>', &data[pos..]).map_or(data.len(), |at| pos + at + 1);
            top
        } else {
            let around = (names.default.clone(), names.bindings.len());
            let Ok(tag) = start_tag(data, pos, &limits, &mut attrs) else {
                // Only bytes that passed the scanner come here.
                return open
                    .into_iter()
                    .next()
                    .map_or_else(|| Element::new("_", ""), |bottom| bottom.element);
            };
            pos = tag.end;
            let element = element(data, tag.name, &attrs, &mut names);
            let opened = Open { element, default: around.0, bindings: around.1 };
            if tag.empty {
                Some(opened)
            } else {
                open.push(opened);
                None
            }
        };
        let Some(Open { element, default, bindings }) = ended else { continue };
        names.default = default;
        names.bindings.truncate(bindings);
        match open.last_mut() {
            Some(parent) => parent.element.push(element),
            None => return element,
        }
    }
}

/// Passes text and CDATA sections to `into`; returns where the next tag is.
fn texts(data: &[u8], at: usize, into: Option<&mut Element>) -> usize {
    let mut text = Vec::new();
    let mut pos = at;
    loop {
        let end = memchr::memchr(b'<', &data[pos..]).map_or(data.len(), |length| pos + length);
        decode_text(&data[pos..end], &mut text);
        pos = end;
        let Some(cdata) = data[pos..].strip_prefix(b"<![CDATA[") else { break };
        let length = memchr::memmem::find(cdata, b"]]>").unwrap_or(cdata.len());
        decode_cdata(&cdata[..length], &mut text);
        pos = data.len().min(pos + 12 + length);
    }
    if let Some(element) = into
        && !text.is_empty()
    {
        element.push_text(&utf8(text));
    }
    pos
}

fn element<'d>(data: &'d [u8], name: QName, attrs: &RawAttrs, names: &mut InScope<'d>) -> Element {
    let meaning = |raw: &[u8]| {
        let mut value = Vec::with_capacity(raw.len());
        decode_attr(raw, &mut value);
        utf8(value)
    };
    for attr in attrs {
        match attr.declares(data) {
            Some([]) => names.default = Namespace::from_wire(&meaning(attr.value_in(data))),
            Some(prefix) => {
                names.bindings.push((prefix, Namespace::from_wire(&meaning(attr.value_in(data)))))
            }
            None => {}
        }
    }
    let ns =
        if name.prefix == 0 { names.default.clone() } else { names.resolve(name.prefix_in(data)) };
    let mut element = Element::new(local(data, name), ns);
    for attr in attrs {
        if attr.declares(data).is_none() {
            let ns = if attr.name.prefix == 0 {
                Namespace::NONE
            } else {
                names.resolve(attr.name.prefix_in(data))
            };
            let name = local(data, attr.name).into();
            element.push_validated_attr(Attr {
                name,
                ns,
                value: meaning(attr.value_in(data)).into(),
            });
        }
    }
    element
}

/// What a run of text and CDATA sections means.
pub(crate) fn text_of(run: &[u8]) -> String {
    let mut holder = Element::new("_", "");
    texts(run, 0, Some(&mut holder));
    holder.text()
}
