//! Presence between sessions of a kernel without network.

use crate::roster::tests::bench::Bench;

const ROMEO: &str = "romeo@example.org";
const JULIET: &str = "juliet@example.org";

#[tokio::test]
async fn a_log_in_is_seen_and_sees() {
    let bench = Bench::new("").await;
    bench.befriend(ROMEO, JULIET).await;
    let mut juliet = bench.login("juliet@example.org/balcony").await;
    let mut nurse = bench.login("nurse@example.org/kitchen").await;
    juliet.received();
    let mut orchard = bench.connect("romeo@example.org/orchard");
    orchard.send("<presence/>").await;
    assert_eq!(orchard.summary(), ["romeo/orchard: available", "juliet/balcony: available"]);
    assert_eq!(juliet.summary(), ["romeo/orchard: available"]);
    assert_eq!(nurse.summary(), [""; 0]);
    let mut garden = bench.connect("romeo@example.org/garden");
    garden.send("<presence/>").await;
    assert_eq!(
        garden.summary(),
        ["romeo/garden: available", "romeo/orchard: available", "juliet/balcony: available"]
    );
    assert_eq!(orchard.summary(), ["romeo/garden: available"]);
    juliet.received();
    garden.send("<presence><show>away</show></presence>").await;
    let seen = juliet.received();
    assert_eq!(
        seen,
        [
            "<presence to='juliet@example.org' from='romeo@example.org/garden'><show>away</show></presence>"
        ]
    );
    assert_eq!(garden.summary(), ["romeo/garden: available"], "an update asks nobody");
    orchard.received();
    garden.send("<presence type='unavailable'/>").await;
    assert_eq!(juliet.summary(), ["romeo/garden: unavailable"]);
    assert_eq!(orchard.summary(), ["romeo/garden: unavailable"]);
    assert_eq!(garden.summary(), ["romeo/garden: unavailable"]);
}

#[tokio::test]
async fn resources_that_come_online_together_hear_of_each_other_once() {
    let bench = Bench::new("").await;
    let mut orchard = bench.connect("romeo@example.org/orchard");
    let mut garden = bench.connect("romeo@example.org/garden");
    // Both are available before either has its roster.
    tokio::join!(orchard.send("<presence/>"), garden.send("<presence/>"));
    for mut seen in [orchard.summary(), garden.summary()] {
        seen.sort();
        assert_eq!(seen, ["romeo/garden: available", "romeo/orchard: available"]);
    }
}

#[tokio::test]
async fn directed_presence_is_taken_back() {
    let bench = Bench::new("").await;
    bench.befriend(ROMEO, JULIET).await;
    let mut juliet = bench.login("juliet@example.org/balcony").await;
    let mut nurse = bench.login("nurse@example.org/kitchen").await;
    let mut romeo = bench.login("romeo@example.org/orchard").await;
    romeo.send("<presence to='nurse@example.org/kitchen'/>").await;
    romeo.send("<presence to='juliet@example.org/balcony'/>").await;
    assert_eq!(nurse.summary(), ["romeo/orchard: available"]);
    juliet.received();
    romeo.send("<presence type='unavailable'/>").await;
    assert_eq!(nurse.summary(), ["romeo/orchard: unavailable"]);
    assert_eq!(
        juliet.summary(),
        ["romeo/orchard: unavailable"],
        "once, though she is a contact too"
    );
    // Without ever being available, and without a word at the end.
    let mut ghost = bench.connect("romeo@example.org/ghost");
    ghost.send("<presence to='nurse@example.org'/>").await;
    ghost.vanish().await;
    assert_eq!(nurse.summary(), ["romeo/ghost: available", "romeo/ghost: unavailable"]);
    let mut polite = bench.connect("romeo@example.org/polite");
    polite.send("<presence to='nurse@example.org'/>").await;
    polite.send("<presence to='nurse@example.org' type='unavailable'/>").await;
    polite.vanish().await;
    assert_eq!(nurse.summary(), ["romeo/polite: available", "romeo/polite: unavailable"]);
}

