//! The extensible profile of SASL, with what is asked for along with it, on a listener in clear.

use std::time::Duration;

use kernel::doors::{Door, Open};
use netio::Link;
use sha2::{Digest, Sha256};
use stdx::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot;
use xmlstream::RawElement;
use xmpp_wire::negotiation::{SaslProfile, SaslRequest, SaslResponse};

use super::*;
use crate::c2s::C2s;

/// PLAIN of `b`, with the right password and with a wrong one.
const RIGHT: &str = "AGIAcHc=";
const WRONG: &str = "AGIAbm8=";
const FEATURES: &str = "</stream:features>";

const LISTENER: &str = "allow_unencrypted_sasl2: true, access: in";
const TOP: &str = "acl: {out: {user: outlaw}}\naccess_rules: {in: {deny: out, allow: all}}\n\
    auth_password_types_hidden_in_sasl1: [scram_sha1]\nauth_stored_password_types: [scram_sha1, scram_sha256]";

struct Server {
    door: Arc<C2s>,
    kernel: Kernel,
    scratch: ScratchStore,
}

impl Server {
    async fn start() -> Self {
        Self::with(LISTENER, TOP).await
    }

    async fn with(listener: &str, top: &str) -> Self {
        let mut tables: Vec<_> = accounts::TABLES.to_vec();
        tables.extend(crate::MODULES.iter().flat_map(|module| module.tables.iter().copied()));
        let scratch = ScratchStore::open(&tables).unwrap();
        let text = format!(
            "hosts: [example.org, other.example]\n{top}\nlisten:\n  - {{port: 5222, module: ejabberd_c2s, {listener}}}\n\
             modules:\n  mod_stream_mgmt: {{resend_on_timeout: true}}\n"
        );
        let config = read(&text);
        let kernel = boot_with(&scratch, read(&text)).await;
        let open = Open { kernel: &kernel, listener: &config.listeners()[0], config: &config };
        let door = C2s::open(&open).unwrap_or_else(|problems| panic!("{problems:?}"));
        for user in ["b", "outlaw"] {
            kernel
                .accounts()
                .register(user, "example.org", &Secret::new("pw"))
                .await
                .unwrap()
                .into_inner();
        }
        Self { door: Arc::new(door), kernel, scratch }
    }

    fn connect(&self) -> Peer {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let link = Link::memory(Transport::memory(ours));
        let (tell, served) = oneshot::channel();
        let serving = self.door.clone().serve(link);
        self.kernel.tasks().spawn("connection", async move {
            serving.await;
            tell.send(()).ok();
        });
        Peer { stream: theirs, served }
    }

    /// A connection with an open stream, and its features.
    async fn open(&self, header: &str) -> (Peer, String) {
        let mut peer = self.connect();
        let heard = peer.ask(&stream(header), FEATURES).await;
        (peer, heard)
    }

    async fn of_b(&self) -> Peer {
        self.open("from='b@example.org'").await.0
    }
}

struct Peer {
    stream: DuplexStream,
    /// That the server is done with it, and did not panic.
    served: oneshot::Receiver<()>,
}

impl Peer {
    /// Says something and reads up to a text, or to the end.
    async fn ask(&mut self, what: &str, until: &str) -> String {
        self.stream.write_all(what.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        let reading = async {
            let mut buffer = [0; 4096];
            loop {
                let text = String::from_utf8_lossy(&heard);
                if !until.is_empty() && text.contains(until) {
                    break;
                }
                match self.stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => heard.extend_from_slice(&buffer[..count]),
                }
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), reading).await;
        let heard = String::from_utf8(heard).unwrap();
        assert!(in_time.is_ok(), "{what}: {until} never came, but {heard}");
        heard
    }

    async fn end(mut self) -> String {
        let heard = self.ask("</stream:stream>", "").await;
        // The session may still have to end; nothing may go wrong there.
        self.served.await.unwrap();
        heard
    }
}

fn read(text: &str) -> settings::Config {
    let source = settings::Source::Text { name: "test".to_owned(), text: text.to_owned() };
    settings::load(&source, &settings::Inputs::default())
        .unwrap_or_else(|_| panic!("{text}"))
        .config
}

fn stream(more: &str) -> String {
    format!(
        "<stream:stream to='example.org' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' {more}>"
    )
}

