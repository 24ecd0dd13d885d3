//! Words every crate may use and no domain knows: secrets that cannot be printed.

mod secret;

pub use secret::{Secret, SecretBytes};
