//! Stanza errors (RFC 6120 §8.3).

use crate::ns;
use jid::Jid;
use xmlstream::Element;

/// What the sender of a failed stanza may do (RFC 6120 §8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// Retry after giving credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Go on: it was only a warning.
    Continue,
    /// Retry after changing the data.
    Modify,
    /// Retry after waiting.
    Wait,
}

impl ErrorType {
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Auth, "auth"),
        (Self::Cancel, "cancel"),
        (Self::Continue, "continue"),
        (Self::Modify, "modify"),
        (Self::Wait, "wait"),
    ];

    /// The value of the attribute `type` of `<error/>`.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// Conditions of stanza errors (RFC 6120 §8.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StanzaCondition {
    /// §8.3.3.1: the stanza cannot be understood.
    BadRequest,
    /// §8.3.3.2: something of that name exists.
    Conflict,
    /// §8.3.3.3: not implemented here.
    FeatureNotImplemented,
    /// §8.3.3.4: the sender has not the permission.
    Forbidden,
    /// §8.3.3.5: the recipient has moved, perhaps to [`StanzaError::uri`].
    Gone,
    /// §8.3.3.6: the server failed.
    InternalServerError,
    /// §8.3.3.7: no such thing.
    ItemNotFound,
    /// §8.3.3.8: an address is malformed.
    JidMalformed,
    /// §8.3.3.9: the criteria of the recipient or server are not met.
    NotAcceptable,
    /// §8.3.3.10: nobody may do that.
    NotAllowed,
    /// §8.3.3.11: credentials are needed.
    NotAuthorized,
    /// §8.3.3.12: a rule of the service is broken.
    PolicyViolation,
    /// §8.3.3.13: the recipient is away for now.
    RecipientUnavailable,
    /// §8.3.3.14: the recipient is elsewhere, at [`StanzaError::uri`].
    Redirect,
    /// §8.3.3.15: registration is needed first.
    RegistrationRequired,
    /// §8.3.3.16: the other server cannot be found.
    RemoteServerNotFound,
    /// §8.3.3.17: the other server cannot be reached in time.
    RemoteServerTimeout,
    /// §8.3.3.18: too busy.
    ResourceConstraint,
    /// §8.3.3.19: no such service, or nothing that the sender may know of.
    ServiceUnavailable,
    /// §8.3.3.20: a subscription is needed first.
    SubscriptionRequired,
    /// §8.3.3.21: see [`StanzaError::app`].
    UndefinedCondition,
    /// §8.3.3.22: out of order.
    UnexpectedRequest,
}

impl StanzaCondition {
    /// Each with its name, the type that the RFC gives it, and the number of XEP-0086.
    const TABLE: [(Self, &'static str, ErrorType, u16); 22] = [
        (Self::BadRequest, "bad-request", ErrorType::Modify, 400),
        (Self::Conflict, "conflict", ErrorType::Cancel, 409),
        (Self::FeatureNotImplemented, "feature-not-implemented", ErrorType::Cancel, 501),
        (Self::Forbidden, "forbidden", ErrorType::Auth, 403),
        (Self::Gone, "gone", ErrorType::Cancel, 302),
        (Self::InternalServerError, "internal-server-error", ErrorType::Cancel, 500),
        (Self::ItemNotFound, "item-not-found", ErrorType::Cancel, 404),
        (Self::JidMalformed, "jid-malformed", ErrorType::Modify, 400),
        (Self::NotAcceptable, "not-acceptable", ErrorType::Modify, 406),
        (Self::NotAllowed, "not-allowed", ErrorType::Cancel, 405),
        (Self::NotAuthorized, "not-authorized", ErrorType::Auth, 401),
        (Self::PolicyViolation, "policy-violation", ErrorType::Modify, 0),
        (Self::RecipientUnavailable, "recipient-unavailable", ErrorType::Wait, 404),
        (Self::Redirect, "redirect", ErrorType::Modify, 302),
        (Self::RegistrationRequired, "registration-required", ErrorType::Auth, 407),
        (Self::RemoteServerNotFound, "remote-server-not-found", ErrorType::Cancel, 404),
        (Self::RemoteServerTimeout, "remote-server-timeout", ErrorType::Wait, 504),
        (Self::ResourceConstraint, "resource-constraint", ErrorType::Wait, 500),
        (Self::ServiceUnavailable, "service-unavailable", ErrorType::Cancel, 503),
        (Self::SubscriptionRequired, "subscription-required", ErrorType::Auth, 407),
        (Self::UndefinedCondition, "undefined-condition", ErrorType::Cancel, 500),
        (Self::UnexpectedRequest, "unexpected-request", ErrorType::Wait, 400),
    ];

    /// All conditions in the order of the RFC.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|row| row.0)
    }

