//! Whatever another node, epmd or a configuration file says: no panic, and what is written is read as the same.

use erl_wire::control::Message;
use erl_wire::handshake::{Challenge, ChallengeReply, Complement, SendName, Status};
use erl_wire::{Limits, Term, decode, encode, epmd, parse};

/// Our own words may be longer than what was read: atoms in Latin-1 become UTF-8.
const UNMEASURED: Limits = Limits { bytes_max: usize::MAX, ..Limits::MESSAGE };

/// One input: a term, a message of any kind, or a text.
///
/// # Panics
/// When something does not keep its word.
pub fn erlang(input: &[u8]) {
    if let Ok(term) = decode(input, Limits::MESSAGE) {
        term_again(&term);
    }
    if let Ok(message) = Message::parse(input, Limits::MESSAGE) {
        let frame = message.to_frame();
        Message::parse(&frame[4..], UNMEASURED).expect("what we write is a message");
    }
    if let Ok(name) = SendName::parse(input) {
        assert_eq!(SendName::parse(&name.to_bytes()), Ok(name));
    }
    if let Ok(status) = Status::parse(input) {
        assert_eq!(Status::parse(&status.to_bytes()), Ok(status));
    }
    if let Ok(challenge) = Challenge::parse(input) {
        assert_eq!(Challenge::parse(&challenge.to_bytes()), Ok(challenge));
    }
    if let Ok(reply) = ChallengeReply::parse(input) {
        assert_eq!(ChallengeReply::parse(&reply.to_bytes()), Ok(reply));
    }
    if let Ok(complement) = Complement::parse(input) {
        assert_eq!(Complement::parse(&complement.to_bytes()), Ok(complement));
    }
    if let Ok(request) = epmd::Request::parse(input) {
        assert_eq!(epmd::Request::parse(&request.to_frame()[2..]), Ok(request));
    }
    if let Ok(node) = epmd::parse_port_answer(input) {
        assert_eq!(epmd::parse_port_answer(&epmd::port_answer(node.as_ref())), Ok(node));
    }
    epmd::parse_alive_answer(input).ok();
    if let Some(term) = std::str::from_utf8(input).ok().and_then(|text| parse(text).ok()) {
        let printed = term.to_string();
        let again = parse(&printed).expect("what we print is a term");
        assert_eq!(again.to_string(), printed);
        term_again(&term);
    }
}

fn term_again(term: &Term) {
    let mut bytes = Vec::new();
    encode(term, &mut bytes);
    let again = decode(&bytes, UNMEASURED).expect("what we write is a term").to_string();
    // Nothing of a function is kept, so it cannot be written again.
    assert!(again == term.to_string() || again.contains("'fun'"), "{again} is not {term}");
}