fn plain(initial: &str, inline: &str) -> String {
    format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>\
         <initial-response>{initial}</initial-response>{inline}</authenticate>"
    )
}

fn bind(tag: &str, inner: &str) -> String {
    format!("<bind xmlns='urn:xmpp:bind:0'><tag>{tag}</tag>{inner}</bind>")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split_once(after).unwrap_or_else(|| panic!("no {after} in {text}")).0
}

fn address(heard: &str) -> &str {
    between(heard, "<authorization-identifier>", "</authorization-identifier>")
}

const AGENT: &str = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>";
const ENABLE: &str = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";

#[tokio::test]
async fn it_is_offered_to_clients_that_say_who_they_are() {
    let offer = "<authentication xmlns='urn:xmpp:sasl:2'>\
        <mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism>\
        <inline><bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:sm:3'/></inline></bind>\
        <sm xmlns='urn:xmpp:sm:3'/></inline></authentication>";
    let server = Server::start().await;
    let with = ["from='b@example.org'", "from='B@Example.ORG/x'", "from='nobody@example.org'"];
    for header in with {
        let (_, heard) = server.open(header).await;
        assert!(heard.contains(offer), "{header}: {heard}");
        // What administrators hide from the older profile stays hidden there alone.
        let older = between(&heard, "<mechanisms", "</mechanisms>");
        assert!(!older.contains("SCRAM-SHA-1<") && older.contains("SCRAM-SHA-256<"), "{heard}");
    }
    for header in ["", "from='example.org'"] {
        let (_, heard) = server.open(header).await;
        assert!(!heard.contains("urn:xmpp:sasl:2"), "{header}: {heard}");
    }
    let mut peer = server.connect();
    let heard = peer.ask(&stream("from='b@other.example'"), "").await;
    assert!(heard.contains("<invalid-from"), "{heard}");
    // Somebody else's stream header, or none, does not stop a client of the older profile.
    let (mut peer, _) = server.open("from='nobody@example.org'").await;
    let auth =
        format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{RIGHT}</auth>");
    assert!(peer.ask(&auth, "/>").await.contains("<success"));

    let anonymous =
        Server::with(LISTENER, &format!("{TOP}\nauth_method: [internal, anonymous]")).await;
    let (mut peer, heard) = anonymous.open("").await;
    assert!(heard.contains("<mechanism>ANONYMOUS</mechanism><inline>"), "{heard}");
    let ask = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='ANONYMOUS'><bind xmlns='urn:xmpp:bind:0'/></authenticate>";
    let heard = peer.ask(ask, FEATURES).await;
    assert!(
        !address(&heard).starts_with("b@") && address(&heard).contains("@example.org/"),
        "{heard}"
    );
}

#[tokio::test]
async fn without_tls_it_has_to_be_allowed() {
    let refusal = "<failure xmlns='urn:xmpp:sasl:2'><encryption-required ";
    for (listener, until) in [
        ("access: in", refusal),
        ("access: in, allow_unencrypted_sasl2: false", refusal),
        ("access: in, allow_unencrypted_sasl2: true", "<success"),
        ("access: in, allow_unencrypted_sasl2: true, starttls_required: true", refusal),
        // PLAIN in clear needs a listener without TLS, as in the older profile.
        (
            "access: in, allow_unencrypted_sasl2: true, starttls: true",
            "<failure xmlns='urn:xmpp:sasl:2'><invalid-mechanism ",
        ),
    ] {
        let server = Server::with(listener, TOP).await;
        let (mut peer, features) = server.open("from='b@example.org'").await;
        assert_eq!(
            features.contains("<authentication"),
            until != refusal,
            "{listener}: {features}"
        );
        let heard = peer.ask(&plain(RIGHT, ""), ">").await;
        assert!(heard.starts_with(until) || until == "<success", "{listener}: {heard}");
        assert_eq!(heard.starts_with("<success"), until == "<success", "{listener}: {heard}");
    }
}

