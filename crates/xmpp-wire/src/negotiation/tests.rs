//! What is written can be read, and what is wrong is refused.

use super::*;
use crate::{StreamCondition, ns};
use jid::{FullJid, Jid};
use xmlstream::{Event, Limits, RawElement, Reader};

fn header(text: &str) -> xmlstream::StreamHeader {
    match Reader::new(Limits::default()).next(&mut text.as_bytes()) {
        Ok(Some(Event::Open(header))) => *header,
        other => panic!("{other:?}"),
    }
}

fn raw(element: &Element) -> RawElement {
    RawElement::parse(&element.to_bytes(""), "").unwrap()
}

#[test]
fn headers_round_trip() {
    for (content, dialback) in
        [(ns::CLIENT, false), (ns::SERVER, true), (ns::COMPONENT_ACCEPT, false)]
    {
        let open = StreamOpen {
            to: Jid::new("a.example").ok(),
            from: Jid::new("j@b.example/x'y").ok(),
            id: Some("<&'\">".to_owned()),
            version: Some(Version::V1_0),
            lang: Some("de".to_owned()),
            dialback,
        };
        let mut out = Vec::new();
        open.write(&mut out, content);
        let read = header(std::str::from_utf8(&out).unwrap());
        assert_eq!(StreamOpen::from_header(&read, content), Ok(open.clone()));
        let framed = StreamOpen { dialback: false, ..open };
        assert_eq!(StreamOpen::from_framed(&raw(&framed.to_framed())), Ok(framed));
    }
    // RFC 6120 §4.8.3: prefixes may be the other way round.
    let turned = "<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client'>";
    assert!(StreamOpen::from_header(&header(turned), ns::CLIENT).is_ok());
}

#[test]
fn headers_that_are_refused() {
    let streams = "xmlns:stream='http://etherx.jabber.org/streams'";
    let table = [
        (format!("<stream xmlns='jabber:client' {streams}>"), StreamCondition::InvalidNamespace),
        (format!("<stream:stream {streams}>"), StreamCondition::InvalidNamespace),
        (
            format!("<stream:stream xmlns='jabber:server' {streams}>"),
            StreamCondition::InvalidNamespace,
        ),
        (format!("<stream:flow xmlns='jabber:client' {streams}>"), StreamCondition::BadFormat),
        (
            format!("<stream:stream to='@' xmlns='jabber:client' {streams}>"),
            StreamCondition::ImproperAddressing,
        ),
        (
            format!("<stream:stream version='one' xmlns='jabber:client' {streams}>"),
            StreamCondition::UnsupportedVersion,
        ),
    ];
    for (text, condition) in table {
        let error = StreamOpen::from_header(&header(&text), ns::CLIENT).unwrap_err();
        assert_eq!(error.condition, condition, "{text}");
    }
    for (text, version) in
        [("1.0", Some((1, 0))), ("01.5", Some((1, 5))), ("1", None), ("1.+1", None), ("1.", None)]
    {
        assert_eq!(
            Version::parse(text),
            version.map(|(major, minor)| Version { major, minor }),
            "{text}"
        );
    }
}

#[test]
fn features() {
    let features = Features::new()
        .with(StartTls::offer(true))
        .with(Features::mechanisms_offer(["SCRAM-SHA-1", "PLAIN"]))
        .with(ChannelBinding(vec!["tls-exporter".to_owned()]).to_element())
        .with(Bind::feature())
        .with(session_feature());
    let mut out =
        b"<s xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>".to_vec();
    features.write(&mut out);
    assert!(String::from_utf8_lossy(&out).contains("<stream:features><starttls xmlns="));
    let mut reader = Reader::new(Limits::default());
    let mut input = out.as_slice();
    reader.next(&mut input).unwrap();
    let Ok(Some(Event::Element(read))) = reader.next(&mut input) else { panic!() };
    let read = Features::from_raw(&read).unwrap();
    assert_eq!(read, features);
    assert_eq!(
        (read.starttls(), read.mechanisms().join(" ")),
        (Some(true), "SCRAM-SHA-1 PLAIN".to_owned())
    );
    let binding = read
        .get("sasl-channel-binding", ns::SASL_CHANNEL_BINDING)
        .and_then(ChannelBinding::from_element);
    assert_eq!(binding.unwrap().0, ["tls-exporter"]);
    for word in [StartTls::Request, StartTls::Proceed, StartTls::Failure] {
        assert_eq!(StartTls::from_raw(&raw(&word.to_element())), Some(word));
    }
}

