//! The stream header: an XML declaration at most, and the start tag of the root (RFC 6120 §4.7).

use super::{Event, Partial, Reader, State};
use crate::chars::{is_space, validate};
use crate::error::{Stop, XmlError, malformed};
use crate::escape::decode_attr;
use crate::limits::Limits;
use crate::namespace::Namespace;
use crate::scan::{RawAttr, RawAttrs, Scope, Tag, skip_space, start_tag};
use crate::{NS_XML, NS_XMLNS};

/// The start tag of a stream's root. What it says is judged by whoever answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHeader {
    /// The root's local name; `stream` in a proper stream.
    pub name: String,
    /// The root's namespace; [`crate::NS_STREAMS`] in a proper stream.
    pub namespace: String,
    /// The default namespace that the root declares: that of its stanzas. Empty if it declares none.
    pub content_namespace: String,
    /// The attribute `to`.
    pub to: Option<String>,
    /// The attribute `from`.
    pub from: Option<String>,
    /// The attribute `id`.
    pub id: Option<String>,
    /// The attribute `version`.
    pub version: Option<String>,
    /// The attribute `xml:lang`.
    pub lang: Option<String>,
    /// Prefixes declared besides the default namespace, with their namespaces, in their order.
    pub prefixes: Vec<(String, String)>,
}

/// How far the search for the end of an incomplete header has come.
#[derive(Clone, Copy, Default)]
pub(super) struct Probe {
    at: usize,
    quote: u8,
    /// An angle bracket has ended the XML declaration, so that the next one ends the root's tag.
    declaration_over: bool,
}

impl Probe {
    /// Looks for a `>` outside quotes, once over each byte.
    fn finds_end(&mut self, data: &[u8]) -> bool {
        let first = self.at == 0;
        while let Some(&byte) = data.get(self.at) {
            self.at += 1;
            match (self.quote, byte) {
                (0, b'"' | b'\'') => self.quote = byte,
                (0, b'>') => {
                    if self.declaration_over || !data.starts_with(b"<?") {
                        return true;
                    }
                    self.declaration_over = true;
                }
                (quote, byte) if quote == byte => self.quote = 0,
                _ => {}
            }
        }
        // Enough to refuse what begins with neither a declaration nor a tag.
        first || self.at <= 8
    }
}

impl Reader {
    pub(super) fn header(&mut self, input: &mut &[u8]) -> Result<Option<Event>, XmlError> {
        let bytes_max = self.limits.header_bytes_max as usize;
        let mut partial = self.partial.take().unwrap_or_else(|| {
            Box::new(Partial { buffer: Vec::new(), scanner: None, probe: Probe::default() })
        });
        if input.is_empty() {
            self.partial = (!partial.buffer.is_empty()).then_some(partial);
            return Ok(None);
        }
        let before = partial.buffer.len();
        let taken = Self::append(&mut partial, input, bytes_max);
        if partial.probe.finds_end(&partial.buffer) {
            let read = Header::read(&partial.buffer, &self.limits);
            match read {
                Ok(header) => {
                    *input = &input[header.end.saturating_sub(before)..];
                    self.offset += header.end as u64;
                    self.scope = header.scope;
                    self.state = if header.empty { State::Closing } else { State::Stream };
                    return Ok(Some(Event::Open(Box::new(header.header))));
                }
                Err(Stop::More) => {}
                Err(refused) => return Err(refused.into_error(self.offset)),
            }
        }
        if taken < input.len() || partial.buffer.len() >= bytes_max {
            return self.fail(XmlError::TooBig, "the stream header is longer than allowed");
        }
        *input = &[];
        self.partial = Some(partial);
        Ok(None)
    }
}

struct Header {
    header: StreamHeader,
    scope: Scope,
    empty: bool,
    end: usize,
}

