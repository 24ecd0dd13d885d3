//! Defaults as nodes, so that they are checked and typed by the same code as what is written.

use crate::catalogue::{DefaultValue, OptionSpec, Type};
use crate::node::Node;
use crate::source::Pos;
use crate::value::Value;

/// A default as it could have been written; `None` for those that are unset or refer to other options.
pub(crate) fn node(default: &DefaultValue) -> Option<Node> {
    let word = |text: String| Some(Node::word(text, Pos::BUILT_IN));
    match default {
        DefaultValue::Bool(value) => word(value.to_string()),
        DefaultValue::Int(value) => word(value.to_string()),
        DefaultValue::Millis(value) => word(format!("{value} ms")),
        DefaultValue::Text(text) => Some(Node::quoted(*text, Pos::BUILT_IN)),
        DefaultValue::List(items) => {
            Some(Node::seq(items.iter().filter_map(node).collect(), Pos::BUILT_IN))
        }
        DefaultValue::Map(entries) => {
            let entries = entries
                .iter()
                .filter_map(|(key, value)| Some((Node::word(*key, Pos::BUILT_IN), node(value)?)));
            Some(Node::map(entries.collect(), Pos::BUILT_IN))
        }
        DefaultValue::Unset
        | DefaultValue::Required
        | DefaultValue::Of(_)
        | DefaultValue::OfOr(..)
        | DefaultValue::ListOf(_)
        | DefaultValue::AtStart(_)
        | DefaultValue::When(..) => None,
    }
}

/// COMPAT: defaults that their own type would refuse: an empty text is kept for texts and words and means
/// unset for everything else; words that stand for "worked out elsewhere" are unset; numbers and times
/// outside the bounds are kept.
pub(crate) fn odd(spec: &OptionSpec, node: &Node) -> Value {
    match (&spec.kind, node.as_int()) {
        (_, Some(number)) => Value::Int(number),
        (Type::Enum(_) | Type::Text(_) | Type::Either(_), None) if !spec.secret => {
            node.as_str().map_or(Value::Unset, Value::text)
        }
        _ => Value::Unset,
    }
}
