//! The kernel without doors and modules: mailboxes, the table of sessions, receipts, awaited replies, declarations.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use accounts::Accounts;
use jid::{FullJid, Jid};
use jiff::Timestamp;
use netio::{CertOptions, CertStore};
use store::testing::ScratchStore;
use store::{StoreError, Tx};
use xmpp_wire::{IqType, MessageType, PresenceType, Stanza, StanzaCondition};

use crate::commands::{Command, CommandTable, Field, Shape, Value, Version, field};
use crate::*;

mod order;

fn config(hosts: &str) -> settings::Config {
    let text = format!("hosts: [{hosts}]\nlisten: []\nmodules: {{}}\n");
    let source = settings::Source::Text { name: "test".to_owned(), text };
    let loaded = settings::load(&source, &settings::Inputs::default());
    loaded.map_err(|_| "bad settings").unwrap().config
}

async fn kernel() -> (Kernel, ScratchStore) {
    let store = ScratchStore::open(&accounts::TABLES).unwrap();
    let config = config("example.org");
    let options = accounts::Options::from_config(&config);
    let accounts = Accounts::open(store.clone(), options, random::bytes).await.unwrap();
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let certs = CertOptions { certfiles: Vec::new(), hosts: Vec::new(), self_signed_dir: None };
    let (certs, _) = CertStore::open(&certs, clock.wall().into());
    let parts = Parts {
        store: store.clone(),
        accounts,
        certs,
        clock,
        modules: &[],
        commands: Vec::new(),
        node: settings::NodeName::default(),
    };
    (Kernel::start(parts, config).unwrap(), store)
}

fn session(jid: &str, priority: Option<i8>, bounds: MailboxBounds) -> Arc<SessionHandle> {
    let info = ConnectionInfo { kind: "c2s", peer: None, since: Timestamp::UNIX_EPOCH };
    let handle = SessionHandle::new(FullJid::new(jid).unwrap(), bounds, info);
    handle.set_presence(
        priority.map(|priority| (priority, Stanza::presence(PresenceType::Available))),
    );
    Arc::new(handle)
}

fn chat(to: &str, id: &str) -> Stanza {
    Stanza::message(MessageType::Chat)
        .with_from(jid("a@example.org/1"))
        .with_to(jid(to))
        .with_id(id)
}

fn jid(text: &str) -> Jid {
    Jid::new(text).unwrap()
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().filter_map(|delivery| delivery.stanza.id()).collect()
}

fn taken(mailbox: &Mailbox) -> (Vec<Control>, Vec<Delivery>) {
    let (mut control, mut stanzas) = (Vec::new(), Vec::new());
    mailbox.take(usize::MAX, &mut control, &mut stanzas);
    (control, stanzas)
}

fn bounds(count_max: usize, bytes_max: usize) -> MailboxBounds {
    MailboxBounds { count_max, bytes_max }
}

#[test]
fn messages_are_held_back_and_count_nevertheless() {
    let handle = session("b@example.org/x", Some(0), bounds(4, usize::MAX));
    let mailbox = handle.mailbox();
    let (first, second) = (handle.hold_messages(), handle.hold_messages());
    mailbox.push(chat("b@example.org", "new").into()).unwrap();
    mailbox.push(Stanza::presence(PresenceType::Available).into()).unwrap();
    mailbox.push_ahead(chat("b@example.org", "kept").into()).unwrap();
    drop(first);
    assert_eq!((mailbox.len(), mailbox.ready_len()), (3, 2));
    mailbox.push(chat("b@example.org", "newer").into()).unwrap();
    assert!(mailbox.push(chat("b@example.org", "too much").into()).is_err());
    drop(second);
    assert_eq!(ids(&taken(mailbox).1), ["kept", "new", "newer"]);
    let _held = handle.hold_messages();
    mailbox.push(chat("b@example.org", "left").into()).unwrap();
    assert_eq!(ids(&mailbox.close().held), ["left"], "nothing is lost with the session");
}

