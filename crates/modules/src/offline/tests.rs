//! XEP-0160 and XEP-0013 on a server without doors: nothing is lost, nothing comes twice.

use std::sync::Arc;

use ::store::testing::check_set_against_facts;
use jid::{FullJid, Jid};
use kernel::Acceptance;
use kernel::hooks::OwnPresence;
use parking_lot::Mutex;
use xmpp_wire::PresenceType;

use super::*;
use crate::testing::{Server, message};

#[test]
fn the_table_is_ejabberds() {
    check_set_against_facts(&store::TABLES).unwrap();
}

const OFFLINE: &str = "mod_offline: {}";

async fn spooled(server: &Server) -> Vec<String> {
    let owner = romeo();
    let read = server
        .kernel
        .store()
        .read(move |query| store::page(query, &owner, i64::MIN, 1_000, usize::MAX));
    read.await.unwrap().0.into_iter().map(|row| row.xml).collect()
}

fn romeo() -> Owner {
    Owner { user: "romeo".into(), host: "example.org".into() }
}

/// A sender that notes when its stanza counts as handled, and whether that was recorded with the message.
#[derive(Clone, Default)]
struct Sender(Arc<Mutex<(u32, u32)>>);

impl Acceptance for Sender {
    fn record(&self, _: &mut ::store::Tx<'_>) -> Result<(), ::store::StoreError> {
        self.0.lock().0 += 1;
        Ok(())
    }

    fn handled(&self) {
        self.0.lock().1 += 1;
    }

    fn abandoned(&self) {}
}

async fn come_online(server: &Server, resource: &str) -> (Arc<kernel::SessionHandle>, Session) {
    let jid = FullJid::new(&format!("romeo@example.org/{resource}")).unwrap();
    let mut session = server.session(jid);
    let handle = session.handle().clone();
    let presence =
        Stanza::presence(PresenceType::Available).with_from(Jid::from(handle.jid().clone()));
    let previous = handle.set_presence(Some((0, presence.clone())));
    let generation = session.generation();
    let mut event = OwnPresence { presence: &presence, previous, session: &mut session };
    generation.chains().run::<SelfPresence>(&mut event).await;
    (handle, session)
}

fn take(handle: &kernel::SessionHandle) -> Vec<Delivery> {
    let (mut control, mut taken) = (Vec::new(), Vec::new());
    handle.mailbox().take(usize::MAX, &mut control, &mut taken);
    taken
}

fn bodies(deliveries: &[Delivery]) -> Vec<String> {
    deliveries
        .iter()
        .map(|delivery| delivery.stanza.child("body", ns::CLIENT).unwrap().parse().text())
        .collect()
}

