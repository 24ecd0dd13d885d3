//! Presence, stanzas and numbers: what `mod_admin_extra` adds about sessions.

use kernel::{Control, SessionHandle};
use xmpp_wire::{PresenceType, Stanza, StanzaKind};

use super::Bench;

fn ok(text: &str) -> (u8, String) {
    (0, text.to_owned())
}

/// What is in a mailbox, written.
fn received(session: &SessionHandle) -> Vec<String> {
    let (mut control, mut stanzas) = (Vec::new(), Vec::new());
    session.mailbox().take(usize::MAX, &mut control, &mut stanzas);
    let asked = control.into_iter().filter_map(|item| match item {
        Control::Presence(stanza) => Some(stanza.to_bytes()),
        _ => None,
    });
    let stanzas = stanzas.into_iter().map(|delivery| delivery.stanza.to_bytes());
    asked.chain(stanzas).map(|bytes| String::from_utf8(bytes).unwrap()).collect()
}

fn available(session: &SessionHandle, priority: i8, inner: &str) {
    let text = format!("<presence>{inner}<priority>{priority}</priority></presence>");
    session.set_presence(Some((priority, Stanza::parse(text.as_bytes()).unwrap())));
}

#[tokio::test]
async fn presence_is_told_and_counted() {
    let bench = Bench::new().await;
    let phone = bench.session("alice@talk.test/phone");
    let laptop = bench.session("alice@talk.test/laptop");
    bench.session("boris@few.test/desk");
    available(&phone, 0, "");
    available(&laptop, 5, "<show>away</show><status>out\nfor lunch</status>");
    let lines = [
        ("resource_num alice talk.test 1", ok("phone\n")),
        ("resource_num alice talk.test 2", ok("laptop\n")),
        (
            "resource_num alice talk.test 3",
            (1, "{bad_argument,\"Wrong resource number: 3\"}\n".to_owned()),
        ),
        (
            "resource_num alice talk.test 0",
            (1, "{bad_argument,\"Wrong resource number: 0\"}\n".to_owned()),
        ),
        ("get_presence ALICE talk.test", ok("alice@talk.test/laptop\taway\tout\nfor lunch\n")),
        ("get_presence boris few.test", ok("boris@few.test/desk\tunavailable\t\n")),
        ("get_presence nobody talk.test", ok("nobody@talk.test\tunavailable\t\n")),
        ("status_num all", ok("3\n")),
        ("status_num available", ok("1\n")),
        ("status_num_host talk.test away", ok("1\n")),
        ("status_num_host few.test away", ok("0\n")),
        ("status_list away", ok("alice@talk.test/laptop\t5\tout\\nfor lunch\n")),
        ("--version 2 status_list unavailable", ok("boris\tfew.test\tdesk\t-1\t\n")),
        ("status_list_host few.test all", ok("boris@few.test/desk\t-1\t\n")),
        ("stats onlineusers", ok("3\n")),
        ("stats_host onlineusers talk.test", ok("2\n")),
        ("stats registeredusers", ok("0\n")),
        ("stats uptimeseconds", ok("0\n")),
        ("kick_users talk.test", ok("2\n")),
    ];
    for (line, expected) in lines {
        assert_eq!(bench.says(line).await, expected, "{line}");
    }
    for line in [
        "status_num_host nowhere.test all",
        "status_list_host nowhere.test all",
        "stats_host onlineusers nowhere.test",
        "kick_users nowhere.test",
    ] {
        let unknown = (1, "Error: error\nError: \"Unknown virtual host\"\n".to_owned());
        assert_eq!(bench.says(line).await, unknown, "{line}");
    }
    for line in ["stats nonsense", "stats_host nonsense talk.test", "resource_num a talk.test x"] {
        assert_eq!(bench.says(line).await.0, 1, "{line}");
    }
}

