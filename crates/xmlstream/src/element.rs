//! An owned tree, for what the server builds itself or has a reason to decode.

use crate::NS_XML;
use crate::chars::is_ncname;
use crate::error::XmlError;
use crate::limits::Limits;
use crate::namespace::Namespace;
use crate::raw::RawElement;
use std::borrow::Cow;

/// An attribute of an [`Element`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attr {
    /// The local name.
    pub name: Cow<'static, str>,
    /// The namespace, empty for none.
    pub ns: Namespace,
    /// What the value means, not escaped.
    pub value: Cow<'static, str>,
}

/// What an element may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Character data, not escaped.
    Text(String),
}

/// An element with everything in it. Names are checked when they are set and values escaped when they are written,
/// so whatever text is put in, it stays text.
///
/// ```
/// use xmlstream::Element;
/// let ping = Element::new("iq", "jabber:client").with_attr("id", "a'b").with_child(Element::new("ping", "urn:xmpp:ping"));
/// let mut out = Vec::new();
/// ping.write(&mut out, "jabber:client");
/// assert_eq!(out, b"<iq id='a&apos;b'><ping xmlns='urn:xmpp:ping'/></iq>");
/// ```
#[derive(Clone, Eq)]
pub struct Element {
    name: Cow<'static, str>,
    ns: Namespace,
    attrs: Vec<Attr>,
    nodes: Vec<Node>,
}

