//! From bytes to terms (ETF). Limits are checked before anything is allocated.

use crate::bytes::Bytes;
use crate::term::{Atom, BigInteger, Export, Pid, Port, Reference, Term};

/// The first byte of a term that stands alone.
pub(crate) const VERSION: u8 = 131;
/// The longest integer that is read, in bytes; Erlang itself allows millions of them.
const INTEGER_BYTES_MAX: usize = 1024;
/// The most words of a reference (`DFLAG_V4_NC`).
const REFERENCE_WORDS_MAX: usize = 5;

/// How much a term may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of terms inside terms.
    pub depth_max: usize,
    /// Terms in all, the outermost included.
    pub terms_max: usize,
    /// Bytes that are looked at.
    pub bytes_max: usize,
}

impl Limits {
    /// For messages of other nodes: what a command with all its arguments needs, with room to spare.
    pub const MESSAGE: Self = Self { depth_max: 64, terms_max: 1 << 18, bytes_max: 4 << 20 };
}

/// Why bytes are not a term that is accepted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a term.
    #[error("the term is cut off")]
    CutOff,
    /// There are bytes behind the term.
    #[error("bytes follow the term")]
    Trailing,
    /// The first byte is not 131.
    #[error("the term has format version {0}, not 131")]
    Version(u8),
    /// A kind of term that does not exist or is not accepted: compressed terms, old functions, atoms of a cache that was
    /// not agreed on, local terms of another node.
    #[error("terms with tag {0} are not accepted here")]
    Tag(u8),
    /// A value without meaning, such as a number that is not a number.
    #[error("a term with tag {0} has no meaning")]
    Value(u8),
    /// Too deep.
    #[error("terms are nested deeper than allowed")]
    Depth,
    /// Too many.
    #[error("there are more terms than allowed")]
    Terms,
    /// Too long.
    #[error("the message or a number in it is longer than allowed")]
    Length,
}

/// Reads one term, with its version byte, that fills `bytes`.
///
/// # Errors
/// Why it is none, or more than `limits` allow.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<Term, DecodeError> {
    match decode_prefix(bytes, limits)? {
        (term, []) => Ok(term),
        _ => Err(DecodeError::Trailing),
    }
}

/// Reads one term, with its version byte, and gives back the bytes behind it.
///
/// # Errors
/// Why it is none, or more than `limits` allow.
pub fn decode_prefix(bytes: &[u8], limits: Limits) -> Result<(Term, &[u8]), DecodeError> {
    if bytes.len() > limits.bytes_max {
        return Err(DecodeError::Length);
    }
    let mut decoder = Decoder { bytes: Bytes(bytes), terms_left: limits.terms_max };
    match decoder.bytes.u8().ok_or(DecodeError::CutOff)? {
        VERSION => {}
        other => return Err(DecodeError::Version(other)),
    }
    let term = decoder.term(limits.depth_max)?;
    Ok((term, decoder.bytes.0))
}

/// Begins to read a list, with its version byte, that fills `bytes`: its items come one at a time, so that no more than
/// one of them is in memory. Depth and number of terms are limited for each item, the bytes for the whole.
///
/// # Errors
/// When it is no list of terms, or longer than `limits` allow.
pub fn decode_items(bytes: &[u8], limits: Limits) -> Result<Items<'_>, DecodeError> {
    if bytes.len() > limits.bytes_max {
        return Err(DecodeError::Length);
    }
    let mut decoder = Decoder { bytes: Bytes(bytes), terms_left: limits.terms_max };
    match decoder.u8()? {
        VERSION => {}
        other => return Err(DecodeError::Version(other)),
    }
    let left = match decoder.u8()? {
        106 if decoder.bytes.0.is_empty() => None,
        106 => return Err(DecodeError::Trailing),
        108 => Some(decoder.length()?),
        other => return Err(DecodeError::Tag(other)),
    };
    Ok(Items { decoder, left, limits })
}

/// The items of a list that is read by [`decode_items`]. Nothing follows an error.
pub struct Items<'a> {
    decoder: Decoder<'a>,
    /// Items before the tail; `None` behind it.
    left: Option<usize>,
    limits: Limits,
}

