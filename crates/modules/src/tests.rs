//! Modules that answer requests, asked as a client asks.

use jid::{FullJid, Jid};
use kernel::hooks::{Outgoing, UserSend};
use kernel::{Control, Delivery, Session};
use xmpp_wire::{PresenceType, Stanza, ns};

use crate::testing::Server;

/// What a request gets, without the envelope around it: the payload, or the condition of the error.
async fn ask(server: &Server, session: &Session, kind: &str, to: &str, payload: &str) -> String {
    let iq = format!("<iq type='{kind}' id='1'>{payload}</iq>");
    let iq = Stanza::parse(iq.as_bytes()).unwrap();
    let iq = iq.with_from(Jid::from(session.jid().clone())).with_to(Jid::new(to).unwrap());
    server.kernel.route(iq.into()).await;
    let (mut control, mut taken) = (Vec::new(), Vec::<Delivery>::new());
    session.handle().mailbox().take(usize::MAX, &mut control, &mut taken);
    let reply = taken.pop().expect("every request is answered").stanza;
    match reply.child("error", ns::CLIENT) {
        Some(error) => error.parse().children().next().unwrap().name().to_owned(),
        None => reply.payload().map(|payload| format!("{:?}", payload.parse())).unwrap_or_default(),
    }
}

fn romeo(server: &Server) -> Session {
    server.session(FullJid::new("romeo@example.org/orchard").unwrap())
}

const ROMEO: &str = "romeo@example.org";
const JULIET: &str = "juliet@example.org";

#[tokio::test]
async fn private_data_is_for_its_owner_alone() {
    let server = Server::start("mod_private: {}", &["romeo"]).await;
    let session = romeo(&server);
    let empty = "<query xmlns='jabber:iq:private'><notes xmlns='urn:notes'/></query>";
    let full = "<query xmlns='jabber:iq:private'><notes xmlns='urn:notes'>one</notes></query>";
    assert_eq!(ask(&server, &session, "get", ROMEO, empty).await, empty);
    assert_eq!(ask(&server, &session, "set", ROMEO, full).await, "");
    assert_eq!(
        ask(&server, &session, "get", ROMEO, empty).await,
        full,
        "the cache has heard of the change"
    );
    assert_eq!(ask(&server, &session, "get", JULIET, empty).await, "forbidden");
    assert_eq!(ask(&server, &session, "set", JULIET, full).await, "forbidden");
    assert_eq!(
        ask(&server, &session, "get", ROMEO, "<query xmlns='jabber:iq:private'/>").await,
        "bad-request"
    );
    server.kernel.announce::<kernel::hooks::AccountRemoved>(session.account()).await;
    assert_eq!(ask(&server, &session, "get", ROMEO, empty).await, empty);
}

#[tokio::test]
async fn vcards_are_read_by_all_and_written_by_their_owner() {
    let server = Server::start(
        "mod_vcard: {vcard: {fn: Home, email: [{userid: a@b, work: true}]}}",
        &["romeo"],
    )
    .await;
    let session = romeo(&server);
    let empty = "<vCard xmlns='vcard-temp'/>";
    let full = "<vCard xmlns='vcard-temp'><FN>Romeo</FN></vCard>";
    assert_eq!(ask(&server, &session, "get", ROMEO, empty).await, empty);
    assert_eq!(ask(&server, &session, "set", ROMEO, full).await, "");
    let juliet = server.session(FullJid::new("juliet@example.org/balcony").unwrap());
    assert_eq!(ask(&server, &juliet, "get", ROMEO, empty).await, full);
    assert_eq!(ask(&server, &juliet, "set", ROMEO, empty).await, "forbidden");
    let card = ask(&server, &session, "get", "example.org", empty).await;
    assert!(
        card.contains("<FN>Home</FN>")
            && card.contains("<USERID>a@b</USERID>")
            && card.contains("<WORK/>"),
        "{card}"
    );
}

