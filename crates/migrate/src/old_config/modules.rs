//! Modules: `{Module, Options}`, and the options that were tuples of their own kind.

use erl_wire::Term;
use settings::{Node, catalogue};

use super::Left;
use super::listeners::ip_access;
use super::values::{items, map, quoted, seq, text, value, word};

/// One module as an entry of `modules`; `None` if it is not understood.
pub(super) fn module(term: &Term, left: &mut Left) -> Option<(Node, Node)> {
    let [name, options] = term.as_tuple()? else { return None };
    let name = name.as_atom()?;
    let mut entries: Vec<(Node, Node)> = Vec::new();
    for option in items(options)? {
        if is_default(name, option) {
            left.tell(format!("{name}: what asks for the default is left out: {option}"));
            continue;
        }
        let made = match (option.as_atom(), option.as_tuple()) {
            (Some(flag), _) => Some((word(flag), word("true"))),
            (_, Some([key, term])) => key.as_atom().and_then(|key| {
                let value =
                    special(name, key, term, left).or_else(|| option_of(name, key, term))?;
                Some((word(key), value))
            }),
            _ => None,
        };
        match made {
            Some((key, _)) if entries.iter().any(|(other, _)| *other == key) => {
                let why = format!("option `{}` of {name} is given twice", key.as_str()?);
                left.out(why, option.to_string());
            }
            Some(entry) => entries.push(entry),
            None => {
                left.out(format!("an option of {name} that is not understood"), option.to_string());
            }
        }
    }
    Some((word(name), map(entries)))
}

fn option_of(module: &str, name: &str, term: &Term) -> Option<Node> {
    let spec = catalogue::module(module).and_then(|module| module.option(name));
    value(term, spec.map(|spec| &spec.kind))
}

/// `false` instead of a file was the style sheet of the server.
fn is_default(module: &str, option: &Term) -> bool {
    match option.as_tuple() {
        Some([key, value]) => {
            (module, key.as_atom(), value.as_atom())
                == ("mod_muc_log", Some("cssfile"), Some("false"))
        }
        _ => false,
    }
}

/// Options whose shape has changed.
fn special(module: &str, option: &str, term: &Term, left: &mut Left) -> Option<Node> {
    match (module, option) {
        ("mod_register", "welcome_message") => {
            let [subject, body] = term.as_tuple()? else { return None };
            let (subject, body) = (quoted(text_or_empty(subject)?), quoted(text_or_empty(body)?));
            Some(map(vec![(word("subject"), subject), (word("body"), body)]))
        }
        ("mod_register", "ip_access") if items(term).is_some() => {
            left.tell(
                "`ip_access` of mod_register refuses addresses that no line of it names now; before, it allowed them",
            );
            ip_access(term)
        }
        ("mod_disco", "server_info") => {
            items(term)?.iter().map(server_info).collect::<Option<_>>().map(seq)
        }
        _ => None,
    }
}

/// `{Modules, Name, Addresses}`.
fn server_info(term: &Term) -> Option<Node> {
    let [modules, name, urls] = term.as_tuple()? else { return None };
    Some(map(vec![
        (word("modules"), value(modules, None)?),
        (word("name"), quoted(text(name)?)),
        (word("urls"), value(urls, None)?),
    ]))
}

fn text_or_empty(term: &Term) -> Option<String> {
    match items(term) {
        Some([]) => Some(String::new()),
        _ => text(term),
    }
}
