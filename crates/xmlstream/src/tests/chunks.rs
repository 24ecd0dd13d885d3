//! However the bytes are cut, the events are the same, and no byte is looked at again and again.

use super::{HEADER, Random, dump};
use crate::{Event, Limits, Reader, XmlError};
use std::time::{Duration, Instant};

/// The events of a stream that comes in pieces, as text; an error ends them.
fn told<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut reader = Reader::new(Limits { stanza_bytes_max: 5000, ..Limits::default() });
    let mut told = Vec::new();
    for piece in pieces {
        let mut input = piece;
        loop {
            match reader.next(&mut input) {
                Ok(Some(Event::Open(header))) => told.push(format!("{header:?}")),
                Ok(Some(Event::Close)) => told.push("close".to_owned()),
                Ok(Some(Event::Element(raw))) => {
                    let mut tree = String::new();
                    dump(&raw.parse_tree(), &mut tree);
                    told.push(format!("{raw:?} {tree} {:?}", raw.children().collect::<Vec<_>>()));
                }
                Ok(None) => break,
                Err(error) => {
                    told.push(format!("{:?}", std::mem::discriminant(&error)));
                    return told;
                }
            }
        }
        assert!(input.is_empty());
    }
    told
}

const STREAMS: [&str; 12] = [
    "<m a='x>y' b=\"'\"><n>]]&gt;]</n><![CDATA[<&]]]]></m> <stream:e/><m/></stream:stream>  ",
    "<m>\u{E9}\u{20AC}\u{1F600}</m><\u{E9}/>",
    "<m>]]</m><m>]]></m>",
    "<m><![CDATA[]]]]]]></m><m><![CDATX[",
    "<m>&amp;&#65;</m><m>&nope;</m>",
    "<m a='&amp;&#65;'/><m a='&nope;'/>",
    "<m><n><o/></n></m></stream:strea>",
    "<m/></stream:stream>x",
    "<m>\u{FFFD}\u{FFFE}</m>",
    "<m   a  =  'b'   ></m   ><m/ >",
    "<m xmlns:a='u'><a:n a:b='c'/></m><a:m/>",
    "<m/><!-- x -->",
];

#[test]
fn every_cut_gives_the_same_events() {
    for body in STREAMS {
        let stream = format!("<?xml version='1.0'?>{HEADER}{body}");
        let bytes = stream.as_bytes();
        let whole = told([bytes]);
        assert!(whole.len() > 1, "{body}");
        for cut in 0..bytes.len() {
            assert_eq!(told([&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}: {stream}");
        }
        assert_eq!(told(bytes.chunks(1)), whole, "byte by byte: {stream}");
        assert_eq!(told(bytes.chunks(3)), whole, "three by three: {stream}");
    }
}

#[test]
fn random_cuts_of_random_streams() {
    let mut random = Random(7);
    let pieces = [
        "<m>",
        "</m>",
        "<n a='b'>",
        "</n>",
        "<o/>",
        "x",
        "&lt;",
        "<![CDATA[",
        "]]>",
        "]",
        "'",
        "\"",
        ">",
        "<",
        " ",
        "\u{E9}",
        "<stream:x/>",
        "&#x4",
        "1;",
        "=",
        "</stream:stream>",
        "xmlns:q='u' ",
        "<q:r ",
        "/>",
    ];
    for _ in 0..3000 {
        let body: String = (0..random.below(14)).map(|_| random.pick(&pieces)).collect();
        let stream = format!("{HEADER}<m>{body}</m><m/>");
        let bytes = stream.as_bytes();
        let whole = told([bytes]);
        let (a, b) = (random.below(bytes.len()), random.below(bytes.len()));
        let (a, b) = (a.min(b), a.max(b));
        assert_eq!(
            told([&bytes[..a], &bytes[a..b], &bytes[b..]]),
            whole,
            "cut at {a} and {b}: {stream}"
        );
        assert_eq!(told(bytes.chunks(1)), whole, "byte by byte: {stream}");
    }
}

/// Time to read a stream byte by byte.
fn byte_by_byte(body: &[u8]) -> Duration {
    let mut reader = Reader::new(Limits { stanza_bytes_max: 1 << 20, ..Limits::default() });
    reader.next(&mut HEADER.as_bytes()).unwrap();
    let begin = Instant::now();
    for byte in body.chunks(1) {
        reader.next(&mut { byte }).unwrap();
    }
    begin.elapsed()
}

#[test]
fn byte_by_byte_is_linear() {
    let shapes: [(&str, &str, &str); 7] = [
        ("<m>", "x", "</m>"),
        ("<m>", "<n/>", "</m>"),
        ("<m a='", "x", "'/>"),
        ("<m a='", "&amp;", "'/>"),
        ("<m>", "]", "</m>"),
        ("<m><![CDATA[", "]", "]]></m>"),
        ("<m>", "<stream:n a='b'></stream:n>", "</m>"),
    ];
    for (before, unit, after) in shapes {
        let body =
            |bytes: usize| [before, &unit.repeat(bytes / unit.len()), after].concat().into_bytes();
        let (small, large) = (body(32 << 10), body(256 << 10));
        let small = (0..3).map(|_| byte_by_byte(&small)).min().unwrap();
        let large = (0..2).map(|_| byte_by_byte(&large)).min().unwrap();
        // Eight times the bytes; quadratic work would take 64 times as long.
        assert!(
            large < small * 30 + Duration::from_millis(60),
            "{unit:?}: {small:?} for 32 KiB, {large:?} for 256 KiB"
        );
    }
}

#[test]
fn what_is_wrong_is_told_early() {
    for body in
        ["<m><!--", "<m><?x", "<m>&foo;", "<m><n></m>", "<m a='1' a='2'>", "<m>]]>", "<m><![CDATX["]
    {
        let mut reader = Reader::new(Limits::default());
        reader.next(&mut HEADER.as_bytes()).unwrap();
        let mut result = Ok(None);
        for byte in body.as_bytes().chunks(1) {
            result = reader.next(&mut { byte });
        }
        assert!(
            matches!(result, Err(XmlError::Restricted(_) | XmlError::NotWellFormed(_))),
            "{body}"
        );
    }
}
