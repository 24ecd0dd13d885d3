//! Stream features that this server offers to clients (RFC 6120 §4.3.2, XEP-0388 §2.1).

use sasl::Mechanism;
use xmlstream::Element;
use xmpp_wire::negotiation::{
    Bind, Bind2, ChannelBinding, Features, authentication_offer, session_feature,
};
use xmpp_wire::ns;
use xmpp_wire::sm::SmReply;

use super::auth::Offered;

/// What is offered before authentication; `managed` if stream management may be asked for along with it.
pub(super) fn before_auth(starttls: Option<Element>, offered: &Offered, managed: bool) -> Element {
    let mut features = Features::new();
    if let Some(starttls) = starttls {
        features.push(starttls);
    }
    if !offered.rfc6120.is_empty() {
        features
            .push(Features::mechanisms_offer(offered.rfc6120.iter().copied().map(Mechanism::name)));
    }
    if !offered.extensible.is_empty() {
        features.push(authentication_offer(
            offered.extensible.iter().copied().map(Mechanism::name),
            inline(managed),
        ));
    }
    if offered.lists_bindings() {
        // XEP-0440: what a client may bind to.
        let types = offered.bindings.iter().map(|binding| binding.kind.name().to_owned());
        features.push(ChannelBinding(types.collect()).to_element());
    }
    features.into_element()
}

/// What can be asked for along with authentication (XEP-0386 §3.1, XEP-0198 §9.1, §9.2).
fn inline(managed: bool) -> impl Iterator<Item = Element> {
    let bind = Bind2::feature(if managed { &[ns::SM] } else { &[] });
    [bind].into_iter().chain(managed.then(|| SmReply::feature(ns::SM)))
}

/// What is offered after authentication: compression, binding, and what the modules of the host add.
pub(super) fn after_auth(compression: Option<Element>, of_modules: &[Element]) -> Element {
    let compression = compression.into_iter().fold(Features::new(), Features::with);
    let core = compression.with(Bind::feature()).with(session_feature());
    of_modules.iter().cloned().fold(core, Features::with).into_element()
}

/// What is left to a client that has bound a resource while it authenticated; `managed` if it has stream management.
pub(super) fn after_bind(of_modules: &[Element], managed: bool) -> Element {
    let left = of_modules.iter().filter(|one| !(managed && matches!(one.ns(), ns::SM | ns::SM_2)));
    left.cloned().fold(Features::new(), Features::with).into_element()
}
