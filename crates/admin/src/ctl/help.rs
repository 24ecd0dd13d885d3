//! `help` in its forms, and the usage text.

use std::collections::BTreeMap;

use kernel::commands::{Command, CommandTable, Field, Shape, Version};

use super::{Reply, STATUS_OK, STATUS_USAGE};
use crate::faces;
use crate::{API_VERSION, AWAITED, awaited};

/// Columns of a line; ejabberd's texts keep three of the usual 80 free.
const COLUMNS: usize = 77;
/// Columns in front of a description.
const INDENT: usize = 13;

const ABOUT_HELP: &str = "\
This special help command provides help of Rookery commands.

The format is:
  rookeryctl help [tags | commands | awaited | tag | command | com?*]

The optional arguments:
  tags         Show all tags and commands names in each tag
  commands     Show all tags and commands details in each tag
  awaited      Show commands of ejabberd that are not available yet
  tag          Show commands related to this tag
  command      Show detailed description of this command
  com?*        Show commands that match this glob.
               (? will match a simple character, and
                * will match several characters)

Some example usages:
  rookeryctl help
  rookeryctl help tags
  rookeryctl help commands
  rookeryctl help accounts
  rookeryctl help register
  rookeryctl help regist*
";

/// Answers `help` with the words after it.
pub(super) fn help(table: &CommandTable, version: u8, words: &[String]) -> Reply {
    let word = match words {
        [] => return Reply::says(STATUS_OK, ABOUT_HELP),
        [word] if !word.starts_with("--") => word.as_str(),
        _ => return Reply::says(STATUS_USAGE, usage(table)),
    };
    let text = match word {
        "help" => ABOUT_HELP.to_owned(),
        "tags" => tags(table),
        "commands" => commands(table, version),
        "awaited" => not_available(table),
        _ => named(table, version, word),
    };
    Reply::says(STATUS_OK, text)
}

/// A tag, a command or a pattern.
fn named(table: &CommandTable, version: u8, word: &str) -> String {
    let tagged: Vec<&Command> =
        table.iter().filter(|command| command.tags.contains(&word)).collect();
    if !tagged.is_empty() {
        return format!("Available commands with tag {word}:\n\n{}\n", list(&tagged, version));
    }
    let name = word.replace('-', "_");
    if let Some((command, version)) =
        table.get(&name).and_then(|command| Some((command, command.version(version)?)))
    {
        return details(command, version);
    }
    let matching: Vec<&Command> =
        table.iter().filter(|command| matches(&name, command.name)).collect();
    match awaited::absence(&name) {
        _ if !matching.is_empty() => list(&matching, version),
        Some(absence) => format!("The command '{name}' {absence}."),
        None => format!("No tag or command matches '{word}'"),
    }
}

/// The text for a call without words.
pub(super) fn usage(table: &CommandTable) -> String {
    let all: Vec<&Command> = table.iter().collect();
    format!(
        "Usage: rookeryctl [--no-timeout] [--config file] [--version api_version] \
         [--auth user host password] command [arguments]\n\nAvailable commands in this Rookery node:\n{}\n\n{}",
        list(&all, API_VERSION),
        not_available(table)
    )
}

fn by_tag(table: &CommandTable) -> BTreeMap<&'static str, Vec<&Command>> {
    let mut tags: BTreeMap<_, Vec<&Command>> = BTreeMap::new();
    for command in table.iter() {
        for tag in command.tags {
            tags.entry(*tag).or_default().push(command);
        }
    }
    tags
}

fn tags(table: &CommandTable) -> String {
    let mut text = "Available tags and list of commands:\n\n".to_owned();
    for (tag, commands) in by_tag(table) {
        let names: Vec<&str> = commands.iter().map(|command| command.name).collect();
        text.push_str(&format!("  {tag}\n{}\n\n", wrapped(&names.join(" "), 5)));
    }
    text.push_str("Details of one: rookeryctl help register");
    text
}

fn commands(table: &CommandTable, version: u8) -> String {
    let mut text = "Available tags and commands details:\n".to_owned();
    for (tag, commands) in by_tag(table) {
        text.push_str(&format!("\n  {tag}\n"));
        for (command, version) in
            commands.iter().filter_map(|command| Some((command, command.version(version)?)))
        {
            text.push_str(&format!("    {}\n", call(command, version)));
        }
    }
    text.push('\n');
    text.push_str(&not_available(table));
    text
}

