//! Messages of the handshake, between nodes, and of epmd.

use proptest::prelude::*;

use crate::control::{Control, ControlError, Message, SpawnRequest, Target};
use crate::epmd::{self, EpmdError, Node, Request};
use crate::handshake::{
    Challenge, ChallengeReply, Complement, HandshakeError, SendName, Status, digest,
};
use crate::{Atom, Limits, Pid, Reference, Term, encode, flags};

#[test]
fn the_handshake_is_read_and_written() {
    let new = SendName { flags: flags::OWN, creation: Some(7), name: "a@b".into() };
    let old = SendName { flags: 0x0100_0004, creation: None, name: "a@b".into() };
    for name in [new, old] {
        assert_eq!(SendName::parse(&name.to_bytes()), Ok(name));
    }
    // What a later version adds behind the name is ignored.
    let mut longer = SendName { flags: 1, creation: Some(7), name: "a@b".into() }.to_bytes();
    longer.push(9);
    assert!(SendName::parse(&longer).is_ok());
    for status in [
        Status::Ok,
        Status::OkSimultaneous,
        Status::Nok,
        Status::NotAllowed,
        Status::Alive,
        Status::Continue(true),
        Status::Continue(false),
        Status::Named("x@y".into(), 3),
    ] {
        assert_eq!(Status::parse(&status.to_bytes()), Ok(status));
    }
    let challenge = Challenge { flags: 3, challenge: 4, creation: 5, name: "a@b".into() };
    assert_eq!(Challenge::parse(&challenge.to_bytes()), Ok(challenge));
    let complement = Complement { flags_high: 4, creation: 9 };
    assert_eq!(Complement::parse(&complement.to_bytes()), Ok(complement));
    let reply = ChallengeReply { challenge: 4, digest: [7; 16] };
    assert_eq!(ChallengeReply::parse(&reply.to_bytes()), Ok(reply));
}

#[test]
fn a_handshake_without_sense_is_refused() {
    assert_eq!(SendName::parse(b""), Err(HandshakeError::CutOff));
    assert_eq!(SendName::parse(b"x"), Err(HandshakeError::Kind(b'x')));
    assert_eq!(SendName::parse(b"n\0\x04\0\0\0\0a"), Err(HandshakeError::Version(4)));
    assert_eq!(SendName::parse(b"n\0\x05\0\0\0\0"), Err(HandshakeError::Name));
    assert_eq!(SendName::parse(b"n\0\x05\0\0\0\0\xff"), Err(HandshakeError::Name));
    assert_eq!(Status::parse(b"smaybe"), Err(HandshakeError::Status));
    assert_eq!(ChallengeReply::parse(b"r1234short"), Err(HandshakeError::CutOff));
}

/// `erlang:md5("secret" ++ "305419896")` in OTP 25.
#[test]
fn the_digest_is_erlangs() {
    let digits: String =
        digest("secret", 0x1234_5678).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digits, "1f4d9b4e53cadc3999bcdb386a23c240");
}

#[test]
fn own_flags_are_enough_for_otp_25_to_27_and_offer_no_cache() {
    assert_eq!(flags::expand(flags::OWN), Some(flags::OWN));
    // OTP 26 and 27 ask for these besides.
    for needed in [flags::V4_NC, flags::UNLINK_ID, flags::HANDSHAKE_23, flags::MANDATORY_25_DIGEST]
    {
        assert_ne!(flags::OWN & needed, 0);
    }
    // The atom cache in headers, fragments, payloads of exits.
    assert_eq!(flags::OWN & (0x2000 | 0x80_0000 | 0x40_0000), 0);
    assert_eq!(flags::expand(flags::MANDATORY_25 & !0x4), None);
    assert!(flags::expand(flags::MANDATORY_25_DIGEST).is_some());
}

fn pid(id: u32) -> Pid {
    Pid { node: Atom::word("n@h"), id, serial: 1, creation: 2 }
}

fn reference() -> Reference {
    Reference { node: Atom::word("n@h"), creation: 2, words: vec![1, 2, 3] }
}

fn every_message() -> Vec<(Control, bool)> {
    let name = || Target::Name(Atom::word("rex"));
    let spawn = SpawnRequest {
        id: reference(),
        from: pid(1),
        group_leader: pid(2),
        entry: (Atom::word("erpc"), Atom::word("execute_call"), 4),
        link: false,
        monitor: true,
    };
    vec![
        (Control::Link(pid(1), pid(2)), false),
        (Control::Send(None, pid(1)), true),
        (Control::Send(Some(pid(1)), pid(2)), true),
        (Control::Exit(pid(1), pid(2), Term::word("normal")), false),
        (Control::Unlink(pid(1), pid(2)), false),
        (Control::NodeLink, false),
        (Control::RegSend(pid(1), Atom::word("rex")), true),
        (Control::GroupLeader(pid(1), pid(2)), false),
        (Control::Monitor(pid(1), name(), reference()), false),
        (Control::Demonitor(pid(1), Target::Pid(pid(2)), reference()), false),
        (Control::MonitorExit(name(), pid(2), reference(), Term::word("noproc")), false),
        (Control::Spawn(Box::new(spawn)), true),
        (Control::SpawnReply(reference(), pid(1), 2, pid(9).into()), false),
        (Control::AliasSend(pid(1), reference()), true),
        (Control::UnlinkId(u64::MAX, pid(1), pid(2)), false),
        (Control::UnlinkIdAck(1, pid(1), pid(2)), false),
    ]
}

