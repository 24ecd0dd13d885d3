//! From rewritten entries to a [`Config`]: global options, hosts, listeners, modules.

mod hosts;
mod listeners;
mod modules;
mod toplevel;

use std::collections::HashMap;
use std::sync::Arc;

use crate::catalogue::{DefaultValue, OptionSpec};
use crate::check::{Checker, Surroundings};
use crate::config::{Config, HostParts, Parts};
use crate::keywords::{Budget, Names};
use crate::load::Inputs;
use crate::node::{Kind, Node};
use crate::problem::{Note, Problem};
use crate::source::Pos;
use crate::value::Value;

/// A top-level option as it was written, repeated ones joined.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) key: Node,
    pub(crate) value: Node,
}

/// What was written at the top level or for a host, by option name.
pub(crate) type Table = HashMap<String, Written>;

/// Everything the parts of the assembly share.
pub(crate) struct Assembly<'a> {
    pub(crate) inputs: &'a Inputs,
    pub(crate) checker: Checker<'a>,
    pub(crate) notes: &'a mut Vec<Note>,
    pub(crate) budget: Budget,
}

/// Builds the configuration; what is wrong is added to `problems`, and the result then means nothing.
pub(crate) fn config(
    entries: Vec<(Node, Node)>,
    inputs: &Inputs,
    budget: Budget,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) -> Config {
    let table = join(entries, problems);
    let mut hosts = hosts::names(&table, problems);
    let has_hosts = !hosts.is_empty();
    if !has_hosts {
        // Already a problem; the rest of the file is checked for a host that stands for any.
        hosts.push("localhost".to_owned());
    }
    let around = Surroundings { hosts: &hosts, files: inputs.files, folder: &inputs.database_path };
    let mut assembly = Assembly { inputs, checker: Checker::new(around), notes, budget };
    let names = assembly.global_names(&table);
    let global = assembly.global(&table, &names);
    let listeners = assembly.listeners(&table, &names, &global);
    let mut own = assembly.host_tables(&table, if has_hosts { &hosts } else { &[] });
    let mut by_host = HashMap::with_capacity(hosts.len());
    for host in &hosts {
        let tables = own.remove(host).unwrap_or_default();
        let names = assembly.host_names(&names, host, &tables);
        let options = assembly.host_options(host, &table, &tables, &names, &global);
        let written = assembly.effective("modules", &table, &tables);
        let modules = assembly.modules(host, written.as_ref(), &names, &options);
        by_host.insert(host.clone(), HostParts { options, modules });
    }
    problems.append(&mut assembly.checker.problems);
    Config(Arc::new(Parts { global, hosts, by_host, listeners }))
}

/// Joins options written more than once: lists and maps in a row, anything else is a problem.
pub(crate) fn join(entries: Vec<(Node, Node)>, problems: &mut Vec<Problem>) -> Table {
    let mut table = Table::with_capacity(entries.len());
    for (key, value) in entries {
        let name =
            match key.as_str() {
                Some(name) => name.to_owned(),
                None => {
                    problems.push(key.problem(format!(
                        "expected the name of an option, found {}",
                        key.describe()
                    )));
                    continue;
                }
            };
        match table.get_mut(&name) {
            None => {
                table.insert(name, Written { key, value });
            }
            Some(first) => match joined(&first.value, &value) {
                Some(both) => first.value = both,
                None => {
                    let problem = key.problem(format!("option `{name}` is written twice"));
                    let line = first.key.pos().line;
                    problems
                        .push(problem.help(format!("it stands in line {line} already; keep one")));
                }
            },
        }
    }
    table
}

/// Two lists or two maps in a row; `None` for anything else.
pub(crate) fn joined(first: &Node, second: &Node) -> Option<Node> {
    match (first.kind(), second.kind()) {
        (Kind::Seq(left), Kind::Seq(right)) => {
            Some(Node::seq([&left[..], &right[..]].concat(), first.pos()))
        }
        (Kind::Map(left), Kind::Map(right)) => {
            Some(Node::map([&left[..], &right[..]].concat(), first.pos()))
        }
        (Kind::Seq(empty), Kind::Map(_)) if empty.is_empty() => Some(second.clone()),
        (Kind::Map(_), Kind::Seq(empty)) if empty.is_empty() => Some(first.clone()),
        _ => None,
    }
}

impl Assembly<'_> {
    /// Replaces keywords; a spent budget is a problem and leaves the value as it was.
    pub(crate) fn expand(&mut self, node: &Node, names: &Names) -> Node {
        match names.expand(node, &mut self.budget) {
            Ok(node) => node,
            Err(problem) => {
                self.checker.problems.push(problem);
                node.clone()
            }
        }
    }

    /// The value of an option that was not written. `of` looks up top-level options.
    pub(crate) fn default_value(
        &mut self,
        spec: &'static OptionSpec,
        names: &Names,
        of: &dyn Fn(&str) -> Value,
    ) -> Value {
        match &spec.default {
            DefaultValue::Of(name) => of(name),
            DefaultValue::ListOf(name) => Value::List(vec![of(name)]),
            DefaultValue::List([DefaultValue::Of(name)]) => Value::List(vec![of(name)]),
            DefaultValue::OfOr(name, fallback) => {
                let value = of(name);
                match self.checker.is_backend(spec, &value) {
                    true => value,
                    false => Value::text(*fallback),
                }
            }
            DefaultValue::When(name, arms, rest) => {
                let value = of(name);
                let arm = arms
                    .iter()
                    .find(|(word, _)| value.as_str() == Some(word))
                    .map_or(*rest, |(_, arm)| arm);
                crate::defaults::node(arm)
                    .map_or(Value::Unset, |node| self.checker.default_from(spec, &node))
            }
            DefaultValue::AtStart(_) if spec.name == "version" => {
                Value::text(self.inputs.version.as_str())
            }
            plain => match crate::defaults::node(plain) {
                Some(node) => {
                    let node = self.expand(&node, names);
                    self.checker.default_from(spec, &node)
                }
                None => Value::Unset,
            },
        }
    }

    pub(crate) fn problem(&mut self, problem: Problem) {
        self.checker.problems.push(problem);
    }
}

/// The start of the file an option set stands in, for problems of something missing.
pub(crate) fn start_of(table: &Table) -> Pos {
    let first = table.values().map(|written| written.key.pos()).min();
    first.unwrap_or(Pos::BUILT_IN)
}
