//! Accounts: who exists on a host, which password is right, and what is stored of it.
//!
//! [`Accounts`] is one cheap handle for the whole server. `auth_method` of a host names its
//! back-ends, which are asked in that order. Those in force are SQL and anonymous log-in;
//! ejabberd's `internal` (`mnesia`) is the same embedded SQL store here. The others are known and
//! refused by name when they are needed.
//!
//! - Names are prepared (nodeprep) here and hosts must be served, so callers pass what they were
//!   given.
//! - Hashing of passwords runs on blocking threads behind a bounded gate, never on an async worker.
//! - A change is answered with [`store::Committed`]: it is on disk before anybody can acknowledge
//!   it.

mod accounts;
mod backend;
mod cache;
mod change;
mod check;
mod checks;
mod error;
mod hashing;
mod options;
mod relay;
mod stored;

pub use accounts::{Accounts, RandomSource, Stats};
pub use backend::Method;
pub use backend::anonymous::AnonymousSession;
pub use backend::sql::TABLES;
pub use check::Check;
pub use checks::CHECKS;
pub use error::AccountError;
pub use options::{AnonymousProtocol, CacheLimits, HostOptions, OPTIONS, Options};
pub use relay::{RelayKeys, RelayRealm, RelaySeal};
pub use stored::{Form, Stored, StoredError};

#[cfg(test)]
mod tests;
