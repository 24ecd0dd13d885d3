//! Stream features that this server offers to clients (RFC 6120 §4.3.2).

use sasl::{BindingType, Mechanism};
use xmlstream::Element;
use xmpp_wire::negotiation::{Bind, ChannelBinding, Features, session_feature};

/// What is offered before authentication.
pub(super) fn before_auth(
    starttls: Option<Element>,
    mechanisms: &[Mechanism],
    bindings: &[BindingType],
) -> Element {
    let mut features = Features::new();
    if let Some(starttls) = starttls {
        features.push(starttls);
    }
    if !mechanisms.is_empty() {
        features
            .push(Features::mechanisms_offer(mechanisms.iter().map(|mechanism| mechanism.name())));
    }
    if !bindings.is_empty() && mechanisms.iter().any(|mechanism| mechanism.is_plus()) {
        // XEP-0440: what a client may bind to.
        let types = bindings.iter().map(|binding| binding.name().to_owned()).collect();
        features.push(ChannelBinding(types).to_element());
    }
    features.to_element()
}

/// What is offered after authentication: compression, binding, and what the modules of the host add.
pub(super) fn after_auth(compression: Option<Element>, of_modules: &[Element]) -> Element {
    let compression = compression.into_iter().fold(Features::new(), Features::with);
    let core = compression.with(Bind::feature()).with(session_feature());
    of_modules.iter().cloned().fold(core, Features::with).to_element()
}
