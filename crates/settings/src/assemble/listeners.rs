//! The entries of `listen`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::toplevel::normalised;
use super::{Assembly, Table};
use crate::catalogue::notation::quoted_list;
use crate::catalogue::{self, COMMON, HANDLERS, LISTENERS, ListenerSpec, OptionSpec};
use crate::check::Slots;
use crate::config::{Endpoint, ListenerConfig, Transport};
use crate::keywords::Names;
use crate::node::Node;
use crate::problem::Problem;
use crate::section::{Section, Slot};
use crate::suggest::{self, Place};
use crate::value::Value;

/// Common options that mean nothing for UDP.
const TCP_ONLY: &[&str] = &["accept_interval", "backlog", "use_proxy_protocol"];
/// COMPAT: the listener default of this option is dropped before use, so the top-level value holds.
const DROPPED_DEFAULT: (&str, i64) = ("max_fsm_queue", 10000);

impl Assembly<'_> {
    /// Checks every listener and that none is in the way of another.
    pub(crate) fn listeners(
        &mut self,
        table: &Table,
        names: &Names,
        global: &Section,
    ) -> Vec<ListenerConfig> {
        let Some(written) = table.get("listen") else {
            return Vec::new();
        };
        let Some(items) = written.value.items() else {
            let title = format!("expected a list of listeners, found {}", written.value.describe());
            let problem = written.value.problem(title).label("option `listen`");
            self.problem(problem.help("start each listener with a dash:\nlisten:\n  - port: 5222\n    module: ejabberd_c2s"));
            return Vec::new();
        };
        let mut listeners: Vec<ListenerConfig> = Vec::with_capacity(items.len());
        for item in items {
            let item = self.expand(item, names);
            let Some(listener) = self.listener(&item, names, global) else {
                continue;
            };
            if let Some(other) = listeners.iter().find(|other| clash(other, &listener)) {
                let title =
                    format!("this listener is in the way of the one in line {}", other.pos.line);
                let problem = listener.options.problem("port", title);
                self.problem(problem.help("give one of them another port, address or transport"));
            }
            listeners.push(listener);
        }
        listeners
    }

    fn listener(&mut self, item: &Node, names: &Names, global: &Section) -> Option<ListenerConfig> {
        let Some(entries) = item.entries().filter(|entries| !entries.is_empty()) else {
            let title = format!(
                "expected a listener, a map with `port` and `module`, found {}",
                item.describe()
            );
            self.problem(item.problem(title).label("option `listen`"));
            return None;
        };
        let Some(module) = self.listen_module(item) else {
            self.check_options_of_all(entries);
            return None;
        };
        let specs: Vec<&'static OptionSpec> = COMMON.iter().chain(module.options).collect();
        let slots =
            self.checker.entries(module.name, &specs, entries, Place::Listener(module.name), false);
        if !entries.iter().any(|(key, _)| key.as_str() == Some("port")) {
            let problem = item.problem(format!("listener `{}` needs a `port`", module.name));
            self.problem(
                problem.help("add `port:` with a number, or \"unix:PATH\" for a Unix socket"),
            );
        }
        self.check_handlers(item);
        let transport = match slots.get("transport").and_then(|slot| slot.value.as_str()) {
            Some("udp") => Transport::Udp,
            _ => Transport::Tcp,
        };
        self.check_transport(module, transport, &slots);
        let endpoint = endpoint(&slots);
        let options = self.listener_section(module, slots, names, global);
        Some(ListenerConfig { module, endpoint: endpoint?, transport, options, pos: item.pos() })
    }

    /// Checks what every listener has, for one whose module is not known.
    fn check_options_of_all(&mut self, entries: &[(Node, Node)]) {
        let common: Vec<&'static OptionSpec> = COMMON.iter().collect();
        let is_common = |key: &Node| common.iter().any(|spec| key.as_str() == Some(spec.name));
        let entries: Vec<(Node, Node)> =
            entries.iter().filter(|(key, _)| is_common(key)).cloned().collect();
        let name = "the listener";
        self.checker.entries(name, &common, &entries, Place::Field, false);
    }

    fn listen_module(&mut self, item: &Node) -> Option<&'static ListenerSpec> {
        let known: Vec<&str> = LISTENERS
            .iter()
            .map(|listener| listener.name)
            .filter(|name| *name != "mod_proxy65_stream")
            .collect();
        let Some(node) = item.value_of("module") else {
            let problem = item.problem("this listener has no `module`");
            self.problem(problem.help(format!("add `module:` with {}", quoted_list(&known, "or"))));
            return None;
        };
        let name = node.as_str().unwrap_or_default();
        if name == "mod_proxy65_stream" {
            let problem = node.problem("`mod_proxy65_stream` is opened by `mod_proxy65` itself");
            self.problem(
                problem.help("remove this listener and set `ip` and `port` of `mod_proxy65`"),
            );
            return None;
        }
        let found = catalogue::listener(name);
        if found.is_none() {
            let problem = node.problem(format!("unknown listener module {}", node.describe()));
            let problem = match HANDLERS.contains(&name) {
                true => problem.help(format!("`{name}` is a request handler of `ejabberd_http`")),
                false => suggest::name(problem, node, &known)
                    .help(format!("known: {}", quoted_list(&known, "and"))),
            };
            self.problem(problem);
        }
        found
    }

    fn check_handlers(&mut self, item: &Node) {
        let handlers =
            item.value_of("request_handlers").and_then(Node::entries).unwrap_or_default();
        for (_, module) in handlers {
            let name = module.as_str().unwrap_or_default();
            if !HANDLERS.contains(&name) {
                let problem =
                    module.problem(format!("unknown request handler {}", module.describe()));
                self.problem(suggest::name(
                    problem.label("option `request_handlers` of ejabberd_http"),
                    module,
                    HANDLERS,
                ));
            }
        }
    }

    fn check_transport(
        &mut self,
        module: &'static ListenerSpec,
        transport: Transport,
        slots: &Slots,
    ) {
        let word = if transport == Transport::Udp { "udp" } else { "tcp" };
        if !module.transports.contains(&word)
            && let Some(slot) = slots.get("transport")
        {
            let title = format!(
                "`{}` works over {}, not over {word}",
                module.name,
                module.transports.join(" and ")
            );
            self.problem(Problem::new(slot.pos, title));
        }
        if transport != Transport::Udp {
            return;
        }
        for name in TCP_ONLY {
            if let Some(slot) = slots.get(name) {
                let title = format!("option `{name}` has no meaning for a UDP listener");
                self.problem(Problem::new(slot.key_pos, title).help("remove it"));
            }
        }
    }

    fn listener_section(
        &mut self,
        module: &'static ListenerSpec,
        mut slots: Slots,
        names: &Names,
        global: &Section,
    ) -> Section {
        let of = |name: &str| global.get(name).clone();
        let (dropped, default) = DROPPED_DEFAULT;
        let complete = COMMON.iter().chain(module.options).map(|spec| {
            let mut slot = slots
                .remove(spec.name)
                .unwrap_or_else(|| Slot::default(self.default_value(spec, names, &of)));
            if spec.name == dropped && slot.value == Value::Int(default) {
                slot.value = match global.get(dropped) {
                    Value::Unset => Value::Infinity,
                    value => value.clone(),
                };
            }
            slot.value = normalised(spec, slot.value);
            (spec, Arc::new(slot))
        });
        let complete = complete.collect();
        Section::new(module.name, complete)
    }
}

fn endpoint(slots: &Slots) -> Option<Endpoint> {
    match &slots.get("port")?.value {
        Value::Int(port) => {
            let ip = slots.get("ip").and_then(|slot| slot.value.as_ip());
            let ip = ip.unwrap_or(IpAddr::from([0, 0, 0, 0]));
            Some(Endpoint::Inet { ip, port: u16::try_from(*port).ok()? })
        }
        value => Some(Endpoint::Unix(PathBuf::from(value.as_str()?.strip_prefix("unix:")?))),
    }
}

/// Whether two listeners cannot both be opened.
fn clash(one: &ListenerConfig, other: &ListenerConfig) -> bool {
    match (&one.endpoint, &other.endpoint) {
        (Endpoint::Unix(left), Endpoint::Unix(right)) => left == right,
        (
            Endpoint::Inet { ip: left, port: left_port },
            Endpoint::Inet { ip: right, port: right_port },
        ) => {
            let same_family = left.is_ipv4() == right.is_ipv4();
            let overlap =
                left == right || (same_family && (left.is_unspecified() || right.is_unspecified()));
            *left_port != 0
                && left_port == right_port
                && one.transport == other.transport
                && overlap
        }
        _ => false,
    }
}
