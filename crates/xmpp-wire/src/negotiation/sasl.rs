//! SASL as RFC 6120 §6 frames it. What is exchanged may hold passwords, so none of it is printed.

use crate::ns;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xmlstream::{Element, RawElement};

/// Conditions of SASL failures (RFC 6120 §6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SaslCondition {
    /// §6.5.1: the peer gave up.
    Aborted,
    /// §6.5.2: the account is switched off.
    AccountDisabled,
    /// §6.5.3: the credentials are too old.
    CredentialsExpired,
    /// §6.5.4: not without TLS.
    EncryptionRequired,
    /// §6.5.5: not base64.
    IncorrectEncoding,
    /// §6.5.6: that identity may not be assumed.
    InvalidAuthzid,
    /// §6.5.7: no such mechanism.
    InvalidMechanism,
    /// §6.5.8: the message breaks the mechanism's rules.
    MalformedRequest,
    /// §6.5.9: the mechanism is too weak for this account.
    MechanismTooWeak,
    /// §6.5.10: the credentials are wrong, or there is no such account.
    NotAuthorized,
    /// §6.5.11: the server failed; later it may not.
    TemporaryAuthFailure,
}

impl SaslCondition {
    const TABLE: [(Self, &'static str); 11] = [
        (Self::Aborted, "aborted"),
        (Self::AccountDisabled, "account-disabled"),
        (Self::CredentialsExpired, "credentials-expired"),
        (Self::EncryptionRequired, "encryption-required"),
        (Self::IncorrectEncoding, "incorrect-encoding"),
        (Self::InvalidAuthzid, "invalid-authzid"),
        (Self::InvalidMechanism, "invalid-mechanism"),
        (Self::MalformedRequest, "malformed-request"),
        (Self::MechanismTooWeak, "mechanism-too-weak"),
        (Self::NotAuthorized, "not-authorized"),
        (Self::TemporaryAuthFailure, "temporary-auth-failure"),
    ];

    /// All conditions in the order of the RFC.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|row| row.0)
    }

    /// The element's name.
    pub fn name(self) -> &'static str {
        Self::TABLE[self as usize].1
    }

    /// The condition of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// A `<failure/>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslFailure {
    /// Why.
    pub condition: SaslCondition,
    /// Words for people, in English.
    pub text: Option<String>,
}

impl From<SaslCondition> for SaslFailure {
    fn from(condition: SaslCondition) -> Self {
        Self { condition, text: None }
    }
}

impl std::fmt::Display for SaslFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.condition.name())
    }
}

impl std::error::Error for SaslFailure {}

/// What the initiating side says.
#[derive(Clone, PartialEq, Eq)]
pub enum SaslRequest {
    /// Begins; `None` without initial response, which differs from an empty one.
    Auth {
        /// The mechanism's name.
        mechanism: String,
        /// The initial response.
        initial: Option<Vec<u8>>,
    },
    /// Answers a challenge.
    Response(Vec<u8>),
    /// Gives up.
    Abort,
}

/// What the receiving side says.
#[derive(Clone, PartialEq, Eq)]
pub enum SaslResponse {
    /// Asks on.
    Challenge(Vec<u8>),
    /// Done, perhaps with additional data.
    Success(Option<Vec<u8>>),
    /// Not done.
    Failure(SaslFailure),
}

/// Decodes base64 as strictly as RFC 6120 §6.4.2 asks: no white space; `=` alone stands for no bytes.
fn decode(text: &str) -> Result<Option<Vec<u8>>, SaslFailure> {
    match text {
        "" => Ok(None),
        "=" => Ok(Some(Vec::new())),
        text => {
            STANDARD.decode(text).map(Some).map_err(|_| SaslCondition::IncorrectEncoding.into())
        }
    }
}

fn with_data(element: Element, data: Option<&[u8]>) -> Element {
    match data {
        None => element,
        Some([]) => element.with_text("="),
        Some(data) => element.with_text(STANDARD.encode(data)),
    }
}

impl SaslRequest {
    /// Reads what a client says; `None` if the element is no part of SASL.
    ///
    /// # Errors
    /// The failure to answer with: `incorrect-encoding` or `malformed-request`.
    pub fn from_raw(raw: &RawElement) -> Option<Result<Self, SaslFailure>> {
        if raw.ns() != ns::SASL {
            return None;
        }
        let text = raw.text();
        Some(match raw.name() {
            "auth" => match raw.attr("mechanism") {
                None => Err(SaslCondition::InvalidMechanism.into()),
                Some(name) => {
                    decode(&text).map(|initial| Self::Auth { mechanism: name.to_owned(), initial })
                }
            },
            "response" => decode(&text).map(|data| Self::Response(data.unwrap_or_default())),
            "abort" => Ok(Self::Abort),
            _ => Err(SaslCondition::MalformedRequest.into()),
        })
    }

    /// The element.
    pub fn to_element(&self) -> Element {
        match self {
            Self::Auth { mechanism, initial } => {
                let auth = Element::new("auth", ns::SASL).with_attr("mechanism", mechanism.clone());
                with_data(auth, initial.as_deref())
            }
            Self::Response(data) => with_data(
                Element::new("response", ns::SASL),
                Some(data.as_slice()).filter(|data| !data.is_empty()),
            ),
            Self::Abort => Element::new("abort", ns::SASL),
        }
    }
}

impl SaslResponse {
    /// Reads what a server says; `None` if the element is no part of SASL or cannot be understood.
    pub fn from_raw(raw: &RawElement) -> Option<Self> {
        if raw.ns() != ns::SASL {
            return None;
        }
        match raw.name() {
            "challenge" => {
                decode(&raw.text()).ok().map(|data| Self::Challenge(data.unwrap_or_default()))
            }
            "success" => decode(&raw.text()).ok().map(Self::Success),
            "failure" => {
                let known = raw.children().find_map(|child| SaslCondition::from_name(child.name()));
                let text = raw.child("text", ns::SASL).map(|text| text.parse().text());
                let condition = known.unwrap_or(SaslCondition::NotAuthorized);
                Some(Self::Failure(SaslFailure { condition, text }))
            }
            _ => None,
        }
    }

    /// The element.
    pub fn to_element(&self) -> Element {
        match self {
            Self::Challenge(data) => with_data(
                Element::new("challenge", ns::SASL),
                Some(data.as_slice()).filter(|data| !data.is_empty()),
            ),
            Self::Success(data) => with_data(Element::new("success", ns::SASL), data.as_deref()),
            Self::Failure(failure) => {
                let element = Element::new("failure", ns::SASL)
                    .with_child(Element::new(failure.condition.name(), ns::SASL));
                match &failure.text {
                    None => element,
                    Some(text) => element.with_child(
                        Element::new("text", ns::SASL).with_attr("xml:lang", "en").with_text(text),
                    ),
                }
            }
        }
    }
}

impl std::fmt::Debug for SaslRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auth { mechanism, .. } => write!(f, "Auth({mechanism:?}, [redacted])"),
            Self::Response(_) => f.write_str("Response([redacted])"),
            Self::Abort => f.write_str("Abort"),
        }
    }
}

impl std::fmt::Debug for SaslResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Challenge(_) => f.write_str("Challenge([redacted])"),
            Self::Success(_) => f.write_str("Success([redacted])"),
            Self::Failure(failure) => write!(f, "Failure({failure:?})"),
        }
    }
}
