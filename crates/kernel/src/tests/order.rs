//! RFC 6120 §10.1: what a sender sends to an account does not overtake what an ended session of it had.

use super::*;

/// A kernel with an account that has a session, whose mailbox has one message.
struct Scene {
    kernel: Kernel,
    host: Arc<crate::Host>,
    _store: ScratchStore,
    old: Arc<SessionHandle>,
}

const ACCOUNT: &str = "b@example.org";

impl Scene {
    async fn new(bounds: MailboxBounds) -> Self {
        let (kernel, store) = kernel().await;
        let old = session("b@example.org/x", Some(0), bounds);
        kernel.sessions().add(old.clone());
        kernel.route(chat(ACCOUNT, "1").into()).await;
        let host = kernel.host("example.org").unwrap();
        Self { kernel, host, _store: store, old }
    }

    fn come(&self, jid: &str) -> Arc<SessionHandle> {
        let one = session(jid, Some(0), MailboxBounds::default());
        self.kernel.sessions().add(one.clone());
        one
    }

    async fn give_back(&self) {
        let left = self.old.mailbox().close();
        self.kernel.bequeath(&self.host, left.stanzas, left.held).await;
    }

    async fn send(&self, to: &str, id: &str) {
        self.kernel.route(chat(to, id).into()).await;
    }
}

/// Says whether it is over without waiting for time to pass.
async fn is_over(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    poll_fn(|cx| {
        let poll = std::pin::Pin::new(&mut *future).poll(cx);
        Poll::Ready(poll.is_ready())
    })
    .await
}

