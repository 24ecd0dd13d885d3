//! Terms: bytes that Erlang itself wrote, every refusal, and what a generator finds.

use proptest::prelude::*;

use crate::{
    Atom, BigInteger, DecodeError, Export, Limits, Pid, Port, Reference, Term, decode,
    decode_items, encode, parse,
};

fn bytes(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    hex.chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn read(hex: &str) -> Result<Term, DecodeError> {
    decode(&bytes(hex), Limits::MESSAGE)
}

fn encoded(term: &Term) -> Vec<u8> {
    let mut out = Vec::new();
    encode(term, &mut out);
    out
}

/// What `term_to_binary/1` of OTP 25 writes, and what `~0p` prints.
#[test]
fn terms_are_read_and_written_as_erlang_does() {
    for (hex, text) in [
        ("83 61 ff", "255"),
        ("83 62 ffffffff", "-1"),
        ("83 6e 05 00 0000000001", "4294967296"),
        ("83 6e 08 01 ffffffffffffff7f", "-9223372036854775807"),
        ("83 6e 09 00 000000000000000001", "18446744073709551616"),
        ("83 46 3ff8000000000000", "1.5"),
        ("83 77 02 6f6b", "ok"),
        ("83 77 03 c3a441", "'äA'"),
        ("83 68 02 77 02 6f6b 61 01", "{ok,1}"),
        ("83 68 00", "{}"),
        ("83 6a", "[]"),
        ("83 6b 0002 6162", "\"ab\""),
        ("83 6b 0002 0102", "[1,2]"),
        ("83 6c 00000002 61 01 62 0000012c 6a", "[1,300]"),
        ("83 6c 00000001 61 01 61 02", "[1|2]"),
        ("83 6d 00000002 6162", "<<\"ab\">>"),
        ("83 6d 00000002 c3a4", "<<\"ä\"/utf8>>"),
        ("83 6d 00000001 ff", "<<255>>"),
        ("83 4d 00000002 03 01 a0", "<<1,5:3>>"),
        ("83 74 00000001 77 01 61 61 01", "#{a => 1}"),
        ("83 58 77 01 6e 00000058 00000001 00000007", "<n.88.1>"),
        ("83 5a 0003 77 01 6e 00000007 00000001 00000002 00000003", "#Ref<n.3.2.1>"),
        ("83 59 77 01 6e 00000005 00000007", "#Port<n.5>"),
        ("83 78 77 01 6e 0000000100000000 00000007", "#Port<n.4294967296>"),
        ("83 71 77 02 696f 77 06 666f726d6174 61 02", "fun io:format/2"),
    ] {
        let term = read(hex).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(term.to_string(), text);
        assert_eq!(encoded(&term), bytes(hex), "{text}");
    }
}

#[test]
fn old_forms_are_read() {
    for (hex, text) in [
        ("83 64 0002 6f6b", "ok"),
        ("83 73 02 e441", "'äA'"),
        ("83 76 0002 6f6b", "ok"),
        ("83 67 64 0001 6e 00000058 00000001 03", "<n.88.1>"),
        ("83 66 64 0001 6e 00000005 03", "#Port<n.5>"),
        ("83 65 64 0001 6e 00000005 03", "#Ref<n.5>"),
        ("83 72 0003 64 0001 6e 03 00000001 00000002 00000003", "#Ref<n.3.2.1>"),
        ("83 6f 00000001 00 05", "5"),
        ("83 69 00000001 61 01", "{1}"),
        ("83 6c 00000000 6a", "[]"),
        ("83 6b 0000", "[]"),
        ("83 4d 00000001 08 41", "<<\"A\">>"),
        ("83 70 00000008 01020304", "#Fun"),
        ("83 63 312e3530303030303030303030303030303030303030652b30300000000000", "1.5"),
    ] {
        assert_eq!(read(hex).map(|term| term.to_string()), Ok(text.to_owned()), "{hex}");
    }
}

#[test]
fn what_is_not_accepted_is_refused_by_name() {
    for (hex, error) in [
        ("", DecodeError::CutOff),
        ("82 61 01", DecodeError::Version(0x82)),
        ("83", DecodeError::CutOff),
        ("83 61 01 00", DecodeError::Trailing),
        ("83 50 00000010 789c", DecodeError::Tag(80)),
        ("83 52 00", DecodeError::Tag(82)),
        ("83 75 00000000", DecodeError::Tag(117)),
        ("83 79 0000000000000000", DecodeError::Tag(121)),
        ("83 46 7ff0000000000000", DecodeError::Value(70)),
        ("83 46 7ff8000000000001", DecodeError::Value(70)),
        ("83 77 01 ff", DecodeError::Value(119)),
        ("83 6e 01 02 01", DecodeError::Value(110)),
        ("83 5a 0006 77 01 6e 00000000", DecodeError::Value(90)),
        ("83 5a 0000 77 01 6e 00000000", DecodeError::Value(90)),
        ("83 4d 00000001 09 41", DecodeError::Value(77)),
        ("83 70 00000003", DecodeError::Value(112)),
        ("83 6f ffffffff 00", DecodeError::Length),
        // Lengths that lie: nothing of that size is allocated.
        ("83 6c ffffffff 61 01", DecodeError::CutOff),
        ("83 69 ffffffff 61 01", DecodeError::CutOff),
        ("83 74 ffffffff 61 01", DecodeError::CutOff),
        ("83 6d ffffffff 61", DecodeError::CutOff),
        ("83 76 ffff 61", DecodeError::CutOff),
    ] {
        assert_eq!(read(hex), Err(error), "{hex}");
    }
}

#[test]
fn limits_hold() {
    let limits = Limits { depth_max: 3, terms_max: 5, bytes_max: 20 };
    let nested = |depth: usize| {
        let mut bytes = vec![131];
        (0..depth).for_each(|_| bytes.extend([104, 1]));
        bytes.push(106);
        bytes
    };
    assert!(decode(&nested(3), limits).is_ok());
    assert_eq!(decode(&nested(4), limits), Err(DecodeError::Depth));
    let flat = |count: u8| {
        let mut bytes = vec![131, 104, count];
        (0..count).for_each(|_| bytes.push(106));
        bytes
    };
    assert!(decode(&flat(4), limits).is_ok());
    assert_eq!(decode(&flat(5), limits), Err(DecodeError::Terms));
    assert_eq!(decode(&[131; 21], limits), Err(DecodeError::Length));
    // Deep lists, whose depth is in their tails, are no way around.
    let mut tails = vec![131];
    (0..5).for_each(|_| tails.extend([108, 0, 0, 0, 0]));
    assert_eq!(decode(&tails, Limits { bytes_max: 99, ..limits }), Err(DecodeError::Depth));
}

#[test]
fn items_of_a_list_come_one_by_one_each_with_its_own_limits() {
    let limits = Limits { depth_max: 2, terms_max: 3, bytes_max: 1 << 10 };
    let of = |hex: &str| match decode_items(&bytes(hex), limits) {
        Ok(items) => items.map(|item| item.map(|term| term.to_string())).collect(),
        Err(error) => vec![Err(error)],
    };
    let ok = |text: &str| Ok(text.to_owned());
    let pair = "68 02 61 01 61 02";
    assert_eq!(of("83 6a"), []);
    assert_eq!(of(&format!("83 6c 00000002 {pair} {pair} 6a")), [ok("{1,2}"), ok("{1,2}")]);
    for (hex, read, error) in [
        ("83 6a 61", 0, DecodeError::Trailing),
        ("82 6a", 0, DecodeError::Version(0x82)),
        ("83 61 01", 0, DecodeError::Tag(97)),
        ("83 50 00000001 78", 0, DecodeError::Tag(80)),
        ("83 6c 00000002 61 01", 1, DecodeError::CutOff),
        ("83 6c 00000001 61 01 61 02", 1, DecodeError::Trailing),
        ("83 6c 00000001 61 01 6a 6a", 1, DecodeError::Trailing),
        ("83 6c ffffffff 61 01 ff 61 01 6a", 1, DecodeError::Tag(255)),
        ("83 6c 00000002 68 03 61 01 61 02 61 03 61 04 6a", 0, DecodeError::Terms),
        ("83 6c 00000001 68 01 68 01 68 00 6a", 0, DecodeError::Depth),
    ] {
        let items = of(hex);
        assert_eq!((items.len(), items.last()), (read + 1, Some(&Err(error))), "{hex}");
    }
    let long = vec![0x83; 2 << 10];
    assert_eq!(decode_items(&long, limits).err(), Some(DecodeError::Length));
}

#[test]
fn syntax_is_read() {
    for (text, printed) in [
        (" ok. ", "ok"),
        ("'two words'", "'two words'"),
        ("'begin'", "'begin'"),
        ("{a, 1 , \"x\\\"y\"}", "{a,1,\"x\\\"y\"}"),
        ("[{server,[{certfile, \"/a/b\"}]}].", "[{server,[{certfile,\"/a/b\"}]}]"),
        ("[1,2|3]", "[1,2|3]"),
        ("[1|[2]]", "[1,2]"),
        ("\"ab\" \"cd\"", "\"abcd\""),
        ("$a", "97"),
        ("$\\n", "10"),
        ("16#fF", "255"),
        ("-18446744073709551616", "-18446744073709551616"),
        ("1_000", "1000"),
        ("-1.5e3", "-1500.0"),
        ("<<>>", "<<>>"),
        ("<<\"ab\",0>>", "<<97,98,0>>"),
        ("<<\"ab\" % more\n \"c\"/utf8, \"d\">>", "<<\"abcd\">>"),
        ("<<\"ä\"/utf8>>", "<<\"ä\"/utf8>>"),
        ("#{ a => <<1>> , b=>[] }", "#{a => <<1>>,b => []}"),
        ("% a comment\n{}", "{}"),
        ("\"\\x{e4}\\101\"", "\"äA\""),
    ] {
        assert_eq!(parse(text).map(|term| term.to_string()), Ok(printed.to_owned()), "{text}");
    }
    for text in [
        "",
        "{",
        "[1,",
        "[1|2",
        "A",
        "ok ok",
        "\"a",
        "#a",
        "<<300>>",
        "<<\"€\">>",
        "1#0",
        "f()",
        "$",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert!(parse(&"[".repeat(1000)).is_err());
}

fn atom() -> impl Strategy<Value = Atom> {
    "[a-zA-Z@_ 'é€\\\\]{0,8}".prop_map(|text| Atom::new(text).unwrap())
}

fn leaf() -> impl Strategy<Value = Term> {
    prop_oneof![
        any::<i64>().prop_map(Term::Integer),
        (any::<bool>(), prop::collection::vec(any::<u8>(), 0..300))
            .prop_map(|(negative, bytes)| BigInteger::normalised(negative, bytes)),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Term::Float),
        atom().prop_map(Term::Atom),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Term::Binary),
        prop::collection::vec(any::<u8>(), 1..20).prop_map(Term::String),
        "[ -~é€\\n]{1,8}".prop_map(|text| Term::string(&text)),
    ]
}