impl Iterator for Items<'_> {
    type Item = Result<Term, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let left = self.left?;
        self.decoder.terms_left = self.limits.terms_max;
        self.left = left.checked_sub(1);
        let term = self.decoder.term(self.limits.depth_max);
        if self.left.is_some() {
            if term.is_err() {
                self.left = None;
            }
            return Some(term);
        }
        match term {
            Ok(Term::List(tail)) if tail.is_empty() && self.decoder.bytes.0.is_empty() => None,
            Ok(_) => Some(Err(DecodeError::Trailing)),
            Err(error) => Some(Err(error)),
        }
    }
}

struct Decoder<'a> {
    bytes: Bytes<'a>,
    terms_left: usize,
}

impl<'a> Decoder<'a> {
    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.bytes.u8().ok_or(DecodeError::CutOff)
    }

    fn u16(&mut self) -> Result<u16, DecodeError> {
        self.bytes.u16().ok_or(DecodeError::CutOff)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.bytes.u32().ok_or(DecodeError::CutOff)
    }

    fn length(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(self.u32()?).map_err(|_| DecodeError::Length)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        self.bytes.take(count).ok_or(DecodeError::CutOff)
    }

    fn term(&mut self, depth_left: usize) -> Result<Term, DecodeError> {
        self.terms_left = self.terms_left.checked_sub(1).ok_or(DecodeError::Terms)?;
        let tag = self.u8()?;
        match tag {
            97 => Ok(Term::Integer(i64::from(self.u8()?))),
            98 => {
                let [a, b, c, d] = self.bytes.array().ok_or(DecodeError::CutOff)?;
                Ok(Term::Integer(i64::from(i32::from_be_bytes([a, b, c, d]))))
            }
            110 => {
                let length = usize::from(self.u8()?);
                self.integer(length)
            }
            111 => {
                let length = self.length()?;
                self.integer(length)
            }
            70 => {
                let bits = self.bytes.u64().ok_or(DecodeError::CutOff)?;
                finite(f64::from_bits(bits), tag)
            }
            99 => self.old_float(),
            100 | 115 | 118 | 119 => self.atom_of(tag).map(Term::Atom),
            88 | 103 => self.pid(tag),
            89 | 102 | 120 => self.port(tag),
            90 | 101 | 114 => self.reference(tag),
            109 => {
                let length = self.length()?;
                Ok(Term::Binary(self.take(length)?.to_vec()))
            }
            77 => self.bits(),
            113 => self.export(depth_left),
            112 => self.fun(),
            _ => self.compound(tag, depth_left),
        }
    }

    fn compound(&mut self, tag: u8, depth_left: usize) -> Result<Term, DecodeError> {
        match tag {
            104 => {
                let count = usize::from(self.u8()?);
                self.sequence(count, depth_left).map(Term::Tuple)
            }
            105 => {
                let count = self.length()?;
                self.sequence(count, depth_left).map(Term::Tuple)
            }
            106 => Ok(Term::NIL),
            107 => {
                let length = usize::from(self.u16()?);
                // An empty one is the empty list, which has one form.
                Ok(if length == 0 { Term::NIL } else { Term::String(self.take(length)?.to_vec()) })
            }
            108 => {
                let count = self.length()?;
                let items = self.sequence(count, depth_left)?;
                match (self.term(deeper(depth_left)?)?, items.is_empty()) {
                    (tail, true) => Ok(tail),
                    (Term::List(tail), _) if tail.is_empty() => Ok(Term::List(items)),
                    (tail, _) => Ok(Term::Improper(items, Box::new(tail))),
                }
            }
            116 => {
                let count = self.length()?;
                let mut flat = self.sequence(count.saturating_mul(2), depth_left)?.into_iter();
                let mut pairs = Vec::with_capacity(flat.len() / 2);
                while let (Some(key), Some(value)) = (flat.next(), flat.next()) {
                    pairs.push((key, value));
                }
                Ok(Term::Map(pairs))
            }
            other => Err(DecodeError::Tag(other)),
        }
    }

    /// `count` terms. Each needs a byte and a place in the budget, so a count beyond either is refused at once.
    fn sequence(&mut self, count: usize, depth_left: usize) -> Result<Vec<Term>, DecodeError> {
        let depth_left = deeper(depth_left)?;
        if count > self.bytes.0.len() {
            return Err(DecodeError::CutOff);
        }
        if count > self.terms_left {
            return Err(DecodeError::Terms);
        }
        let mut terms = Vec::with_capacity(count);
        for _ in 0..count {
            terms.push(self.term(depth_left)?);
        }
        Ok(terms)
    }

    fn integer(&mut self, length: usize) -> Result<Term, DecodeError> {
        if length > INTEGER_BYTES_MAX {
            return Err(DecodeError::Length);
        }
        let negative = match self.u8()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::Value(110)),
        };
        Ok(BigInteger::normalised(negative, self.take(length)?.to_vec()))
    }

    /// `FLOAT_EXT`: 31 bytes of text, zeros behind it.
    fn old_float(&mut self) -> Result<Term, DecodeError> {
        let text = self.take(31)?;
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        let number: Option<f64> =
            std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
        finite(number.ok_or(DecodeError::Value(99))?, 99)
    }

    /// An atom whose tag is read already.
    fn atom_of(&mut self, tag: u8) -> Result<Atom, DecodeError> {
        let length = match tag {
            100 | 118 => usize::from(self.u16()?),
            115 | 119 => usize::from(self.u8()?),
            other => return Err(DecodeError::Value(other)),
        };
        let bytes = self.take(length)?;
        let text: Box<str> = match tag {
            // The two old forms are Latin-1.
            100 | 115 if length > 255 => return Err(DecodeError::Value(tag)),
            100 | 115 => bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
            _ => std::str::from_utf8(bytes).map_err(|_| DecodeError::Value(tag))?.into(),
        };
        Atom::new(text).map_err(|_| DecodeError::Value(tag))
    }

    fn atom(&mut self) -> Result<Atom, DecodeError> {
        let tag = self.u8()?;
        self.atom_of(tag)
    }

    fn creation(&mut self, is_new: bool) -> Result<u32, DecodeError> {
        if is_new { self.u32() } else { Ok(u32::from(self.u8()?)) }
    }

    fn pid(&mut self, tag: u8) -> Result<Term, DecodeError> {
        let node = self.atom()?;
        let (id, serial) = (self.u32()?, self.u32()?);
        let creation = self.creation(tag == 88)?;
        Ok(Term::Pid(Box::new(Pid { node, id, serial, creation })))
    }

    fn port(&mut self, tag: u8) -> Result<Term, DecodeError> {
        let node = self.atom()?;
        let id = match tag {
            120 => self.bytes.u64().ok_or(DecodeError::CutOff)?,
            _ => u64::from(self.u32()?),
        };
        let creation = self.creation(tag != 102)?;
        Ok(Term::Port(Box::new(Port { node, id, creation })))
    }

    fn reference(&mut self, tag: u8) -> Result<Term, DecodeError> {
        let count = if tag == 101 { 1 } else { usize::from(self.u16()?) };
        if count == 0 || count > REFERENCE_WORDS_MAX {
            return Err(DecodeError::Value(tag));
        }
        let node = self.atom()?;
        // The oldest form has its number before the creation.
        let first = if tag == 101 { Some(self.u32()?) } else { None };
        let creation = self.creation(tag == 90)?;
        let mut words: Vec<u32> = first.into_iter().collect();
        while words.len() < count {
            words.push(self.u32()?);
        }
        Ok(Term::Reference(Box::new(Reference { node, creation, words })))
    }

    fn bits(&mut self) -> Result<Term, DecodeError> {
        let length = self.length()?;
        let bits = self.u8()?;
        let bytes = self.take(length)?.to_vec();
        match (bits, length) {
            (8, _) | (0, 0) => Ok(Term::Binary(bytes)),
            (1..=7, 1..) => Ok(Term::Bits(bytes, bits)),
            _ => Err(DecodeError::Value(77)),
        }
    }

    fn export(&mut self, depth_left: usize) -> Result<Term, DecodeError> {
        let (module, function) = (self.atom()?, self.atom()?);
        let arity = self.term(deeper(depth_left)?)?.as_integer();
        let arity = arity.and_then(|arity| u8::try_from(arity).ok());
        let arity = arity.ok_or(DecodeError::Value(113))?;
        Ok(Term::Export(Box::new(Export { module, function, arity })))
    }

    /// A function says how long it is, the length itself included, so it is passed over unseen.
    fn fun(&mut self) -> Result<Term, DecodeError> {
        let length = self.length()?.checked_sub(4).ok_or(DecodeError::Value(112))?;
        self.take(length)?;
        Ok(Term::Fun)
    }
}

fn deeper(depth_left: usize) -> Result<usize, DecodeError> {
    depth_left.checked_sub(1).ok_or(DecodeError::Depth)
}

fn finite(number: f64, tag: u8) -> Result<Term, DecodeError> {
    if number.is_finite() { Ok(Term::Float(number)) } else { Err(DecodeError::Value(tag)) }
}
