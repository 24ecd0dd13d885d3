//! `rookery live`: the server as a child, with `rookeryctl live` before it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::say;

/// How often to look whether the server answers, until it does or ends.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Starts the server, shows its log and takes commands; stops it when somebody leaves.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut server = match start() {
        Ok(server) => server,
        Err(error) => return say::refused(&format!("the server cannot be started: {error}")),
    };
    let attached = Arc::new(AtomicBool::new(false));
    if let Some(log) = server.stderr.take() {
        let attached = Arc::clone(&attached);
        // What the server says before it takes commands is shown at once; later its log comes over the socket.
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if !attached.load(Ordering::Relaxed) {
                    say::noted_line(&line);
                }
            }
        });
    }
    let places = arguments.places().as_words();
    let ctl = |words: &[&str]| {
        let words = words.iter().map(OsString::from);
        ctl::main_with(places.iter().cloned().chain(words))
    };
    loop {
        if ctl::answers(places.iter().cloned()) {
            break;
        }
        match server.try_wait() {
            Ok(None) => std::thread::sleep(LOOK_INTERVAL),
            Ok(Some(_)) => return ExitCode::FAILURE,
            Err(error) => return say::refused(&format!("the server is lost: {error}")),
        }
    }
    attached.store(true, Ordering::Relaxed);
    let left = ctl(&["live", "leaving-stops"]);
    if matches!(server.try_wait(), Ok(None)) {
        ctl(&["stop"]);
    }
    match server.wait() {
        Ok(status) if status.success() => left,
        _ => ExitCode::FAILURE,
    }
}

/// The same program with the same words, in a process group of its own: Ctrl-C is for the line of commands.
fn start() -> std::io::Result<Child> {
    let is_own = |word: &OsString| word == "live";
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(place) = words.iter().position(is_own) {
        words[place] = "serve".into();
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.process_group(0).spawn()
}
