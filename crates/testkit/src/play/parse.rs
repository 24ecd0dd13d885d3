//! From the text of a play to its statements.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::PlayError;
use super::pattern::Pattern;

/// A play as written.
#[derive(Debug, Clone)]
pub struct Play {
    /// The file it stands in.
    pub file: PathBuf,
    /// Its first line, without `#`.
    pub title: String,
    /// The settings it lays over the base configuration.
    pub config: String,
    /// What happens, in order.
    pub statements: Vec<Statement>,
}

/// One step of a play.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The line it begins on, from 1.
    pub line: usize,
    /// The step as written, for messages.
    pub text: String,
    /// What is to be done.
    pub action: Action,
}

/// What a statement does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Actors appear, disappear or change.
    Cast {
        /// Who.
        actors: Vec<String>,
        /// What they do.
        deed: Deed,
    },
    /// An actor sends XML.
    Says {
        /// Who.
        actor: String,
        /// How often; `{n}` counts from 1.
        times: u32,
        /// The XML with its placeholders.
        xml: String,
    },
    /// An actor receives something that matches.
    Hears {
        /// Who.
        actor: String,
        /// How often, one after the other.
        times: u32,
        /// What, as written.
        pattern: String,
        /// It may be anywhere among what has come, not only next.
        anywhere: bool,
    },
    /// An actor receives a stream header.
    HearsHeader(String),
    /// An actor's stream or connection ends.
    HearsEnd(String),
    /// An actor receives nothing for a time.
    Silent {
        /// Who.
        actor: String,
        /// How long, in virtual time.
        time: Duration,
    },
    /// Virtual time passes.
    Wait(Duration),
    /// The server crashes and starts again on the same data.
    Restart,
    /// The configuration is replaced by the base with these settings over it.
    Reload(String),
}

/// What an actor can do without XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Has an account.
    Registered,
    /// Opens a connection and sends nothing.
    Opens,
    /// Opens a connection and authenticates; the stream features are left to be heard.
    Authenticates(Option<String>),
    /// Logs in and binds, without presence.
    Connects(Option<String>),
    /// Logs in and sends presence; what comes of it is not heard.
    Online(Option<String>),
    /// As online, all of them, subscribed to each other.
    ContactsAndOnline,
    /// Closes the stream in order.
    Disconnects,
    /// The connection breaks.
    CutOff,
    /// Connects again and asks for the session of before; the answer is left to be heard.
    Resumes,
    /// Enables stream management with resumption.
    EnablesResumption,
    /// Acknowledges everything received.
    Acknowledges,
    /// Reads nothing more.
    StopsReading,
    /// Reads again.
    ReadsAgain,
}

impl Play {
    /// Reads a play.
    ///
    /// # Errors
    /// The first line that is none of a play's.
    pub fn parse(file: &Path, text: &str) -> Result<Self, PlayError> {
        let fail = |line: usize, text: String| PlayError { file: file.to_owned(), line, text };
        let mut title = None;
        let mut config = String::new();
        let mut statements = Vec::new();
        for (line, text, below) in paragraphs(text) {
            if let Some(comment) = text.strip_prefix('#') {
                title.get_or_insert_with(|| comment.trim().to_owned());
                continue;
            }
            if title.is_none() {
                return Err(fail(line, "a play begins with `# ` and its title".to_owned()));
            }
            if text == "config" {
                config = settings_of(&below);
                continue;
            }
            let action = action(&text, &below).map_err(|why| fail(line, why))?;
            statements.push(Statement { line, text, action });
        }
        let title = title.ok_or_else(|| fail(1, "the play is empty".to_owned()))?;
        if statements.is_empty() {
            return Err(fail(1, "nothing happens in the play".to_owned()));
        }
        Ok(Self { file: file.to_owned(), title, config, statements })
    }

    /// Every account that the play may use.
    pub(super) fn users(&self) -> BTreeSet<String> {
        let mut users = BTreeSet::new();
        for statement in &self.statements {
            let Action::Cast { actors, deed } = &statement.action else { continue };
            let jid = match deed {
                Deed::Authenticates(jid) | Deed::Connects(jid) | Deed::Online(jid) => {
                    jid.as_deref()
                }
                _ => None,
            };
            users.extend(actors.iter().map(|name| account_of(name, jid).0.to_owned()));
        }
        users
    }
}

/// The account of a name in a play, and the resource if one is said; `jid` is what stands behind `as`.
pub(super) fn account_of<'a>(name: &'a str, jid: Option<&'a str>) -> (&'a str, Option<&'a str>) {
    let said = jid.unwrap_or(name);
    said.split_once('/').map_or((said, None), |(user, resource)| (user, Some(resource)))
}

/// Lines that are not indented, each with its number and the indented lines below it.
fn paragraphs(text: &str) -> Vec<(usize, String, Vec<String>)> {
    let mut all: Vec<(usize, String, Vec<String>)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let indented = line.starts_with([' ', '\t']);
        match all.last_mut() {
            _ if line.trim().is_empty() => {}
            Some((_, _, below)) if indented => below.push(line.to_owned()),
            _ => all.push((number, line.trim_end().to_owned(), Vec::new())),
        }
    }
    all
}