fn nested(leaf: impl Strategy<Value = Term> + 'static) -> impl Strategy<Value = Term> {
    leaf.prop_recursive(4, 40, 5, |inner| {
        let many = prop::collection::vec(inner.clone(), 0..5);
        prop_oneof![
            many.clone().prop_map(Term::Tuple),
            many.prop_map(Term::List),
            (prop::collection::vec(inner.clone(), 1..4), any::<i64>())
                .prop_map(|(items, tail)| Term::Improper(items, Box::new(Term::Integer(tail)))),
            prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Term::Map),
        ]
    })
}

/// Terms that only the wire has.
fn of_nodes() -> impl Strategy<Value = Term> {
    let words = prop::collection::vec(any::<u32>(), 1..=5);
    prop_oneof![
        leaf(),
        (atom(), any::<u32>(), any::<u32>(), any::<u32>())
            .prop_map(|(node, id, serial, creation)| Pid { node, id, serial, creation }.into()),
        (atom(), any::<u64>(), any::<u32>())
            .prop_map(|(node, id, creation)| Term::Port(Box::new(Port { node, id, creation }))),
        (atom(), any::<u32>(), words).prop_map(|(node, creation, words)| Reference {
            node,
            creation,
            words
        }
        .into()),
        (atom(), atom(), any::<u8>()).prop_map(|(module, function, arity)| Term::Export(Box::new(
            Export { module, function, arity }
        ))),
        (prop::collection::vec(any::<u8>(), 1..9), 1u8..8)
            .prop_map(|(bytes, bits)| Term::Bits(bytes, bits)),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(term in nested(of_nodes())) {
        prop_assert_eq!(decode(&encoded(&term), Limits::MESSAGE), Ok(term));
    }

    #[test]
    fn what_is_printed_is_read(term in nested(leaf())) {
        // Two forms of a list print alike, so printing again is what is compared.
        for text in [term.to_string(), format!("{term:#}")] {
            let again = parse(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
            prop_assert_eq!(again.to_string(), term.to_string());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&bytes, Limits::MESSAGE));
        bytes.insert(0, 131);
        if let Ok(term) = decode(&bytes, Limits::MESSAGE) {
            drop(term.to_string());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}<>#=,.|\"'$\\\\a-f0-9 x_é-]{0,60}") {
        drop(parse(&text));
    }

    #[test]
    fn cut_or_bent_terms_do_not_panic(term in nested(of_nodes()), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = encoded(&term);
        let at = at.index(bytes.len());
        drop(decode(bytes.get(..at).unwrap(), Limits::MESSAGE));
        bytes[at] = byte;
        drop(decode(&bytes, Limits::MESSAGE));
    }
}
