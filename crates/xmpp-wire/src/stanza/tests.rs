//! Envelopes: what is understood, what is refused and how it is answered, and that nothing put into one
//! can get out of its quotes.

use super::*;
use crate::error::{ErrorType, StanzaCondition};
use proptest::prelude::*;

fn parse(xml: &str) -> Result<Stanza, EnvelopeError> {
    Stanza::from_raw(RawElement::parse(xml.as_bytes(), ns::CLIENT).unwrap())
}

fn jid(text: &str) -> Jid {
    Jid::new(text).unwrap()
}

fn written(stanza: &Stanza) -> String {
    let mut out = Vec::new();
    stanza.write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_stanza_is_small() {
    assert!(size_of::<Stanza>() <= 192, "{}", size_of::<Stanza>());
    assert_eq!(size_of::<Option<Stanza>>(), size_of::<Stanza>());
}

#[test]
fn envelopes() {
    let stanza = parse(
        "<message from='Romeo@Montague.example/o' to='juliet@capulet.example' type='chat' id='1' \
         xml:lang='en' foo='b&lt;r' xmlns:x='u' x:y='z'><body>hi &amp; <![CDATA[bye]]></body>\n<a xmlns='v'/></message>",
    )
    .unwrap();
    assert_eq!(stanza.kind(), StanzaKind::Message(MessageType::Chat));
    assert_eq!(stanza.from().unwrap().as_str(), "romeo@montague.example/o");
    assert_eq!((stanza.id(), stanza.lang()), (Some("1"), Some("en")));
    let names: Vec<_> =
        stanza.children().map(|c| (c.name().to_owned(), c.ns().to_owned())).collect();
    assert_eq!(names, [("body".into(), ns::CLIENT.into()), ("a".into(), "v".into())]);
    assert_eq!(
        written(&stanza),
        "<message xml:lang='en' to='juliet@capulet.example' from='romeo@montague.example/o' type='chat' id='1' \
         foo='b&lt;r' xmlns:n0='u' n0:y='z'><body>hi &amp; <![CDATA[bye]]></body>\n<a xmlns='v'/></message>"
    );
    let mut out = Vec::new();
    stanza.write_with_to(&mut out, &jid("x@y/z"));
    assert_eq!(
        String::from_utf8(out).unwrap(),
        written(&stanza).replace("juliet@capulet.example", "x@y/z")
    );
}

#[test]
fn kinds_have_their_names() {
    let table = [
        ("<message/>", StanzaKind::Message(MessageType::Normal)),
        ("<message type='normal'/>", StanzaKind::Message(MessageType::Normal)),
        ("<message type='unheard-of'/>", StanzaKind::Message(MessageType::Normal)),
        ("<message type='chat'/>", StanzaKind::Message(MessageType::Chat)),
        ("<message type='groupchat'/>", StanzaKind::Message(MessageType::GroupChat)),
        ("<message type='headline'/>", StanzaKind::Message(MessageType::Headline)),
        ("<message type='error'/>", StanzaKind::Message(MessageType::Error)),
        ("<presence/>", StanzaKind::Presence(PresenceType::Available)),
        ("<presence type='unavailable'/>", StanzaKind::Presence(PresenceType::Unavailable)),
        ("<presence type='subscribe'/>", StanzaKind::Presence(PresenceType::Subscribe)),
        ("<presence type='subscribed'/>", StanzaKind::Presence(PresenceType::Subscribed)),
        ("<presence type='unsubscribe'/>", StanzaKind::Presence(PresenceType::Unsubscribe)),
        ("<presence type='unsubscribed'/>", StanzaKind::Presence(PresenceType::Unsubscribed)),
        ("<presence type='probe'/>", StanzaKind::Presence(PresenceType::Probe)),
        ("<presence type='error'/>", StanzaKind::Presence(PresenceType::Error)),
        ("<iq type='get' id='1'/>", StanzaKind::Iq(IqType::Get)),
        ("<iq type='set' id='1'/>", StanzaKind::Iq(IqType::Set)),
        ("<iq type='result' id='1'/>", StanzaKind::Iq(IqType::Result)),
        ("<iq type='error' id='1'/>", StanzaKind::Iq(IqType::Error)),
    ];
    for (xml, kind) in table {
        let stanza = parse(xml).unwrap();
        assert_eq!(stanza.kind(), kind, "{xml}");
        assert_eq!(parse(&written(&stanza)).unwrap().kind(), kind, "{xml}");
        assert_eq!(stanza.is_error(), xml.contains("error"), "{xml}");
    }
}

#[test]
fn what_is_refused_and_how() {
    let table = [
        ("<message to='a@b@c/' from='r@m'/>", StanzaCondition::JidMalformed, true),
        ("<message to=''/>", StanzaCondition::JidMalformed, true),
        ("<message from='@x'/>", StanzaCondition::JidMalformed, true),
        ("<presence type='away'/>", StanzaCondition::BadRequest, true),
        ("<iq type='get'/>", StanzaCondition::BadRequest, true),
        ("<iq id='1'/>", StanzaCondition::BadRequest, true),
        ("<iq id='1' type='GET'/>", StanzaCondition::BadRequest, true),
        // RFC 6120 §8.3.1: an error is not answered by an error.
        ("<message type='error' to='@'/>", StanzaCondition::JidMalformed, false),
        ("<iq type='result'/>", StanzaCondition::BadRequest, false),
    ];
    for (xml, condition, answered) in table {
        let Err(EnvelopeError::Rejected(rejected)) = parse(xml) else { panic!("{xml}") };
        assert_eq!(rejected.error.condition, condition, "{xml}");
        assert_eq!(rejected.reply().is_some(), answered, "{xml}");
        if let Some(reply) = rejected.reply() {
            assert_eq!(reply.error().unwrap().condition, condition, "{xml}");
            assert_eq!(reply.to(), rejected.stanza.from());
        }
    }
    assert!(matches!(parse("<foo/>"), Err(EnvelopeError::UnsupportedStanza)));
    assert!(matches!(parse("<foo xmlns='u'/>"), Err(EnvelopeError::UnsupportedStanza)));
    assert!(matches!(parse("<message xmlns='u'/>"), Err(EnvelopeError::InvalidNamespace)));
    assert!(matches!(parse("<message xmlns=''/>"), Err(EnvelopeError::InvalidNamespace)));
}

#[test]
fn replies() {
    let xml =
        "<iq type='set' id='&apos;1' from='r@m/o' to='j@c' xml:lang='de' x='y'><q xmlns='u'/></iq>";
    let iq = parse(xml).unwrap();
    let reply = iq.error_reply(&StanzaError::new(StanzaCondition::Forbidden)).unwrap();
    assert_eq!(
        written(&reply),
        "<iq xml:lang='de' to='r@m/o' from='j@c' type='error' id='&apos;1'><q xmlns='u'/>\
         <error code='403' type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    assert!(reply.error_reply(&StanzaError::new(StanzaCondition::Forbidden)).is_none());
    assert_eq!(
        reply.error().map(|e| (e.condition, e.kind)),
        Some((StanzaCondition::Forbidden, ErrorType::Auth))
    );
    let result = iq.result_reply(Some(&Element::new("r", "u"))).unwrap();
    assert_eq!(
        written(&result),
        "<iq xml:lang='de' to='r@m/o' from='j@c' type='result' id='&apos;1'><r xmlns='u'/></iq>"
    );
    assert!(result.result_reply(None).is_none());
    assert!(result.error_reply(&StanzaError::new(StanzaCondition::Forbidden)).is_none());
    assert!(Stanza::message(MessageType::Chat).result_reply(None).is_none());
    let forged =
        parse("<message id='1'><error type='cancel'><gone/></error><body>x</body></message>");
    let reply = forged.unwrap().error_reply(&StanzaError::new(StanzaCondition::Forbidden)).unwrap();
    assert_eq!(reply.error().map(|error| error.condition), Some(StanzaCondition::Forbidden));
    assert_eq!(reply.children().count(), 2);
}

#[test]
fn children_are_added_and_removed() {
    let mut stanza =
        parse("<message><body>x</body><a xmlns='u'/><b xmlns='u'/><a xmlns='u'>2</a></message>")
            .unwrap();
    assert_eq!(stanza.remove_children(|child| child.is("a", "u")), 2);
    stanza.push(&Element::new("c", ns::CLIENT).with_text("<"));
    assert_eq!(written(&stanza), "<message><body>x</body><b xmlns='u'/><c>&lt;</c></message>");
    assert_eq!(stanza.child("c", ns::CLIENT).unwrap().parse().text(), "<");
    assert_eq!(stanza.payload().unwrap().name(), "body");
    let copy = stanza.clone();
    stanza.clear_children();
    assert_eq!((stanza.content_len(), written(&stanza).as_str()), (0, "<message/>"));
    assert_eq!(copy.children().count(), 3);
}

#[test]
fn server_streams_carry_the_same_stanzas() {
    let raw = RawElement::parse(b"<message to='a'><body>x</body></message>", ns::SERVER).unwrap();
    let stanza = Stanza::from_raw(raw).unwrap();
    assert!(stanza.child("body", ns::CLIENT).is_some());
    assert_eq!(written(&stanza), "<message to='a'><body>x</body></message>");
    assert!(stanza.to_element().child("body", ns::CLIENT).is_some());
}

#[test]
fn a_language_is_inherited_once() {
    let mut stanza = parse("<message/>").unwrap();
    stanza.inherit_lang("de");
    stanza.inherit_lang("en");
    assert_eq!(stanza.lang(), Some("de"));
}

#[test]
fn a_kept_stanza_keeps_little() {
    let big = format!("<message><body>{}</body></message>", "x".repeat(100_000));
    let mut stanza = parse(&big).unwrap();
    stanza.remove_children(|_| true);
    assert!(stanza.memory() < 400, "{}", stanza.memory());
    // A small stanza read from a big buffer has a copy of its own.
    let many = "<message id='1'/>".repeat(10_000);
    let stream =
        format!("<stream:stream xmlns='jabber:client' xmlns:stream='{}'>{many}", ns::STREAMS);
    let mut reader = xmlstream::Reader::new(xmlstream::Limits::default());
    let mut input = stream.as_bytes();
    reader.next(&mut input).unwrap();
    let Ok(Some(xmlstream::Event::Element(raw))) = reader.next(&mut input) else { panic!() };
    assert!(Stanza::from_raw(raw).unwrap().memory() < 400);
}

fn nasty() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("'"),
        Just("\""),
        Just("<"),
        Just(">"),
        Just("&"),
        Just("\u{FFFE}"),
        Just("\u{FFFF}"),
        Just("\u{0}"),
        Just("' to='evil@x"),
        Just("/><iq/>"),
        Just("</message>"),
        Just("]]>"),
        Just("&#39;"),
        Just("\r\n\t"),
        Just("a"),
        Just("\u{E9}"),
    ];
    proptest::collection::vec(pieces, 1..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Row 2 of the attack classes: no id, language, resource, text or attribute makes an element or attribute.
    #[test]
    fn nothing_escapes_its_quotes(a in nasty(), b in nasty(), c in nasty()) {
        let built = Stanza::message(MessageType::Chat)
            .with_to(jid("a@b"))
            .with_id(&a)
            .with_lang(&b)
            .with_child(&Element::new("body", ns::CLIENT).with_attr("k", a.clone()).with_text(&c));
        let built = match Jid::new(&format!("a@b/{c}")) {
            Ok(from) => built.with_from(from),
            Err(_) => built,
        };
        let error = StanzaError::new(StanzaCondition::Gone).with_text(&c).with_uri(&a);
        let reply = built.clone().error_reply(&error).unwrap();
        for (stanza, children) in [(built, 1), (reply, 2)] {
            let stored = stanza.to_bytes();
            let read = Stanza::parse(&stored).unwrap();
            prop_assert_eq!(read.children().count(), children);
            prop_assert_eq!(read.to(), stanza.to());
            prop_assert_eq!(read.kind(), stanza.kind());
            prop_assert!(read.extra.is_none());
            // The stored form is the same for ever.
            prop_assert_eq!(read.to_bytes(), stored);
        }
    }

    /// Stored and read back, a stanza that came over a stream is the same.
    #[test]
    fn the_stored_form_round_trips(id in "[a-z<>&']{0,8}", text in "[ -~\u{E0}-\u{FF}]{0,20}", extra in "[a-z]{1,6}") {
        let mut element = Element::new("message", ns::CLIENT).with_attr("id", id).with_attr("to", "a@b/c");
        element.set_attr(format!("x{extra}"), text.clone());
        element.push(Element::new("body", ns::CLIENT).with_text(&text));
        let stanza = parse(&String::from_utf8(element.to_bytes("")).unwrap()).unwrap();
        let read = Stanza::parse(&stanza.to_bytes()).unwrap();
        prop_assert_eq!(&read, &stanza);
        prop_assert_eq!(read.to_element(), element.with_attr("to", "a@b/c"));
    }
}
