//! RFC 5769 vectors, round trips, and arbitrary bytes.

use std::net::SocketAddr;

use proptest::prelude::*;
use stdx::Secret;

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// RFC 5769 §2.1.
const REQUEST: &str =
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74
    002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020
    000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
/// RFC 5769 §2.2.
const RESPONSE_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220
    002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
/// RFC 5769 §2.3.
const RESPONSE_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220
    002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed41
    80280004c8fb0b4c";
/// RFC 5769 §2.4.
const LONG_TERM: &str =
    "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000
    0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700
    00080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

fn short() -> Key {
    short_term_key(&Secret::new("VOkJxbRl1RmTxUk/WvJxBt"))
}

#[test]
fn the_sample_request_of_rfc_5769() {
    let bytes = bytes(REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, Method::Binding));
    assert!(message.verify(&short()) && message.fingerprint() == Some(true));
    assert!(!message.verify(&short_term_key(&Secret::new("another"))));
    assert_eq!(message.attribute(attr::USERNAME).unwrap().text(99), Ok("evtj:h6vY"));
    assert_eq!(message.attribute(attr::PRIORITY).unwrap().number(), Ok(0x6e00_01ff));
    assert!(!message.is_classic());
}

#[test]
fn the_sample_answers_of_rfc_5769() {
    let expected = [
        (RESPONSE_V4, "192.0.2.1:32853"),
        (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ];
    for (hex, address) in expected {
        let bytes = bytes(hex);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.class(), Class::Success);
        assert!(message.verify(&short()) && message.fingerprint() == Some(true));
        let found = message.attribute(attr::XOR_MAPPED_ADDRESS).unwrap().xor_address();
        assert_eq!(found, Ok(address.parse::<SocketAddr>().unwrap()));
    }
}

#[test]
fn the_long_term_sample_of_rfc_5769() {
    let bytes = bytes(LONG_TERM);
    let message = Message::parse(&bytes).unwrap();
    let user = message.attribute(attr::USERNAME).unwrap().text(512).unwrap();
    let key = long_term_key(Algorithm::Md5, user, "example.org", &Secret::new("TheMatrIX"));
    assert!(message.verify(&key));
    assert!(!message.verify(&long_term_key(
        Algorithm::Md5,
        user,
        "example.net",
        &Secret::new("TheMatrIX")
    )));
}

#[test]
fn a_changed_byte_breaks_integrity_and_fingerprint() {
    let right = bytes(REQUEST);
    // Up to the integrity; behind it only the fingerprint guards.
    for at in 20..right.len() - 32 {
        let mut wrong = right.clone();
        wrong[at] ^= 1;
        if let Ok(message) = Message::parse(&wrong) {
            assert!(!message.verify(&short()) && message.fingerprint() != Some(true), "byte {at}");
        }
    }
}

