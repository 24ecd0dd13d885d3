//! `start` and `foreground`: runs the server's program with the places that the tool was told.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::options::{Options, Target};
use crate::{Outcome, STATUS_ERROR, is_up};

/// COMPAT: ejabberdctl's status when the server runs already.
const STATUS_RUNS_ALREADY: u8 = 4;
/// How often and how long `start` looks whether the server has come up or given up; `started` waits longer.
const LOOKS_MAX: u32 = 100;
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The server beside this program, else the one that the shell would find.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    // `rookery ctl` is the server's own program.
    let beside = match own.file_name().is_some_and(|name| name == "rookery") {
        true => own,
        false => own.with_file_name("rookery"),
    };
    if beside.is_file() { beside } else { "rookery".into() }
}

/// The server's words for what was said to the tool.
fn words(options: &Options, target: &Target, detached: bool) -> Vec<OsString> {
    // It must serve where the tool looks. Without a log file the log would go on to this terminal.
    let to_terminal = detached && target.places.log_file().is_none();
    let logs = options.logs.clone().or_else(|| to_terminal.then(|| target.places.spool.clone()));
    let places = [
        ("--config", target.places.config.clone()),
        ("--spool", Some(target.places.spool.clone())),
        ("--logs", logs),
    ];
    let mut words: Vec<OsString> = vec!["serve".into()];
    for (option, place) in places {
        words.extend(place.into_iter().flat_map(|place| [option.into(), place.into_os_string()]));
    }
    words.extend(options.node.iter().flat_map(|node| ["--node".into(), node.into()]));
    words
}

/// Why a server is not to be started.
fn hindrance(options: &Options, target: &Target) -> Option<Outcome> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let beside = target.places.ctl_config().map(|file| real(&file));
    if let Some(named) = &options.ctl_config
        && beside != Some(real(named))
    {
        let text = format!(
            "ERROR: the server reads the ejabberdctl.cfg beside its configuration, not {}; put it there\n",
            named.display()
        );
        return Some((String::new(), text, STATUS_ERROR));
    }
    let text = format!("ERROR: the server {} is already running\n", target.places.node);
    is_up(target).then(|| (String::new(), text, STATUS_RUNS_ALREADY))
}

/// `start`: the server runs on without this terminal. What keeps it from starting stands on standard error, and so does
/// that it has not come up yet, which is no failure.
pub(crate) fn detached(options: &Options, target: &Target) -> Outcome {
    if let Some(outcome) = hindrance(options, target) {
        return outcome;
    }
    let mut command = Command::new(program());
    command.args(words(options, target, true)).stdin(Stdio::null()).stdout(Stdio::null());
    // Ctrl-C is meant for whatever runs here next.
    let started = nameless_file().and_then(|said| {
        let server = command.stderr(said.try_clone()?).process_group(0).spawn()?;
        Ok((server, said))
    });
    match started {
        Ok((server, said)) => came_up(server, said, target),
        Err(error) => not_run(&error),
    }
}

/// What the server says before it runs goes here: whoever reads our standard error must not have to wait for its end.
fn nameless_file() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("rookery-start-{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

fn came_up(mut server: Child, mut said: File, target: &Target) -> Outcome {
    for _ in 0..LOOKS_MAX {
        if is_up(target) {
            return (String::new(), String::new(), 0);
        }
        if matches!(server.try_wait(), Ok(Some(_))) {
            let mut why = String::new();
            drop(said.rewind().and_then(|()| said.read_to_string(&mut why)));
            return (String::new(), why, STATUS_ERROR);
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    let text = "The server is still starting; `rookeryctl started` waits for it\n".to_owned();
    (String::new(), text, 0)
}

/// `foreground` and `foreground-quiet`: this process becomes the server.
pub(crate) fn foreground(options: &Options, target: &Target, quiet: bool) -> Outcome {
    if let Some(outcome) = hindrance(options, target) {
        return outcome;
    }
    let mut command = Command::new(program());
    command.args(words(options, target, false));
    if quiet {
        command.stdout(Stdio::null());
    }
    not_run(&command.exec())
}

fn not_run(error: &io::Error) -> Outcome {
    let text = format!("{} cannot be run: {error}\n", program().display());
    (String::new(), text, STATUS_ERROR)
}
