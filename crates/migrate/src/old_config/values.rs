//! Values of options: Erlang's spelling brought into that of YAML.

use std::net::{Ipv4Addr, Ipv6Addr};

use erl_wire::Term;
use settings::catalogue::{OptionSpec, Type};
use settings::{Node, Pos};

pub(super) fn word(text: impl Into<String>) -> Node {
    Node::word(text.into(), Pos::BUILT_IN)
}

pub(super) fn quoted(text: impl Into<String>) -> Node {
    Node::quoted(text.into(), Pos::BUILT_IN)
}

pub(super) fn seq(items: Vec<Node>) -> Node {
    Node::seq(items, Pos::BUILT_IN)
}

pub(super) fn map(entries: Vec<(Node, Node)>) -> Node {
    Node::map(entries, Pos::BUILT_IN)
}

/// A map of one entry.
pub(super) fn pair(key: Node, value: Node) -> Node {
    map(vec![(key, value)])
}

/// The text of a string, a binary or an atom.
pub(super) fn text(term: &Term) -> Option<String> {
    term.as_atom().map(str::to_owned).or_else(|| term.text())
}

/// The items of a list, and nothing where there is none.
pub(super) fn items(term: &Term) -> Option<&[Term]> {
    match term {
        Term::List(items) => Some(items),
        _ => None,
    }
}

/// An address that is a tuple of its numbers.
pub(super) fn address(parts: &[Term]) -> Option<String> {
    let numbers: Option<Vec<u16>> =
        parts.iter().map(|part| u16::try_from(part.as_integer()?).ok()).collect();
    match *numbers?.as_slice() {
        [a, b, c, d] => {
            let byte = |number: u16| u8::try_from(number).ok();
            Some(Ipv4Addr::new(byte(a)?, byte(b)?, byte(c)?, byte(d)?).to_string())
        }
        [a, b, c, d, e, f, g, h] => Some(Ipv6Addr::new(a, b, c, d, e, f, g, h).to_string()),
        _ => None,
    }
}

/// The value of an option of a kind, if that is known: the empty list and the empty text are one term. `None` for what
/// YAML has no counterpart of.
pub(super) fn value(term: &Term, kind: Option<&'static Type>) -> Option<Node> {
    Some(match term {
        Term::Integer(number) => word(number.to_string()),
        Term::Float(number) => word(number.to_string()),
        Term::Atom(atom) => word(atom.as_str()),
        Term::Binary(_) | Term::String(_) => quoted(term.text()?),
        Term::List(items) if items.is_empty() => match kind.is_some_and(is_textual) {
            true => quoted(""),
            false => seq(Vec::new()),
        },
        Term::List(items) => match wide_text(items) {
            Some(text) => quoted(text),
            None => list(items, kind)?,
        },
        Term::Tuple(parts) => match (address(parts), parts.as_slice()) {
            (Some(address), _) => quoted(address),
            (None, [key, value]) => map(vec![entry(key, value, kind)?]),
            (None, _) => return None,
        },
        _ => return None,
    })
}

/// A text with characters outside of Latin-1 is a list of numbers.
fn wide_text(items: &[Term]) -> Option<String> {
    let is_wide = |item: &Term| item.as_integer().is_some_and(|number| number > 255);
    match items.iter().any(is_wide) {
        true => Term::List(items.to_vec()).text(),
        false => None,
    }
}

fn list(items: &[Term], kind: Option<&'static Type>) -> Option<Node> {
    let pairs: Option<Vec<(Node, Node)>> = items
        .iter()
        .map(|item| match item.as_tuple()? {
            [key, value] => entry(key, value, kind),
            _ => None,
        })
        .collect();
    if let Some(pairs) = pairs {
        let keys: Vec<&Node> = pairs.iter().map(|(key, _)| key).collect();
        let is_map =
            keys.iter().enumerate().all(|(at, key)| !keys.iter().take(at).any(|it| it == key));
        return Some(match is_map {
            true => map(pairs),
            false => seq(pairs.into_iter().map(|(key, value)| pair(key, value)).collect()),
        });
    }
    let of = match kind {
        Some(Type::List { of, .. }) => Some(*of),
        _ => None,
    };
    // `{"uid"}` is a list of one in tuple's clothes.
    let one = |item: &Term| match item.as_tuple() {
        Some([only]) => value(only, of),
        _ => value(item, of),
    };
    items.iter().map(one).collect::<Option<_>>().map(seq)
}

fn entry(key: &Term, term: &Term, kind: Option<&'static Type>) -> Option<(Node, Node)> {
    let key = match key {
        Term::Atom(_) | Term::Integer(_) => value(key, None)?,
        Term::String(_) | Term::Binary(_) => quoted(key.text()?),
        _ => return None,
    };
    let of = match kind {
        Some(Type::Options { fields, .. }) => field(fields, key.as_str().unwrap_or_default()),
        Some(Type::Map { value, .. }) => Some(*value),
        _ => None,
    };
    Some((key, value(term, of)?))
}

fn field(fields: &'static [OptionSpec], name: &str) -> Option<&'static Type> {
    fields.iter().find(|field| field.name == name).map(|field| &field.kind)
}

/// Whether an empty value is rather an empty text than an empty list.
fn is_textual(kind: &Type) -> bool {
    !matches!(
        kind,
        Type::List { .. }
            | Type::Map { .. }
            | Type::Options { .. }
            | Type::Either(_)
            | Type::Any
            | Type::Access
            | Type::Shaper
            | Type::Vcard
    )
}
