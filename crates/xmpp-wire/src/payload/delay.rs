//! XEP-0203 Delayed Delivery.

use crate::ns;
use jid::Jid;
use xmlstream::Element;

/// When a stanza was first sent. The stamp is the text of XEP-0082: this crate has no clock and no calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Who kept it.
    pub from: Option<Jid>,
    /// When, in UTC, such as `2002-09-10T23:08:25Z`.
    pub stamp: String,
    /// Why, for people.
    pub reason: Option<String>,
}

impl Delay {
    /// Reads the element; `None` if it is something else or has no stamp.
    pub fn from_element(delay: &Element) -> Option<Self> {
        if !delay.is("delay", ns::DELAY) {
            return None;
        }
        Some(Self {
            from: delay.attr("from").and_then(|from| Jid::new(from).ok()),
            stamp: delay.attr("stamp")?.to_owned(),
            reason: Some(delay.text()).filter(|reason| !reason.is_empty()),
        })
    }

    /// The element.
    pub fn to_element(&self) -> Element {
        Element::new("delay", ns::DELAY)
            .with_attr_opt("from", self.from.as_ref().map(|from| from.as_str().to_owned()))
            .with_attr("stamp", self.stamp.clone())
            .with_text(self.reason.as_deref().unwrap_or_default())
    }
}