#[tokio::test]
async fn the_stream_goes_on_after_success() {
    let server = Server::start().await;
    let mut peer = server.of_b().await;
    let heard = peer.ask(&plain(WRONG, ""), "</failure>").await;
    assert!(heard.starts_with("<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"));
    let heard = peer.ask(&plain(RIGHT, AGENT), FEATURES).await;
    let success = "<success xmlns='urn:xmpp:sasl:2'>\
        <authorization-identifier>b@example.org</authorization-identifier></success><stream:features>";
    assert!(heard.starts_with(success), "{heard}");
    assert!(heard.contains("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"), "{heard}");
    assert!(!heard.contains("mechanism"), "{heard}");
    let iq = "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>";
    let heard = peer.ask(iq, "</iq>").await;
    assert!(heard.contains("b@example.org/r"), "{heard}");
    assert_eq!(peer.end().await, "</stream:stream>");

    // XEP-0388 §4.8: once is enough.
    for again in [plain(RIGHT, ""), "<abort xmlns='urn:xmpp:sasl:2'/>".to_owned()] {
        let mut peer = server.of_b().await;
        peer.ask(&plain(RIGHT, ""), FEATURES).await;
        let heard = peer.ask(&again, "").await;
        assert!(heard.contains("<policy-violation"), "{heard}");
    }
}

#[tokio::test]
async fn what_is_said_during_authentication_is_not_what_the_account_says() {
    let server = Server::start().await;
    let message = "<message to='b@example.org'/>";
    for early in
        [message, "<message", "<iq type='get' id='1'><query xmlns='x'/>", "</stream:stream>"]
    {
        let mut peer = server.of_b().await;
        let heard = peer.ask(&format!("{}{early}", plain(RIGHT, "")), "").await;
        assert!(heard.starts_with("<stream:error><policy-violation"), "{early}: {heard}");
    }
    // White space between elements is nothing.
    let mut peer = server.of_b().await;
    let heard = peer.ask(&format!("{} \n", plain(RIGHT, "")), FEATURES).await;
    assert!(heard.starts_with("<success"), "{heard}");
    // The stream header and the request may come together: nothing in it depends on the features.
    let mut peer = server.connect();
    let early = format!("{}{}", stream("from='b@example.org'"), plain(RIGHT, &bind("t", "")));
    assert!(peer.ask(&early, "</success>").await.contains("<bound"));
}

#[tokio::test]
async fn a_resource_and_stream_management_come_with_success() {
    let server = Server::start().await;
    let mut peer = server.of_b().await;
    let ask = plain(RIGHT, &format!("{AGENT}{}", bind("Tag &amp; x", ENABLE)));
    let heard = peer.ask(&ask, FEATURES).await;
    let jid = address(&heard).to_owned();
    let name = jid.strip_prefix("b@example.org/Tag &amp; x/").unwrap().to_owned();
    assert_eq!(name.len(), 16, "{jid}");
    let (success, features) = heard.split_once("</success>").unwrap();
    assert!(success.contains("</authorization-identifier><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='"));
    assert!(success.ends_with("</bound>"), "{success}");
    assert_eq!(
        features, "<stream:features></stream:features>",
        "what is enabled is not offered again"
    );
    let handle =
        server.kernel.sessions().find("b@example.org", &format!("Tag & x/{name}")).unwrap();

    // What is said after success is counted from there on.
    let heard = peer.ask("<iq type='result' id='0'/><r xmlns='urn:xmpp:sm:3'/>", "/>").await;
    assert!(heard.contains("<a xmlns='urn:xmpp:sm:3' h='1'/>"), "{heard}");

    // The same client: its resource is the same, and its earlier session ends; so it does with another tag.
    let mut again = server.of_b().await;
    let heard = again.ask(&ask, FEATURES).await;
    assert_eq!(address(&heard), jid);
    assert!(peer.ask("", "").await.contains("<conflict "));
    let mut other = server.of_b().await;
    let heard = other.ask(&plain(RIGHT, &format!("{AGENT}{}", bind("new", ""))), FEATURES).await;
    assert_eq!(address(&heard), format!("b@example.org/new/{name}"));
    assert!(
        heard.contains("<bound xmlns='urn:xmpp:bind:0'/>")
            && heard.contains("<sm xmlns='urn:xmpp:sm:3'/>")
    );
    assert!(again.ask("", "").await.contains("<conflict "));
    assert!(
        server.kernel.sessions().find("b@example.org", handle.jid().resource().as_str()).is_none()
    );

    // Other clients get other resources, and end nothing.
    for agent in ["", "<user-agent/>", "<user-agent id='another'/>"] {
        let mut peer = server.of_b().await;
        let heard = peer
            .ask(&plain(RIGHT, &format!("{agent}<bind xmlns='urn:xmpp:bind:0'/>")), FEATURES)
            .await;
        let resource = address(&heard).strip_prefix("b@example.org/").unwrap();
        assert!(resource.len() >= 16 && !resource.contains('/') && resource != name, "{heard}");
        assert_eq!(other.ask("<iq type='get' id='1'/>", "</iq>").await.matches("<iq ").count(), 1);
        assert!(peer.end().await.ends_with("</stream:stream>"));
    }
}

