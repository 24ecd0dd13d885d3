//! Completion of commands, tags of help, and virtual hosts, as the running server has them.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use serde_json::Value;

use super::{LEAVING, words};
use crate::call::call;
use crate::options::Manner;

/// What the server told about its commands.
pub(super) struct Commands {
    socket: PathBuf,
    commands: Vec<Known>,
    /// The virtual hosts, asked for when they are needed first: every question is in the audit log.
    hosts: OnceCell<Vec<String>>,
}

struct Known {
    name: String,
    args: Vec<String>,
    secrets: Vec<String>,
}

impl Commands {
    pub(super) fn new(list: &[Value], socket: &Path) -> Self {
        let texts = |value: &Value| -> Vec<String> {
            let items = value.as_array().into_iter().flatten();
            items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let known = |command: &Value| {
            let name = command["name"].as_str()?.to_owned();
            Some(Known { name, args: texts(&command["args"]), secrets: texts(&command["secrets"]) })
        };
        let commands = list.iter().filter_map(known).collect();
        Self { socket: socket.to_owned(), commands, hosts: OnceCell::new() }
    }

    fn find(&self, name: &str) -> Option<&Known> {
        let name = name.replace('-', "_");
        self.commands.iter().find(|known| known.name == name)
    }

    /// Whether a line is for the history: a command without a secret. What is no command may be a password that was
    /// typed too early; `-` in the place of one asks for it.
    pub(super) fn may_be_kept(&self, words: &[String]) -> bool {
        let start = if words.first().is_some_and(|word| word == "--version") { 2 } else { 0 };
        let Some(known) = words.get(start).and_then(|name| self.find(name)) else { return false };
        let secret = |(place, name): (usize, &String)| {
            known.secrets.contains(name)
                && words.get(start + 1 + place).is_some_and(|word| word != "-")
        };
        !known.args.iter().enumerate().any(secret)
    }

    /// What may stand in the place after these words.
    fn candidates(&self, before: &[String]) -> Vec<String> {
        let names = || self.commands.iter().map(|known| known.name.clone());
        let Some((first, given)) = before.split_first() else {
            return names().chain(["help".to_owned(), LEAVING[0].to_owned()]).collect();
        };
        if first == "help" {
            return names().chain(["tags", "commands", "awaited"].map(str::to_owned)).collect();
        }
        match self.find(first).and_then(|known| known.args.get(given.len())).map(String::as_str) {
            Some("host" | "localhost" | "grouphost") => {
                self.hosts.get_or_init(|| self.ask_hosts()).clone()
            }
            Some("loglevel") => ["none", "critical", "error", "warning", "info", "debug"]
                .map(str::to_owned)
                .to_vec(),
            _ => Vec::new(),
        }
    }

    fn ask_hosts(&self) -> Vec<String> {
        let words = ["registered_vhosts".to_owned()];
        let answer = call(&self.socket, &words, &Manner::default(), None);
        answer.map(|answer| answer.stdout.lines().map(str::to_owned).collect()).unwrap_or_default()
    }
}

impl Completer for Commands {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..pos).unwrap_or(line);
        let start = before.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        let begun = before.get(start..).unwrap_or_default();
        let mut found = self.candidates(&words::split(before.get(..start).unwrap_or_default()));
        found.retain(|candidate| candidate.starts_with(begun));
        found.sort_unstable();
        found.dedup();
        // Where only one is left, the next word may begin.
        let pair = |name: String| Pair { replacement: format!("{name} "), display: name };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

impl Hinter for Commands {
    type Hint = String;

    /// The names of the arguments that are still to come.
    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<String> {
        if pos < line.len() || !line.ends_with(' ') {
            return None;
        }
        let words = words::split(line);
        let (name, given) = words.split_first()?;
        let rest = self.find(name)?.args.get(given.len()..)?;
        (!rest.is_empty()).then(|| rest.join(" "))
    }
}

impl Highlighter for Commands {
    fn highlight_hint<'h>(&self, hint: &'h str) -> std::borrow::Cow<'h, str> {
        format!("\x1b[2m{hint}\x1b[0m").into()
    }
}

impl Validator for Commands {}

impl Helper for Commands {}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands() -> Commands {
        let list = serde_json::json!([
            {"name": "register", "args": ["user", "host", "password"], "secrets": ["password"]},
            {"name": "registered_users", "args": ["host"], "secrets": []},
            {"name": "status", "args": [], "secrets": []},
        ]);
        Commands::new(list.as_array().unwrap(), Path::new("/nowhere/at/all"))
    }

    fn completed(line: &str) -> (usize, Vec<String>) {
        let history = rustyline::history::DefaultHistory::new();
        let (start, found) =
            commands().complete(line, line.len(), &Context::new(&history)).unwrap();
        (start, found.into_iter().map(|pair| pair.display).collect())
    }

    #[test]
    fn commands_are_completed_and_arguments_named() {
        let found =
            |start, names: &[&str]| (start, names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(completed("reg"), found(0, &["register", "registered_users"]));
        assert_eq!(completed("help st"), found(5, &["status"]));
        assert_eq!(completed("help t"), found(5, &["tags"]));
        assert_eq!(completed("status "), found(7, &[]));
        let history = rustyline::history::DefaultHistory::new();
        let hint = |line: &str| commands().hint(line, line.len(), &Context::new(&history));
        assert_eq!(hint("register bob ").as_deref(), Some("host password"));
        assert_eq!(hint("status "), None);
    }

    #[test]
    fn secrets_are_not_for_the_history() {
        let kept = |line: &str| commands().may_be_kept(&words::split(line));
        assert!(!kept("register bob host pw") && !kept("--version 1 register bob host pw"));
        assert!(!kept("--auth me here pw status") && !kept("my-password") && !kept(""));
        assert!(kept("register bob host -") && kept("status") && kept("registered-users host"));
    }
}
