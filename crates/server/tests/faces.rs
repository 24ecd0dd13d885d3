//! The control tool as people and shells use it, with a running server.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

const ROOKERY: &str = env!("CARGO_BIN_EXE_rookery");

/// A server in a folder of its own, without any listener.
struct Server {
    folder: tempfile::TempDir,
    child: Child,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let config = "hosts: [talk.test, few.test]\nlisten: []\nmodules: {}\n";
        std::fs::write(folder.path().join("ejabberd.yml"), config).expect("a file can be written");
        let child = Command::new(ROOKERY)
            .args(["serve", "--metrics", "off", "--config"])
            .arg(folder.path().join("ejabberd.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server can be started");
        let server = Self { folder, child };
        assert!(server.ctl(&["started"]).status.success());
        server
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("ejabberd.yml")
    }

    /// The control tool under its own name, which it has from a link.
    fn tool(&self) -> PathBuf {
        let tool = self.folder.path().join("rookeryctl");
        if !tool.exists() {
            std::os::unix::fs::symlink(ROOKERY, &tool).expect("a link can be made");
        }
        tool
    }

    fn ctl(&self, words: &[&str]) -> Output {
        let mut command = Command::new(self.tool());
        command.arg("--config").arg(self.config()).args(words).stdin(Stdio::null());
        command.output().expect("the control tool can be started")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Scripts read what the tool prints, whoever's terminal they run in.
#[test]
fn the_locale_changes_nothing_and_a_language_is_asked_for_by_name() {
    let server = Server::start();
    for (words, said) in [
        (&["nonsense"][..], "Error: unknown command 'nonsense'."),
        (&["--language", "es", "nonsense"], "Error: orden desconocida 'nonsense'."),
    ] {
        let mut call = Command::new(server.tool());
        for variable in ["LC_ALL", "LC_MESSAGES", "LANG"] {
            call.env(variable, "de_DE.UTF-8");
        }
        let done = call.arg("--config").arg(server.config()).args(words).output();
        let done = done.expect("the control tool can be started");
        let text = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.code() == Some(1) && text.starts_with(said), "{done:?}");
    }
}

/// Scripts run commands side by side; all of them are answered.
#[test]
fn a_hundred_calls_at_once_are_all_answered() {
    let server = Server::start();
    let calls: Vec<Child> = (0..100)
        .map(|_| {
            let mut call = Command::new(server.tool());
            call.arg("--config").arg(server.config()).arg("registered_vhosts");
            call.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            call.spawn().expect("the control tool can be started")
        })
        .collect();
    for call in calls {
        let output = call.wait_with_output().expect("a child can be waited for");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, b"talk.test\nfew.test\n");
    }
}

/// The words of a command line, the last one being typed, and what bash offers for it.
const COMPLETED: &[(&[&str], &[&str])] = &[
    (&["regist"], &["register", "registered_users", "registered_vhosts"]),
    (&["--ctl"], &["--ctl-config"]),
    (&["completion", ""], &["bash", "zsh", "fish"]),
    (&["help", "statis"], &["statistics"]),
    (&["-t", "set-loglevel", "e"], &["emergency", "error"]),
    (&["--auth", "me", "talk.test", "pw", "kick_us"], &["kick_user", "kick_users"]),
    (&["--config", "CONFIG", "register", "bob", ""], &["talk.test", "few.test"]),
    (&["--config", "CONFIG", "registered_users", "f"], &["few.test"]),
    (&["--config", "CONFIG", "register", "bob", "few.test", ""], &[]),
    (&["status", ""], &[]),
];

#[test]
fn bash_completes_commands_options_and_hosts() {
    let server = Server::start();
    let script = server.folder.path().join("completion");
    let written = Command::new(server.tool()).args(["completion", "bash"]).output();
    std::fs::write(&script, written.expect("the control tool can be started").stdout).unwrap();
    let config = server.config().display().to_string();
    for (words, expected) in COMPLETED {
        let program = "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                       _rookeryctl; printf '%s\\n' \"${COMPREPLY[@]}\"";
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", program, "bash"]).arg(&script).arg(server.tool());
        bash.args(words.iter().map(|word| word.replace("CONFIG", &config)));
        let output = bash.output().expect("bash can be started");
        let offered = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut offered: Vec<&str> = offered.lines().filter(|line| !line.is_empty()).collect();
        // What begins like a command may be joined by new commands.
        offered.retain(|word| expected.contains(word) || words.len() > 1);
        assert_eq!(offered, *expected, "{words:?}: {output:?}");
    }
}

/// On a pseudo terminal: the log appears, a command is completed, a password is asked for and not shown.
#[test]
fn live_shows_the_log_and_takes_commands() {
    let server = Server::start();
    let state = server.folder.path().join("state");
    let screen = typed(
        &server,
        &state,
        &[
            ("rookery> ", "register bob tal\t-\n"),
            ("Password: ", "not-shown\n"),
            ("successfully registered", ""),
            ("rookery> ", "registered_u\tta\t\n"),
            ("\nbob\r\n", ""),
            ("rookery> ", "quit\n"),
        ],
    );
    assert!(screen.contains("The log of rookery@"), "{screen}");
    assert!(screen.contains("User bob@talk.test successfully registered"), "{screen}");
    assert!(screen.contains("admin::audit: command"), "{screen}");
    assert!(!screen.contains("not-shown"), "{screen}");
    let history = std::fs::read_to_string(state.join("rookery/history")).unwrap();
    assert!(history.contains("register bob talk.test -") && !history.contains("quit"), "{history}");
}

/// Types lines on a terminal with `live`, each when something more has appeared, and returns what was to be seen.
fn typed(server: &Server, state: &Path, lines: &[(&str, &str)]) -> String {
    let command =
        format!("{} --config {} live", server.tool().display(), server.config().display());
    let mut script = Command::new("script")
        .args(["--quiet", "--return", "--echo", "never", "--command", &command, "/dev/null"])
        .env("XDG_STATE_HOME", state)
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script of util-linux can be started");
    let mut keys = script.stdin.take().expect("it is piped");
    let mut shown = script.stdout.take().expect("it is piped");
    let screen = Arc::new(Mutex::new(String::new()));
    let ours = Arc::clone(&screen);
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = shown.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            ours.lock().push_str(&text);
        }
    });
    let seen = || screen.lock().clone();
    let mut from = 0;
    for (awaited, line) in lines {
        let begin = Instant::now();
        from = loop {
            if let Some(at) = seen().get(from..).and_then(|new| new.find(awaited)) {
                break from + at + awaited.len();
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "no {awaited:?} in: {}", seen());
            std::thread::sleep(Duration::from_millis(10));
        };
        keys.write_all(line.as_bytes()).expect("the terminal takes keys");
    }
    assert!(script.wait().expect("a child can be waited for").success(), "{}", seen());
    reader.join().expect("the reader does not panic");
    seen()
}