#[tokio::test]
async fn a_tag_that_cannot_stand_in_an_address_is_left_out() {
    let server = Server::start().await;
    for tag in ["x".repeat(1020), "\u{e000}".to_owned(), "&#x7f;".to_owned(), String::new()] {
        let mut peer = server.of_b().await;
        let heard = peer.ask(&plain(RIGHT, &format!("{AGENT}{}", bind(&tag, ""))), FEATURES).await;
        let resource = address(&heard).strip_prefix("b@example.org/").unwrap();
        assert_eq!(resource.len(), 16, "{heard}");
    }
}

#[tokio::test]
async fn a_session_is_resumed_with_success_or_another_one_begins() {
    let server = Server::start().await;
    let mut peer = server.of_b().await;
    let heard = peer.ask(&plain(RIGHT, &bind("t", ENABLE)), FEATURES).await;
    let (jid, id) = (address(&heard).to_owned(), between(&heard, " id='", "'").to_owned());
    peer.ask("<iq type='result' id='0'/><r xmlns='urn:xmpp:sm:3'/>", "/>").await;
    drop(peer.stream);
    let resume =
        |id: &str, h: &str| format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{h}'/>");
    let mut again = server.of_b().await;
    let ask = plain(RIGHT, &format!("{}{}", resume(&id, "0"), bind("u", ENABLE)));
    let heard = again.ask(&ask, "</success>").await;
    let expected = format!(
        "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>{jid}</authorization-identifier>\
         <resumed xmlns='urn:xmpp:sm:3' h='1' previd='{id}'/></success>"
    );
    assert_eq!(heard, expected, "no features, no resource");
    assert!(
        again.ask("<r xmlns='urn:xmpp:sm:3'/>", "/>").await.starts_with("<a "),
        "the stream goes on"
    );
    assert_eq!(server.kernel.sessions().of("b@example.org").len(), 1);

    for (id, h, refusal) in
        [("unknown", "0", "item-not-found"), (&*id, "-1", "bad-request"), (&*id, "", "bad-request")]
    {
        let failed = format!("<failed xmlns='urn:xmpp:sm:3'><{refusal} ");
        // Without a request for a resource the client is in, and may ask for one.
        let mut peer = server.of_b().await;
        let heard = peer.ask(&plain(RIGHT, &resume(id, h)), FEATURES).await;
        assert_eq!(address(&heard), "b@example.org");
        assert!(heard.contains(&failed) && heard.contains("xmpp-bind"), "{heard}");
        let mut peer = server.of_b().await;
        let ask = plain(RIGHT, &format!("{}{}", bind("u", ENABLE), resume(id, h)));
        let heard = peer.ask(&ask, FEATURES).await;
        assert!(
            heard.contains(&failed) && heard.contains("<bound xmlns='urn:xmpp:bind:0'><enabled "),
            "{heard}"
        );
        assert!(address(&heard).starts_with("b@example.org/u/"), "{heard}");
    }
    // The resumed one was not disturbed.
    assert!(again.ask("<r xmlns='urn:xmpp:sm:3'/>", "/>").await.starts_with("<a "));
}

#[tokio::test]
async fn a_client_that_does_not_hear_of_its_session_leaves_none_behind() {
    let server = Server::start().await;
    let mut peer = server.of_b().await;
    peer.stream.write_all(plain(RIGHT, &bind("t", ENABLE)).as_bytes()).await.unwrap();
    drop(peer.stream);
    let ended = tokio::time::timeout(Duration::from_secs(10), peer.served).await;
    ended.expect("nobody could resume it, so it does not wait").unwrap();
    assert!(server.kernel.sessions().of("b@example.org").is_empty());
    server.scratch.write(|_| Ok(())).await.unwrap().into_inner();
    assert!(server.scratch.read(store::sessions).await.unwrap().is_empty());
}

