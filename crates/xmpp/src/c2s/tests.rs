//! Sessions without sockets: the journal of stream management on a scratch store, its failure, and its restoration.

use std::sync::Arc;
use std::time::Duration;

use ::store::testing::ScratchStore;
use accounts::Accounts;
use jid::{FullJid, Jid};
use kernel::{
    Clock, CloseReason, ConnectionInfo, Control, Delivery, Kernel, MailboxBounds, Parts, Receipt,
    Session, SessionHandle,
};
use netio::{CertOptions, CertStore, Transport};
use tokio::io::AsyncReadExt;
use xmlstream::{Element, Limits};
use xmpp_wire::sm::{Counter, Handled, Ledger};
use xmpp_wire::{MessageType, PresenceType, Stanza, ns};

use super::inbound::priority;
use super::session::{ClientSession, Ending, Next};
use super::sm::{
    Inbound, Journal, JournalEntry, Kept, ResendOnTimeout, Resumption, SessionRow, Sm, SmId,
    StreamMgmt, restore, store,
};
use crate::carriers::Carrier;

mod crashes;
mod panics;
mod sasl2;

struct Bench {
    kernel: Kernel,
    scratch: ScratchStore,
}

impl Bench {
    async fn new() -> Self {
        let mut tables: Vec<_> = accounts::TABLES.to_vec();
        tables.extend(crate::MODULES.iter().flat_map(|module| module.tables.iter().copied()));
        let scratch = ScratchStore::open(&tables).unwrap();
        Self { kernel: boot(&scratch).await, scratch }
    }

    /// What the server finds after a crash: the same store, nothing in memory.
    async fn reboot(&mut self) -> usize {
        self.kernel = boot(&self.scratch).await;
        restore(&self.kernel).await.unwrap()
    }

    fn handle(&self, jid: &str) -> Arc<SessionHandle> {
        let info =
            ConnectionInfo { kind: "c2s_tls", peer: None, since: self.kernel.clock().wall() };
        Arc::new(SessionHandle::new(FullJid::new(jid).unwrap(), MailboxBounds::default(), info))
    }

    /// A session with stream management, in the journal and in the table of sessions.
    async fn managed(&self, jid: &str, id: &str, max_ack_queue: usize) -> ClientSession {
        let handle = self.handle(jid);
        self.kernel.sessions().add(handle.clone());
        let host = self.kernel.host("example.org").unwrap();
        let module = StreamMgmt::of(&host.generation()).unwrap();
        let mut policy = super::sm::Policy::clone(&module.policy());
        policy.max_ack_queue = max_ack_queue;
        policy.resend_on_timeout = ResendOnTimeout::Yes;
        let id = SmId::new(id);
        let inbound = Inbound::new(id.clone(), Ledger::default(), handle.clone());
        let mut sm = Sm::new(&self.kernel, id.clone(), Arc::new(policy), ns::SM, inbound);
        sm.resume_for = Some(Duration::from_secs(300));
        sm.journal.open(row(handle.jid())).await.unwrap();
        module.registry().add(&id, &handle);
        let session = Session::new(self.kernel.clone(), host, handle);
        let mut session = ClientSession::new(session, Duration::from_secs(5), None, None);
        session.sm = Some(Box::new(sm));
        session
    }

    fn journal(&self, id: &str) -> Journal {
        Journal::new(self.kernel.clone(), SmId::new(id))
    }

    async fn sessions(&self) -> Vec<(String, SessionRow)> {
        self.scratch.read(store::sessions).await.unwrap()
    }

    async fn queue(&self, id: &'static str) -> Vec<(i64, String)> {
        let rows = self.scratch.read(move |query| store::queue(query, id)).await.unwrap();
        let name = |text: String| Stanza::parse(text.as_bytes()).unwrap().id().unwrap().to_owned();
        rows.into_iter().map(|(row, text)| (row, name(text))).collect()
    }

    async fn ahead(&self, id: &'static str) -> Vec<u32> {
        self.scratch.read(move |query| store::ahead(query, id)).await.unwrap()
    }

    async fn reached(&self, id: &'static str) -> Vec<super::sm::Reached> {
        self.scratch.read(move |query| store::reached(query, id)).await.unwrap()
    }

