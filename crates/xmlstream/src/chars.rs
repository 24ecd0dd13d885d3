//! Character classes of XML 1.0 (fifth edition) §2.2, §2.3 and Namespaces in XML 1.0 §3.

use crate::error::{Stop, XmlError, malformed};

const START: u8 = 1;
const NAME: u8 = 2;

/// Class bits of each ASCII byte; the colon is left out, names are NCNames joined by at most one.
static CLASS: [u8; 256] = {
    let mut table = [0_u8; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        if b.is_ascii_alphabetic() || b == b'_' {
            table[byte] = START | NAME;
        } else if b.is_ascii_digit() || b == b'-' || b == b'.' {
            table[byte] = NAME;
        }
        byte += 1;
    }
    table
};

/// Whether a character may occur in an XML document at all (XML 1.0 §2.2, production Char).
pub fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Whether a string is a name without a colon (Namespaces in XML 1.0 §3, production NCName), of characters that
/// every edition of XML 1.0 allows.
pub fn is_ncname(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

/// Letters that both the fourth and the fifth edition of XML 1.0 allow in names. Half of the field, libexpat
/// and with it ejabberd first, reads by the fourth: a name of the fifth, passed on, would end other
/// people's streams. Of the fourth's many ranges these are the living scripts that somebody might use.
fn is_name_start(c: char) -> bool {
    if c.is_ascii() {
        return CLASS[c as usize] & START != 0;
    }
    matches!(c,
        // Latin
        '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{131}' | '\u{134}'..='\u{13E}'
        | '\u{141}'..='\u{148}' | '\u{14A}'..='\u{17E}' | '\u{180}'..='\u{1C3}'
        // Greek, Cyrillic, Hebrew, Arabic
        | '\u{388}'..='\u{38A}' | '\u{38E}'..='\u{3A1}' | '\u{3A3}'..='\u{3CE}' | '\u{401}'..='\u{40C}'
        | '\u{40E}'..='\u{44F}' | '\u{451}'..='\u{45C}' | '\u{45E}'..='\u{481}' | '\u{5D0}'..='\u{5EA}'
        | '\u{621}'..='\u{63A}' | '\u{641}'..='\u{64A}'
        // Kana, ideographs, Hangul
        | '\u{3041}'..='\u{3094}' | '\u{30A1}'..='\u{30FA}' | '\u{4E00}'..='\u{9FA5}'
        | '\u{AC00}'..='\u{D7A3}')
}

fn is_name_char(c: char) -> bool {
    if c.is_ascii() {
        return CLASS[c as usize] & NAME != 0;
    }
    is_name_start(c) || matches!(c, '\u{B7}' | '\u{300}'..='\u{345}')
}

/// Whether an ASCII byte may begin a name.
#[inline]
pub(crate) fn begins_name(byte: u8) -> bool {
    CLASS[usize::from(byte)] & START != 0
}

/// Where the ASCII characters of a name end that begins at `at`.
#[inline]
pub(crate) fn plain_name_end(data: &[u8], at: usize) -> usize {
    let rest = data.get(at..).unwrap_or_default();
    at + rest.iter().position(|&byte| CLASS[usize::from(byte)] & NAME == 0).unwrap_or(rest.len())
}

/// White space of XML 1.0 §2.3.
#[inline]
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

/// The end of an NCName that begins at `at`; equal to `at` when none does. `More` if the bytes end before the
/// name is known to have ended.
pub(crate) fn ncname(data: &[u8], at: usize) -> Result<usize, Stop> {
    let mut pos = at;
    let mut wanted = START;
    loop {
        match data.get(pos) {
            None => return Err(Stop::More),
            Some(&byte) if CLASS[byte as usize] & wanted != 0 => pos += 1,
            Some(&byte) if byte < 0x80 => return Ok(pos),
            Some(_) => {
                let c = decode(data, pos)?;
                let fits = if pos == at { is_name_start(c) } else { is_name_char(c) };
                if !fits {
                    return Ok(pos);
                }
                pos += c.len_utf8();
            }
        }
        wanted = NAME;
    }
}

/// The character that begins at `at`.
pub(crate) fn decode(data: &[u8], at: usize) -> Result<char, Stop> {
    let end = data.len().min(at + 4);
    let piece = &data[at..end];
    let valid = match std::str::from_utf8(piece) {
        Ok(valid) => valid,
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(&piece[..error.valid_up_to()]).expect("the prefix was found valid")
        }
        Err(error) if error.error_len().is_none() => return Err(Stop::More),
        Err(_) => return malformed(at, "the bytes are not UTF-8"),
    };
    valid.chars().next().ok_or(Stop::More)
}

/// Checks that bytes are UTF-8 without U+FFFE and U+FFFF, and returns how many were judged: all but a character
/// that is cut off at the end. Control characters are the scanner's business.
pub(crate) fn validate(data: &[u8], from: usize) -> Result<usize, Stop> {
    let fresh = &data[from..];
    if fresh.is_ascii() {
        return Ok(data.len());
    }
    let valid = match std::str::from_utf8(fresh) {
        Ok(_) => fresh.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(error) => return malformed(from + error.valid_up_to(), "the bytes are not UTF-8"),
    };
    for at in memchr::memchr_iter(0xEF, &fresh[..valid]) {
        if matches!(fresh.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])) {
            return malformed(from + at, "U+FFFE and U+FFFF are no characters");
        }
    }
    Ok(from + valid)
}

/// The longest reference that is looked at, `&` and `;` included. A longer one can only be an entity that is not
/// predefined or a number with a silly lot of leading zeros.
const REFERENCE_BYTES_MAX: usize = 32;

/// Decodes the reference whose `&` is at `at`: the character and where the text goes on.
pub(crate) fn reference(data: &[u8], at: usize) -> Result<(char, usize), Stop> {
    let window = &data[at + 1..data.len().min(at + REFERENCE_BYTES_MAX)];
    let Some(length) = window.iter().position(|&b| b == b';') else {
        let strange = window
            .iter()
            .any(|&b| !(CLASS[b as usize] & NAME != 0 || b == b'#' || b == b':' || b >= 0x80));
        if strange {
            return malformed(at, "an ampersand begins no reference");
        }
        if window.len() + 1 < REFERENCE_BYTES_MAX {
            return Err(Stop::More);
        }
        return Err(Stop::Refused(
            XmlError::Restricted,
            at,
            "only the five predefined entities are allowed",
        ));
    };
    let name = &window[..length];
    let c = match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x', digits @ ..] => number(digits, 16, at)?,
        [b'#', digits @ ..] => number(digits, 10, at)?,
        _ if std::str::from_utf8(name).is_ok_and(|n| n.split(':').all(is_ncname)) => {
            return Err(Stop::Refused(
                XmlError::Restricted,
                at,
                "only the five predefined entities are allowed",
            ));
        }
        _ => return malformed(at, "an ampersand begins no reference"),
    };
    Ok((c, at + length + 2))
}

fn number(digits: &[u8], radix: u32, at: usize) -> Result<char, Stop> {
    let all_digits = !digits.is_empty() && digits.iter().all(|&b| char::from(b).is_digit(radix));
    let code = std::str::from_utf8(digits)
        .ok()
        .filter(|_| all_digits)
        .and_then(|d| u32::from_str_radix(d, radix).ok());
    match code.and_then(char::from_u32).filter(|&c| is_xml_char(c)) {
        Some(c) => Ok(c),
        None => malformed(at, "a character reference names no character"),
    }
}
