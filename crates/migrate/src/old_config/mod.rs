//! The configuration of ejabberd before YAML (`ejabberd.cfg`, Erlang terms, up to version 13.06), made into YAML.
//!
//! Terms are read with what they include and their macros replaced ([`read`]), brought into today's options
//! ([`section`], [`rules`], [`listeners`]), spelt as `settings` spells old names, and written down ([`yaml`]). Nothing is
//! dropped silently: what has no place in the result stands in it as a comment, and is told.

mod listeners;
mod modules;
mod read;
mod rules;
mod section;
#[cfg(test)]
mod tests;
mod values;
mod yaml;

use std::path::Path;

use settings::{Kind, Node, Note, catalogue};

use crate::report::MigrateError;
use section::Converter;

/// A configuration in YAML, and what should be known of it.
#[derive(Debug)]
pub struct OldConfig {
    /// The text of the file.
    pub yaml: String,
    /// What was left out or is read otherwise, a line each.
    pub told: Vec<String>,
}

impl OldConfig {
    /// Reads a file of terms and those that it includes.
    ///
    /// # Errors
    /// [`MigrateError`]: a file that cannot be read or is not made of terms; no hosts in it.
    pub fn read(path: &Path) -> Result<Self, MigrateError> {
        let (terms, files) = read::terms(path)?;
        let mut converter = Converter::default();
        converter.file(&terms);
        if !converter.has_hosts() {
            return Err(MigrateError::format(
                path,
                "it names no hosts, so it is not the configuration of a server",
            ));
        }
        let mut left = std::mem::take(&mut converter.left);
        let (entries, notes) = settings::current_spelling(converter.entries());
        for note in notes {
            left.tell(sentence(&note));
        }
        let entries = known(one_of_a_name(entries), &mut left);
        let head = format!("Made from {} by convert_to_yaml.", files.join(", "));
        let yaml = yaml::document(&head, &left, &entries);
        Ok(Self { yaml, told: left.told() })
    }
}

/// What could not be carried over.
#[derive(Debug, Default)]
struct Left {
    /// Why, and the text of what it was.
    out: Vec<(String, String)>,
    said: Vec<String>,
}

impl Left {
    /// Something that is left out, with its own text.
    fn out(&mut self, why: impl Into<String>, text: impl Into<String>) {
        self.out.push((why.into(), text.into()));
    }

    /// Something to be known.
    fn tell(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.said.contains(&what) {
            self.said.push(what);
        }
    }

    /// All of it, without the texts, in which there may be passwords.
    fn told(&self) -> Vec<String> {
        let out = self.out.iter().map(|(why, _)| format!("left out, as a comment: {why}"));
        out.chain(self.said.iter().cloned()).collect()
    }
}

fn sentence(note: &Note) -> String {
    let mut text = note.problem.title().to_owned();
    for help in note.problem.helps() {
        text.push_str(&format!(" ({})", help.replace('\n', " ")));
    }
    text
}

type Entries = Vec<(Node, Node)>;

/// Lists that were made from several old options become one, each item once.
fn one_of_a_name(entries: Entries) -> Entries {
    let mut out: Entries = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let before = out.iter_mut().find(|(other, _)| other == &key);
        match (before, value.items()) {
            (Some((_, before)), Some(items)) if before.items().is_some() => {
                let mut all = before.items().unwrap_or_default().to_vec();
                all.extend(items.iter().cloned());
                *before = unique(all);
            }
            (None, Some(items)) if key.as_str() == Some("certfiles") => {
                let items = items.to_vec();
                out.push((key, unique(items)));
            }
            _ => out.push((key, value)),
        }
    }
    out
}

fn unique(items: Vec<Node>) -> Node {
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    Node::seq(kept, settings::Pos::BUILT_IN)
}

/// Takes out what the settings do not know, at the top level, in hosts, listeners and modules.
fn known(entries: Entries, left: &mut Left) -> Entries {
    let mut out = Entries::new();
    for (key, value) in entries {
        let name = key.as_str().unwrap_or_default().to_owned();
        match name.as_str() {
            "host_config" | "append_host_config" => {
                let hosts = value.entries().unwrap_or_default().to_vec();
                let hosts = hosts.into_iter().map(|(host, body)| {
                    let body = known(body.entries().unwrap_or_default().to_vec(), left);
                    (host, Node::map(body, value.pos()))
                });
                let hosts: Entries =
                    hosts.filter(|(_, body)| body.entries() != Some(&[])).collect();
                if !hosts.is_empty() {
                    out.push((key, Node::map(hosts, value.pos())));
                }
            }
            "modules" => out.push((key, known_modules(&value, left))),
            "listen" => out.push((key, known_listeners(&value, left))),
            _ if catalogue::toplevel(&name).is_none() => {
                left.out(format!("option `{name}` is unknown"), yaml::entry(&key, &value));
            }
            _ => out.push((key, value)),
        }
    }
    out
}

fn known_modules(value: &Node, left: &mut Left) -> Node {
    let mut out = Entries::new();
    for (key, body) in value.entries().unwrap_or_default() {
        let name = key.as_str().unwrap_or_default();
        let Some(module) = catalogue::module(name) else {
            left.out(format!("module `{name}` is unknown"), yaml::entry(key, body));
            continue;
        };
        let options = body.entries().unwrap_or_default().to_vec();
        let options = options.into_iter().filter(|(key, value)| {
            let option = key.as_str().unwrap_or_default();
            let is_known = module.option(option).is_some();
            if !is_known {
                let why = format!("option `{option}` of {name} is unknown");
                left.out(why, yaml::entry(key, value));
            }
            is_known
        });
        out.push((key.clone(), Node::map(options.collect(), body.pos())));
    }
    Node::map(out, value.pos())
}

fn known_listeners(value: &Node, left: &mut Left) -> Node {
    let mut out = Vec::new();
    for listener in value.items().unwrap_or_default() {
        let of = listener.value_of("module").and_then(Node::as_str).unwrap_or_default();
        let Some(module) = catalogue::listener(of) else {
            left.out(format!("listener `{of}` is unknown"), yaml::text(listener));
            continue;
        };
        let options = listener.entries().unwrap_or_default().to_vec();
        let options = options.into_iter().filter(|(key, value)| {
            let option = key.as_str().unwrap_or_default();
            let is_known = module.option(option).is_some();
            if !is_known {
                let port = listener.value_of("port").and_then(Node::as_str).unwrap_or("?");
                let why = format!("option `{option}` of {of} at port {port} is unknown");
                left.out(why, yaml::entry(key, value));
            }
            is_known
        });
        out.push(Node::map(options.collect(), listener.pos()));
    }
    Node::seq(out, value.pos())
}

/// Whether a node is a map or list without anything in it.
fn is_empty(node: &Node) -> bool {
    match node.kind() {
        Kind::Map(entries) => entries.is_empty(),
        Kind::Seq(items) => items.is_empty(),
        _ => false,
    }
}
