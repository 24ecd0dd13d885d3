//! The same generated streams for us and three other parsers (attack class 1): what we accept, all of them must
//! parse to the same tree; what all of them accept, we must accept too, but for the reasoned exceptions.

use super::{HEADER, Random, dump};
use crate::{Event, Limits, Reader, XmlError};
use quick_xml::events::{BytesStart, Event as Quick};
use quick_xml::name::ResolveResult;
use rxml::Parse;
use std::fmt::Write as _;
use std::io::{Read, Write};

/// How many streams are compared.
const STREAMS: usize = 100_000;

/// What a parser makes of a stream: the trees of its elements, or nothing if it refuses.
type Verdict = Option<String>;

/// Collects a tree in the form of [`dump`], leaving out the root.
#[derive(Default)]
struct Dumper {
    depth: usize,
    out: String,
    text: String,
    /// Text directly within the root that is no white space.
    loose: bool,
    ended: bool,
}

impl Dumper {
    fn start(&mut self, ns: &str, name: &str, mut attrs: Vec<String>) {
        self.flush();
        self.depth += 1;
        if self.depth > 1 {
            attrs.sort();
            write!(self.out, "\u{1}S{ns}\u{2}{name}{}", attrs.concat()).unwrap();
        }
    }

    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        if self.depth > 1 && !text.is_empty() {
            write!(self.out, "\u{1}T{text}").unwrap();
        } else if !text.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
            self.loose = true;
        }
    }

    fn end(&mut self) {
        self.flush();
        if self.depth > 1 {
            self.out.push_str("\u{1}E");
        }
        self.depth -= 1;
        self.ended = self.depth == 0;
    }
}

/// What we make of it.
type Ours = Result<(String, Vec<u8>), XmlError>;

/// The trees that we read, and the stream that others would get from us.
fn ours(stream: &[u8]) -> Ours {
    let mut reader =
        Reader::new(Limits { header_bytes_max: 4096, depth_max: 1000, ..Limits::trusted() });
    let mut input = stream;
    let mut out = String::new();
    let mut closed = false;
    let mut forwarded = Vec::new();
    while let Some(event) = reader.next(&mut input)? {
        match event {
            Event::Element(raw) => {
                dump(&raw.parse_tree(), &mut out);
                forwarded.extend_from_slice(raw.bytes());
            }
            Event::Close => closed = true,
            Event::Open(open) => {
                forwarded.extend_from_slice(b"<stream:stream xmlns='");
                crate::escape_attr(&open.content_namespace, &mut forwarded);
                forwarded.extend_from_slice(b"' xmlns:stream='http://etherx.jabber.org/streams'>");
            }
        }
    }
    forwarded.extend_from_slice(b"</stream:stream>");
    let early = crate::error::Stop::More.into_error(0);
    if closed { Ok((out, forwarded)) } else { Err(early) }
}

fn by_rxml(stream: &[u8]) -> Verdict {
    let mut parser = rxml::Parser::new();
    let mut input = stream;
    let mut dumper = Dumper::default();
    loop {
        match parser.parse(&mut input, true) {
            Ok(Some(rxml::Event::XmlDeclaration(..))) => {}
            Ok(Some(rxml::Event::StartElement(_, (ns, name), attrs))) => {
                let attr =
                    |((ns, name), value): ((&rxml::Namespace<'static>, &rxml::NcName), &String)| {
                        format!("\u{1}A{}\u{2}{}\u{2}{value}", ns.as_str(), name.as_str())
                    };
                dumper.start(ns.as_str(), name.as_str(), attrs.iter().map(attr).collect());
            }
            Ok(Some(rxml::Event::EndElement(_))) => dumper.end(),
            Ok(Some(rxml::Event::Text(_, text))) => dumper.text(&text),
            Ok(None) => break,
            Err(_) => return None,
        }
    }
    (dumper.ended && !dumper.loose).then_some(dumper.out)
}

fn quick_start(
    reader: &quick_xml::NsReader<&[u8]>,
    tag: &BytesStart<'_>,
    dumper: &mut Dumper,
) -> Option<()> {
    let resolve = |result: ResolveResult<'_>| match result {
        // quick-xml leaves references and white space in namespaces to its caller.
        ResolveResult::Bound(ns) => {
            let spaced = ns.0.replace("\r\n", " ").replace(['\t', '\r', '\n'], " ");
            quick_xml::escape::unescape(&spaced).ok().map(std::borrow::Cow::into_owned)
        }
        ResolveResult::Unbound => Some(String::new()),
        ResolveResult::Unknown(_) => None,
    };
    let mut attrs = Vec::new();
    for attr in tag.attributes() {
        let attr = attr.ok()?;
        let value = attr.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()?;
        if attr.key.as_namespace_binding().is_some() {
            continue;
        }
        let (ns, local) = reader.resolver().resolve_attribute(attr.key);
        attrs.push(format!("\u{1}A{}\u{2}{}\u{2}{value}", resolve(ns)?, local.into_inner()));
    }
    let (ns, local) = reader.resolver().resolve_element(tag.name());
    dumper.start(&resolve(ns)?, local.into_inner(), attrs);
    Some(())
}