    /// The count of a sender as a restart finds it.
    async fn restored_inbound(&self, id: &'static str) -> Arc<Inbound> {
        let row = self.sessions().await.into_iter().find(|(name, _)| name == id).unwrap().1;
        let ahead = self.ahead(id).await.into_iter().map(Counter::new);
        let ledger = Ledger::resumed(Counter::new(row.handled), ahead);
        let handle = self.kernel.sessions().find("a@example.org", "1").unwrap();
        Inbound::resumed(SmId::new(id), ledger, self.reached(id).await, handle)
    }

    /// Waits until everything queued for the writer is committed.
    async fn flushed(&self) {
        self.scratch.write(|_| Ok(())).await.unwrap().into_inner();
    }
}

async fn boot(scratch: &ScratchStore) -> Kernel {
    let text =
        "hosts: [example.org]\nlisten: []\nmodules:\n  mod_stream_mgmt: {}\n  mod_time: {}\n"
            .to_owned();
    let source = settings::Source::Text { name: "test".to_owned(), text };
    let config = settings::load(&source, &settings::Inputs::default())
        .map_err(|_| "bad settings")
        .unwrap()
        .config;
    boot_with(scratch, config).await
}

async fn boot_with(scratch: &ScratchStore, config: settings::Config) -> Kernel {
    let options = accounts::Options::from_config(&config);
    let accounts =
        Accounts::open((*scratch).clone(), options, kernel::random::bytes).await.unwrap();
    let clock = Clock::system();
    let certs = CertOptions { certfiles: Vec::new(), hosts: Vec::new(), self_signed_dir: None };
    let (certs, _) = CertStore::open(&certs, clock.wall().into());
    static LISTS: &[&[kernel::ModuleEntry]] =
        &[&[kernel::entry::<StreamMgmt>(), kernel::entry::<panics::Faulty>()]];
    let parts = Parts {
        store: (*scratch).clone(),
        accounts,
        certs,
        clock,
        modules: LISTS,
        commands: Vec::new(),
        node: settings::NodeName::default(),
    };
    Kernel::start(parts, config).unwrap()
}

fn row(jid: &FullJid) -> SessionRow {
    SessionRow {
        username: jid.node().unwrap().as_str().to_owned(),
        host: jid.domain().as_str().to_owned(),
        resource: jid.resource().as_str().to_owned(),
        resume_seconds: 300,
        handled: 0,
        presence: None,
        interested: false,
    }
}

fn message(id: &str) -> Stanza {
    let to = Jid::new("b@example.org/1").unwrap();
    Stanza::message(MessageType::Chat)
        .with_from(Jid::new("a@example.org/1").unwrap())
        .with_to(to)
        .with_id(id)
}

fn carrier() -> (Carrier, tokio::io::DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    (Carrier::new(Transport::memory(ours), Limits::standard()), theirs)
}

fn entry(row: i64, id: &str, receipt: Option<Receipt>) -> JournalEntry {
    JournalEntry { row, stanza: message(id), receipt }
}

fn count(handled: Handled) -> u32 {
    handled.counter().get()
}

fn pairs(rows: &[(i64, &str)]) -> Vec<(i64, String)> {
    rows.iter().map(|(row, id)| (*row, (*id).to_owned())).collect()
}

#[test]
fn a_priority_that_is_none_counts_as_zero() {
    let cases =
        [("5", 5), (" -3\n", -3), ("127", 127), ("-128", -128), ("128", 0), ("high", 0), ("", 0)];
    for (text, expected) in cases {
        let child = Element::new("priority", ns::CLIENT).with_text(text);
        assert_eq!(
            priority(&Stanza::presence(PresenceType::Available).with_child(&child)),
            expected,
            "{text:?}"
        );
    }
    assert_eq!(priority(&Stanza::presence(PresenceType::Available)), 0);
}