#[test]
fn sasl_round_trips() {
    let auth = |initial: Option<&[u8]>| SaslRequest::Auth {
        mechanism: "PLAIN".to_owned(),
        initial: initial.map(<[u8]>::to_vec),
    };
    // RFC 6120 §6.4.2: an empty initial response is not the same as none.
    let requests = [
        auth(None),
        auth(Some(b"")),
        auth(Some(b"\0u\0p")),
        SaslRequest::Response(b"x".to_vec()),
        SaslRequest::Response(vec![]),
        SaslRequest::Abort,
    ];
    for request in requests {
        assert_eq!(SaslRequest::from_raw(&raw(&request.to_element())), Some(Ok(request)));
    }
    let responses = [
        SaslResponse::Challenge(b"c".to_vec()),
        SaslResponse::Challenge(vec![]),
        SaslResponse::Success(None),
        SaslResponse::Success(Some(b"v=x".to_vec())),
    ];
    for response in responses {
        assert_eq!(
            SaslResponse::from_raw(&raw(&response.to_element(SaslProfile::Rfc6120))),
            Some(response)
        );
    }
}

#[test]
fn sasl_failures() {
    // RFC 6120 §6.5, by hand.
    let table = [
        "aborted",
        "account-disabled",
        "credentials-expired",
        "encryption-required",
        "incorrect-encoding",
        "invalid-authzid",
        "invalid-mechanism",
        "malformed-request",
        "mechanism-too-weak",
        "not-authorized",
        "temporary-auth-failure",
    ];
    assert_eq!(SaslCondition::all().count(), table.len());
    for (condition, name) in SaslCondition::all().zip(table) {
        assert_eq!(condition.name(), name);
        let failure = SaslFailure { condition, text: Some("why".to_owned()) };
        let response = SaslResponse::Failure(failure);
        assert_eq!(
            SaslResponse::from_raw(&raw(&response.to_element(SaslProfile::Rfc6120))),
            Some(response)
        );
    }
}

#[test]
fn sasl_is_strict_and_silent() {
    let table = [
        ("<auth mechanism='PLAIN'>?</auth>", SaslCondition::IncorrectEncoding),
        ("<auth mechanism='PLAIN'> AA== </auth>", SaslCondition::IncorrectEncoding),
        ("<auth mechanism='PLAIN'>AA</auth>", SaslCondition::IncorrectEncoding),
        ("<response>A===</response>", SaslCondition::IncorrectEncoding),
        ("<auth>AA==</auth>", SaslCondition::InvalidMechanism),
        ("<begin/>", SaslCondition::MalformedRequest),
    ];
    for (xml, condition) in table {
        let raw = RawElement::parse(xml.as_bytes(), ns::SASL).unwrap();
        assert_eq!(SaslRequest::from_raw(&raw), Some(Err(condition.into())), "{xml}");
    }
    assert!(SaslRequest::from_raw(&RawElement::parse(b"<auth/>", ns::CLIENT).unwrap()).is_none());
    let secret =
        SaslRequest::Auth { mechanism: "PLAIN".to_owned(), initial: Some(b"hunter2".to_vec()) };
    assert_eq!(format!("{secret:?}"), "Auth(\"PLAIN\", [redacted])");
    assert!(!format!("{:?}", SaslRequest::Response(vec![7, 7])).contains('7'));
    assert!(!format!("{:?}", SaslResponse::Success(Some(vec![7, 7]))).contains('7'));
}