fn by_quick_xml(stream: &[u8]) -> Verdict {
    let mut reader = quick_xml::NsReader::from_str(std::str::from_utf8(stream).ok()?);
    reader.config_mut().enable_all_checks(true);
    let mut dumper = Dumper::default();
    loop {
        match reader.read_event().ok()? {
            Quick::Start(tag) => quick_start(&reader, &tag, &mut dumper)?,
            Quick::Empty(tag) => {
                quick_start(&reader, &tag, &mut dumper)?;
                dumper.end();
            }
            Quick::End(_) => dumper.end(),
            Quick::Text(text) => dumper.text(&text.xml10_content()),
            Quick::CData(text) => dumper.text(&text.xml10_content()),
            Quick::GeneralRef(name) => match name.resolve_char_ref().ok()? {
                Some(c) => dumper.text(c.encode_utf8(&mut [0; 4])),
                None => dumper.text(quick_xml::escape::resolve_predefined_entity(&name)?),
            },
            Quick::Eof => break,
            Quick::Decl(_) => {}
            Quick::Comment(_) | Quick::PI(_) | Quick::DocType(_) => return None,
        }
    }
    (dumper.ended && !dumper.loose).then_some(dumper.out)
}

/// libexpat through Python: streams in, each after its length; verdicts out likewise, all bits set for a refusal.
const EXPAT: &str = r#"
import struct, sys
from xml.parsers import expat
data, pos, out = sys.stdin.buffer.read(), 0, []
class Refused(Exception): pass
def judge(stream):
    parts, state = [], [0]
    def split(name):
        ns, sep, local = name.rpartition("\x01")
        return ns, local
    def start(name, attrs):
        state[0] += 1
        if state[0] > 1:
            ns, local = split(name)
            parts.append("\x01S%s\x02%s" % (ns, local))
            parts.extend(sorted("\x01A%s\x02%s\x02%s" % (*split(k), v) for k, v in attrs.items()))
    def end(name):
        if state[0] > 1: parts.append("\x01E")
        state[0] -= 1
    def text(data):
        if state[0] > 1: parts.append("\x01T" + data)
        elif data.strip(" \t\r\n"): raise Refused()
    def refuse(*args): raise Refused()
    parser = expat.ParserCreate("UTF-8", "\x01")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.CommentHandler = parser.ProcessingInstructionHandler = parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(stream, True)
    except (expat.ExpatError, Refused, ValueError):
        return None
    return "".join(parts).encode()
while pos < len(data):
    (length,) = struct.unpack_from("<I", data, pos)
    verdict = judge(data[pos + 4:pos + 4 + length])
    pos += 4 + length
    out.append(struct.pack("<I", 0xFFFFFFFF) if verdict is None else struct.pack("<I", len(verdict)) + verdict)
sys.stdout.buffer.write(b"".join(out))
"#;

fn by_expat(streams: &[Vec<u8>]) -> Vec<Verdict> {
    let mut child = std::process::Command::new("python3")
        .args(["-c", EXPAT])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3 is needed for this test: install Debian's package python3");
    let mut stdin = child.stdin.take().unwrap();
    let framed: Vec<u8> = streams
        .iter()
        .flat_map(|s| (s.len() as u32).to_le_bytes().into_iter().chain(s.iter().copied()))
        .collect();
    let writer = std::thread::spawn(move || stdin.write_all(&framed));
    let mut out = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    let mut rest = out.as_slice();
    let mut verdicts = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        rest = after;
        verdicts.push(match u32::from_le_bytes(*length) {
            u32::MAX => None,
            length => {
                let (verdict, after) = rest.split_at(length as usize);
                rest = after;
                Some(String::from_utf8(verdict.to_vec()).unwrap())
            }
        });
    }
    verdicts
}

