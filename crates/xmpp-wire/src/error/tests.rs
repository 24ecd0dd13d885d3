//! Every condition of the RFC, written and read.

use super::*;
use crate::ns;
use jid::Jid;
use xmlstream::{Element, Limits, Reader, XmlError};

#[test]
fn stanza_conditions() {
    // RFC 6120 §8.3.3, by hand.
    let table = [
        ("bad-request", "modify"),
        ("conflict", "cancel"),
        ("feature-not-implemented", "cancel"),
        ("forbidden", "auth"),
        ("gone", "cancel"),
        ("internal-server-error", "cancel"),
        ("item-not-found", "cancel"),
        ("jid-malformed", "modify"),
        ("not-acceptable", "modify"),
        ("not-allowed", "cancel"),
        ("not-authorized", "auth"),
        ("policy-violation", "modify"),
        ("recipient-unavailable", "wait"),
        ("redirect", "modify"),
        ("registration-required", "auth"),
        ("remote-server-not-found", "cancel"),
        ("remote-server-timeout", "wait"),
        ("resource-constraint", "wait"),
        ("service-unavailable", "cancel"),
        ("subscription-required", "auth"),
        ("undefined-condition", "cancel"),
        ("unexpected-request", "wait"),
    ];
    assert_eq!(StanzaCondition::all().count(), table.len());
    for (condition, (name, kind)) in StanzaCondition::all().zip(table) {
        assert_eq!((condition.name(), condition.default_type().name()), (name, kind));
        assert_eq!(StanzaCondition::from_name(name), Some(condition));
        let error = StanzaError::new(condition)
            .with_text("why <&>")
            .with_by(Jid::new("a@b").unwrap())
            .with_app(Element::new("more", "u"));
        let element = error.to_element(ns::CLIENT);
        assert_eq!(element.attr("type"), Some(kind));
        let read = Element::parse(&element.to_bytes(""), "").unwrap();
        assert_eq!(StanzaError::from_element(&read), Some(error));
    }
    for kind in ["auth", "cancel", "continue", "modify", "wait"] {
        assert_eq!(ErrorType::from_name(kind).map(ErrorType::name), Some(kind));
    }
}

#[test]
fn a_place_to_go_to() {
    let error = StanzaError::new(StanzaCondition::Redirect).with_uri("xmpp:x@y");
    assert_eq!(StanzaError::from_element(&error.to_element(ns::CLIENT)), Some(error));
    let error = StreamError::new(StreamCondition::SeeOtherHost).with_host("[::1]:5222");
    assert_eq!(StreamError::from_element(&error.to_element()), error);
}

#[test]
fn unknown_conditions_count_as_undefined() {
    let error =
        Element::new("error", ns::CLIENT).with_child(Element::new("tea-time", ns::STANZA_ERRORS));
    assert_eq!(
        StanzaError::from_element(&error).unwrap().condition,
        StanzaCondition::UndefinedCondition
    );
    assert_eq!(StanzaError::from_element(&Element::new("error", ns::CLIENT)), None);
    let error = Element::new("error", ns::STREAMS);
    assert_eq!(StreamError::from_element(&error).condition, StreamCondition::UndefinedCondition);
}

#[test]
fn stream_conditions() {
    // RFC 6120 §4.9.3, by hand.
    let table = [
        "bad-format",
        "bad-namespace-prefix",
        "conflict",
        "connection-timeout",
        "host-gone",
        "host-unknown",
        "improper-addressing",
        "internal-server-error",
        "invalid-from",
        "invalid-namespace",
        "invalid-xml",
        "not-authorized",
        "not-well-formed",
        "policy-violation",
        "remote-connection-failed",
        "reset",
        "resource-constraint",
        "restricted-xml",
        "see-other-host",
        "system-shutdown",
        "undefined-condition",
        "unsupported-encoding",
        "unsupported-feature",
        "unsupported-stanza-type",
        "unsupported-version",
    ];
    assert_eq!(StreamCondition::all().count(), table.len());
    for (condition, name) in StreamCondition::all().zip(table) {
        assert_eq!(condition.name(), name);
        assert_eq!(StreamCondition::from_name(name), Some(condition));
        let error =
            StreamError::new(condition).with_text("why").with_app(Element::new("more", "u"));
        let mut out = format!("<s xmlns:stream='{}'>", ns::STREAMS).into_bytes();
        error.write(&mut out);
        let text = String::from_utf8(out.clone()).unwrap();
        assert!(
            text.contains(&format!("<stream:error><{name} xmlns='{}'/><text", ns::STREAM_ERRORS)),
            "{text}"
        );
        out.extend_from_slice(b"</s>");
        let tree = Element::parse(&out, "").unwrap();
        assert_eq!(StreamError::from_element(tree.child("error", ns::STREAMS).unwrap()), error);
    }
}

#[test]
fn what_the_reader_refuses_has_its_condition() {
    let small =
        Limits { stanza_bytes_max: 100, depth_max: 2, attributes_max: 1, ..Limits::default() };
    let table = [
        ("<m></n>", StreamCondition::NotWellFormed),
        ("<!-- -->", StreamCondition::RestrictedXml),
        ("<m>&foo;</m>", StreamCondition::RestrictedXml),
        ("<p:m/>", StreamCondition::BadNamespacePrefix),
        ("text", StreamCondition::InvalidXml),
        ("<a><b><c/></b></a>", StreamCondition::PolicyViolation),
        ("<a b='' c=''/>", StreamCondition::PolicyViolation),
        (&"<a>".repeat(200), StreamCondition::PolicyViolation),
    ];
    for (body, condition) in table {
        let stream = format!("<s xmlns='jabber:client'>{body}");
        let mut reader = Reader::new(small);
        let mut input = stream.as_bytes();
        reader.next(&mut input).unwrap();
        let error = reader.next(&mut input).unwrap_err();
        assert_eq!(StreamError::from(error).condition, condition, "{body}");
    }
    let latin = b"<?xml version='1.0' encoding='latin1'?><s>".as_slice();
    let error = Reader::new(small).next(&mut { latin }).unwrap_err();
    assert!(matches!(error, XmlError::UnsupportedEncoding(_)));
    assert_eq!(StreamError::from(error).condition, StreamCondition::UnsupportedEncoding);
}
