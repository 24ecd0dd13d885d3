//! Listeners: `{Port, Module, Options}` with what may stand for a port.

use erl_wire::Term;
use settings::{Node, catalogue};

use super::Left;
use super::values::{address, items, map, pair, quoted, seq, text, value, word};

/// Flags of `ejabberd_http` that are read as request handlers whatever their value is.
const HANDLER_FLAGS: [&str; 6] =
    ["captcha", "http_bind", "http_poll", "register", "web_admin", "xmlrpc"];

/// Where a listener is.
#[derive(Default)]
struct Place {
    port: String,
    ip: Option<String>,
    is_udp: bool,
}

/// One listener as an entry of `listen`; `None` if it is not understood.
pub(super) fn listener(term: &Term, left: &mut Left) -> Option<Node> {
    let [at, module, options] = term.as_tuple()? else { return None };
    let (mut place, name) = (place(at)?, module.as_atom()?);
    let mut entries: Vec<(Node, Node)> = Vec::new();
    let mut hosts: Vec<(Node, Node)> = Vec::new();
    for option in items(options)? {
        match option {
            Term::Atom(flag) => match flag.as_str() {
                "ssl" => entries.push((word("tls"), word("true"))),
                "inet" => {}
                "inet6" => drop(place.ip.get_or_insert_with(|| "::".to_owned())),
                flag => entries.push((word(flag), word("true"))),
            },
            Term::Tuple(parts) => {
                let taken = match parts.as_slice() {
                    [key, ip] if key.as_atom() == Some("ip") => {
                        place.ip = Some(ip_of(ip)?);
                        Some(())
                    }
                    [key, all, options] if key.as_atom() == Some("hosts") => {
                        services(&mut hosts, items(all)?, options)
                    }
                    [key, one, options] if key.as_atom() == Some("host") => {
                        services(&mut hosts, std::slice::from_ref(one), options)
                    }
                    [key, handlers] if key.as_atom() == Some("request_handlers") => {
                        request_handlers(handlers)
                            .map(|node| entries.push((word("request_handlers"), node)))
                    }
                    [key, off]
                        if off.as_atom() == Some("false")
                            && key.as_atom().is_some_and(|key| HANDLER_FLAGS.contains(&key)) =>
                    {
                        left.tell(format!("{name}: what is switched off is left out: {option}"));
                        Some(())
                    }
                    [key, term] => option_of(name, key.as_atom()?, term).map(|value| {
                        entries.push((word(key.as_atom().unwrap_or_default()), value))
                    }),
                    _ => None,
                };
                if taken.is_none() {
                    let why = format!("an option of {name} that is not understood");
                    left.out(why, option.to_string());
                }
            }
            _ => return None,
        }
    }
    if !hosts.is_empty() {
        entries.push((word("hosts"), map(hosts)));
    }
    let mut all = vec![(word("port"), word(place.port))];
    // What was listened on without an address is what is listened on without one now.
    all.extend(place.ip.filter(|ip| ip != "0.0.0.0").map(|ip| (word("ip"), quoted(ip))));
    all.extend(place.is_udp.then(|| (word("transport"), word("udp"))));
    all.push((word("module"), word(name)));
    all.append(&mut entries);
    Some(map(all))
}

/// `Port`, `{Port, Address}`, `{Port, Transport}` or `{Port, Address, Transport}`.
fn place(at: &Term) -> Option<Place> {
    let mut place = Place::default();
    let parts = match at {
        Term::Integer(port) => {
            place.port = port.to_string();
            return Some(place);
        }
        other => other.as_tuple()?,
    };
    let (port, rest) = parts.split_first()?;
    place.port = port.as_integer()?.to_string();
    for part in rest {
        match part.as_atom() {
            Some("udp") => place.is_udp = true,
            Some("tcp") => {}
            _ => place.ip = Some(ip_of(part)?),
        }
    }
    Some(place)
}

fn ip_of(term: &Term) -> Option<String> {
    match term {
        Term::Tuple(parts) => address(parts),
        other => text(other),
    }
}

fn option_of(module: &str, name: &str, term: &Term) -> Option<Node> {
    let spec = catalogue::listener(module).and_then(|listener| listener.option(name));
    value(term, spec.map(|spec| &spec.kind))
}

/// `{hosts, Names, Options}` of components: each name has the options.
fn services(hosts: &mut Vec<(Node, Node)>, names: &[Term], options: &Term) -> Option<()> {
    let options = match items(options)? {
        [] => map(Vec::new()),
        _ => value(options, None)?,
    };
    for name in names {
        hosts.push((quoted(text(name)?), options.clone()));
    }
    Some(())
}

/// `{["a", "b"], Module}` answers at `/a/b`.
fn request_handlers(handlers: &Term) -> Option<Node> {
    let mut entries = Vec::new();
    for handler in items(handlers)? {
        let [path, module] = handler.as_tuple()? else { return None };
        let path = match path {
            Term::List(segments) => {
                let segments: Option<Vec<String>> = segments.iter().map(text).collect();
                format!("/{}", segments?.join("/"))
            }
            other => text(other)?,
        };
        entries.push((quoted(path), word(module.as_atom()?)));
    }
    Some(map(entries))
}

/// Addresses that may or may not register, as the list `ip_access` of `mod_register` had them: an access rule.
pub(super) fn ip_access(list: &Term) -> Option<Node> {
    let mut rules = Vec::new();
    for rule in items(list)? {
        let [action, net] = rule.as_tuple()? else { return None };
        rules.push(pair(word(action.as_atom()?), pair(word("ip"), quoted(text(net)?))));
    }
    Some(seq(rules))
}
