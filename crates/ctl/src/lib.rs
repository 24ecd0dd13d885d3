//! The control tool: `rookeryctl`, `ejabberdctl`, or `rookery ctl`. It knows no command: the server does.

mod call;
mod live;
mod options;
mod password;
mod progress;
mod start;

pub use password::PLACES as SECRET_PLACES;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use call::{Answer, CallError, call};
use options::{Options, Target};

/// The command failed.
const STATUS_ERROR: u8 = 1;
/// The words make no sense.
const STATUS_USAGE: u8 = 2;
/// No server answers.
const STATUS_NO_SERVER: u8 = 3;
/// Neither root nor the user who runs the server.
const STATUS_WRONG_USER: u8 = 7;

/// How often `started` and `stopped` look at most, and how long they wait between: a minute together.
const LOOKS_MAX: u32 = 600;
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

const HELP: &str = "\
Usage: rookeryctl [OPTION]... COMMAND [ARGUMENT]...

Gives a command to a running Rookery server and prints its answer.

Commands: rookeryctl help

Here, without the server:
  ping             Say pong if the server answers, else pang
  start            Start the server, which then runs on without this terminal
  foreground       Become the server; foreground-quiet shows nothing on standard output
  started|stopped  Wait until the server has started|stopped, one minute at most
  live             Show the server's log as it happens and take commands, with completion and history
  completion SHELL Write what bash, zsh or fish needs to complete commands and virtual hosts

Options, before the command:
  -f, --config FILE      The configuration the server was started with
  -d, --config-dir DIR   The folder of ejabberd.yml and ejabberdctl.cfg
  -c, --ctl-config FILE  The ejabberdctl.cfg to read
  -s, --spool DIR        The data folder, where the control socket is
  -l, --logs DIR         The log folder
  -n, --node NAME        The server's name, shown only
  -t, --no-timeout       Wait for ever (one minute otherwise)
      --language TAG     Errors in another language, such as de; the locale changes nothing
      --version N        API version of arguments and results, 0 to 3
      --auth USER HOST PASSWORD  Use the rights of that account
  -h, --help             This text
  -V                     The tool's own version

A password that is written - is read from standard input; on a terminal it is asked for and not shown.
Exit status: 0 success, 1 error, 2 wrong number of arguments, 3 no server answers, 7 wrong user.
";

/// Runs the tool with its words, without the program's name, and says how to exit.
pub fn main_with(words: impl Iterator<Item = OsString>) -> ExitCode {
    let (out, error, status) = run(words);
    // A reader that went away wants no more.
    drop(io::stdout().write_all(out.as_bytes()));
    drop(io::stderr().write_all(error.as_bytes()));
    ExitCode::from(status)
}

/// Whether the server answers that the options in these words mean.
pub fn answers(words: impl Iterator<Item = OsString>) -> bool {
    let superuser = rustix::process::geteuid().is_root();
    arguments(words)
        .and_then(Options::parse)
        .and_then(|options| options::target(&options, |name| std::env::var_os(name), superuser))
        .is_ok_and(|target| is_up(&target))
}

/// Standard output, standard error, exit status.
type Outcome = (String, String, u8);

fn run(words: impl Iterator<Item = OsString>) -> Outcome {
    let mut options = match arguments(words).and_then(Options::parse) {
        Ok(options) => options,
        Err(why) => return (String::new(), format!("rookeryctl: {why}\n"), STATUS_USAGE),
    };
    let superuser = rustix::process::geteuid().is_root();
    let target = match options::target(&options, |name| std::env::var_os(name), superuser) {
        Ok(target) => target,
        Err(why) => return (String::new(), format!("{why}\n"), STATUS_ERROR),
    };
    match options.words.first().map(String::as_str) {
        Some("-h" | "--help") => return (HELP.to_owned(), String::new(), 0),
        Some("-V") => {
            return (format!("rookeryctl {}\n", env!("CARGO_PKG_VERSION")), String::new(), 0);
        }
        Some("ping") => return ping(&target),
        Some("started") => return wait(&target, true),
        Some("stopped") => return wait(&target, false),
        Some("completion") => return completion(&options.words),
        Some("live") => return live::run(&target, &options),
        Some("start") => return start::detached(&options, &target),
        Some("foreground") => return start::foreground(&options, &target, false),
        Some("foreground-quiet") => return start::foreground(&options, &target, true),
        Some(word @ ("debug" | "iexdebug" | "iexlive" | "etop")) => {
            let why = format!(
                "`{word}` opens a shell or monitor of Erlang, and there is none in this server; `live` shows the log \
                 and takes commands\n"
            );
            return (String::new(), why, STATUS_ERROR);
        }
        _ => {}
    }
    if let Err(error) = password::fill(&mut options.words) {
        return (
            String::new(),
            format!("rookeryctl: the password cannot be read: {error}\n"),
            STATUS_ERROR,
        );
    }
    match progress::shown(&target.places.control_socket(), &options.words, &options.manner) {
        Ok(Answer { status, stdout, stderr }) if options.words.is_empty() => {
            (stdout + "\n" + HELP, stderr, status)
        }
        Ok(Answer { status, stdout, stderr }) => (stdout, stderr, status),
        Err(error) => failed(&target, &error),
    }
}

