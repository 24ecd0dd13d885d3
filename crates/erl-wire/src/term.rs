//! Erlang terms as values.

use std::fmt;

/// The longest atom, in characters (ETF, `ATOM_UTF8_EXT`).
const ATOM_CHARS_MAX: usize = 255;

/// A text that is longer than an atom may be: 255 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an atom has at most {ATOM_CHARS_MAX} characters")]
pub struct NameTooLong;

/// An atom: a short text, never entered into a table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom(Box<str>);

impl Atom {
    /// An atom of a text.
    ///
    /// # Errors
    /// When the text has more than 255 characters.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, NameTooLong> {
        let text = text.into();
        // Characters are counted only where the bytes leave a doubt.
        if text.len() > ATOM_CHARS_MAX && text.chars().count() > ATOM_CHARS_MAX {
            return Err(NameTooLong);
        }
        Ok(Self(text))
    }

    /// An atom of a word in the source, which is short.
    pub fn word(text: &'static str) -> Self {
        debug_assert!(text.len() <= ATOM_CHARS_MAX, "a word of the source is short");
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0)
    }
}

/// A process identifier: `id` and `serial` name the process within its node's incarnation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pid {
    /// The node it lives on.
    pub node: Atom,
    /// First number.
    pub id: u32,
    /// Second number.
    pub serial: u32,
    /// The incarnation of the node.
    pub creation: u32,
}

/// A port identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Port {
    /// The node it lives on.
    pub node: Atom,
    /// Its number.
    pub id: u64,
    /// The incarnation of the node.
    pub creation: u32,
}

/// A reference; at most 5 words (`DFLAG_V4_NC`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The node that made it.
    pub node: Atom,
    /// The incarnation of the node.
    pub creation: u32,
    /// What makes it unique there.
    pub words: Vec<u32>,
}

/// The name of an exported function: `fun module:function/arity`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Export {
    /// Module.
    pub module: Atom,
    /// Function.
    pub function: Atom,
    /// Number of arguments.
    pub arity: u8,
}

/// An integer that does not fit into 64 bits with a sign.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BigInteger {
    /// Whether it is below zero.
    pub negative: bool,
    /// Its absolute value, lowest byte first, highest byte not zero.
    pub magnitude: Vec<u8>,
}

/// A term.
///
/// A list of small numbers has two forms, [`Term::String`] and [`Term::List`], as it has on the wire; ask it with
/// [`Term::items`] or [`Term::text`], which know both.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// An integer of 64 bits.
    Integer(i64),
    /// A greater one.
    Big(Box<BigInteger>),
    /// A float; never infinite and never "not a number".
    Float(f64),
    /// An atom.
    Atom(Atom),
    /// A binary.
    Binary(Vec<u8>),
    /// A bit string: bytes, and how many bits of the last one count (1 to 7).
    Bits(Vec<u8>, u8),
    /// A tuple.
    Tuple(Vec<Term>),
    /// A proper list; the empty list has only this form.
    List(Vec<Term>),
    /// A list of numbers from 0 to 255, in one byte each.
    String(Vec<u8>),
    /// A list with something else than `[]` at its end; it has at least one item.
    Improper(Vec<Term>, Box<Term>),
    /// A map, in the order in which it was written.
    Map(Vec<(Term, Term)>),
    /// A process.
    Pid(Box<Pid>),
    /// A port.
    Port(Box<Port>),
    /// A reference.
    Reference(Box<Reference>),
    /// The name of a function.
    Export(Box<Export>),
    /// A function with its surroundings. It can neither be called nor passed on here, so nothing of it is kept.
    Fun,
}

impl Term {
    /// The empty list.
    pub const NIL: Self = Self::List(Vec::new());

    /// An atom of a word in the source.
    pub fn word(text: &'static str) -> Self {
        Self::Atom(Atom::word(text))
    }

    /// A boolean.
    pub fn boolean(value: bool) -> Self {
        Self::word(if value { "true" } else { "false" })
    }

    /// A tuple.
    pub fn tuple(parts: impl Into<Vec<Term>>) -> Self {
        Self::Tuple(parts.into())
    }

    /// A list of characters, as Erlang's string literals are.
    pub fn string(text: &str) -> Self {
        if text.is_empty() {
            return Self::NIL;
        }
        let bytes: Option<Vec<u8>> =
            text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        match bytes {
            Some(bytes) => Self::String(bytes),
            None => {
                Self::List(text.chars().map(|c| Self::Integer(i64::from(u32::from(c)))).collect())
            }
        }
    }

    /// A binary with a text in UTF-8.
    pub fn binary(text: impl Into<String>) -> Self {
        Self::Binary(text.into().into_bytes())
    }

    /// The text of an atom.
    pub fn as_atom(&self) -> Option<&str> {
        match self {
            Self::Atom(atom) => Some(atom.as_str()),
            _ => None,
        }
    }

    /// A small integer.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The parts of a tuple.
    pub fn as_tuple(&self) -> Option<&[Term]> {
        match self {
            Self::Tuple(parts) => Some(parts),
            _ => None,
        }
    }

    /// A process.
    pub fn as_pid(&self) -> Option<&Pid> {
        match self {
            Self::Pid(pid) => Some(pid),
            _ => None,
        }
    }

    /// A reference.
    pub fn as_reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) => Some(reference),
            _ => None,
        }
    }

    /// The items of a proper list, in either form.
    pub fn items(self) -> Option<Vec<Term>> {
        match self {
            Self::List(items) => Some(items),
            Self::String(bytes) => {
                Some(bytes.into_iter().map(|byte| Self::Integer(i64::from(byte))).collect())
            }
            _ => None,
        }
    }

    /// A text, written as a list of characters or as a binary in UTF-8.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Binary(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::String(bytes) => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Self::List(items) => items
                .iter()
                .map(|item| {
                    let number = u32::try_from(item.as_integer()?).ok()?;
                    char::from_u32(number)
                })
                .collect(),
            _ => None,
        }
    }
}

impl From<Atom> for Term {
    fn from(atom: Atom) -> Self {
        Self::Atom(atom)
    }
}

impl From<Pid> for Term {
    fn from(pid: Pid) -> Self {
        Self::Pid(Box::new(pid))
    }
}

impl From<Reference> for Term {
    fn from(reference: Reference) -> Self {
        Self::Reference(Box::new(reference))
    }
}

impl From<i64> for Term {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl BigInteger {
    /// An integer of any size, as the smallest term that holds it. `magnitude` has its lowest byte first.
    pub fn normalised(negative: bool, mut magnitude: Vec<u8>) -> Term {
        while magnitude.last() == Some(&0) {
            magnitude.pop();
        }
        if magnitude.len() <= 8 {
            let mut bytes = [0; 8];
            for (place, byte) in bytes.iter_mut().zip(&magnitude) {
                *place = *byte;
            }
            let value = i128::from(u64::from_le_bytes(bytes));
            if let Ok(small) = i64::try_from(if negative { -value } else { value }) {
                return Term::Integer(small);
            }
        }
        Term::Big(Box::new(Self { negative, magnitude }))
    }
}