/// RFC 6120 §10.1.
#[test]
fn what_a_sender_sends_does_not_overtake_its_own_message_that_is_held_back() {
    let handle = session("b@example.org/x", Some(0), bounds(9, usize::MAX));
    let mailbox = handle.mailbox();
    let held = handle.hold_messages();
    let gone = |from: &str, id: &str| {
        Stanza::presence(PresenceType::Unavailable).with_from(jid(from)).with_id(id)
    };
    mailbox.push(chat("b@example.org", "bye").into()).unwrap();
    mailbox.push(gone("a@example.org/1", "gone").into()).unwrap();
    mailbox.push(gone("a@example.org/2", "other").into()).unwrap();
    assert_eq!(ids(&taken(mailbox).1), ["other"]);
    assert_eq!(ids(&mailbox.take_held()), ["bye", "gone"]);
    mailbox.push(gone("a@example.org/1", "later").into()).unwrap();
    assert_eq!(ids(&taken(mailbox).1), ["later"], "nothing of this sender is held back any more");
    mailbox.push(chat("b@example.org", "bye").into()).unwrap();
    mailbox.push(gone("a@example.org/1", "gone").into()).unwrap();
    drop(held);
    assert_eq!(ids(&taken(mailbox).1), ["bye", "gone"]);
}

#[test]
fn a_mailbox_is_bounded_by_count_and_tells_its_session_once() {
    let mailbox = Mailbox::new(bounds(2, usize::MAX));
    for id in ["1", "2"] {
        mailbox.push(chat("b@example.org", id).into()).unwrap();
    }
    for _ in 0..3 {
        let (refused, back) = mailbox.push(chat("b@example.org", "3").into()).unwrap_err();
        assert_eq!((refused, back.stanza.id()), (Refused::Full, Some("3")));
    }
    let (control, stanzas) = taken(&mailbox);
    assert!(matches!(control[..], [Control::Close(CloseReason::Stalled)]), "{control:?}");
    assert_eq!(ids(&stanzas), ["1", "2"]);
    mailbox.push(chat("b@example.org", "4").into()).unwrap();
}

#[test]
fn a_mailbox_is_bounded_by_bytes_but_takes_one_stanza_of_any_size() {
    let size = chat("b@example.org", "1").size();
    let mailbox = Mailbox::new(bounds(100, size * 2));
    mailbox.push(chat("b@example.org", "1").into()).unwrap();
    mailbox.push(chat("b@example.org", "2").into()).unwrap();
    assert!(mailbox.push(chat("b@example.org", "3").into()).is_err());
    // What is taken is given back to the account of bytes.
    let mut stanzas = Vec::new();
    mailbox.take(1, &mut Vec::new(), &mut stanzas);
    mailbox.push(chat("b@example.org", "3").into()).unwrap();
    assert!(mailbox.push(chat("b@example.org", "4").into()).is_err());

    let narrow = Mailbox::new(bounds(100, 1));
    narrow.push(chat("b@example.org", "big").into()).unwrap();
    assert!(narrow.push(chat("b@example.org", "next").into()).is_err());
}

#[test]
fn control_overtakes_stanzas_and_is_bounded() {
    let mailbox = Mailbox::new(bounds(1, usize::MAX));
    mailbox.push(chat("b@example.org", "1").into()).unwrap();
    assert!(mailbox.push(chat("b@example.org", "2").into()).is_err());
    let first = Arc::new(1);
    for number in [first.clone(), Arc::new(2)] {
        mailbox.control(Control::Attach(Box::new(number))).unwrap();
        mailbox.control(Control::Wake).unwrap();
        mailbox.control(Control::Close(CloseReason::Replaced)).unwrap();
        mailbox.control(Control::Close(CloseReason::Shutdown)).unwrap();
    }
    assert_eq!(Arc::strong_count(&first), 1, "the connection that was overtaken is closed");
    let (mut control, mut stanzas) = (Vec::new(), Vec::new());
    assert!(
        mailbox.take(0, &mut control, &mut stanzas),
        "control is taken without room for stanzas"
    );
    assert!(stanzas.is_empty());
    assert_eq!(control.len(), 3, "{control:?}");
    // The true reason takes the place of having stalled, and the first true reason stays.
    assert!(
        control.iter().any(|item| matches!(item, Control::Close(CloseReason::Replaced))),
        "{control:?}"
    );
    let attached = control.into_iter().find_map(|item| match item {
        Control::Attach(inside) => inside.downcast::<Arc<i32>>().ok(),
        _ => None,
    });
    assert_eq!(**attached.unwrap(), 2);
}

