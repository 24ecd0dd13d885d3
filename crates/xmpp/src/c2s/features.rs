//! Stream headers and features that this server sends (RFC 6120 §4.3.2, §4.7).

use sasl::{BindingType, Mechanism};
use xmlstream::Element;
use xmpp_wire::ns;

/// The server's stream header; also the start of a stream that ends with an error at once.
pub(super) fn stream_header(out: &mut Vec<u8>, id: &str, from: &str, to: Option<&str>, lang: &str) {
    let attribute = |out: &mut Vec<u8>, name: &str, value: &str| {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"='");
        xmlstream::escape::attribute(value, out);
        out.push(b'\'');
    };
    out.extend_from_slice(b"<?xml version='1.0'?><stream:stream");
    attribute(out, "id", id);
    attribute(out, "version", "1.0");
    attribute(out, "xml:lang", lang);
    attribute(out, "xmlns:stream", ns::STREAM);
    if let Some(to) = to {
        attribute(out, "to", to);
    }
    if !from.is_empty() {
        attribute(out, "from", from);
    }
    attribute(out, "xmlns", ns::CLIENT);
    out.push(b'>');
}

fn features(children: impl IntoIterator<Item = Element>) -> Element {
    Element::new("features", ns::STREAM).with_children(children)
}

/// `<starttls/>`, required when nothing else is possible in clear (RFC 6120 §5.3.1).
pub(super) fn starttls(required: bool) -> Element {
    let starttls = Element::new("starttls", ns::TLS);
    if required { starttls.with_child(Element::new("required", ns::TLS)) } else { starttls }
}

/// What is offered before authentication.
pub(super) fn before_auth(
    starttls: Option<Element>,
    mechanisms: &[Mechanism],
    bindings: &[BindingType],
) -> Element {
    let mut children: Vec<Element> = starttls.into_iter().collect();
    if !mechanisms.is_empty() {
        let names = mechanisms.iter().map(|one| Element::new("mechanism", ns::SASL).with_text(one.name()));
        children.push(Element::new("mechanisms", ns::SASL).with_children(names));
    }
    if !bindings.is_empty() && mechanisms.iter().any(|one| one.is_plus()) {
        // XEP-0440: what a client may bind to.
        let types = bindings.iter().map(|one| {
            Element::new("channel-binding", ns::SASL_CHANNEL_BINDING).with_attr("type", one.name())
        });
        children.push(Element::new("sasl-channel-binding", ns::SASL_CHANNEL_BINDING).with_children(types));
    }
    features(children)
}

/// What is offered after authentication: binding, and what the modules of the host add.
pub(super) fn after_auth(of_modules: &[Element]) -> Element {
    let session = Element::new("session", ns::SESSION).with_child(Element::new("optional", ns::SESSION));
    features([Element::new("bind", ns::BIND), session].into_iter().chain(of_modules.iter().cloned()))
}

/// Renders an element of a stream, whose default namespace is `jabber:client`.
pub(super) fn render(element: &Element) -> Vec<u8> {
    let mut out = Vec::new();
    write(element, &mut out);
    out
}

/// Like [`render`], behind what is there already.
pub(super) fn write(element: &Element, out: &mut Vec<u8>) {
    xmpp_wire::write_on_stream(element, out);
}
