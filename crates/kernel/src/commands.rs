//! The table of administration commands: one record feeds every front end.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use tokio::sync::mpsc;

use crate::Kernel;

/// The shape of an argument or of a result.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A whole number.
    Integer,
    /// Text.
    Text,
    /// A word.
    Word,
    /// Success or failure; exit code 0 or 1.
    Rescode,
    /// Success or failure with a text.
    Restuple,
    /// Any number of one shape.
    List(&'static Field),
    /// A fixed sequence.
    Tuple(&'static [Field]),
}

/// A named argument or result.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in JSON and in help texts.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
}

/// Shorthand for a [`Field`] in command tables.
pub const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, shape }
}

/// A value of some [`Shape`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// For [`Shape::Integer`].
    Integer(i64),
    /// For [`Shape::Text`] and [`Shape::Word`].
    Text(String),
    /// For [`Shape::Rescode`].
    Rescode(bool),
    /// For [`Shape::Restuple`].
    Restuple(bool, String),
    /// For [`Shape::List`].
    List(Vec<Value>),
    /// For [`Shape::Tuple`].
    Tuple(Vec<Value>),
}

impl Value {
    /// Success without more to say.
    pub const OK: Self = Self::Rescode(true);

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts.
    pub fn texts(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }
}

/// Why a command failed; the front ends translate it to exit codes, HTTP statuses and faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// What should be created is there already.
    #[error("{text}")]
    Conflict {
        /// ejabberd's numeric code for the case.
        code: i32,
        /// For people.
        text: String,
    },
    /// What the command is about does not exist.
    #[error("{text}")]
    NotExists {
        /// ejabberd's numeric code for the case.
        code: i32,
        /// For people.
        text: String,
    },
    /// An argument has no meaning.
    #[error("{text}")]
    BadArgument {
        /// For people.
        text: String,
    },
    /// ejabberd throws a pair of a word and a text.
    #[error("{text}")]
    Thrown {
        /// What scripts look at.
        word: &'static str,
        /// For people.
        text: String,
    },
    /// ejabberd gives a word back in place of success.
    #[error("{word}")]
    Returned {
        /// What scripts look at.
        word: &'static str,
    },
    /// The server could not do it.
    #[error("{text}")]
    Failed {
        /// ejabberd's numeric code for the case.
        code: i32,
        /// For people.
        text: String,
    },
}

impl CommandError {
    /// The server's fault, for instance the database's.
    pub fn failed(text: impl std::fmt::Display) -> Self {
        Self::Failed { code: 1, text: text.to_string() }
    }

    /// A word in place of success.
    pub const fn returned(word: &'static str) -> Self {
        Self::Returned { word }
    }

    /// A pair that ejabberd throws.
    pub fn thrown(word: &'static str, text: impl Into<String>) -> Self {
        Self::Thrown { word, text: text.into() }
    }

    /// The caller's fault.
    pub fn bad_argument(text: impl Into<String>) -> Self {
        Self::BadArgument { text: text.into() }
    }
}

/// The arguments of a call, already of the declared shapes.
#[derive(Clone, Debug, Default)]
pub struct Arguments(BTreeMap<&'static str, Value>);

impl Arguments {
    /// Pairs declared fields with values.
    pub fn new(fields: &'static [Field], values: Vec<Value>) -> Self {
        Self(fields.iter().map(|field| field.name).zip(values).collect())
    }

    /// Whether the command declares the argument: one function may serve commands with it and without.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text argument that the command declares.
    pub fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(Value::Text(text)) => text,
            other => panic!(
                "argument {name} is declared as text and checked before the call, found {other:?}"
            ),
        }
    }

    /// An integer argument that the command declares.
    pub fn integer(&self, name: &str) -> i64 {
        match self.0.get(name) {
            Some(Value::Integer(number)) => *number,
            other => panic!(
                "argument {name} is declared as integer and checked before the call, found {other:?}"
            ),
        }
    }

    /// The texts of a list argument that the command declares.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let text = |item: &Value| match item {
            Value::Text(text) => text.clone(),
            other => panic!("an item of argument {name} is declared as text, found {other:?}"),
        };
        self.list(name).iter().map(text).collect()
    }

    /// A list argument that the command declares.
    pub fn list(&self, name: &str) -> &[Value] {
        match self.0.get(name) {
            Some(Value::List(items)) => items,
            other => panic!(
                "argument {name} is declared as list and checked before the call, found {other:?}"
            ),
        }
    }
}

