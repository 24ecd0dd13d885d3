//! The checked options of one thing (the server, a host, a listener, a module), by name and typed.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use stdx::Secret;

use crate::catalogue::OptionSpec;
use crate::node::Node;
use crate::problem::Problem;
use crate::source::Pos;
use crate::value::{Limit, Value};

/// The options of one thing, complete: what was not written holds its default.
///
/// Cloning is cheap. Asking for a name the catalogue does not have there, or for another type than
/// the catalogue says, is a mistake in the program: the getters then panic and say which name.
#[derive(Clone, PartialEq)]
pub struct Section(Arc<Inner>);

#[derive(PartialEq)]
struct Inner {
    title: String,
    /// Sorted by name.
    slots: Vec<(&'static OptionSpec, Arc<Slot>)>,
}

/// The value of one option and where it was written.
#[derive(Clone)]
pub(crate) struct Slot {
    pub(crate) value: Value,
    pub(crate) pos: Pos,
    pub(crate) key_pos: Pos,
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Slot {
    pub(crate) fn default(value: Value) -> Self {
        Self { value, pos: Pos::BUILT_IN, key_pos: Pos::BUILT_IN }
    }
}

impl Section {
    pub(crate) fn new(
        title: impl Into<String>,
        mut slots: Vec<(&'static OptionSpec, Arc<Slot>)>,
    ) -> Self {
        slots.sort_by_key(|(spec, _)| spec.name);
        Self(Arc::new(Inner { title: title.into(), slots }))
    }

    /// The same section with another value of one option.
    pub(crate) fn with(&self, name: &str, value: Value) -> Self {
        let slots = self.0.slots.iter().map(|(spec, slot)| match spec.name == name {
            true => (
                *spec,
                Arc::new(Slot { value: value.clone(), pos: slot.pos, key_pos: slot.key_pos }),
            ),
            false => (*spec, Arc::clone(slot)),
        });
        Self::new(self.title(), slots.collect())
    }

    /// What the options belong to, for messages: `mod_mam`, `ejabberd_c2s on port 5222`.
    pub fn title(&self) -> &str {
        &self.0.title
    }

    fn slot(&self, name: &str) -> &Slot {
        self.find(name).map_or_else(
            || panic!("`{}` has no option `{name}` in the catalogue of settings", self.0.title),
            |(_, slot)| slot.as_ref(),
        )
    }

    pub(crate) fn find(&self, name: &str) -> Option<&(&'static OptionSpec, Arc<Slot>)> {
        let at = self.0.slots.binary_search_by_key(&name, |(spec, _)| spec.name).ok()?;
        self.0.slots.get(at)
    }

    /// Whether the catalogue has an option of this name here.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value of an option.
    pub fn get(&self, name: &str) -> &Value {
        &self.slot(name).value
    }

    /// Whether the option was written in the file, as opposed to a default.
    pub fn is_set(&self, name: &str) -> bool {
        !self.slot(name).key_pos.is_built_in()
    }

    /// Where the value was written; [`Pos::BUILT_IN`] for a default.
    pub fn pos(&self, name: &str) -> Pos {
        self.slot(name).pos
    }

    /// A problem at the value of an option, in the words every settings problem has.
    pub fn problem(&self, name: &str, title: impl Into<String>) -> Problem {
        let slot = self.slot(name);
        let problem =
            Problem::new(slot.pos, title).label(format!("option `{name}` of {}", self.0.title));
        if matches!(slot.value, Value::Secret(_)) { problem.secret() } else { problem }
    }

    /// The options written in the file, with the place of their names.
    pub fn written(&self) -> impl Iterator<Item = (&'static OptionSpec, Pos)> {
        let slots = self.0.slots.iter();
        slots
            .filter(|(_, slot)| !slot.key_pos.is_built_in())
            .map(|(spec, slot)| (*spec, slot.key_pos))
    }

    /// All options with their values, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static OptionSpec, &Value)> {
        self.0.slots.iter().map(|(spec, slot)| (*spec, &slot.value))
    }

    /// The written options whose value is or holds a secret, with the place of the value.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&'static str, Pos)> {
        let written = self.0.slots.iter().filter(|(_, slot)| !slot.pos.is_built_in());
        written
            .filter(|(_, slot)| holds_secret(&slot.value))
            .map(|(spec, slot)| (spec.name, slot.pos))
    }