/// Indented lines as YAML of its own.
fn settings_of(below: &[String]) -> String {
    let indent = below.first().map_or(0, |line| line.len() - line.trim_start().len());
    below.iter().map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect()
}

fn action(text: &str, below: &[String]) -> Result<Action, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["wait", time] => return duration(time).map(Action::Wait),
        ["restart"] => return Ok(Action::Restart),
        ["reload"] => return Ok(Action::Reload(settings_of(below))),
        [actor, "silent", time] => {
            return Ok(Action::Silent { actor: (*actor).to_owned(), time: duration(time)? });
        }
        _ => {}
    }
    let rest: String = below.iter().map(|line| line.trim()).collect();
    match words.get(1).copied() {
        Some(">") => says(&words, after(text, '>') + &rest),
        Some(">>") => {
            let xml = after(text, '>').trim_start_matches('>').trim_start().to_owned() + &rest;
            Ok(Action::Says { actor: words[0].to_owned(), times: 1, xml })
        }
        Some("<") => hears(&words, after(text, '<') + &rest, false),
        Some("<~") => hears(&words, after(text, '~') + &rest, true),
        _ => cast(&words),
    }
}

/// What stands behind the first `mark`.
fn after(text: &str, mark: char) -> String {
    text.split_once(mark).map_or(String::new(), |(_, rest)| rest.trim().to_owned())
}

/// A leading `N times`.
fn times(text: &str) -> (u32, &str) {
    let counted = text
        .split_once(" times ")
        .and_then(|(count, rest)| Some((count.trim().parse().ok()?, rest.trim())));
    counted.unwrap_or((1, text))
}

fn says(words: &[&str], text: String) -> Result<Action, String> {
    let (times, xml) = times(&text);
    // Placeholders only stand where text or values do.
    let wrapped = format!("<play xmlns='jabber:client'>{xml}</play>");
    xmlstream::Element::parse(wrapped.as_bytes(), "")
        .map_err(|error| format!("what {} says is no XML: {error}", words[0]))?;
    Ok(Action::Says { actor: words[0].to_owned(), times, xml: xml.to_owned() })
}

fn hears(words: &[&str], text: String, anywhere: bool) -> Result<Action, String> {
    let actor = words[0].to_owned();
    let (times, pattern) = times(&text);
    match pattern {
        "end" => Ok(Action::HearsEnd(actor)),
        "header" => Ok(Action::HearsHeader(actor)),
        pattern => {
            Pattern::parse(pattern)?;
            Ok(Action::Hears { actor, times, pattern: pattern.to_owned(), anywhere })
        }
    }
}

fn cast(words: &[&str]) -> Result<Action, String> {
    let verbs = [
        "is",
        "are",
        "opens",
        "authenticates",
        "connects",
        "disconnects",
        "resumes",
        "enables",
        "acknowledges",
        "stops",
        "reads",
    ];
    let split = words.iter().position(|word| verbs.contains(word)).unwrap_or(words.len());
    let (names, rest) = words.split_at(split);
    let actors: Vec<String> = names
        .iter()
        .filter(|word| **word != "and")
        .map(|word| word.trim_end_matches(',').to_owned())
        .collect();
    let named = |jid: &str| Some(jid.to_owned());
    let deed = match rest {
        ["is" | "are", "registered"] => Deed::Registered,
        ["is" | "are", "online"] => Deed::Online(None),
        ["is", "online", "as", jid] => Deed::Online(named(jid)),
        ["are", "contacts", "and", "online"] => Deed::ContactsAndOnline,
        ["is" | "are", "cut", "off"] => Deed::CutOff,
        ["opens", "a", "connection"] => Deed::Opens,
        ["authenticates"] => Deed::Authenticates(None),
        ["authenticates", "as", user] => Deed::Authenticates(named(user)),
        ["connects"] => Deed::Connects(None),
        ["connects", "as", jid] => Deed::Connects(named(jid)),
        ["disconnects"] => Deed::Disconnects,
        ["resumes"] => Deed::Resumes,
        ["enables", "resumption"] => Deed::EnablesResumption,
        ["acknowledges"] => Deed::Acknowledges,
        ["stops", "reading"] => Deed::StopsReading,
        ["reads", "again"] => Deed::ReadsAgain,
        _ => return Err(format!("`{}` is no statement of a play", words.join(" "))),
    };
    if actors.is_empty() {
        return Err("nobody does this".to_owned());
    }
    Ok(Action::Cast { actors, deed })
}

fn duration(text: &str) -> Result<Duration, String> {
    let unit =
        |suffix: &str| text.strip_suffix(suffix).and_then(|number| number.parse::<u64>().ok());
    if let Some(millis) = unit("ms") {
        return Ok(Duration::from_millis(millis));
    }
    unit("s")
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is no time; write 500ms or 3s"))
}