/// A waiting session costs little beside its socket; a new field that holds a buffer would show here.
#[test]
fn a_session_that_waits_is_small() {
    assert!(size_of::<ClientSession>() <= 512, "{}", size_of::<ClientSession>());
    assert!(size_of::<Session>() <= 128, "{}", size_of::<Session>());
    assert!(size_of::<SessionHandle>() <= 288, "{}", size_of::<SessionHandle>());
    assert!(size_of::<Sm>() <= 288, "{}", size_of::<Sm>());
    let run = |session: Box<ClientSession>| session.run();
    assert!(future_size(run) <= 64, "{}", future_size(run));
}

fn future_size<A, F>(_: impl Fn(A) -> F) -> usize {
    size_of::<F>()
}

#[tokio::test]
async fn the_journal_keeps_rows_and_counts_together() {
    let bench = Bench::new().await;
    let sender = bench.managed("a@example.org/1", "S", 10).await;
    bench.managed("b@example.org/1", "R", 10).await;
    let inbound = sender.sm.as_ref().unwrap().inbound.clone();
    let receipts: Vec<_> = (0..3).map(|_| inbound.received()).collect();
    let entries =
        (0..).zip(receipts).map(|(row, receipt)| entry(row, &format!("m{row}"), receipt)).collect();
    assert!(inbound.handled_all().is_none(), "nothing is stored yet");
    bench
        .journal("R")
        .append(entries, Vec::new())
        .await
        .unwrap_or_else(|_| panic!("the store takes them"));
    assert_eq!(bench.queue("R").await, pairs(&[(0, "m0"), (1, "m1"), (2, "m2")]));
    // All three were written before any of them was committed: one is counted, two are noted as ahead of it.
    let stored = |sessions: Vec<(String, SessionRow)>| {
        sessions.into_iter().find(|(id, _)| id == "S").unwrap().1.handled
    };
    let found = Ledger::resumed(
        Counter::new(stored(bench.sessions().await)),
        bench.ahead("S").await.into_iter().map(Counter::new),
    );
    assert_eq!(count(found.handled()), 3);
    assert_eq!(count(inbound.handled_all().unwrap()), 3);

    // The next one finds no gap, and tidies up.
    let next = inbound.received();
    bench
        .journal("R")
        .append(vec![entry(3, "m3", next)], vec![0, 1])
        .await
        .unwrap_or_else(|_| panic!());
    assert_eq!((stored(bench.sessions().await), bench.ahead("S").await), (4, Vec::new()));
    assert_eq!(bench.queue("R").await, pairs(&[(2, "m2"), (3, "m3")]));
    bench.journal("R").renumber(vec![(7, message("m3"))]).await.unwrap();
    assert_eq!(bench.queue("R").await, pairs(&[(7, "m3")]));
}

#[tokio::test]
async fn a_count_is_durable_before_it_is_told_and_never_goes_back() {
    let bench = Bench::new().await;
    let session = bench.managed("a@example.org/1", "S", 10).await;
    let sm = session.sm.as_ref().unwrap();
    // Two stanzas without any effect in the store, such as presence.
    drop((sm.inbound.received(), sm.inbound.received()));
    let early = Ledger::resumed(Counter::new(1), []).handled();
    let handled = sm.inbound.handled_all().unwrap();
    assert_eq!(bench.sessions().await[0].1.handled, 0);
    sm.settle(handled).await.unwrap();
    assert_eq!(bench.sessions().await[0].1.handled, 2);
    bench.journal("S").store_handled(early.counter()).await.unwrap();
    assert_eq!(
        bench.sessions().await[0].1.handled,
        2,
        "a late write of an earlier count changes nothing"
    );
    bench.journal("S").store_handled(Counter::new(1 << 31)).await.unwrap();
    bench.journal("S").store_handled(Counter::new(u32::MAX)).await.unwrap();
    bench.journal("S").store_handled(Counter::new(5)).await.unwrap();
    assert_eq!(bench.sessions().await[0].1.handled, 5, "counts go on after 2^32");
}