#[test]
fn binding() {
    for resource in [None, Some("orchard <1>".to_owned())] {
        let bind = Bind { resource };
        assert_eq!(Bind::from_element(&bind.to_element()), Some(bind));
    }
    let jid = FullJid::new("a@b/c").unwrap();
    assert_eq!(Bind::bound(&Bind::result(&jid)), Some(jid));
    assert_eq!(Bind::from_element(&Element::new("bind", ns::CLIENT)), None);
}

#[test]
fn compression() {
    for word in [Compression::Request, Compression::OtherRequest] {
        assert_eq!(Compression::from_raw(&raw(&word.to_element())), Some(word));
    }
    let bare = Element::new("compress", ns::COMPRESS);
    assert_eq!(Compression::from_raw(&raw(&bare)), Some(Compression::OtherRequest));
    assert_eq!(Compression::from_raw(&raw(&Compression::Compressed.to_element())), None);
}

fn extensible(xml: &str) -> RawElement {
    RawElement::parse(xml.as_bytes(), ns::SASL2).unwrap()
}

#[test]
fn the_extensible_profile_is_read() {
    let auth = |initial: Option<&[u8]>| SaslRequest::Auth {
        mechanism: "PLAIN".to_owned(),
        initial: initial.map(<[u8]>::to_vec),
    };
    let inner = |text: &str| format!("<authenticate mechanism='PLAIN'>{text}</authenticate>");
    let twice = inner("<initial-response/><initial-response>AA==</initial-response>");
    let table = [
        (inner(""), Ok(auth(None))),
        // XEP-0388 §2.2: an empty element is an empty response.
        (inner("<initial-response/>"), Ok(auth(Some(b"")))),
        (
            inner("<initial-response>\n  AHUA\n  cA==\n</initial-response>"),
            Ok(auth(Some(b"\0u\0p"))),
        ),
        // Of another namespace: not ours.
        (inner("<initial-response xmlns='x'>?</initial-response>"), Ok(auth(None))),
        (inner("<initial-response>=</initial-response>"), Err(SaslCondition::IncorrectEncoding)),
        (inner("<initial-response>AA</initial-response>"), Err(SaslCondition::IncorrectEncoding)),
        (twice, Err(SaslCondition::MalformedRequest)),
        ("<authenticate/>".to_owned(), Err(SaslCondition::InvalidMechanism)),
        ("<auth mechanism='PLAIN'/>".to_owned(), Err(SaslCondition::MalformedRequest)),
        ("<next task='x'/>".to_owned(), Err(SaslCondition::MalformedRequest)),
        ("<response/>".to_owned(), Ok(SaslRequest::Response(Vec::new()))),
        ("<response>eA==</response>".to_owned(), Ok(SaslRequest::Response(b"x".to_vec()))),
        ("<response>?</response>".to_owned(), Err(SaslCondition::IncorrectEncoding)),
        ("<abort><text>bye</text></abort>".to_owned(), Ok(SaslRequest::Abort)),
    ];
    for (xml, expected) in table {
        let expected = expected.map_err(SaslFailure::from);
        assert_eq!(SaslRequest::from_raw(&extensible(&xml)), Some(expected), "{xml}");
    }
    let foreign = RawElement::parse(b"<authenticate mechanism='PLAIN'/>", ns::SASL).unwrap();
    assert!(SaslRequest::from_raw(&foreign).unwrap().is_err());
}

