//! A crash between the commits of several recipients of one message.

use super::*;

/// What the server makes of a message with several targets, each in its own time.
async fn deliver_to(session: &mut ClientSession, id: &str, receipt: Option<Receipt>) {
    session.taken = vec![Delivery { stanza: message(id), receipt }];
    assert!(matches!(session.deliver(Vec::new()).await, Next::Go));
}

#[tokio::test]
async fn a_message_that_is_repeated_after_a_crash_reaches_only_those_who_lack_it() {
    let mut bench = Bench::new().await;
    let sender = bench.managed("a@example.org/1", "S", 10).await;
    let mut first = bench.managed("b@example.org/1", "R1", 10).await;
    let second = bench.managed("b@example.org/2", "R2", 10).await;
    let inbound = sender.sm.as_ref().unwrap().inbound.clone();
    deliver_to(&mut first, "m0", inbound.received()).await;
    let (receipt, waiting) = inbound.received().map(|one| (one.clone(), one)).unwrap();
    deliver_to(&mut first, "m1", Some(receipt)).await;
    assert_eq!(bench.queue("R1").await, pairs(&[(0, "m0"), (1, "m1")]));
    // The second recipient never came to it.
    bench.reboot().await;
    drop((first, second, waiting));
    let host = bench.kernel.host("example.org").unwrap();
    let module = StreamMgmt::of(&host.generation()).unwrap();
    let back = bench.restored_inbound("S").await;
    assert_eq!(count(back.handled()), 1);
    let again = back.received().expect("its sender repeats it");
    assert!(again.has_reached("R1") && !again.has_reached("R2"));
    for id in ["R1", "R2"] {
        let handle = module.registry().find(id).unwrap();
        handle
            .mailbox()
            .push(Delivery { stanza: message("m1"), receipt: Some(again.clone()) })
            .unwrap();
    }
    drop(again);
    panics::until(async || back.handled_all().is_some()).await;
    assert_eq!(bench.queue("R1").await, pairs(&[(0, "m0"), (1, "m1")]), "it has it already");
    assert_eq!(bench.queue("R2").await.len(), 1);
    // The next stanza tidies up.
    drop(back.received());
    let next = back.received();
    bench
        .journal("R1")
        .append(vec![entry(9, "m2", next)], Vec::new())
        .await
        .unwrap_or_else(|_| panic!());
    assert!(bench.reached("S").await.is_empty());
}

#[tokio::test]
async fn what_an_ended_session_left_reaches_each_other_session_once() {
    let bench = Bench::new().await;
    bench.managed("a@example.org/1", "old", 10).await;
    let old = bench.journal("old");
    old.append(vec![entry(0, "m0", None)], Vec::new()).await.unwrap_or_else(|_| panic!());
    let ending = old.end();
    let delivery = old.hand_over(&ending, 0, message("m0"));
    let part =
        JournalEntry { row: 0, stanza: delivery.stanza.clone(), receipt: delivery.receipt.clone() };
    bench.managed("b@example.org/1", "R1", 10).await;
    bench.journal("R1").append(vec![part], Vec::new()).await.unwrap_or_else(|_| panic!());
    // A crash here: the row is still there, and the mark beside it.
    assert_eq!(bench.queue("old").await, pairs(&[(0, "m0")]));
    let restored = bench.journal("old").with_reached(bench.reached("old").await);
    let again = restored.hand_over(&restored.end(), 0, message("m0")).receipt.unwrap();
    assert!(again.has_reached("R1") && !again.has_reached("R2"));
    drop((delivery, ending));
}

/// A crash comes while the messages of an ended session go elsewhere.
#[tokio::test]
async fn an_ended_session_is_not_there_again_after_a_crash_but_the_rest_of_its_messages_is() {
    let mut bench = Bench::new().await;
    let mut old = bench.managed("b@example.org/1", "R", 10).await;
    let deliveries = ["m0", "m1", "m2", "m3"].map(|id| message(id).into());
    old.taken = deliveries.into();
    assert!(matches!(old.deliver(Vec::new()).await, Next::Go));
    // The client has two of them. The journal is to hear of it with the next message, which does not come.
    assert!(matches!(old.acknowledged(Counter::new(2)), Next::Go));
    let heir = bench.handle("b@example.org/2");
    heir.set_presence(Some((0, Stanza::presence(PresenceType::Available))));
    bench.kernel.sessions().add(heir.clone());
    bench.kernel.tasks().spawn("end", old.end(Ending::ByClient));
    panics::until(async || heir.mailbox().len() == 2).await;
    let (mut control, mut moved) = (Vec::new(), Vec::new());
    heir.mailbox().take(1, &mut control, &mut moved);
    let stored = JournalEntry { row: 0, stanza: message("m2"), receipt: moved.remove(0).receipt };
    bench.managed("b@example.org/3", "N", 10).await;
    bench.journal("N").append(vec![stored], Vec::new()).await.unwrap_or_else(|_| panic!());
    // The crash: one has come to the journal of another session, one is nowhere but in the old one's.
    assert_eq!(bench.queue("R").await, pairs(&[(3, "m3")]), "not what its client has");
    let lost = heir.mailbox().close();
    bench.reboot().await;
    let host = bench.kernel.host("example.org").unwrap();
    let module = StreamMgmt::of(&host.generation()).unwrap();
    let account = heir.jid().to_bare();
    let now = tokio::time::Instant::now();
    assert!(module.registry().find("R").is_none(), "it cannot be resumed");
    assert!(module.registry().last_count("R", &account, now).is_some(), "and its client is told");
    panics::until(async || bench.sessions().await.len() == 1).await;
    assert!(bench.queue("R").await.is_empty());
    assert_eq!(bench.queue("N").await, pairs(&[(0, "m2")]), "once");
    drop(lost);
}

#[tokio::test]
async fn the_journal_forgets_sessions_of_a_host_that_is_gone_and_their_senders_hear_of_it() {
    let mut bench = Bench::new().await;
    bench.managed("a@example.org/1", "S", 10).await;
    for (jid, id) in [("b@example.org/1", "R"), ("b@example.org/2", "gone")] {
        bench.managed(jid, id, 10).await;
        let entries = vec![entry(0, id, None)];
        bench.journal(id).append(entries, Vec::new()).await.unwrap_or_else(|_| panic!());
    }
    let change = |tx: &mut ::store::Tx<'_>| store::move_session(tx, "gone", "gone.example");
    bench.scratch.write(change).await.unwrap().into_inner();
    assert_eq!(bench.reboot().await, 2);
    panics::until(async || bench.sessions().await.len() == 2).await;
    assert_eq!(bench.queue("R").await, pairs(&[(0, "R")]), "others are not touched");
    assert!(bench.queue("gone").await.is_empty());
    // The error is for the sender, whose session waits for its client too.
    let sender = bench.kernel.sessions().find("a@example.org", "1").unwrap();
    sender.mailbox().control(Control::Close(CloseReason::AccountGone)).unwrap();
}