#[tokio::test]
async fn a_new_photo_is_told_to_contacts() {
    let server = Server::start("mod_vcard: {}\n  mod_vcard_xupdate: {}", &["romeo"]).await;
    let mut session = romeo(&server);
    session.handle().set_presence(Some((0, Stanza::presence(PresenceType::Available))));
    let photo = "<vCard xmlns='vcard-temp'><PHOTO><BINVAL>YWJj</BINVAL></PHOTO></vCard>";
    let told = async |session: &mut Session| {
        let mut presence = Stanza::presence(PresenceType::Available);
        let generation = session.generation();
        generation.chains().run::<UserSend>(&mut Outgoing { stanza: &mut presence, session }).await;
        format!("{:?}", presence.child("x", ns::VCARD_UPDATE).unwrap())
    };
    assert_eq!(told(&mut session).await, "<x xmlns='vcard-temp:x:update'/>");
    ask_set(&server, &session, photo).await;
    let (mut control, mut stanzas) = (Vec::new(), Vec::new());
    session.handle().mailbox().take(usize::MAX, &mut control, &mut stanzas);
    assert!(matches!(control[..], [Control::RepeatPresence]), "{control:?}");
    let hash = "<x xmlns='vcard-temp:x:update'><photo>a9993e364706816aba3e25717850c26c9cd0d89d</photo></x>";
    assert_eq!(told(&mut session).await, hash);
    assert_eq!(told(&mut session).await, hash, "from the cache");
    ask_set(&server, &session, photo).await;
    control.clear();
    session.handle().mailbox().take(usize::MAX, &mut control, &mut stanzas);
    assert!(control.is_empty(), "the same photo is no news");
}

async fn ask_set(server: &Server, session: &Session, payload: &str) {
    let iq = Stanza::parse(format!("<iq type='set' id='1'>{payload}</iq>").as_bytes()).unwrap();
    let iq = iq
        .with_from(Jid::from(session.jid().clone()))
        .with_to(Jid::from(session.account().clone()));
    server.kernel.route(iq.into()).await;
}