#[tokio::test]
async fn what_the_store_does_not_take_comes_back_and_counts_for_nothing() {
    let bench = Bench::new().await;
    let sender = bench.managed("a@example.org/1", "S", 10).await;
    let inbound = sender.sm.as_ref().unwrap().inbound.clone();
    bench.scratch.close().await.unwrap();
    let entries = vec![entry(0, "m0", inbound.received()), entry(1, "m1", None)];
    let Err(back) = bench.journal("R").append(entries, Vec::new()).await else {
        panic!("the store is closed")
    };
    assert_eq!(back.iter().map(|one| one.stanza.id().unwrap()).collect::<Vec<_>>(), ["m0", "m1"]);
    assert!(inbound.handled_all().is_none(), "the receipt is still out");
    drop(back);
    let handled = inbound.handled_all().unwrap();
    assert!(sender.sm.as_ref().unwrap().settle(handled).await.is_err(), "so it cannot be told");
}

#[tokio::test]
async fn a_handed_over_message_leaves_the_journal_with_what_stores_it() {
    let bench = Bench::new().await;
    bench.managed("a@example.org/1", "old", 10).await;
    bench.managed("b@example.org/1", "new", 10).await;
    let old = bench.journal("old");
    old.append(vec![entry(0, "m0", None), entry(1, "m1", None)], Vec::new())
        .await
        .unwrap_or_else(|_| panic!());
    let ending = old.end();
    let first = old.hand_over(&ending, 0, message("m0"));
    let second = old.hand_over(&ending, 1, message("m1"));
    drop(ending);
    let taken = JournalEntry { row: 5, stanza: first.stanza, receipt: first.receipt };
    bench.journal("new").append(vec![taken], Vec::new()).await.unwrap_or_else(|_| panic!());
    assert_eq!(bench.queue("new").await, pairs(&[(5, "m0")]));
    assert_eq!(bench.queue("old").await, pairs(&[(1, "m1")]));
    bench.flushed().await;
    assert_eq!(
        bench.sessions().await.len(),
        2,
        "the old session stays until its last message is dealt with"
    );
    drop(second);
    bench.flushed().await;
    bench.flushed().await;
    assert_eq!(bench.sessions().await.len(), 1);
    assert!(bench.queue("old").await.is_empty());
}

#[tokio::test]
async fn a_session_comes_back_after_a_crash_with_what_its_client_lacks() {
    let mut bench = Bench::new().await;
    let session = bench.managed("b@example.org/1", "R", 10).await;
    let entries = vec![entry(0, "m0", None), entry(2, "m2", None), entry(3, "m3", None)];
    bench.journal("R").append(entries, Vec::new()).await.unwrap_or_else(|_| panic!());
    let presence = Stanza::presence(PresenceType::Available);
    bench.journal("R").remember_presence(Some(&presence), true);
    bench.flushed().await;
    drop(session);
    assert_eq!(bench.reboot().await, 1);
    let handle = bench.kernel.sessions().find("b@example.org", "1").unwrap();
    assert_eq!((handle.priority(), handle.is_interested()), (Some(0), true));
    assert_eq!(handle.info().kind, "restored", "modules hear of it before anything comes");
    let host = bench.kernel.host("example.org").unwrap();
    let registry = StreamMgmt::of(&host.generation()).unwrap();
    assert_eq!(registry.registry().find("R").unwrap().number(), handle.number());
    // Its messages came back too: at its end each goes to its sender, as `resend_on_timeout` is off.
    let sender = bench.handle("a@example.org/1");
    bench.kernel.sessions().add(sender.clone());
    handle.mailbox().control(Control::Close(CloseReason::AccountGone)).unwrap();
    while sender.mailbox().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(received(&sender), ["m0", "m2", "m3"]);
}

