//! Any bytes, cut anywhere: no panic, the same events as whole, and every element means the same elsewhere.

use xmlstream::{Event, Limits, RawElement, Reader};

/// The elements of a stream that comes in pieces, and whether it ended in an error.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<RawElement>, bool) {
    let limits = Limits { stanza_bytes_max: 4096, header_bytes_max: 1024, ..Limits::default() };
    let mut reader = Reader::new(limits);
    let mut elements = Vec::new();
    for mut piece in pieces {
        loop {
            match reader.next(&mut piece) {
                Ok(Some(Event::Element(element))) => elements.push(element),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return (elements, true),
            }
        }
        assert!(reader.buffered_bytes() <= 4096);
    }
    (elements, false)
}

/// One input: the first byte says how it is cut and who writes the header.
///
/// # Panics
/// When a reader does not keep its word.
pub fn xmlstream_reader(input: &[u8]) {
    const HEADER: &[u8] =
        b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    let Some((&cut, bytes)) = input.split_first() else { return };
    // Odd: the header is the fuzzer's too.
    let stream = if cut & 1 == 1 { bytes.to_vec() } else { [HEADER, bytes].concat() };
    let whole = read([stream.as_slice()]);
    let pieces = read(stream.chunks(usize::from(cut >> 1).max(1)));
    let same = whole.0.iter().zip(&pieces.0).all(|(a, b)| a.bytes() == b.bytes());
    assert!(same && whole.0.len() == pieces.0.len(), "pieces are read otherwise");
    for element in whole.0 {
        let again = RawElement::parse(element.bytes(), element.ns())
            .expect("what was accepted is acceptable");
        let tree = element.parse_tree();
        assert_eq!(again.parse_tree(), tree);
        let written = tree.to_bytes("");
        let parsed = xmlstream::Element::parse(&written, "").expect("what we write is acceptable");
        assert_eq!(parsed, tree);
        assert_eq!(parsed.to_bytes(""), written);
        for child in element.children() {
            assert_eq!(child.parse().name(), child.name());
            assert_eq!(child.parse().ns(), child.ns());
        }
    }
}
