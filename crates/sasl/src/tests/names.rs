//! PLAIN, EXTERNAL, ANONYMOUS, the order of calls, and names that try to be other names.

use jid::BareJid;

use super::{condition, context, host, verifier};
use crate::{Condition, Failure, Mechanism, Negotiation, ScramHash, Step, authzid, saslprep};

fn plain(message: &[u8]) -> Step {
    Negotiation::new(Mechanism::Plain, context()).start(Some(message))
}

#[test]
fn plain_asks_for_the_account_and_the_prepared_password() {
    for message in [
        "\0user\0pencil",
        "user@example.org\0user\0pencil",
        "USER@Example.ORG\0User\0pencil",
        "user\0user\0pencil",
        "\0user@example.org\0pencil",
        "\0us\u{AD}er\0pen\u{AD}cil",
    ] {
        let Step::NeedsPlainCheck { user, password } = plain(message.as_bytes()) else {
            panic!("{message:?}");
        };
        assert_eq!(
            (user.as_str(), password.expose()),
            ("user@example.org", "pencil"),
            "{message:?}"
        );
    }
    let mut attempt = Negotiation::new(Mechanism::Plain, context());
    assert_eq!(attempt.start(None), Step::Challenge(Vec::new()));
    assert!(matches!(attempt.respond(b"\0user\0pencil"), Step::NeedsPlainCheck { .. }));
    assert_eq!(attempt.password_checked(false), Step::Failure(Failure::CREDENTIALS));
    assert_eq!(
        condition(attempt.password_checked(true)),
        Condition::MalformedRequest,
        "one answer only"
    );
}

#[test]
fn malformed_messages_of_plain() {
    use Condition::{InvalidAuthzid, MalformedRequest, NotAuthorized};
    let long = format!("\0user\0{}", "p".repeat(1024));
    let long_name = format!("\0{}\0pencil", "u".repeat(1024));
    let cases: &[(&[u8], Condition)] = &[
        (b"", MalformedRequest),
        (b"user", MalformedRequest),
        (b"\0user", MalformedRequest),
        (b"\0user\0", MalformedRequest),
        (b"\0\0pencil", MalformedRequest),
        (b"\0user\0pencil\0", MalformedRequest),
        (b"\0us\xff\0pencil", MalformedRequest),
        (long.as_bytes(), MalformedRequest),
        (long_name.as_bytes(), NotAuthorized),
        (b"\0us/er\0pencil", NotAuthorized),
        (b"\0user@example.com\0pencil", NotAuthorized),
        (b"\0user\0pen\x07cil", NotAuthorized),
        (b"admin@example.org\0user\0pencil", InvalidAuthzid),
        (b"user@example.com\0user\0pencil", InvalidAuthzid),
        (b"user@example.org/desk\0user\0pencil", InvalidAuthzid),
        (b"example.org\0user\0pencil", InvalidAuthzid),
        (b"admin\0user\0pencil", InvalidAuthzid),
        (b"@\0user\0pencil", InvalidAuthzid),
    ];
    for (message, expected) in cases {
        assert_eq!(condition(plain(message)), *expected, "{}", String::from_utf8_lossy(message));
    }
}

#[test]
fn external_takes_only_what_the_certificate_proves() {
    let run = |message: Option<&[u8]>, certified: &[&str]| {
        let mut context = context();
        context.certified = certified.iter().map(|name| BareJid::new(name).unwrap()).collect();
        let mut attempt = Negotiation::new(Mechanism::External, context);
        let mut step = attempt.start(message);
        if let Step::Challenge(_) = step {
            step = attempt.respond(b"");
        }
        if let Step::NeedsAccount { user } = step {
            step = attempt.account_checked(user.as_str() != "gone@example.org");
        }
        step
    };
    let one = &["juliet@example.org"][..];
    let two = &["juliet@example.org", "nurse@example.org"][..];
    for (message, certified) in [
        (Some(&b""[..]), one),
        (None, one),
        (Some(b"juliet@example.org"), two),
        (Some(b"JULIET@example.org"), two),
    ] {
        let Step::Success { identity, .. } = run(message, certified) else { panic!("{message:?}") };
        assert_eq!(identity.as_str(), "juliet@example.org");
    }
    let refused: [(&[u8], &[&str], Condition); 7] = [
        (b"", two, Condition::InvalidAuthzid),
        (b"", &[], Condition::NotAuthorized),
        (b"juliet@example.org", &[], Condition::NotAuthorized),
        (b"romeo@example.org", two, Condition::InvalidAuthzid),
        (b"juliet@example.org/desk", two, Condition::InvalidAuthzid),
        (b"\xff", one, Condition::MalformedRequest),
        (b"", &["gone@example.org"], Condition::NotAuthorized),
    ];
    for (message, certified, expected) in refused {
        assert_eq!(condition(run(Some(message), certified)), expected, "{message:?} {certified:?}");
    }
}

#[test]
fn anonymous_gets_the_address_the_server_chose() {
    for message in [None, Some(&b""[..]), Some(b"sirhc@example.com")] {
        let step = Negotiation::new(Mechanism::Anonymous, context()).start(message);
        let Step::Success { identity, additional_data: None } = step else { panic!("{message:?}") };
        assert_eq!(identity.as_str(), "guest-1@example.org");
    }
    let long = [b'a'; 256];
    for message in [&long[..], b"\xff", b"a\0b"] {
        let step = Negotiation::new(Mechanism::Anonymous, context()).start(Some(message));
        assert_eq!(condition(step), Condition::MalformedRequest);
    }
    let mut without = context();
    without.anonymous = None;
    let step = Negotiation::new(Mechanism::Anonymous, without).start(None);
    assert_eq!(condition(step), Condition::InvalidMechanism);
}

