//! What is written can be read.

use super::forms::{Field, FieldType, Form, FormType};
use super::{carbons, chat_states, delay, disco, forward, hints, rsm, stanza_id};
use crate::{MessageType, Stanza, ns};
use jid::Jid;
use xmlstream::Element;

fn message(children: &str) -> Stanza {
    Stanza::parse(format!("<message>{children}</message>").as_bytes()).unwrap()
}

fn again(element: &Element) -> Element {
    Element::parse(&element.to_bytes(""), "").unwrap()
}

#[test]
fn forms() {
    let mut form = Form::of_type(FormType::Form, "u")
        .with_field(Field::new("a", FieldType::Boolean, "1").with_label("A & B"))
        .with_field(
            Field::empty("b", FieldType::ListSingle)
                .with_option("One", "1")
                .with_option("Two", "2"),
        );
    form.title = Some("t".to_owned());
    form.instructions = vec!["do".to_owned(), "this".to_owned()];
    form.reported = vec![Field::empty("c", FieldType::JidSingle)];
    form.items = vec![vec![Field {
        var: Some("c".to_owned()),
        values: vec!["x@y".to_owned()],
        ..Field::default()
    }]];
    assert_eq!(Form::from_element(&again(&form.to_element())), Some(form.clone()));
    assert_eq!((form.form_type(), form.value("a")), (Some("u"), Some("1")));
    assert_eq!(form.field("a").and_then(Field::boolean), Some(true));
    for (kind, name) in
        [(FormType::Submit, "submit"), (FormType::Cancel, "cancel"), (FormType::Result, "result")]
    {
        assert_eq!(Form::new(kind).to_element().attr("type"), Some(name));
    }
    assert_eq!(
        Form::from_element(&Element::new("x", ns::DATA_FORMS).with_attr("type", "other")),
        None
    );
    // XEP-0068 §3.2: a form type that is not hidden is a field like any other, but in submissions.
    let mut loose = Form::new(FormType::Result);
    loose.fields.push(Field {
        var: Some("FORM_TYPE".to_owned()),
        values: vec!["u".to_owned()],
        ..Field::default()
    });
    assert_eq!(loose.form_type(), None);
    loose.kind = FormType::Submit;
    assert_eq!(loose.form_type(), Some("u"));
}

#[test]
fn pages() {
    let request = rsm::Request {
        max: Some(10),
        after: Some("a<".to_owned()),
        before: Some(String::new()),
        index: Some(3),
    };
    assert_eq!(rsm::Request::from_element(&again(&request.to_element())), Some(request));
    let page = rsm::Page {
        first: Some(("a".to_owned(), Some(0))),
        last: Some("b".to_owned()),
        count: Some(800),
    };
    assert_eq!(rsm::Page::from_element(&again(&page.to_element())), Some(page));
    let bad = Element::new("set", ns::RSM).with_child(Element::new("max", ns::RSM).with_text("-1"));
    assert_eq!(rsm::Request::from_element(&bad), None);
}

#[test]
fn delays_and_forwarding() {
    let delay = delay::Delay {
        from: Jid::new("a.example").ok(),
        stamp: "2002-09-10T23:08:25Z".to_owned(),
        reason: Some("Offline Storage".to_owned()),
    };
    assert_eq!(delay::Delay::from_element(&again(&delay.to_element())), Some(delay.clone()));
    assert_eq!(delay::Delay::from_element(&Element::new("delay", ns::DELAY)), None);
    let inner = message("<body>x</body>");
    let wrapped = forward::wrap(&inner, Some(&delay));
    assert_eq!(forward::unwrap(&again(&wrapped)), Some((inner.clone(), Some(delay))));
    let outer = Stanza::message(MessageType::Chat)
        .with_child(&carbons::wrap(carbons::Direction::Sent, &inner));
    assert!(carbons::is_carbon(&outer) && !carbons::is_carbon(&inner));
    assert!(carbons::is_private(&message("<private xmlns='urn:xmpp:carbons:2'/>")));
}