#[tokio::test]
async fn confirmation_drops_what_the_client_has_and_numbers_the_rest() {
    let bench = Bench::new().await;
    let mut session = bench.managed("b@example.org/1", "R", 2).await;
    let sm = session.sm.as_mut().unwrap();
    let kept = |row, id| Kept { stanza: message(id), row: Some(row) };
    // Number 1 was a presence, which the journal does not keep.
    sm.unconfirmed = Some(vec![kept(0, "m0"), kept(2, "m2")]);
    assert_eq!(sm.next_row(0), (1 << 32) + 1);
    assert!(!sm.keep(kept(sm.next_row(0), "late")), "two are allowed");
    sm.unconfirmed = Some(vec![kept(0, "m0"), kept(2, "m2"), kept((1 << 32) + 1, "late")]);
    let mut fresh = bench.managed("b@example.org/2", "F", 2).await;
    let sm = fresh.sm.as_mut().unwrap();
    sm.unconfirmed = Some(vec![kept(0, "m0"), kept(2, "m2"), kept((1 << 32) + 1, "late")]);
    sm.confirm(Counter::new(1)).await.unwrap();
    assert_eq!(bench.queue("F").await, pairs(&[(1, "m2"), (2, "late")]));
    assert_eq!((sm.queue.sent().get(), sm.next_row(0)), (3, 3));
    sm.acknowledged(Counter::new(3)).unwrap();
    bench.flushed().await;
    assert!(bench.queue("F").await.is_empty());

    // More than is allowed now: refused, and nothing of it is lost.
    let mut narrow = bench.managed("b@example.org/3", "N", 1).await;
    let mut sm = narrow.sm.take().unwrap();
    sm.unconfirmed = Some(vec![kept(0, "m0"), kept(1, "m1"), kept(2, "m2")]);
    assert!(sm.confirm(Counter::new(0)).await.is_err());
    let (_, all, _) = sm.into_unacknowledged();
    assert_eq!(
        all.iter().map(|kept| kept.stanza.id().unwrap()).collect::<Vec<_>>(),
        ["m0", "m1", "m2"]
    );
}

#[tokio::test]
async fn what_a_full_queue_does_not_take_goes_elsewhere_at_the_end() {
    let bench = Bench::new().await;
    let mut session = bench.managed("b@example.org/1", "R", 1).await;
    let (ours, _theirs) = carrier();
    session.carrier = Some(ours);
    let other = bench.handle("b@example.org/2");
    other.set_presence(Some((0, Stanza::presence(PresenceType::Available))));
    bench.kernel.sessions().add(other.clone());
    session.taken = vec![message("m0").into(), message("m1").into()];
    let next = session.deliver(Vec::new()).await;
    let Next::End(ending) = next else { panic!("one was allowed") };
    session.end(ending).await;
    assert_eq!(received(&other), ["m0", "m1"]);
    bench.flushed().await;
    bench.flushed().await;
    assert!(bench.queue("R").await.is_empty() && bench.sessions().await.is_empty());
}

#[tokio::test]
async fn a_session_that_is_told_to_end_gives_its_mail_back() {
    let bench = Bench::new().await;
    let other = bench.handle("b@example.org/2");
    other.set_presence(Some((0, Stanza::presence(PresenceType::Available))));
    for with_sm in [false, true] {
        let mut session =
            bench.managed("b@example.org/1", if with_sm { "R1" } else { "R0" }, 10).await;
        if !with_sm {
            session.sm = None;
        }
        let handle = session.session.handle().clone();
        handle.mailbox().push(message("m0").into()).unwrap();
        handle.mailbox().control(Control::Close(CloseReason::Replaced)).unwrap();
        bench.kernel.sessions().add(other.clone());
        Box::new(session).run().await;
        assert_eq!(received(&other), ["m0"], "with stream management: {with_sm}");
        assert!(bench.kernel.sessions().find("b@example.org", "1").is_none());
    }
}

#[tokio::test]
async fn a_session_that_is_dropped_leaves_the_table() {
    let bench = Bench::new().await;
    let session = bench.managed("b@example.org/1", "R", 10).await;
    let other = bench.handle("b@example.org/2");
    other.set_presence(Some((0, Stanza::presence(PresenceType::Available))));
    bench.kernel.sessions().add(other.clone());
    session.session.handle().mailbox().push(message("m0").into()).unwrap();
    drop(session);
    assert!(bench.kernel.sessions().find("b@example.org", "1").is_none());
    while other.mailbox().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(received(&other), ["m0"]);
}