#[tokio::test]
async fn rules_and_limits_are_those_of_the_older_profile() {
    let server = Server::start().await;
    // The listener's rule: the client is in, but gets no session.
    let (mut peer, _) = server.open("from='outlaw@example.org'").await;
    let heard = peer.ask(&plain("AG91dGxhdwBwdw==", &bind("t", ENABLE)), FEATURES).await;
    assert_eq!(address(&heard), "outlaw@example.org");
    assert!(!heard.contains("<bound") && heard.contains("xmpp-bind"), "{heard}");
    let iq = "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    assert!(peer.ask(iq, "</iq>").await.contains("<not-allowed "));
    assert!(server.kernel.sessions().of("outlaw@example.org").is_empty());

    // Who says in the header who it is has to be that.
    let (mut peer, _) = server.open("from='outlaw@example.org'").await;
    let heard = peer.ask(&plain(RIGHT, &bind("t", "")), "</failure>").await;
    assert!(heard.contains("<not-authorized "), "{heard}");
    assert!(server.kernel.sessions().of("b@example.org").is_empty());

    // Failures count together.
    let mut peer = server.of_b().await;
    let auth =
        format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{WRONG}</auth>");
    for attempt in 0..4 {
        let ask = if attempt % 2 == 0 { auth.clone() } else { plain(WRONG, "") };
        assert!(peer.ask(&ask, "</failure>").await.contains("<not-authorized"));
    }
    let heard = peer.ask(&plain(WRONG, ""), "").await;
    assert!(heard.contains("</failure><stream:error><policy-violation "), "{heard}");
}

/// XEP-0474 §5.1: the hash is over the mechanisms of the profile that the client uses.
#[tokio::test]
async fn the_hash_over_the_offer_is_that_of_the_profile() {
    let first = "biwsbj1iLHI9bm9uY2U="; // n,,n=b,r=nonce
    let auth = format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>{first}</auth>"
    );
    let authenticate = format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>{first}</initial-response></authenticate>"
    );
    let server = Server::start().await;
    for (ask, names) in [
        (auth, "PLAIN\u{1e}SCRAM-SHA-256"),
        (authenticate, "PLAIN\u{1e}SCRAM-SHA-1\u{1e}SCRAM-SHA-256"),
    ] {
        let mut peer = server.of_b().await;
        let heard = peer.ask(&ask, "</challenge>").await;
        // Base64 is read and written by the elements that carry it.
        let text = heard.split_once('>').unwrap().1.split_once('<').unwrap().0;
        let response = Element::new("response", ns::SASL2).with_text(text).to_bytes("");
        let request = SaslRequest::from_raw(&RawElement::parse(&response, "").unwrap());
        let Some(Ok(SaslRequest::Response(challenge))) = request else { panic!("{heard}") };
        let hash = SaslResponse::Challenge(Sha256::digest(names).to_vec());
        let expected = format!(",h={}", hash.to_element(SaslProfile::Extensible).text());
        let challenge = String::from_utf8(challenge).unwrap();
        assert!(challenge.ends_with(&expected), "{ask}: {challenge}");
    }
}