#[test]
fn a_mechanism_that_was_not_offered_is_refused() {
    for mechanism in Mechanism::ALL {
        let mut context = context();
        context.offered.retain(|offered| *offered != mechanism);
        let mut attempt = Negotiation::new(mechanism, context);
        assert_eq!(condition(attempt.start(Some(b""))), Condition::InvalidMechanism, "{mechanism}");
    }
}

#[test]
fn answers_out_of_order_end_the_attempt() {
    for wrong in 0..5 {
        let mut attempt = Negotiation::new(Mechanism::Plain, context());
        let step = match wrong {
            0 => attempt.respond(b"\0user\0pencil"),
            1 => attempt.verifier(None),
            2 => attempt.password_checked(true),
            3 => attempt.account_checked(true),
            _ => {
                assert_eq!(attempt.start(None), Step::Challenge(Vec::new()));
                attempt.password_checked(true)
            }
        };
        assert_eq!(condition(step), Condition::MalformedRequest, "{wrong}");
        assert_eq!(condition(attempt.start(Some(b"\0user\0pencil"))), Condition::MalformedRequest);
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let step = plain(b"\0user\0hunter2");
    let shown = format!("{step:?} {:?} {:?}", verifier(ScramHash::Sha1, "hunter2", 1), context());
    assert!(
        !shown.contains("hunter2") && !shown.contains("exported") && !shown.contains("a key of"),
        "{shown}"
    );
}

/// Names that look alike, prepare alike, or try to break out of the grammar.
const CONFUSABLE: &[&str] = &[
    "user",
    "User",
    "USER",
    "us\u{AD}er",
    "\u{75}\u{17F}er",
    "u\u{455}er",
    "us\u{435}r",
    "\u{1D42E}ser",
    "ｕｓｅｒ",
    "user ",
    " user",
    "user\u{A0}",
    "user\u{200B}",
    "user\u{200D}",
    "\u{FEFF}user",
    "us\u{301}er",
    "user.",
    "u.ser",
    "admin",
    "ADMIN",
    "\u{430}dmin",
    "\u{AA}dmin",
    "admin\u{2060}",
    "ⓐdmin",
    "adm\u{131}n",
    "adm\u{130}n",
    "admïn",
    "stra\u{DF}e",
    "strasse",
    "\u{3A3}",
    "\u{3C3}",
    "\u{3C2}",
    "\u{2126}",
    "\u{3C9}",
    "\u{1E9E}",
    "ss",
    "\u{212A}",
    "k",
    "example.org",
    "user@example.org",
    "user@example.com",
    "user/desk",
    "user@",
    "@example.org",
    "@",
    "",
    "u,ser",
    "u=2Cser",
    "u=ser",
    "=2C",
    "a\u{202E}b",
    "\u{627}\u{644}",
    "\u{5D0}a",
    "\u{1F600}",
    "\u{E0041}",
    "\u{FFFD}",
];

/// Attack class 8, over a sample: whatever pair of names a client shows, the identity that succeeds
/// is the account that was checked, and an authorization identity never changes it.
#[test]
fn the_identity_is_the_account_that_was_checked() {
    for authcid in CONFUSABLE {
        for authzid in CONFUSABLE {
            let claimed = BareJid::new(authzid);
            let mut attempt = Negotiation::new(Mechanism::Plain, context());
            if let Step::NeedsPlainCheck { user, .. } =
                attempt.start(Some(format!("{authzid}\0{authcid}\0pencil").as_bytes()))
            {
                let Step::Success { identity, .. } = attempt.password_checked(true) else {
                    panic!()
                };
                assert_eq!(identity, user);
                assert_eq!(identity.domain(), host().domain());
                if authzid.contains('@') {
                    assert_eq!(claimed.as_ref(), Ok(&identity), "{authcid:?} as {authzid:?}");
                }
            }
            let mut attempt = Negotiation::new(Mechanism::Scram(ScramHash::Sha1), context());
            let message = format!("n,a={authzid},n={authcid},r=nonce");
            if let Step::NeedsVerifier { user, .. } = attempt.start(Some(message.as_bytes())) {
                assert_eq!(user.domain(), host().domain());
                if authzid.contains('@') {
                    assert_eq!(claimed.as_ref(), Ok(&user), "{authcid:?} as {authzid:?}");
                }
            }
        }
    }
}

/// Attack class 44: preparing is idempotent for every code point, so two accounts never become one
/// later. Ranges of thousands of like characters (ideographs, syllables, private use) are sampled.
#[test]
fn preparing_a_name_twice_changes_nothing() {
    let alike = [0x3400..0xD800_u32, 0xE000..0xF900, 0x1_7000..0x1_8D00, 0x2_0000..0x11_0000];
    let skipped =
        |code: u32| !code.is_multiple_of(97) && alike.iter().any(|range| range.contains(&code));
    let mut accepted = 0;
    for c in (0..0x11_0000).filter(|code| !skipped(*code)).filter_map(char::from_u32) {
        let name = format!("a{c}");
        if let Ok(once) = saslprep(&name) {
            assert_eq!(saslprep(&once).as_deref(), Ok(&*once), "{c:?}");
        }
        if let Ok(once) = authzid::account(&name, &host()) {
            let node = once.node().unwrap().as_str();
            assert_eq!(authzid::account(node, &host()).as_ref(), Ok(&once), "{c:?}");
            assert_eq!(authzid::confirm(once.as_str(), &once), Ok(()), "{c:?}");
            accepted += 1;
        }
    }
    assert!(accepted > 10_000, "{accepted}");
}