#[test]
fn a_closed_mailbox_returns_what_is_left_and_refuses_the_rest() {
    let mailbox = Mailbox::new(MailboxBounds::default());
    mailbox.push(chat("b@example.org", "1").into()).unwrap();
    mailbox.control(Control::Wake).unwrap();
    let Left { control, stanzas, .. } = mailbox.close();
    assert_eq!((control.len(), ids(&stanzas)), (1, vec!["1"]));
    assert_eq!(mailbox.push(chat("b@example.org", "2").into()).unwrap_err().0, Refused::Closed);
    assert!(mailbox.control(Control::Wake).is_err());
    assert!(mailbox.is_empty());
}

#[tokio::test]
async fn a_sleeping_task_is_woken_and_an_attachment_is_seen_without_being_taken() {
    let handle = session("b@example.org/1", None, MailboxBounds::default());
    let waiting = handle.clone();
    let attached = AtomicUsize::new(0);
    let task = async {
        poll_fn(|cx| waiting.mailbox().poll_given_up(cx)).await;
        attached.store(1, Ordering::SeqCst);
        let (mut control, mut stanzas) = (Vec::new(), Vec::new());
        poll_fn(|cx| waiting.mailbox().poll_take(cx, 10, &mut control, &mut stanzas)).await;
        (control.len(), stanzas.len())
    };
    let sender = async {
        handle.mailbox().push(chat("b@example.org/1", "1").into()).unwrap();
        tokio::task::yield_now().await;
        assert_eq!(attached.load(Ordering::SeqCst), 0, "a stanza is no attachment");
        handle.mailbox().control(Control::Attach(Box::new(()))).unwrap();
    };
    assert_eq!(tokio::join!(task, sender).0, (1, 1));
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(handle.mailbox().poll_given_up(&mut cx), Poll::Pending);
}

#[test]
fn the_table_of_sessions_counts_replaces_and_forgets() {
    let sessions = Sessions::default();
    let plain = |jid| session(jid, None, MailboxBounds::default());
    let (one, two, again) =
        (plain("a@example.org/1"), plain("a@example.org/2"), plain("a@example.org/1"));
    assert!(sessions.add(one.clone()).is_empty() && sessions.add(two.clone()).is_empty());
    let replaced = sessions.add(again.clone());
    assert_eq!(replaced.iter().map(|old| old.number()).collect::<Vec<_>>(), [one.number()]);
    assert_eq!(sessions.count(), 2);
    assert_eq!(sessions.find("a@example.org", "1").unwrap().number(), again.number());
    // The one that was replaced ends later and must not take its successor along.
    assert!(!sessions.remove(&one));
    assert_eq!(sessions.of("a@example.org").len(), 2);
    assert!(sessions.remove(&again) && sessions.remove(&two) && !sessions.remove(&two));
    assert_eq!((sessions.count(), sessions.all().len()), (0, 0));
    assert!(!sessions.is_online(&two.jid().to_bare()));
}

