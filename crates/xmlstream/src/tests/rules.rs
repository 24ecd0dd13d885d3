//! Every restriction, one row each.

use super::{HEADER, elements, events};
use crate::{Element, Event, Limits, Reader, XmlError};

/// The name of an error's variant.
fn variant(error: &XmlError) -> String {
    let debug = format!("{error:?}");
    debug.split('(').next().unwrap().to_owned()
}

/// RFC 6120 §11.1 and §11.7.
const RESTRICTED: &[(&str, &str)] = &[
    ("<!-- c -->", "Restricted"),
    ("<m><!-- c --></m>", "Restricted"),
    ("<?pi?>", "Restricted"),
    ("<m><?pi?></m>", "Restricted"),
    ("<m><?xml version='1.0'?></m>", "Restricted"),
    ("<!DOCTYPE m>", "Restricted"),
    ("<m><!ENTITY x 'y'></m>", "Restricted"),
    ("<m>&nbsp;</m>", "Restricted"),
    ("<m a='&lol9;'/>", "Restricted"),
    ("<m>&averyveryveryveryveryveryveryverylongname;</m>", "Restricted"),
    ("<![CDATA[x]]>", "Restricted"),
    ("hello", "Invalid"),
    ("<m/>hello", "Invalid"),
    ("&amp;", "NotWellFormed"),
    ("\u{1}", "NotWellFormed"),
    ("\u{FEFF}<m/>", "Invalid"),
];

/// XML 1.0.
const MALFORMED: &[(&str, &str)] = &[
    ("<m>&</m>", "NotWellFormed"),
    ("<m>& amp;</m>", "NotWellFormed"),
    ("<m>&#;</m>", "NotWellFormed"),
    ("<m>&#x;</m>", "NotWellFormed"),
    ("<m>&#0;</m>", "NotWellFormed"),
    ("<m>&#1;</m>", "NotWellFormed"),
    ("<m>&#xFFFE;</m>", "NotWellFormed"),
    ("<m>&#xD800;</m>", "NotWellFormed"),
    ("<m>&#x110000;</m>", "NotWellFormed"),
    ("<m>&#99999999999;</m>", "NotWellFormed"),
    ("<m>&#-1;</m>", "NotWellFormed"),
    ("<m>&#+1;</m>", "NotWellFormed"),
    ("<m>&#X41;</m>", "NotWellFormed"),
    ("<m a='&#8;'/>", "NotWellFormed"),
    ("<m>]]></m>", "NotWellFormed"),
    ("<m>]]]></m>", "NotWellFormed"),
    ("<m>\u{0}</m>", "NotWellFormed"),
    ("<m>\u{B}</m>", "NotWellFormed"),
    ("<m a='\u{C}'/>", "NotWellFormed"),
    ("<m>\u{FFFE}</m>", "NotWellFormed"),
    ("<m>\u{FFFF}</m>", "NotWellFormed"),
    ("<m a='\u{FFFF}'/>", "NotWellFormed"),
    ("<m><![CDATA[\u{1}]]></m>", "NotWellFormed"),
    ("<m a='<'/>", "NotWellFormed"),
    ("<m a='1' a='2'/>", "NotWellFormed"),
    ("<m a='1'b='2'/>", "NotWellFormed"),
    ("<m a=1/>", "NotWellFormed"),
    ("<m a/>", "NotWellFormed"),
    ("<m a=/>", "NotWellFormed"),
    ("<m / >", "NotWellFormed"),
    ("<m></n>", "NotWellFormed"),
    ("<m></m x='y'>", "NotWellFormed"),
    ("<m></ m>", "NotWellFormed"),
    ("<m></mm>", "NotWellFormed"),
    ("< m/>", "NotWellFormed"),
    ("<1/>", "NotWellFormed"),
    ("<-m/>", "NotWellFormed"),
    ("<.m/>", "NotWellFormed"),
    ("<m 1='x'/>", "NotWellFormed"),
    ("<m\u{D7}/>", "NotWellFormed"),
    ("<\u{B7}m/>", "NotWellFormed"),
    ("<m\u{FEFF}/>", "NotWellFormed"),
    ("<\u{1F600}/>", "NotWellFormed"),
    ("</m>", "NotWellFormed"),
    ("<></>", "NotWellFormed"),
    ("<m><n></m></n>", "NotWellFormed"),
    ("</stream:stream><m/>", "NotWellFormed"),
];

