//! Words every crate may use and no domain knows: secrets that cannot be printed, a bounded map.

mod recent;
mod secret;

pub use recent::Recent;
pub use secret::{Secret, SecretBytes};
