//! Administration: the commands of the server itself, and the ways in which people and programs call commands.
//!
//! [`COMMANDS`] is the part of the command table that needs no module. [`ctl`] renders the table as `ejabberdctl` does,
//! [`control`] serves that rendering on a Unix socket.

mod awaited;
mod commands;
pub mod control;
pub mod ctl;
pub mod faces;

pub use awaited::{AWAITED, Awaited};
pub use commands::COMMANDS;
pub use kernel::ServerControl;

/// The newest API version, `v3` of ejabberd 24.12.
pub const API_VERSION: u8 = 3;

#[cfg(test)]
mod tests;