#[test]
fn spoofed_ids_go() {
    let us = Jid::new("room@muc.example").unwrap();
    let mut stanza = message(
        "<stanza-id xmlns='urn:xmpp:sid:0' by='Room@MUC.example' id='1'/><body/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='other.example' id='2'/><stanza-id xmlns='urn:xmpp:sid:0' id='3'/>\
         <s:stanza-id xmlns:s='urn:xmpp:sid:0' by='room@muc.exampl&#101;' id='4'/>\
         <origin-id xmlns='urn:xmpp:sid:0' id='5'/>",
    );
    assert_eq!(stanza_id::remove_spoofed(&mut stanza, &us), 3);
    assert_eq!(stanza_id::by(&stanza, &us), None);
    stanza.push(&stanza_id::element("9", &us));
    assert_eq!(stanza_id::by(&stanza, &us).as_deref(), Some("9"));
    assert_eq!(stanza_id::by(&stanza, &Jid::new("other.example").unwrap()).as_deref(), Some("2"));
    assert_eq!(stanza_id::origin(&stanza).as_deref(), Some("5"));
}

#[test]
fn hints_and_states() {
    let read = hints::Hints::of(&message("<no-store xmlns='urn:xmpp:hints'/><store xmlns='u'/>"));
    assert_eq!(read, hints::Hints { no_store: true, ..Default::default() });
    let composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    assert_eq!(chat_states::state(&message(composing)), Some("composing"));
    assert!(chat_states::is_standalone(&message(&format!("{composing}<thread>t</thread>"))));
    assert!(!chat_states::is_standalone(&message(&format!("{composing}<body>t</body>"))));
    assert!(!chat_states::is_standalone(&message("")));
}

#[test]
fn discovery() {
    let mut info = disco::Info {
        node: Some("n".to_owned()),
        identities: vec![disco::Identity::new("server", "im", "x")],
        features: vec!["u".to_owned()],
        forms: vec![Form::of_type(FormType::Result, "f")],
    };
    assert_eq!(disco::Info::from_element(&again(&info.to_element())), Some(info.clone()));
    let item =
        disco::Item { jid: Jid::new("a@b").unwrap(), node: None, name: Some("A".to_owned()) };
    let items = disco::Items { node: None, items: vec![item] };
    assert_eq!(disco::Items::from_element(&again(&items.to_element())), Some(items));
    info.features.push("u".to_owned());
    assert_eq!(info.verification_input(), Err(disco::IllFormed), "a feature twice");
    info.features = vec!["a<b".to_owned()];
    assert_eq!(info.verification_input(), Err(disco::IllFormed), "two answers could have one hash");
}

#[test]
fn verification_strings() {
    // XEP-0115 §5.3.
    let identity = |lang: &str, name: &str| disco::Identity {
        lang: Some(lang.to_owned()),
        ..disco::Identity::new("client", "pc", name)
    };
    let values = |var: &str, values: &[&str]| Field {
        var: Some(var.to_owned()),
        values: values.iter().map(|v| (*v).to_owned()).collect(),
        ..Field::default()
    };
    let form = Form::of_type(FormType::Result, "urn:xmpp:dataforms:softwareinfo")
        .with_field(values("ip_version", &["ipv6", "ipv4"]))
        .with_field(values("os", &["Mac"]))
        .with_field(values("os_version", &["10.5.1"]))
        .with_field(values("software", &["Psi"]))
        .with_field(values("software_version", &["0.11"]));
    let features = ["http://jabber.org/protocol/muc", ns::DISCO_INFO, ns::CAPS, ns::DISCO_ITEMS];
    let info = disco::Info {
        node: None,
        identities: vec![identity("en", "Psi 0.11"), identity("el", "\u{3A8} 0.11")],
        features: features.iter().map(|f| (*f).to_owned()).collect(),
        forms: vec![form],
    };
    assert_eq!(
        info.verification_input().unwrap(),
        "client/pc/el/\u{3A8} 0.11<client/pc/en/Psi 0.11<http://jabber.org/protocol/caps<\
         http://jabber.org/protocol/disco#info<http://jabber.org/protocol/disco#items<\
         http://jabber.org/protocol/muc<urn:xmpp:dataforms:softwareinfo<ip_version<ipv4<ipv6<os<Mac<\
         os_version<10.5.1<software<Psi<software_version<0.11<"
    );
}
