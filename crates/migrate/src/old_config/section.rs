//! The options of the server and of its hosts.

use erl_wire::Term;
use settings::catalogue;
use settings::{Kind, Node};

use super::Left;
use super::listeners::listener;
use super::modules::module;
use super::rules::{Rules, merged};
use super::values::{items, map, quoted, seq, text, value, word};

/// Options that did nothing for long, or that only an Erlang node has.
const WITHOUT_EFFECT: &[&str] =
    &["override_global", "override_local", "override_acls", "node_start"];
/// Ports of databases where none was said.
const PORTS: [(&str, i64); 2] = [("mysql", 3306), ("pgsql", 5432)];

/// The options of the server, or of one host.
#[derive(Default)]
pub(super) struct Section {
    options: Vec<(Node, Node)>,
    pub(super) rules: Rules,
    listeners: Vec<Node>,
    modules: Vec<(Node, Node)>,
    /// Modules that a host has besides those of all hosts.
    added: Vec<(Node, Node)>,
}

/// Everything of a file, on its way.
#[derive(Default)]
pub(super) struct Converter {
    global: Section,
    hosts: Vec<(String, Section)>,
    pub(super) left: Left,
}

impl Converter {
    /// Takes in all terms.
    pub(super) fn file(&mut self, terms: &[Term]) {
        for term in terms {
            let taken = match term.as_tuple() {
                Some([name, host, options]) if name.as_atom() == Some("host_config") => {
                    self.host(host, options)
                }
                _ => self.global.take(term, "the server", &mut self.left),
            };
            if taken.is_none() {
                self.left.out("this is not understood", term.to_string());
            }
        }
    }

    fn host(&mut self, host: &Term, options: &Term) -> Option<()> {
        let (host, options) = (text(host)?, items(options)?);
        let at = self.hosts.iter().position(|(name, _)| *name == host).unwrap_or_else(|| {
            self.hosts.push((host.clone(), Section::default()));
            self.hosts.len() - 1
        });
        let (_, section) = self.hosts.get_mut(at)?;
        for option in options {
            let taken = match option.as_tuple() {
                // `{{add, Option}, Value}` adds to what the server has.
                Some([Term::Tuple(add), value])
                    if add.first().and_then(Term::as_atom) == Some("add") =>
                {
                    section.add(add, value, &mut self.left)
                }
                _ => section.take(option, &host, &mut self.left),
            };
            if taken.is_none() {
                self.left
                    .out(format!("this is not understood, of host {host}"), option.to_string());
            }
        }
        Some(())
    }

    /// Whether the file says which hosts there are.
    pub(super) fn has_hosts(&self) -> bool {
        self.global.options.iter().any(|(key, _)| key.as_str() == Some("hosts"))
    }

    /// The options as a file has them.
    pub(super) fn entries(self) -> Vec<(Node, Node)> {
        let Self { mut global, hosts, .. } = self;
        let mut entries = std::mem::take(&mut global.options);
        if !global.listeners.is_empty() {
            entries.push((word("listen"), seq(std::mem::take(&mut global.listeners))));
        }
        entries.extend(global.rules.entries());
        let (mut own, mut added) = (Vec::new(), Vec::new());
        for (host, mut section) in hosts {
            let mut body = std::mem::take(&mut section.options);
            // A host's map takes the place of the server's, where the old form looked into both.
            body.extend(merged(&global.rules, &section.rules));
            if !section.modules.is_empty() {
                body.push((word("modules"), map(section.modules)));
            }
            if !body.is_empty() {
                own.push((quoted(host.clone()), map(body)));
            }
            if !section.added.is_empty() {
                added.push((quoted(host), map(vec![(word("modules"), map(section.added))])));
            }
        }
        if !global.modules.is_empty() {
            entries.push((word("modules"), map(global.modules)));
        }
        for (name, hosts) in [("host_config", own), ("append_host_config", added)] {
            if !hosts.is_empty() {
                entries.push((word(name), map(hosts)));
            }
        }
        entries
    }
}

impl Section {
    fn add(&mut self, add: &[Term], value: &Term, left: &mut Left) -> Option<()> {
        let [_, name] = add else { return None };
        match name.as_atom()? {
            "modules" => {
                for one in items(value)? {
                    put(&mut self.added, module(one, left)?, left);
                }
            }
            // Rules of a host are merged with the server's anyway.
            "acl" | "access" => {
                for one in items(value)? {
                    self.rules.take(one, left)?;
                }
            }
            _ => self.plain(name, value, left)?,
        }
        Some(())
    }

