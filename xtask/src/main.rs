//! The project's own tasks: `cargo xtask tidy` and `cargo xtask test`.

mod hot;
mod needs;
mod run;
mod test;
mod tidy;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask tidy             check the house rules (STYLE.md)
cargo xtask needs            install what the tests need (tests/needs.txt)
cargo xtask plays [PART ...] run the plays, or those with a part of their path (crates/testkit/PLAYS.md);
                             with SUBJECT=ejabberd in the environment against ejabberd
cargo xtask hot BINARY START.out ... -- SESSION.out ...
                             write crates/server/hot.txt from runs under callgrind (bench/README.md)
cargo xtask test [STEP ...]  run every check and every test, or only the named steps:
                             needs tidy fmt clippy deny unit clients oracle plays kill
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = workspace();
    let done = match words.as_slice() {
        ["tidy"] => test::tidy(&root),
        ["needs"] => needs::install(&root),
        ["plays", parts @ ..] => test::plays(&root, parts),
        ["hot", binary, traces @ ..] => hot::write(&root, binary, traces),
        ["test", steps @ ..] => test::run(&root, steps),
        ["help" | "--help" | "-h"] => {
            say(USAGE.trim_end());
            Ok(())
        }
        _ => Err(format!("unknown task\n\n{}", USAGE.trim_end())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say(&format!("xtask: {message}"));
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace, which holds this crate's folder.
///
/// `cargo run` says it; several checkouts that share a target folder share this program.
fn workspace() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let own = PathBuf::from(own);
    own.parent().map(PathBuf::from).unwrap_or(own)
}

/// One line for the person who runs the task.
///
/// A closed terminal is no reason to stop a test run.
pub(crate) fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}
