//! Services and log-ins as a client gets them.

use jid::{BareJid, FullJid, Jid};
use kernel::contracts::{RelayCredentials, RelayService, RelayServices};
use kernel::{Control, Delivery};
use stdx::Secret;
use xmlstream::Element;
use xmpp_wire::{Stanza, ns};

use super::login::Mint;
use crate::testing::Server;

const OPTIONS: &str = "mod_stun_disco: {access: {allow: {server: example.org}}, secret: s3cret, credentials_lifetime: 1 hour, services: \
    [{host: 192.0.2.9}, {host: turn.example.net, type: turns}, {host: old.example.net, type: turn, restricted: false}]}";

async fn ask(server: &Server, from: &str, payload: &str) -> Option<Element> {
    let session = server.session(FullJid::new(from).unwrap());
    let iq = Stanza::parse(format!("<iq type='get' id='1'>{payload}</iq>").as_bytes()).unwrap();
    let to = Jid::new("example.org").unwrap();
    server.kernel.route(iq.with_from(Jid::from(session.jid().clone())).with_to(to).into()).await;
    let (mut control, mut taken) = (Vec::<Control>::new(), Vec::<Delivery>::new());
    session.handle().mailbox().take(usize::MAX, &mut control, &mut taken);
    let reply = taken.pop().expect("every request is answered").stanza;
    (reply.child("error", ns::CLIENT).is_none()).then(|| reply.payload().unwrap().parse())
}

fn shown(services: &Element) -> Vec<String> {
    let attr = |one: &Element, name: &str| one.attr(name).unwrap_or("-").to_owned();
    services
        .children()
        .map(|one| {
            let place =
                ["type", "host", "port", "transport", "restricted"].map(|name| attr(one, name));
            format!("{} {}", place.join(" "), one.attr("username").is_some())
        })
        .collect()
}

#[tokio::test]
async fn services_are_told_in_both_versions() {
    let server = Server::start(OPTIONS, &["romeo"]).await;
    for ns in super::VERSIONS {
        let payload = format!("<services xmlns='{ns}'/>");
        let services = ask(&server, "romeo@example.org/a", &payload).await.unwrap();
        assert!(services.is("services", ns));
        assert_eq!(
            shown(&services),
            [
                "stun 192.0.2.9 3478 udp false false",
                "turns turn.example.net 5349 tcp true true",
                "turn old.example.net 3478 udp false false",
            ]
        );
        let payload = format!("<services xmlns='{ns}' type='turns'/>");
        let services = ask(&server, "romeo@example.org/a", &payload).await.unwrap();
        assert_eq!(services.children().count(), 1);
        assert_eq!(
            services.children().next().unwrap().attr("expires"),
            Some("1970-01-01T01:00:00Z")
        );
    }
    let closed = Server::start("mod_stun_disco: {access: none}", &["romeo"]).await;
    let refused =
        ask(&closed, "romeo@example.org/a", "<services xmlns='urn:xmpp:extdisco:2'/>").await;
    assert!(refused.is_none(), "the rule lets nobody in");
}

#[tokio::test]
async fn a_log_in_stands_for_its_account_until_it_expires() {
    let server = Server::start(OPTIONS, &["romeo"]).await;
    let payload = "<credentials xmlns='urn:xmpp:extdisco:2'><service host='turn.example.net' type='turns'/></credentials>";
    let found = ask(&server, "romeo@example.org/a", payload).await.unwrap();
    let service = found.children().next().unwrap();
    let (user, password) = (service.attr("username").unwrap(), service.attr("password").unwrap());
    assert!(user.starts_with("3600:") && !user.contains("romeo"));
    let contract = server.host().generation().contract::<dyn RelayCredentials>().unwrap();
    let login = contract.login(user, 3600).unwrap();
    assert_eq!((login.account.as_str(), login.password.expose()), ("romeo@example.org", password));
    assert!(contract.login(user, 3601).is_none(), "expired");
    let later = user.replacen("3600", "9999", 1);
    assert!(contract.login(&later, 3600).is_none(), "the expiry is covered by the seal");
    assert!(contract.login("9999:cm9tZW8", 0).is_none() && contract.login("romeo", 0).is_none());
    let unknown = payload.replace("turn.example.net", "else.example.net");
    assert!(ask(&server, "romeo@example.org/a", &unknown).await.is_none());
}

/// The scheme that other TURN servers understand: computed by hand with `openssl dgst -sha1 -hmac`.
#[test]
fn the_password_is_that_of_the_shared_scheme() {
    let mint = Mint::new(&Secret::new("north"));
    let account = BareJid::new("a@b").unwrap();
    let (user, password) = mint.login(&account, 10, [7; 12]).unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"north");
    let expected = aws_lc_rs::hmac::sign(&key, user.as_bytes());
    use base64::Engine;
    let expected = base64::engine::general_purpose::STANDARD.encode(expected);
    assert_eq!(password.expose(), expected);
    assert_eq!(mint.read(&user, 10).unwrap().0, account);
    assert!(Mint::new(&Secret::new("south")).read(&user, 10).is_none());
    let long = BareJid::new(&format!("{}@b", "x".repeat(400))).unwrap();
    assert!(mint.login(&long, 10, [7; 12]).is_none(), "a user name has 508 bytes at most");
}

#[tokio::test]
async fn own_listeners_are_told_while_they_listen() {
    let server = Server::start("mod_stun_disco: {access: all}", &["romeo"]).await;
    let service = RelayService { relays: true, tls: false, udp: true, port: 3478, address: None };
    let offered = server.kernel.shared::<RelayServices>();
    let payload = "<services xmlns='urn:xmpp:extdisco:2'/>";
    // What `ejabberd_stun` says when it is put in force, and when it is closed.
    for (services, told) in
        [(vec![service], &["turn example.org 3478 udp true true"][..]), (Vec::new(), &[][..])]
    {
        offered.announce("one", services);
        let services = ask(&server, "romeo@example.org/a", payload).await.unwrap();
        assert_eq!(shown(&services), told);
    }
}
