//! The global options and the keywords of the top level.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Assembly, Table};
use crate::catalogue::{self, DefaultValue, OptionSpec, TOPLEVEL, Type};
use crate::keywords::{self, Names};
use crate::node::Node;
use crate::section::{Section, Slot};
use crate::source::Pos;
use crate::suggest::{self, Place};
use crate::value::Value;

/// COMPAT: options that are read before keywords are known.
const WITHOUT_KEYWORDS: &[&str] =
    &["hosts", "loglevel", "version", "define_keyword", "define_macro"];

impl Assembly<'_> {
    /// The keywords that hold everywhere: predefined ones, and those of the top level over them.
    pub(crate) fn global_names(&mut self, table: &Table) -> Names {
        let mut names = Names::default();
        let inputs = self.inputs;
        let paths = [
            ("HOME", &inputs.home),
            ("CONFIG_PATH", &inputs.config_path),
            ("DATABASE_PATH", &inputs.database_path),
            ("LOG_PATH", &inputs.log_path),
        ];
        for (name, path) in paths {
            names.set(name, Node::quoted(path.display().to_string(), Pos::BUILT_IN));
        }
        let version = table.get("version").and_then(|written| written.value.as_str());
        let version = version.unwrap_or(&inputs.version).to_owned();
        names.set("SEMVER", Node::quoted(version.as_str(), Pos::BUILT_IN));
        names.set("VERSION", Node::quoted(version.as_str(), Pos::BUILT_IN));
        self.add_keywords(&mut names, table);
        names
    }

    /// Adds the `define_keyword` entries of a table; they win over what is there.
    pub(crate) fn add_keywords(&mut self, names: &mut Names, table: &Table) {
        if let Some(written) = table.get("define_keyword") {
            let mut defined = Names::default();
            keywords::define(&written.value, "keyword", &mut defined, &mut self.checker.problems);
            names.set_all(defined);
        }
    }

    /// The global section: what is written at the top level, completed with defaults.
    pub(crate) fn global(&mut self, table: &Table, names: &Names) -> Section {
        self.report_unknown(table);
        let mut slots: HashMap<&'static str, Arc<Slot>> = HashMap::with_capacity(TOPLEVEL.len());
        for spec in TOPLEVEL {
            let Some(written) = table.get(spec.name) else {
                continue;
            };
            let slot = self.toplevel_slot(spec, &written.key, &written.value, names);
            slots.insert(spec.name, Arc::new(slot));
        }
        self.complete("the server", slots, names)
    }

    fn report_unknown(&mut self, table: &Table) {
        let known: Vec<&str> = TOPLEVEL.iter().map(|spec| spec.name).collect();
        for (name, written) in table {
            if catalogue::toplevel(name).is_none() {
                let problem = written.key.problem(format!("unknown option `{name}`"));
                self.problem(suggest::option(problem, name, Place::Toplevel, &known));
            }
        }
    }

    /// Checks one written top-level option.
    pub(crate) fn toplevel_slot(
        &mut self,
        spec: &'static OptionSpec,
        key: &Node,
        value: &Node,
        names: &Names,
    ) -> Slot {
        let mut slot = Slot { value: Value::Unset, pos: value.pos(), key_pos: key.pos() };
        // Read in passes of their own; keywords may hold secrets and are kept nowhere.
        let is_own_pass = matches!(
            spec.name,
            "modules"
                | "listen"
                | "host_config"
                | "append_host_config"
                | "hosts"
                | "define_keyword"
        );
        if is_own_pass {
            return slot;
        }
        let expanded = match WITHOUT_KEYWORDS.contains(&spec.name) {
            true => value.clone(),
            false => self.expand(value, names),
        };
        if let Ok(checked) = self.checker.option(spec, "", &expanded) {
            slot.value = normalised(spec, checked);
        }
        slot
    }

    /// Adds defaults: plain ones first, then those that refer to other options.
    pub(crate) fn complete(
        &mut self,
        title: &str,
        mut slots: HashMap<&'static str, Arc<Slot>>,
        names: &Names,
    ) -> Section {
        for refers in [false, true] {
            for spec in TOPLEVEL.iter().filter(|spec| refers_to_others(spec) == refers) {
                if slots.contains_key(spec.name) {
                    continue;
                }
                let of =
                    |name: &str| slots.get(name).map_or(Value::Unset, |slot| slot.value.clone());
                let value = self.default_value(spec, names, &of);
                slots.insert(spec.name, Arc::new(Slot::default(normalised(spec, value))));
            }
        }
        let slots = TOPLEVEL.iter().filter_map(|spec| Some((spec, slots.remove(spec.name)?)));
        Section::new(title, slots.collect())
    }
}

/// Whether a default is worked out from other options.
pub(crate) fn refers_to_others(spec: &OptionSpec) -> bool {
    matches!(
        spec.default,
        DefaultValue::Of(_)
            | DefaultValue::OfOr(..)
            | DefaultValue::ListOf(_)
            | DefaultValue::When(..)
    )
}

/// One form for values that may be written in several.
pub(crate) fn normalised(spec: &OptionSpec, value: Value) -> Value {
    let joins = spec.name.ends_with("_ciphers") || spec.name == "ciphers";
    match (spec.name, value) {
        ("loglevel", Value::Int(level)) => Value::text(match level {
            0 => "none",
            1 => "critical",
            2 => "error",
            3 => "warning",
            4 => "info",
            _ => "debug",
        }),
        ("s2s_use_starttls", Value::Bool(true)) => Value::text("optional"),
        ("s2s_use_starttls", Value::Bool(false)) => Value::text("false"),
        ("disable_sasl_mechanisms", Value::List(items)) => {
            let upper =
                items.iter().filter_map(Value::as_str).map(|item| Value::text(item.to_uppercase()));
            Value::List(upper.collect())
        }
        ("ldap_uids", Value::List(items)) => {
            Value::Map(items.into_iter().map(|item| (item, Value::text("%u"))).collect())
        }
        (_, Value::List(items)) if joins && matches!(spec.kind, Type::Either(_)) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Value::text(items.join(":"))
        }
        (_, value) => value,
    }
}
