//! Counters that wrap, queues with bounds, acknowledgements that come last.

use super::*;
use crate::error::StanzaCondition;
use crate::ns;
use proptest::prelude::*;
use xmlstream::RawElement;

#[test]
fn counters_wrap() {
    let last = Counter::new(u32::MAX);
    assert_eq!(last.after(2), Counter::new(1));
    assert_eq!(Counter::new(1).since(last), 2);
    assert_eq!(last.since(last), 0);
}

fn drained(queue: &mut OutQueue<u32>, h: u32) -> Result<Vec<u32>, AckError> {
    queue.ack(Counter::new(h)).map(Iterator::collect)
}

#[test]
fn the_queue_gives_out_what_is_acknowledged() {
    let mut queue = OutQueue::new(10, 1000);
    for item in 0..5 {
        queue.push(item, 100).unwrap();
    }
    assert_eq!(drained(&mut queue, 2), Ok(vec![0, 1]));
    assert_eq!(drained(&mut queue, 2), Ok(vec![]));
    assert_eq!(
        (queue.bytes(), queue.len(), queue.sent().get(), queue.acked().get()),
        (300, 3, 5, 2)
    );
    // Too many, and fewer than before: both are lies, and nothing is lost by them.
    assert_eq!(drained(&mut queue, 6), Err(AckError { h: 6, sent: 5 }));
    assert_eq!(drained(&mut queue, 1), Err(AckError { h: 1, sent: 5 }));
    let error = AckError { h: 6, sent: 5 }.to_stream_error();
    let app = error.app.unwrap();
    assert_eq!((app.attr("h"), app.attr("send-count")), (Some("6"), Some("5")));
    assert_eq!(queue.iter().copied().collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(queue.drain().collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!((queue.bytes(), queue.sent().get(), queue.is_empty()), (0, 5, true));
}

#[test]
fn the_queue_has_bounds() {
    let mut queue = OutQueue::new(3, 250);
    assert_eq!(
        (queue.push(1, 100), queue.push(2, 100), queue.push(3, 100)),
        (Ok(()), Ok(()), Err(Full))
    );
    assert_eq!((queue.push(3, 50), queue.push(4, 0)), (Ok(()), Err(Full)));
    // One stanza alone may be bigger than all together: its own bound was elsewhere.
    let mut queue = OutQueue::new(3, 250);
    assert_eq!((queue.push(1, 900), queue.push(2, 1)), (Ok(()), Err(Full)));
}

#[test]
fn the_queue_wraps() {
    let mut queue = OutQueue::new(10, 1000);
    let mut h = 0_u32;
    // Near the end by acknowledging; only the count matters, so begin there.
    queue.acked = Counter::new(u32::MAX - 1);
    for item in 0..4 {
        queue.push(item, 1).unwrap();
    }
    for item in 0..4 {
        h = (u32::MAX - 1).wrapping_add(item + 1);
        assert_eq!(drained(&mut queue, h), Ok(vec![item]));
    }
    assert_eq!((h, queue.sent().get()), (2, 2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// In whatever order effects become durable, the count is that of the unbroken beginning.
    #[test]
    fn only_the_unbroken_beginning_is_handled(order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let mut ledger = Ledger::default();
        let seqs: Vec<_> = order.iter().map(|_| ledger.received()).collect();
        let mut done = vec![false; order.len()];
        for place in order {
            ledger.complete(seqs[place]);
            done[place] = true;
            let beginning = done.iter().take_while(|done| **done).count();
            prop_assert_eq!(ledger.handled().counter().get() as usize, beginning);
            prop_assert_eq!(ledger.pending(), done.len() - beginning);
            // Twice is once.
            ledger.complete(seqs[place]);
            prop_assert_eq!(ledger.handled().counter().get() as usize, beginning);
        }
    }
}

fn request(xml: &str) -> Option<Result<SmRequest, SmFailed>> {
    SmRequest::from_raw(&RawElement::parse(xml.as_bytes(), ns::SM).unwrap())
}

#[test]
fn requests_are_read() {
    let fine = [
        ("<enable/>", SmRequest::Enable { resume: false, max_seconds: None }),
        (
            "<enable resume='true' max='60'/>",
            SmRequest::Enable { resume: true, max_seconds: Some(60) },
        ),
        ("<enable resume='1'/>", SmRequest::Enable { resume: true, max_seconds: None }),
        ("<enable xmlns='urn:xmpp:sm:2'/>", SmRequest::Enable { resume: false, max_seconds: None }),
        (
            "<resume h='7' previd='a&lt;b'/>",
            SmRequest::Resume { h: Counter::new(7), previd: "a<b".to_owned() },
        ),
        ("<r/>", SmRequest::Ask),
        ("<a h='4294967295'/>", SmRequest::Ack(Counter::new(u32::MAX))),
    ];
    for (xml, expected) in fine {
        assert_eq!(request(xml), Some(Ok(expected)), "{xml}");
    }
    for xml in [
        "<a/>",
        "<a h=''/>",
        "<a h='-1'/>",
        "<a h='+1'/>",
        "<a h='4294967296'/>",
        "<resume h='1'/>",
        "<b/>",
    ] {
        let Some(Err(failed)) = request(xml) else { panic!("{xml}") };
        assert_eq!(failed.condition, StanzaCondition::BadRequest, "{xml}");
    }
    assert_eq!(request("<r xmlns='u'/>"), None);
}

#[test]
fn replies_are_written() {
    let mut ledger = Ledger::default();
    let seq = ledger.received();
    ledger.complete(seq);
    let handled = ledger.handled();
    let failed = SmFailed { condition: StanzaCondition::ItemNotFound, handled: Some(handled) };
    let table = [
        (SmReply::Ask, "<r xmlns='urn:xmpp:sm:3'/>"),
        (SmReply::Ack(handled), "<a xmlns='urn:xmpp:sm:3' h='1'/>"),
        (
            SmReply::Enabled { id: Some("i'd".to_owned()), max_seconds: Some(300), location: None },
            "<enabled xmlns='urn:xmpp:sm:3' id='i&apos;d' resume='true' max='300'/>",
        ),
        (
            SmReply::Enabled { id: None, max_seconds: None, location: None },
            "<enabled xmlns='urn:xmpp:sm:3'/>",
        ),
        (
            SmReply::Resumed { handled, previd: "x".to_owned() },
            "<resumed xmlns='urn:xmpp:sm:3' h='1' previd='x'/>",
        ),
        (
            SmReply::Failed(failed),
            "<failed xmlns='urn:xmpp:sm:3' h='1'><item-not-found \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
        ),
    ];
    for (reply, expected) in table {
        let mut out = Vec::new();
        reply.write(&mut out, ns::SM);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
    assert!(SmReply::feature(ns::SM_2).is("sm", "urn:xmpp:sm:2"));
}