/// Waits until nothing of the spool is under way.
async fn settle(server: &Server) {
    let module =
        server.host().generation().module::<OfflineMessages>(OfflineMessages::NAME).unwrap();
    for _ in 0..500 {
        if module.spool.is_idle() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    panic!("the spool is not idle");
}

async fn arrived(handle: &kernel::SessionHandle, count: usize) -> Vec<Delivery> {
    for _ in 0..500 {
        if handle.mailbox().ready_len() >= count {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    take(handle)
}

#[tokio::test]
async fn a_message_is_acknowledged_when_it_is_stored_and_deleted_when_it_is_delivered() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    let sender = Sender::default();
    for text in ["one", "two", "three"] {
        let receipt = Some(kernel::Receipt::new(sender.clone()));
        let stanza = message("romeo@example.org", &format!("<body>{text}</body>"));
        server.kernel.route(Delivery { stanza, receipt }).await;
    }
    assert_eq!(
        *sender.0.lock(),
        (3, 3),
        "recorded in the transaction of the message, then handled"
    );
    let stored = spooled(&server).await;
    assert_eq!(stored.len(), 3);
    assert!(
        stored[0].contains("<delay xmlns='urn:xmpp:delay' from='example.org'"),
        "{}",
        stored[0]
    );

    let (handle, _session) = come_online(&server, "one").await;
    let taken = arrived(&handle, 3).await;
    assert_eq!(bodies(&taken), ["one", "two", "three"]);
    assert_eq!(spooled(&server).await.len(), 3, "not deleted while somebody may still lose them");
    drop(taken);
    settle(&server).await;
    assert_eq!(spooled(&server).await.len(), 0);
}

#[tokio::test]
async fn what_comes_back_from_a_dead_session_stays_stored_once() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    server.kernel.route(message("romeo@example.org", "<body>hi</body>").into()).await;
    let (handle, _session) = come_online(&server, "one").await;
    let taken = arrived(&handle, 1).await;
    server.kernel.sessions().remove(&handle);
    for delivery in taken {
        server.kernel.deliver_to_sessions(&server.host(), delivery).await;
    }
    settle(&server).await;
    assert_eq!(spooled(&server).await.len(), 1);
    let (handle, _session) = come_online(&server, "two").await;
    assert_eq!(bodies(&arrived(&handle, 1).await), ["hi"]);
}

fn said(text: &str) -> Delivery {
    message("romeo@example.org", &format!("<body>{text}</body>")).into()
}

async fn stored(server: &Server) -> Vec<String> {
    let xml = spooled(server).await;
    let body = |xml: String| {
        let stanza = Stanza::parse(xml.as_bytes()).unwrap();
        stanza.child("body", ns::CLIENT).unwrap().parse().text()
    };
    xml.into_iter().map(body).collect()
}

/// RFC 6120 §10.1.
#[tokio::test]
async fn what_an_ended_session_had_goes_before_what_is_kept_and_its_held_messages_behind() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    for text in ["4", "5", "6"] {
        server.kernel.route(said(text)).await;
    }
    let (old, _session) = come_online(&server, "one").await;
    let mut taken = arrived(&old, 3).await.into_iter();
    let mut next = || taken.next().unwrap();
    // Among them are stored ones that it got; the journal had others, which are stored no more.
    let older = vec![said("2"), said("3"), next(), said("4b"), next(), next()];
    let probate = server.kernel.open_probate(&old);
    server.kernel.bequeath(&server.host(), older, vec![said("7"), said("8")]).await;
    assert_eq!(stored(&server).await, ["2", "3", "4", "4b", "5", "6", "7", "8"]);
    drop(probate);
    let (new, _session) = come_online(&server, "two").await;
    let all = arrived(&new, 8).await;
    assert_eq!(bodies(&all), ["2", "3", "4", "4b", "5", "6", "7", "8"]);
    drop(all);
    settle(&server).await;
    assert!(stored(&server).await.is_empty());
}

#[tokio::test]
async fn what_is_kept_is_sent_once_an_ended_session_has_added_to_it() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    server.kernel.route(said("2")).await;
    let old = server.session(FullJid::new("romeo@example.org/one").unwrap());
    let probate = server.kernel.open_probate(old.handle());
    server.kernel.bequeath(&server.host(), vec![said("1")], Vec::new()).await;
    let (new, _session) = come_online(&server, "two").await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert!(take(&new).is_empty(), "more may come");
    drop(probate);
    assert_eq!(bodies(&arrived(&new, 2).await), ["1", "2"]);
}

#[tokio::test]
async fn what_is_new_goes_behind_what_was_kept() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    // More than one page, so that a new message would find the session between two of them.
    let kept: Vec<String> = (0..1_200).map(|number| number.to_string()).collect();
    let texts = kept.clone();
    let insert = move |tx: &mut ::store::Tx<'_>| {
        texts.iter().try_for_each(|text| {
            let xml = format!("<message from='juliet@example.org/x'><body>{text}</body></message>");
            store::insert(tx, &romeo(), &xml)
        })
    };
    server.kernel.store().write(insert).await.unwrap();
    let (handle, _session) = come_online(&server, "one").await;
    let mut taken = Vec::new();
    for text in ["new", "newer"] {
        for to in ["romeo@example.org", "romeo@example.org/one"] {
            server.kernel.route(message(to, &format!("<body>{text}</body>")).into()).await;
        }
        taken.extend(bodies(&arrived(&handle, 1).await));
    }
    while taken.len() < kept.len() + 4 {
        let more = bodies(&arrived(&handle, 1).await);
        assert!(!more.is_empty(), "{} came", taken.len());
        taken.extend(more);
    }
    let expected: Vec<_> =
        kept.into_iter().chain(["new", "new", "newer", "newer"].map(String::from)).collect();
    let wrong = taken.iter().zip(&expected).find(|(came, due)| came != due);
    assert_eq!(wrong, None, "(what came, what was due)");
}

