//! `ejabberdctl.cfg`: shell assignments, read without a shell.
//!
//! Only `NAME=value` lines are understood, with quotes, comments and `$NAME` or `${NAME}` of variables set
//! before. Command substitution and everything else a shell would run is refused: it is a settings file.

use std::collections::HashMap;

use crate::problem::{Note, NoteKind, Problem, Problems};
use crate::source::{FileId, Pos, Sources};
use crate::suggest;

/// Largest file accepted.
const FILE_BYTES_MAX: usize = 256 << 10;
/// Longest value after variables are written out.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// Every variable the control script of ejabberd knows, by name.
pub const VARIABLES: &[&str] = &[
    "CONFIG_DIR",
    "CONTRIB_MODULES_CONF_DIR",
    "CONTRIB_MODULES_PATH",
    "CTL_OVER_HTTP",
    "EJABBERD_BYPASS_WARNINGS",
    "EJABBERD_CONFIG_PATH",
    "EJABBERD_LOG_PATH",
    "EJABBERD_OPTS",
    "EJABBERD_PID_PATH",
    "ERLANG_NODE",
    "ERLANG_NODE_ARG",
    "ERL_DIST_PORT",
    "ERL_EPMD_ADDRESS",
    "ERL_MAX_ETS_TABLES",
    "ERL_MAX_PORTS",
    "ERL_OPTIONS",
    "ERL_PROCESSES",
    "FIREWALL_WINDOW",
    "INET_DIST_INTERFACE",
    "INSTALLUSER",
    "LOGS_DIR",
    "MNESIA_OPTIONS",
    "NO_TIMEOUT",
    "POLL",
    "SPOOL_DIR",
    "SPOOL_DIR_OLD",
    "VMARGS",
];

/// One variable of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, quotes removed and variables written out.
    pub value: String,
    /// Where the name stands.
    pub pos: Pos,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct CtlConfig {
    variables: Vec<Variable>,
    /// What the operator should know.
    pub notes: Vec<Note>,
    /// The text, to show places in.
    pub sources: Sources,
}

impl CtlConfig {
    /// The value of a variable; the last assignment counts.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .iter()
            .rev()
            .find(|variable| variable.name == name)
            .map(|variable| variable.value.as_str())
    }

    /// All assignments in file order.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }
}

/// Reads the text of `ejabberdctl.cfg`. `outer` are variables set before, of the environment for example.
///
/// # Errors
/// Lines that are no assignment, quotes that do not close, and what only a shell could run.
pub fn parse(
    name: &str,
    text: &str,
    outer: &HashMap<String, String>,
) -> Result<CtlConfig, Problems> {
    let mut sources = Sources::none();
    let file = sources.add(name, text);
    let mut problems = Problems::new(sources.clone());
    if text.len() > FILE_BYTES_MAX {
        problems.push(Problem::general(format!("`{name}` is larger than {FILE_BYTES_MAX} bytes")));
        return problems.into_result(CtlConfig {
            variables: Vec::new(),
            notes: Vec::new(),
            sources,
        });
    }
    let mut reader = Reader { file, text, at: 0, variables: Vec::new(), outer };
    let mut notes = Vec::new();
    while reader.skip_to_statement() {
        match reader.statement() {
            Ok(variable) => {
                if !VARIABLES.contains(&variable.name.as_str()) && !is_free(&variable.name) {
                    let problem = Problem::new(
                        variable.pos,
                        format!("variable `{}` is not known", variable.name),
                    );
                    let problem = match suggest::nearest(&variable.name, VARIABLES) {
                        Some(near) => problem.help(format!("did you mean `{near}`?")),
                        None => problem,
                    };
                    notes.push(Note::new(NoteKind::Suspicious, problem));
                }
                reader.variables.push(variable);
            }
            Err(problem) => {
                problems.push(problem);
                reader.skip_line();
            }
        }
    }
    let variables = reader.variables;
    problems.into_result(CtlConfig { variables, notes, sources })
}

