//! The whole checked configuration: global options, hosts, listeners and modules.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::catalogue::{self, ListenerSpec, ModuleSpec};
use crate::problem::{Note, NoteKind, Problem};
use crate::section::Section;
use crate::source::Pos;

/// A checked configuration. Cloning is cheap; nothing in it changes.
#[derive(Clone, Debug)]
pub struct Config(pub(crate) Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) global: Section,
    pub(crate) hosts: Vec<String>,
    pub(crate) by_host: HashMap<String, HostParts>,
    pub(crate) listeners: Vec<ListenerConfig>,
}

#[derive(Debug)]
pub(crate) struct HostParts {
    pub(crate) options: Section,
    pub(crate) modules: Vec<ModuleConfig>,
}

/// Where a listener listens.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Endpoint {
    /// An address and port; port 0 lets the system choose.
    Inet {
        /// The address bound to.
        ip: IpAddr,
        /// The port.
        port: u16,
    },
    /// A Unix socket; a relative path is taken from the spool directory.
    Unix(PathBuf),
}

/// Transport protocol of a listener.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// TCP, or a Unix stream socket.
    Tcp,
    /// UDP.
    Udp,
}

/// One entry of `listen`.
#[derive(Clone)]
pub struct ListenerConfig {
    /// The module that serves it, `ejabberd_c2s`.
    pub module: &'static ListenerSpec,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// TCP or UDP.
    pub transport: Transport,
    /// Its own and the common options.
    pub options: Section,
    /// Where the entry stands.
    pub pos: Pos,
}

impl ListenerConfig {
    /// Whether other machines can reach it: neither a Unix socket nor a loopback address.
    pub fn faces_the_network(&self) -> bool {
        match &self.endpoint {
            Endpoint::Inet { ip, .. } => !ip.to_canonical().is_loopback(),
            Endpoint::Unix(_) => false,
        }
    }
}

impl PartialEq for ListenerConfig {
    fn eq(&self, other: &Self) -> bool {
        self.module.name == other.module.name
            && self.endpoint == other.endpoint
            && self.transport == other.transport
            && self.options == other.options
    }
}

/// One module of a host.
#[derive(Clone)]
pub struct ModuleConfig {
    /// The module.
    pub module: &'static ModuleSpec,
    /// Its options for this host.
    pub options: Section,
    /// Where its name stands.
    pub pos: Pos,
}

impl PartialEq for ModuleConfig {
    fn eq(&self, other: &Self) -> bool {
        self.module.name == other.module.name && self.options == other.options
    }
}

impl fmt::Debug for ListenerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {:?}", self.endpoint, self.transport, self.options)
    }
}

impl fmt::Debug for ModuleConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.options)
    }
}

impl Config {
    /// The virtual hosts, prepared, in file order; never empty.
    pub fn hosts(&self) -> &[String] {
        &self.0.hosts
    }

    /// The first host, which serves where one is needed and none is named.
    pub fn first_host(&self) -> &str {
        self.0.hosts.first().map_or("localhost", String::as_str)
    }

    /// Whether a prepared domain is one of the hosts.
    pub fn is_host(&self, host: &str) -> bool {
        self.0.by_host.contains_key(host)
    }

    /// The top-level options.
    pub fn global(&self) -> &Section {
        &self.0.global
    }

    /// The options as they hold for a host: its own value, else the top-level value, else the default.
    /// For a name that is no host, the top-level options.
    pub fn host(&self, host: &str) -> &Section {
        self.0.by_host.get(host).map_or(&self.0.global, |parts| &parts.options)
    }

    /// What listens, in file order.
    pub fn listeners(&self) -> &[ListenerConfig] {
        &self.0.listeners
    }

    /// The modules of a host, each after the modules it needs; none for a name that is no host.
    pub fn modules(&self, host: &str) -> &[ModuleConfig] {
        self.0.by_host.get(host).map_or(&[], |parts| &parts.modules)
    }

    /// One module of a host.
    pub fn module(&self, host: &str, name: &str) -> Option<&ModuleConfig> {
        self.modules(host).iter().find(|module| module.module.name == name)
    }

