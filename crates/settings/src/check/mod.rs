//! The checks: a node of the file against the type the catalogue gives its option.

mod address;
mod files;
mod pattern;
mod scalar;

pub(crate) use address::domain;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::catalogue::{DefaultValue, OptionSpec, Type};
use crate::load::FileChecks;
use crate::node::{Kind, Node};
use crate::problem::Problem;
use crate::section::{Section, Slot};
use crate::source::Pos;
use crate::suggest::{self, Place};
use crate::value::Value;

/// What checks need to know besides the type.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) hosts: &'a [String],
    pub(crate) files: FileChecks,
    /// Relative paths in options are taken from here.
    pub(crate) folder: &'a Path,
}

/// The failure of a check; the problem is already reported.
pub(crate) struct Failed;

/// Checks nodes and gathers what is wrong with them.
pub(crate) struct Checker<'a> {
    pub(crate) around: Surroundings<'a>,
    pub(crate) problems: Vec<Problem>,
    /// The option being checked: its name, and what it belongs to.
    option: (&'static str, String),
    /// The default of that option, which holds for its fields one by one.
    default: &'static DefaultValue,
    secret: bool,
}

/// The checked options of one map, by name.
pub(crate) type Slots = HashMap<&'static str, Slot>;

impl<'a> Checker<'a> {
    pub(crate) fn new(around: Surroundings<'a>) -> Self {
        Self {
            around,
            problems: Vec::new(),
            option: ("", String::new()),
            default: &DefaultValue::Unset,
            secret: false,
        }
    }

    /// Reports a problem at a node, labelled with the option it belongs to.
    fn fail<T>(&mut self, problem: Problem) -> Result<T, Failed> {
        let (name, owner) = &self.option;
        let mut problem = problem.label(match owner.is_empty() {
            true => format!("option `{name}`"),
            false => format!("option `{name}` of {owner}"),
        });
        if self.secret {
            problem = problem.secret();
        }
        self.problems.push(problem);
        Err(Failed)
    }

    fn unexpected<T>(&mut self, kind: &Type, node: &Node) -> Result<T, Failed> {
        self.unexpected_with(kind, node, None)
    }

    fn unexpected_with<T>(
        &mut self,
        kind: &Type,
        node: &Node,
        help: Option<String>,
    ) -> Result<T, Failed> {
        let found = if self.secret { "something else".to_owned() } else { node.describe() };
        let mut problem = node.problem(format!("expected {}, found {found}", kind.words()));
        if let Some(help) = help {
            problem = problem.help(help);
        }
        self.fail(problem)
    }

    /// Checks the value of one option; `owner` is empty at the top level.
    pub(crate) fn option(
        &mut self,
        spec: &'static OptionSpec,
        owner: &str,
        node: &Node,
    ) -> Result<Value, Failed> {
        let outer = std::mem::replace(&mut self.option, (spec.name, owner.to_owned()));
        let before = self.problems.len();
        let default = inner_default(self.default, spec);
        let outer_default = std::mem::replace(&mut self.default, default);
        let secret = spec.secret || self.secret;
        let outer_secret = std::mem::replace(&mut self.secret, secret);
        let checked = self.value(&spec.kind, node).map(|value| conceal(value, spec.secret));
        let checked = match checked {
            Err(Failed) if node.pos().is_built_in() => {
                self.problems.truncate(before);
                Ok(crate::defaults::odd(spec, node))
            }
            other => other,
        };
        self.option = outer;
        self.default = outer_default;
        self.secret = outer_secret;
        checked
    }

    /// Checks a node against a type.
    pub(crate) fn value(&mut self, kind: &'static Type, node: &Node) -> Result<Value, Failed> {
        match kind {
            Type::Any => Ok(Value::Node(node.clone())),
            Type::List { .. } => self.list(kind, node),
            Type::Map { .. } => self.map(kind, node),
            Type::Options { fields, unique } => self.fields(kind, fields, *unique, node),
            Type::Either(of) => self.either(kind, of, node),
            Type::Access | Type::Shaper => match node.kind() {
                Kind::Null => self.unexpected(kind, node),
                _ => Ok(Value::Node(node.clone())),
            },
            Type::AccessRules
            | Type::Acl
            | Type::ApiPermissions
            | Type::Shapers
            | Type::ShaperRules
            | Type::Vcard
            | Type::ModuleOverrides => match node.entries() {
                Some(_) => Ok(Value::Node(node.clone())),
                None => self.unexpected(kind, node),
            },
            Type::HostOptions | Type::ModuleOptions | Type::Listener => {
                Ok(Value::Node(node.clone()))
            }
            Type::Bool
            | Type::Int { .. }
            | Type::NumberFromZero
            | Type::Duration { .. }
            | Type::Text(_)
            | Type::Enum(_)
            | Type::Word
            | Type::DbType(_)
            | Type::ModuleName => self.scalar(kind, node),
            Type::File(_) | Type::Directory(_) | Type::Path | Type::Pem | Type::UrlOrFile => {
                self.file(kind, node)
            }
            Type::Regex
            | Type::Glob
            | Type::Octal
            | Type::Base64
            | Type::Lang
            | Type::LdapFilter
            | Type::TopicFilter => self.pattern(kind, node),
            Type::Domain
            | Type::Host
            | Type::Jid
            | Type::Ip
            | Type::Ipv4
            | Type::Ipv6
            | Type::IpMask
            | Type::Url(_)
            | Type::SipUri
            | Type::Origins => self.address(kind, node),
        }
    }