/// Namespaces in XML 1.0.
const MISNAMED: &[(&str, &str)] = &[
    ("<a:b:c xmlns:a='u'/>", "NotWellFormed"),
    ("<:m/>", "NotWellFormed"),
    ("<m: xmlns:m='u'/>", "NotWellFormed"),
    ("<m :a='x'/>", "NotWellFormed"),
    ("<m xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'/>", "NotWellFormed"),
    ("<m xmlns:a='http://etherx.jabber.org/streams' a:x='1' stream:x='2'/>", "NotWellFormed"),
    ("<m xmlns:a='u&amp;' xmlns:b='u&#38;' a:x='1' b:x='2'/>", "NotWellFormed"),
    ("<a:m/>", "BadNamespace"),
    ("<m a:x='1'/>", "BadNamespace"),
    ("<m><n xmlns:a='u'/><a:n/></m>", "BadNamespace"),
    ("<m xmlns:a=''/>", "BadNamespace"),
    ("<m xmlns:xml='u'/>", "BadNamespace"),
    ("<m xmlns:a='http://www.w3.org/XML/1998/namespace'/>", "BadNamespace"),
    ("<m xmlns='http://www.w3.org/XML/1998/namespace'/>", "BadNamespace"),
    ("<m xmlns:xmlns='u'/>", "BadNamespace"),
    ("<m xmlns:a='http://www.w3.org/2000/xmlns/'/>", "BadNamespace"),
    ("<m xmlns='http://www.w3.org/2000/xmlns/'/>", "BadNamespace"),
    ("<m xmlns:a='http://www.w3.org/2000/xmln&#115;/'/>", "BadNamespace"),
    ("<xmlns:m/>", "BadNamespace"),
    ("<xml:m/>", "BadNamespace"),
];

#[test]
fn elements_that_are_refused() {
    for (body, expected) in [RESTRICTED, MALFORMED, MISNAMED].concat() {
        match elements(body) {
            Ok(found) => panic!("{body:?} was accepted as {found:?}"),
            Err(error) => assert_eq!(variant(&error), expected, "{body:?}: {error}"),
        }
    }
}