    /// Where secrets were written: passwords, keys; each place with the name of its option.
    pub fn secrets(&self) -> Vec<(&'static str, Pos)> {
        let hosts = self.0.by_host.values().flat_map(|parts| {
            parts.modules.iter().map(|module| &module.options).chain([&parts.options])
        });
        let listeners = self.0.listeners.iter().map(|listener| &listener.options);
        let mut found: Vec<_> =
            hosts.chain(listeners).chain([&self.0.global]).flat_map(Section::secrets).collect();
        found.sort_by_key(|(_, pos)| *pos);
        found.dedup();
        found
    }

    /// Options, modules and listeners that the file sets and this server does not act on.
    ///
    /// Defaults left alone are not reported. Each place is reported once, however many hosts share it.
    pub fn set_but_not_in_force(&self, in_force: &InForce) -> Vec<Note> {
        let mut found = Found { notes: Vec::new(), seen: HashSet::new(), in_force };
        let honoured = |name: &str| in_force.toplevel.contains(name);
        let sections = self.0.by_host.values().map(|parts| &parts.options);
        for section in sections.chain([&self.0.global]) {
            for (spec, pos) in section.written().filter(|(spec, _)| !honoured(spec.name)) {
                let title = format!("option `{}` is known and not yet in force", spec.name);
                found.add(pos, title, in_force.reason(spec.name));
            }
        }
        for listener in &self.0.listeners {
            match in_force.listeners.get(listener.module.name) {
                None => found.add(
                    listener.pos,
                    format!("listener `{}` is known and not yet in force", listener.module.name),
                    None,
                ),
                Some(names) => {
                    found.options(&listener.options, names, listener.module.name);
                    if listener.options.has("request_handlers") {
                        found.handlers(listener, &in_force.handlers);
                    }
                }
            }
        }
        for module in self.0.by_host.values().flat_map(|parts| &parts.modules) {
            match in_force.modules.get(module.module.name) {
                None => found.add(
                    module.pos,
                    format!("module `{}` is known and not yet in force", module.module.name),
                    None,
                ),
                Some(names) => found.options(&module.options, names, module.module.name),
            }
        }
        found.notes.sort_by_key(|note| note.problem.pos());
        found.notes
    }
}

struct Found<'a> {
    notes: Vec<Note>,
    seen: HashSet<Pos>,
    in_force: &'a InForce,
}

impl Found<'_> {
    fn add(&mut self, pos: Pos, title: String, reason: Option<&str>) {
        if self.seen.insert(pos) {
            let problem = Problem::new(pos, title);
            let problem = reason.into_iter().fold(problem, |problem, why| problem.note(why));
            self.notes.push(Note::new(NoteKind::NotInForce, problem));
        }
    }

    fn options(&mut self, section: &Section, honoured: &HashSet<&'static str>, owner: &str) {
        for (spec, pos) in section.written().filter(|(spec, _)| !honoured.contains(spec.name)) {
            self.add(
                pos,
                format!("option `{}` of `{owner}` is known and not yet in force", spec.name),
                self.in_force.reason(&format!("{owner}/{}", spec.name)),
            );
        }
    }

    /// Tells the request handlers of a listener that nobody answers for, and that it is not opened if all are.
    fn handlers(&mut self, listener: &ListenerConfig, honoured: &HashMap<&'static str, bool>) {
        let on_unix = matches!(listener.endpoint, Endpoint::Unix(_));
        let written = listener.options.map("request_handlers");
        let absent: Vec<String> = written
            .iter()
            .filter_map(|(_, module)| match honoured.get(module.as_str()?) {
                None => Some(format!("`{}` is known and not yet in force", module.as_str()?)),
                Some(true) if !on_unix => {
                    Some(format!("`{}` is answered on `unix:` sockets only", module.as_str()?))
                }
                Some(_) => None,
            })
            .collect();
        if absent.len() == written.len() {
            let name = listener.module.name;
            self.add(listener.pos, format!("listener `{name}` is known and not yet in force: nothing of it would be answered"), None);
        } else if !absent.is_empty() {
            self.add(listener.pos, format!("request handlers: {}", absent.join(", ")), None);
        }
    }
}

