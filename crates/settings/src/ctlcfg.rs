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

/// What a variable does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It is honoured: what it does.
    Here(&'static str),
    /// It is accepted with a note: why it has no meaning here.
    None(&'static str),
}

/// A variable that the control script of ejabberd knows.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// What it does here.
    pub meaning: Meaning,
}

/// Every variable the control script of ejabberd knows, by name.
pub const VARIABLES: &[Known] = &[
    Known {
        name: "CONFIG_DIR",
        meaning: Meaning::None(
            "whoever reads the file has found its folder; use `rookeryctl --config-dir`",
        ),
    },
    Known {
        name: "CONTRIB_MODULES_CONF_DIR",
        meaning: Meaning::None(
            "no code is loaded while the server runs, so there are no contributed modules",
        ),
    },
    Known {
        name: "CONTRIB_MODULES_PATH",
        meaning: Meaning::None(
            "no code is loaded while the server runs, so there are no contributed modules",
        ),
    },
    Known {
        name: "CTL_OVER_HTTP",
        meaning: Meaning::Here(
            "the socket of a listener `ejabberd_http` with `/ctl: ejabberd_ctl`, for ejabberd's own `ejabberdctl` script; `rookeryctl` itself always uses the server's own control socket, which is faster still",
        ),
    },
    Known {
        name: "EJABBERD_BYPASS_WARNINGS",
        meaning: Meaning::None("`live` asks nothing before it begins"),
    },
    Known {
        name: "EJABBERD_CONFIG_PATH",
        meaning: Meaning::Here(
            "the configuration; it counts in the environment and as `--config`, and is where this file is looked for",
        ),
    },
    Known {
        name: "EJABBERD_LOG_PATH",
        meaning: Meaning::Here("the log file; its folder is the log folder"),
    },
    Known {
        name: "EJABBERD_OPTS",
        meaning: Meaning::None(
            "there is no Erlang machine to give them to; log rotation is in `ejabberd.yml`",
        ),
    },
    Known {
        name: "EJABBERD_PID_PATH",
        meaning: Meaning::Here("the file that holds the number of the server's process"),
    },
    Known {
        name: "ERLANG_NODE",
        meaning: Meaning::Here(
            "the server's name, NAME@HOST; a name without @ gets the machine's short name, a dot in the host makes it a long name. Without it: `rookery@` and the machine's short name. Also `--node`",
        ),
    },
    Known {
        name: "ERLANG_NODE_ARG",
        meaning: Meaning::None("it is the script's own; use `--node`"),
    },
    Known {
        name: "ERL_DIST_PORT",
        meaning: Meaning::Here("one port for Erlang nodes, without epmd; see docs/erlang.md"),
    },
    Known {
        name: "ERL_EPMD_ADDRESS",
        meaning: Meaning::Here("where epmd listens and is looked for; see docs/erlang.md"),
    },
    Known {
        name: "ERL_MAX_ETS_TABLES",
        meaning: Meaning::None("there is no Erlang machine; tables are not counted here"),
    },
    Known {
        name: "ERL_MAX_PORTS",
        meaning: Meaning::None(
            "there is no Erlang machine; the server takes all descriptors that the system allows it",
        ),
    },
    Known {
        name: "ERL_OPTIONS",
        meaning: Meaning::Here(
            "what it says of Erlang distribution (`-proto_dist`, `-ssl_dist_*`, `-setcookie`, `inet_dist_*`); see docs/erlang.md",
        ),
    },
    Known {
        name: "ERL_PROCESSES",
        meaning: Meaning::None(
            "there is no Erlang machine; sessions are limited by memory and descriptors",
        ),
    },
    Known {
        name: "FIREWALL_WINDOW",
        meaning: Meaning::Here("the ports for Erlang nodes; see docs/erlang.md"),
    },
    Known {
        name: "INET_DIST_INTERFACE",
        meaning: Meaning::Here("the address for Erlang nodes; see docs/erlang.md"),
    },
    Known {
        name: "INSTALLUSER",
        meaning: Meaning::None(
            "the service manager starts the server as its user; only that user and root may give commands",
        ),
    },
    Known { name: "LOGS_DIR", meaning: Meaning::Here("the log folder; also `--logs`") },
    Known {
        name: "MNESIA_OPTIONS",
        meaning: Meaning::None("there is no Mnesia; the database is SQLite"),
    },
    Known {
        name: "NO_TIMEOUT",
        meaning: Meaning::None("it is the script's own; use `rookeryctl --no-timeout`"),
    },
    Known { name: "POLL", meaning: Meaning::None("the system's best way to wait is always used") },
    Known {
        name: "SPOOL_DIR",
        meaning: Meaning::Here(
            "the data folder with the database and the control socket; also `--spool`",
        ),
    },
    Known {
        name: "SPOOL_DIR_OLD",
        meaning: Meaning::None("there is no Mnesia, whose older folder it names"),
    },
    Known { name: "VMARGS", meaning: Meaning::None("there is no Erlang machine to give them to") },
];

/// The variables that this server adds.
const OWN: &[Known] = &[Known {
    name: "ROOKERY_CONTROL_GROUP",
    meaning: Meaning::Here(
        "a group of this machine whose members may give commands, as far as `api_permissions` lets the tag `group:NAME`; see docs/files.md. Also `--control-group` of the server",
    ),
}];

fn known() -> impl Iterator<Item = &'static Known> {
    VARIABLES.iter().chain(OWN)
}

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
                notes.extend(remark(&variable));
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

/// What there is to say about an assignment.
fn remark(variable: &Variable) -> Option<Note> {
    let name = variable.name.as_str();
    match known().find(|known| known.name == name).map(|known| known.meaning) {
        Some(Meaning::Here(_)) => None,
        // Nothing is asked for.
        Some(_) if variable.value.is_empty() => None,
        Some(Meaning::None(why)) => {
            let title = format!("`{name}` is accepted and has no meaning here: {why}");
            Some(Note::new(NoteKind::Ignored, Problem::new(variable.pos, title)))
        }
        None if is_free(name) => None,
        None => {
            let problem = Problem::new(variable.pos, format!("variable `{name}` is not known"));
            let names: Vec<&str> = known().map(|known| known.name).collect();
            let problem = match suggest::nearest(name, &names) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            };
            Some(Note::new(NoteKind::Suspicious, problem))
        }
    }
}

/// The page `docs/ejabberdctl.cfg.md`.
pub fn variables_page() -> String {
    let mut page = PAGE_HEAD.to_owned();
    for Known { name, meaning } in known() {
        let text = match meaning {
            Meaning::Here(text) => (*text).to_owned(),
            Meaning::None(why) => format!("accepted with a note; {why}"),
        };
        page.push_str(&format!("| `{name}` | {text} |\n"));
    }
    page
}

const PAGE_HEAD: &str = "\
# ejabberdctl.cfg

<!-- Written from the table in crates/settings/src/ctlcfg.rs; refresh with: UPDATE_DOCS=1 cargo test -p settings -->

The server and `rookeryctl` read `ejabberdctl.cfg` beside the configuration, if it is there: assignments as a shell
writes them, with quotes, comments and variables. It is never run: what would need a shell is refused.
The command line wins over the environment, and the environment wins over this file.
`rookery check` says which variables of a file have no effect.

| variable | meaning |
| --- | --- |
";

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