    /// The element's name.
    pub fn name(self) -> &'static str {
        Self::TABLE[self as usize].1
    }

    /// The type that goes with it unless something else is said.
    pub fn default_type(self) -> ErrorType {
        Self::TABLE[self as usize].2
    }

    /// The number of XEP-0086, which old clients look at.
    pub fn legacy_code(self) -> Option<u16> {
        Some(Self::TABLE[self as usize].3).filter(|&code| code != 0)
    }

    /// The condition of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// Why a stanza failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaError {
    /// What the sender may do.
    pub kind: ErrorType,
    /// Why it failed.
    pub condition: StanzaCondition,
    /// Words for people, and their language.
    pub text: Option<(String, Option<String>)>,
    /// Who says so (RFC 6120 §8.3.2).
    pub by: Option<Jid>,
    /// Where to, for `gone` and `redirect`.
    pub uri: Option<String>,
    /// More about it in another namespace (RFC 6120 §8.3.4).
    pub app: Option<Box<Element>>,
}

impl StanzaError {
    /// An error with its usual type.
    pub fn new(condition: StanzaCondition) -> Self {
        Self {
            kind: condition.default_type(),
            condition,
            text: None,
            by: None,
            uri: None,
            app: None,
        }
    }

    /// With another type.
    #[must_use]
    pub fn with_type(mut self, kind: ErrorType) -> Self {
        self.kind = kind;
        self
    }

    /// With words in English.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Self {
        self.text = Some((text.to_owned(), Some("en".to_owned())));
        self
    }

    /// With words in some language.
    #[must_use]
    pub fn with_text_in(mut self, text: &str, lang: &str) -> Self {
        self.text = Some((text.to_owned(), Some(lang.to_owned())));
        self
    }

    /// With the entity that says so.
    #[must_use]
    pub fn with_by(mut self, by: impl Into<Jid>) -> Self {
        self.by = Some(by.into());
        self
    }

    /// With a place to go to.
    #[must_use]
    pub fn with_uri(mut self, uri: &str) -> Self {
        self.uri = Some(uri.to_owned());
        self
    }

    /// With an application-specific condition.
    #[must_use]
    pub fn with_app(mut self, app: Element) -> Self {
        self.app = Some(Box::new(app));
        self
    }

    /// The element `<error/>` in the namespace of the stanza it goes into.
    pub fn to_element(&self, stanza_ns: &'static str) -> Element {
        // COMPAT: ejabberd writes the number of XEP-0086 too.
        let mut error = Element::new("error", stanza_ns)
            .with_attr_opt("code", self.condition.legacy_code().map(|code| code.to_string()))
            .with_attr("type", self.kind.name())
            .with_attr_opt("by", self.by.as_ref().map(|by| by.as_str().to_owned()));
        let mut condition = Element::new(self.condition.name(), ns::STANZA_ERRORS);
        if let Some(uri) = &self.uri {
            condition.push_text(uri);
        }
        error.push(condition);
        if let Some((text, lang)) = &self.text {
            let text = Element::new("text", ns::STANZA_ERRORS)
                .with_attr_opt("xml:lang", lang.clone())
                .with_text(text);
            error.push(text);
        }
        if let Some(app) = &self.app {
            error.push(Element::clone(app));
        }
        error
    }

    /// Reads an `<error/>`; an unknown condition counts as `undefined-condition` (RFC 6120 §8.3.3.21). `None` if it
    /// has no condition at all.
    pub fn from_element(error: &Element) -> Option<Self> {
        let condition = error
            .children()
            .find(|child| child.ns() == ns::STANZA_ERRORS && child.name() != "text")?;
        let known = StanzaCondition::from_name(condition.name())
            .unwrap_or(StanzaCondition::UndefinedCondition);
        let uri = matches!(known, StanzaCondition::Gone | StanzaCondition::Redirect)
            .then(|| condition.text());
        Some(Self {
            kind: error.attr("type").and_then(ErrorType::from_name).unwrap_or(known.default_type()),
            condition: known,
            text: error
                .child("text", ns::STANZA_ERRORS)
                .map(|text| (text.text(), text.attr("xml:lang").map(str::to_owned))),
            by: error.attr("by").and_then(|by| Jid::new(by).ok()),
            uri: uri.filter(|uri| !uri.is_empty()),
            app: error
                .children()
                .find(|child| child.ns() != ns::STANZA_ERRORS)
                .cloned()
                .map(Box::new),
        })
    }
}

impl From<StanzaCondition> for StanzaError {
    fn from(condition: StanzaCondition) -> Self {
        Self::new(condition)
    }
}

impl std::fmt::Display for StanzaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.condition.name())?;
        match &self.text {
            Some((text, _)) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StanzaError {}
