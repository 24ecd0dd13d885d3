//! What the server says to whoever started it: on standard output and standard error, never in the log.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the one place that talks to the terminal"
)]

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use settings::audit::{Findings, Severity};
use settings::{Loaded, Note, Places, Sources};

/// Whether a person reads standard error.
pub(crate) fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// The exit code of a configuration that is wrong.
const REFUSED: u8 = 1;

/// The exit code of a configuration that works and exposes something, where that was asked for.
const EXPOSED: u8 = 2;

/// The embedded configuration.
pub(crate) fn defaults() -> ExitCode {
    print!("{}", crate::boot::DEFAULTS);
    ExitCode::SUCCESS
}

/// Why there is no server.
pub(crate) fn refused(why: &str) -> ExitCode {
    eprintln!("{}", why.trim_end());
    ExitCode::from(REFUSED)
}

/// What must not be overlooked at a start.
pub(crate) fn warned(what: &str) {
    eprintln!("WARNING: {}\n", what.trim_end());
}

/// A line of a server that starts.
pub(crate) fn noted_line(line: &str) {
    eprintln!("{line}");
}

/// Notes for people, one under the other.
pub(crate) fn noted(notes: &[String]) {
    for note in notes {
        eprintln!("{note}\n");
    }
}

/// The report of `rookery check`.
pub(crate) fn checked(
    file: &Path,
    loaded: &Loaded,
    notes: &[Note],
    absent: &[Note],
    erlang: &str,
    colour: bool,
) {
    for note in notes.iter().chain(absent) {
        eprintln!("{}\n", note.render(&loaded.sources, colour));
    }
    let hosts = loaded.config.hosts().join(", ");
    println!("{}: no errors. Hosts: {hosts}", file.display());
    println!("Erlang nodes: {erlang}");
    match absent.len() {
        0 => {}
        1 => println!("One setting is known and not yet in force (see above); the rest is."),
        more => {
            println!("{more} settings are known and not yet in force (see above); the rest is.")
        }
    }
}

/// What a security audit found; with `strict` something serious is a failure.
pub(crate) fn audited(
    findings: &Findings,
    sources: &Sources,
    colour: bool,
    strict: bool,
) -> ExitCode {
    let (each, all) = crate::audit::report(findings, sources, colour);
    noted(&each);
    println!("{all}");
    match strict && findings.count(Severity::Serious) > 0 {
        true => ExitCode::from(EXPOSED),
        false => ExitCode::SUCCESS,
    }
}

/// What `rookery epmd` does.
pub(crate) fn serves_names(places: &[String]) {
    println!("Serving names of Erlang nodes on {}. Stop with Ctrl-C.", places.join(", "));
}

/// What a person who started the server wants to know.
pub(crate) fn started(
    places: &Places,
    listening: &[(String, &'static str)],
    host: &str,
    has_accounts: bool,
) {
    let config = places.config.as_ref().map_or_else(
        || "embedded defaults (see them: rookery defaults)".to_owned(),
        |file| file.display().to_string(),
    );
    println!("Rookery {} is running.", env!("CARGO_PKG_VERSION"));
    println!("  configuration  {config}");
    println!("  data           {}", places.spool.display());
    for (place, kind) in listening {
        println!("  listening      {place}  ({kind})");
    }
    if !has_accounts {
        let control = control_command(places);
        println!("\nThere is no account yet. Make two, in another terminal:");
        println!("  {control} register alice {host} -");
        println!("  {control} register bob {host} -");
        println!("then log in with any XMPP client as alice@{host} and bob@{host}.");
    }
    println!("Stop with Ctrl-C.");
}

/// The control tool as it has to be called for this server: its own binary.
fn control_command(places: &Places) -> String {
    let own = std::env::current_exe().unwrap_or_else(|_| "rookery".into());
    let here = std::env::current_dir().unwrap_or_default();
    let own = own.strip_prefix(&here).unwrap_or(&own);
    match &places.config {
        Some(file) => format!("{} ctl --config {}", own.display(), file.display()),
        None => format!("{} ctl", own.display()),
    }
}