/// The scripts for completion, written from the command table (`crates/admin/src/faces/completion.rs`).
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", include_str!("../../../packaging/completions/rookeryctl.bash")),
    ("zsh", include_str!("../../../packaging/completions/_rookeryctl")),
    ("fish", include_str!("../../../packaging/completions/rookeryctl.fish")),
];

fn completion(words: &[String]) -> Outcome {
    let [_, shell] = words else {
        return (String::new(), COMPLETION_USAGE.to_owned(), STATUS_USAGE);
    };
    match COMPLETIONS.iter().find(|(name, _)| name == shell) {
        Some((_, script)) => ((*script).to_owned(), String::new(), 0),
        None => (String::new(), COMPLETION_USAGE.to_owned(), STATUS_USAGE),
    }
}

const COMPLETION_USAGE: &str = "\
Usage: rookeryctl completion bash|zsh|fish

Writes a script for the shell. To have it in every new shell:
  bash  add to ~/.bashrc:  source <(rookeryctl completion bash)
  zsh   add to ~/.zshrc, after compinit:  source <(rookeryctl completion zsh)
  fish  rookeryctl completion fish > ~/.config/fish/completions/rookeryctl.fish
";

fn arguments(words: impl Iterator<Item = OsString>) -> Result<Vec<String>, String> {
    let words: Result<Vec<String>, _> = words.map(OsString::into_string).collect();
    words.map_err(|word| format!("{} is not UTF-8", word.display()))
}

fn how_to_start(target: &Target) -> String {
    match &target.places.config {
        Some(file) => format!("start the server with: rookery --config {}", file.display()),
        None => "start the server with: rookery".to_owned(),
    }
}

/// COMPAT: scripts look for "Failed RPC connection to the node" on standard output.
fn failed(target: &Target, error: &CallError) -> Outcome {
    let socket = target.places.control_socket();
    let socket = socket.display();
    let (reason, hint) = match error {
        CallError::Forbidden => {
            let text = "ERROR: This command can only be run by root or the user who runs the server";
            return (String::new(), format!("{text} (socket {socket})\n"), STATUS_WRONG_USER);
        }
        CallError::Down => {
            let start = how_to_start(target);
            ("nodedown", format!("No server is running with the control socket {socket}; {start}"))
        }
        CallError::Timeout => {
            ("timeout", "The server did not answer in a minute; --no-timeout waits for ever. It may be running still".to_owned())
        }
        CallError::Broken(why) => ("nodedown", format!("The control socket {socket} broke: {why}")),
    };
    let out = format!("Failed RPC connection to the node {}: {reason}\n", target.places.node);
    (out, format!("{hint}\n"), STATUS_NO_SERVER)
}

fn is_up(target: &Target) -> bool {
    let status = ["status".to_owned()];
    call(&target.places.control_socket(), &status, &options::Manner::default(), None)
        .is_ok_and(|answer| answer.status == 0)
}

fn ping(target: &Target) -> Outcome {
    if is_up(target) {
        ("pong\n".to_owned(), String::new(), 0)
    } else {
        ("pang\n".to_owned(), String::new(), STATUS_ERROR)
    }
}

/// Waits until the server answers, or answers no more.
fn wait(target: &Target, running: bool) -> Outcome {
    let mut status = STATUS_ERROR;
    for _ in 0..LOOKS_MAX {
        if is_up(target) == running {
            status = 0;
            break;
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    (String::new(), String::new(), status)
}
