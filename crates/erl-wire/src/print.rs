//! Terms in Erlang's syntax, on one line: as `~0p` would print them, or with `{:#}` as `~w` would.

use std::fmt::{self, Display, Formatter, Write};

use crate::term::{BigInteger, Term};

/// Words that cannot stand as atoms without quotes.
const RESERVED: [&str; 29] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case",
    "catch", "cond", "div", "else", "end", "fun", "if", "let", "maybe", "not", "of", "or",
    "orelse", "receive", "rem", "try", "when", "xor",
];

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plain = f.alternate();
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Big(big) => f.write_str(&decimal(big)),
            Self::Float(number) => f.write_str(&float(*number)),
            Self::Atom(atom) => f.write_str(&quoted_atom(atom.as_str())),
            Self::Binary(bytes) => binary(bytes, None, plain, f),
            Self::Bits(bytes, bits) => binary(bytes, Some(*bits), plain, f),
            Self::Tuple(parts) => wrapped("{", parts, "}", f),
            Self::List(items) => match printable(self, plain) {
                Some(text) => quoted(&text, '"', f),
                None => wrapped("[", items, "]", f),
            },
            Self::String(bytes) => match printable(self, plain) {
                Some(text) => quoted(&text, '"', f),
                None => wrapped("[", bytes, "]", f),
            },
            Self::Improper(items, tail) => {
                wrapped("[", items, "|", f)?;
                again(tail, plain, f)?;
                f.write_char(']')
            }
            Self::Map(pairs) => {
                f.write_str("#{")?;
                for (at, (key, value)) in pairs.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    again(key, plain, f)?;
                    f.write_str(if plain { "=>" } else { " => " })?;
                    again(value, plain, f)?;
                }
                f.write_char('}')
            }
            Self::Pid(pid) => write!(f, "<{}.{}.{}>", pid.node.as_str(), pid.id, pid.serial),
            Self::Port(port) => write!(f, "#Port<{}.{}>", port.node.as_str(), port.id),
            Self::Reference(reference) => {
                write!(f, "#Ref<{}", reference.node.as_str())?;
                reference.words.iter().rev().try_for_each(|word| write!(f, ".{word}"))?;
                f.write_char('>')
            }
            Self::Export(export) => {
                let (module, function) = (export.module.as_str(), export.function.as_str());
                let (module, function) = (quoted_atom(module), quoted_atom(function));
                write!(f, "fun {module}:{function}/{}", export.arity)
            }
            Self::Fun => f.write_str("#Fun"),
        }
    }
}

fn again(item: &impl Display, plain: bool, f: &mut Formatter<'_>) -> fmt::Result {
    if plain { write!(f, "{item:#}") } else { write!(f, "{item}") }
}

fn wrapped(open: &str, items: &[impl Display], close: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let plain = f.alternate();
    f.write_str(open)?;
    for (at, item) in items.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { "," })?;
        again(item, plain, f)?;
    }
    f.write_str(close)
}

/// The text of a list that Erlang shows as one: not empty, and only characters of Latin-1 that can be seen.
fn printable(term: &Term, plain: bool) -> Option<String> {
    let text = if plain { None } else { term.text() }?;
    (!text.is_empty() && text.chars().all(is_printable)).then_some(text)
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{ff}' | '\n' | '\r' | '\t' | '\u{b}' | '\u{8}' | '\u{c}' | '\u{1b}')
}

fn quoted(text: &str, quote: char, f: &mut impl Write) -> fmt::Result {
    f.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{b}' => f.write_str("\\v")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{c}' => f.write_str("\\f")?,
            '\u{1b}' => f.write_str("\\e")?,
            '\u{7f}' => f.write_str("\\d")?,
            c if c == quote || c == '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "\\x{{{:x}}}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char(quote)
}

fn quoted_atom(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '@';
    let bare = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_part);
    if bare && !RESERVED.contains(&text) {
        return text.to_owned();
    }
    let mut out = String::new();
    // Writing to a string does not fail.
    quoted(text, '\'', &mut out).ok();
    out
}

fn binary(bytes: &[u8], bits: Option<u8>, plain: bool, f: &mut Formatter<'_>) -> fmt::Result {
    let text = if plain || bits.is_some() { None } else { std::str::from_utf8(bytes).ok() };
    f.write_str("<<")?;
    match text.filter(|text| !text.is_empty() && text.chars().all(is_shown)) {
        Some(text) => {
            quoted(text, '"', f)?;
            f.write_str(if text.is_ascii() { "" } else { "/utf8" })?;
        }
        None => {
            let last = bytes.len().saturating_sub(1);
            for (at, byte) in bytes.iter().enumerate() {
                f.write_str(if at == 0 { "" } else { "," })?;
                match bits {
                    Some(bits) if at == last => {
                        write!(f, "{}:{bits}", byte.checked_shr(8 - u32::from(bits)).unwrap_or(0))?;
                    }
                    _ => write!(f, "{byte}")?,
                }
            }
        }
    }
    f.write_str(">>")
}

/// In binaries all of Unicode is shown, since the form says how it is written.
fn is_shown(c: char) -> bool {
    is_printable(c) || u32::from(c) > 0xff
}

/// The shortest digits that are read as the same number, always with a point.
fn float(number: f64) -> String {
    let text = format!("{number:?}");
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

/// Decimal digits; integers have at most 1024 bytes here, so the square of the length is no burden.
fn decimal(big: &BigInteger) -> String {
    let mut rest = big.magnitude.clone();
    let mut digits = Vec::new();
    while rest.iter().any(|byte| *byte != 0) {
        let mut remainder: u32 = 0;
        for byte in rest.iter_mut().rev() {
            let value = (remainder << 8) | u32::from(*byte);
            *byte = u8::try_from(value / 100).unwrap_or(u8::MAX);
            remainder = value % 100;
        }
        digits.push(remainder);
        while rest.last() == Some(&0) {
            rest.pop();
        }
    }
    let mut text = if big.negative { "-".to_owned() } else { String::new() };
    let mut pairs = digits.iter().rev();
    text.push_str(&pairs.next().map_or_else(|| "0".to_owned(), ToString::to_string));
    pairs.for_each(|pair| text.push_str(&format!("{pair:02}")));
    text
}
