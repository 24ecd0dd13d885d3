//! A view of the settings tree in the shapes that rules are written in.

use settings::{Node, Problem};

/// A node of the settings tree.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a>(pub(crate) &'a Node);

/// A piece of a value: an entry of a map, or anything that stands alone.
pub(crate) enum Part<'a> {
    Pair(Item<'a>, Item<'a>),
    Bare(Item<'a>),
}

impl<'a> Item<'a> {
    /// The text of a scalar that is not a number.
    pub(crate) fn text(self) -> Option<&'a str> {
        self.0.as_text()
    }

    /// The value of a bare integer.
    pub(crate) fn int(self) -> Option<i64> {
        self.0.as_int()
    }

    /// Whether the value is a word, a text, a number or nothing.
    pub(crate) fn is_scalar(self) -> bool {
        self.0.is_null() || self.0.scalar().is_some()
    }

    /// A few words on the value, for messages.
    pub(crate) fn describe(self) -> String {
        self.0.describe()
    }

    pub(crate) fn problem(self, message: impl Into<String>) -> Problem {
        self.0.problem(message)
    }
}

/// The pieces of a value: of a map, of a list of maps, of a list of words, or of one word.
pub(crate) fn flatten(item: Item<'_>) -> Vec<Part<'_>> {
    if let Some(entries) = item.0.entries() {
        return pairs(entries).collect();
    }
    let Some(items) = item.0.items() else { return vec![Part::Bare(item)] };
    let mut parts = Vec::new();
    for item in items {
        match item.entries() {
            Some(entries) => parts.extend(pairs(entries)),
            None => parts.push(Part::Bare(Item(item))),
        }
    }
    parts
}

fn pairs(entries: &[(Node, Node)]) -> impl Iterator<Item = Part<'_>> {
    entries.iter().map(|(key, value)| Part::Pair(Item(key), Item(value)))
}
