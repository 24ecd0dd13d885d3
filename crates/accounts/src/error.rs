//! What can go wrong with an account, by whose fault.

use store::StoreError;

/// Why an account could not be asked about or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The name of the account cannot be the node of an address (RFC 7622 §3.3).
    #[error(
        "`{0}` is not a valid user name: it is empty, longer than 1023 bytes or holds a forbidden character"
    )]
    InvalidName(String),
    /// The host is not served here.
    #[error("host `{0}` is not served here; the served ones are listed under `hosts`")]
    UnknownHost(String),
    /// The password is empty, longer than 1023 bytes, or SASLprep (RFC 4013) refuses it.
    #[error(
        "the password is not usable: it is empty, longer than 1023 bytes or holds a forbidden character"
    )]
    InvalidPassword,
    /// There is such an account already.
    #[error("the account exists already")]
    Exists,
    /// There is no such account.
    #[error("the account does not exist")]
    NotFound,
    /// No back-end of the host can do this, for instance because only anonymous log-in is on.
    #[error("no back-end in `auth_method` of host `{host}` can change accounts")]
    NotAllowed {
        /// The host.
        host: String,
    },
    /// A back-end that would have to decide is known and not yet in force.
    #[error(
        "`auth_method: {method}` of host `{host}` is known and not yet in force; remove it or use `sql`"
    )]
    MethodNotInForce {
        /// The method.
        method: &'static str,
        /// The host.
        host: String,
    },
    /// Too many passwords wait to be hashed; try again later.
    #[error("too many passwords are waiting to be checked; try again in a moment")]
    Busy,
    /// The database failed.
    #[error("the account database failed: {0}")]
    Store(#[from] StoreError),
}

impl AccountError {
    /// Whether the same call may succeed later: what a session answers with
    /// `temporary-auth-failure` (RFC 6120 §6.5.11) or `<wait/>`.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::Store(error) => error.is_temporary(),
            _ => false,
        }
    }
}
