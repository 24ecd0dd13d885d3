//! One start tag: names, attributes, quotes. Knows nothing of namespaces beyond where the colon is.

use crate::chars::{begins_name, is_space, ncname, plain_name_end, reference};
use crate::error::{Stop, XmlError, malformed};
use crate::limits::Limits;
use smallvec::SmallVec;

/// A name as it stands in the bytes: `prefix:local` or `local`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QName {
    /// Where it begins.
    pub(crate) at: u32,
    /// Bytes of the prefix; 0 for none.
    pub(crate) prefix: u16,
    /// Bytes of the local part.
    pub(crate) local: u16,
}

impl QName {
    #[inline]
    pub(crate) fn prefix_in<'d>(&self, data: &'d [u8]) -> &'d [u8] {
        &data[self.at as usize..self.at as usize + self.prefix as usize]
    }

    #[inline]
    pub(crate) fn local_at(&self) -> usize {
        self.at as usize + if self.prefix == 0 { 0 } else { self.prefix as usize + 1 }
    }

    #[inline]
    pub(crate) fn local_in<'d>(&self, data: &'d [u8]) -> &'d [u8] {
        &data[self.local_at()..self.end()]
    }

    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.local_at() + self.local as usize
    }

    #[inline]
    pub(crate) fn whole_in<'d>(&self, data: &'d [u8]) -> &'d [u8] {
        &data[self.at as usize..self.end()]
    }
}

/// An attribute as it stands in the bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawAttr {
    pub(crate) name: QName,
    /// Where the value begins, after the quote.
    pub(crate) value: u32,
    /// Bytes of the value as written.
    pub(crate) value_len: u32,
    /// Whether the value means what is written: it holds no reference and no white space but blanks.
    pub(crate) plain: bool,
    /// Whether the value holds a carriage return, of which parsers think differently.
    pub(crate) returns: bool,
}

impl RawAttr {
    #[inline]
    pub(crate) fn value_in<'d>(&self, data: &'d [u8]) -> &'d [u8] {
        &data[self.value as usize..(self.value + self.value_len) as usize]
    }

    /// The declared prefix if this is a namespace declaration; empty for the default namespace.
    #[inline]
    pub(crate) fn declares<'d>(&self, data: &'d [u8]) -> Option<&'d [u8]> {
        if self.name.prefix == 0 {
            (self.name.local == 5 && self.name.local_in(data) == b"xmlns").then_some(&[])
        } else {
            (self.name.prefix == 5 && self.name.prefix_in(data) == b"xmlns")
                .then(|| self.name.local_in(data))
        }
    }
}

/// Attributes of one tag.
pub(crate) type RawAttrs = SmallVec<[RawAttr; 8]>;

/// A start tag or an empty-element tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag {
    pub(crate) name: QName,
    /// After the closing angle bracket.
    pub(crate) end: usize,
    /// Whether the element ends here too.
    pub(crate) empty: bool,
}

/// Reads the start tag whose angle bracket is at `at`, filling `attrs`.
#[inline]
pub(crate) fn start_tag(
    data: &[u8],
    at: usize,
    limits: &Limits,
    attrs: &mut RawAttrs,
) -> Result<Tag, Stop> {
    attrs.clear();
    let name = qname(data, at + 1, limits)?;
    let mut pos = name.end();
    // One bit for each length and last byte of a name seen: most tags need no comparison of names at all.
    let mut seen = 0_u64;
    loop {
        let gap = pos;
        pos = skip_space(data, pos)?;
        match data[pos] {
            b'>' => return Ok(Tag { name, end: pos + 1, empty: false }),
            b'/' => {
                return match data.get(pos + 1) {
                    None => Err(Stop::More),
                    Some(b'>') => Ok(Tag { name, end: pos + 2, empty: true }),
                    Some(_) => malformed(pos, "a slash within a tag"),
                };
            }
            _ if gap == pos => {
                return malformed(pos, "attributes must be set apart by white space");
            }
            _ => {}
        }
        let attr = attribute(data, pos, limits)?;
        if attrs.len() >= usize::from(limits.attributes_max) {
            return Err(Stop::Refused(
                XmlError::TooManyAttributes,
                pos,
                "an element has more attributes than allowed",
            ));
        }
        let (last, len) = (attr.name.end() - 1, attr.name.end() - attr.name.at as usize);
        let bit = 1_u64 << ((usize::from(data[last]) ^ (len << 2)) & 63);
        if seen & bit != 0
            && attrs.iter().any(|other| other.name.whole_in(data) == attr.name.whole_in(data))
        {
            return malformed(pos, "an attribute occurs twice");
        }
        seen |= bit;
        attrs.push(attr);
        pos = (attr.value + attr.value_len) as usize + 1;
    }
}