/// Tells whoever waits for a long command how far it is.
#[derive(Clone, Debug, Default)]
pub struct Progress(Option<mpsc::Sender<String>>);

impl Progress {
    /// Lines that are told and not yet read; more are dropped, since the next one says more than the last.
    const LINES_MAX: usize = 16;

    /// A line of communication; what is told arrives at the receiver until the command ends.
    pub fn channel() -> (Self, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(Self::LINES_MAX);
        (Self(Some(sender)), receiver)
    }

    /// Says one line, without line end; never waits.
    pub fn tell(&self, line: impl Into<String>) {
        if let Some(sender) = &self.0 {
            // Nobody may be there to hear it.
            drop(sender.try_send(line.into()));
        }
    }
}

/// One call of a command.
pub struct Call<'a> {
    /// The server.
    pub kernel: &'a Kernel,
    /// What was given, of the declared shapes.
    pub arguments: Arguments,
    /// For commands that take long.
    pub progress: Progress,
}

/// What a command gives back.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Value, CommandError>> + Send + 'a>>;

/// One API version of a command.
#[derive(Clone, Copy)]
pub struct Version {
    /// The first API version that behaves so.
    pub since: u8,
    /// Its arguments, in order.
    pub args: &'static [Field],
    /// Its result.
    pub result: Field,
    /// Does it.
    pub run: for<'a> fn(Call<'a>) -> Running<'a>,
    /// A call and its answer, for the documentation.
    pub example: Example,
}

impl Version {
    /// What most commands have, to be completed: `Version { args, result, run, ..Version::FIRST }`.
    pub const FIRST: Self = Self {
        since: 0,
        args: &[],
        result: field("res", Shape::Rescode),
        run: |_| Box::pin(async { Err(CommandError::failed("a command without action")) }),
        example: Example::NONE,
    };
}

/// A call as somebody would type it, and what would be printed.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The words after the command's name.
    pub args: &'static [&'static str],
    /// Standard output of the control tool, without the last line end.
    pub prints: &'static str,
}

impl Example {
    /// For commands that explain themselves.
    pub const NONE: Self = Self { args: &[], prints: "" };
}

/// Whom ejabberd's documentation names as the caller of a command. Access is decided by `api_permissions` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Anybody who has been let in.
    Open,
    /// Whoever has been given the command.
    Restricted,
    /// Administrators.
    Admin,
    /// Users for themselves: they leave out `user` and `host`.
    User,
}

/// A command. One record feeds the control tool, the HTTP API, ad-hoc commands and the documentation.
#[derive(Clone, Copy)]
pub struct Command {
    /// Its name, unique in the server.
    pub name: &'static str,
    /// Groups it belongs to.
    pub tags: &'static [&'static str],
    /// One line for people.
    pub about: &'static str,
    /// What one line cannot say: paragraphs divided by an empty line; may be empty.
    pub detail: &'static str,
    /// Who is meant to call it.
    pub policy: Policy,
    /// Which arguments are secret and never logged.
    pub secrets: &'static [&'static str],
    /// The module that must run on some host for the command to be there, besides the one that declares it.
    pub needs: Option<&'static str>,
    /// Oldest first; at least one.
    pub versions: &'static [Version],
}

impl Command {
    /// What most commands have, to be completed: `Command { name, tags, about, versions, ..Command::PLAIN }`.
    pub const PLAIN: Self = Self {
        name: "",
        tags: &[],
        about: "",
        detail: "",
        policy: Policy::Restricted,
        secrets: &[],
        needs: None,
        versions: &[],
    };

    /// The newest behaviour that a caller of API version `version` knows.
    pub fn version(&self, version: u8) -> Option<&Version> {
        self.versions.iter().rev().find(|candidate| candidate.since <= version)
    }
}

/// All commands that can be called now.
#[derive(Default)]
pub struct CommandTable(BTreeMap<&'static str, Command>);

impl CommandTable {
    /// Adds the commands whose needs are met by the modules that `runs` knows; a name that is there already stays as
    /// it is, since a module may be loaded on many hosts.
    pub fn add(&mut self, commands: &[Command], runs: impl Fn(&str) -> bool) {
        for command in commands.iter().filter(|command| command.needs.is_none_or(&runs)) {
            self.0.entry(command.name).or_insert(*command);
        }
    }

    /// Looks a command up.
    pub fn get(&self, name: &str) -> Option<&Command> {
        self.0.get(name)
    }

    /// All commands by name.
    pub fn iter(&self) -> impl Iterator<Item = &Command> {
        self.0.values()
    }
}
