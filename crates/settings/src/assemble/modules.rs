//! The modules of a host: their options, dependencies and order.

use std::collections::HashMap;
use std::sync::Arc;

use super::toplevel::normalised;
use super::{Assembly, Written};
use crate::catalogue::{self, DefaultValue, MODULES, ModuleSpec, OptionSpec, Type};
use crate::check::Slots;
use crate::config::ModuleConfig;
use crate::keywords::Names;
use crate::node::Node;
use crate::problem::{Note, NoteKind};
use crate::section::{Section, Slot};
use crate::source::Pos;
use crate::suggest::{self, Place};
use crate::value::Value;

impl Assembly<'_> {
    /// The modules of one host, each after those it needs.
    pub(crate) fn modules(
        &mut self,
        host: &str,
        written: Option<&Written>,
        names: &Names,
        options: &Section,
    ) -> Vec<ModuleConfig> {
        let Some(written) = written else {
            return Vec::new();
        };
        let Some(pairs) = written.value.pairs() else {
            let title = format!(
                "expected a map from modules to their options, found {}",
                written.value.describe()
            );
            self.problem(written.value.problem(title).label("option `modules`"));
            return Vec::new();
        };
        let mut modules: Vec<ModuleConfig> = Vec::with_capacity(pairs.len());
        for (key, body) in pairs {
            let Some(spec) = self.known_module(key) else {
                continue;
            };
            if let Some(first) = modules.iter().find(|module| module.module.name == spec.name) {
                let problem = key.problem(format!("module `{}` is written twice", spec.name));
                let line = first.pos.line;
                self.problem(problem.help(format!("it stands in line {line} already; keep one")));
                continue;
            }
            let options = self.module(spec, key, body, names, options);
            modules.push(ModuleConfig { module: spec, options, pos: key.pos() });
        }
        self.check_dependencies(host, &modules);
        in_order(modules)
    }

    fn known_module(&mut self, key: &Node) -> Option<&'static ModuleSpec> {
        let name = key.as_str().unwrap_or_default();
        let found = catalogue::module(name);
        if found.is_none() {
            let known: Vec<&str> = MODULES.iter().map(|module| module.name).collect();
            let problem = key.problem(format!("unknown module {}", key.describe()));
            let problem = match catalogue::toplevel(name) {
                Some(_) => problem
                    .help(format!("`{name}` is a top-level option; write it without indentation")),
                None => suggest::name(problem, key, &known),
            };
            self.problem(problem);
        }
        found
    }

    fn module(
        &mut self,
        spec: &'static ModuleSpec,
        key: &Node,
        body: &Node,
        names: &Names,
        options: &Section,
    ) -> Section {
        let body = self.expand(body, names);
        let specs: Vec<&'static OptionSpec> = spec.options.iter().collect();
        let Some(entries) = body.entries() else {
            let title = format!(
                "expected a map with options of `{}`, found {}",
                spec.name,
                body.describe()
            );
            self.problem(
                body.problem(title).help(format!("for no options write `{}: {{}}`", spec.name)),
            );
            return Section::new(spec.name, Vec::new());
        };
        let slots =
            self.checker.entries(spec.name, &specs, entries, Place::Module(spec.name), false);
        self.check_module(spec, key, &slots);
        let section = self.module_section(spec, slots, names, options);
        match entries.iter().find(|(key, _)| key.as_str() == Some("append_module_config")) {
            Some((_, overrides)) => {
                self.with_overrides(spec, entries, overrides, section, names, options)
            }
            None => section,
        }
    }

    fn check_module(&mut self, spec: &'static ModuleSpec, key: &Node, slots: &Slots) {
        for option in spec.options {
            if option.default == DefaultValue::Required && !slots.contains_key(option.name) {
                let problem =
                    key.problem(format!("module `{}` needs option `{}`", spec.name, option.name));
                self.problem(problem.help(format!(
                    "add `{}:` with {}",
                    option.name,
                    option.kind.words()
                )));
            }
        }
        let db_type = slots.get("db_type").and_then(|slot| slot.value.as_str());
        for option in spec.options {
            let (Some(backend), Some(slot)) = (option.backend, slots.get(option.name)) else {
                continue;
            };
            if db_type.is_some_and(|db_type| db_type != backend)
                || (db_type.is_none() && backend == "ldap")
            {
                let title = format!(
                    "option `{}` of `{}` has a meaning only with `db_type: {backend}`",
                    option.name, spec.name
                );
                self.problem(
                    crate::problem::Problem::new(slot.key_pos, title)
                        .help("add that, or remove the option"),
                );
            }
        }
    }

    fn module_section(
        &mut self,
        spec: &'static ModuleSpec,
        mut slots: Slots,
        names: &Names,
        options: &Section,
    ) -> Section {
        let of = |name: &str| options.get(name).clone();
        let complete = spec.options.iter().map(|option| {
            let mut slot = slots
                .remove(option.name)
                .unwrap_or_else(|| Slot::default(self.default_value(option, names, &of)));
            slot.value = normalised(option, slot.value);
            (option, Arc::new(slot))
        });
        let complete = complete.collect();
        Section::new(spec.name, complete)
    }

    /// Turns `append_module_config` into one complete section for each service host it names.
    fn with_overrides(
        &mut self,
        spec: &'static ModuleSpec,
        entries: &[(Node, Node)],
        overrides: &Node,
        section: Section,
        names: &Names,
        options: &Section,
    ) -> Section {
        let specs: Vec<&'static OptionSpec> = spec
            .options
            .iter()
            .filter(|option| !matches!(option.kind, Type::ModuleOverrides))
            .collect();
        let mut sections = Vec::new();
        for (host, own) in overrides.entries().unwrap_or_default() {
            let Some(domain) = host.as_text().and_then(crate::check::domain) else {
                self.problem(
                    host.problem(format!("expected a service host, found {}", host.describe())),
                );
                continue;
            };
            let Some(own) = own.pairs() else {
                self.problem(own.problem(format!(
                    "expected options of `{}`, found {}",
                    spec.name,
                    own.describe()
                )));
                continue;
            };
            let own: Vec<(Node, Node)> =
                own.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            let mut merged =
                self.checker.entries(spec.name, &specs, &own, Place::Module(spec.name), false);
            let before = self.checker.problems.len();
            for (name, slot) in
                self.checker.entries(spec.name, &specs, entries, Place::Module(spec.name), true)
            {
                merged.entry(name).or_insert(slot);
            }
            // The module's own entries were reported when they were checked the first time.
            self.checker.problems.truncate(before);
            let complete = self.module_section(spec, merged, names, options);
            sections.push((Value::text(domain), Value::Options(complete)));
        }
        section.with("append_module_config", Value::Map(sections))
    }

    fn check_dependencies(&mut self, host: &str, modules: &[ModuleConfig]) {
        let has = |name: &str| modules.iter().any(|module| module.module.name == name);
        for module in modules {
            let name = module.module.name;
            let plugins = if module.options.has("plugins") {
                module.options.texts("plugins")
            } else {
                Vec::new()
            };
            let for_pep: &[&str] = if plugins.contains(&"pep") { &["mod_caps"] } else { &[] };
            for needed in module.module.needs.iter().chain(for_pep).filter(|needed| !has(needed)) {
                let problem = crate::problem::Problem::new(
                    module.pos,
                    format!("module `{name}` needs module `{needed}`"),
                );
                self.problem(
                    problem
                        .help(format!("add `{needed}: {{}}` below `modules:`, or remove `{name}`")),
                );
            }
            for wanted in module.module.wants.iter().filter(|wanted| !has(wanted)) {
                let title = format!(
                    "module `{name}` does more with module `{wanted}`, which `{host}` has not"
                );
                let problem = crate::problem::Problem::new(module.pos, title);
                self.notes.push(Note::new(NoteKind::Suspicious, problem));
            }
        }
    }
}