#[tokio::test]
async fn a_presence_is_asked_of_the_session_itself() {
    let bench = Bench::new().await;
    let phone = bench.session("alice@talk.test/phone");
    assert_eq!(bench.says("set_presence alice talk.test phone available away BB 7").await, ok(""));
    let wanted = "<presence><show>away</show><status>BB</status><priority>7</priority></presence>";
    let asked = received(&phone);
    assert_eq!(asked.len(), 1);
    assert_eq!(Stanza::parse(asked[0].as_bytes()).unwrap().to_bytes(), {
        Stanza::parse(wanted.as_bytes()).unwrap().to_bytes()
    });
    let line = "--version 0 set_presence alice talk.test phone unavailable _empty_ _empty_ 0";
    assert_eq!(bench.says(line).await, ok(""));
    let asked = Stanza::parse(received(&phone)[0].as_bytes()).unwrap();
    assert_eq!(asked.kind(), StanzaKind::Presence(PresenceType::Unavailable));
    let nobody = (1, "{error,\"User session not found\"}\n".to_owned());
    assert_eq!(bench.says("set_presence alice talk.test tv available away BB 7").await, nobody);
    for line in [
        "set_presence alice talk.test phone probe away BB 7",
        "set_presence alice talk.test phone available gone BB 7",
        "set_presence alice talk.test phone available away BB 300",
        "--version 0 set_presence alice talk.test phone available away BB seven",
    ] {
        assert_eq!(bench.says(line).await.0, 1, "{line}");
        assert!(received(&phone).is_empty(), "{line}");
    }
}

#[tokio::test]
async fn stanzas_arrive() {
    let bench = Bench::new().await;
    let phone = bench.session("alice@talk.test/phone");
    available(&phone, 0, "");
    let chief = "chief@talk.test alice@talk.test";
    assert_eq!(bench.says(&format!("send_message headline {chief} Subj Body")).await, ok(""));
    assert_eq!(bench.says(&format!("send_message chat {chief} _empty_ Body")).await, ok(""));
    assert_eq!(bench.says(&format!("send_stanza {chief} <message><x/></message>")).await, ok(""));
    let line = "send_stanza_c2s alice talk.test phone <message><body>raw</body></message>";
    assert_eq!(bench.says(line).await, ok(""));
    let texts = received(&phone);
    assert_eq!(texts.len(), 4, "{texts:?}");
    for part in ["type='headline'", "from='chief@talk.test'", "<subject>Subj</subject>"] {
        assert!(texts[0].contains(part), "{part}: {}", texts[0]);
    }
    assert!(texts[1].contains("<body>Body</body>") && !texts[1].contains("<subject"));
    assert!(texts[2].contains("<x/>") && texts[2].contains("to='alice@talk.test'"));
    assert!(texts[3].contains("raw") && !texts[3].contains("from="));
    let no_session = (1, "Error: no_session\n".to_owned());
    assert_eq!(bench.says("send_stanza_c2s alice talk.test tv <message/>").await, no_session);
    for line in [
        "send_message chat a@@b alice@talk.test S B",
        "send_stanza chief@talk.test a@@b <message/>",
        "send_stanza chief@talk.test alice@talk.test <message>",
        "send_stanza chief@talk.test alice@talk.test <nonsense/>",
        "send_stanza_c2s alice talk.test phone <message>",
    ] {
        let (status, text) = bench.says(line).await;
        assert!(status == 1 && text.starts_with("Error: error\nError: \""), "{line}: {text}");
    }
    assert!(received(&phone).is_empty());
}

#[tokio::test]
async fn the_commands_of_mod_admin_extra_come_with_it() {
    let with = Bench::new().await;
    let without = Bench::with(&super::CONFIG.replace("  mod_admin_extra: {}\n", "")).await;
    for name in ["get_presence", "check_account", "kick_session"] {
        assert!(with.kernel.commands().get(name).is_some(), "{name}");
        assert!(without.kernel.commands().get(name).is_none(), "{name}");
    }
    assert!(without.kernel.commands().get("kick_user").is_some());
}
