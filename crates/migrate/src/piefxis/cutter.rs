//! Cuts a document of any size into the elements within its containers.
//!
//! It finds where tags begin and end; whether what is between is well-formed XML is judged by [`Element::parse_within`]
//! afterwards, on the piece with the start tags around it, so that its prefixes are known.

use std::io::{self, BufRead, BufReader, Read};

use xmlstream::{Element, Limits};

use super::CONTAINERS;

/// Bytes of one tag outside of a piece at most.
const TAG_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one piece at most: a vCard with a picture, a roster of ten thousand.
const PIECE_BYTES_MAX: usize = 64 << 20;
/// Containers within each other at most.
const CONTAINERS_MAX: usize = 16;

/// Why a document cannot be cut.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("line {line}: {what}")]
    Syntax { line: u64, what: String },
}

/// What a document consists of.
#[derive(Debug)]
pub(super) enum Piece {
    /// A container begins; its attributes, and nothing within.
    Open(Element),
    /// An element within a container, or the root if that is no container.
    Element(Element),
    /// An element that was not read, by its name.
    PassedOver(String),
    /// The innermost container ends.
    Close,
}

/// What a tag does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Start,
    Empty,
    End,
}

pub(super) struct Cutter<R> {
    input: BufReader<R>,
    line: u64,
    /// The start tags of open containers.
    open: Vec<Vec<u8>>,
    /// A container without content was opened and must be closed.
    closing: bool,
    begun: bool,
}

impl<R: Read> Cutter<R> {
    pub(super) fn new(input: R) -> Self {
        let input = BufReader::with_capacity(1 << 16, input);
        Self { input, line: 1, open: Vec::new(), closing: false, begun: false }
    }

    fn fail<T>(&self, what: impl Into<String>) -> Result<T, CutError> {
        Err(CutError::Syntax { line: self.line, what: what.into() })
    }

    /// The next piece; `pass_over` picks elements by their local name that are not worth reading.
    pub(super) fn next(
        &mut self,
        pass_over: impl Fn(&str) -> bool,
    ) -> Result<Option<Piece>, CutError> {
        if std::mem::take(&mut self.closing) {
            self.open.pop();
            return Ok(Some(Piece::Close));
        }
        let mut tag = Vec::new();
        let Some(mark) = self.tag(&mut tag, TAG_BYTES_MAX, false)? else {
            return match self.open.is_empty() && self.begun {
                true => Ok(None),
                false => self.fail("the file is cut off"),
            };
        };
        if self.open.is_empty() && std::mem::replace(&mut self.begun, true) {
            return self.fail("something follows the end of the document");
        }
        let name = name_of(&tag).to_owned();
        let local = name.rsplit(':').next().unwrap_or_default().to_owned();
        if mark == Mark::End {
            let around = self.open.pop();
            return match around.is_some_and(|around| name_of(&around) == name) {
                true => Ok(Some(Piece::Close)),
                false => self.fail(format!("</{name}> ends nothing")),
            };
        }
        if CONTAINERS.contains(&local.as_str()) {
            return self.open_container(tag, mark).map(Some);
        }
        if pass_over(&local) {
            self.rest(&mut tag, mark, None)?;
            return Ok(Some(Piece::PassedOver(local)));
        }
        self.rest(&mut tag, mark, Some(&name))?;
        self.parse(&tag).map(Piece::Element).map(Some)
    }

    fn open_container(&mut self, mut tag: Vec<u8>, mark: Mark) -> Result<Piece, CutError> {
        if self.open.len() >= CONTAINERS_MAX {
            return self.fail("containers are nested too deeply");
        }
        let mut alone = tag.clone();
        match mark {
            Mark::Empty => {
                tag.truncate(tag.len() - 2);
                tag.push(b'>');
                self.closing = true;
            }
            _ => {
                alone.pop();
                alone.extend_from_slice(b"/>");
            }
        }
        let element = self.parse(&alone)?;
        self.open.push(tag);
        Ok(Piece::Open(element))
    }

