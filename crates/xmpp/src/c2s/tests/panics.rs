//! A bug in a hook costs the stanza it had, and no other.

use kernel::hooks::{Incoming, Outgoing, SessionRestored, Stage, Step, UserReceive, UserSend};
use kernel::{Module, Register, Start};
use settings::Problem;
use xmlstream::RawElement;

use super::*;

/// A module with a bug: it panics over stanzas called "poison". It marks sessions that a restart brings back.
pub(super) struct Faulty;

impl Module for Faulty {
    const NAME: &'static str = "mod_time";
    const ABOUT: &'static str = "Panics";

    fn start(_: &Start<'_, Self>) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn register(on: &mut Register<'_, Self>) {
        on.hook::<UserReceive>(Stage::Annotate, Self::receive);
        on.hook::<UserSend>(Stage::Annotate, Self::send);
        on.hook::<SessionRestored>(Stage::Annotate, Self::restored);
    }
}

impl Faulty {
    fn restored<'a>(&'a self, session: &'a mut &mut Session) -> Step<'a> {
        session.handle().set_info(ConnectionInfo { kind: "restored", ..session.handle().info() });
        Step::CONTINUE
    }

    fn receive<'a>(&'a self, event: &'a mut Incoming<'_>) -> Step<'a> {
        let stanza = &mut *event.stanza;
        Step::Wait(Box::pin(async move {
            tokio::task::yield_now().await;
            assert_ne!(stanza.id(), Some("poison"), "on purpose");
            stanza.push(&Element::new("seen", "urn:test"));
            kernel::hooks::Flow::Continue
        }))
    }

    fn send<'a>(&'a self, event: &'a mut Outgoing<'_>) -> Step<'a> {
        assert_ne!(event.stanza.id(), Some("poison"), "on purpose");
        Step::CONTINUE
    }
}

/// A sender with stream management, as another session of the bench, and what it is told.
async fn sender(bench: &Bench) -> (ClientSession, Arc<SessionHandle>) {
    let session = bench.managed("a@example.org/1", "S", 10).await;
    let handle = session.session.handle().clone();
    (session, handle)
}

pub(super) async fn until(mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never happened");
}

fn push_burst(sender: &ClientSession, to: &SessionHandle) {
    for id in ["m0", "poison", "m1", "m2"] {
        let receipt = sender.sm.as_ref().unwrap().inbound.received();
        to.mailbox().push(Delivery { stanza: message(id), receipt }).unwrap();
    }
}

#[tokio::test]
async fn a_panic_in_the_middle_of_a_burst_loses_nothing_of_it() {
    let bench = Bench::new().await;
    let (sender, sender_handle) = sender(&bench).await;
    let session = bench.managed("b@example.org/1", "R", 10).await;
    let handle = session.session.handle().clone();
    push_burst(&sender, &handle);
    bench.kernel.tasks().spawn("session", Box::new(session).run());
    let inbound = sender.sm.as_ref().unwrap().inbound.clone();
    until(async || inbound.handled_all().is_some()).await;
    assert_eq!(count(inbound.handled_all().unwrap()), 4, "three are stored, one went back");
    assert_eq!(bench.queue("R").await, pairs(&[(0, "m0"), (1, "m1"), (2, "m2")]));
    assert_eq!(received(&sender_handle), ["poison"], "with an error");
    // It waits for its client, which gets everything: each went through the hooks once.
    assert!(bench.kernel.sessions().find("b@example.org", "1").is_some());
    let (ours, mut peer) = carrier();
    handle.mailbox().control(Control::Attach(Box::new(bench.resumption(ours)))).unwrap();
    let mut seen = String::new();
    until(async || {
        let mut bytes = [0; 4096];
        let read = peer.read(&mut bytes).await.unwrap();
        seen.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        seen.contains("m2")
    })
    .await;
    assert_eq!(seen.matches("<seen ").count(), 3, "{seen}");
}

#[tokio::test]
async fn without_resumption_what_is_left_of_the_burst_goes_to_another_session() {
    let bench = Bench::new().await;
    let (sender, _) = sender(&bench).await;
    let mut session = bench.managed("b@example.org/1", "R", 10).await;
    session.sm = None;
    let (ours, _theirs) = carrier();
    session.carrier = Some(ours);
    let other = bench.handle("b@example.org/2");
    other.set_presence(Some((0, Stanza::presence(PresenceType::Available))));
    bench.kernel.sessions().add(other.clone());
    push_burst(&sender, session.session.handle());
    Box::new(session).run().await;
    assert_eq!(received(&other), ["m0", "m1", "m2"]);
}

#[tokio::test]
async fn what_a_panic_takes_on_its_way_from_the_client_is_not_acknowledged() {
    let bench = Bench::new().await;
    let mut session = bench.managed("b@example.org/1", "R", 10).await;
    let inbound = session.sm.as_ref().unwrap().inbound.clone();
    let element = |id: &str| {
        let xml = format!("<message to='a@example.org/1' id='{id}' type='headline'/>");
        RawElement::parse(xml.as_bytes(), ns::CLIENT).unwrap()
    };
    let mut out = Vec::new();
    session.element(element("fine"), &mut out).await;
    let panicked =
        crate::c2s::panics::Survive(Box::pin(session.element(element("poison"), &mut out))).await;
    assert!(panicked.is_none());
    session.element(element("later"), &mut out).await;
    assert_eq!(count(inbound.handled_all().unwrap()), 1, "not the one that vanished");
    let (first, mut peer) = carrier();
    session.carrier = Some(first);
    let handle = session.session.handle().clone();
    bench.kernel.tasks().spawn("session", Box::new(session).run());
    let mut seen = String::new();
    peer.read_to_string(&mut seen).await.unwrap();
    assert!(seen.contains("internal-server-error"), "the client is made to resume: {seen}");
    let (second, mut peer) = carrier();
    handle.mailbox().control(Control::Attach(Box::new(bench.resumption(second)))).unwrap();
    let mut bytes = [0; 100];
    let read = peer.read(&mut bytes).await.unwrap();
    let seen = std::str::from_utf8(&bytes[..read]).unwrap();
    assert!(seen.contains("h='1'") || seen.contains("h=\"1\""), "{seen}");
    // It repeats both, and the later one counts without being routed again.
    let receipt = inbound.received().expect("the one that vanished");
    assert!(inbound.received().is_none(), "the later one is known");
    drop(receipt);
    assert_eq!(count(inbound.handled_all().unwrap()), 3);
}