/// Writes a random element, mostly a proper one.
fn element(random: &mut Random, depth: usize, out: &mut String) {
    let name = random.pick(&[
        "m",
        "message",
        "a",
        "p:x",
        "stream:y",
        "\u{E9}t\u{E9}",
        "q:x",
        "body",
        "_-.1",
    ]);
    write!(out, "<{name}").unwrap();
    for _ in 0..random.below(4) {
        let attr = random.pick(&[
            " to='a'",
            " id=\"b'\"",
            " xml:lang='de'",
            " xmlns='u'",
            " xmlns:p='v'",
            " xmlns:q='w'",
            " p:k='1'",
            " q:k='2'",
            " k='&lt;&#65;'",
            " \n k = 'a\tb\r\nc' ",
            " xmlns=''",
            " xmlns:p='u'",
            " stream:k=''",
            " k='\u{20AC}]]>'",
            " xmlns='a&amp;b'",
            " xmlns:p=\"w\"",
            " l='>'",
        ]);
        out.push_str(attr);
    }
    if random.below(5) == 0 {
        out.push_str(random.pick(&["/>", " />"]));
        return;
    }
    out.push('>');
    for _ in 0..random.below(4) {
        match random.below(3) {
            0 if depth < 4 => element(random, depth + 1, out),
            _ => out.push_str(random.pick(&[
                "text",
                "&amp;",
                "<![CDATA[<&>]]>",
                "\r\n",
                "]]&gt;",
                "&#x1F600;",
                "\u{FFFD}",
                "]",
                " ",
                "\u{E9}",
                ">",
                "<![CDATA[]]]]>",
                "'\"",
                "&#13;",
                "\u{85}\u{2028}",
            ])),
        }
    }
    write!(out, "</{name}{}>", random.pick(&["", "", "", " ", "\n"])).unwrap();
}

/// What a stream is spoilt with.
const SPOILERS: [&[u8]; 47] = [
    b"<",
    b">",
    b"&",
    b"'",
    b"\"",
    b"/",
    b"=",
    b" ",
    b":",
    b"]]>",
    b"<![CDATA[",
    b"<!--x-->",
    b"<?pi x?>",
    b"&#0;",
    b"&#xD800;",
    b"&foo;",
    b"\0",
    b"\x0C",
    b"\x1F",
    b"\xFF",
    b"\xC0\xAF",
    b"\xED\xA0\x80",
    b"\xEF\xBF\xBE",
    b"\xEF\xBB\xBF",
    b" xmlns=''",
    b" xmlns:a=''",
    b" xmlns:xml='u'",
    b" xmlns:xmlns='u'",
    b" a:b='c'",
    b"\r",
    b"\n",
    b"\xC3\xA9",
    b"</stream:stream>",
    b"<stream:stream>",
    b"stream:",
    b"x",
    b"<!DOCTYPE a>",
    b"&#65;",
    b"&amp;",
    b";",
    b"<a/>",
    b"</m>",
    b"<m>",
    b"xml:",
    b"xmlns:",
    b"1",
    b"\xF0\x9F\x98",
];

/// A stream; half of them have been spoilt in a few places.
fn stream(random: &mut Random) -> Vec<u8> {
    let header = random.pick(&[
        HEADER,
        HEADER,
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
        "<stream:stream xmlns='u' xmlns:p='v' xmlns:q='v' xmlns:stream='http://etherx.jabber.org/streams'>",
    ]);
    let mut text = header.to_owned();
    for _ in 0..random.below(3) {
        element(random, 0, &mut text);
        text.push_str(random.pick(&["", "", " ", "\n"]));
    }
    text.push_str("</stream:stream>");
    let mut bytes = text.into_bytes();
    if random.below(2) == 0 {
        return bytes;
    }
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => drop(bytes.remove(at)),
            1 => bytes[at] = SPOILERS[random.below(SPOILERS.len())][0],
            2 => {
                let from = random.below(bytes.len());
                let piece = bytes[from..bytes.len().min(from + 1 + random.below(12))].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => drop(bytes.splice(at..at, SPOILERS[random.below(SPOILERS.len())].iter().copied())),
        }
    }
    bytes
}