    /// Reads to the end of the element that `piece` begins; keeps it if a name is given.
    fn rest(
        &mut self,
        piece: &mut Vec<u8>,
        mark: Mark,
        kept: Option<&str>,
    ) -> Result<(), CutError> {
        let mut depth = usize::from(mark == Mark::Start);
        let mut scratch = Vec::new();
        while depth > 0 {
            let into = if kept.is_some() { &mut *piece } else { &mut scratch };
            match self.tag(into, PIECE_BYTES_MAX, kept.is_some())? {
                None => return self.fail("the file is cut off"),
                Some(Mark::Start) => depth += 1,
                Some(Mark::Empty) => {}
                Some(Mark::End) => depth -= 1,
            }
            scratch.clear();
        }
        Ok(())
    }

    fn parse(&self, piece: &[u8]) -> Result<Element, CutError> {
        let mut document = self.open.concat();
        document.extend_from_slice(piece);
        for tag in self.open.iter().rev() {
            document.extend_from_slice(format!("</{}>", name_of(tag)).as_bytes());
        }
        let limits = Limits {
            stanza_bytes_max: u32::try_from(document.len()).unwrap_or(u32::MAX),
            ..Limits::standard()
        };
        let parsed = Element::parse_within(&document, "", &limits);
        let mut element = match parsed {
            Ok(element) => element,
            Err(error) => return self.fail(format!("<{}>: {error}", name_of(piece))),
        };
        for _ in &self.open {
            match element.take_children().into_iter().next() {
                Some(child) => element = child,
                None => return self.fail("a piece of the document is not an element"),
            }
        }
        Ok(element)
    }

    fn byte(&mut self) -> Result<Option<u8>, CutError> {
        let byte = loop {
            match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?.first().copied(),
            }
        };
        if byte.is_some() {
            self.input.consume(1);
        }
        self.line += u64::from(byte == Some(b'\n'));
        Ok(byte)
    }

    /// Reads up to the end of the next tag and appends it, with the text before it if `text` says so. Comments and
    /// processing instructions are left out, document types are refused.
    fn tag(
        &mut self,
        out: &mut Vec<u8>,
        bytes_max: usize,
        text: bool,
    ) -> Result<Option<Mark>, CutError> {
        loop {
            let Some(byte) = self.byte()? else { return Ok(None) };
            if byte != b'<' {
                if text {
                    self.push(out, byte, bytes_max)?;
                }
                continue;
            }
            let Some(second) = self.byte()? else { return self.fail("the file is cut off") };
            match second {
                b'?' => self.skip_to(b"?>")?,
                b'!' => self.declaration(out, bytes_max, text)?,
                _ => {
                    self.push(out, b'<', bytes_max)?;
                    self.push(out, second, bytes_max)?;
                    return self.rest_of_tag(out, bytes_max, second).map(Some);
                }
            }
        }
    }

    fn push(&self, out: &mut Vec<u8>, byte: u8, bytes_max: usize) -> Result<(), CutError> {
        if out.len() >= bytes_max {
            return self.fail(format!("an element is longer than {bytes_max} bytes"));
        }
        out.push(byte);
        Ok(())
    }

    fn rest_of_tag(
        &mut self,
        out: &mut Vec<u8>,
        bytes_max: usize,
        first: u8,
    ) -> Result<Mark, CutError> {
        let (mut quote, mut last) = (None, first);
        loop {
            let Some(byte) = self.byte()? else { return self.fail("the file is cut off") };
            self.push(out, byte, bytes_max)?;
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'<') => return self.fail("a tag holds another one"),
                (None, b'>') => {
                    return Ok(match (first, last) {
                        (b'/', _) => Mark::End,
                        (_, b'/') => Mark::Empty,
                        _ => Mark::Start,
                    });
                }
                (None, _) => {}
            }
            last = byte;
        }
    }

    /// After `<!`: a comment, or text in CDATA.
    fn declaration(
        &mut self,
        out: &mut Vec<u8>,
        bytes_max: usize,
        text: bool,
    ) -> Result<(), CutError> {
        let mut head = Vec::new();
        while head.len() < 7 && !head.starts_with(b"--") {
            let Some(byte) = self.byte()? else { return self.fail("the file is cut off") };
            head.push(byte);
        }
        if head.starts_with(b"--") {
            return self.skip_to(b"-->");
        }
        if head != b"[CDATA[" {
            return self.fail("document types and entities are not accepted");
        }
        if text {
            out.extend_from_slice(b"<![CDATA[");
        }
        let mut end = [0; 3];
        while &end != b"]]>" {
            let Some(byte) = self.byte()? else { return self.fail("the file is cut off") };
            end = [end[1], end[2], byte];
            if text {
                self.push(out, byte, bytes_max)?;
            }
        }
        Ok(())
    }

    fn skip_to(&mut self, end: &[u8]) -> Result<(), CutError> {
        let mut window = Vec::with_capacity(end.len() + 1);
        while window != end {
            let Some(byte) = self.byte()? else { return self.fail("the file is cut off") };
            window.push(byte);
            if window.len() > end.len() {
                window.remove(0);
            }
        }
        Ok(())
    }
}

