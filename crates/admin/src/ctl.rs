//! The command table as `ejabberdctl` shows it: words in, texts and an exit status out.

mod help;
mod permission;
mod text;
mod words;

use kernel::Kernel;
use kernel::commands::{
    Arguments, Call, Command, CommandError, CommandTable, Progress, Value, Version,
};

pub use help::typed;
#[cfg(test)]
pub(crate) use text::result;

use crate::caller::{Caller, Record};
use crate::languages::Language;
use crate::{API_VERSION, awaited};
use permission::Denied;

/// Exit status of success.
pub const STATUS_OK: u8 = 0;
/// Exit status of a command that failed or does not exist.
pub const STATUS_ERROR: u8 = 1;
/// Exit status of a wrong number of arguments.
pub const STATUS_USAGE: u8 = 2;
/// Exit status of a call without any word; `ejabberdctl` has the same for "no server".
pub const STATUS_NOTHING_ASKED: u8 = 3;

/// What the control tool prints, and its exit status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The exit status.
    pub status: u8,
    /// For standard output.
    pub stdout: String,
    /// For standard error.
    pub stderr: String,
}

impl Reply {
    /// COMPAT: `ejabberdctl` tells errors on standard output too.
    fn says(status: u8, text: impl Into<String>) -> Self {
        let mut stdout = text.into();
        if !stdout.is_empty() {
            stdout.push('\n');
        }
        Self { status, stdout, ..Self::default() }
    }
}

/// The words in front of the command.
struct Preamble<'a> {
    version: u8,
    auth: Option<[&'a str; 3]>,
    rest: &'a [String],
}

impl<'a> Preamble<'a> {
    /// Reads `--version N`, then `--auth USER HOST PASSWORD`.
    fn read(words: &'a [String]) -> Result<Self, String> {
        let mut preamble = Self { version: API_VERSION, auth: None, rest: words };
        if let [flag, number, rest @ ..] = preamble.rest
            && flag == "--version"
        {
            preamble.version = number.trim_start_matches('v').parse().map_err(|_| {
                format!("Error: --version takes a number from 0 to {API_VERSION}, not '{number}'")
            })?;
            preamble.rest = rest;
        }
        if let [flag, user, host, password, rest @ ..] = preamble.rest
            && flag == "--auth"
        {
            preamble.auth = Some([user, host, password]);
            preamble.rest = rest;
        }
        Ok(preamble)
    }
}

/// How a command is to be given.
#[derive(Default)]
pub struct Manner {
    /// Where a long command tells how far it is.
    pub progress: Progress,
    /// The language of errors.
    pub language: Language,
}

/// Does what the words ask for, and writes it down.
pub async fn run(kernel: &Kernel, caller: &Caller, words: &[String], manner: Manner) -> Reply {
    let table = kernel.commands();
    let asked = match Asked::read(&table, words, manner.language) {
        Ok(asked) => asked,
        Err((said, reply)) => {
            Record::begin(kernel, caller, said).done(reply.status);
            return reply;
        }
    };
    let record = Record::begin(kernel, caller, asked.shown());
    let reply = call(kernel, caller, &asked, manner).await;
    record.done(reply.status);
    reply
}

/// A command with its words, in the form that the caller's API version knows.
struct Asked<'a> {
    preamble: Preamble<'a>,
    command: &'a Command,
    version: &'a Version,
    arguments: &'a [String],
}

impl<'a> Asked<'a> {
    /// What the words ask for; if it is no command, how that is written down, and the answer.
    fn read(
        table: &'a CommandTable,
        words: &'a [String],
        language: Language,
    ) -> Result<Self, (String, Reply)> {
        let preamble = Preamble::read(words)
            .map_err(|text| ("--version".to_owned(), Reply::says(STATUS_ERROR, text)))?;
        let Some((word, arguments)) = preamble.rest.split_first() else {
            return Err((String::new(), Reply::says(STATUS_NOTHING_ASKED, help::usage(table))));
        };
        if word == "help" {
            let reply = help::help(table, preamble.version, arguments);
            return Err((preamble.rest.join(" "), reply));
        }
        // COMPAT: a hyphen in the name of a command is an underscore.
        let name = word.replace('-', "_");
        let found = table
            .get(&name)
            .and_then(|command| Some((command, command.version(preamble.version)?)));
        match found {
            Some((command, version)) => Ok(Self { preamble, command, version, arguments }),
            None => {
                let said = format!("{name} ({} arguments)", arguments.len());
                Err((said, unknown(table, word, &name, language)))
            }
        }
    }