#[tokio::test]
async fn probes_tell_strangers_nothing() {
    let bench = Bench::new("").await;
    bench.befriend(ROMEO, JULIET).await;
    let _juliet = bench.login("juliet@example.org/balcony").await;
    let mut romeo = bench.login("romeo@example.org/orchard").await;
    let mut nurse = bench.login("nurse@example.org/kitchen").await;
    for asked in [JULIET, "nobody@example.org"] {
        bench
            .outside(&format!(
                "<presence type='probe' from='nurse@example.org/kitchen' to='{asked}'/>"
            ))
            .await;
        assert_eq!(nurse.summary(), [""; 0], "what she never had is not taken away");
    }
    romeo.received();
    for asked in ["juliet@example.org", "juliet@example.org/balcony"] {
        bench
            .outside(&format!("<presence type='probe' from='{ROMEO}/orchard' to='{asked}'/>"))
            .await;
        assert_eq!(romeo.summary(), ["juliet/balcony: available"]);
    }
    bench
        .outside(
            "<presence type='probe' from='romeo@example.org/orchard' to='juliet@example.org/x'/>",
        )
        .await;
    assert_eq!(romeo.summary(), [""; 0]);
}

#[tokio::test]
async fn a_probe_mends_a_one_sided_subscription() {
    let bench = Bench::new("").await;
    bench.befriend(ROMEO, "mallory@example.org").await;
    let mut romeo = bench.connect("romeo@example.org/orchard");
    romeo.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").await;
    romeo.received();
    bench.outside("<presence type='probe' from='romeo@example.org' to='nurse@example.org'/>").await;
    assert_eq!(romeo.summary(), [""; 0]);
    // Whoever answers that there is no subscription is believed.
    bench
        .outside(
            "<presence type='unsubscribed' from='mallory@example.org' to='romeo@example.org'/>",
        )
        .await;
    assert_eq!(romeo.summary(), ["push mallory from", "mallory: unsubscribed"]);
}

#[tokio::test]
async fn another_server_learns_no_more_than_it_may() {
    let bench = Bench::new("").await;
    bench.befriend(JULIET, "friend@example.net").await;
    let other = bench.other_server("example.net");
    let mut juliet = bench.login("juliet@example.org/balcony").await;
    // She sees him, not the other way round.
    juliet.send("<presence to='idol@example.net' type='subscribe'/>").await;
    bench
        .outside("<presence from='idol@example.net' to='juliet@example.org' type='subscribed'/>")
        .await;
    other.received();
    for prober in ["idol", "stranger"] {
        let mut answers = Vec::new();
        for asked in ["juliet", "nobody"] {
            let probe = format!(
                "<presence type='probe' from='{prober}@example.net' to='{asked}@example.org'/>"
            );
            bench.outside(&probe).await;
            answers.push(other.received().concat().replace(asked, "somebody"));
        }
        let refusal = format!(
            "<presence to='{prober}@example.net' from='somebody@example.org' type='unsubscribed'/>"
        );
        assert_eq!(answers, [refusal.as_str(), refusal.as_str()]);
    }
    let probe = "<presence type='probe' from='friend@example.net/x' to='juliet@example.org'/>";
    bench.outside(probe).await;
    assert_eq!(
        other.received(),
        ["<presence to='friend@example.net/x' from='juliet@example.org/balcony'/>"]
    );
    juliet.send("<presence type='unavailable'/>").await;
    assert_eq!(
        other.received(),
        [
            "<presence to='friend@example.net' from='juliet@example.org/balcony' type='unavailable'/>"
        ]
    );
    bench.outside(probe).await;
    assert_eq!(
        other.received(),
        ["<presence to='friend@example.net/x' from='juliet@example.org' type='unavailable'/>"]
    );
}
