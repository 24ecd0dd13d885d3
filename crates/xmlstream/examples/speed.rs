//! Nanoseconds and allocations for one chat message of 315 bytes:
//! `cargo run --release -p xmlstream --example speed`.
#![expect(clippy::print_stdout, reason = "a program for people who measure")]
#![expect(
    unsafe_code,
    reason = "an allocator that counts can only be written so; it passes every call on"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use xmlstream::{Event, Limits, Reader};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every method passes its arguments on to `System` unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the one that `System` needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the one that `System` needs.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
    to='example.org' version='1.0'>";
const MESSAGE: &[u8] =
    b"<message type='chat' to='juliet@capulet.example/balcony' id='c7d1a7e2-6f0b-4e8b-9d0e'>\
<body>Wherefore art thou, Romeo? Deny thy father and refuse thy name.</body>\
<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>\
<origin-id xmlns='urn:xmpp:sid:0' id='c7d1a7e2-6f0b-4e8b'/></message>";

/// The best of many slices, so that what else the machine does matters little.
fn measure(what: &str, mut once: impl FnMut()) {
    const ROUNDS: u32 = 500;
    let mut best = f64::MAX;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..2000 {
        let begin = Instant::now();
        for _ in 0..ROUNDS {
            once();
        }
        best = best.min(begin.elapsed().as_nanos() as f64 / f64::from(ROUNDS));
    }
    let allocations =
        (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / f64::from(2000 * ROUNDS);
    println!("{what:48} {best:8.1} ns {allocations:6.2} allocations");
}

fn opened() -> Reader {
    let mut reader = Reader::new(Limits::default());
    let mut input = HEADER;
    assert!(matches!(reader.next(&mut input), Ok(Some(Event::Open(_)))), "the header is fine");
    reader
}

fn main() {
    println!(
        "a message of {} bytes; an idle reader of {} bytes",
        MESSAGE.len(),
        size_of::<Reader>()
    );
    let mut reader = opened();
    let only_first = std::env::args().nth(1).is_some();
    measure("one whole message", || {
        let mut input = black_box(MESSAGE);
        let event = reader.next(&mut input);
        assert!(matches!(&event, Ok(Some(Event::Element(_)))), "{event:?}");
        black_box(&event);
    });
    let mut reader = opened();
    if only_first {
        return;
    }
    measure("two messages in one read", || {
        let both = [MESSAGE, MESSAGE].concat();
        let mut input = black_box(both.as_slice());
        while let Ok(Some(event)) = reader.next(&mut input) {
            black_box(&event);
        }
    });
    let mut reader = opened();
    measure("a message in two halves", || {
        let (first, second) = MESSAGE.split_at(MESSAGE.len() / 2);
        for mut half in [first, second] {
            black_box(&reader.next(&mut half)).as_ref().expect("the message is fine");
        }
    });
    let mut reader = opened();
    let mut input = MESSAGE;
    let Ok(Some(Event::Element(message))) = reader.next(&mut input) else { return };
    measure("attributes and children walked", || {
        for attr in message.attrs() {
            black_box(attr.value);
        }
        for child in message.children() {
            black_box((child.name(), child.ns()));
        }
    });
    measure("decoded to a tree", || {
        black_box(message.parse_tree());
    });
    let tree = message.parse_tree();
    let mut out = Vec::new();
    measure("tree written", || {
        out.clear();
        tree.write(black_box(&mut out), "jabber:client");
    });
}
