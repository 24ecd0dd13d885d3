//! Access control: `acl`, `access`, `shaper`, and the policy for other servers.

use erl_wire::Term;
use settings::Node;

use super::Left;
use super::values::{items, map, pair, quoted, seq, text, word};

/// Conditions of one text.
const OF_ONE: [&str; 11] = [
    "user",
    "user_regexp",
    "user_glob",
    "server",
    "server_regexp",
    "server_glob",
    "resource",
    "resource_regexp",
    "resource_glob",
    "shared_group",
    "ip",
];
/// Conditions of two texts, which are a map of one to the other.
const OF_TWO: [&str; 4] = ["user_regexp", "user_glob", "node_regexp", "node_glob"];
/// Conditions of a name and its host, which are written as an address.
const OF_ADDRESS: [&str; 2] = ["user", "shared_group"];
/// Names that are built in.
const RESERVED_ACLS: [&str; 2] = ["all", "none"];
const RESERVED_SHAPERS: [&str; 4] = ["none", "infinite", "unlimited", "infinity"];
/// The rule that says which other servers may connect.
const S2S: &str = "s2s";

/// Names with their lines, in the order of the file.
type Named = Vec<(String, Vec<Node>)>;

/// The rules of the server, or of one host.
#[derive(Default)]
pub(super) struct Rules {
    acls: Named,
    access: Named,
    /// What gives a shaper or a number.
    limits: Named,
    shapers: Vec<(Node, Node)>,
    /// Other servers by name, and what holds for the rest.
    servers: Vec<Node>,
    other_servers: Option<String>,
}

impl Rules {
    /// Takes a term that is about access; `None` if it is not, or not understood.
    pub(super) fn take(&mut self, term: &Term, left: &mut Left) -> Option<()> {
        match term.as_tuple()? {
            [kind, Term::Atom(name), what] => match kind.as_atom()? {
                "acl" => self.acl(name.as_str(), what, term, left),
                "access" => self.access(name.as_str(), what, left),
                "shaper" => self.shaper(name.as_str(), what, left),
                _ => None,
            },
            [Term::Tuple(parts), action] => match parts.as_slice() {
                [word, host] if word.as_atom() == Some("s2s_host") => {
                    let server = pair(word_of("server"), quoted(text(host)?));
                    self.servers.push(pair(word_of(action.as_atom()?), server));
                    Some(())
                }
                _ => None,
            },
            [word, action] if word.as_atom() == Some("s2s_default_policy") => {
                self.other_servers = Some(action.as_atom()?.to_owned());
                Some(())
            }
            _ => None,
        }
    }

    fn acl(&mut self, name: &str, what: &Term, term: &Term, left: &mut Left) -> Option<()> {
        if RESERVED_ACLS.contains(&name) {
            left.out(format!("access list `{name}` is built in"), term.to_string());
            return Some(());
        }
        let condition = match (what.as_atom(), what.as_tuple()) {
            // Whoever has an address, since no access list is made of another one.
            (Some("all"), _) => pair(word("server_regexp"), quoted("")),
            (Some("none"), _) => {
                left.out(format!("access list `{name}` is of nobody"), term.to_string());
                return Some(());
            }
            (_, Some([kind, one])) if kind.as_atom().is_some_and(|kind| OF_ONE.contains(&kind)) => {
                pair(word(kind.as_atom()?), quoted(text(one)?))
            }
            (_, Some([kind, name, host]))
                if kind.as_atom().is_some_and(|kind| OF_ADDRESS.contains(&kind)) =>
            {
                let address = format!("{}@{}", text(name)?, text(host)?);
                pair(word(kind.as_atom()?), quoted(address))
            }
            (_, Some([kind, one, two]))
                if kind.as_atom().is_some_and(|kind| OF_TWO.contains(&kind)) =>
            {
                let both = pair(quoted(text(one)?), quoted(text(two)?));
                pair(word(kind.as_atom()?), seq(vec![both]))
            }
            _ => return None,
        };
        lines(&mut self.acls, name).push(condition);
        Some(())
    }