/// What is sent after the features, and what is heard then.
#[tokio::test]
async fn whatever_is_malformed_is_refused() {
    let server = Server::start().await;
    let two = |one: &str| format!("{one}{one}");
    let authenticate = |inner: &str| {
        format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'>{inner}</authenticate>"
        )
    };
    let scram = |text: &str| authenticate(&format!("<initial-response>{text}</initial-response>"));
    let failure = |name: &str| format!("<failure xmlns='urn:xmpp:sasl:2'><{name} ");
    let error = |name: &str| format!("<stream:error><{name} ");
    let first = "biwsbj1iLHI9bm9uY2U="; // n,,n=b,r=nonce
    let table = [
        (plain("?", ""), failure("incorrect-encoding")),
        (plain("AGIAcHc", ""), failure("incorrect-encoding")),
        (plain("=", ""), failure("incorrect-encoding")),
        (plain("", ""), failure("malformed-request")),
        (plain("YWJj", ""), failure("malformed-request")),
        (plain(RIGHT, "<initial-response/>"), failure("malformed-request")),
        (plain(RIGHT, &two(&bind("t", ""))), failure("malformed-request")),
        (plain(RIGHT, &two(AGENT)), failure("malformed-request")),
        (plain(RIGHT, &two("<resume xmlns='urn:xmpp:sm:3'/>")), failure("malformed-request")),
        ("<authenticate xmlns='urn:xmpp:sasl:2'/>".to_owned(), failure("invalid-mechanism")),
        ("<authenticate xmlns='urn:xmpp:sasl:2' mechanism=''/>".to_owned(), failure("invalid-mechanism")),
        ("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='plain'/>".to_owned(), failure("invalid-mechanism")),
        ("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256-PLUS'/>".to_owned(), failure("invalid-mechanism")),
        ("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='EXTERNAL'/>".to_owned(), failure("invalid-mechanism")),
        (scram(first) + "<abort xmlns='urn:xmpp:sasl:2'/>", failure("aborted")),
        (scram(first) + "<response xmlns='urn:xmpp:sasl:2'>?</response>", failure("incorrect-encoding")),
        (scram(first) + "<response xmlns='urn:xmpp:sasl:2'/>", failure("malformed-request")),
        (scram(first) + "<foo xmlns='urn:xmpp:sasl:2'/>", failure("malformed-request")),
        // A client that binds the channel was told that there is nothing to bind to: right, in clear.
        (scram("eSwsbj1iLHI9bm9uY2U="), "<challenge xmlns='urn:xmpp:sasl:2'>".to_owned()),
        (scram("cD10bHMtZXhwb3J0ZXIsLG49YixyPW5vbmNl"), failure("not-authorized")),
        (scram(first) + &scram(first), error("not-authorized")),
        (scram(first) + "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", error("not-authorized")),
        (scram(first) + "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", error("not-authorized")),
        (scram(first) + "<message/>", error("not-authorized")),
        (scram(first) + "text", error("invalid-xml")),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>biwsbj1iLHI9bm9uY2U=</auth>\
             <response xmlns='urn:xmpp:sasl:2'/>".to_owned(),
            error("not-authorized"),
        ),
        ("<authenticate xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned(), error("policy-violation")),
        ("<auth xmlns='urn:xmpp:sasl:2'/>".to_owned(), error("policy-violation")),
        ("<response xmlns='urn:xmpp:sasl:2'/>".to_owned(), error("policy-violation")),
        ("<success xmlns='urn:xmpp:sasl:2'/>".to_owned(), error("policy-violation")),
        ("<bind xmlns='urn:xmpp:bind:0'/>".to_owned(), error("unsupported-stanza-type")),
        ("<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>".to_owned(), error("unsupported-stanza-type")),
    ];
    for (said, expected) in table {
        let mut peer = server.of_b().await;
        let heard = peer.ask(&said, &expected).await;
        assert!(heard.contains(&expected), "{said}: {heard}");
        assert!(!heard.contains("<success"), "{said}: {heard}");
    }
}

/// Every cut and every changed byte of a request leads to an answer, or to the end of the stream: nothing panics.
#[tokio::test]
async fn no_change_of_a_request_does_harm() {
    let server = Server::start().await;
    // Not resumable: a session without its client would wait.
    let enable = "<enable xmlns='urn:xmpp:sm:3'/>";
    let whole = plain(RIGHT, &format!("{AGENT}{}", bind("t", enable)));
    for at in 0..whole.len() {
        let byte = [b'<', b'\'', b'/', b'\0', 0xff, b'x'][at % 6];
        let mut changed = whole.clone().into_bytes();
        changed[at] = byte;
        let cut = &whole.as_bytes()[..at];
        for bytes in [&changed, cut] {
            let mut peer = server.of_b().await;
            peer.stream.write_all(bytes).await.unwrap();
            peer.stream.shutdown().await.unwrap();
            let mut heard = Vec::new();
            peer.stream.read_to_end(&mut heard).await.unwrap();
            peer.served.await.unwrap();
            let heard = String::from_utf8(heard).unwrap();
            assert!(bytes.len() == whole.len() || !heard.contains("<success"), "{heard}");
        }
    }
}