/// RFC 6121 §8.5.2.1.1, with ejabberd's rule for equal priorities.
#[test]
fn messages_to_the_bare_jid_find_their_targets() {
    /// Priorities; targets of a chat message; targets of a headline.
    type Case = (&'static [Option<i8>], &'static [usize], &'static [usize]);
    let rows: &[Case] = &[
        (&[], &[], &[]),
        (&[None], &[], &[]),
        (&[Some(-1)], &[], &[]),
        (&[Some(-1), Some(0)], &[1], &[1]),
        (&[Some(0), Some(5)], &[1], &[0, 1]),
        (&[Some(5), Some(5), Some(1), None], &[0, 1], &[0, 1, 2]),
        (&[Some(-128), None, Some(127)], &[2], &[2]),
    ];
    for (priorities, chat, headline) in rows {
        let all: AccountSessions = priorities
            .iter()
            .enumerate()
            .map(|(place, priority)| {
                session(&format!("a@example.org/{place}"), *priority, MailboxBounds::default())
            })
            .collect();
        let places = |chosen: AccountSessions| -> Vec<usize> {
            chosen.iter().map(|one| one.jid().resource().as_str().parse().unwrap()).collect()
        };
        assert_eq!(places(message_targets(&all, false)), *chat, "chat to {priorities:?}");
        assert_eq!(places(message_targets(&all, true)), *headline, "headline to {priorities:?}");
    }
}

#[derive(Clone, Default)]
struct Counts(Arc<[AtomicUsize; 4]>);

impl Counts {
    /// Recorded, known to be committed, handled.
    fn now(&self) -> [usize; 3] {
        [0, 1, 2].map(|place| self.0[place].load(Ordering::SeqCst))
    }
}

impl Acceptance for Counts {
    fn record(&self, _: &mut Tx<'_>) -> Result<(), StoreError> {
        self.0[0].fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn recorded(&self) {
        self.0[1].fetch_add(1, Ordering::SeqCst);
    }

    fn handled(&self) {
        self.0[2].fetch_add(1, Ordering::SeqCst);
    }

    fn abandoned(&self) {
        self.0[3].fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_stanza_that_a_panic_takes_does_not_count_even_if_it_arrived_elsewhere() {
    let counts = Counts::default();
    let receipt = Receipt::new(counts.clone());
    let copy = receipt.clone();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _taken = copy;
        panic!("on purpose")
    }));
    assert!(panicked.is_err());
    assert_eq!(counts.now(), [0, 0, 0]);
    receipt.settle();
    assert_eq!((counts.now(), counts.0[3].load(Ordering::SeqCst)), ([0, 0, 0], 1));
}

#[tokio::test]
async fn only_the_last_effect_of_a_stanza_records_it() {
    let store = ScratchStore::open(&[]).unwrap();
    let counts = Counts::default();
    let (first, second) = (Receipt::new(counts.clone()), Receipt::new(counts.clone()));
    let copy = first.clone();
    let kept = store.write(move |tx| first.record(tx).map(|()| first)).await.unwrap().into_inner();
    assert_eq!(counts.now(), [0, 0, 0], "another effect is still to come");
    kept.settle();
    assert_eq!(counts.now(), [0, 0, 0]);
    let kept = store.write(move |tx| copy.record(tx).map(|()| copy)).await.unwrap();
    assert_eq!(counts.now(), [1, 0, 0]);
    let (kept, proof) = kept.split();
    kept.complete(proof);
    assert_eq!(counts.now(), [1, 1, 1]);
    drop(second);
    assert_eq!(counts.now(), [1, 1, 2], "each stanza is handled once");
}

#[tokio::test]
async fn a_message_to_one_session_travels_with_the_only_receipt() {
    let (kernel, _store) = kernel().await;
    let host = kernel.host("example.org").unwrap();
    let targets = [
        session("b@example.org/1", Some(0), bounds(1, 1)),
        session("b@example.org/2", Some(0), bounds(1, 1)),
    ];
    kernel.sessions().add(targets[0].clone());
    let counts = Counts::default();
    let send = |id: &'static str| Delivery {
        stanza: chat("b@example.org", id),
        receipt: Some(Receipt::new(counts.clone())),
    };
    kernel.deliver_to_sessions(&host, send("1")).await;
    let (_, mut got) = taken(targets[0].mailbox());
    let receipt = got[0].receipt.take().unwrap();
    let receipt =
        kernel.store().write(move |tx| receipt.record(tx).map(|()| receipt)).await.unwrap();
    assert_eq!(counts.now(), [1, 0, 0], "nobody else holds the receipt");
    drop(receipt);

    kernel.sessions().add(targets[1].clone());
    kernel.deliver_to_sessions(&host, send("2")).await;
    assert_eq!(counts.now(), [1, 0, 1]);
    assert_eq!(targets.each_ref().map(|target| target.mailbox().len()), [1, 1]);
    // The second one is full now: the first still gets it, and it does not come back.
    drop(taken(targets[0].mailbox()));
    kernel.deliver_to_sessions(&host, send("3")).await;
    assert_eq!(targets.each_ref().map(|target| target.mailbox().len()), [1, 1]);
}

