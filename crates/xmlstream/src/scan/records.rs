//! What the scanner notes of an element.

use super::QName;

/// A piece of text: in the element's bytes, or, with the high bit of `at` set, in the decoded area of the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) at: u32,
    pub(crate) len: u32,
}

impl Span {
    /// The bit of `at` that says the text is in the decoded area.
    pub(crate) const DECODED: u32 = 1 << 31;
    /// The namespace is the default one of the surrounding stream.
    pub(crate) const OUTER: Self = Self { at: u32::MAX, len: 0 };
    /// The namespace of the prefix `xml`.
    pub(crate) const XML: Self = Self { at: u32::MAX - 1, len: 0 };
    /// A namespace of the surrounding stream; `len` is its place in the scope.
    pub(super) const SCOPED_AT: u32 = u32::MAX - 2;
}

/// An attribute of the top element, declarations left out.
#[derive(Clone, Copy)]
pub(crate) struct AttrRecord {
    pub(crate) name: QName,
    /// What the value means, references resolved.
    pub(crate) value: Span,
    /// `None` without prefix.
    pub(crate) ns: Option<Span>,
}

/// A direct child of the top element.
#[derive(Clone, Copy)]
pub(crate) struct ChildRecord {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) name: QName,
    /// Its namespace; `None` if it is that of the top element.
    pub(crate) ns: Option<Span>,
}