fn message_of(control: Control, sends: bool) -> Message {
    Message { control, payload: sends.then(|| Term::string("hello")) }
}

#[test]
fn control_messages_are_read_and_written() {
    for (control, sends) in every_message() {
        let message = message_of(control, sends);
        let frame = message.to_frame();
        let (length, rest) = frame.split_at(4);
        assert_eq!(length, u32::try_from(rest.len()).unwrap().to_be_bytes());
        assert_eq!(Message::parse(rest, Limits::MESSAGE), Ok(message.clone()));
        // With a payload too many or too few it has no meaning.
        let wrong = message_of(message.control, !sends).to_frame();
        assert_eq!(Message::parse(&wrong[4..], Limits::MESSAGE), Err(ControlError::Payload));
    }
}

#[test]
fn forms_with_a_trace_token_or_a_separate_reason_are_read_too() {
    let read = |parts: Vec<Term>, payload: Option<Term>| {
        let mut bytes = vec![b'p'];
        encode(&Term::Tuple(parts), &mut bytes);
        if let Some(payload) = payload {
            encode(&payload, &mut bytes);
        }
        Message::parse(&bytes, Limits::MESSAGE).map(|message| message.control)
    };
    let (from, to): (Term, Term) = (pid(1).into(), pid(2).into());
    let why = || Term::word("boom");
    let token = || Term::tuple([]);
    assert_eq!(
        read(vec![13.into(), from.clone(), to.clone(), token(), why()], None),
        Ok(Control::Exit(pid(1), pid(2), why()))
    );
    assert_eq!(
        read(vec![24.into(), from.clone(), to.clone()], Some(why())),
        Ok(Control::Exit(pid(1), pid(2), why()))
    );
    assert_eq!(
        read(vec![28.into(), from.clone(), to.clone(), reference().into()], Some(why())),
        Ok(Control::MonitorExit(Target::Pid(pid(1)), pid(2), reference(), why()))
    );
    assert_eq!(
        read(vec![16.into(), from, Term::word(""), Term::word("rex"), token()], Some(why())),
        Ok(Control::RegSend(pid(1), Atom::word("rex")))
    );
    assert_eq!(read(vec![99.into()], None), Err(ControlError::Tuple));
}

#[test]
fn forms_that_were_not_agreed_on_are_refused() {
    for form in [131, 0, b'q'] {
        let bytes = [form, 68, 0, 0];
        assert_eq!(Message::parse(&bytes, Limits::MESSAGE), Err(ControlError::Form(form)));
    }
    assert_eq!(Message::parse(&[], Limits::MESSAGE), Err(ControlError::Empty));
}

#[test]
fn epmd_is_understood() {
    let node = Node { extra: vec![1, 2], ..Node::hidden("rookery", 4711) };
    for request in [
        Request::Alive(node.clone()),
        Request::PortPlease("rookery".into()),
        Request::Names,
        Request::Dump,
        Request::Kill,
        Request::Stop("rookery".into()),
    ] {
        assert_eq!(Request::parse(&request.to_frame()[2..]), Ok(request));
    }
    for name in [&b""[..], b"two words", b"line\nend", b"\xff"] {
        let mut message = vec![122];
        message.extend(name);
        assert_eq!(Request::parse(&message), Err(EpmdError::Name));
    }
    assert_eq!(epmd::parse_port_answer(&epmd::port_answer(Some(&node))), Ok(Some(node.clone())));
    assert_eq!(epmd::parse_port_answer(&epmd::port_answer(None)), Ok(None));
    assert_eq!(epmd::parse_alive_answer(&epmd::alive_answer(&node, true, 77)), Ok(77));
    let old = Node { highest: 5, ..node.clone() };
    assert_eq!(epmd::alive_answer(&old, true, 77).len(), 4);
    let refused = epmd::alive_answer(&node, false, 77);
    assert_eq!(epmd::parse_alive_answer(&refused), Err(EpmdError::Refused(1)));
    let names = epmd::names_answer(4369, [node].iter());
    assert_eq!(names, b"\0\0\x11\x11name rookery at port 4711\n");
}

proptest! {
    #[test]
    fn no_bytes_make_messages_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        SendName::parse(&bytes).ok();
        Status::parse(&bytes).ok();
        Challenge::parse(&bytes).ok();
        ChallengeReply::parse(&bytes).ok();
        Complement::parse(&bytes).ok();
        Request::parse(&bytes).ok();
        epmd::parse_port_answer(&bytes).ok();
        epmd::parse_alive_answer(&bytes).ok();
        Message::parse(&bytes, Limits::MESSAGE).ok();
    }

    #[test]
    fn bent_messages_do_not_panic(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut all = every_message();
        let (control, sends) = all.swap_remove(which.index(all.len()));
        let mut frame = message_of(control, sends).to_frame();
        let at = at.index(frame.len());
        frame[at] = byte;
        Message::parse(frame.get(4..).unwrap(), Limits::MESSAGE).ok();
        Message::parse(frame.get(4..at).unwrap_or_default(), Limits::MESSAGE).ok();
    }
}