impl Header {
    fn read(data: &[u8], limits: &Limits) -> Result<Self, Stop> {
        let start = skip_space(data, declaration(data)?)?;
        match (data[start], data.get(start + 1)) {
            (b'<', None) => return Err(Stop::More),
            (b'<', Some(b'?' | b'!')) => {
                let rule = "comments, processing instructions and document type declarations are not allowed";
                return Err(Stop::Refused(XmlError::Restricted, start, rule));
            }
            (b'<', Some(_)) => {}
            // A byte order mark comes here too: it has no place in a stream (RFC 6120 §11.6).
            _ => return malformed(start, "a stream header was expected"),
        }
        let mut attrs = RawAttrs::new();
        let tag = start_tag(data, start, limits, &mut attrs)?;
        if validate(&data[..tag.end], 0)? != tag.end {
            return malformed(start, "the bytes are not UTF-8");
        }
        Self::of_tag(data, tag, &attrs, limits)
    }

    fn of_tag(data: &[u8], tag: Tag, attrs: &RawAttrs, limits: &Limits) -> Result<Self, Stop> {
        let mut header =
            StreamHeader { name: text(tag.name.local_in(data)), ..StreamHeader::default() };
        for attr in attrs {
            let Some(prefix) = attr.declares(data) else { continue };
            let uri = meaning(data, attr);
            judge_declaration(prefix, &uri, attr.name.at as usize)?;
            if prefix.is_empty() {
                header.content_namespace = uri;
            } else if prefix != b"xml" {
                header.prefixes.push((text(prefix), uri));
            }
        }
        if header.prefixes.len() > usize::from(limits.namespaces_max) {
            let rule = "the stream header declares more prefixes than allowed";
            return Err(Stop::Refused(XmlError::TooManyNamespaces, tag.name.at as usize, rule));
        }
        header.namespace = match tag.name.prefix {
            0 => header.content_namespace.clone(),
            _ => header.resolve(tag.name.prefix_in(data), tag.name.at)?.to_owned(),
        };
        let mut seen: Vec<(String, &[u8])> = Vec::new();
        for attr in attrs {
            if attr.declares(data).is_some() {
                continue;
            }
            let local = attr.name.local_in(data);
            let ns = match attr.name.prefix {
                0 => "",
                _ => header.resolve(attr.name.prefix_in(data), attr.name.at)?,
            };
            if seen.iter().any(|(other, name)| other == ns && *name == local) {
                return malformed(
                    attr.name.at as usize,
                    "an attribute occurs twice under two prefixes",
                );
            }
            let (lang, ns) = (ns == NS_XML && local == b"lang", ns.to_owned());
            let field = match local {
                _ if lang => &mut header.lang,
                b"to" if ns.is_empty() => &mut header.to,
                b"from" if ns.is_empty() => &mut header.from,
                b"id" if ns.is_empty() => &mut header.id,
                b"version" if ns.is_empty() => &mut header.version,
                _ => &mut None,
            };
            *field = Some(meaning(data, attr));
            seen.push((ns, local));
        }
        let prefixes = header.prefixes.iter();
        let prefixes =
            prefixes.map(|(name, uri)| (name.as_str().into(), Namespace::from_wire(uri))).collect();
        let scope =
            Scope::declared(&header.content_namespace, prefixes, &text(tag.name.whole_in(data)));
        Ok(Self { header, scope, empty: tag.empty, end: tag.end })
    }
}

