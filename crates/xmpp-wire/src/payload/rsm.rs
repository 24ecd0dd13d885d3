//! XEP-0059 Result Set Management.

use crate::ns;
use xmlstream::Element;

/// Which part of a result is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// At most so many; 0 asks only for the count.
    pub max: Option<u32>,
    /// Those after this id.
    pub after: Option<String>,
    /// Those before this id; empty asks for the last page.
    pub before: Option<String>,
    /// From this place on.
    pub index: Option<u32>,
}

/// Which part of a result came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The id of the first item and its place in the whole.
    pub first: Option<(String, Option<u32>)>,
    /// The id of the last item.
    pub last: Option<String>,
    /// Items in the whole.
    pub count: Option<u32>,
}

fn text(set: &Element, name: &str) -> Option<String> {
    set.child_text(name, ns::RSM)
}

fn leaf(name: &'static str, text: impl AsRef<str>) -> Element {
    Element::new(name, ns::RSM).with_text(text)
}

impl Request {
    /// Reads a `<set/>`; `None` if it is something else or a number in it is none.
    pub fn from_element(set: &Element) -> Option<Self> {
        if !set.is("set", ns::RSM) {
            return None;
        }
        let number = |name| match text(set, name) {
            None => Some(None),
            Some(digits) => digits.trim().parse().ok().map(Some),
        };
        Some(Self {
            max: number("max")?,
            after: text(set, "after"),
            before: text(set, "before"),
            index: number("index")?,
        })
    }

    /// The `<set/>`.
    pub fn to_element(&self) -> Element {
        Element::new("set", ns::RSM)
            .with_children(self.max.map(|max| leaf("max", max.to_string())))
            .with_children(self.after.as_ref().map(|after| leaf("after", after)))
            .with_children(self.before.as_ref().map(|before| leaf("before", before)))
            .with_children(self.index.map(|index| leaf("index", index.to_string())))
    }
}

impl Page {
    /// Reads a `<set/>`; `None` if it is something else.
    pub fn from_element(set: &Element) -> Option<Self> {
        if !set.is("set", ns::RSM) {
            return None;
        }
        let first = set.child("first", ns::RSM);
        let index = |first: &Element| first.attr("index").and_then(|index| index.parse().ok());
        Some(Self {
            first: first.map(|first| (first.text(), index(first))),
            last: text(set, "last"),
            count: text(set, "count").and_then(|count| count.trim().parse().ok()),
        })
    }

    /// The `<set/>`.
    pub fn to_element(&self) -> Element {
        let first = self.first.as_ref().map(|(id, index)| {
            leaf("first", id).with_attr_opt("index", index.map(|index| index.to_string()))
        });
        Element::new("set", ns::RSM)
            .with_children(first)
            .with_children(self.last.as_ref().map(|last| leaf("last", last)))
            .with_children(self.count.map(|count| leaf("count", count.to_string())))
    }
}