/// A name that may be written: static ones are ours, others are replaced by `_` unless they are names.
fn checked_name(name: Cow<'static, str>) -> Cow<'static, str> {
    match name {
        Cow::Owned(name) if !is_ncname(&name) => Cow::Borrowed("_"),
        name => {
            debug_assert!(is_ncname(&name), "{name:?} is no name");
            name
        }
    }
}

/// A local name and its namespace from `name` or `xml:name`.
fn split_name(name: &str) -> (&str, &'static str) {
    name.strip_prefix("xml:").map_or((name, ""), |local| (local, NS_XML))
}

impl Element {
    /// An empty element.
    pub fn new(name: impl Into<Cow<'static, str>>, ns: impl Into<Namespace>) -> Self {
        Self {
            name: checked_name(name.into()),
            ns: ns.into(),
            attrs: Vec::new(),
            nodes: Vec::new(),
        }
    }

    /// Validates and decodes one whole element; `default_ns` is the namespace of an element without declaration.
    ///
    /// # Errors
    /// See [`RawElement::parse`].
    pub fn parse(xml: &[u8], default_ns: &str) -> Result<Self, XmlError> {
        Ok(RawElement::parse(xml, default_ns)?.parse_tree())
    }

    /// The same for bytes from a peer.
    ///
    /// # Errors
    /// See [`RawElement::parse`].
    pub fn parse_within(xml: &[u8], default_ns: &str, limits: &Limits) -> Result<Self, XmlError> {
        Ok(RawElement::parse_within(xml, default_ns, limits)?.parse_tree())
    }

    /// With an attribute, replacing one of the same name. `xml:lang` is understood.
    #[must_use]
    pub fn with_attr(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.set_attr(name, value);
        self
    }

    /// With an attribute if there is a value for it.
    #[must_use]
    pub fn with_attr_opt(
        self,
        name: &'static str,
        value: Option<impl Into<Cow<'static, str>>>,
    ) -> Self {
        match value {
            Some(value) => self.with_attr(name, value),
            None => self,
        }
    }

    /// With one more child at the end.
    #[must_use]
    pub fn with_child(mut self, child: Element) -> Self {
        self.push(child);
        self
    }

    /// With more children at the end.
    #[must_use]
    pub fn with_children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.nodes.extend(children.into_iter().map(Node::Element));
        self
    }

    /// With more text at the end.
    #[must_use]
    pub fn with_text(mut self, text: impl AsRef<str>) -> Self {
        self.push_text(text.as_ref());
        self
    }

    /// The local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace, empty for none.
    pub fn ns(&self) -> &str {
        &self.ns
    }

    /// The namespace in its shareable form.
    pub fn namespace(&self) -> &Namespace {
        &self.ns
    }

    /// Whether it has this local name and namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns.as_str() == ns
    }

    /// The value of an attribute without namespace, or of `xml:…`.
    pub fn attr(&self, name: &str) -> Option<&str> {
        let (name, ns) = split_name(name);
        self.attr_ns(name, ns)
    }

    /// The value of an attribute of this local name and namespace.
    pub fn attr_ns(&self, name: &str, ns: &str) -> Option<&str> {
        self.attrs
            .iter()
            .find(|attr| attr.name == name && attr.ns.as_str() == ns)
            .map(|attr| &*attr.value)
    }

    /// All attributes in their order.
    pub fn attrs(&self) -> &[Attr] {
        &self.attrs
    }

    /// Children and text in their order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The child elements.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = &Element> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(child) => Some(child),
            Node::Text(_) => None,
        })
    }

    /// The child elements, to change them.
    pub fn children_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Element> {
        self.nodes.iter_mut().filter_map(|node| match node {
            Node::Element(child) => Some(child),
            Node::Text(_) => None,
        })
    }

    /// The first child of this name and namespace.
    pub fn child(&self, name: &str, ns: &str) -> Option<&Element> {
        self.children().find(|child| child.is(name, ns))
    }

    /// The text of the first child of this name and namespace.
    pub fn child_text(&self, name: &str, ns: &str) -> Option<String> {
        self.child(name, ns).map(Element::text)
    }

    /// The text directly within, joined.
    pub fn text(&self) -> String {
        let texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        texts.collect()
    }

    /// Renames the element.
    pub fn set_name(&mut self, name: impl Into<Cow<'static, str>>) {
        self.name = checked_name(name.into());
    }

    /// Moves the element, not its children, to another namespace.
    pub fn set_ns(&mut self, ns: impl Into<Namespace>) {
        self.ns = ns.into();
    }

    /// Sets an attribute without namespace, or `xml:…`.
    pub fn set_attr(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) {
        let name = name.into();
        match name.strip_prefix("xml:") {
            Some(local) => self.set_attr_ns(local.to_owned(), NS_XML, value),
            None => self.set_attr_ns(name, Namespace::NONE, value),
        }
    }

    /// Sets an attribute of any namespace.
    pub fn set_attr_ns(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        ns: impl Into<Namespace>,
        value: impl Into<Cow<'static, str>>,
    ) {
        let (name, ns, value) = (checked_name(name.into()), ns.into(), value.into());
        if name == "xmlns" && ns.is_empty() {
            // A declaration is no attribute: the writer makes those that are needed.
            return;
        }
        match self.attrs.iter_mut().find(|attr| attr.name == name && attr.ns == ns) {
            Some(attr) => attr.value = value,
            None => self.attrs.push(Attr { name, ns, value }),
        }
    }

    /// Removes an attribute without namespace, or `xml:…`, and says whether it was there.
    pub fn remove_attr(&mut self, name: &str) -> bool {
        let (name, ns) = split_name(name);
        let before = self.attrs.len();
        self.attrs.retain(|attr| attr.name != name || attr.ns.as_str() != ns);
        self.attrs.len() < before
    }

    /// Appends a child.
    pub fn push(&mut self, child: Element) {
        self.nodes.push(Node::Element(child));
    }

    /// Appends text.
    pub fn push_text(&mut self, text: &str) {
        match self.nodes.last_mut() {
            Some(Node::Text(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.nodes.push(Node::Text(text.to_owned())),
        }
    }

    /// Keeps the children that `keep` picks, and all text; returns how many went.
    pub fn retain_children(&mut self, mut keep: impl FnMut(&Element) -> bool) -> usize {
        let before = self.nodes.len();
        self.nodes.retain(|node| match node {
            Node::Element(child) => keep(child),
            Node::Text(_) => true,
        });
        before - self.nodes.len()
    }

    /// Removes and returns the child elements; text goes too.
    pub fn take_children(&mut self) -> Vec<Element> {
        let nodes = std::mem::take(&mut self.nodes);
        let children = nodes.into_iter().filter_map(|node| match node {
            Node::Element(child) => Some(child),
            Node::Text(_) => None,
        });
        children.collect()
    }

    /// Appends an attribute that is known to be new and to have a proper name.
    pub(crate) fn push_validated_attr(&mut self, attr: Attr) {
        self.attrs.push(attr);
    }
}

impl PartialEq for Element {
    /// Whether both mean the same: the order of attributes has no meaning (XML 1.0 §3.1).
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.ns == other.ns
            && self.attrs.len() == other.attrs.len()
            && self.attrs.iter().all(|attr| other.attrs.contains(attr))
            && self.nodes == other.nodes
    }
}

impl Drop for Element {
    /// Takes deep trees apart without recursion.
    fn drop(&mut self) {
        if !self
            .nodes
            .iter()
            .any(|node| matches!(node, Node::Element(child) if !child.nodes.is_empty()))
        {
            return;
        }
        let mut pending = std::mem::take(&mut self.nodes);
        while let Some(node) = pending.pop() {
            if let Node::Element(mut child) = node {
                pending.append(&mut child.nodes);
            }
        }
    }
}

impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes("")))
    }
}