/// What this server acts on, gathered from the doors and modules; see [`Config::set_but_not_in_force`].
#[derive(Clone, Debug, Default)]
pub struct InForce {
    toplevel: HashSet<&'static str>,
    modules: HashMap<&'static str, HashSet<&'static str>>,
    listeners: HashMap<&'static str, HashSet<&'static str>>,
    reasons: &'static [(&'static str, &'static str)],
    /// The request handlers, and whether each answers on Unix sockets only.
    handlers: HashMap<&'static str, bool>,
}

impl InForce {
    /// Nothing yet, apart from the options that act while the file is read.
    pub fn new() -> Self {
        let mut in_force = Self::default();
        in_force.toplevel(&[
            "append_host_config",
            "define_keyword",
            "define_macro",
            "host_config",
            "hosts",
            "include_config_file",
            "listen",
            "modules",
            "version",
        ]);
        in_force
    }

    /// Top-level options that are honoured. Panics on a name the catalogue does not have.
    pub fn toplevel(&mut self, names: &[&'static str]) -> &mut Self {
        for name in names {
            assert!(
                catalogue::toplevel(name).is_some(),
                "no top-level option `{name}` in the catalogue"
            );
            self.toplevel.insert(name);
        }
        self
    }

    /// Why options are not honoured: names of top-level options, `owner/name` for those of modules and listeners, each
    /// perhaps ending in `*` for all that begin so. The longest that fits counts.
    pub fn because(&mut self, reasons: &'static [(&'static str, &'static str)]) -> &mut Self {
        self.reasons = reasons;
        self
    }

    /// Why an option is not honoured, if anybody has said so; see [`Self::because`].
    pub fn reason(&self, name: &str) -> Option<&'static str> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => name == pattern,
        };
        let fitting = self.reasons.iter().filter(|(pattern, _)| fits(pattern));
        fitting.max_by_key(|(pattern, _)| pattern.len()).map(|(_, why)| *why)
    }

    /// Whether an option is honoured: of a module, of a listener, or of the top level if `owner` is empty.
    pub fn honours(&self, owner: &str, name: &str) -> bool {
        let of_owner = self.modules.get(owner).or_else(|| self.listeners.get(owner));
        match owner {
            "" => self.toplevel.contains(name),
            _ => of_owner.is_some_and(|names| names.contains(name)),
        }
    }

    /// A module that runs, and its options that are honoured. Panics on a name the catalogue does not have.
    pub fn module(&mut self, module: &'static str, names: &[&'static str]) -> &mut Self {
        let spec = catalogue::module(module);
        let spec = spec.unwrap_or_else(|| panic!("no module `{module}` in the catalogue"));
        let honoured = self.modules.entry(module).or_default();
        for name in names {
            assert!(
                spec.option(name).is_some(),
                "no option `{name}` of `{module}` in the catalogue"
            );
            honoured.insert(name);
        }
        self
    }

    /// A request handler of `ejabberd_http` that answers, perhaps on Unix sockets only. Panics on a name the catalogue
    /// does not have.
    pub fn handler(&mut self, name: &'static str, unix_only: bool) -> &mut Self {
        assert!(
            catalogue::HANDLERS.contains(&name),
            "no request handler `{name}` in the catalogue"
        );
        self.handlers.insert(name, unix_only);
        self
    }

    /// A listener that runs, and its options that are honoured, common ones included (`module`, `port`
    /// and `ip` and `transport` go without saying). Panics on a name the catalogue does not have.
    pub fn listener(&mut self, listener: &'static str, names: &[&'static str]) -> &mut Self {
        let spec = catalogue::listener(listener);
        let spec = spec.unwrap_or_else(|| panic!("no listener `{listener}` in the catalogue"));
        let honoured = self.listeners.entry(listener).or_default();
        honoured.extend(["module", "port", "ip", "transport"]);
        for name in names {
            assert!(
                spec.option(name).is_some(),
                "no option `{name}` of `{listener}` in the catalogue"
            );
            honoured.insert(name);
        }
        self
    }
}
