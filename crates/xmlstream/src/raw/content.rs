//! What lies between the tags of an element: bytes as received, and where the direct children are.

use super::ElementRef;
use crate::build;
use crate::element::Element;
use crate::scan::QName;
use bytes::Bytes;
use std::ops::Range;

/// Words of a child record: start, end, lengths of the name, namespace.
pub(super) const CHILD_WORDS: usize = 5;
/// The child inherits the default namespace.
const AT_INHERITED: u32 = u32::MAX;

/// Child elements and text of an element, shared when cloned. Children depend on nothing around them but the
/// default namespace.
#[derive(Clone, Default)]
pub struct Content {
    buffer: Bytes,
    start: u32,
    end: u32,
    children_at: u32,
    children: u32,
}

/// A record of the index.
pub(super) struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    pub(super) fn at(buffer: &'a [u8], at: usize) -> Self {
        Self(&buffer[at..])
    }

    pub(super) fn get(&self, index: usize) -> u32 {
        let bytes = self
            .0
            .get(index * 4..)
            .and_then(|rest| rest.first_chunk())
            .expect("the index was written by us");
        u32::from_le_bytes(*bytes)
    }
}

/// A record as it is kept.
#[inline]
pub(super) fn record<const WORDS: usize, const BYTES: usize>(words: [u32; WORDS]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Appends the record of a child.
pub(super) fn push_record(
    buffer: &mut Vec<u8>,
    start: u32,
    end: u32,
    name: QName,
    ns: Option<(u32, u32)>,
) {
    let (ns_at, ns_len) = ns.unwrap_or((AT_INHERITED, 0));
    let lengths = u32::from(name.prefix) << 16 | u32::from(name.local);
    buffer.extend_from_slice(&record::<CHILD_WORDS, { CHILD_WORDS * 4 }>([
        start, end, lengths, ns_at, ns_len,
    ]));
}

/// A child's record, read.
#[derive(Clone, Copy)]
struct Child {
    start: u32,
    end: u32,
    lengths: u32,
    ns: Option<(u32, u32)>,
}

impl Content {
    pub(super) fn new(buffer: Bytes, range: Range<u32>, children_at: u32, children: u32) -> Self {
        Self { buffer, start: range.start, end: range.end, children_at, children }
    }

    pub(super) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Text at a place that an index names. It is checked again, which costs little and keeps the crate safe.
    pub(super) fn text(&self, at: u32, len: u32) -> &str {
        let bytes = &self.buffer[at as usize..(at + len) as usize];
        std::str::from_utf8(bytes).expect("the index names whole characters of validated bytes")
    }

    /// The bytes between the tags.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start as usize..self.end as usize]
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there is nothing between the tags.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes of memory that this keeps alive, the index included.
    pub fn memory(&self) -> usize {
        self.buffer.len()
    }

    fn record(&self, index: usize) -> Child {
        let words = Words::at(&self.buffer, self.children_at as usize + index * CHILD_WORDS * 4);
        let ns = (words.get(3), words.get(4));
        Child {
            start: words.get(0),
            end: words.get(1),
            lengths: words.get(2),
            ns: (ns.0 != AT_INHERITED).then_some(ns),
        }
    }

    /// The direct child elements; `inherited` is the default namespace around them.
    pub fn children<'a>(
        &'a self,
        inherited: &'a str,
    ) -> impl ExactSizeIterator<Item = ElementRef<'a>> {
        (0..self.children as usize).map(move |index| self.child(&self.record(index), inherited))
    }

    fn child<'a>(&'a self, child: &Child, inherited: &'a str) -> ElementRef<'a> {
        let prefix = child.lengths >> 16;
        let local_at = child.start + 1 + if prefix == 0 { 0 } else { prefix + 1 };
        ElementRef {
            xml: &self.buffer[child.start as usize..child.end as usize],
            name: self.text(local_at, child.lengths & 0xFFFF),
            ns: child.ns.map_or(inherited, |(at, len)| self.text(at, len)),
            outer_ns: inherited,
        }
    }

    /// The text between the children, joined.
    pub fn direct_text(&self) -> String {
        let mut text = String::new();
        let mut from = self.start;
        for index in 0..self.children as usize {
            let child = self.record(index);
            text.push_str(&build::text_of(&self.buffer[from as usize..child.start as usize]));
            from = child.end;
        }
        text.push_str(&build::text_of(&self.buffer[from as usize..self.end as usize]));
        text
    }

    /// Appends an element; `inherited` is the default namespace around it. Copies the content once.
    pub fn push(&mut self, element: &Element, inherited: &str) {
        let mut xml = Vec::new();
        element.write(&mut xml, inherited);
        self.rebuild(&[], Some((&xml, element, inherited)));
    }

    /// Removes the children that `condemned` picks and returns how many those were; copies only if there are any.
    pub fn remove(
        &mut self,
        inherited: &str,
        mut condemned: impl FnMut(ElementRef<'_>) -> bool,
    ) -> usize {
        let mut gone = Vec::new();
        for (index, child) in self.children(inherited).enumerate() {
            if condemned(child) {
                gone.push(index);
            }
        }
        if !gone.is_empty() {
            self.rebuild(&gone, None);
        }
        gone.len()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Copies what is worth keeping into a buffer of its own, if the present one holds much besides.
    pub fn shrink(&mut self) {
        let needed = self.len() + self.children as usize * CHILD_WORDS * 4;
        if self.buffer.len() > needed + needed / 2 + 128 {
            self.rebuild(&[], None);
        }
    }

    fn rebuild(&mut self, gone: &[usize], added: Option<(&[u8], &Element, &str)>) {
        let mut records = Vec::with_capacity(self.children as usize + 1);
        let mut kept = Vec::with_capacity(self.children as usize);
        let mut xml = Vec::with_capacity(self.len() + added.map_or(0, |(xml, ..)| xml.len()));
        let mut copied = self.start;
        let mut gone = gone.iter().peekable();
        for index in 0..self.children as usize {
            let child = self.record(index);
            if gone.next_if_eq(&&index).is_some() {
                xml.extend_from_slice(&self.buffer[copied as usize..child.start as usize]);
                copied = child.end;
            } else {
                let cut = copied - xml.len() as u32;
                kept.push((child, cut));
            }
        }
        xml.extend_from_slice(&self.buffer[copied as usize..self.end as usize]);
        let added_at = xml.len() as u32;
        if let Some((added, ..)) = added {
            xml.extend_from_slice(added);
        }
        let content_end = xml.len() as u32;
        for (child, cut) in kept {
            let ns = child.ns.map(|(at, len)| {
                if at >= child.start && at + len <= child.end {
                    return (at - cut, len);
                }
                let copy = xml.len() as u32;
                xml.extend_from_slice(&self.buffer[at as usize..(at + len) as usize]);
                (copy, len)
            });
            let lengths = child.lengths;
            records.push([
                child.start - cut,
                child.end - cut,
                lengths,
                ns.map_or(AT_INHERITED, |n| n.0),
                ns.map_or(0, |n| n.1),
            ]);
        }
        if let Some((_, element, inherited)) = added {
            let name_len = element.name().len() as u32;
            let (ns_at, ns_len) = if element.ns() == inherited {
                (AT_INHERITED, 0)
            } else {
                xml.extend_from_slice(element.ns().as_bytes());
                ((xml.len() - element.ns().len()) as u32, element.ns().len() as u32)
            };
            records.push([added_at, content_end, name_len, ns_at, ns_len]);
        }
        let children_at = xml.len() as u32;
        xml.reserve_exact(records.len() * CHILD_WORDS * 4);
        for word in records.iter().flatten() {
            xml.extend_from_slice(&word.to_le_bytes());
        }
        let children = records.len() as u32;
        *self = Self {
            buffer: Bytes::from(xml.into_boxed_slice()),
            start: 0,
            end: content_end,
            children_at,
            children,
        };
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.bytes()))
    }
}
