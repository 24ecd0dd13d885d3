//! `define_macro`, `define_keyword` and the predefined keywords: names in values replaced by values.
//!
//! COMPAT: a macro replaces a whole value that is its name, quoted or not; a keyword only a bare word in
//! capitals. Inside a longer text both are written `@NAME@`. Keys are never replaced.

use std::collections::HashMap;

use crate::node::{Kind, Node, Scalar};
use crate::problem::{Note, NoteKind, Problem};
use crate::source::Sources;
use crate::yaml;

/// Most nodes all replacements of one load may add.
const ADDED_NODES_MAX: usize = 400_000;
/// Most bytes all replacements of one load may add.
const ADDED_BYTES_MAX: usize = 32 << 20;
/// Macros may use macros this deep.
const MACRO_DEPTH_MAX: usize = 32;

/// What replacements may still add, so that names that double each other cannot fill the memory.
#[derive(Debug)]
pub(crate) struct Budget {
    nodes: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { nodes: ADDED_NODES_MAX, bytes: ADDED_BYTES_MAX }
    }
}

impl Budget {
    fn spend(&mut self, nodes: usize, bytes: usize) -> bool {
        let left = (self.nodes.checked_sub(nodes), self.bytes.checked_sub(bytes));
        let (Some(nodes), Some(bytes)) = left else {
            return false;
        };
        (self.nodes, self.bytes) = (nodes, bytes);
        true
    }
}

/// Names and what stands for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    values: HashMap<String, Node>,
    /// Macros replace quoted values too.
    quoted_too: bool,
}

impl Names {
    pub(crate) fn set(&mut self, name: &str, value: Node) {
        self.values.insert(name.to_owned(), value);
    }

    /// Takes over all names of another set, which win.
    pub(crate) fn set_all(&mut self, other: Names) {
        self.values.extend(other.values);
    }

    /// Replaces the names in a value; `Err` once the budget is spent.
    pub(crate) fn expand(&self, node: &Node, budget: &mut Budget) -> Result<Node, Problem> {
        if self.values.is_empty() {
            return Ok(node.clone());
        }
        match node.kind() {
            Kind::Null => Ok(node.clone()),
            Kind::Scalar(scalar) => self.expand_scalar(scalar, node, budget),
            Kind::Seq(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.expand(item, budget)).collect();
                Ok(Node::seq(items?, node.pos()))
            }
            Kind::Map(entries) => {
                let expanded = entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.expand(value, budget)?)));
                Ok(Node::map(expanded.collect::<Result<Vec<_>, Problem>>()?, node.pos()))
            }
        }
    }

    fn expand_scalar(
        &self,
        scalar: &Scalar,
        node: &Node,
        budget: &mut Budget,
    ) -> Result<Node, Problem> {
        let too_large = || node.problem("macros and keywords make the settings too large here");
        if (self.quoted_too || !scalar.quoted)
            && let Some(value) = self.values.get(&*scalar.text)
        {
            let (nodes, bytes) = extent(value);
            return match budget.spend(nodes, bytes) {
                true => Ok(Node::new(value.kind().clone(), node.pos())),
                false => Err(too_large()),
            };
        }
        let Some(text) = self.expand_text(&scalar.text, budget).map_err(|()| too_large())? else {
            return Ok(node.clone());
        };
        Ok(Node::quoted(text, node.pos()))
    }

    /// Replaces every `@NAME@`; `None` when there is none.
    fn expand_text(&self, text: &str, budget: &mut Budget) -> Result<Option<String>, ()> {
        if !text.contains('@') {
            return Ok(None);
        }
        let mut out = String::new();
        let mut rest = text;
        let mut changed = false;
        while let Some((before, after)) = rest.split_once('@') {
            out.push_str(before);
            let found = after.split_once('@').and_then(|(name, rest)| {
                let value = self.values.get(name)?.as_str()?;
                Some((value, rest))
            });
            match found {
                None => {
                    out.push('@');
                    rest = after;
                }
                Some((value, after)) => {
                    if !budget.spend(0, value.len()) {
                        return Err(());
                    }
                    out.push_str(value);
                    rest = after;
                    changed = true;
                }
            }
        }
        out.push_str(rest);
        Ok(changed.then_some(out))
    }
}

fn extent(node: &Node) -> (usize, usize) {
    let add = |sum: (usize, usize), node: &Node| {
        let (nodes, bytes) = extent(node);
        (sum.0 + nodes, sum.1 + bytes)
    };
    match node.kind() {
        Kind::Null => (1, 0),
        Kind::Scalar(scalar) => (1, scalar.text.len()),
        Kind::Seq(items) => items.iter().fold((1, 0), add),
        Kind::Map(entries) => {
            entries.iter().fold((1, 0), |sum, (key, value)| add(add(sum, key), value))
        }
    }
}

/// The prefix of environment variables that define macros.
const ENVIRONMENT_PREFIX: &str = "EJABBERD_MACRO_";

