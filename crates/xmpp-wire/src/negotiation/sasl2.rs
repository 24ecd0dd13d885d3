//! What can be asked for and granted along with authentication: XEP-0388, Bind 2 (XEP-0386), stream management (XEP-0198 §9).

use super::sasl::{SaslFailure, only_child};
use crate::ns;
use crate::sm::{SmFailed, SmRequest};
use xmlstream::{Element, RawElement};

/// What a client asks for inside `<authenticate/>`. What is not known is passed over (XEP-0388 §2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inline {
    /// What the client calls itself, for all its connections; opaque. Nobody else may learn it (XEP-0386 §3.2.1).
    pub client_id: Option<String>,
    /// A session to go on with; it comes before `bind`. An error is the refusal to answer with.
    pub resume: Option<Result<SmRequest, SmFailed>>,
    /// A resource to bind.
    pub bind: Option<Bind2>,
}

/// A request for a resource (XEP-0386 §3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind2 {
    /// What the client's name for its software is; not prepared yet.
    pub tag: Option<String>,
    /// Stream management from the start.
    pub enable: Option<SmRequest>,
}

impl Inline {
    /// Reads what stands inside `<authenticate/>` beside the mechanism's own data.
    ///
    /// # Errors
    /// `malformed-request` if something is asked for twice.
    pub fn from_raw(authenticate: &RawElement) -> Result<Self, SaslFailure> {
        let agent = only_child(authenticate, "user-agent", ns::SASL2)?;
        let resume = only_child(authenticate, "resume", ns::SM)?;
        let bind = only_child(authenticate, "bind", ns::BIND2)?;
        let agent = agent.map(|agent| agent.parse());
        let id = agent.as_ref().and_then(|agent| agent.attr("id")).filter(|id| !id.is_empty());
        Ok(Self {
            client_id: id.map(str::to_owned),
            resume: resume.and_then(|resume| SmRequest::from_element(&resume.parse())),
            bind: bind.map(|bind| Bind2::from_element(&bind.parse())),
        })
    }
}

impl Bind2 {
    fn from_element(bind: &Element) -> Self {
        Self {
            tag: bind.child_text("tag", ns::BIND2).filter(|tag| !tag.is_empty()),
            enable: bind
                .child("enable", ns::SM)
                .and_then(SmRequest::from_element)
                .and_then(Result::ok),
        }
    }

    /// The feature, for the inline part of [`authentication_offer`]: what can be asked for together with a resource.
    pub fn feature(inline: &[&'static str]) -> Element {
        let feature =
            |var: &&'static str| Element::new("feature", ns::BIND2).with_attr("var", *var);
        let all = (!inline.is_empty())
            .then(|| Element::new("inline", ns::BIND2).with_children(inline.iter().map(feature)));
        Element::new("bind", ns::BIND2).with_children(all)
    }

    /// The answer, with what was granted together with the resource.
    pub fn bound(results: impl IntoIterator<Item = Element>) -> Element {
        Element::new("bound", ns::BIND2).with_children(results)
    }
}

/// The feature that offers mechanisms (XEP-0388 §2.1), the preferred first, and what can be asked for inline.
pub fn authentication_offer<'a>(
    mechanisms: impl IntoIterator<Item = &'a str>,
    inline: impl IntoIterator<Item = Element>,
) -> Element {
    let mechanism = |name| Element::new("mechanism", ns::SASL2).with_text(name);
    Element::new("authentication", ns::SASL2)
        .with_children(mechanisms.into_iter().map(mechanism))
        .with_child(Element::new("inline", ns::SASL2).with_children(inline))
}

/// Who has authenticated, for inside `<success/>`: a bare address, or a full one if there is a resource (XEP-0388 §2.6.1).
pub fn authorization_identifier(address: &str) -> Element {
    Element::new("authorization-identifier", ns::SASL2).with_text(address)
}
