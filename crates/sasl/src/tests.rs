//! SCRAM against a client written for the test: the vectors of the RFCs, malformed input and
//! properties.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::{BareJid, NodePart};
use proptest::prelude::*;
use stdx::{Secret, SecretBytes};

use crate::pbkdf2::salted_password;
use crate::{
    BindingType, ChannelBinding, Condition, Context, Failure, Mechanism, Negotiation, ScramHash,
    ScramVerifier, Step, keys, saslprep_password, scram,
};

mod names;

fn host() -> BareJid {
    BareJid::new("example.org").unwrap()
}

fn context() -> Context {
    Context {
        host: host(),
        offered: Mechanism::ALL.to_vec(),
        bindings: vec![
            ChannelBinding { kind: BindingType::TlsExporter, data: b"exported".to_vec() },
            ChannelBinding { kind: BindingType::TlsServerEndPoint, data: b"certificate".to_vec() },
        ],
        bindings_advertised: true,
        downgrade_protection: true,
        nonce: [7; 18],
        decoy_key: Arc::new(SecretBytes::new(*b"a key of the server")),
        decoy_iterations: 4096,
        certified: vec![BareJid::new("juliet@example.org").unwrap()],
        anonymous: Some(NodePart::new("guest-1").unwrap().into_owned()),
    }
}

/// Without -PLUS on offer.
fn context_unbound() -> Context {
    let mut context = context();
    context.offered.retain(|mechanism| !mechanism.is_plus());
    context.bindings.clear();
    context
}

fn verifier(hash: ScramHash, password: &str, iterations: u32) -> ScramVerifier {
    let prepared = saslprep_password(&Secret::new(password)).unwrap();
    ScramVerifier::derive(hash, &prepared, b"0123456789abcdef".to_vec(), iterations).unwrap()
}

/// A client of SCRAM that does what it is told, right or wrong.
struct Client<'a> {
    mechanism: Mechanism,
    gs2: &'a str,
    bare: &'a str,
    binding: &'a [u8],
    password: &'a str,
}

impl Client<'_> {
    fn first(&self) -> Vec<u8> {
        format!("{}{}", self.gs2, self.bare).into_bytes()
    }

    /// The final message, and the `v=…` it expects.
    fn last(&self, challenge: &[u8]) -> (String, String) {
        self.last_with_nonce(challenge, |nonce| nonce.to_owned())
    }

    /// The same, rightly signed, with a nonce made from the one in the challenge.
    fn last_with_nonce(
        &self,
        challenge: &[u8],
        nonce: impl Fn(&str) -> String,
    ) -> (String, String) {
        let challenge = str::from_utf8(challenge).unwrap();
        let attribute =
            |name: &str| challenge.split(',').find_map(|part| part.strip_prefix(name)).unwrap();
        let hash = self.mechanism.scram_hash().unwrap();
        let salt = STANDARD.decode(attribute("s=")).unwrap();
        let iterations = attribute("i=").parse().unwrap();
        let salted = salted_password(hash, self.password.as_bytes(), &salt, iterations);
        let client_key = keys::hmac(hash, salted.expose(), &[b"Client Key"]);
        let stored_key = keys::digest(hash, &[&client_key]);
        let server_key = keys::hmac(hash, salted.expose(), &[b"Server Key"]);
        let bound = STANDARD.encode([self.gs2.as_bytes(), self.binding].concat());
        let without_proof = format!("c={bound},r={}", nonce(attribute("r=")));
        let auth_message = format!("{},{challenge},{without_proof}", self.bare);
        let signature = keys::hmac(hash, &stored_key, &[auth_message.as_bytes()]);
        let proof: Vec<u8> =
            client_key.iter().zip(signature).map(|(key, sign)| key ^ sign).collect();
        let expected = keys::hmac(hash, &server_key, &[auth_message.as_bytes()]);
        (
            format!("{without_proof},p={}", STANDARD.encode(proof)),
            format!("v={}", STANDARD.encode(expected)),
        )
    }

    /// Runs the exchange against an account with the password `pencil`.
    fn run(&self, context: Context) -> Step {
        let mut attempt = Negotiation::new(self.mechanism, context);
        let hash = match attempt.start(Some(&self.first())) {
            Step::NeedsVerifier { user, hash } => {
                assert_eq!(user.as_str(), "user@example.org");
                hash
            }
            other => return other,
        };
        let Step::Challenge(challenge) = attempt.verifier(Some(verifier(hash, "pencil", 10)))
        else {
            panic!("no challenge");
        };
        let (last, signature) = self.last(&challenge);
        let step = attempt.respond(last.as_bytes());
        if let Step::Success { identity, additional_data } = &step {
            assert_eq!(identity.as_str(), "user@example.org");
            assert_eq!(additional_data.as_deref(), Some(signature.as_bytes()));
        }
        assert_eq!(
            condition(attempt.respond(last.as_bytes())),
            Condition::MalformedRequest,
            "replayed"
        );
        step
    }
}