#[tokio::test]
async fn what_a_lost_connection_did_not_take_waits_for_the_next() {
    let bench = Bench::new().await;
    let mut session = bench.managed("b@example.org/1", "R", 10).await;
    let (ours, theirs) = carrier();
    drop(theirs);
    session.carrier = Some(ours);
    session.taken = vec![Delivery::new(message("m0"))];
    let next = session.deliver(Vec::new()).await;
    assert!(matches!(next, Next::Go));
    assert!(session.carrier.is_none());
    let deadline = session.resume_deadline.unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert!(matches!(session.lost().await, Next::Go));
    assert_eq!(session.resume_deadline, Some(deadline), "a second loss does not prolong the wait");
    assert_eq!(session.sm.as_ref().unwrap().queue.len(), 1);
    session.end(Ending::ByClient).await;
}

impl Bench {
    fn resumption(&self, carrier: Carrier) -> Resumption {
        let info =
            ConnectionInfo { kind: "c2s_tls", peer: None, since: self.kernel.clock().wall() };
        Resumption { carrier, h: Counter::new(0), info, lang: None, ns: ns::SM, success: None }
    }
}

#[tokio::test]
async fn of_several_resumptions_the_last_one_stays() {
    let bench = Bench::new().await;
    let mut session = bench.managed("b@example.org/1", "R", 10).await;
    let inbound = session.sm.as_ref().unwrap().inbound.clone();
    let under_way = inbound.received();
    let mut out = Vec::new();
    let (first, _first_peer) = carrier();
    let (second, mut peer) = carrier();
    assert!(matches!(session.attach(bench.resumption(first), &mut out).await, Next::Go));
    assert!(session.waiting.is_some() && session.carrier.is_none() && out.is_empty());
    drop(under_way);
    assert!(matches!(session.attach(bench.resumption(second), &mut out).await, Next::Go));
    assert!(session.waiting.is_none() && session.resume_deadline.is_none());
    assert!(String::from_utf8(out.clone()).unwrap().starts_with("<resumed "), "{out:?}");
    assert_eq!(bench.sessions().await[0].1.handled, 1, "the count was durable before it was told");
    // The wake-up that the first one waited for is still in the mailbox, and must not bring it back.
    let running = tokio::time::timeout(Duration::from_millis(20), Box::new(session).run()).await;
    assert!(running.is_err(), "the session goes on");
    let mut seen = Vec::new();
    peer.read_to_end(&mut seen).await.unwrap();
    assert_eq!(
        String::from_utf8(seen).unwrap(),
        "",
        "nothing is said on the connection that stays"
    );
}

#[tokio::test]
async fn a_connection_that_does_not_read_does_not_hold_a_resumption_up() {
    let bench = Bench::new().await;
    let mut session = bench.managed("b@example.org/1", "R", 10).await;
    let (ours, _theirs) = carrier();
    session.carrier = Some(ours);
    session.session.handle().mailbox().control(Control::Attach(Box::new(()))).unwrap();
    assert!(session.write(b"<r/>").await, "what fits is written");
    let written =
        tokio::time::timeout(Duration::from_secs(2), session.write(&vec![b' '; 1 << 20])).await;
    assert_eq!(written, Ok(false));
}

#[tokio::test]
async fn a_slow_recipient_delays_the_count_but_not_the_answer() {
    let bench = Bench::new().await;
    let mut session = bench.managed("b@example.org/1", "R", 10).await;
    let inbound = session.sm.as_ref().unwrap().inbound.clone();
    let (first, second) = (inbound.received(), inbound.received());
    drop(first);
    session.sm.as_mut().unwrap().owes_ack = Some(Some(tokio::time::Instant::now()));
    let mut out = Vec::new();
    session.acknowledge(&mut out).await;
    assert!(out.is_empty(), "it waits for the rest at first");
    session.acknowledge_part(&mut out).await;
    assert_eq!(session.sm.as_ref().unwrap().answer_deadline(), None);
    drop(second);
    session.acknowledge(&mut out).await;
    session.acknowledge(&mut out).await;
    let text = String::from_utf8(out).unwrap();
    let counts: Vec<_> =
        text.split("h='").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    assert_eq!(counts, ["1", "2"], "{text}");
}

fn received(handle: &SessionHandle) -> Vec<String> {
    let (mut control, mut stanzas) = (Vec::new(), Vec::new());
    handle.mailbox().take(usize::MAX, &mut control, &mut stanzas);
    stanzas.iter().map(|delivery| delivery.stanza.id().unwrap().to_owned()).collect()
}