    /// Takes one option; `None` if it is not understood.
    fn take(&mut self, term: &Term, whose: &str, left: &mut Left) -> Option<()> {
        if let Some(word) = term.as_atom() {
            return self.without_effect(word, term, left);
        }
        let parts = term.as_tuple()?;
        if self.rules.take(term, left).is_some() {
            return Some(());
        }
        let [name, rest @ ..] = parts else { return None };
        match (name.as_atom()?, rest) {
            (name, _) if WITHOUT_EFFECT.contains(&name) => self.without_effect(name, term, left),
            ("listen", [all]) => {
                for one in items(all)? {
                    match listener(one, left) {
                        Some(node) => self.listeners.push(node),
                        None => left.out("a listener that is not understood", one.to_string()),
                    }
                }
                Some(())
            }
            ("modules", [all]) => {
                for one in items(all)? {
                    match module(one, left) {
                        Some(entry) => put(&mut self.modules, entry, left),
                        None => left.out("a module that is not understood", one.to_string()),
                    }
                }
                Some(())
            }
            ("domain_certfile", [_, file]) => {
                self.options.push((word("domain_certfile"), quoted(text(file)?)));
                Some(())
            }
            ("outgoing_s2s_options", [families, timeout]) => {
                let milliseconds = match timeout.as_integer() {
                    Some(number) => word(format!("{number} ms")),
                    None => value(timeout, None)?,
                };
                self.push("outgoing_s2s_families", value(families, None)?, left);
                self.push("outgoing_s2s_timeout", milliseconds, left);
                Some(())
            }
            ("s2s_dns_options", [all]) => self.dns(all, left),
            ("odbc_server", [server]) => self.database(server, left),
            (_, [value]) => self.plain(name, value, left),
            _ => {
                left.out(format!("this is not understood, of {whose}"), term.to_string());
                Some(())
            }
        }
    }

    fn without_effect(&mut self, word: &str, term: &Term, left: &mut Left) -> Option<()> {
        let is_known = WITHOUT_EFFECT.contains(&word);
        is_known.then(|| left.out(format!("`{word}` has no effect any more"), term.to_string()))
    }

    fn plain(&mut self, name: &Term, term: &Term, left: &mut Left) -> Option<()> {
        let mut name = name.as_atom()?.to_owned();
        if let Some(rest) = name.strip_prefix("odbc_") {
            let sql = format!("sql_{rest}");
            if catalogue::toplevel(&sql).is_some() {
                name = sql;
            }
        }
        let kind = catalogue::toplevel(&name).map(|option| &option.kind);
        let value = value(term, kind)?;
        self.push(&name, value, left);
        Some(())
    }

    /// An option that comes again is joined to a list, and else takes the place of the first.
    fn push(&mut self, name: &str, value: Node, left: &mut Left) {
        put(&mut self.options, (word(name), value), left);
    }

    /// COMPAT: times were in seconds, as those of the present options are.
    fn dns(&mut self, all: &Term, left: &mut Left) -> Option<()> {
        for option in items(all)? {
            let [name, term] = option.as_tuple()? else { return None };
            match name.as_atom()? {
                "timeout" => self.push("s2s_dns_timeout", value(term, None)?, left),
                "retries" => self.push("s2s_dns_retries", value(term, None)?, left),
                _ => return None,
            }
        }
        Some(())
    }

    fn database(&mut self, server: &Term, left: &mut Left) -> Option<()> {
        // A data source of ODBC.
        if server.as_tuple().is_none() {
            self.push("sql_type", word("odbc"), left);
            self.push("sql_server", quoted(text(server)?), left);
            return Some(());
        }
        let parts = server.as_tuple()?;
        let kind = parts.first()?.as_atom()?;
        let port = PORTS.iter().find(|(name, _)| *name == kind).map(|(_, port)| Term::from(*port));
        let said = match (parts, &port) {
            ([_, database], _) => vec![("sql_database", database)],
            ([_, server, database, user, password], Some(port)) => vec![
                ("sql_server", server),
                ("sql_port", port),
                ("sql_database", database),
                ("sql_username", user),
                ("sql_password", password),
            ],
            ([_, server, port, database, user, password], _) => vec![
                ("sql_server", server),
                ("sql_port", port),
                ("sql_database", database),
                ("sql_username", user),
                ("sql_password", password),
            ],
            _ => return None,
        };
        self.push("sql_type", word(kind), left);
        for (name, term) in said {
            let kind = catalogue::toplevel(name).map(|option| &option.kind);
            self.push(name, value(term, kind)?, left);
        }
        Some(())
    }
}

/// Adds an entry; one of the same name before it is joined if both are lists, and else replaced, which is told.
fn put(entries: &mut Vec<(Node, Node)>, (key, value): (Node, Node), left: &mut Left) {
    let Some((_, before)) = entries.iter_mut().find(|(other, _)| *other == key) else {
        entries.push((key, value));
        return;
    };
    *before = match (before.kind(), value.kind()) {
        (Kind::Seq(first), Kind::Seq(second)) => seq(first.iter().chain(second).cloned().collect()),
        _ => {
            let name = key.as_str().unwrap_or_default();
            left.tell(format!("`{name}` is given twice; the last one counts"));
            value
        }
    };
}