fn got(session: &SessionHandle) -> Vec<String> {
    ids(&taken(session.mailbox()).1).into_iter().map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_new_waits_for_the_estate_of_a_session_that_ended_or_was_replaced() {
    for (heir, is_same) in [("b@example.org/y", false), ("b@example.org/x", true)] {
        for to in [ACCOUNT, "b@example.org/x"] {
            let scene = Scene::new(MailboxBounds::default()).await;
            let heir = scene.come(heir);
            assert_eq!(is_same, scene.kernel.is_in_probate(ACCOUNT), "replaced, not ended yet");
            // Both got what came before; the heir has read it.
            drop(got(&heir));
            let probate = scene.kernel.open_probate(&scene.old);
            let mut new = Box::pin(scene.send(to, "2"));
            assert!(!is_over(&mut new).await);
            // What is of the moment does not wait.
            let presence = Stanza::presence(PresenceType::Available)
                .with_from(jid("a@example.org/1"))
                .with_to(jid(ACCOUNT))
                .with_id("p");
            scene.kernel.route(presence.into()).await;
            scene.give_back().await;
            assert!(!is_over(&mut new).await, "not before it is said to be over");
            drop(probate);
            new.await;
            assert_eq!(got(&heir), ["p", "1", "2"], "{to}");
            assert!(!scene.kernel.is_in_probate(ACCOUNT));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_estate_goes_before_what_is_held_back_and_leaves_room() {
    let scene = Scene::new(MailboxBounds::default()).await;
    for id in ["2", "3", "4"] {
        scene.send(ACCOUNT, id).await;
    }
    let heir = session("b@example.org/y", Some(0), bounds(4, usize::MAX));
    scene.kernel.sessions().add(heir.clone());
    let held = heir.hold_messages();
    let waits_for_stored = scene.old.hold_messages();
    scene.send("b@example.org/x", "new").await;
    let probate = scene.kernel.open_probate(&scene.old);
    let sender = scene.come("a@example.org/1");
    scene.give_back().await;
    drop((probate, waits_for_stored));
    let (control, older) = taken(heir.mailbox());
    assert_eq!(ids(&older), ["1", "2"], "half of the mailbox is for what is new");
    assert!(control.is_empty(), "and nobody is blamed for it: {control:?}");
    drop(held);
    assert_eq!(got(&heir), ["new"]);
    // Nobody keeps messages here. The last one is tried first, as each goes before those that are kept.
    assert_eq!(got(&sender), ["4", "3"], "with errors");
}

#[tokio::test(start_paused = true)]
async fn a_session_without_room_is_waited_for_until_it_has_made_some() {
    let scene = Scene::new(bounds(1, usize::MAX)).await;
    let other = scene.come("b@example.org/y");
    let mut new = Box::pin(scene.send("b@example.org/x", "2"));
    assert!(!is_over(&mut new).await);
    let (control, older) = taken(scene.old.mailbox());
    assert!(matches!(control[..], [Control::Close(CloseReason::Stalled)]), "{control:?}");
    assert!(!is_over(&mut new).await);
    scene.kernel.sessions().has_room(&scene.old);
    new.await;
    assert_eq!((ids(&older), got(&scene.old)), (vec!["1"], vec!["2".to_owned()]));
    assert!(other.mailbox().is_empty());

    // Meanwhile it was replaced: it is waited for until it has ended.
    scene.send("b@example.org/x", "3").await;
    let mut new = Box::pin(scene.send("b@example.org/x", "4"));
    assert!(!is_over(&mut new).await);
    let heir = scene.come("b@example.org/x");
    scene.kernel.sessions().has_room(&scene.old);
    assert!(!is_over(&mut new).await);
    let probate = scene.kernel.open_probate(&scene.old);
    scene.give_back().await;
    drop(probate);
    new.await;
    assert_eq!(got(&heir), ["3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_long() {
    let scene = Scene::new(MailboxBounds::default()).await;
    let heir = scene.come("b@example.org/y");
    let probate = scene.kernel.open_probate(&scene.old);
    let begin = tokio::time::Instant::now();
    scene.send(ACCOUNT, "2").await;
    assert_eq!(begin.elapsed().as_secs(), 5, "the estate was not given back");
    scene.send(ACCOUNT, "3").await;
    assert_eq!(begin.elapsed().as_secs(), 5, "nor is it waited for again");
    assert_eq!(got(&heir), ["2", "3"]);
    drop(probate);
    scene.kernel.probate_over(ACCOUNT).await;
}

#[tokio::test(start_paused = true)]
async fn sessions_that_are_waited_for_do_not_wait_for_each_other() {
    let scene = Scene::new(MailboxBounds::default()).await;
    let begin = tokio::time::Instant::now();
    let heir = scene.come("b@example.org/x");
    let sender = scene.come("a@example.org/1");
    let mut new = Box::pin(scene.send(ACCOUNT, "2"));
    assert!(!is_over(&mut new).await);
    // The sender's session is replaced while it waits, and must come to its end.
    scene.come("a@example.org/1");
    new.await;
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert_eq!(got(&heir), ["2"]);
    drop(sender);
}

#[tokio::test(start_paused = true)]
async fn what_a_session_gives_away_while_it_stays_goes_before_what_is_new() {
    let scene = Scene::new(MailboxBounds::default()).await;
    let held = scene.old.hold_messages();
    scene.send(ACCOUNT, "2").await;
    let heir = session("b@example.org/y", Some(1), bounds(1, usize::MAX));
    scene.kernel.sessions().add(heir.clone());
    let turn = scene.kernel.pause_account(&scene.old);
    let mut new = Box::pin(scene.send("b@example.org/x", "3"));
    assert!(!is_over(&mut new).await);
    scene.kernel.bequeath(&scene.host, Vec::new(), scene.old.mailbox().take_held()).await;
    drop(turn);
    new.await;
    assert_eq!(got(&heir), ["2"]);
    drop(held);
    assert_eq!(got(&scene.old), ["1", "3"]);
    // What is held back is in nobody's way, and stays apart when the session has ended.
    let held = heir.hold_messages();
    heir.mailbox().push(chat(ACCOUNT, "4").into()).unwrap();
    heir.mailbox().push_ahead(chat(ACCOUNT, "stored").into()).unwrap();
    let probate = scene.kernel.open_probate(&heir);
    drop(held);
    let left = heir.mailbox().close();
    assert_eq!((ids(&left.stanzas), ids(&left.held)), (vec!["stored"], vec!["4"]));
    drop(probate);
}