#[test]
fn truncated_sha256_counts_from_16_bytes_on() {
    let key = Key::new(*b"key");
    let whole = MessageWriter::with_id(Class::Request, Method::Allocate, [7; 12])
        .number(attr::LIFETIME, 600)
        .integrity_sha256(&key)
        .finish();
    assert!(Message::parse(&whole).unwrap().verify(&key));
    // RFC 8489 §14.6: the MAC covers the length of the truncated message, so each is computed anew.
    for (len, right) in [(32, true), (16, true), (12, false), (18, false)] {
        let mut cut = whole[..whole.len() - 36].to_vec();
        let end = cut.len() + 4 + len;
        let mac = integrity::sha256_over(&key, &cut, cut.len(), end).unwrap();
        cut.extend_from_slice(&attr::MESSAGE_INTEGRITY_SHA256.to_be_bytes());
        cut.extend_from_slice(&(len as u16).to_be_bytes());
        cut.extend_from_slice(&mac[..len]);
        cut.resize(cut.len().next_multiple_of(4), 0);
        let length = (cut.len() - HEADER_BYTES) as u16;
        cut[2..4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(Message::parse(&cut).unwrap().verify(&key), right, "{len} bytes");
    }
}

#[test]
fn what_follows_the_integrity_is_not_read() {
    let key = Key::new(*b"key");
    let mut forged = MessageWriter::with_id(Class::Request, Method::Refresh, [1; 12])
        .integrity_sha1(&key)
        .number(attr::LIFETIME, 0)
        .finish();
    assert!(Message::parse(&forged).unwrap().attribute(attr::LIFETIME).is_none());
    forged.truncate(forged.len() - 8);
    let length = (forged.len() - HEADER_BYTES) as u16;
    forged[2..4].copy_from_slice(&length.to_be_bytes());
    assert!(Message::parse(&forged).unwrap().verify(&key));
}

#[test]
fn methods_and_classes_survive_the_type_field() {
    let classes = [Class::Request, Class::Indication, Class::Success, Class::Error];
    for number in 0..0x1000 {
        for class in classes {
            let method = Method::from_number(number);
            let bytes = MessageWriter::with_id(class, method, [0; 12]).finish();
            let message = Message::parse(&bytes).unwrap();
            assert_eq!((message.class(), message.method()), (class, method));
        }
    }
}

#[test]
fn channel_data_and_frames() {
    let mut bytes = channel_header(0x4001, 5).to_vec();
    bytes.extend_from_slice(b"hello\0\0\0");
    let data = ChannelData { number: 0x4001, payload: b"hello" };
    assert_eq!(channel_data(&bytes), Some(data));
    assert_eq!(channel_data(&bytes[..8]), None);
    assert_eq!(channel_data(&channel_header(0x7FFF, 0)), None);
    assert_eq!(channel_data(&channel_header(0x3FFF, 0)), None);
    assert_eq!(next_frame(&bytes), Frame::Channel { bytes: 12 });
    assert_eq!(next_frame(&bytes[..11]), Frame::Need(12));
    assert_eq!(next_frame(&[0x80, 0, 0, 0]), Frame::Broken);
    assert_eq!(next_frame(&[0x16, 3, 1, 0, 9, 9, 9, 9]), Frame::Broken);
    assert_eq!(next_frame(&[]), Frame::Need(4));
    let message = MessageWriter::with_id(Class::Request, Method::Binding, [0; 12]).finish();
    assert_eq!(next_frame(&message), Frame::Message(20));
    assert_eq!(next_frame(&[0, 1, 0, 0, 1, 1, 1, 1]), Frame::Broken);
}

#[test]
fn the_nonce_tells_the_features() {
    let features = SecurityFeatures { password_algorithms: true, username_anonymity: false };
    let nonce = format!("{}rest", str::from_utf8(&features.nonce_prefix()).unwrap());
    assert!(nonce.starts_with("obMatJos2") && nonce.len() == 17);
    assert_eq!(split_nonce(&nonce), (features, "rest"));
    assert_eq!(split_nonce("obMatJos2é€"), (SecurityFeatures::default(), "obMatJos2é€"));
    assert_eq!(split_nonce("plain").1, "plain");
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<std::net::IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
        // With a right header more of the reader is reached.
        let mut framed = MessageWriter::with_id(Class::Request, Method::Allocate, [9; 12]).finish();
        framed.extend_from_slice(&bytes[..bytes.len() & !3]);
        let length = (framed.len() - HEADER_BYTES) as u16;
        framed[2..4].copy_from_slice(&length.to_be_bytes());
        read_all(&framed);
    }

    #[test]
    fn what_is_written_is_read(
        ip in address(),
        value in prop::collection::vec(any::<u8>(), 0..60),
        number in any::<u32>(),
        id in any::<[u8; 12]>(),
    ) {
        let key = Key::new(value.clone());
        let bytes = MessageWriter::with_id(Class::Request, Method::Send, id)
            .xor_address(attr::XOR_PEER_ADDRESS, ip)
            .attribute(attr::DATA, &value)
            .number(attr::LIFETIME, number)
            .code(attr::ERROR_CODE, 0, 486)
            .integrity_sha1(&key)
            .integrity_sha256(&key)
            .fingerprint()
            .finish();
        let message = Message::parse(&bytes).unwrap();
        prop_assert!(message.verify(&key));
        prop_assert_eq!(message.fingerprint(), Some(true));
        prop_assert_eq!(message.attribute(attr::XOR_PEER_ADDRESS).unwrap().xor_address(), Ok(ip));
        prop_assert_eq!(message.attribute(attr::DATA).unwrap().value, &value);
        prop_assert_eq!(message.attribute(attr::LIFETIME).unwrap().number(), Ok(number));
        prop_assert_eq!(message.attribute(attr::ERROR_CODE).unwrap().error_code(), Ok(486));
        prop_assert_eq!(&message.transaction()[4..], &id);
        prop_assert_eq!(next_frame(&bytes), Frame::Message(bytes.len()));
    }
}

fn read_all(bytes: &[u8]) {
    channel_data(bytes);
    next_frame(bytes);
    let Ok(message) = Message::parse(bytes) else { return };
    message.verify(&Key::new(*b"key"));
    message.fingerprint();
    message.unknown(&[], 16).count();
    for attribute in message.attributes() {
        std::hint::black_box([
            attribute.number().is_ok(),
            attribute.byte().is_ok(),
            attribute.channel().is_ok(),
            attribute.token().is_ok(),
        ]);
        std::hint::black_box([
            attribute.text(64).is_ok(),
            attribute.xor_address().is_ok(),
            attribute.address().is_ok(),
        ]);
        std::hint::black_box([
            attribute.error_code().is_ok(),
            attribute.password_algorithm().is_ok(),
        ]);
    }
}
