//! The roster in a whole kernel without network: clients are sessions whose mailbox the test reads.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::store::testing::{ScratchStore, check_set_against_facts};
use jid::{BareJid, FullJid};
use kernel::contracts::{Roster as _, Subscription};
use kernel::hooks::{
    AccountRemoved, Flow, Outgoing, OwnPresence, SelfPresence, SessionClosed, UserSend,
};
use kernel::{
    Clock, ConnectionInfo, Delivery, Effect, Kernel, MailboxBounds, ModuleEntry, Parts, Route,
    Session, SessionHandle, entry,
};
use settings::{Config, Inputs, Source};
use stdx::Secret;
use xmpp_wire::{PresenceType, Stanza, StanzaKind};

use super::item::Item;
use super::state::State;
use super::{Rosters, store};

static LISTS: &[&[ModuleEntry]] = &[&[entry::<Rosters>()]];

/// A server with the accounts romeo, juliet and nurse.
pub(crate) struct Bench {
    pub(crate) kernel: Kernel,
    store: ScratchStore,
}

fn config(options: &str) -> Config {
    let text = format!("hosts: [example.org]\nmodules:\n  mod_roster: {{{options}}}\n");
    let source = Source::Text { name: "ejabberd.yml".into(), text };
    settings::load(&source, &Inputs::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config
}

fn random() -> [u8; 32] {
    kernel::random::bytes()
}

impl Bench {
    pub(crate) async fn new(options: &str) -> Self {
        let config = config(options);
        let mut sets = accounts::TABLES.to_vec();
        sets.push(&store::TABLES);
        let store = ScratchStore::open(&sets).unwrap();
        let accounts = accounts::Accounts::open(
            store.clone(),
            accounts::Options::from_config(&config),
            random,
        );
        let parts = Parts {
            store: store.clone(),
            accounts: accounts.await.unwrap(),
            certs: netio::CertStore::open(&netio::CertOptions::default(), SystemTime::UNIX_EPOCH).0,
            clock: Clock::system(),
            modules: LISTS,
            commands: Vec::new(),
        };
        let kernel = Kernel::start(parts, config).unwrap_or_else(|problems| panic!("{problems:?}"));
        for user in ["romeo", "juliet", "nurse"] {
            let done =
                kernel.accounts().register(user, "example.org", &Secret::new("secret")).await;
            done.unwrap().into_inner();
        }
        Self { kernel, store }
    }

    pub(crate) fn rosters(&self) -> Arc<Rosters> {
        self.kernel.host("example.org").unwrap().generation().module("mod_roster").unwrap()
    }

    /// A bound session that has sent nothing.
    pub(crate) fn connect(&self, jid: &str) -> Client {
        let info =
            ConnectionInfo { kind: "c2s_tls", peer: None, since: self.kernel.clock().wall() };
        let jid = FullJid::new(jid).unwrap();
        let handle = Arc::new(SessionHandle::new(jid, MailboxBounds::default(), info));
        self.kernel.sessions().add(handle.clone());
        let host = self.kernel.host("example.org").unwrap();
        Client { session: Session::new(self.kernel.clone(), host, handle), sent: Vec::new() }
    }

    /// A session that has asked for its roster and is available.
    pub(crate) async fn login(&self, jid: &str) -> Client {
        let mut client = self.connect(jid);
        client.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").await;
        client.send("<presence/>").await;
        client.received();
        client
    }

    /// Makes two accounts see each other.
    pub(crate) async fn befriend(&self, one: &str, other: &str) {
        for (account, contact) in [(one, other), (other, one)] {
            let contact = contact.to_owned();
            let (rosters, account) = (self.rosters(), BareJid::new(account).unwrap());
            let done = rosters.change(&self.kernel, &account, move |tx, owner| {
                let state = State { to: true, from: true, ..State::default() };
                store::write_item(
                    tx,
                    owner,
                    &contact,
                    &Item { state, listed: true, ..Item::default() },
                )?;
                Ok(super::change::Outcome { value: (), push: None })
            });
            done.await.unwrap().into_inner();
        }
    }

    async fn rows(&self) -> Vec<String> {
        let sql = "SELECT username || ' ' || jid || ' ' || subscription || ask || approved || ' ' || askmessage \
                   FROM rosterusers ORDER BY 1";
        self.store.read(move |query| query.query(sql, &[], |row| row.get(0))).await.unwrap()
    }

    /// What another server gets from this one.
    pub(crate) fn other_server(&self, domain: &str) -> Arc<OtherServer> {
        let server = Arc::new(OtherServer::default());
        self.kernel.routes().add(domain, server.clone());
        server
    }

    /// A stanza of another server.
    pub(crate) async fn outside(&self, xml: &str) {
        self.kernel.route(Stanza::parse(xml.as_bytes()).unwrap().into()).await;
    }
}

/// Keeps what it gets.
#[derive(Default)]
pub(crate) struct OtherServer(parking_lot::Mutex<Vec<String>>);

impl OtherServer {
    pub(crate) fn received(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Route for OtherServer {
    fn deliver(&self, _: &Kernel, delivery: Delivery) {
        self.0.lock().push(format!("{:?}", delivery.stanza));
    }
}

/// A client: what it sends goes the way of a client-to-server session.
pub(crate) struct Client {
    pub(crate) session: Session,
    sent: Vec<Stanza>,
}

impl Client {
    pub(crate) async fn send(&mut self, xml: &str) {
        let mut stanza = Stanza::parse(xml.as_bytes()).unwrap();
        stanza.set_from(Some(self.session.jid().clone().into()));
        let generation = self.session.generation();
        let mut event = Outgoing { stanza: &mut stanza, session: &mut self.session };
        if generation.chains().run::<UserSend>(&mut event).await == Flow::Continue {
            match (stanza.kind(), stanza.to()) {
                (StanzaKind::Presence(kind), None) => self.own_presence(kind, stanza).await,
                (_, None) => {
                    stanza.set_to(Some(self.session.account().clone().into()));
                    self.session.kernel().clone().route(stanza.into()).await;
                }
                _ => self.session.kernel().clone().route(stanza.into()).await,
            }
        }
        self.effects().await;
    }

    async fn own_presence(&mut self, kind: PresenceType, presence: Stanza) {
        let next = (kind == PresenceType::Available).then(|| (0, presence.clone()));
        let previous = self.session.handle().set_presence(next);
        let generation = self.session.generation();
        let mut event = OwnPresence { presence: &presence, previous, session: &mut self.session };
        generation.chains().run::<SelfPresence>(&mut event).await;
    }

    async fn effects(&mut self) {
        for effect in self.session.take_effects() {
            match effect {
                Effect::Send(stanza) => self.sent.push(stanza),
                Effect::Route(delivery) => self.session.kernel().clone().route(delivery).await,
                Effect::Close(reason) => panic!("closed: {reason:?}"),
            }
        }
    }

    /// The connection ends without a word.
    pub(crate) async fn vanish(mut self) {
        self.session.kernel().sessions().remove(self.session.handle());
        let generation = self.session.generation();
        let mut session = &mut self.session;
        generation.chains().run::<SessionClosed>(&mut session).await;
    }

    /// Everything that came, ids of pushes left out.
    pub(crate) fn received(&mut self) -> Vec<String> {
        let (mut control, mut mail) = (Vec::new(), Vec::new());
        self.session.handle().mailbox().take(usize::MAX, &mut control, &mut mail);
        let all = self.sent.drain(..).chain(mail.into_iter().map(|delivery| delivery.stanza));
        let text = |mut stanza: Stanza| {
            if stanza.kind() == StanzaKind::Iq(xmpp_wire::IqType::Set) {
                stanza.set_id(None);
            }
            format!("{stanza:?}")
        };
        all.map(text).collect()
    }

    /// What came, by the parts of it that matter here.
    pub(crate) fn summary(&mut self) -> Vec<String> {
        let parts = |xml: String| {
            let attr = |name: &str| {
                let (_, rest) = xml.split_once(&format!(" {name}='"))?;
                rest.split_once('\'').map(|(value, _)| value.replace("@example.org", ""))
            };
            let from = attr("from").unwrap_or_default();
            match (xml.starts_with("<iq"), attr("subscription")) {
                (false, _) => format!("{from}: {}", attr("type").unwrap_or("available".into())),
                (true, None) => format!("iq {}", attr("type").unwrap_or_default()),
                (true, Some(state)) => {
                    let ask = attr("ask").map(|_| "+ask").unwrap_or_default();
                    let approved = attr("approved").map(|_| "+approved").unwrap_or_default();
                    format!("push {} {state}{ask}{approved}", attr("jid").unwrap_or_default())
                }
            }
        };
        self.received().into_iter().map(parts).collect()
    }
}

fn set(item: &str) -> String {
    format!("<iq type='set' id='s'><query xmlns='jabber:iq:roster'>{item}</query></iq>")
}

#[test]
fn the_tables_are_those_of_ejabberd() {
    check_set_against_facts(&store::TABLES).unwrap();
}

#[tokio::test]
async fn items_come_back_from_the_store_as_they_were() {
    let bench = Bench::new("").await;
    let account = BareJid::new("romeo@example.org").unwrap();
    let none = State::default();
    let states = [
        none,
        State { pending_out: true, ..none },
        State { pending_out: true, pending_in: true, ..none },
        State { to: true, approved: true, ..none },
        State { to: true, pending_in: true, ..none },
        State { from: true, pending_out: true, ..none },
        State { to: true, from: true, ..none },
    ];
    let named = |name: &str, state| Item {
        name: name.into(),
        groups: vec!["A".into(), "Z".into()],
        state,
        reason: "hi".into(),
        listed: true,
    };
    let mut items: Vec<_> = states.into_iter().map(|state| named("it's", state)).collect();
    // A mere request, and the same put into the roster without name and groups.
    let request = Item { state: State { pending_in: true, ..none }, ..Item::default() };
    items.push(request.clone());
    items.push(Item { listed: true, ..request });
    let written = items.clone();
    let owner = store::Owner::new(&account);
    let done = bench.store.write({
        let owner = owner.clone();
        move |tx| {
            for (number, item) in written.iter().enumerate() {
                store::write_item(tx, &owner, &format!("c{number}@example.net"), item)?;
            }
            Ok((store::count(tx, &owner, true)?, store::count(tx, &owner, false)?))
        }
    });
    assert_eq!(done.await.unwrap().into_inner(), (1, 8));
    let read = bench.store.read(move |query| {
        let one = store::read_item(query, &owner, "c3@example.net")?;
        Ok((store::read_book(query, &owner)?, one))
    });
    let (book, one) = read.await.unwrap();
    for (number, item) in items.iter().enumerate() {
        assert_eq!(book.item(&format!("c{number}@example.net")), Some(item), "item {number}");
    }
    assert_eq!(one.as_ref(), items.get(3));
    assert_eq!(book.to_elements().count(), 8, "a request is not shown");
}

#[tokio::test]
async fn two_accounts_subscribe_to_each_other() {
    let bench = Bench::new("").await;
    let mut romeo = bench.login("romeo@example.org/orchard").await;
    let mut juliet = bench.login("juliet@example.org/balcony").await;
    romeo.send("<presence to='juliet@example.org/balcony' type='subscribe'><status>Hi</status></presence>").await;
    assert_eq!(romeo.summary(), ["push juliet none+ask"]);
    assert_eq!(
        juliet.received(),
        [
            "<presence to='juliet@example.org' from='romeo@example.org' type='subscribe'><status>Hi</status></presence>"
        ]
    );
    romeo.send("<presence to='juliet@example.org' type='subscribe'/>").await;
    assert_eq!(juliet.summary(), [""; 0], "one request is enough");
    assert_eq!(
        bench.rows().await,
        ["juliet romeo@example.org NI0 Hi", "romeo juliet@example.org NO0 "]
    );
    juliet.send("<presence to='romeo@example.org' type='subscribed'/>").await;
    assert_eq!(juliet.summary(), ["push romeo from"]);
    assert_eq!(
        romeo.summary(),
        ["push juliet to", "juliet: subscribed", "juliet/balcony: available"]
    );
    juliet.send("<presence to='romeo@example.org' type='subscribe'/>").await;
    romeo.send("<presence to='juliet@example.org' type='subscribed'/>").await;
    assert_eq!(
        juliet.summary(),
        ["push romeo from+ask", "push romeo both", "romeo: subscribed", "romeo/orchard: available"]
    );
    assert_eq!(
        bench.rows().await,
        ["juliet romeo@example.org BN0 ", "romeo juliet@example.org BN0 "]
    );
    romeo.received();
    let juliet_jid = BareJid::new("juliet@example.org").unwrap();
    let contacts = bench.rosters().contacts(&juliet_jid).await.unwrap();
    assert_eq!(contacts.first().map(|contact| contact.subscription), Some(Subscription::Both));
    // And back again.
    juliet.send("<presence to='romeo@example.org' type='unsubscribed'/>").await;
    assert_eq!(juliet.summary(), ["push romeo to"]);
    assert_eq!(
        romeo.summary(),
        ["juliet/balcony: unavailable", "push juliet from", "juliet: unsubscribed"]
    );
}

#[tokio::test]
async fn a_request_waits_for_the_next_log_in() {
    let bench = Bench::new("").await;
    bench
        .outside("<presence from='mercutio@example.net/x' to='romeo@example.org' type='subscribe'><status>Ho</status></presence>")
        .await;
    let mut romeo = bench.connect("romeo@example.org/orchard");
    romeo.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").await;
    let roster = romeo.received();
    assert!(roster.iter().all(|xml| !xml.contains("mercutio")), "{roster:?}");
    romeo.send("<presence/>").await;
    let shown = "<presence to='romeo@example.org' from='mercutio@example.net' type='subscribe'><status>Ho</status></presence>";
    assert!(romeo.received().iter().any(|xml| xml == shown));
    romeo.send("<presence><show>away</show></presence>").await;
    assert!(romeo.received().iter().all(|xml| xml != shown), "once at each log-in");
    romeo.send("<presence to='mercutio@example.net' type='unsubscribed'/>").await;
    romeo.received();
    assert_eq!(bench.rows().await, [""; 0], "a refused request leaves nothing");
}

#[tokio::test]
async fn strangers_learn_and_cause_nothing() {
    let bench = Bench::new("").await;
    let mut romeo = bench.login("romeo@example.org/orchard").await;
    for verb in ["subscribe", "subscribed", "unsubscribe", "unsubscribed"] {
        bench
            .outside(&format!(
                "<presence from='romeo@example.org' to='nobody@example.org' type='{verb}'/>"
            ))
            .await;
        bench
            .outside(&format!(
                "<presence from='x@example.net' to='nobody@example.org' type='{verb}'/>"
            ))
            .await;
        assert_eq!(bench.rows().await, [""; 0], "{verb}");
    }
    assert_eq!(romeo.summary(), [""; 0]);
    for verb in ["subscribed", "unsubscribe", "unsubscribed"] {
        bench
            .outside(&format!(
                "<presence from='x@example.net' to='romeo@example.org' type='{verb}'/>"
            ))
            .await;
    }
    assert_eq!(romeo.summary(), [""; 0], "unasked answers go nowhere");
    assert_eq!(bench.rows().await, [""; 0]);
}

#[tokio::test]
async fn pre_approval_answers_in_the_accounts_name() {
    let bench = Bench::new("").await;
    let mut romeo = bench.login("romeo@example.org/orchard").await;
    let mut juliet = bench.login("juliet@example.org/balcony").await;
    juliet.send("<presence to='romeo@example.org' type='subscribed'/>").await;
    assert_eq!(juliet.summary(), ["push romeo none+approved"]);
    assert_eq!(romeo.summary(), [""; 0], "a pre-approval is not routed");
    romeo.send("<presence to='juliet@example.org' type='subscribe'/>").await;
    assert_eq!(juliet.summary(), ["push romeo from+approved"], "she is not asked");
    assert_eq!(
        romeo.summary(),
        [
            "push juliet none+ask",
            "push juliet to",
            "juliet: subscribed",
            "juliet/balcony: available"
        ]
    );
}

#[tokio::test]
async fn a_set_is_pushed_to_every_interested_resource() {
    let bench = Bench::new("").await;
    let mut first = bench.login("romeo@example.org/one").await;
    let mut second = bench.login("romeo@example.org/two").await;
    let mut aloof = bench.connect("romeo@example.org/three");
    first.received();
    first.send(&set("<item jid='Nurse@example.org' name='N &amp; N'><group>B</group><group>A</group></item>")).await;
    let push = |to: &str| {
        format!(
            "<iq to='romeo@example.org/{to}' from='romeo@example.org' type='set'><query xmlns='jabber:iq:roster'>\
             <item subscription='none' name='N &amp;amp; N' jid='nurse@example.org'><group>A</group><group>B</group></item></query></iq>"
        )
        .replace("&amp;amp;", "&amp;")
    };
    let answer = "<iq to='romeo@example.org/one' from='romeo@example.org' type='result' id='s'/>";
    assert_eq!(first.received(), [push("one"), answer.to_owned()]);
    assert_eq!(second.received(), [push("two")]);
    assert_eq!(aloof.received(), [""; 0]);
    second.send(&set("<item jid='nurse@example.org' subscription='remove'/>")).await;
    assert_eq!(first.summary(), ["push nurse remove"]);
    assert_eq!(bench.rows().await, [""; 0]);
    second.received();
    second.send(&set("<item jid='nurse@example.org' subscription='remove'/>")).await;
    assert!(second.received().concat().contains("item-not-found"));
}

#[tokio::test]
async fn wrong_sets_are_refused() {
    let bench = Bench::new("").await;
    let mut romeo = bench.login("romeo@example.org/orchard").await;
    let long = "x".repeat(1024);
    let cases = [
        (set(""), "bad-request"),
        (set("<item jid='a@b'/><item jid='c@d'/>"), "bad-request"),
        (set("<item/>"), "bad-request"),
        (set("<item jid='@'/>"), "jid-malformed"),
        (set("<item jid='a@b'><group/></item>"), "not-acceptable"),
        (set("<item jid='a@b'><group>g</group><group>g</group></item>"), "bad-request"),
        (set(&format!("<item jid='a@b' name='{long}'/>")), "not-acceptable"),
        (set(&format!("<item jid='a@b'><group>{long}</group></item>")), "not-acceptable"),
        (set("<item jid='a@b'/>").replace("<iq", "<iq to='juliet@example.org'"), "forbidden"),
        (
            "<iq type='get' id='g' to='juliet@example.org'><query xmlns='jabber:iq:roster'/></iq>"
                .to_owned(),
            "forbidden",
        ),
    ];
    for (xml, condition) in cases {
        romeo.send(&xml).await;
        let answer = romeo.received();
        assert!(answer.len() == 1 && answer.concat().contains(condition), "{xml}: {answer:?}");
    }
    assert_eq!(bench.rows().await, [""; 0]);
}

#[tokio::test]
async fn removal_ends_both_subscriptions() {
    let bench = Bench::new("").await;
    bench.befriend("romeo@example.org", "juliet@example.org").await;
    let mut romeo = bench.login("romeo@example.org/orchard").await;
    let mut juliet = bench.login("juliet@example.org/balcony").await;
    romeo.received();
    romeo.send(&set("<item jid='juliet@example.org' subscription='remove'/>")).await;
    assert_eq!(romeo.summary(), ["push juliet remove", "juliet/balcony: unavailable", "iq result"]);
    assert_eq!(
        juliet.summary(),
        [
            "romeo/orchard: unavailable",
            "push romeo to",
            "romeo: unsubscribe",
            "push romeo none",
            "romeo: unsubscribed"
        ]
    );
    assert_eq!(bench.rows().await, ["juliet romeo@example.org NN0 "]);
}

#[tokio::test]
async fn a_removed_account_leaves_its_contacts() {
    let bench = Bench::new("").await;
    bench.befriend("romeo@example.org", "juliet@example.org").await;
    let mut juliet = bench.login("juliet@example.org/balcony").await;
    bench.kernel.announce::<AccountRemoved>(&BareJid::new("romeo@example.org").unwrap()).await;
    assert_eq!(bench.rows().await, ["juliet romeo@example.org NN0 "]);
    assert!(juliet.summary().contains(&"romeo: unsubscribed".to_owned()));
    assert!(
        bench.rosters().book(&BareJid::new("romeo@example.org").unwrap()).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn an_unchanged_roster_is_not_sent_again() {
    for stored in ["false", "true"] {
        let bench = Bench::new(&format!("versioning: true, store_current_id: {stored}")).await;
        let mut romeo = bench.login("romeo@example.org/orchard").await;
        let get = |ver: &str| {
            format!("<iq type='get' id='g'><query xmlns='jabber:iq:roster' ver='{ver}'/></iq>")
        };
        let version = |answer: &str| {
            let (_, rest) = answer.split_once(" ver='").expect("a version");
            rest.split_once('\'').unwrap().0.to_owned()
        };
        romeo.send(&get("")).await;
        let empty = version(&romeo.received().concat());
        romeo.send(&set("<item jid='nurse@example.org'/>")).await;
        let pushed = version(&romeo.received().concat());
        assert_ne!(empty, pushed);
        romeo.send(&get(&pushed)).await;
        assert!(!romeo.received().concat().contains("query"), "the push had the present version");
        romeo.send(&get(&empty)).await;
        let full = romeo.received().concat();
        assert!(full.contains("nurse@example.org") && version(&full) == pushed);
        bench
            .outside("<presence from='x@example.net' to='romeo@example.org' type='subscribe'/>")
            .await;
        romeo.received();
        romeo.send(&get(&pushed)).await;
        assert!(!romeo.received().concat().contains("query"), "a request changes nothing visible");
    }
}

#[tokio::test]
async fn the_access_rule_covers_items_and_subscriptions() {
    let bench = Bench::new("access: none").await;
    let mut romeo = bench.login("romeo@example.org/orchard").await;
    romeo.send(&set("<item jid='nurse@example.org'/>")).await;
    romeo.send("<presence to='juliet@example.org' type='subscribe'/>").await;
    let answers = romeo.received();
    assert!(
        answers.len() == 2 && answers.iter().all(|xml| xml.contains("not-allowed")),
        "{answers:?}"
    );
    assert_eq!(bench.rows().await, [""; 0]);
}

#[tokio::test]
async fn the_cache_survives_a_reload_and_is_never_old() {
    let bench = Bench::new("").await;
    let account = BareJid::new("romeo@example.org").unwrap();
    let book = bench.rosters().book(&account).await.unwrap();
    bench.kernel.reload(config("versioning: true")).unwrap();
    let again = bench.rosters().book(&account).await.unwrap();
    assert!(Arc::ptr_eq(&book, &again), "kept over the reload");
    // A reader that asked before a change must not bring back what it saw.
    let shelf = &bench.rosters().shelf;
    let epoch = shelf.epoch(account.as_str());
    shelf.forget(account.as_str());
    shelf.keep(account.as_str(), epoch, &book);
    assert!(shelf.get(account.as_str()).is_none());
    bench.kernel.reload(config("use_cache: false")).unwrap();
    let one = bench.rosters().book(&account).await.unwrap();
    assert!(!Arc::ptr_eq(&one, &bench.rosters().book(&account).await.unwrap()));
}

#[tokio::test]
async fn a_lost_request_is_repeated_at_the_next_log_in() {
    let bench = Bench::new("").await;
    let mut romeo = bench.login("romeo@example.org/orchard").await;
    romeo.send("<presence to='juliet@example.org' type='subscribe'/>").await;
    let juliet = BareJid::new("juliet@example.org").unwrap();
    let rosters = bench.rosters();
    let lost = rosters.change(&bench.kernel, &juliet, |tx, owner| {
        store::delete_book(tx, owner)?;
        Ok(super::change::Outcome { value: (), push: None })
    });
    lost.await.unwrap().into_inner();
    bench.login("romeo@example.org/garden").await;
    let rows = bench.rows().await;
    assert_eq!(rows, ["juliet romeo@example.org NI0 ", "romeo juliet@example.org NO0 "]);
}

#[tokio::test]
async fn a_roster_has_bounds() {
    let bench = Bench::new("use_cache: false").await;
    let fill = |ask: &'static str, count: i64| {
        bench.store.write(move |tx| {
            tx.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) \
                 INSERT INTO rosterusers (username, server_host, jid, nick, subscription, approved, ask, askmessage, \
                 server, subscribe, type) \
                 SELECT 'romeo', 'example.org', ?1 || i || '@example.net', '', 'N', 0, ?1, '', 'N', '', 'item' FROM n",
                &[&ask, &count],
            )
        })
    };
    fill("I", super::item::REQUESTS_MAX - 1).await.unwrap().into_inner();
    fill("N", super::item::ITEMS_MAX - 1).await.unwrap().into_inner();
    let count = || async {
        let sql = "SELECT count(*) FROM rosterusers WHERE jid NOT LIKE '%@example.net'";
        bench
            .store
            .read(move |query| query.query_one(sql, &[], |row| row.get::<i64>(0)))
            .await
            .unwrap()
    };
    let mut romeo = bench.connect("romeo@example.org/orchard");
    for stranger in ["a@example.com", "b@example.com"] {
        bench
            .outside(&format!(
                "<presence from='{stranger}' to='romeo@example.org' type='subscribe'/>"
            ))
            .await;
    }
    assert_eq!(count().await, 1, "one request fitted in");
    romeo.send(&set("<item jid='c@example.com'/>")).await;
    assert!(romeo.received().concat().contains("result"));
    romeo.send(&set("<item jid='d@example.com'/>")).await;
    assert!(romeo.received().concat().contains("policy-violation"));
    romeo.send("<presence to='e@example.com' type='subscribe'/>").await;
    assert!(romeo.received().concat().contains("policy-violation"));
    romeo.send(&set("<item jid='c@example.com' name='still'/>")).await;
    assert!(romeo.received().concat().contains("result"), "what is there can be changed");
    assert_eq!(count().await, 2);
}

#[tokio::test]
async fn a_store_that_fails_is_not_hidden() {
    let bench = Bench::new("use_cache: false").await;
    let mut romeo = bench.login("romeo@example.org/orchard").await;
    tokio::time::timeout(Duration::from_secs(5), bench.store.close()).await.unwrap().unwrap();
    romeo.send(&set("<item jid='nurse@example.org'/>")).await;
    romeo.send("<presence to='juliet@example.org' type='subscribe'/>").await;
    romeo.send("<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>").await;
    let answers = romeo.received();
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert!(answers.iter().all(|xml| xml.contains("resource-constraint")), "{answers:?}");
}