fn condition(step: Step) -> Condition {
    match step {
        Step::Failure(Failure { condition, .. }) => condition,
        other => panic!("not a failure: {other:?}"),
    }
}

fn scram_client(mechanism: Mechanism) -> Client<'static> {
    let (gs2, binding) =
        if mechanism.is_plus() { ("p=tls-exporter,,", &b"exported"[..]) } else { ("n,,", &[][..]) };
    Client { mechanism, gs2, bare: "n=user,r=nonce", binding, password: "pencil" }
}

fn scram_mechanisms() -> impl Iterator<Item = Mechanism> {
    Mechanism::ALL.into_iter().filter(|mechanism| mechanism.scram_hash().is_some())
}

/// One exchange with all its texts: RFC 5802 §5, RFC 7677 §3, and the same for SHA-512 as an
/// independent implementation (Python's `hashlib`) computes it.
#[test]
fn published_exchanges() {
    const SHA1: (&str, &str, &str) =
        ("fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92");
    const SHA2: (&str, &str, &str) =
        ("rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==");
    let cases = [
        (ScramHash::Sha1, SHA1, "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ="),
        (
            ScramHash::Sha256,
            SHA2,
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
        (
            ScramHash::Sha512,
            SHA2,
            "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
            "ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
        ),
    ];
    let mut context = context_unbound();
    context.downgrade_protection = false;
    for (hash, (client_nonce, server_nonce, salt), proof, signature) in cases {
        let message = format!("n,,n=user,r={client_nonce}");
        let first = scram::first(message.as_bytes(), false, &context).ok().unwrap();
        let password = Secret::new("pencil");
        let verifier =
            ScramVerifier::derive(hash, &password, STANDARD.decode(salt).unwrap(), 4096).unwrap();
        assert!(verifier.matches(&password) && !verifier.matches(&Secret::new("pencil ")));
        let (challenged, challenge) = first.challenge(hash, Some(verifier), &context, server_nonce);
        assert_eq!(
            str::from_utf8(&challenge).unwrap(),
            format!("r={client_nonce}{server_nonce},s={salt},i=4096")
        );
        let last = format!("c=biws,r={client_nonce}{server_nonce},p={proof}");
        let (identity, data) = challenged.finish(last.as_bytes()).unwrap();
        assert_eq!(identity.as_str(), "user@example.org");
        assert_eq!(str::from_utf8(&data).unwrap(), format!("v={signature}"));
    }
}

#[test]
fn every_scram_mechanism_lets_the_right_password_in_and_no_other() {
    for mechanism in scram_mechanisms() {
        let mut client = scram_client(mechanism);
        assert!(matches!(client.run(context()), Step::Success { .. }), "{mechanism}");
        client.password = "Pencil";
        assert_eq!(condition(client.run(context())), Condition::NotAuthorized, "{mechanism}");
    }
}

#[test]
fn the_offer_is_hashed_into_the_challenge_unless_switched_off() {
    let challenge = |context: Context| {
        let mechanism = Mechanism::Scram(ScramHash::Sha1);
        let mut attempt = Negotiation::new(mechanism, context);
        assert!(matches!(attempt.start(Some(b"n,,n=user,r=nonce")), Step::NeedsVerifier { .. }));
        let Step::Challenge(challenge) = attempt.verifier(None) else { panic!("no challenge") };
        String::from_utf8(challenge).unwrap()
    };
    let mut off = context();
    off.downgrade_protection = false;
    assert!(!challenge(off).contains(",h="));
    let full = challenge(context());
    assert!(full.contains(",h="));
    let mut fewer = context();
    fewer.offered.retain(|mechanism| *mechanism != Mechanism::Plain);
    assert_ne!(challenge(fewer), full);
    let mut unadvertised = context();
    unadvertised.bindings_advertised = false;
    assert_ne!(challenge(unadvertised), full);
}

#[test]
fn channel_binding_rules() {
    let sha = ScramHash::Sha256;
    let run = |mechanism, gs2, binding: &[u8], context| {
        Client { gs2, binding, ..scram_client(mechanism) }.run(context)
    };
    let plus = Mechanism::ScramPlus(sha);
    let plain = Mechanism::Scram(sha);
    let success = |step| matches!(step, Step::Success { .. });
    assert!(success(run(plus, "p=tls-server-end-point,,", b"certificate", context())));
    assert!(success(run(plain, "y,,", b"", context_unbound())), "nothing was hidden");
    let refused = [
        (plain, "y,,", &b""[..], "a client that could bind was not shown -PLUS"),
        (plus, "n,,", b"", "-PLUS without binding"),
        (plus, "y,,", b"", "-PLUS without binding"),
        (plain, "p=tls-exporter,,", b"exported", "binding without -PLUS"),
        (plus, "p=tls-unique,,", b"exported", "unknown type"),
        (plus, "p=tls-exporter,,", b"another", "another channel"),
        (plus, "p=tls-exporter,,", b"certificate", "data of another type"),
        (plus, "p=tls-exporter,,", b"", "no data"),
        (plain, "n,,", b"exported", "data where none belongs"),
    ];
    for (mechanism, gs2, binding, why) in refused {
        let step = run(mechanism, gs2, binding, context());
        assert_eq!(condition(step), Condition::NotAuthorized, "{why}");
    }
}

#[test]
fn unknown_accounts_look_like_known_ones_and_always_the_same() {
    let challenge = |user: &str, hash: ScramHash, found: Option<ScramVerifier>, key: &[u8]| {
        let mut context = context();
        context.decoy_key = Arc::new(SecretBytes::new(key));
        let mut attempt = Negotiation::new(Mechanism::Scram(hash), context);
        let message = format!("n,,n={user},r=nonce");
        assert!(matches!(attempt.start(Some(message.as_bytes())), Step::NeedsVerifier { .. }));
        let Step::Challenge(challenge) = attempt.verifier(found) else { panic!("no challenge") };
        (attempt, String::from_utf8(challenge).unwrap())
    };
    for hash in ScramHash::ALL {
        let known = challenge("user", hash, Some(verifier(hash, "pencil", 4096)), b"key").1;
        let (mut attempt, unknown) = challenge("nobody", hash, None, b"key");
        assert_eq!(unknown.len(), known.len());
        assert_eq!(unknown, challenge("nobody", hash, None, b"key").1);
        assert_eq!(unknown, challenge("NoBody", hash, None, b"key").1, "one account, one salt");
        assert_ne!(unknown, challenge("somebody", hash, None, b"key").1);
        assert_ne!(unknown, challenge("nobody", hash, None, b"other").1);
        let other = ScramHash::ALL.into_iter().find(|other| *other != hash).unwrap();
        let wrong_kind = challenge("nobody", hash, Some(verifier(other, "pencil", 4096)), b"key").1;
        assert_eq!(unknown, wrong_kind, "an account without this verifier is no different");
        let client = Client { bare: "n=nobody,r=nonce", ..scram_client(Mechanism::Scram(hash)) };
        let failure = attempt.respond(client.last(unknown.as_bytes()).0.as_bytes());
        assert_eq!(failure, Step::Failure(Failure::CREDENTIALS));
    }
}

/// The strongest form of the promise: knowing the decoy's very keys does not help.
#[test]
fn a_decoy_never_succeeds_even_with_the_right_proof() {
    let context = context();
    let hash = ScramHash::Sha1;
    let client = scram_client(Mechanism::Scram(hash));
    let first = scram::first(&client.first(), false, &context).ok().unwrap();
    let (mut challenged, challenge) =
        first.challenge(hash, Some(verifier(hash, "pencil", 10)), &context, "server");
    challenged.forget_that_it_is_genuine();
    let (last, _) = client.last(&challenge);
    assert_eq!(challenged.finish(last.as_bytes()), Err(Failure::CREDENTIALS));
}

#[test]
fn malformed_first_messages_of_scram() {
    let cases: &[&[u8]] = &[
        b"",
        b"n",
        b"n,",
        b"n,,",
        b"n,,n=user",
        b"n,,r=nonce,n=user",
        b"n,,n=,r=nonce",
        b"n,,n=user,r=",
        b"n,,n=user,r=no nce",
        b"n,,n=user,r=\xc3\xa9",
        b"n,,n=user,r=nonce,",
        b"n,,n=user,r=nonce,x",
        b"n,,n=user,r=nonce,x=",
        b"n,,n=user,r=nonce,1=a",
        b"n,,n=us=er,r=nonce",
        b"n,,n=us=2cer,r=nonce",
        b"n,,m=ext,n=user,r=nonce",
        b"n,,n=user,r=nonce,m=ext",
        b"n,user@example.org,n=user,r=nonce",
        b"n,a=,n=user,r=nonce",
        b"x,,n=user,r=nonce",
        b"P=tls-exporter,,n=user,r=nonce",
        b"n,,n=user\0,r=nonce",
        b"n,,n=\xff,r=nonce",
        b"\xef\xbb\xbfn,,n=user,r=nonce",
    ];
    for case in cases {
        let mut attempt = Negotiation::new(Mechanism::Scram(ScramHash::Sha1), context());
        let step = attempt.start(Some(case));
        assert_eq!(
            condition(step),
            Condition::MalformedRequest,
            "{}",
            String::from_utf8_lossy(case)
        );
    }
    let long = [b"n,,n=user,r=".as_slice(), &[b'a'; 4096]].concat();
    let mut attempt = Negotiation::new(Mechanism::Scram(ScramHash::Sha1), context());
    assert_eq!(condition(attempt.start(Some(&long))), Condition::MalformedRequest);
}

#[test]
fn malformed_final_messages_of_scram() {
    let client = scram_client(Mechanism::Scram(ScramHash::Sha1));
    let run = |change: &dyn Fn(String) -> String| {
        let mut attempt = Negotiation::new(client.mechanism, context());
        assert!(matches!(attempt.start(Some(&client.first())), Step::NeedsVerifier { .. }));
        let step = attempt.verifier(Some(verifier(ScramHash::Sha1, "pencil", 10)));
        let Step::Challenge(challenge) = step else { panic!("no challenge") };
        attempt.respond(change(client.last(&challenge).0).as_bytes())
    };
    assert!(matches!(run(&|last| last), Step::Success { .. }));
    type Change = fn(String) -> String;
    let malformed: [(&str, Change); 9] = [
        ("empty", |_| String::new()),
        ("no proof", |last| last.replace(",p=", ",q=")),
        ("proof is not base64", |last| last.replace(",p=", ",p=!")),
        ("proof without padding", |last| last.trim_end_matches('=').to_owned()),
        ("something after the proof", |last| last + ",x=y"),
        ("short proof", |last| last.rsplit_once(",p=").unwrap().0.to_owned() + ",p=AAAA"),
        ("mandatory extension", |last| last.replace(",p=", ",m=ext,p=")),
        ("attributes swapped", |last| last.replacen("c=", "r=", 1)),
        ("too long", |last| last.replace(",p=", &format!(",x={},p=", "y".repeat(4096)))),
    ];
    for (why, change) in malformed {
        assert_eq!(condition(run(&change)), Condition::MalformedRequest, "{why}");
    }
    let refused: [(&str, Change); 5] = [
        ("another nonce", |last| last.replace(",r=nonce", ",r=nonsense")),
        ("client's nonce only", |last| {
            let proof = last.rsplit_once(",p=").unwrap().1.to_owned();
            format!("c=biws,r=nonce,p={proof}")
        }),
        ("another binding", |last| last.replace("c=biws", "c=eSws")),
        ("zero proof", |last| {
            last.rsplit_once(",p=").unwrap().0.to_owned() + ",p=AAAAAAAAAAAAAAAAAAAAAAAAAAA="
        }),
        ("unsigned extension", |last| last.replace(",p=", ",x=y,p=")),
    ];
    for (why, change) in refused {
        assert_eq!(condition(run(&change)), Condition::NotAuthorized, "{why}");
    }
}

/// The server's part of the nonce is what makes an old proof worthless.
#[test]
fn a_right_proof_over_another_nonce_is_refused() {
    let client = scram_client(Mechanism::Scram(ScramHash::Sha1));
    let changes: [fn(&str) -> String; 4] = [
        |_| "nonce".to_owned(),
        |nonce| nonce.replacen("nonce", "other", 1),
        |nonce| format!("{nonce}x"),
        |nonce| nonce.chars().rev().collect(),
    ];
    for change in changes {
        let mut attempt = Negotiation::new(client.mechanism, context());
        assert!(matches!(attempt.start(Some(&client.first())), Step::NeedsVerifier { .. }));
        let step = attempt.verifier(Some(verifier(ScramHash::Sha1, "pencil", 10)));
        let Step::Challenge(challenge) = step else { panic!("no challenge") };
        let last = client.last_with_nonce(&challenge, change).0;
        assert_eq!(condition(attempt.respond(last.as_bytes())), Condition::NotAuthorized, "{last}");
    }
}

#[test]
fn optional_extensions_are_skipped_and_signed() {
    let client = Client {
        bare: "n=user,r=nonce,x=1,Y=2",
        ..scram_client(Mechanism::Scram(ScramHash::Sha1))
    };
    assert!(matches!(client.run(context()), Step::Success { .. }));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_succeed(
        mechanism in prop::sample::select(Mechanism::ALL.to_vec()),
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 1..4),
    ) {
        if mechanism != Mechanism::Anonymous {
            drive(mechanism, &messages)?;
        }
    }

    #[test]
    fn no_near_miss_of_scram_succeeds(
        mechanism in prop::sample::select(scram_mechanisms().collect::<Vec<_>>()),
        first in "[nyp],(a=user)?,(m=x,)?n=(user|us=2Cer|u),r=[!-~]{0,9}(,x=1)?",
        last in "c=(biws|eSws|[a-zA-Z]{4}),r=[!-~]{0,40},p=[A-Za-z0-9+/]{27}=",
    ) {
        drive(mechanism, &[first.into_bytes(), last.into_bytes()])?;
    }
}

/// Runs an attempt whose every question is answered in the client's favour, save for the password
/// itself.
fn drive(mechanism: Mechanism, messages: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let mut context = context();
    context.certified.clear();
    let mut attempt = Negotiation::new(mechanism, context);
    for (index, message) in messages.iter().enumerate() {
        let mut step =
            if index == 0 { attempt.start(Some(message)) } else { attempt.respond(message) };
        if let Step::NeedsVerifier { hash, .. } = step {
            step = attempt.verifier(Some(verifier(hash, "pencil", 1)));
        } else if let Step::NeedsPlainCheck { password, .. } = step {
            step = attempt.password_checked(password.expose() == "pencil");
        }
        prop_assert!(!matches!(step, Step::Success { .. }), "{:?}", messages);
    }
    Ok(())
}