#[test]
fn the_extensible_profile_is_written() {
    let said = |response: SaslResponse| response.to_element(SaslProfile::Extensible).to_bytes("");
    let failure = |text: Option<&str>| {
        SaslResponse::Failure(SaslFailure {
            condition: SaslCondition::NotAuthorized,
            text: text.map(str::to_owned),
        })
    };
    let sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
    let table = [
        (
            SaslResponse::Challenge(b"c".to_vec()),
            "<challenge xmlns='urn:xmpp:sasl:2'>Yw==</challenge>".to_owned(),
        ),
        (SaslResponse::Success(None), "<success xmlns='urn:xmpp:sasl:2'/>".to_owned()),
        (
            SaslResponse::Success(Some(b"v=x".to_vec())),
            "<success xmlns='urn:xmpp:sasl:2'><additional-data>dj14</additional-data></success>"
                .to_owned(),
        ),
        (
            failure(Some("a<b")),
            format!(
                "<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='{sasl}'/><text>a&lt;b</text></failure>"
            ),
        ),
        (
            failure(None),
            format!("<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='{sasl}'/></failure>"),
        ),
    ];
    for (response, expected) in table {
        let name = format!("{response:?}");
        assert_eq!(String::from_utf8(said(response)).unwrap(), expected, "{name}");
    }
}

#[test]
fn what_is_asked_for_inline_is_read() {
    use crate::sm::{Counter, SmFailed, SmRequest};
    let bad = SmFailed { condition: crate::StanzaCondition::BadRequest, handled: None };
    let bind = |tag: Option<&str>, enable| Inline {
        bind: Some(Bind2 { tag: tag.map(str::to_owned), enable }),
        ..Inline::default()
    };
    let table = [
        ("", Inline::default()),
        ("<user-agent/><unknown xmlns='x'/>", Inline::default()),
        ("<user-agent id=''/>", Inline::default()),
        (
            "<user-agent id='i'><software>s</software></user-agent>",
            Inline { client_id: Some("i".to_owned()), ..Inline::default() },
        ),
        ("<bind xmlns='urn:xmpp:bind:0'/>", bind(None, None)),
        ("<bind xmlns='urn:xmpp:bind:0'><tag/></bind>", bind(None, None)),
        (
            "<bind xmlns='urn:xmpp:bind:0'><tag>t</tag><enable xmlns='urn:xmpp:sm:3' resume='1' max='9'/></bind>",
            bind(Some("t"), Some(SmRequest::Enable { resume: true, max_seconds: Some(9) })),
        ),
        // Another version's, and somebody else's.
        ("<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:2'/></bind>", bind(None, None)),
        ("<bind xmlns='urn:xmpp:bind2:1'/>", Inline::default()),
        (
            "<resume xmlns='urn:xmpp:sm:3' h='7' previd='p'/>",
            Inline {
                resume: Some(Ok(SmRequest::Resume { h: Counter::new(7), previd: "p".to_owned() })),
                ..Inline::default()
            },
        ),
        (
            "<resume xmlns='urn:xmpp:sm:3' h='-7' previd='p'/>",
            Inline { resume: Some(Err(bad)), ..Inline::default() },
        ),
    ];
    for (inner, expected) in table {
        let raw = extensible(&format!("<authenticate mechanism='PLAIN'>{inner}</authenticate>"));
        assert_eq!(Inline::from_raw(&raw), Ok(expected), "{inner}");
    }
    for one in
        ["<user-agent/>", "<bind xmlns='urn:xmpp:bind:0'/>", "<resume xmlns='urn:xmpp:sm:3'/>"]
    {
        let raw = extensible(&format!("<authenticate mechanism='PLAIN'>{one}{one}</authenticate>"));
        assert_eq!(Inline::from_raw(&raw), Err(SaslCondition::MalformedRequest.into()), "{one}");
    }
}

#[test]
fn what_is_offered_inline_is_written() {
    let offer = |inline: Vec<Element>| {
        String::from_utf8(authentication_offer(["A", "B"], inline).to_bytes("")).unwrap()
    };
    assert_eq!(
        offer(vec![Bind2::feature(&[])]),
        "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>A</mechanism><mechanism>B</mechanism>\
         <inline><bind xmlns='urn:xmpp:bind:0'/></inline></authentication>"
    );
    assert!(offer(vec![Bind2::feature(&["f"])]).contains(
        "<inline><bind xmlns='urn:xmpp:bind:0'><inline><feature var='f'/></inline></bind></inline>"
    ));
}