    /// The call without secrets. Where the count is wrong nobody knows which words are secret, so none is shown.
    fn shown(&self) -> String {
        let name = self.command.name;
        let mut shown = match self.preamble.auth {
            Some([user, host, _]) => format!("--auth {user} {host} [redacted] {name}"),
            None => name.to_owned(),
        };
        if self.arguments.len() != self.version.args.len() {
            return format!("{shown} ({} arguments)", self.arguments.len());
        }
        for (field, word) in self.version.args.iter().zip(self.arguments) {
            let secret = self.command.secrets.contains(&field.name);
            shown.push_str(&if secret { " [redacted]".to_owned() } else { format!(" {word:?}") });
        }
        shown
    }
}

/// Runs a command in API version `version` for a caller that has values instead of words, and writes it down.
///
/// # Errors
/// Those of the command; and when there is none of this name and version, or its use is not permitted.
pub async fn run_values(
    kernel: &Kernel,
    caller: &Caller,
    name: &str,
    version: u8,
    values: Vec<Value>,
) -> Result<Value, CommandError> {
    let table = kernel.commands();
    let found = table.get(name).and_then(|command| Some((command, command.version(version)?)));
    let (command, version) = match found {
        Some((command, version)) if version.args.len() == values.len() => (command, version),
        _ => {
            let said = format!("{name} ({} arguments)", values.len());
            Record::begin(kernel, caller, said).done(STATUS_ERROR);
            return Err(CommandError::bad_argument("unknown_command"));
        }
    };
    let words: Vec<String> =
        values.iter().zip(version.args).map(|(value, field)| text::word_of(value, field)).collect();
    let preamble = Preamble { version: version.since, auth: None, rest: &[] };
    let asked = Asked { preamble, command, version, arguments: &words };
    let record = Record::begin(kernel, caller, asked.shown());
    let result = match permission::check(kernel, caller, &asked).await {
        Ok(()) => {
            let arguments = Arguments::new(version.args, values);
            (version.run)(Call { kernel, arguments, progress: Progress::default() }).await
        }
        Err(Denied(word)) => Err(CommandError::bad_argument(word)),
    };
    record.done(if result.is_ok() { STATUS_OK } else { STATUS_ERROR });
    result
}

async fn call(kernel: &Kernel, caller: &Caller, asked: &Asked<'_>, manner: Manner) -> Reply {
    let Manner { progress, language } = manner;
    let &Asked { command, version, arguments, .. } = asked;
    let nested = if asked.preamble.version == 0 { ';' } else { ',' };
    if arguments.len() != version.args.len() {
        return wrong_count(command, version, arguments.len(), language);
    }
    let values = match words::values(version.args, arguments) {
        Ok(values) => values,
        Err(why) => return text::failed(&language.error(why)),
    };
    if let Err(Denied(word)) = permission::check(kernel, caller, asked).await {
        return Reply::says(STATUS_ERROR, format!("Error: error\nError: {word}"));
    }
    let arguments = Arguments::new(version.args, values);
    let call = Call { kernel, arguments, progress };
    match (version.run)(call).await {
        Ok(value) => text::result(&value, &version.result.shape, nested),
        Err(error) => text::failed(&language.error(error)),
    }
}

fn wrong_count(command: &Command, version: &Version, given: usize, language: Language) -> Reply {
    let wanted = version.args.len();
    let (count, word) =
        if given > wanted { (given - wanted, "less") } else { (wanted - given, "more") };
    let details = help::details(command, version);
    let name = command.name;
    let error = format!("Error: the command '{name}' requires {count} {word} argument.");
    Reply::says(STATUS_USAGE, format!("{details}\n{}", language.say(&error)))
}

fn unknown(table: &CommandTable, word: &str, name: &str, language: Language) -> Reply {
    if let Some(absence) = awaited::absence(name) {
        let text = format!("Error: the command '{name}' {absence}.");
        return Reply::says(STATUS_ERROR, text);
    }
    let nearest = table
        .iter()
        .map(|command| command.name)
        .min_by_key(|known| strsim::levenshtein(known, name));
    let hint = nearest.map(|nearest| format!(" Did you mean '{nearest}'?")).unwrap_or_default();
    let error = format!("Error: unknown command '{word}'.{hint}");
    Reply::says(STATUS_ERROR, language.say(&error))
}
