//! Administration: the commands of the server itself, and the ways in which people and programs call commands.
//!
//! [`COMMANDS`] is the part of the command table that needs no module. [`ctl`] renders the table as `ejabberdctl` does,
//! [`control`] serves that rendering on a Unix socket, [`CtlOverHttp`] over HTTP on another one.

mod awaited;
mod caller;
mod checks;
mod commands;
pub mod control;
pub mod ctl;
mod extra;
pub mod faces;
mod languages;
mod over_http;
mod panels;

pub use awaited::{AWAITED, Awaited, REFUSED, Refused};
pub use caller::{Caller, Process, tell_cut_off};
pub use checks::CHECKS;
pub use commands::COMMANDS;
pub use kernel::ServerControl;
use kernel::commands::Command;
use kernel::{ModuleEntry, entry};
pub use languages::Language;
pub use over_http::CtlOverHttp;
pub use panels::PANELS;

/// The modules of this crate.
pub static MODULES: &[ModuleEntry] = &[entry::<extra::AdminExtra>()];

/// Every command that this build knows, those of modules included, whether the modules run or not.
pub fn every_command() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().chain(modules::MODULES.iter().flat_map(|module| module.commands))
}

/// The newest API version, `v3` of ejabberd 24.12.
pub const API_VERSION: u8 = 3;

#[cfg(test)]
mod tests;