/// Takes the macro definitions out of the root, adds those of the environment, and replaces all macros.
pub(crate) fn apply_macros(
    root: Vec<(Node, Node)>,
    env: &[(String, String)],
    sources: &mut Sources,
    budget: &mut Budget,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) -> Vec<(Node, Node)> {
    let (definitions, rest): (Vec<_>, Vec<_>) =
        root.into_iter().partition(|(key, _)| key.as_str() == Some("define_macro"));
    let mut raw = Names { values: HashMap::new(), quoted_too: true };
    for (_, value) in &definitions {
        define(value, "macro", &mut raw, problems);
    }
    for (variable, value) in env {
        let Some(name) = variable.strip_prefix(ENVIRONMENT_PREFIX) else {
            continue;
        };
        let file = sources.add(format!("environment variable {variable}"), value.clone());
        match yaml::parse(file, value) {
            Ok(node) => raw.set(name, node),
            Err(problem) => problems.push(problem),
        }
    }
    let macros = resolve(raw, budget, problems);
    let mut expanded = Vec::with_capacity(rest.len());
    for (key, value) in rest {
        warn_of_host_macros(&key, &value, notes);
        match macros.expand(&value, budget) {
            Ok(value) => expanded.push((key, value)),
            Err(problem) => problems.push(problem),
        }
    }
    expanded
}

/// Adds the definitions of one `define_macro` or `define_keyword` value.
pub(crate) fn define(value: &Node, what: &str, names: &mut Names, problems: &mut Vec<Problem>) {
    let Some(pairs) = value.pairs() else {
        let title =
            format!("expected a map from {what} names to values, found {}", value.describe());
        problems.push(value.problem(title));
        return;
    };
    for (key, value) in pairs {
        let name = key.as_str().unwrap_or_default();
        let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || !name.bytes().all(allowed) {
            let title = format!("{} is no name for a {what}", key.describe());
            problems
                .push(key.problem(title).help("use capital letters, digits and `_`: `SQL_PORT`"));
        } else if names.values.contains_key(name) {
            problems.push(key.problem(format!("the {what} `{name}` is defined twice")));
        } else {
            names.set(name, value.clone());
        }
    }
}

/// Replaces macros inside macros.
fn resolve(raw: Names, budget: &mut Budget, problems: &mut Vec<Problem>) -> Names {
    let mut names: Vec<&String> = raw.values.keys().collect();
    names.sort();
    let mut done = Names { values: HashMap::new(), quoted_too: true };
    for name in names {
        let mut path = Vec::new();
        if let Err(problem) = resolve_one(name, &raw, &mut done, &mut path, budget) {
            problems.push(problem);
        }
    }
    done
}

fn resolve_one<'a>(
    name: &'a str,
    raw: &'a Names,
    done: &mut Names,
    path: &mut Vec<&'a str>,
    budget: &mut Budget,
) -> Result<(), Problem> {
    let Some((name, node)) = raw.values.get_key_value(name) else {
        return Ok(());
    };
    if done.values.contains_key(name) {
        return Ok(());
    }
    if path.contains(&name.as_str()) || path.len() == MACRO_DEPTH_MAX {
        // Defined as nothing, so that the circle is reported once and not by every member.
        done.set(name, Node::new(Kind::Null, node.pos()));
        return Err(node.problem(format!(
            "the macro `{name}` stands for itself, through `{}`",
            path.join("`, `")
        )));
    }
    path.push(name);
    let mut used = Vec::new();
    collect_names(node, raw, &mut used);
    for inner in used {
        resolve_one(inner, raw, done, path, budget)?;
    }
    path.pop();
    let value = done.expand(node, budget)?;
    done.set(name, value);
    Ok(())
}

fn collect_names<'a>(node: &Node, raw: &'a Names, used: &mut Vec<&'a str>) {
    match node.kind() {
        Kind::Null => {}
        Kind::Scalar(scalar) => {
            let whole = raw.values.get_key_value(&*scalar.text);
            let inside = scalar.text.split('@').filter_map(|part| raw.values.get_key_value(part));
            used.extend(whole.into_iter().chain(inside).map(|(name, _)| name.as_str()));
        }
        Kind::Seq(items) => items.iter().for_each(|item| collect_names(item, raw, used)),
        Kind::Map(entries) => entries.iter().for_each(|(_, value)| collect_names(value, raw, used)),
    }
}

fn warn_of_host_macros(key: &Node, value: &Node, notes: &mut Vec<Note>) {
    if !matches!(key.as_str(), Some("host_config" | "append_host_config")) {
        return;
    }
    for (_, body) in value.entries().unwrap_or_default() {
        for (key, _) in body.entries().unwrap_or_default() {
            if key.as_str() == Some("define_macro") {
                let problem = key.problem("macros defined for one host have no effect");
                let problem = problem.help("define them at the top level, or use `define_keyword`");
                notes.push(Note::new(NoteKind::Ignored, problem));
            }
        }
    }
}
