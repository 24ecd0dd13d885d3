//! The server side of SASL (RFC 4422): one file for each mechanism, each a pure state machine.
//!
//! Nothing here reads a clock, draws randomness or waits: nonces and keys are passed in, and where
//! an account has to be looked up the machine stops with a [`Step`] that says what it needs. The
//! caller answers when it knows.
//!
//! ```text
//! Negotiation::new(mechanism, context)          one attempt
//!   .start(initial response)  ─► Challenge      send it, then .respond(bytes)
//!                                NeedsVerifier  look the account up, then .verifier(found)
//!                                NeedsPlainCheck check the password, then .password_checked(right)
//!                                NeedsAccount   see whether it exists, then .account_checked(exists)
//!                                Success        the proven identity
//!                                Failure        the condition to send
//! ```

mod anonymous;
mod authzid;
mod downgrade;
mod external;
mod failure;
mod keys;
mod mechanism;
mod negotiation;
mod pbkdf2;
mod plain;
mod prep;
mod scram;
mod verifier;

pub use failure::{Condition, Failure};
pub use mechanism::{Mechanism, Offer, ScramHash};
pub use negotiation::{
    BindingType, ChannelBinding, Context, MESSAGE_BYTES_MAX, NAME_BYTES_MAX, Negotiation,
    PASSWORD_BYTES_MAX, Step,
};
pub use prep::{PrepError, saslprep, saslprep_password};
pub use verifier::{DEFAULT_ITERATIONS, ITERATIONS_MAX, ScramVerifier, VerifierError};

#[cfg(test)]
mod tests;
