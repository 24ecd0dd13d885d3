//! `rookery`: the server. Read, check, start, wait, stop.

mod arguments;
mod boot;
mod control;
mod lists;
mod run;
mod say;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Task};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.task() {
        Task::Serve => run::serve(&arguments),
        Task::Check { file } => boot::check(&arguments, &file),
        Task::Defaults => say::defaults(),
    }
}
