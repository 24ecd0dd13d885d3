//! Virtual hosts: their names, and what `host_config` and `append_host_config` say of them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::{Assembly, Table, Written, join, joined, start_of};
use crate::catalogue::{self, OptionSpec, Scope, TOPLEVEL, Type};
use crate::check::domain;
use crate::keywords::Names;
use crate::node::{Kind, Node};
use crate::problem::Problem;
use crate::section::{Section, Slot};
use crate::source::Pos;
use crate::suggest;

/// What is written for one host.
#[derive(Default)]
pub(crate) struct HostTables {
    /// From `host_config`: in place of the top-level value.
    own: Table,
    /// From `append_host_config`: after the host's or the top-level value.
    append: Table,
}

/// The prepared names of the hosts; a file without any is a problem.
pub(crate) fn names(table: &Table, problems: &mut Vec<Problem>) -> Vec<String> {
    let help = "write the domains of your users:\nhosts:\n  - example.org";
    let Some(written) = table.get("hosts") else {
        problems.push(Problem::new(start_of(table), "option `hosts` is missing").help(help));
        return Vec::new();
    };
    let items = match written.value.items() {
        Some(items) if !items.is_empty() => items,
        _ => {
            let title = format!(
                "expected a list of domains that is not empty, found {}",
                written.value.describe()
            );
            problems.push(written.value.problem(title).label("option `hosts`").help(help));
            return Vec::new();
        }
    };
    let mut hosts: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        match item.as_text().and_then(domain) {
            None => {
                let title = format!("expected a domain name, found {}", item.describe());
                problems.push(item.problem(title).label("option `hosts`"));
            }
            Some(host) if hosts.contains(&host) => {
                problems.push(
                    item.problem(format!("host `{host}` is in the list twice"))
                        .label("option `hosts`"),
                );
            }
            Some(host) => hosts.push(host),
        }
    }
    hosts
}