/// Puts each module after those it needs or wants, otherwise in file order.
fn in_order(modules: Vec<ModuleConfig>) -> Vec<ModuleConfig> {
    let names: Vec<&'static str> = modules.iter().map(|module| module.module.name).collect();
    let mut waiting: HashMap<&'static str, ModuleConfig> =
        modules.into_iter().map(|module| (module.module.name, module)).collect();
    let mut ordered = Vec::with_capacity(names.len());
    for name in names {
        place(name, &mut waiting, &mut ordered);
    }
    ordered
}

fn place(
    name: &str,
    waiting: &mut HashMap<&'static str, ModuleConfig>,
    ordered: &mut Vec<ModuleConfig>,
) {
    // Taken out first, so that a circle of wishes ends.
    let Some(module) = waiting.remove(name) else {
        return;
    };
    for other in module.module.needs.iter().chain(module.module.wants) {
        place(other, waiting, ordered);
    }
    ordered.push(module);
}

impl ModuleConfig {
    /// The domains of the service this module offers: `hosts` if written, else `host`; none for other modules.
    pub fn service_hosts(&self) -> Vec<String> {
        if !self.options.has("host") {
            return Vec::new();
        }
        let hosts =
            if self.options.has("hosts") { self.options.texts("hosts") } else { Vec::new() };
        match hosts.is_empty() {
            true => self.options.text("host").map(str::to_owned).into_iter().collect(),
            false => hosts.into_iter().map(str::to_owned).collect(),
        }
    }

    /// The options as they hold for one service host: `append_module_config` over the module's own.
    pub fn options_for(&self, service_host: &str) -> &Section {
        if !self.options.has("append_module_config") {
            return &self.options;
        }
        let overrides = self.options.get("append_module_config").as_map().unwrap_or_default();
        let found = overrides.iter().find(|(host, _)| host.as_str() == Some(service_host));
        found.and_then(|(_, section)| section.as_section()).unwrap_or(&self.options)
    }

    /// Where the module was written; [`Pos::BUILT_IN`] never.
    pub fn pos(&self) -> Pos {
        self.pos
    }
}