    /// `[{Action, AccessList}, ...]`: allowed or not, or else a shaper or a number.
    fn access(&mut self, name: &str, what: &Term, left: &mut Left) -> Option<()> {
        let (mut rules, mut is_limit) = (Vec::new(), false);
        for rule in items(what)? {
            let [action, list] = rule.as_tuple()? else { return None };
            let action = match action {
                Term::Integer(number) => number.to_string(),
                other => other.as_atom()?.to_owned(),
            };
            is_limit |= !matches!(action.as_str(), "allow" | "deny");
            rules.push(match list.as_atom()? {
                "all" => word(action),
                list => pair(word(action), word(list)),
            });
        }
        if rules.is_empty() {
            rules.push(word("deny"));
        }
        let named = if is_limit { &mut self.limits } else { &mut self.access };
        let before = lines(named, name);
        if !before.is_empty() {
            left.tell(format!("access rule `{name}` is given twice; the lines of both count"));
        }
        before.append(&mut rules);
        Some(())
    }

    fn shaper(&mut self, name: &str, what: &Term, left: &mut Left) -> Option<()> {
        let rate = match (what, what.as_tuple()) {
            (Term::Integer(rate), _) => word(rate.to_string()),
            (_, Some([kind, Term::Integer(rate)])) if kind.as_atom() == Some("maxrate") => {
                word(rate.to_string())
            }
            (Term::Atom(none), _) if none.as_str() == "none" => word("infinity"),
            _ => return None,
        };
        if RESERVED_SHAPERS.contains(&name) {
            left.tell(format!("shaper `{name}` is built in and knows no bound"));
            return Some(());
        }
        let key = word(name);
        self.shapers.retain(|(other, _)| *other != key);
        self.shapers.push((key, rate));
        Some(())
    }

    /// The options that they are.
    pub(super) fn entries(&self) -> Vec<(Node, Node)> {
        let mut entries = Vec::new();
        let (servers, access) = self.with_servers();
        if servers {
            entries.push((word("s2s_access"), word(S2S)));
        }
        for (option, named) in
            [("acl", &self.acls), ("access_rules", &access), ("shaper_rules", &self.limits)]
        {
            if !named.is_empty() {
                entries.push((word(option), named_node(named)));
            }
        }
        if !self.shapers.is_empty() {
            entries.push((word("shaper"), map(self.shapers.clone())));
        }
        entries
    }

    /// The access rules, with one for other servers if anything was said of them.
    fn with_servers(&self) -> (bool, Named) {
        let mut access = self.access.clone();
        if self.servers.is_empty() && self.other_servers.is_none() {
            return (false, access);
        }
        let rest = self.other_servers.clone().unwrap_or_else(|| "allow".to_owned());
        let rule = lines(&mut access, S2S);
        *rule = self.servers.iter().cloned().chain([word(rest)]).collect();
        (true, access)
    }
}

fn word_of(text: &str) -> Node {
    word(text)
}

/// The lines of a name.
fn lines<'a>(named: &'a mut Named, name: &str) -> &'a mut Vec<Node> {
    let at = named.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
        named.push((name.to_owned(), Vec::new()));
        named.len() - 1
    });
    &mut named[at].1
}

fn named_node(named: &Named) -> Node {
    map(named.iter().map(|(name, lines)| (word(name.as_str()), seq(lines.clone()))).collect())
}

/// The rules of a host with all that hold for it: the old form looked for access lists at the host and at the server,
/// and for rules at the host first.
pub(super) fn merged(global: &Rules, own: &Rules) -> Vec<(Node, Node)> {
    let joined = |all: &Named, own: &Named, adds: bool| {
        let mut named = all.clone();
        for (name, more) in own {
            let before = lines(&mut named, name);
            if !adds {
                before.clear();
            }
            before.extend(more.iter().cloned());
        }
        named
    };
    let rules = Rules {
        acls: if own.acls.is_empty() { Vec::new() } else { joined(&global.acls, &own.acls, true) },
        access: match own.access.is_empty() && own.servers.is_empty() && own.other_servers.is_none()
        {
            true => Vec::new(),
            false => joined(&global.with_servers().1, &own.access, false),
        },
        limits: match own.limits.is_empty() {
            true => Vec::new(),
            false => joined(&global.limits, &own.limits, false),
        },
        shapers: own.shapers.clone(),
        servers: own.servers.clone(),
        other_servers: own.other_servers.clone(),
    };
    rules.entries()
}
