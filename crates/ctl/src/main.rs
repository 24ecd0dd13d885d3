//! `rookeryctl`, which answers to the name `ejabberdctl` too.

use std::process::ExitCode;

fn main() -> ExitCode {
    ctl::main_with(std::env::args_os().skip(1))
}
