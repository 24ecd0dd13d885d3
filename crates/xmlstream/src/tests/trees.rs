//! Trees, raw elements and what they become when written.

use super::{HEADER, dump, elements, events};
use crate::{Content, Element, Event, Limits, RawElement};
use proptest::prelude::*;

fn raw(body: &str) -> RawElement {
    let stream = [HEADER, body].concat();
    let mut events = events(Limits::default(), stream.as_bytes()).unwrap();
    match events.pop() {
        Some(Event::Element(element)) => element,
        other => panic!("{other:?}"),
    }
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just("'".to_owned()),
            Just("\"".to_owned()),
            Just("<".to_owned()),
            Just(">".to_owned()),
            Just("&".to_owned()),
            Just("]]>".to_owned()),
            Just("\u{FFFE}".to_owned()),
            Just("\u{FFFF}".to_owned()),
            Just("\u{0}".to_owned()),
            Just("\r\n\t ".to_owned()),
            Just("</m>".to_owned()),
            Just("<![CDATA[".to_owned()),
            Just("&#0;".to_owned()),
            any::<char>().prop_map(String::from),
        ],
        0..6,
    )
    .prop_map(|pieces| pieces.concat())
}

fn tree() -> impl Strategy<Value = Element> {
    let names = || prop_oneof![Just("a"), Just("b"), Just("\u{E9}")];
    let namespaces = || {
        prop_oneof![
            Just(String::new()),
            Just("jabber:client".to_owned()),
            Just("u&'".to_owned()),
            text()
        ]
    };
    let leaf = (names(), namespaces(), text(), text(), namespaces()).prop_map(
        |(name, ns, value, text, attr_ns)| {
            // Neither namespace of the XML specifications can be written as a default namespace, nor comes up here.
            let mut element = Element::new(name, ns)
                .with_attr("k", value.clone())
                .with_attr("xml:lang", value.clone());
            element.set_attr_ns("k", attr_ns, value);
            element.with_text(text)
        },
    );
    leaf.prop_recursive(4, 24, 4, move |inner| {
        (names(), namespaces(), proptest::collection::vec((inner, text()), 0..4)).prop_map(
            |(name, ns, children)| {
                children.into_iter().fold(Element::new(name, ns), |element, (child, text)| {
                    element.with_text(text).with_child(child)
                })
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Row 2 of the attack classes: whatever text is put into a tree, the same shape comes out, and after one round
    /// the bytes stay the same for ever.
    #[test]
    fn written_and_parsed_is_a_fixpoint(element in tree()) {
        let written = element.to_bytes("jabber:client");
        let parsed = Element::parse(&written, "jabber:client").expect("what we write is acceptable");
        let again = parsed.to_bytes("jabber:client");
        prop_assert_eq!(Element::parse(&again, "jabber:client").unwrap(), parsed.clone());
        prop_assert_eq!(parsed.to_bytes("jabber:client"), again);
        fn shape(element: &Element) -> (usize, Vec<(String, usize)>) {
            let deep: Vec<_> = element.children().map(shape).collect();
            (deep.iter().map(|d| d.0 + 1).sum(), vec![(element.name().to_owned(), element.attrs().len())])
        }
        prop_assert_eq!(shape(&parsed), shape(&element));
    }

    /// Text that XML can carry comes out as it was put in.
    #[test]
    fn text_survives(text in text()) {
        let expected: String = text.chars().map(|c| if crate::is_xml_char(c) { c } else { '\u{FFFD}' }).collect();
        let element = Element::new("m", "u").with_attr("k", text.clone()).with_text(&text);
        let parsed = Element::parse(&element.to_bytes(""), "").unwrap();
        prop_assert_eq!(parsed.attr("k"), Some(expected.as_str()));
        prop_assert_eq!(parsed.text(), expected.as_str());
        let raw = RawElement::parse(&element.to_bytes(""), "").unwrap();
        prop_assert_eq!(raw.attr("k"), Some(expected.as_str()));
        prop_assert_eq!(raw.text(), expected);
    }

    /// No bytes make the reader panic, and what it accepts means the same elsewhere.
    #[test]
    fn any_bytes(body in proptest::collection::vec(prop_oneof![
        Just(b"<m>".to_vec()), Just(b"</m>".to_vec()), Just(b"<a:b xmlns:a='u' ".to_vec()), Just(b"/>".to_vec()),
        Just(b"k='".to_vec()), Just(b"'".to_vec()), Just(b"&".to_vec()), Just(b"]]>".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..4),
    ], 0..12)) {
        let stream = [HEADER.as_bytes(), &body.concat()].concat();
        for event in events(Limits::default(), &stream).into_iter().flatten() {
            if let Event::Element(raw) = event {
                let elsewhere = RawElement::parse(raw.bytes(), "jabber:client").unwrap();
                prop_assert_eq!(elsewhere.parse_tree(), raw.parse_tree());
            }
        }
    }
}

#[test]
fn bytes_are_kept_as_received() {
    let body =
        "<message  to = \"a\" id='1' ><body>x &amp; <![CDATA[y]]></body><a xmlns='u' /></message >";
    let element = raw(body);
    assert_eq!(element.bytes(), body.as_bytes());
    assert_eq!((element.name(), element.ns()), ("message", "jabber:client"));
    assert_eq!(
        (element.attr("to"), element.attr("id"), element.attr("from")),
        (Some("a"), Some("1"), None)
    );
    let children: Vec<_> =
        element.children().map(|c| (c.name().to_owned(), c.ns().to_owned())).collect();
    assert_eq!(children, [("body".into(), "jabber:client".into()), ("a".into(), "u".into())]);
    assert_eq!(element.child("body", "jabber:client").unwrap().parse().text(), "x & y");
    assert_eq!(element.child("a", "u").unwrap().bytes(), b"<a xmlns='u' />");
    assert_eq!(element.parse_tree(), elements(body).unwrap()[0]);
}

#[test]
fn what_depends_on_its_place_is_written_anew() {
    let table = [
        (
            "<m><stream:x/></m>",
            "<m xmlns='jabber:client'><x xmlns='http://etherx.jabber.org/streams'/></m>",
        ),
        (
            "<stream:m><x/></stream:m>",
            "<m xmlns='http://etherx.jabber.org/streams'><x xmlns='jabber:client'/></m>",
        ),
        (
            "<m xmlns:p='u'><p:x><p:y/></p:x></m>",
            "<m xmlns='jabber:client'><x xmlns='u'><y/></x></m>",
        ),
        (
            "<p:m xmlns:p='jabber:client' xmlns='u'><x/></p:m>",
            "<m xmlns='jabber:client'><x xmlns='u'/></m>",
        ),
        (
            "<m xmlns='' stream:k=''/>",
            "<m xmlns='' xmlns:n0='http://etherx.jabber.org/streams' n0:k=''/>",
        ),
        ("<m><x xmlns='jabber:clien&#116;'/></m>", "<m xmlns='jabber:client'><x/></m>"),
        (
            "<m><x stream:k='&lt;'/></m>",
            "<m xmlns='jabber:client'><x xmlns:n0='http://etherx.jabber.org/streams' n0:k='&lt;'/></m>",
        ),
    ];
    for (body, expected) in table {
        let element = raw(body);
        assert_eq!(String::from_utf8_lossy(element.bytes()), expected);
        assert_eq!(element.parse_tree(), elements(body).unwrap()[0]);
        // Each child means the same with nothing but the default namespace around it.
        for child in element.children() {
            assert_eq!(Element::parse(child.bytes(), element.ns()).unwrap(), child.parse());
        }
    }
    // What only looks like it is not touched.
    for body in ["<m xmlns:stream='u'/>", "<m><p:x xmlns:p='u'/></m>", "<m xmlns:p='u' p:k='v'/>"] {
        assert_eq!(raw(body).bytes(), body.as_bytes());
    }
}

#[test]
fn content_is_changed_in_place() {
    let element = raw("<m>t<a xmlns='u'/><b/><p:c xmlns:p='v'><d/></p:c> <a xmlns='u'>2</a></m>");
    let mut content: Content = element.into_content();
    let seen = |content: &Content| -> Vec<String> {
        content
            .children("jabber:client")
            .map(|c| format!("{} {} {c:?}", c.name(), c.ns()))
            .collect()
    };
    let before = seen(&content);
    content.push(&Element::new("e", "jabber:client"), "jabber:client");
    content.push(&Element::new("f", "w").with_text("x"), "jabber:client");
    let mut expected = before.clone();
    expected.extend(["e jabber:client <e/>".to_owned(), "f w <f xmlns='w'>x</f>".to_owned()]);
    assert_eq!(seen(&content), expected);
    assert_eq!(content.remove("jabber:client", |child| child.is("a", "u")), 2);
    expected.retain(|child| !child.starts_with("a u"));
    assert_eq!(seen(&content), expected);
    assert_eq!(
        content.bytes(),
        "t<b/><p:c xmlns:p='v'><d/></p:c> <e/><f xmlns='w'>x</f>".as_bytes()
    );
    assert_eq!(content.direct_text(), "t ");
    assert_eq!(content.remove("jabber:client", |_| false), 0);
    content.remove("jabber:client", |_| true);
    assert_eq!(content.bytes(), b"t ");
}

#[test]
fn deep_trees_need_no_deep_stack() {
    let depth = 1000;
    let xml = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let limits = Limits::trusted();
    let parsed = Element::parse_within(xml.as_bytes(), "u", &limits).unwrap();
    assert_eq!(
        parsed.to_bytes("u"),
        format!("{}<a/>{}", "<a>".repeat(depth - 1), "</a>".repeat(depth - 1)).as_bytes()
    );
    let mut built = Element::new("a", "u");
    for _ in 0..200_000 {
        built = Element::new("a", "u").with_child(built);
    }
    assert_eq!(built.to_bytes("u").len(), 200_000 * 7 + 4);
    drop(built);
}

#[test]
fn the_order_of_attributes_has_no_meaning() {
    let m = || Element::new("m", "u");
    assert_eq!(
        m().with_attr("a", "1").with_attr("b", "2"),
        m().with_attr("b", "2").with_attr("a", "1")
    );
    assert_ne!(m().with_attr("a", "1"), m().with_attr("b", "1"));
    assert_ne!(m().with_attr("a", "1"), m().with_attr("a", "1").with_attr("b", "1"));
    assert_ne!(m().with_text("a"), m().with_text("b"));
}

#[test]
fn long_namespaces_are_shared() {
    let long = "u".repeat(10_000);
    let tree =
        Element::parse(format!("<m xmlns='{long}'>{}</m>", "<n/>".repeat(1000)).as_bytes(), "")
            .unwrap();
    let first = tree.namespace().as_str().as_ptr();
    assert!(tree.children().all(|child| child.namespace().as_str().as_ptr() == first));
}

#[test]
fn names_cannot_be_made_into_markup() {
    let mut element = Element::new("m><x/><m".to_owned(), "u");
    element.set_attr("k='v'><x/>".to_owned(), "");
    element.set_attr("xmlns", "other");
    assert_eq!(element.to_bytes(""), b"<_ xmlns='u' _=''/>");
    let mut out = String::new();
    dump(&element, &mut out);
    assert!(!out.contains('<'));
}