#[test]
fn elements_that_are_accepted() {
    let m = || Element::new("m", "jabber:client");
    let table = [
        ("<m/>", m()),
        (" \t\r\n<m\n/>\n", m()),
        ("<m ></m\t>", m()),
        ("<m a = \"1\"\n b='2'/>", m().with_attr("a", "1").with_attr("b", "2")),
        ("<m a='a\tb\nc\r\nd&#9;&#10;&#xD;'/>", m().with_attr("a", "a b c d\t\n\r")),
        ("<m>&lt;&gt;&amp;&apos;&quot;&#65;&#x42;&#x00043;</m>", m().with_text("<>&'\"ABC")),
        ("<m>a\r\nb\rc&#13;</m>", m().with_text("a\nb\nc\r")),
        ("<m>a<![CDATA[<b>&]]]]><![CDATA[>]]>c</m>", m().with_text("a<b>&]]>c")),
        ("<m><![CDATA[a\r\nb]]></m>", m().with_text("a\nb")),
        ("<m>]] ]> ></m>", m().with_text("]] ]> >")),
        ("<m a='>]]>'/>", m().with_attr("a", ">]]>")),
        ("<m xml:lang='de'/>", m().with_attr("xml:lang", "de")),
        ("<m xmlns:xml='http://www.w3.org/XML/1998/namespace'/>", m()),
        ("<m xmlns:xmlfoo='u'/>", m()),
        ("<m xmlns=''/>", Element::new("m", "")),
        ("<m xmlns='a&amp;b'/>", Element::new("m", "a&b".to_owned())),
        ("<stream:m/>", Element::new("m", crate::NS_STREAMS)),
        ("<\u{E9}t\u{E9} \u{3B1}='\u{1F600}'/>", {
            let mut e = Element::new("\u{E9}t\u{E9}", "jabber:client");
            e.set_attr("\u{3B1}", "\u{1F600}");
            e
        }),
        ("<_a-b.c1/>", Element::new("_a-b.c1", "jabber:client")),
        ("<m>\u{7F}\u{85}\u{FFFD}\u{10FFFF}</m>", m().with_text("\u{7F}\u{85}\u{FFFD}\u{10FFFF}")),
        ("<m><n xmlns='u'><o/></n><p/></m>", {
            let n = Element::new("n", "u").with_child(Element::new("o", "u"));
            m().with_child(n).with_child(Element::new("p", "jabber:client"))
        }),
        ("<a:m xmlns:a='u'><a:n xmlns:a='v'/><a:n/></a:m>", {
            Element::new("m", "u")
                .with_child(Element::new("n", "v"))
                .with_child(Element::new("n", "u"))
        }),
    ];
    for (body, expected) in table {
        let found = elements(body).unwrap_or_else(|error| panic!("{body:?}: {error}"));
        assert_eq!(found, [expected], "{body:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8() {
    let bad: [&[u8]; 8] = [
        b"\xFF",
        b"\xC0\xAF",
        b"\xC3",
        b"\xE2\x82",
        b"\xED\xA0\x80",
        b"\xF4\x90\x80\x80",
        b"\x80",
        b"\xF8\x88\x80\x80",
    ];
    for bytes in bad {
        for frame in ["<m>@</m>", "<m a='@'/>", "<m@/>", "<m><![CDATA[@]]></m>", "<m xmlns='@'/>"] {
            let (before, after) = frame.split_once('@').unwrap();
            let stream = [HEADER.as_bytes(), before.as_bytes(), bytes, after.as_bytes()].concat();
            let error = events(Limits::default(), &stream).expect_err(frame);
            assert_eq!(variant(&error), "NotWellFormed", "{bytes:X?} in {frame}");
        }
    }
    // What is wrong already is told before the element ends.
    let stream = [HEADER.as_bytes(), b"<m>\xFF"].concat();
    assert!(events(Limits::default(), &stream).is_err());
}

#[test]
fn headers() {
    let ok = |header: &str| events(Limits::default(), header.as_bytes());
    let accepted = [
        HEADER.to_owned(),
        format!("<?xml version='1.0'?>{HEADER}"),
        format!("<?xml version=\"1.0\" encoding='utf-8' standalone = 'yes' ?>\n {HEADER}"),
        format!(" \n{HEADER}"),
        "<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client'>".to_owned(),
    ];
    for header in accepted {
        let events = ok(&header).unwrap_or_else(|error| panic!("{header}: {error}"));
        assert!(
            matches!(&events[..], [Event::Open(open)] if open.namespace == crate::NS_STREAMS),
            "{header}"
        );
    }
    let refused = [
        ("hello", "NotWellFormed"),
        ("GET / HTTP/1.1\r\n\r\n", "NotWellFormed"),
        ("\u{FEFF}<a>", "NotWellFormed"),
        ("\u{16}\u{3}\u{1}", "NotWellFormed"),
        ("<?xml?><a>", "Restricted"),
        ("<?xml ?><a>", "NotWellFormed"),
        ("<?xml encoding='utf-8'?><a>", "NotWellFormed"),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a>", "UnsupportedEncoding"),
        ("<?xml version='1.0' standalone='maybe'?><a>", "NotWellFormed"),
        ("<?xml version='1.0'standalone='yes'?><a>", "NotWellFormed"),
        ("<?xml version='1.0'?><?xml version='1.0'?><a>", "Restricted"),
        (" <?xml version='1.0'?><a>", "Restricted"),
        ("<?pi?><a>", "Restricted"),
        ("<?xml-stylesheet x='y'?><a>", "Restricted"),
        ("<!DOCTYPE a><a>", "Restricted"),
        ("<!-- --><a>", "Restricted"),
        ("<x:a>", "BadNamespace"),
        ("<a x:b='c'>", "BadNamespace"),
        ("<a xmlns:x=''>", "BadNamespace"),
        ("<a xmlns:xml='u'>", "BadNamespace"),
        ("<a b='c' b='d'>", "NotWellFormed"),
        ("<a xmlns:x='u' xmlns:y='u' x:b='' y:b=''>", "NotWellFormed"),
        ("<a b='&foo;'>", "Restricted"),
        ("</a>", "NotWellFormed"),
    ];
    for (header, expected) in refused {
        let error = ok(header).expect_err(header);
        assert_eq!(variant(&error), expected, "{header:?}: {error}");
    }
}

#[test]
fn a_header_says_what_it_says() {
    let header = "<stream:stream to='a&amp;b' from='c' id='i' version='1.0' xml:lang='de' x:y='z' \
        xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' \
        xmlns:x='u'/>";
    let events = events(Limits::default(), header.as_bytes()).unwrap();
    let [Event::Open(open), Event::Close] = &events[..] else { panic!("{events:?}") };
    assert_eq!(open.to.as_deref(), Some("a&b"));
    assert_eq!(
        (open.from.as_deref(), open.id.as_deref(), open.version.as_deref()),
        (Some("c"), Some("i"), Some("1.0"))
    );
    assert_eq!(
        (open.lang.as_deref(), open.content_namespace.as_str()),
        (Some("de"), "jabber:server")
    );
    let prefixes: Vec<_> = open.prefixes.iter().map(|(prefix, _)| prefix.as_str()).collect();
    assert_eq!(prefixes, ["stream", "db", "x"]);
}

#[test]
fn limits_are_kept() {
    let limits = Limits {
        stanza_bytes_max: 200,
        depth_max: 3,
        elements_max: 5,
        attributes_max: 4,
        name_bytes_max: 10,
        namespaces_max: 3,
        header_bytes_max: 150,
    };
    let header = "<s xmlns='jabber:client'>";
    let judge = |body: &str| {
        let result = events(limits, [header, body].concat().as_bytes());
        result.map_or_else(|error| variant(&error), |_| "fine".to_owned())
    };
    assert_eq!(judge(&format!("<m>{}</m>", "x".repeat(193))), "fine");
    assert_eq!(judge(&format!("<m>{}</m>", "x".repeat(194))), "TooBig");
    assert_eq!(judge(&format!("<m>{}", "x".repeat(198))), "TooBig");
    assert_eq!(judge("<a><b><c/></b></a>"), "fine");
    assert_eq!(judge("<a><b><c><d/></c></b></a>"), "TooDeep");
    assert_eq!(judge("<a><b/><b/><b/><b/><b/></a>"), "TooBig");
    assert_eq!(judge("<a b='' c='' d='' e=''/>"), "fine");
    assert_eq!(judge("<a b='' c='' d='' e='' f=''/>"), "TooManyAttributes");
    assert_eq!(judge("<abcdefghij/>"), "fine");
    assert_eq!(judge("<abcdefghijk/>"), "NameTooLong");
    assert_eq!(judge("<a abcdefghijk=''/>"), "NameTooLong");
    assert_eq!(judge("<ab:cdefghi xmlns:ab='u'/>"), "fine");
    assert_eq!(judge("<a xmlns:b='u' xmlns:c='u'><d xmlns:e='u'/><d xmlns:e='u'/></a>"), "fine");
    assert_eq!(
        judge("<a xmlns:b='u' xmlns:c='u'><d xmlns:e='u'><f xmlns:g='u'/></d></a>"),
        "TooManyNamespaces"
    );
    let long = format!("<a b='{}'>", "x".repeat(200));
    assert_eq!(variant(&events(limits, long.as_bytes()).unwrap_err()), "TooBig");
    assert_eq!(variant(&events(limits, " ".repeat(300).as_bytes()).unwrap_err()), "TooBig");
}

#[test]
fn limits_hold_before_anything_is_kept() {
    let limits = Limits { stanza_bytes_max: 1000, ..Limits::default() };
    let mut reader = Reader::new(limits);
    assert!(reader.next(&mut HEADER.as_bytes()).is_ok());
    let flood = vec![b'x'; 4096];
    reader.next(&mut b"<m>".as_slice()).unwrap();
    let mut most = 0;
    let error = loop {
        match reader.next(&mut flood.get(..300).unwrap()) {
            Ok(_) => most = most.max(reader.buffered_bytes()),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (variant(&error), most <= 1000, reader.buffered_bytes()),
        ("TooBig".to_owned(), true, 0)
    );
    // An error is for ever.
    assert_eq!(reader.next(&mut b"<m/>".as_slice()).unwrap_err(), error);
    reader.restart();
    assert!(matches!(reader.next(&mut HEADER.as_bytes()), Ok(Some(Event::Open(_)))));
}

#[test]
fn writing_anew_does_not_swell() {
    // Each short use of a prefix with a long name would become a long declaration.
    let header = HEADER.replace("xmlns=", &format!("xmlns:p='{}' xmlns=", "u".repeat(3000)));
    let stream = format!("{header}<m>{}</m>", "<p:a/>".repeat(1000));
    assert_eq!(variant(&events(Limits::default(), stream.as_bytes()).unwrap_err()), "TooBig");
}

#[test]
fn an_idle_reader_is_small() {
    assert!(size_of::<Reader>() < 200, "{}", size_of::<Reader>());
    let mut reader = Reader::new(Limits::default());
    reader.next(&mut HEADER.as_bytes()).unwrap();
    reader.next(&mut b"<m><n>".as_slice()).unwrap();
    assert_eq!(reader.buffered_bytes(), 6);
    reader.next(&mut b"</n></m> ".as_slice()).unwrap();
    assert!(format!("{reader:?}").contains("partial: None"));
    assert!(format!("{reader:?}").contains("Usual"), "the usual header is kept without allocation");
}

#[test]
fn frames_stand_alone() {
    let mut reader = Reader::framed(Limits::default());
    let mut input: &[u8] =
        b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/> <m xmlns='jabber:client'/>";
    let Ok(Some(Event::Element(open))) = reader.next(&mut input) else { panic!() };
    assert!(open.is("open", "urn:ietf:params:xml:ns:xmpp-framing"));
    let Ok(Some(Event::Element(message))) = reader.next(&mut input) else { panic!() };
    assert!(message.is("m", "jabber:client"));
    assert!(matches!(
        reader.next(&mut b"</stream:stream>".as_slice()),
        Err(XmlError::NotWellFormed(_))
    ));
}

#[test]
fn errors_name_the_place() {
    let error = elements("<m/>   <m>&foo;</m>").unwrap_err();
    assert_eq!(error.fault().at, HEADER.len() as u64 + 10);
}