    /// The text of a scalar that is no number, or a problem that says how to write it.
    fn text<'n>(&mut self, kind: &Type, node: &'n Node) -> Result<&'n str, Failed> {
        if let Some(text) = node.as_text() {
            return Ok(text);
        }
        let help = node.as_str().map(|number| match self.secret {
            true => "put it in quotes".to_owned(),
            false => format!("put it in quotes: \"{number}\""),
        });
        self.unexpected_with(kind, node, help)
    }

    fn list(&mut self, kind: &'static Type, node: &Node) -> Result<Value, Failed> {
        let Type::List { of, unique, sorted, non_empty, single } = kind else {
            return self.unexpected(kind, node);
        };
        let bare;
        let items = match (node.items(), node.kind()) {
            (Some(items), _) => items,
            (None, Kind::Scalar(_) | Kind::Map(_)) if *single => {
                bare = [node.clone()];
                &bare
            }
            (None, Kind::Scalar(scalar)) => {
                let help =
                    if self.secret { "- ...".to_owned() } else { format!("`[{}]`", scalar.text) };
                return self.unexpected_with(
                    kind,
                    node,
                    Some(format!("write a list of one: {help}")),
                );
            }
            _ => return self.unexpected(kind, node),
        };
        if *non_empty && items.is_empty() {
            return self.fail(node.problem("this list may not be empty"));
        }
        let mut values: Vec<Value> = Vec::with_capacity(items.len());
        let mut failed = false;
        for item in items {
            match self.value(of, item) {
                Err(Failed) => failed = true,
                Ok(value) if *unique && values.contains(&value) => {
                    let found = if self.secret { "this item".to_owned() } else { item.describe() };
                    failed = self
                        .fail::<()>(item.problem(format!("{found} is in the list twice")))
                        .is_err();
                }
                Ok(value) => values.push(value),
            }
        }
        if *sorted {
            values.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
        }
        if failed { Err(Failed) } else { Ok(Value::List(values)) }
    }

    fn map(&mut self, kind: &'static Type, node: &Node) -> Result<Value, Failed> {
        let Type::Map { key: key_kind, value: value_kind, unique, non_empty } = kind else {
            return self.unexpected(kind, node);
        };
        let Some(entries) = node.entries() else {
            return self.unexpected(kind, node);
        };
        if *non_empty && entries.is_empty() {
            return self.fail(node.problem("this map may not be empty"));
        }
        let mut values: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
        let mut failed = false;
        for (key, value) in entries {
            let checked = (self.value(key_kind, key), self.value(value_kind, value));
            let (Ok(checked_key), Ok(checked_value)) = checked else {
                failed = true;
                continue;
            };
            if *unique && values.iter().any(|(other, _)| *other == checked_key) {
                failed = self
                    .fail::<()>(key.problem(format!("{} is in the map twice", key.describe())))
                    .is_err();
            }
            values.push((checked_key, checked_value));
        }
        if failed { Err(Failed) } else { Ok(Value::Map(values)) }
    }

    fn fields(
        &mut self,
        kind: &'static Type,
        fields: &'static [OptionSpec],
        unique: bool,
        node: &Node,
    ) -> Result<Value, Failed> {
        let Some(entries) = node.entries() else {
            return self.unexpected(kind, node);
        };
        let before = self.problems.len();
        let (name, owner) = self.option.clone();
        let title = match owner.is_empty() {
            true => format!("`{name}`"),
            false => format!("`{name}` of {owner}"),
        };
        let specs: Vec<&'static OptionSpec> = fields.iter().collect();
        let mut slots = self.entries(&title, &specs, entries, Place::Field, !unique);
        for field in fields {
            let is_required = field.default == DefaultValue::Required;
            if is_required && !slots.contains_key(field.name) && self.problems.len() == before {
                let title = format!("{title} needs `{}`", field.name);
                self.problems.push(node.problem(title).help(format!(
                    "add `{}:` with {}",
                    field.name,
                    field.kind.words()
                )));
            }
        }
        if self.problems.len() > before {
            return Err(Failed);
        }
        let whole = self.default;
        let complete = specs.iter().map(|spec| {
            let slot = slots.remove(spec.name);
            let slot = slot.unwrap_or_else(|| Slot::default(self.field_default(whole, spec)));
            (*spec, Arc::new(slot))
        });
        let complete = complete.collect();
        Ok(Value::Options(Section::new(title, complete)))
    }

    /// Checks the entries of a map with known keys. Unknown and repeated keys are problems.
    pub(crate) fn entries(
        &mut self,
        owner: &str,
        specs: &[&'static OptionSpec],
        entries: &[(Node, Node)],
        place: Place<'_>,
        last_wins: bool,
    ) -> Slots {
        let mut slots = Slots::new();
        let mut seen: HashMap<&str, Pos> = HashMap::new();
        for (key, value) in entries {
            let name = key.as_str().unwrap_or_default();
            let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
                self.unknown(owner, specs, key, place);
                continue;
            };
            if let Some(first) = seen.insert(spec.name, key.pos())
                && !last_wins
            {
                let problem = key.problem(format!("option `{name}` is written twice"));
                self.problems.push(
                    problem.help(format!("it stands in line {} already; keep one", first.line)),
                );
                continue;
            }
            if let Ok(checked) = self.option(spec, owner, value) {
                slots.insert(
                    spec.name,
                    Slot { value: checked, pos: value.pos(), key_pos: key.pos() },
                );
            }
        }
        slots
    }

    fn unknown(
        &mut self,
        owner: &str,
        specs: &[&'static OptionSpec],
        key: &Node,
        place: Place<'_>,
    ) {
        let names: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
        let title = match (key.as_str(), owner.is_empty()) {
            (None, _) => format!("expected the name of an option, found {}", key.describe()),
            (Some(name), true) => format!("unknown option `{name}`"),
            (Some(name), false) => format!("unknown option `{name}` of {owner}"),
        };
        let problem = key.problem(title);
        let problem = match key.as_str() {
            Some(name) => suggest::option(problem, name, place, &names),
            None => problem,
        };
        self.problems.push(problem);
    }

    /// Tries the alternatives in order. When none fits, the one of the shape that was written speaks.
    fn either(
        &mut self,
        kind: &'static Type,
        of: &'static [Type],
        node: &Node,
    ) -> Result<Value, Failed> {
        let before = self.problems.len();
        let mut told: Option<Vec<Problem>> = None;
        for alternative in of {
            match self.value(alternative, node) {
                Ok(value) => {
                    self.problems.truncate(before);
                    return Ok(value);
                }
                Err(Failed) => {
                    let problems = self.problems.split_off(before);
                    if has_shape(alternative, node) {
                        told = Some(problems);
                    }
                }
            }
        }
        match told {
            Some(problems) if node.scalar().is_none() => {
                self.problems.extend(problems);
                Err(Failed)
            }
            _ => self.unexpected(kind, node),
        }
    }

    /// Whether a value names a storage back-end that an option of a back-end type accepts.
    pub(crate) fn is_backend(&self, spec: &OptionSpec, value: &Value) -> bool {
        let Type::DbType(owner) = spec.kind else {
            return true;
        };
        value.as_str().is_some_and(|name| scalar::backends(owner, spec.name).contains(&name))
    }

    /// The value of a field that was not written: what the default of the whole option says of it, else
    /// the field's own default.
    fn field_default(&mut self, whole: &'static DefaultValue, field: &'static OptionSpec) -> Value {
        match crate::defaults::node(inner_default(whole, field)) {
            Some(node) => self.default_from(field, &node),
            None => Value::Unset,
        }
    }

    /// The value of a default given as a node, checked like a written one but without files and complaints.
    pub(crate) fn default_from(&mut self, spec: &'static OptionSpec, node: &Node) -> Value {
        let before = self.problems.len();
        let files = std::mem::replace(&mut self.around.files, FileChecks::Skip);
        let hosts = std::mem::take(&mut self.around.hosts);
        let checked = self.option(spec, "", node);
        self.around.files = files;
        self.around.hosts = hosts;
        self.problems.truncate(before);
        checked.unwrap_or_else(|Failed| crate::defaults::odd(spec, node))
    }
}

/// What the default of a whole option says of one of its fields, else the field's own default.
fn inner_default(
    whole: &'static DefaultValue,
    field: &'static OptionSpec,
) -> &'static DefaultValue {
    let of_whole = match whole {
        DefaultValue::Map(entries) => entries.iter().find(|(name, _)| *name == field.name),
        _ => None,
    };
    of_whole.map_or(&field.default, |(_, default)| default)
}

/// Whether a type is written the way a node is: list for list, map for map.
fn has_shape(kind: &Type, node: &Node) -> bool {
    match node.kind() {
        Kind::Null | Kind::Scalar(_) => false,
        Kind::Seq(_) => matches!(kind, Type::List { .. }),
        Kind::Map(_) => matches!(kind, Type::Map { .. } | Type::Options { .. }),
    }
}

/// Turns the texts of a secret option into secrets.
fn conceal(value: Value, secret: bool) -> Value {
    match value {
        Value::Text(text) if secret && text.is_empty() => Value::Unset,
        Value::Text(text) if secret => Value::Secret(stdx::Secret::new(&*text)),
        Value::List(items) if secret => {
            Value::List(items.into_iter().map(|item| conceal(item, true)).collect())
        }
        other => other,
    }
}