/// Why we may refuse what the others accept.
fn is_exception(stream: &[u8], error: &XmlError) -> bool {
    let text = String::from_utf8_lossy(stream);
    match error {
        // Prefixes that begin with xml are reserved; nothing in XMPP is named so.
        XmlError::BadNamespace(_) => text.contains("<xml:"),
        _ => false,
    }
}

/// Whether what we forward is what we got, but for the header and white space between elements. A header is never
/// forwarded, so what rxml refuses in one, a lone carriage return or white space before it, does
/// not matter.
fn contains_elements_of(stream: &[u8], forwarded: &[u8]) -> bool {
    let tail = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let at = text.find("streams'>").unwrap_or(0);
        text.split_at(at).1.split_whitespace().collect::<String>()
    };
    let header = &stream[..stream.len().min(130)];
    !header.contains(&b'\r') && header.starts_with(b"<") && tail(stream) == tail(forwarded)
}

/// Every character that we allow in names, first and later, is one for libexpat, rxml and quick-xml.
#[test]
fn others_know_our_names() {
    let mut streams = Vec::new();
    for c in ('\u{80}'..='\u{FFFF}').chain(['\u{10000}', '\u{1F600}', '\u{EFFFF}']) {
        let first = crate::is_ncname(&c.to_string());
        if first || crate::is_ncname(&format!("a{c}")) {
            let name = if first { format!("{c}{c}") } else { format!("a{c}") };
            streams.push(format!("<s><{name} {name}=''/></s>").into_bytes());
        }
    }
    assert!(streams.len() > 30_000);
    let expat = by_expat(&streams);
    for (stream, expat) in streams.iter().zip(expat) {
        let tree = ours(stream).ok().map(|(tree, _)| tree);
        assert!(
            tree.is_some() && tree == expat && tree == by_rxml(stream),
            "{}",
            stream.escape_ascii()
        );
    }
}

#[test]
fn others_read_the_same() {
    let mut random = Random(0x5EED);
    let streams: Vec<_> = (0..STREAMS).map(|_| stream(&mut random)).collect();
    let verdicts: Vec<_> = streams.iter().map(|stream| ours(stream)).collect();
    // Where we write elements anew, the others judge what they would get instead of what we got.
    let given = |(stream, verdict): (&Vec<u8>, &Ours)| match verdict {
        Ok((_, forwarded)) if !contains_elements_of(stream, forwarded) => forwarded.clone(),
        _ => stream.clone(),
    };
    let given: Vec<_> = streams.iter().zip(&verdicts).map(given).collect();
    let (expat, rest) = std::thread::scope(|scope| {
        let expat = scope.spawn(|| by_expat(&given));
        let rest: Vec<_> = given.iter().map(|s| (by_rxml(s), by_quick_xml(s))).collect();
        (expat.join().unwrap(), rest)
    });
    assert_eq!(expat.len(), STREAMS);
    let (mut accepted, mut wrong) = (0, Vec::new());
    for (((stream, ours), (rxml, quick)), expat) in given.iter().zip(verdicts).zip(rest).zip(expat)
    {
        let others = [("rxml", rxml), ("quick-xml", quick), ("expat", expat)];
        match ours {
            Ok((tree, _)) => {
                accepted += 1;
                for (name, verdict) in &others {
                    if verdict.as_ref() != Some(&tree) {
                        wrong.push(format!(
                            "{name}: {}\n ours {tree:?}\n theirs {verdict:?}",
                            stream.escape_ascii()
                        ));
                    }
                }
            }
            Err(error)
                if others.iter().all(|(_, verdict)| verdict.is_some())
                    && !is_exception(stream, &error) =>
            {
                wrong.push(format!("we refuse ({error}): {}", stream.escape_ascii()));
            }
            Err(_) => {}
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences, first:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(12)].join("\n")
    );
    // The corpus is worth something only if it has many of both.
    assert!((STREAMS / 4..STREAMS * 4 / 5).contains(&accepted), "{accepted} of {STREAMS} accepted");
}