#[tokio::test]
async fn what_a_crash_left_behind_comes_when_the_session_is_there_again_or_is_resumed() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    let (handle, mut session) = come_online(&server, "one").await;
    let generation = session.generation();
    for is_resumed in [false, true] {
        settle(&server).await;
        let xml = "<message from='juliet@example.org/x'><body>hi</body></message>";
        server.kernel.store().write(move |tx| store::insert(tx, &romeo(), xml)).await.unwrap();
        let mut back = &mut session;
        if is_resumed {
            generation.chains().run::<SessionResumed>(&mut back).await;
        } else {
            generation.chains().run::<SessionRestored>(&mut back).await;
        }
        server.kernel.route(said("new")).await;
        let mut came = Vec::new();
        while came.len() < 2 {
            let more = bodies(&arrived(&handle, 1).await);
            assert!(!more.is_empty(), "{came:?}");
            came.extend(more);
        }
        assert_eq!(came, ["hi", "new"]);
    }
}

#[tokio::test]
async fn two_resources_at_once_get_a_message_once() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    server.kernel.route(message("romeo@example.org", "<body>hi</body>").into()).await;
    let (one, _first) = come_online(&server, "one").await;
    let (two, _second) = come_online(&server, "two").await;
    let mut taken = arrived(&one, 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    taken.extend(take(&one));
    taken.extend(take(&two));
    assert_eq!(bodies(&taken), ["hi"]);
}

#[tokio::test]
async fn the_row_goes_with_the_transaction_that_stores_the_message_elsewhere() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    server.kernel.route(message("romeo@example.org", "<body>hi</body>").into()).await;
    let (handle, _session) = come_online(&server, "one").await;
    let taken = Arc::new(arrived(&handle, 1).await);
    let shared = taken.clone();
    let failed = server.kernel.store().write(move |tx| {
        shared[0].receipt.as_ref().unwrap().record(tx)?;
        Err::<(), _>(::store::StoreError::NoRow)
    });
    failed.await.unwrap_err();
    assert_eq!(spooled(&server).await.len(), 1, "rolled back together");
    let shared = taken.clone();
    let stored =
        server.kernel.store().write(move |tx| shared[0].receipt.as_ref().unwrap().record(tx));
    stored.await.unwrap().into_inner();
    assert_eq!(spooled(&server).await.len(), 0, "gone with the commit, before the receipt ends");
    drop(taken);
    settle(&server).await;
}

#[tokio::test]
async fn over_the_limit_the_sender_hears_of_it() {
    let server =
        Server::start("mod_offline: {access_max_user_messages: {2: all}}", &["romeo"]).await;
    let juliet = server.session(FullJid::new("juliet@example.org/balcony").unwrap());
    let sender = Sender::default();
    for _ in 0..3 {
        let stanza = message("romeo@example.org", "<body>hi</body>")
            .with_from(Jid::from(juliet.jid().clone()));
        server
            .kernel
            .route(Delivery { stanza, receipt: Some(kernel::Receipt::new(sender.clone())) })
            .await;
    }
    assert_eq!(spooled(&server).await.len(), 2);
    let errors = take(juliet.handle());
    assert_eq!(errors.len(), 1);
    let error = errors[0].stanza.child("error", ns::CLIENT).unwrap().parse();
    assert!(error.child("resource-constraint", ns::STANZA_ERRORS).is_some(), "{error:?}");
    assert_eq!(*sender.0.lock(), (2, 3));
}

#[tokio::test]
async fn an_account_that_does_not_exist_keeps_nothing() {
    let server = Server::start(OFFLINE, &[]).await;
    let juliet = server.session(FullJid::new("juliet@example.org/balcony").unwrap());
    let stanza =
        message("romeo@example.org", "<body>hi</body>").with_from(Jid::from(juliet.jid().clone()));
    server.kernel.route(stanza.into()).await;
    assert_eq!(spooled(&server).await.len(), 0);
    assert!(take(juliet.handle())[0].stanza.is_error());
}

