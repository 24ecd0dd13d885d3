//! The roster in a whole kernel without network: clients are sessions whose mailbox the test reads.

pub(crate) mod bench;

use std::sync::Arc;
use std::time::Duration;

use ::store::testing::check_set_against_facts;
use jid::BareJid;
use kernel::contracts::{Roster as _, Subscription};
use kernel::hooks::AccountRemoved;

use super::item::Item;
use super::state::State;
use super::store;

use bench::{Bench, config};

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
        Ok(super::change::Outcome { value: (), pushes: Vec::new() })
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