impl StreamHeader {
    fn resolve(&self, prefix: &[u8], at: u32) -> Result<&str, Stop> {
        if prefix == b"xml" {
            return Ok(NS_XML);
        }
        let found = self.prefixes.iter().find(|(name, _)| name.as_bytes() == prefix);
        let rule = "a prefix is not declared";
        found.map(|(_, uri)| uri.as_str()).ok_or(Stop::Refused(
            XmlError::BadNamespace,
            at as usize,
            rule,
        ))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn meaning(data: &[u8], attr: &RawAttr) -> String {
    let mut value = Vec::new();
    decode_attr(attr.value_in(data), &mut value);
    String::from_utf8(value).unwrap_or_else(|broken| text(broken.as_bytes()))
}

/// Judges a declaration of the root as the scanner does those of elements (Namespaces in XML 1.0 §2.2, §3, §5).
fn judge_declaration(prefix: &[u8], uri: &str, at: usize) -> Result<(), Stop> {
    let refuse = |rule| Err(Stop::Refused(XmlError::BadNamespace, at, rule));
    if uri == NS_XMLNS || prefix == b"xmlns" {
        return refuse("the prefix xmlns and its namespace cannot be declared");
    }
    if (prefix == b"xml") != (uri == NS_XML) {
        return refuse("the prefix xml and its namespace belong together");
    }
    if uri.is_empty() && !prefix.is_empty() {
        return refuse("a prefix cannot be undeclared");
    }
    Ok(())
}

/// Passes the XML declaration, if there is one (XML 1.0 §2.8); returns where it ends.
fn declaration(data: &[u8]) -> Result<usize, Stop> {
    const MARK: &[u8] = b"<?xml";
    let seen = &data[..data.len().min(MARK.len())];
    if seen != MARK {
        return if MARK.starts_with(seen) { Err(Stop::More) } else { Ok(0) };
    }
    match data.get(MARK.len()) {
        None => return Err(Stop::More),
        Some(&byte) if is_space(byte) => {}
        Some(_) => {
            return Err(Stop::Refused(
                XmlError::Restricted,
                0,
                "processing instructions are not allowed",
            ));
        }
    }
    let mut pos = MARK.len();
    let mut fields = ["version", "encoding", "standalone"].into_iter();
    let mut versioned = false;
    loop {
        let gap = pos;
        pos = skip_space(data, pos)?;
        if data[pos] == b'?' {
            return match data.get(pos + 1) {
                None => Err(Stop::More),
                Some(b'>') if versioned => Ok(pos + 2),
                Some(_) => malformed(pos, "the XML declaration is not one"),
            };
        }
        if gap == pos {
            return malformed(pos, "the XML declaration is not one");
        }
        let (name, value, end) = pseudo_attribute(data, pos)?;
        if !fields.any(|field| field.as_bytes() == name) {
            return malformed(pos, "the XML declaration is not one");
        }
        judge_field(name, value, pos)?;
        versioned |= name == b"version";
        if !versioned {
            return malformed(pos, "the XML declaration names no version");
        }
        pos = end;
    }
}

fn judge_field(name: &[u8], value: &[u8], at: usize) -> Result<(), Stop> {
    let fine = match name {
        b"version" => {
            matches!(value, [b'1', b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
        }
        b"encoding" if !value.eq_ignore_ascii_case(b"utf-8") => {
            return Err(Stop::Refused(XmlError::UnsupportedEncoding, at, "only UTF-8 is allowed"));
        }
        b"encoding" => true,
        _ => value == b"yes" || value == b"no",
    };
    if fine { Ok(()) } else { malformed(at, "the XML declaration is not one") }
}

/// A `name='value'` of the XML declaration: both, and where it ends.
fn pseudo_attribute(data: &[u8], at: usize) -> Result<(&[u8], &[u8], usize), Stop> {
    let name_len = data[at..].iter().position(|b| !b.is_ascii_lowercase()).ok_or(Stop::More)?;
    let mut pos = skip_space(data, at + name_len)?;
    if data[pos] != b'=' {
        return malformed(pos, "the XML declaration is not one");
    }
    pos = skip_space(data, pos + 1)?;
    let quote = data[pos];
    if quote != b'"' && quote != b'\'' {
        return malformed(pos, "the XML declaration is not one");
    }
    let length = data[pos + 1..].iter().position(|&b| b == quote).ok_or(Stop::More)?;
    Ok((&data[at..at + name_len], &data[pos + 1..pos + 1 + length], pos + 2 + length))
}
