//! Why an attempt failed: the defined conditions of RFC 6120 §6.5.

/// A SASL error condition as it appears inside `<failure/>` (RFC 6120 §6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// The client gave up (§6.5.1).
    Aborted,
    /// The account is disabled for now (§6.5.2).
    AccountDisabled,
    /// The credentials were right once (§6.5.3).
    CredentialsExpired,
    /// The mechanism needs an encrypted stream (§6.5.4).
    EncryptionRequired,
    /// The data is not base64 (§6.5.5).
    IncorrectEncoding,
    /// The authorization identity is malformed or not the client's to assume (§6.5.6).
    InvalidAuthzid,
    /// The mechanism is unknown or was not offered (§6.5.7).
    InvalidMechanism,
    /// The message does not follow the mechanism's grammar (§6.5.8).
    MalformedRequest,
    /// Policy asks for a stronger mechanism for this account (§6.5.9).
    MechanismTooWeak,
    /// The credentials are wrong; also said when the account does not exist (§6.5.10).
    NotAuthorized,
    /// The server could not decide, for instance because its database is down (§6.5.11).
    TemporaryAuthFailure,
}

impl Condition {
    /// The element's local name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::AccountDisabled => "account-disabled",
            Self::CredentialsExpired => "credentials-expired",
            Self::EncryptionRequired => "encryption-required",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidAuthzid => "invalid-authzid",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest => "malformed-request",
            Self::MechanismTooWeak => "mechanism-too-weak",
            Self::NotAuthorized => "not-authorized",
            Self::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }
}

/// A failed attempt: the condition to send and a fixed text that says what was wrong without naming
/// the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", .condition.as_str())]
pub struct Failure {
    /// The condition to send.
    pub condition: Condition,
    /// An explanation for the client's developer; the same for unknown accounts and wrong
    /// passwords.
    pub text: &'static str,
}

impl Failure {
    pub(crate) const fn new(condition: Condition, text: &'static str) -> Self {
        Self { condition, text }
    }

    pub(crate) const fn malformed(text: &'static str) -> Self {
        Self::new(Condition::MalformedRequest, text)
    }

    /// The one failure for a wrong password, an unknown account and an account without this kind of
    /// verifier.
    pub(crate) const CREDENTIALS: Self =
        Self::new(Condition::NotAuthorized, "Invalid username or password");
}
