//! What is written from the command table for people: pages, the manual, shell completion.

pub mod completion;
mod glossary;
pub(crate) mod html;
pub mod man;
pub mod markdown;

use std::collections::BTreeMap;

use kernel::Kernel;
use kernel::commands::{Command, Field, Shape, Version};

pub use glossary::meaning;

pub use crate::ctl::typed;

/// A command and where it comes from.
#[derive(Clone, Copy)]
pub struct Listed {
    /// The command.
    pub command: Command,
    /// The module without which it is not there; `None` for what is always there.
    pub module: Option<&'static str>,
}

impl Listed {
    /// The modules that must run for the command to be there.
    fn needs(&self) -> impl Iterator<Item = &'static str> {
        let other = self.command.needs.filter(|needed| Some(*needed) != self.module);
        self.module.into_iter().chain(other)
    }
}

/// The commands of a running server by name.
pub(crate) fn running(kernel: &Kernel) -> Vec<Listed> {
    let modules = || kernel.modules().iter().copied().flatten();
    let owner = |name: &str| {
        let owns = |commands: &[Command]| commands.iter().any(|command| command.name == name);
        modules().find(|module| owns(module.commands)).map(|module| module.name)
    };
    let table = kernel.commands();
    table.iter().map(|command| Listed { command: *command, module: owner(command.name) }).collect()
}

/// Every tag with the names of its commands, both sorted.
fn tags(commands: &[Listed]) -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut tags: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for listed in commands {
        for tag in listed.command.tags {
            tags.entry(*tag).or_default().push(listed.command.name);
        }
    }
    tags.values_mut().for_each(|names| names.sort_unstable());
    tags
}

/// The example of a version as a command line; `None` if there is none.
pub(crate) fn command_line(command: &Command, version: &Version) -> Option<String> {
    let example = &version.example;
    if example.args.is_empty() && example.prints.is_empty() {
        return None;
    }
    let mut line = "rookeryctl ".to_owned();
    let newest = command.versions.last().map(|newest| newest.since);
    if newest != Some(version.since) {
        line.push_str(&format!("--version {} ", version.since));
    }
    line.push_str(command.name);
    for word in example.args {
        line.push(' ');
        line.push_str(&quoted(word));
    }
    Some(line)
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@,+=%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What to write for an argument that is not a plain word.
fn notation(field: &Field) -> Option<String> {
    let names = |fields: &[Field]| {
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        names.join(":")
    };
    match field.shape {
        Shape::Tuple(fields) => Some(format!("written {}", names(fields))),
        Shape::List(Field { shape: Shape::Tuple(fields), .. }) => {
            Some(format!("written {},…; may be empty", names(fields)))
        }
        Shape::List(_) => Some("divided by commas; may be empty".to_owned()),
        _ => None,
    }
}

/// An argument's meaning, with the notation where it is not a plain word.
pub(crate) fn explained(field: &Field) -> String {
    match notation(field) {
        Some(notation) => format!("{} ({notation})", meaning(field.name)),
        None => meaning(field.name).to_owned(),
    }
}