/// The name in a tag, prefix included.
fn name_of(tag: &[u8]) -> &str {
    let inner = tag.strip_prefix(b"</").or_else(|| tag.strip_prefix(b"<")).unwrap_or(tag);
    let end = inner.iter().position(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte));
    std::str::from_utf8(inner.get(..end.unwrap_or(inner.len())).unwrap_or_default())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str) -> Result<Vec<String>, CutError> {
        let mut cutter = Cutter::new(text.as_bytes());
        let mut pieces = Vec::new();
        while let Some(piece) = cutter.next(|name| name == "archive")? {
            pieces.push(match piece {
                Piece::Open(element) => format!("open {element:?}"),
                Piece::Element(element) => format!("{element:?}"),
                Piece::PassedOver(name) => format!("over {name}"),
                Piece::Close => "close".to_owned(),
            });
        }
        Ok(pieces)
    }

    #[test]
    fn a_document_is_cut_where_containers_end_and_prefixes_stay_bound() {
        let text = "<?xml version='1.0'?><!-- <user> --><server-data xmlns='urn:xmpp:pie:0' xmlns:v='vcard-temp'>\n\
            <host jid='a>b'><user name='x'/><user name='y'><v:vCard><v:FN>a &lt; <![CDATA[</v:FN>]]></v:FN></v:vCard>\
            <archive><message/><![CDATA[</archive>]]></archive></user ></host></server-data>\n";
        assert_eq!(
            cut(text).unwrap(),
            [
                "open <server-data xmlns='urn:xmpp:pie:0'/>",
                "open <host xmlns='urn:xmpp:pie:0' jid='a&gt;b'/>",
                "open <user xmlns='urn:xmpp:pie:0' name='x'/>",
                "close",
                "open <user xmlns='urn:xmpp:pie:0' name='y'/>",
                "<vCard xmlns='vcard-temp'><FN>a &lt; &lt;/v:FN&gt;</FN></vCard>",
                "over archive",
                "close",
                "close",
                "close",
            ]
        );
    }

    #[test]
    fn what_is_not_one_whole_document_is_refused() {
        for text in [
            "",
            "text",
            "<host>",
            "<host><user></host>",
            "<host/><host/>",
            "</host>",
            "<host><a></host>",
            "<host a='",
            "<host><!-- ",
            "<host><a b=c/></host>",
            "<host><a>&none;</a></host>",
            "<!DOCTYPE host [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><host>&a;</host>",
            "<host><!ENTITY a 'b'></host>",
            "<x:host/>",
            "<host <a/>></host>",
        ] {
            assert!(cut(text).is_err(), "{text}");
        }
        let deep = "<host>".repeat(100);
        assert!(cut(&deep).unwrap_err().to_string().contains("deeply"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(<|>|/|!|\\?|-|'|\"|host|user| |a|=|\\[|\\]|CDATA|&|\u{e9}){0,60}") {
            drop(cut(&text));
        }
    }
}
