//! The elements of stream management (XEP-0198 §3–§5).

use super::{Counter, Handled};
use crate::error::StanzaCondition;
use crate::ns;
use xmlstream::{Element, Namespace, RawElement};

/// What the client says. The namespace is that in which it spoke, and in which it must be answered: version 3, or
/// version 2, which ejabberd speaks too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmRequest {
    /// Begin.
    Enable {
        /// The stream shall be resumable.
        resume: bool,
        /// The longest time to resume that the client would like, in seconds.
        max_seconds: Option<u32>,
    },
    /// Go on with an earlier stream.
    Resume {
        /// What the client has handled.
        h: Counter,
        /// The stream's id.
        previd: String,
    },
    /// How many have you handled?
    Ask,
    /// So many have I handled.
    Ack(Counter),
}

impl SmRequest {
    /// Reads an element; `None` if it is no part of stream management.
    ///
    /// # Errors
    /// The refusal to answer with: what cannot be understood is a `bad-request`.
    pub fn from_raw(raw: &RawElement) -> Option<Result<Self, SmFailed>> {
        Self::from_parts(raw.ns(), raw.name(), |name| raw.attr(name))
    }

    /// Reads an element that came inside another one (XEP-0198 §9).
    ///
    /// # Errors
    /// As [`Self::from_raw`].
    pub fn from_element(element: &Element) -> Option<Result<Self, SmFailed>> {
        Self::from_parts(element.ns(), element.name(), |name| element.attr(name))
    }

    fn from_parts<'a>(
        ns: &str,
        name: &str,
        attr: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<Result<Self, SmFailed>> {
        if !matches!(ns, ns::SM | ns::SM_2) {
            return None;
        }
        let bad = || SmFailed { condition: StanzaCondition::BadRequest, handled: None };
        let h = || attr("h").and_then(counter).ok_or_else(bad);
        Some(match name {
            "enable" => Ok(Self::Enable {
                resume: matches!(attr("resume"), Some("true" | "1")),
                max_seconds: attr("max").and_then(|max| max.parse().ok()),
            }),
            "resume" => match attr("previd") {
                Some(previd) => h().map(|h| Self::Resume { h, previd: previd.to_owned() }),
                None => Err(bad()),
            },
            "r" => Ok(Self::Ask),
            "a" => h().map(Self::Ack),
            _ => Err(bad()),
        })
    }

    /// The element. An answer is not among what can be written here: it comes from [`SmReply`].
    pub fn to_element(&self, version: &'static str) -> Option<Element> {
        Some(match self {
            Self::Enable { resume, max_seconds } => Element::new("enable", version)
                .with_attr_opt("resume", resume.then_some("true"))
                .with_attr_opt("max", max_seconds.map(|max| max.to_string())),
            Self::Ask => Element::new("r", version),
            Self::Resume { .. } | Self::Ack(_) => return None,
        })
    }
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmReply {
    /// It has begun.
    Enabled {
        /// The id to resume by, if that is possible; an opaque secret of ours.
        id: Option<String>,
        /// How long it can be resumed, in seconds.
        max_seconds: Option<u32>,
        /// Where to reconnect to.
        location: Option<String>,
    },
    /// It goes on.
    Resumed {
        /// What we have handled.
        handled: Handled,
        /// The stream's id.
        previd: String,
    },
    /// It does not.
    Failed(SmFailed),
    /// How many have you handled?
    Ask,
    /// So many have we handled.
    Ack(Handled),
}

/// Why stream management cannot begin or go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmFailed {
    /// Why.
    pub condition: StanzaCondition,
    /// What was handled, if the stream is known but gone (XEP-0198 §5).
    pub handled: Option<Handled>,
}

impl SmReply {
    /// The element in the version that the client speaks.
    pub fn to_element(&self, version: &'static str) -> Element {
        match self {
            Self::Enabled { id, max_seconds, location } => Element::new("enabled", version)
                .with_attr_opt("id", id.clone())
                .with_attr_opt("resume", id.as_ref().map(|_| "true"))
                .with_attr_opt("max", max_seconds.map(|max| max.to_string()))
                .with_attr_opt("location", location.clone()),
            Self::Resumed { handled, previd } => Element::new("resumed", version)
                .with_attr("h", handled.counter().to_string())
                .with_attr("previd", previd.clone()),
            Self::Failed(failed) => Element::new("failed", version)
                .with_attr_opt("h", failed.handled.map(|handled| handled.counter().to_string()))
                .with_child(Element::new(failed.condition.name(), ns::STANZA_ERRORS)),
            Self::Ask => Element::new("r", version),
            Self::Ack(handled) => {
                Element::new("a", version).with_attr("h", handled.counter().to_string())
            }
        }
    }

    /// Appends the element; the two frequent ones without building a tree.
    pub fn write(&self, out: &mut Vec<u8>, version: &'static str) {
        match self {
            Self::Ask => out.extend_from_slice(format!("<r xmlns='{version}'/>").as_bytes()),
            Self::Ack(handled) => {
                out.extend_from_slice(
                    format!("<a xmlns='{version}' h='{}'/>", handled.counter()).as_bytes(),
                );
            }
            other => other.to_element(version).write(out, ""),
        }
    }

    /// The feature by which one version is offered.
    pub fn feature(version: &'static str) -> Element {
        Element::new("sm", Namespace::from(version))
    }
}

/// A count as a peer writes it: digits only.
fn counter(text: &str) -> Option<Counter> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Counter::new)
}
