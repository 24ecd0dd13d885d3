//! `rookery`: the server. Read, check, start, wait, stop.

mod arguments;
mod audit;
mod boot;
mod control;
mod erlang;
mod files;
mod http;
mod lists;
mod live;
mod run;
mod say;
mod signals;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Task};

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    let called = Path::new(&name).file_name().and_then(OsStr::to_str);
    if matches!(called, Some("rookeryctl" | "ejabberdctl")) {
        return ctl::main_with(words);
    }
    if words.next().is_some_and(|word| word == "ctl") {
        return ctl::main_with(words);
    }
    let arguments = Arguments::parse();
    match arguments.task() {
        Task::Serve => run::serve(&arguments),
        Task::Live => live::run(&arguments),
        Task::Check { file, audit } => boot::check(&arguments, &file, audit),
        Task::Defaults => say::defaults(),
        Task::Epmd => erlang::epmd(),
        // Taken above, for its words are its own.
        Task::Ctl { words } => ctl::main_with(words.into_iter()),
    }
}
