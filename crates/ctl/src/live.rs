//! `rookeryctl live`: the server's log as it happens, and a line for commands.

mod complete;
mod words;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor, ExternalPrinter};
use serde_json::Value;

use crate::call::{self, Answer};
use crate::options::{Manner, Options, Target};
use crate::{Outcome, STATUS_ERROR, failed, password, progress};
use complete::Commands;

/// Lines of history that are kept.
const HISTORY_LINES_MAX: usize = 1000;
const PROMPT: &str = "rookery> ";
/// Words that leave; the first is the one that is told.
const LEAVING: [&str; 4] = ["quit", "exit", "q().", ":q"];

/// Shows the log and takes commands until somebody leaves or the server ends.
pub(crate) fn run(target: &Target, options: &Options) -> Outcome {
    let socket = target.places.control_socket();
    let log = match call::watch(&socket) {
        Ok(Ok(log)) => log,
        Ok(Err(Answer { status, stdout, stderr })) => return (stdout, stderr, status),
        Err(error) => return failed(target, &error),
    };
    let commands = match call::list(&socket) {
        Ok(list) => Commands::new(&list, &socket),
        Err(error) => return failed(target, &error),
    };
    let ended = Arc::new(AtomicBool::new(false));
    let mut manner = options.manner.clone();
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if on_terminal && manner.language.is_none() {
        manner.language = locale();
    }
    let live = Live { socket, manner, ended: Arc::clone(&ended) };
    // `rookery live` has started the server itself and says so by this word.
    let leaving = match options.words.get(1).map(String::as_str) {
        Some("leaving-stops") => "The server stops when you leave.",
        _ => "The server goes on without you; `stop` stops it.",
    };
    say(&format!(
        "The log of {}, and a line for commands: Tab completes, `help` explains, `quit` or Ctrl-D leaves.\n{}\n",
        target.places.node, leaving
    ));
    let done = if on_terminal {
        live.edit(commands, log)
    } else {
        live.read(log);
        Ok(())
    };
    match done {
        Ok(()) if ended.load(Ordering::Relaxed) => {
            (String::new(), "The server has ended.\n".to_owned(), 0)
        }
        Ok(()) => (String::new(), String::new(), 0),
        Err(error) => {
            (String::new(), format!("The terminal cannot be used: {error}\n"), STATUS_ERROR)
        }
    }
}

struct Live {
    socket: PathBuf,
    manner: Manner,
    /// Whether the log has come to its end, and the server with it.
    ended: Arc<AtomicBool>,
}

impl Live {
    /// On a terminal: a line that can be edited, below the log.
    fn edit(
        &self,
        commands: Commands,
        log: impl BufRead + Send + 'static,
    ) -> rustyline::Result<()> {
        let config = Config::builder()
            .max_history_size(HISTORY_LINES_MAX)?
            .completion_type(rustyline::CompletionType::List)
            .history_ignore_space(true)
            .build();
        let mut editor: Editor<Commands, FileHistory> = Editor::with_config(config)?;
        editor.set_helper(Some(commands));
        let history = history_file();
        if let Some(file) = &history {
            // The first time there is none.
            drop(editor.load_history(file));
        }
        let mut printer = editor.create_external_printer()?;
        let ended = Arc::clone(&self.ended);
        std::thread::spawn(move || {
            follow(log, |line| printer.print(line).is_ok());
            ended.store(true, Ordering::Relaxed);
            drop(printer.print("-- the server has ended; press Return --\n".to_owned()));
        });
        loop {
            let line = match editor.readline(PROMPT) {
                Ok(line) => line,
                // Ctrl-C gives up the line, as in a shell.
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(error),
            };
            if editor.helper().is_some_and(|commands| commands.may_be_kept(&words::split(&line))) {
                editor.add_history_entry(&line)?;
            }
            if !self.obey(&line) {
                break;
            }
        }
        if let Some(file) = &history {
            keep(&mut editor, file);
        }
        Ok(())
    }

    /// From a file or a pipe: line by line.
    fn read(&self, log: impl BufRead + Send + 'static) {
        std::thread::spawn(move || follow(log, |line| say(&line)));
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if !self.obey(&line) {
                break;
            }
        }
    }

    /// Does what a line says; false to leave.
    fn obey(&self, line: &str) -> bool {
        if self.ended.load(Ordering::Relaxed) {
            return false;
        }
        let mut words = words::split(line);
        match words.first().map(String::as_str) {
            None => return true,
            Some(word) if LEAVING.contains(&word) => return false,
            _ => {}
        }
        if let Err(error) = password::fill(&mut words) {
            return say(&format!("The password cannot be read: {error}\n"));
        }
        match progress::shown(&self.socket, &words, &self.manner) {
            Ok(Answer { status, stdout, stderr }) => {
                let status = match status {
                    0 if stdout.is_empty() && stderr.is_empty() => "ok\n".to_owned(),
                    0 => String::new(),
                    other => format!("(exit status {other})\n"),
                };
                say(&format!("{stdout}{stderr}{status}"))
            }
            Err(error) => say(&format!("No answer: {error}\n")),
        }
    }
}

/// Writes to standard output; false when nobody reads it any more.
fn say(text: &str) -> bool {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// Gives every line of the log on, until its end or until nobody takes it.
fn follow(mut log: impl BufRead, mut print: impl FnMut(String) -> bool) {
    while let Ok(Some(shown)) = call::next(&mut log) {
        let text = match (shown.get("line").and_then(Value::as_str), shown.get("missed")) {
            (Some(line), _) => format!("{line}\n"),
            (None, Some(lines)) => {
                format!("-- {lines} lines of the log were too fast to be shown --\n")
            }
            (None, None) => continue,
        };
        if !print(text) {
            return;
        }
    }
}

/// The language of the terminal's user (locale(7)): here a person reads, and no script.
fn locale() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"))
}

/// Where the history is kept: among the user's own files.
fn history_file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = set("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/state")))?;
    Some(state.join("rookery").join("history"))
}

/// Keeps the history; that it cannot be kept is no reason to trouble anybody.
fn keep(editor: &mut Editor<Commands, FileHistory>, file: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    if let Some(folder) = file.parent() {
        drop(std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder));
    }
    drop(editor.append_history(file));
}
