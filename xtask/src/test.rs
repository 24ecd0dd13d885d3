//! `cargo xtask test`: every check and every test, in the order in which they fail fastest.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::{needs, run, say, tidy};

/// A step: its name and what it does.
type Step = (&'static str, fn(&Path) -> Result<(), String>);

/// How often the server is killed under load in an ordinary run; by hand, `--kills` says more.
const KILLS: &str = "100";

const STEPS: [Step; 12] = [
    ("needs", needs::install),
    ("tidy", tidy),
    ("fmt", fmt),
    ("clippy", clippy),
    ("deny", deny),
    ("unit", unit),
    ("clients", clients),
    ("turn", turn),
    ("oracle", oracle),
    ("plays", plays_of_ejabberd),
    ("erlang", erlang),
    ("kill", kill),
];

/// Runs the named steps, or all of them, and stops at the first that fails.
pub(crate) fn run(root: &Path, wanted: &[&str]) -> Result<(), String> {
    let unknown = wanted.iter().find(|name| !STEPS.iter().any(|(step, _)| step == *name));
    if let Some(name) = unknown {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no step `{name}`; there are: {}", names.join(", ")));
    }
    let began = Instant::now();
    for (name, step) in STEPS {
        if wanted.is_empty() || wanted.contains(&name) {
            say(&format!("== {name} (after {} s)", began.elapsed().as_secs()));
            step(root).map_err(|error| format!("step {name}: {error}"))?;
        }
    }
    say(&format!("== all passed in {} s", began.elapsed().as_secs()));
    Ok(())
}

/// Prints the findings; one is enough to fail.
pub(crate) fn tidy(root: &Path) -> Result<(), String> {
    let findings = tidy::tidy(root)?;
    for finding in &findings {
        say(&finding.to_string());
    }
    match findings.len() {
        0 => {
            say("tidy");
            Ok(())
        }
        number => Err(format!("{number} broken rules, listed above")),
    }
}

fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(run::cargo());
    command.args(arguments).current_dir(root);
    command
}

fn fmt(root: &Path) -> Result<(), String> {
    run::visible(&mut cargo(root, &["fmt", "--all", "--check"]))
        .map_err(|error| format!("run `cargo fmt --all` ({error})"))
}

fn clippy(root: &Path) -> Result<(), String> {
    let arguments =
        ["clippy", "--locked", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    run::visible(&mut cargo(root, &arguments))
}

/// Licences, sources, bans and duplicates are checked by `tidy` already; advisories need the tool.
fn deny(root: &Path) -> Result<(), String> {
    if !run::exists("cargo-deny") {
        say("cargo-deny is not installed: advisories are not checked (the rest is, by tidy)");
        return Ok(());
    }
    run::visible(&mut cargo(root, &["deny", "--workspace", "check"]))
}

fn unit(root: &Path) -> Result<(), String> {
    // A snapshot that differs is a failure, not a new file to look at later.
    run::visible(cargo(root, &["test", "--locked", "--workspace"]).env("INSTA_UPDATE", "no"))
}

/// Plays alone; each is a test of the whole server in one file. `SUBJECT=ejabberd` in the environment runs them there.
pub(crate) fn plays(root: &Path, parts: &[&str]) -> Result<(), String> {
    run::visible(plays_command(root).args(parts))
}

/// The same plays against ejabberd: what they say must be so there too, or be listed as a difference. Against Rookery
/// they ran among the tests of the step `unit`.
fn plays_of_ejabberd(root: &Path) -> Result<(), String> {
    run::visible(plays_command(root).env("SUBJECT", "ejabberd"))
}

fn plays_command(root: &Path) -> Command {
    cargo(root, &["test", "--locked", "--quiet", "--package", "tests", "--test", "plays", "--"])
}

/// Real clients against the binaries, black box.
fn clients(root: &Path) -> Result<(), String> {
    script(root, "tests/clients/run.py", &["--subject", "rookery"])
}

/// STUN and TURN with clients that others wrote, black box.
fn turn(root: &Path) -> Result<(), String> {
    script(root, "tests/turn/run.py", &[])
}

/// The same control commands to ejabberd and to us.
fn oracle(root: &Path) -> Result<(), String> {
    script(root, "tests/oracle/run.py", &[])?;
    script(root, "tests/oracle/data.py", &[])?;
    script(root, "tests/oracle/old_config.py", &[])
}

/// Real Erlang nodes, and Debian's own control script, against the Erlang door.
fn erlang(root: &Path) -> Result<(), String> {
    script(root, "tests/erlang/run.py", &[])
}

/// `kill -9` under load: what was acknowledged must be there.
fn kill(root: &Path) -> Result<(), String> {
    script(root, "tests/kill/run.py", &["--subject", "rookery", "--kills", KILLS])
}

/// Runs one of the Python programs, with the packages installed for it, on fresh binaries.
fn script(root: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    run::visible(&mut cargo(
        root,
        &["build", "--locked", "--package", "server", "--package", "ctl"],
    ))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), Into::into);
    let mut command = Command::new(needs::python(root));
    command.arg(program).args(arguments).arg("--bin").arg(target.join("debug"));
    command.env("CLIENT_TESTS_NODE", needs::node(root)).current_dir(root);
    run::visible(&mut command)
}
