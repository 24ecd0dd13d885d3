//! Stream features (RFC 6120 §4.3.2), STARTTLS (§5.4) and channel-binding types (XEP-0440).

use super::write_in_stream;
use crate::ns;
use xmlstream::{Element, RawElement};

/// A `<stream:features/>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features(Vec<Element>);

impl Features {
    /// No feature: nothing more is to be negotiated.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads what a server offers; `None` if the element is something else.
    pub fn from_raw(features: &RawElement) -> Option<Self> {
        features
            .is("features", ns::STREAMS)
            .then(|| Self(features.children().map(|child| child.parse()).collect()))
    }

    /// With one feature more.
    #[must_use]
    pub fn with(mut self, feature: Element) -> Self {
        self.0.push(feature);
        self
    }

    /// One feature more.
    pub fn push(&mut self, feature: Element) {
        self.0.push(feature);
    }

    /// The features in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Element> {
        self.0.iter()
    }

    /// The feature of this name and namespace.
    pub fn get(&self, name: &str, ns: &str) -> Option<&Element> {
        self.0.iter().find(|feature| feature.is(name, ns))
    }

    /// Whether STARTTLS is offered, and whether it is required.
    pub fn starttls(&self) -> Option<bool> {
        self.get("starttls", ns::TLS).map(|offer| offer.child("required", ns::TLS).is_some())
    }

    /// The SASL mechanisms that are offered.
    pub fn mechanisms(&self) -> Vec<String> {
        let offer = self.get("mechanisms", ns::SASL);
        let names = offer.into_iter().flat_map(|offer| offer.children());
        names.filter(|child| child.is("mechanism", ns::SASL)).map(Element::text).collect()
    }

    /// Appends the element with the prefix `stream`.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_in_stream(&self.clone().into_element(), out);
    }

    /// The element, for framed streams.
    pub fn into_element(self) -> Element {
        Element::new("features", ns::STREAMS).with_children(self.0)
    }

    /// The offer of SASL mechanisms (RFC 6120 §6.4.1), the preferred first.
    pub fn mechanisms_offer<'a>(names: impl IntoIterator<Item = &'a str>) -> Element {
        let mechanism = |name| Element::new("mechanism", ns::SASL).with_text(name);
        Element::new("mechanisms", ns::SASL).with_children(names.into_iter().map(mechanism))
    }
}

/// The words of STARTTLS (RFC 6120 §5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTls {
    /// The client asks for it.
    Request,
    /// The server agrees; TLS begins after this.
    Proceed,
    /// The server cannot; the stream ends.
    Failure,
}

impl StartTls {
    /// Reads one of the words.
    pub fn from_raw(raw: &RawElement) -> Option<Self> {
        [Self::Request, Self::Proceed, Self::Failure]
            .into_iter()
            .find(|word| raw.is(word.name(), ns::TLS))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Request => "starttls",
            Self::Proceed => "proceed",
            Self::Failure => "failure",
        }
    }

    /// The element.
    pub fn to_element(self) -> Element {
        Element::new(self.name(), ns::TLS)
    }

    /// The feature by which it is offered.
    pub fn offer(required: bool) -> Element {
        let offer = Element::new("starttls", ns::TLS);
        if required { offer.with_child(Element::new("required", ns::TLS)) } else { offer }
    }
}

/// The channel-binding types that a server can verify (XEP-0440).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelBinding(pub Vec<String>);

impl ChannelBinding {
    /// The feature.
    pub fn to_element(&self) -> Element {
        let kind = |name: &String| {
            Element::new("channel-binding", ns::SASL_CHANNEL_BINDING)
                .with_attr("type", name.clone())
        };
        Element::new("sasl-channel-binding", ns::SASL_CHANNEL_BINDING)
            .with_children(self.0.iter().map(kind))
    }

    /// Reads the feature.
    pub fn from_element(feature: &Element) -> Option<Self> {
        let types = feature
            .children()
            .filter(|child| child.is("channel-binding", ns::SASL_CHANNEL_BINDING));
        feature.is("sasl-channel-binding", ns::SASL_CHANNEL_BINDING).then(|| {
            Self(types.filter_map(|child| child.attr("type")).map(str::to_owned).collect())
        })
    }
}
