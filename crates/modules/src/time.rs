//! XEP-0202: Entity Time. The server tells its time, in UTC.

use kernel::{Answering, At, GetAnswer, IqRequest, Module, Register, Start, Xep, xep, xmpp_stamp};
use settings::Problem;
use xmlstream::Element;
use xmpp_wire::{StanzaCondition, StanzaError, ns};

/// Tells the time.
pub(crate) struct EntityTime;

impl Module for EntityTime {
    const NAME: &'static str = "mod_time";
    const ABOUT: &'static str = "Tells the server's time (XEP-0202)";
    const IMPLEMENTS: &'static [Xep] = &[xep(202, "2.0")];

    fn start(_: &Start<'_, Self>) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn register(on: &mut Register<'_, Self>) {
        on.iq_get(At::Server, ns::TIME, Self::tell);
    }
}

impl EntityTime {
    fn tell<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            if request.payload.name() != "time" {
                return Err(StanzaError::new(StanzaCondition::BadRequest));
            }
            let utc = xmpp_stamp(
                request.kernel.clock().wall().round(jiff::Unit::Second).unwrap_or_default(),
            );
            let time = Element::new("time", ns::TIME)
                .with_child(Element::new("tzo", ns::TIME).with_text("+00:00"))
                .with_child(Element::new("utc", ns::TIME).with_text(utc));
            Ok(Some(time))
        })
    }
}