impl Assembly<'_> {
    /// Sorts `host_config` and `append_host_config` by host.
    pub(crate) fn host_tables(
        &mut self,
        table: &Table,
        hosts: &[String],
    ) -> HashMap<String, HostTables> {
        let mut tables: HashMap<String, HostTables> = HashMap::new();
        for option in ["host_config", "append_host_config"] {
            let mut bodies: HashMap<String, Vec<(Node, Node)>> = HashMap::new();
            let Some(written) = table.get(option) else {
                continue;
            };
            let Some(entries) = written.value.entries() else {
                let title = format!(
                    "expected a map from hosts to options, found {}",
                    written.value.describe()
                );
                self.problem(written.value.problem(title).label(format!("option `{option}`")));
                continue;
            };
            for (key, body) in entries {
                let Some(host) = self.known_host(key, option, hosts) else {
                    continue;
                };
                match body.entries() {
                    Some(options) => {
                        bodies.entry(host).or_default().extend(options.iter().cloned())
                    }
                    None => {
                        let title = format!(
                            "expected a map with options of `{host}`, found {}",
                            body.describe()
                        );
                        self.problem(body.problem(title).label(format!("option `{option}`")));
                    }
                }
            }
            for (host, body) in bodies {
                let joined = join(body, &mut self.checker.problems);
                self.check_scope(&joined, option);
                let host = tables.entry(host).or_default();
                match option {
                    "host_config" => host.own = joined,
                    _ => host.append = joined,
                }
            }
        }
        tables
    }

    fn known_host(&mut self, key: &Node, option: &str, hosts: &[String]) -> Option<String> {
        let host = key.as_text().and_then(domain);
        if let Some(host) = &host
            && hosts.contains(host)
        {
            return Some(host.clone());
        }
        if hosts.is_empty() {
            return None;
        }
        let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let problem = key
            .problem(format!("{} is not one of `hosts`", key.describe()))
            .label(format!("option `{option}`"));
        let problem =
            suggest::name(problem, key, &names).help("add it to `hosts`, or correct it here");
        self.problem(problem);
        None
    }

    fn check_scope(&mut self, table: &Table, option: &str) {
        for (name, written) in table {
            match catalogue::toplevel(name) {
                None => {
                    let known: Vec<&str> = TOPLEVEL
                        .iter()
                        .filter(|spec| spec.scope == Scope::Host)
                        .map(|spec| spec.name)
                        .collect();
                    let problem =
                        written.key.problem(format!("unknown option `{name}` in `{option}`"));
                    self.problem(suggest::option(problem, name, suggest::Place::Toplevel, &known));
                }
                // Reported as without effect when the macros were replaced.
                Some(_) if name == "define_macro" => {}
                Some(spec) if spec.scope == Scope::Global => {
                    let problem =
                        written.key.problem(format!("option `{name}` holds for the whole server"));
                    self.problem(
                        problem.help(format!("write it at the top level, not in `{option}`")),
                    );
                }
                Some(_) => {}
            }
        }
    }

    /// The keywords of a host.
    pub(crate) fn host_names(&mut self, global: &Names, host: &str, tables: &HostTables) -> Names {
        let mut names = global.clone();
        names.set("HOST", Node::quoted(host, Pos::BUILT_IN));
        names.set("HOST_URL_ENCODE", Node::quoted(percent_encoded(host), Pos::BUILT_IN));
        self.add_keywords(&mut names, &tables.own);
        names
    }

    /// What is written of an option for a host: its own value or the top-level one, and what is appended.
    pub(crate) fn effective(
        &mut self,
        name: &str,
        table: &Table,
        tables: &HostTables,
    ) -> Option<Written> {
        let base = tables.own.get(name).or_else(|| table.get(name));
        let Some(more) = tables.append.get(name) else {
            return base.cloned();
        };
        let is_list_or_map = more.value.items().is_some() || more.value.entries().is_some();
        if !is_list_or_map {
            let title =
                format!("expected a list or map to append, found {}", more.value.describe());
            let problem = more.value.problem(title).label("option `append_host_config`");
            self.problem(problem.help("a single value cannot be appended; use `host_config`"));
            return base.cloned();
        }
        let Some(base) = base else {
            return Some(more.clone());
        };
        let single = catalogue::toplevel(name)
            .is_some_and(|spec| matches!(spec.kind, Type::List { single: true, .. }));
        let value = match base.value.kind() {
            Kind::Scalar(_) if single => Node::seq(vec![base.value.clone()], base.value.pos()),
            _ => base.value.clone(),
        };
        match joined(&value, &more.value) {
            Some(value) => Some(Written { key: more.key.clone(), value: last_wins(name, value) }),
            None => {
                let title = format!(
                    "{} cannot be appended to {}",
                    more.value.describe(),
                    base.value.describe()
                );
                let problem = more.value.problem(title).label("option `append_host_config`");
                self.problem(problem.help(format!("write it as in line {}", base.key.pos().line)));
                Some(base.clone())
            }
        }
    }

    /// The options of a host, sharing with the top level what is the same.
    pub(crate) fn host_options(
        &mut self,
        host: &str,
        table: &Table,
        tables: &HostTables,
        names: &Names,
        global: &Section,
    ) -> Section {
        let mut slots: HashMap<&'static str, Arc<Slot>> = HashMap::with_capacity(TOPLEVEL.len());
        let has_keywords = tables.own.contains_key("define_keyword");
        for spec in TOPLEVEL {
            let (_, shared) =
                global.find(spec.name).expect("the global section holds the whole catalogue");
            if let Some(slot) = self.host_slot(spec, table, tables, names, has_keywords) {
                slots.insert(spec.name, Arc::new(slot));
            } else if table.contains_key(spec.name)
                || !super::toplevel::refers_to_others(spec)
                || spec.scope == Scope::Global
            {
                slots.insert(spec.name, Arc::clone(shared));
            }
        }
        self.complete(host, slots, names)
    }

    /// The host's slot of an option, `None` when it is the same as at the top level.
    fn host_slot(
        &mut self,
        spec: &'static OptionSpec,
        table: &Table,
        tables: &HostTables,
        names: &Names,
        has_keywords: bool,
    ) -> Option<Slot> {
        if spec.scope == Scope::Global {
            return None;
        }
        let is_own = tables.own.contains_key(spec.name) || tables.append.contains_key(spec.name);
        let depends_on_host = || {
            table
                .get(spec.name)
                .is_some_and(|written| has_keywords || mentions_host(&written.value))
        };
        if !is_own && !depends_on_host() {
            return None;
        }
        let written = self.effective(spec.name, table, tables)?;
        Some(self.toplevel_slot(spec, &written.key, &written.value, names))
    }
}

/// Appended modules replace those of the same name.
fn last_wins(name: &str, value: Node) -> Node {
    let (Kind::Map(entries), "modules") = (value.kind(), name) else {
        return value;
    };
    let mut kept: Vec<(Node, Node)> = Vec::with_capacity(entries.len());
    for (key, body) in entries {
        match kept.iter_mut().find(|(other, _)| other == key) {
            Some(earlier) => *earlier = (key.clone(), body.clone()),
            None => kept.push((key.clone(), body.clone())),
        }
    }
    Node::map(kept, value.pos())
}

fn mentions_host(node: &Node) -> bool {
    match node.kind() {
        Kind::Null => false,
        Kind::Scalar(scalar) => scalar.text.contains("@HOST") || &*scalar.text == "HOST",
        Kind::Seq(items) => items.iter().any(mentions_host),
        Kind::Map(entries) => entries.iter().any(|(_, value)| mentions_host(value)),
    }
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            _ => write!(out, "%{byte:02X}").expect("writing to a string succeeds"),
        }
    }
    out
}