#[tokio::test]
async fn what_is_not_worth_keeping_is_not_kept() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    let chat_state = "<active xmlns='http://jabber.org/protocol/chatstates'/>";
    let hint = |name: &str| format!("<{name} xmlns='urn:xmpp:hints'/>");
    let body = "<body>hi</body>";
    let cases = [
        (body.to_owned(), true),
        (chat_state.to_owned(), false),
        (format!("{chat_state}{}", hint("store")), true),
        (format!("{body}{chat_state}"), true),
        (format!("{body}{}", hint("no-store")), false),
        (format!("{body}{}", hint("no-permanent-store")), true),
        ("<received xmlns='urn:xmpp:receipts' id='1'/>".to_owned(), true),
    ];
    for (inner, kept) in cases {
        let before = spooled(&server).await.len();
        server.kernel.route(message("romeo@example.org", &inner).into()).await;
        assert_eq!(spooled(&server).await.len() - before, usize::from(kept), "{inner}");
    }
    for kind in [MessageType::Headline, MessageType::GroupChat, MessageType::Error] {
        let before = spooled(&server).await.len();
        let mut stanza = message("romeo@example.org", body);
        stanza.set_kind(StanzaKind::Message(kind));
        server.kernel.route(stanza.into()).await;
        assert_eq!(spooled(&server).await.len(), before, "{kind:?}");
    }
}

#[tokio::test]
async fn a_removed_account_leaves_nothing() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    server.kernel.route(message("romeo@example.org", "<body>hi</body>").into()).await;
    server.kernel.announce::<AccountRemoved>(&BareJid::new("romeo@example.org").unwrap()).await;
    assert_eq!(spooled(&server).await.len(), 0);
}

#[tokio::test]
async fn a_client_that_retrieves_flexibly_is_not_flooded() {
    let server = Server::start(OFFLINE, &["romeo"]).await;
    server.kernel.route(message("romeo@example.org", "<body>hi</body>").into()).await;
    let session = server.session(FullJid::new("romeo@example.org/one").unwrap());
    let handle = session.handle().clone();
    let ask = |kind: xmpp_wire::IqType, payload: &str| {
        let payload =
            Stanza::parse(format!("<iq type='get' id='1'>{payload}</iq>").as_bytes()).unwrap();
        let mut iq = payload
            .with_from(Jid::from(handle.jid().clone()))
            .with_to(Jid::new("romeo@example.org").unwrap());
        iq.set_kind(StanzaKind::Iq(kind));
        server.kernel.route(iq.into())
    };
    ask(
        xmpp_wire::IqType::Get,
        "<offline xmlns='http://jabber.org/protocol/offline'><fetch/></offline>",
    )
    .await;
    let taken = take(&handle);
    assert_eq!(taken.len(), 2, "{taken:?}");
    let offline = taken[0].stanza.child("offline", ns::FLEXIBLE_OFFLINE).unwrap().parse();
    let node =
        offline.child("item", ns::FLEXIBLE_OFFLINE).unwrap().attr("node").unwrap().to_owned();
    handle.set_presence(Some((0, Stanza::presence(PresenceType::Available))));
    let module =
        server.host().generation().module::<OfflineMessages>(OfflineMessages::NAME).unwrap();
    module.spool.flush(&server.kernel, &romeo());
    settle(&server).await;
    assert!(take(&handle).is_empty());
    let remove = format!(
        "<offline xmlns='http://jabber.org/protocol/offline'><item action='remove' node='{node}'/></offline>"
    );
    ask(xmpp_wire::IqType::Set, &remove).await;
    assert_eq!(take(&handle)[0].stanza.type_name(), Some("result"));
    assert_eq!(spooled(&server).await.len(), 0);
    ask(xmpp_wire::IqType::Set, &remove).await;
    assert_eq!(take(&handle)[0].stanza.type_name(), Some("error"));
}