#[tokio::test]
async fn what_no_session_takes_goes_back_to_its_sender() {
    let (kernel, _store) = kernel().await;
    let sender = session("a@example.org/1", Some(0), MailboxBounds::default());
    kernel.sessions().add(sender.clone());
    let counts = Counts::default();
    let delivery = Delivery {
        stanza: chat("nobody@example.org/x", "1"),
        receipt: Some(Receipt::new(counts.clone())),
    };
    kernel.route(delivery).await;
    kernel.route(chat("b@elsewhere.example", "2").into()).await;
    let (_, got) = taken(sender.mailbox());
    let conditions: Vec<_> = got.iter().map(|one| one.stanza.error().unwrap().condition).collect();
    assert_eq!(
        conditions,
        [StanzaCondition::ServiceUnavailable, StanzaCondition::RemoteServerNotFound]
    );
    assert_eq!(counts.now(), [0, 0, 1], "refused with an error is handled");
    // An error is never answered, so two servers cannot send each other errors for ever.
    let error = Stanza::message(MessageType::Error)
        .with_from(jid("a@example.org/1"))
        .with_to(jid("no@elsewhere.example"));
    kernel.route(error.into()).await;
    assert!(sender.mailbox().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_who_was_asked_may_answer_and_time_forgets() {
    let (kernel, _store) = kernel().await;
    let client = session("a@example.org/1", Some(0), MailboxBounds::default());
    kernel.sessions().add(client.clone());
    let ask = |kernel: Kernel| async move {
        let request = Stanza::iq(IqType::Get, "mine")
            .with_from(jid("example.org"))
            .with_to(jid("a@example.org/1"));
        kernel.pending_replies().request(&kernel, request, Duration::from_secs(10)).await
    };
    let answer = |from: &str, id: &str| {
        Stanza::iq(IqType::Result, id).with_from(jid(from)).with_to(jid("example.org"))
    };
    let client_side = async {
        let request = loop {
            tokio::task::yield_now().await;
            if let Some(request) = taken(client.mailbox()).1.pop() {
                break request.stanza;
            }
        };
        let id = request.id().unwrap().to_owned();
        assert_ne!(id, "mine", "the id cannot be guessed");
        for forged in [
            answer("b@example.org/1", &id),
            answer("a@example.org", &id),
            answer("a@example.org/1", "other"),
        ] {
            assert!(kernel.pending_replies().resolve(forged).is_some());
        }
        kernel.route(answer("a@example.org/1", &id).into()).await;
        id
    };
    let (answered, id) = tokio::join!(ask(kernel.clone()), client_side);
    assert_eq!(answered.unwrap().id(), Some(&*id));
    assert!(
        kernel.pending_replies().resolve(answer("a@example.org/1", &id)).is_some(),
        "an answer counts once"
    );

    assert!(ask(kernel.clone()).await.is_none(), "nobody answered in time");
    let late = taken(client.mailbox()).1.pop().unwrap().stanza.id().unwrap().to_owned();
    assert!(kernel.pending_replies().resolve(answer("a@example.org/1", &late)).is_some());
}

#[test]
fn disco_lists_what_was_declared_in_order() {
    let mut disco = Disco::default();
    for var in ["urn:b", "urn:a", "urn:b"] {
        disco.feature(At::Account, var);
    }
    disco.identity(At::Server, Identity { category: "server", kind: "im", name: "x".into() });
    disco.identity(
        At::Account,
        Identity { category: "account", kind: "registered", name: "".into() },
    );
    for name in ["z.example.org", "a.example.org"] {
        disco.item(Item { jid: name.to_owned(), name: None, node: None });
    }
    disco.finish(&IqTables::default());
    assert_eq!(disco.features(At::Account).collect::<Vec<_>>(), ["urn:a", "urn:b"]);
    assert_eq!(disco.features(At::Server).collect::<Vec<_>>(), ["iq", "presence"]);
    assert_eq!(
        disco.identities(At::Server).map(|one| one.category).collect::<Vec<_>>(),
        ["server"]
    );
    assert_eq!(
        disco.items().iter().map(|item| &*item.jid).collect::<Vec<_>>(),
        ["a.example.org", "z.example.org"]
    );
}

const fn version(since: u8) -> Version {
    const RESULT: Field = field("res", Shape::Rescode);
    Version { since, result: RESULT, run: |_| Box::pin(async { Ok(Value::OK) }), ..Version::FIRST }
}

#[test]
fn a_command_answers_in_the_newest_version_its_caller_knows() {
    static VERSIONS: &[Version] = &[version(1), version(3)];
    let command = Command { name: "b", about: "first", versions: VERSIONS, ..Command::PLAIN };
    let since = |version| command.version(version).map(|found| found.since);
    assert_eq!(
        [since(0), since(1), since(2), since(3), since(9)],
        [None, Some(1), Some(1), Some(3), Some(3)]
    );

    let mut table = CommandTable::default();
    table.add(&[command, Command { name: "a", ..command }], |_| true);
    let needy = Command { name: "needy", needs: Some("mod_x"), ..command };
    table.add(&[Command { about: "second", ..command }, needy], |module| module == "mod_y");
    assert!(table.get("needy").is_none());
    table.add(&[needy], |module| module == "mod_x");
    assert!(table.get("needy").is_some());
    assert_eq!(table.iter().map(|one| one.name).collect::<Vec<_>>(), ["a", "b", "needy"]);
    assert_eq!(table.get("b").unwrap().about, "first");
    assert!(table.get("c").is_none());
}

#[tokio::test]
async fn a_reload_ends_the_sessions_of_hosts_that_are_gone_and_no_others() {
    let (kernel, _store) = kernel().await;
    kernel.reload(config("example.org, example.net")).unwrap();
    let [stays, goes] =
        ["a@example.org/1", "a@example.net/1"].map(|jid| session(jid, None, bounds(9, 999)));
    kernel.sessions().add(stays.clone());
    kernel.sessions().add(goes.clone());
    kernel.reload(config("example.org")).unwrap();
    assert!(taken(stays.mailbox()).0.is_empty());
    assert!(matches!(taken(goes.mailbox()).0[..], [Control::Close(CloseReason::HostGone)]));
}

#[tokio::test]
async fn reloads_at_the_same_time_leave_one_configuration_not_a_mixture() {
    let (kernel, _store) = kernel().await;
    for _ in 0..50 {
        std::thread::scope(|scope| {
            for other in ["one.example", "two.example", "three.example"] {
                let kernel = &kernel;
                scope.spawn(move || {
                    kernel.reload(config(&format!("example.org, {other}"))).unwrap()
                });
            }
        });
        // Hosts without configuration, or the other way round, would be missing here.
        assert_eq!(kernel.hosts().len(), 2, "{:?}", kernel.config().hosts());
    }
    assert_eq!(kernel.host("example.org").unwrap().generation().number(), 151);
}

#[tokio::test(start_paused = true)]
async fn what_happens_is_told_to_the_metrics() {
    let metrics = observe::Metrics::install().unwrap();
    let (kernel, _store) = kernel().await;
    let handle = session("b@example.org/1", Some(0), bounds(2, 9_999));
    kernel.sessions().add(handle.clone());
    let waiting = session("b@example.org/2", None, bounds(2, 9_999));
    waiting.set_detached(true);
    kernel.sessions().add(waiting);
    for id in ["1", "2", "3"] {
        kernel.route(chat("b@example.org", id).into()).await;
    }
    kernel.report_metrics();
    metrics.upkeep();
    let text = metrics.render();
    for line in [
        "rookery_stanzas_total{kind=\"message\"} 4",
        "rookery_stanzas_bounced_total{condition=\"service-unavailable\"} 1",
        "rookery_mailbox_overflows_total 1",
        "rookery_sessions_open{host=\"example.org\"} 2",
        "rookery_sessions_detached{host=\"example.org\"} 1",
        "rookery_store_commits_total ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
