//! Escaping and its inverse (XML 1.0 §2.4, §2.11, §3.3.3). What XML cannot carry at all becomes U+FFFD, so that no
//! text from anywhere can break the document it is written into.

use crate::chars::{is_space, is_xml_char, reference};

/// Appends character data.
pub fn escape_text(text: &str, out: &mut Vec<u8>) {
    escape(text, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Appends an attribute value, safe between quotes of either kind.
pub fn escape_attr(value: &str, out: &mut Vec<u8>) {
    escape(value, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\'' => Some("&apos;"),
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

fn escape(text: &str, out: &mut Vec<u8>, replacement: impl Fn(u8) -> Option<&'static str>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let with = match byte {
            // The three bytes of U+FFFE and U+FFFF begin with EF BF; any other EF is an ordinary character.
            0xEF if !is_xml_char(text.get(at..).and_then(|t| t.chars().next()).unwrap_or(' ')) => {
                out.extend_from_slice(&bytes[done..at]);
                out.extend_from_slice("\u{FFFD}".as_bytes());
                done = at + 3;
                continue;
            }
            0..0x20 if !is_space(byte) => Some("\u{FFFD}"),
            _ => replacement(byte),
        };
        if let Some(with) = with {
            out.extend_from_slice(&bytes[done..at]);
            out.extend_from_slice(with.as_bytes());
            done = at + 1;
        }
    }
    out.extend_from_slice(&bytes[done..]);
}

/// Appends what a raw attribute value means (XML 1.0 §3.3.3). The references were checked before.
pub(crate) fn decode_attr(raw: &[u8], out: &mut Vec<u8>) {
    decode(raw, out, true);
}

/// Appends what raw character data means (XML 1.0 §2.11). The references were checked before.
pub(crate) fn decode_text(raw: &[u8], out: &mut Vec<u8>) {
    decode(raw, out, false);
}

/// Appends the content of a CDATA section: only line ends are normalised.
pub(crate) fn decode_cdata(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\r', rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\n');
        rest = &rest[at + 1..];
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    out.extend_from_slice(rest);
}

fn decode(raw: &[u8], out: &mut Vec<u8>, attribute: bool) {
    out.reserve(raw.len());
    let special =
        |byte: &u8| matches!(byte, b'&' | b'\r') || attribute && matches!(byte, b'\t' | b'\n');
    let mut rest = raw;
    while let Some(at) = rest.iter().position(special) {
        out.extend_from_slice(&rest[..at]);
        let next = match rest[at] {
            b'&' => match reference(rest, at) {
                Ok((c, next)) => {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    next
                }
                // Only checked bytes come here; should that ever be untrue, nothing is decoded twice.
                Err(_) => {
                    out.extend_from_slice("\u{FFFD}".as_bytes());
                    at + 1
                }
            },
            byte => {
                out.push(if attribute { b' ' } else { b'\n' });
                at + 1 + usize::from(byte == b'\r' && rest.get(at + 1) == Some(&b'\n'))
            }
        };
        rest = &rest[next..];
    }
    out.extend_from_slice(rest);
}