    fn wrong(&self, name: &str, asked: &str) -> ! {
        let value = self.get(name);
        panic!(
            "option `{name}` of `{}` was asked for as {asked}, and it is {value:?}",
            self.0.title
        )
    }

    /// Yes or no; unset counts as no.
    pub fn bool(&self, name: &str) -> bool {
        match self.get(name) {
            Value::Unset => false,
            value => value.as_bool().unwrap_or_else(|| self.wrong(name, "yes or no")),
        }
    }

    /// Yes or no, `None` when unset.
    pub fn bool_if_set(&self, name: &str) -> Option<bool> {
        (!self.get(name).is_unset()).then(|| self.bool(name))
    }

    /// An integer; only for options that always have a value.
    pub fn int(&self, name: &str) -> i64 {
        self.get(name).as_int().unwrap_or_else(|| self.wrong(name, "an integer"))
    }

    /// An integer, `None` when unset.
    pub fn int_if_set(&self, name: &str) -> Option<i64> {
        (!self.get(name).is_unset()).then(|| self.int(name))
    }

    /// A number that may have decimals; only for options that always have a value.
    pub fn number(&self, name: &str) -> f64 {
        self.get(name).as_number().unwrap_or_else(|| self.wrong(name, "a number"))
    }

    /// A count or `infinity`; only for options that always have a value.
    pub fn limit(&self, name: &str) -> Limit<u64> {
        self.get(name).as_limit().unwrap_or_else(|| self.wrong(name, "a count or infinity"))
    }

    /// A count or `infinity`, `None` when unset.
    pub fn limit_if_set(&self, name: &str) -> Option<Limit<u64>> {
        (!self.get(name).is_unset()).then(|| self.limit(name))
    }

    /// A time or `infinity`; only for options that always have a value.
    pub fn duration(&self, name: &str) -> Limit<Duration> {
        self.get(name).as_duration().unwrap_or_else(|| self.wrong(name, "a time"))
    }

    /// A time or `infinity`, `None` when unset.
    pub fn duration_if_set(&self, name: &str) -> Option<Limit<Duration>> {
        (!self.get(name).is_unset()).then(|| self.duration(name))
    }

    /// A text or word, `None` when unset. Options that are a word or yes or no give `true` or `false`.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Value::Unset => None,
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Text(text) => Some(text),
            _ => self.wrong(name, "a text"),
        }
    }

    /// A secret text, `None` when unset.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        match self.get(name) {
            Value::Unset => None,
            Value::Secret(secret) => Some(secret),
            _ => self.wrong(name, "a secret"),
        }
    }

    /// The items of a list; none when unset.
    pub fn list(&self, name: &str) -> &[Value] {
        match self.get(name) {
            Value::Unset => &[],
            Value::List(items) => items,
            _ => self.wrong(name, "a list"),
        }
    }

    /// The texts of a list of texts; none when unset.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        self.list(name).iter().filter_map(Value::as_str).collect()
    }

    /// The entries of a map with free keys; none when unset.
    pub fn map(&self, name: &str) -> &[(Value, Value)] {
        match self.get(name) {
            Value::Unset => &[],
            Value::Map(entries) => entries,
            _ => self.wrong(name, "a map"),
        }
    }

    /// The section of a map with known keys, `None` when unset.
    pub fn section(&self, name: &str) -> Option<&Section> {
        match self.get(name) {
            Value::Unset => None,
            Value::Options(section) => Some(section),
            _ => self.wrong(name, "a map with known keys"),
        }
    }

    /// The node of access rules, shaper rules and the like, `None` when unset.
    pub fn node(&self, name: &str) -> Option<&Node> {
        match self.get(name) {
            Value::Unset => None,
            Value::Node(node) => Some(node),
            _ => self.wrong(name, "a node"),
        }
    }

    /// An address, `None` when unset.
    pub fn ip(&self, name: &str) -> Option<IpAddr> {
        match self.get(name) {
            Value::Unset => None,
            Value::Ip(address) => Some(*address),
            _ => self.wrong(name, "an address"),
        }
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = self.0.slots.iter().map(|(spec, slot)| (spec.name, &slot.value));
        write!(f, "{} ", self.0.title)?;
        f.debug_map().entries(slots).finish()
    }
}

fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Secret(_) => true,
        Value::List(items) => items.iter().any(holds_secret),
        Value::Map(entries) => entries.iter().any(|(_, value)| holds_secret(value)),
        Value::Options(section) => section.all().any(|(_, value)| holds_secret(value)),
        _ => false,
    }
}