#[tokio::test]
async fn strangers_learn_nothing_of_an_account() {
    let server = Server::start("mod_disco: {}\n  mod_last: {}", &["romeo", "juliet"]).await;
    let session = romeo(&server);
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let items = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    let last = "<query xmlns='jabber:iq:last'/>";
    for to in [JULIET, "nobody@example.org"] {
        assert_eq!(ask(&server, &session, "get", to, info).await, "subscription-required");
        assert_eq!(ask(&server, &session, "get", to, items).await, "subscription-required");
        assert_eq!(ask(&server, &session, "get", to, last).await, "forbidden");
    }
    let own = ask(&server, &session, "get", ROMEO, info).await;
    assert!(own.contains("category='account' type='registered'"), "{own}");
    assert!(
        ask(&server, &session, "get", ROMEO, items).await.contains("romeo@example.org/orchard")
    );
    assert_eq!(
        ask(&server, &session, "get", ROMEO, last).await,
        "<query xmlns='jabber:iq:last' seconds='0'/>"
    );
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let modules = "mod_disco: {name: Home, extra_domains: [files.example.org], server_info: [{modules: all, name: \
                   abuse-addresses, urls: ['mailto:a@example.org']}]}\n  mod_version: {show_os: false}\n  mod_ping: {}\n  mod_caps: {}";
    let server = Server::start(modules, &["romeo"]).await;
    let session = romeo(&server);
    let query =
        |node: &str| format!("<query xmlns='http://jabber.org/protocol/disco#info'{node}/>");
    let info = ask(&server, &session, "get", "example.org", &query("")).await;
    for part in [
        "type='im' name='Home'",
        "var='iq'",
        "var='urn:xmpp:ping'",
        "abuse-addresses",
        "mailto:a@example.org",
    ] {
        assert!(info.contains(part), "{part} in {info}");
    }
    assert_eq!(
        ask(&server, &session, "get", "example.org", &query(" node='urn:nothing'")).await,
        "item-not-found"
    );
    let generation = server.host().generation();
    let caps =
        generation.stream_features().iter().find(|feature| feature.ns() == ns::CAPS).unwrap();
    let node = format!(" node='{}#{}'", caps.attr("node").unwrap(), caps.attr("ver").unwrap());
    assert!(
        ask(&server, &session, "get", "example.org", &query(&node)).await.contains("name='Home'")
    );
    let items = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    assert!(
        ask(&server, &session, "get", "example.org", items).await.contains("files.example.org")
    );
    let version =
        ask(&server, &session, "get", "example.org", "<query xmlns='jabber:iq:version'/>").await;
    assert!(version.contains("<name>Rookery</name>") && !version.contains("<os>"), "{version}");
    assert_eq!(
        ask(&server, &session, "get", "example.org", "<ping xmlns='urn:xmpp:ping'/>").await,
        ""
    );
    assert_eq!(
        ask(&server, &session, "set", "example.org", "<ping xmlns='urn:xmpp:ping'/>").await,
        "not-allowed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_pinged_and_then_taken_for_gone() {
    let modules = "mod_ping: {send_pings: true, ping_interval: 60, ping_ack_timeout: 20, timeout_action: kill}";
    let server = Server::start(modules, &[]).await;
    let session = romeo(&server);
    let handle = session.handle();
    let (mut control, mut taken) = (Vec::<Control>::new(), Vec::<Delivery>::new());
    let wait = async |seconds| tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    wait(50).await;
    handle.touch(server.kernel.clock());
    wait(50).await;
    handle.mailbox().take(usize::MAX, &mut control, &mut taken);
    assert!(taken.is_empty(), "not silent long enough");
    wait(20).await;
    handle.mailbox().take(usize::MAX, &mut control, &mut taken);
    assert!(taken.len() == 1 && taken[0].stanza.child("ping", ns::PING).is_some(), "{taken:?}");
    handle.touch(server.kernel.clock());
    wait(50).await;
    handle.mailbox().take(usize::MAX, &mut control, &mut taken);
    assert!(control.is_empty(), "it answered");
    wait(40).await;
    handle.mailbox().take(usize::MAX, &mut control, &mut taken);
    assert_eq!(taken.len(), 2, "pinged once more");
    assert!(matches!(control[..], [Control::Close(kernel::CloseReason::Stalled)]), "{control:?}");
}

/// Each row: the options of modules, and the checks that find something.
#[test]
fn checks_of_modules_fire_where_they_should() {
    use settings::audit::{Declared, Facts, judge};
    for (modules, expected) in [
        ("{mod_version: {show_os: true}}", &["version-tells-system"][..]),
        ("{mod_version: {show_os: false}}", &[]),
        ("{mod_stun_disco: {secret: short}}", &["relay-secret-weak"]),
        ("{mod_stun_disco: {secret: 0123456789abcdef}}", &[]),
        ("{mod_stun_disco: {credentials_lifetime: 2 days}}", &["relay-login-long"]),
        ("{mod_stun_disco: {}, mod_offline: {}}", &[]),
        ("{mod_offline: {access_max_user_messages: infinity}}", &["offline-unlimited"]),
        ("{mod_offline: {access_max_user_messages: boundless}}", &["offline-unlimited"]),
        ("{mod_offline: {access_max_user_messages: bounded}}", &[]),
    ] {
        let text = format!(
            "hosts: [a.test]\nmodules: {modules}\nshaper_rules: {{boundless: infinity, bounded: {{infinity: admin, 1000: all}}}}\n"
        );
        let source = settings::Source::Text { name: "t".to_owned(), text };
        let loaded = settings::load(&source, &settings::Inputs::default()).unwrap();
        let declared: Vec<_> = crate::MODULES
            .iter()
            .map(|module| Declared { by: module.name, checks: module.checks })
            .collect();
        let found = judge(&loaded.config, &Facts::default(), &declared);
        assert_eq!(found.ids(), expected, "{modules}");
    }
}