/// Variables of others that are passed on: of macros, of Erlang, of the locale.
fn is_free(name: &str) -> bool {
    let starts = ["EJABBERD_", "ERL_", "LC_"];
    starts.iter().any(|start| name.starts_with(start))
        || matches!(name, "HOME" | "LANG" | "PATH" | "TZ")
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    variables: Vec<Variable>,
    outer: &'a HashMap<String, String>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn pos(&self, start: usize, end: usize) -> Pos {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let before = self.text.get(..start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Pos {
            file: self.file,
            start: narrow(start),
            end: narrow(end),
            line: narrow(line),
            column: narrow(column),
        }
    }

    fn problem(&self, start: usize, title: impl Into<String>) -> Problem {
        Problem::new(self.pos(start, self.at.max(start)), title)
    }

    fn skip_line(&mut self) {
        self.at = self.rest().find('\n').map_or(self.text.len(), |end| self.at + end);
    }

    /// Skips blanks, comments and separators; `false` at the end.
    fn skip_to_statement(&mut self) -> bool {
        while let Some(c) = self.peek() {
            match c {
                '#' => self.skip_line(),
                c if c.is_whitespace() || c == ';' => self.at += c.len_utf8(),
                _ => return true,
            }
        }
        false
    }

    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or("");
        self.at += name.len();
        name
    }

    fn statement(&mut self) -> Result<Variable, Problem> {
        let mut start = self.at;
        let mut name = self.name();
        if name == "export" && self.rest().starts_with([' ', '\t']) {
            while self.peek().is_some_and(|c| c == ' ' || c == '\t') {
                self.at += 1;
            }
            start = self.at;
            name = self.name();
        }
        let pos = self.pos(start, self.at);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_name || self.peek() != Some('=') {
            let help =
                "write `NAME=value` without blanks around the `=`; nothing else of a shell is read";
            return Err(self.problem(start, "this is not an assignment").help(help));
        }
        self.at += 1;
        let value = self.value()?;
        Ok(Variable { name: name.to_owned(), value, pos })
    }

    fn value(&mut self) -> Result<String, Problem> {
        let mut value = String::new();
        while let Some(c) = self.peek() {
            let start = self.at;
            match c {
                '\'' => self.single_quoted(&mut value)?,
                '"' => self.double_quoted(&mut value)?,
                '$' => self.variable(&mut value)?,
                '\\' => {
                    self.at += 1;
                    match self.next() {
                        Some('\n') | None => {}
                        Some(c) => value.push(c),
                    }
                }
                '\n' | ';' => break,
                c if c.is_whitespace() => {
                    self.end_of_value()?;
                    break;
                }
                '`' | '(' | ')' | '&' | '|' | '<' | '>' => {
                    self.at += 1;
                    return Err(self
                        .problem(start, format!("`{c}` would need a shell"))
                        .help("put the value in quotes"));
                }
                c => {
                    self.at += c.len_utf8();
                    value.push(c);
                }
            }
            if value.len() > VALUE_BYTES_MAX {
                return Err(self
                    .problem(start, format!("this value is longer than {VALUE_BYTES_MAX} bytes")));
            }
        }
        Ok(value)
    }

    /// After a value, only blanks, a comment or another statement behind `;` may follow in the line.
    fn end_of_value(&mut self) -> Result<(), Problem> {
        while self.peek().is_some_and(|c| c != '\n' && c.is_whitespace()) {
            self.next();
        }
        match self.peek() {
            None | Some('\n' | '#' | ';') => Ok(()),
            Some(_) => {
                let start = self.at;
                self.skip_line();
                let problem = self.problem(start, "this would be run as a command");
                Err(problem.help("put the whole value in quotes if it belongs to it"))
            }
        }
    }

    fn single_quoted(&mut self, value: &mut String) -> Result<(), Problem> {
        let start = self.at;
        self.at += 1;
        let rest = self.rest();
        let Some(end) = rest.find('\'') else {
            return Err(self.problem(start, "this quote does not close"));
        };
        value.push_str(rest.get(..end).unwrap_or(""));
        self.at += end + 1;
        Ok(())
    }

    fn double_quoted(&mut self, value: &mut String) -> Result<(), Problem> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => {
                    self.at = start + 1;
                    return Err(self.problem(start, "this quote does not close"));
                }
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('$') => self.variable(value)?,
                Some('`') => {
                    return Err(self.problem(self.at, "command substitution would need a shell"));
                }
                Some('\\') => {
                    self.at += 1;
                    match self.next() {
                        Some(c @ ('"' | '\\' | '$' | '`')) => value.push(c),
                        Some('\n') | None => {}
                        Some(c) => value.extend(['\\', c]),
                    }
                }
                Some(c) => {
                    self.at += c.len_utf8();
                    value.push(c);
                }
            }
            if value.len() > VALUE_BYTES_MAX {
                return Err(self
                    .problem(start, format!("this value is longer than {VALUE_BYTES_MAX} bytes")));
            }
        }
    }

    /// `$NAME` or `${NAME}`; a variable that is not set is empty, as in a shell.
    fn variable(&mut self, value: &mut String) -> Result<(), Problem> {
        let start = self.at;
        self.at += 1;
        let braced = self.peek() == Some('{');
        if braced {
            self.at += 1;
        }
        let name = self.name();
        if braced && (self.next() != Some('}') || name.is_empty()) {
            return Err(self.problem(start, "only `$NAME` and `${NAME}` are read here"));
        }
        if name.is_empty() {
            if self.peek() == Some('(') {
                return Err(self.problem(start, "command substitution would need a shell"));
            }
            value.push('$');
            return Ok(());
        }
        let own = self.variables.iter().rev().find(|variable| variable.name == name);
        let text = own.map(|variable| &variable.value).or_else(|| self.outer.get(name));
        value.push_str(text.map_or("", String::as_str));
        Ok(())
    }
}