/// The commands that wait for something, by what they wait for. What a module has brought meanwhile is left out.
fn not_available(table: &CommandTable) -> String {
    let mut text = "Commands of ejabberd that are not available yet:\n".to_owned();
    for awaited in AWAITED {
        let names: Vec<&str> =
            awaited.commands.iter().copied().filter(|name| table.get(name).is_none()).collect();
        if !names.is_empty() {
            let names = wrapped(&names.join(" "), 5);
            text.push_str(&format!("\n  Waiting for {}:\n{names}\n", awaited.capability));
        }
    }
    text
}

/// A command with the names of its arguments.
fn call(command: &Command, version: &Version) -> String {
    let mut text = command.name.to_owned();
    for field in version.args {
        text.push(' ');
        text.push_str(field.name);
    }
    text
}

/// Each command with its description, ready for a final line end.
fn list(commands: &[&Command], version: u8) -> String {
    let described = commands.iter().filter_map(|command| {
        let call = call(command, command.version(version)?);
        Some(format!("  {call}\n{}", wrapped(command.about, INDENT)))
    });
    described.collect::<Vec<_>>().join("\n")
}

/// Everything about one command.
pub(super) fn details(command: &Command, version: &Version) -> String {
    let mut text = format!("  Command Name: {}\n\n  Arguments: ", command.name);
    for (place, field) in version.args.iter().enumerate() {
        let explained = format!("{} : {}", typed(field), faces::explained(field));
        let explained = wrapped(&explained, INDENT);
        text.push_str(if place == 0 { explained.trim_start() } else { &explained });
        text.push('\n');
    }
    if version.args.is_empty() {
        text.push('\n');
    }
    let (result, tags) = (typed(&version.result), command.tags.join(" "));
    text.push_str(&format!("\n  Returns: {result}\n\n  Tags: {tags}\n"));
    let versions: Vec<String> =
        command.versions.iter().map(|version| version.since.to_string()).collect();
    if versions.len() > 1 {
        text.push_str(&format!("\n  API versions: {}\n", versions.join(", ")));
    }
    let about = wrapped(command.about, 2 + "Description: ".len());
    text.push_str(&format!("\n  Description: {}\n", about.trim_start()));
    for paragraph in command.detail.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        text.push_str(&format!("\n{}\n", wrapped(&paragraph.replace('\n', " "), 2)));
    }
    if let Some(line) = faces::command_line(command, version) {
        text.push_str(&format!("\n  Example:\n     $ {line}\n"));
        for line in version.example.prints.lines() {
            text.push_str(&format!("     {line}\n"));
        }
    }
    text
}

/// A field in ejabberd's notation.
pub fn typed(field: &Field) -> String {
    format!("{}::{}", field.name, shape(&field.shape))
}

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Integer => "integer".to_owned(),
        Shape::Text => "string".to_owned(),
        Shape::Word => "atom".to_owned(),
        Shape::Rescode => "rescode".to_owned(),
        Shape::Restuple => "restuple".to_owned(),
        Shape::List(item) => format!("[{}]", typed(item)),
        Shape::Tuple(fields) => {
            let parts: Vec<String> = fields.iter().map(typed).collect();
            format!("{{{}}}", parts.join(", "))
        }
    }
}

/// Breaks a text between words; each line begins with `indent` blanks.
fn wrapped(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let mut lines = vec![margin.clone()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line from the beginning on");
        if line.len() > indent && line.len() + 1 + word.len() > COLUMNS {
            lines.push(format!("{margin}{word}"));
        } else {
            if line.len() > indent {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// Whether a name fits a pattern of letters, `?` and `*`; takes time in proportion to the product of the lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let mut fits: Vec<bool> = std::iter::once(true).chain(name.chars().map(|_| false)).collect();
    for sign in pattern.chars() {
        let mut next = vec![sign == '*' && fits[0]];
        for (place, letter) in name.chars().enumerate() {
            next.push(match sign {
                '*' => next[place] || fits[place + 1],
                '?' => fits[place],
                _ => fits[place] && sign == letter,
            });
        }
        fits = next;
    }
    fits.last().copied().unwrap_or(false)
}