#[inline]
fn attribute(data: &[u8], at: usize, limits: &Limits) -> Result<RawAttr, Stop> {
    let name = qname(data, at, limits)?;
    let mut pos = skip_space(data, name.end())?;
    if data[pos] != b'=' {
        return malformed(pos, "an attribute has no value");
    }
    pos = skip_space(data, pos + 1)?;
    let quote = data[pos];
    if quote != b'"' && quote != b'\'' {
        return malformed(pos, "an attribute value has no quotes");
    }
    let mut end = find(data, pos + 1, quote);
    let plain = data.get(end) == Some(&quote);
    let mut returns = false;
    if !plain {
        (end, returns) = value_end(data, end, quote)?;
    }
    Ok(RawAttr { name, value: pos as u32 + 1, value_len: (end - pos - 1) as u32, plain, returns })
}

/// Reads a name with at most one colon. The byte that ends it is within the data.
#[inline]
pub(crate) fn qname(data: &[u8], at: usize, limits: &Limits) -> Result<QName, Stop> {
    let end = plain_name_end(data, at);
    if let Some(&byte) = data.get(end)
        && byte < 0x80
        && byte != b':'
        && begins_name(data[at])
        && end - at <= usize::from(limits.name_bytes_max)
    {
        return Ok(QName { at: at as u32, prefix: 0, local: (end - at) as u16 });
    }
    unusual_qname(data, at, limits)
}

/// The same for names with a colon or other characters than ASCII, and for what is no name.
#[inline(never)]
fn unusual_qname(data: &[u8], at: usize, limits: &Limits) -> Result<QName, Stop> {
    let first = ncname(data, at)?;
    let (prefix, local_at, end) = if data[first] == b':' {
        (first - at, first + 1, ncname(data, first + 1)?)
    } else {
        (0, at, first)
    };
    if end - at > usize::from(limits.name_bytes_max) {
        return Err(Stop::Refused(XmlError::NameTooLong, at, "a name is longer than allowed"));
    }
    if end == local_at || first == at || data[end] == b':' {
        return malformed(at, "a name was expected");
    }
    Ok(QName { at: at as u32, prefix: prefix as u16, local: (end - local_at) as u16 })
}

/// The first byte at or after `at` that is no white space.
#[inline]
pub(crate) fn skip_space(data: &[u8], at: usize) -> Result<usize, Stop> {
    let mut pos = at;
    loop {
        match data.get(pos) {
            None => return Err(Stop::More),
            Some(&byte) if is_space(byte) => pos += 1,
            Some(_) => return Ok(pos),
        }
    }
}

/// Where the quote is that ends a value and whether a carriage return comes before it, having checked what lies between (XML 1.0 §2.3, AttValue).
#[inline(never)]
fn value_end(data: &[u8], at: usize, quote: u8) -> Result<(usize, bool), Stop> {
    let mut pos = at;
    let mut returns = false;
    loop {
        pos = find(data, pos, quote);
        match data.get(pos) {
            None => return Err(Stop::More),
            Some(&byte) if byte == quote => return Ok((pos, returns)),
            Some(b'&') => pos = reference(data, pos)?.1,
            Some(b'<') => return malformed(pos, "an angle bracket within an attribute value"),
            Some(&byte) if byte < 0x20 && !is_space(byte) => {
                return malformed(pos, "a control character");
            }
            Some(&byte) => {
                returns |= byte == b'\r';
                pos += 1;
            }
        }
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks the high bit of zero bytes. Marks above the lowest may be false, the lowest never is.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// The first byte at or after `at` that is `<`, `&`, `third` or a control character; the length if there is none.
/// Eight bytes a step: values and texts are mostly shorter than what wider searches need to pay off.
#[inline]
pub(crate) fn find(data: &[u8], at: usize, third: u8) -> usize {
    let mut pos = at;
    let third_mask = ONES * u64::from(third);
    while let Some(chunk) = data.get(pos..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let controls = word.wrapping_sub(ONES * 0x20) & !word;
        let hits = (zeros(word ^ (ONES * u64::from(b'<')))
            | zeros(word ^ (ONES * u64::from(b'&')))
            | zeros(word ^ third_mask)
            | controls)
            & HIGHS;
        if hits != 0 {
            return pos + (hits.trailing_zeros() / 8) as usize;
        }
        pos += 8;
    }
    while let Some(&byte) = data.get(pos) {
        if byte == b'<' || byte == b'&' || byte == third || byte < 0x20 {
            break;
        }
        pos += 1;
    }
    pos
}
