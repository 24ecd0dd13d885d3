//! SASL as RFC 6120 §6 and XEP-0388 frame it. What is exchanged may hold passwords, so none of it is printed.

use crate::ns;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use xmlstream::{Element, ElementRef, RawElement};

/// How SASL is framed on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SaslProfile {
    /// RFC 6120 §6: a new stream follows success.
    Rfc6120,
    /// XEP-0388 ("SASL2"): the stream goes on after success, and more can be asked for at once.
    Extensible,
}

impl SaslProfile {
    /// The profile with elements in this namespace.
    pub fn from_ns(ns: &str) -> Option<Self> {
        [Self::Rfc6120, Self::Extensible].into_iter().find(|profile| profile.ns() == ns)
    }

    /// The namespace of its elements.
    pub fn ns(self) -> &'static str {
        match self {
            Self::Rfc6120 => ns::SASL,
            Self::Extensible => ns::SASL2,
        }
    }
}

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
        text => decode_plainly(text).map(Some),
    }
}

fn decode_plainly(text: &str) -> Result<Vec<u8>, SaslFailure> {
    STANDARD.decode(text).map_err(|_| SaslCondition::IncorrectEncoding.into())
}

/// Decodes base64 that should have no white space (XEP-0388 §2.2); no text stands for no bytes.
///
/// COMPAT: white space does no harm, as in ejabberd; the examples of the XEP have some.
fn decode_wrapped(text: &str) -> Result<Vec<u8>, SaslFailure> {
    decode_plainly(&text.split_ascii_whitespace().collect::<String>())
}

fn with_data(element: Element, data: Option<&[u8]>) -> Element {
    match data {
        None => element,
        Some([]) => element.with_text("="),
        Some(data) => element.with_text(STANDARD.encode(data)),
    }
}

impl SaslRequest {
    /// Reads what a client says in either profile; `None` if the element is no part of SASL.
    ///
    /// # Errors
    /// The failure to answer with: `incorrect-encoding`, `malformed-request` or `invalid-mechanism`.
    pub fn from_raw(raw: &RawElement) -> Option<Result<Self, SaslFailure>> {
        Some(match (SaslProfile::from_ns(raw.ns())?, raw.name()) {
            (SaslProfile::Rfc6120, "auth") => Self::begin(raw, || decode(&raw.text())),
            (SaslProfile::Rfc6120, "response") => {
                decode(&raw.text()).map(|data| Self::Response(data.unwrap_or_default()))
            }
            (SaslProfile::Extensible, "authenticate") => Self::begin(raw, || {
                let initial = only_child(raw, "initial-response", ns::SASL2)?;
                initial.map(|child| decode_wrapped(&child.parse().text())).transpose()
            }),
            (SaslProfile::Extensible, "response") => {
                decode_wrapped(&raw.text()).map(Self::Response)
            }
            (_, "abort") => Ok(Self::Abort),
            _ => Err(SaslCondition::MalformedRequest.into()),
        })
    }

    fn begin(
        raw: &RawElement,
        initial: impl FnOnce() -> Result<Option<Vec<u8>>, SaslFailure>,
    ) -> Result<Self, SaslFailure> {
        let mechanism = raw.attr("mechanism").ok_or(SaslCondition::InvalidMechanism)?.to_owned();
        Ok(Self::Auth { mechanism, initial: initial()? })
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
    ///
    /// In the extensible profile, who has authenticated is still to be added to a success, see
    /// [`authorization_identifier`](super::authorization_identifier).
    pub fn to_element(&self, profile: SaslProfile) -> Element {
        match profile {
            SaslProfile::Rfc6120 => self.to_rfc6120(),
            SaslProfile::Extensible => self.to_extensible(),
        }
    }

    fn to_rfc6120(&self) -> Element {
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

    /// XEP-0388 §2.2, §2.5, §2.6.
    fn to_extensible(&self) -> Element {
        let encoded = |name, data| Element::new(name, ns::SASL2).with_text(STANDARD.encode(data));
        match self {
            Self::Challenge(data) => encoded("challenge", data),
            Self::Success(data) => Element::new("success", ns::SASL2)
                .with_children(data.as_ref().map(|data| encoded("additional-data", data))),
            Self::Failure(failure) => Element::new("failure", ns::SASL2)
                .with_child(Element::new(failure.condition.name(), ns::SASL))
                .with_children(
                    failure
                        .text
                        .as_ref()
                        .map(|text| Element::new("text", ns::SASL2).with_text(text)),
                ),
        }
    }
}

/// The one child of this name.
///
/// # Errors
/// `malformed-request` if there are several: which one counts would be a matter of taste.
pub(super) fn only_child<'a>(
    raw: &'a RawElement,
    name: &str,
    ns: &str,
) -> Result<Option<ElementRef<'a>>, SaslFailure> {
    let mut all = raw.children().filter(|child| child.is(name, ns));
    match (all.next(), all.next()) {
        (_, Some(_)) => Err(SaslCondition::MalformedRequest.into()),
        (first, None) => Ok(first),
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
