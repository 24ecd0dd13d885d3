//! Commands over HTTP, as ejabberd's own script sends them.

use std::sync::Arc;

use httpd::Routes;
use netio::{PeerAddr, Transport, UnixPeer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::{Bench, audited};
use crate::CtlOverHttp;

const OWN: u32 = 0;

async fn exchange(bench: &Bench, peer: PeerAddr, tag: &str, request: &str) -> String {
    let mut routes = Routes::default();
    routes.add("/ctl", Arc::new(CtlOverHttp::new(&bench.kernel, tag)));
    let (mut client, server) = duplex(1 << 20);
    let serving =
        httpd::serve(Transport::memory(server), peer, Arc::new(routes), std::future::pending());
    let talk = async {
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    };
    tokio::join!(serving, talk).1
}

fn post(method: &str, body: &str) -> String {
    // What curl sends for the script, except that it keeps the connection.
    format!(
        "{method} /ctl/command HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.0\r\nContent-Type: application/json\r\n\
         Accept: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn process(uid: u32) -> PeerAddr {
    PeerAddr::Unix(UnixPeer { uid, gid: uid, pid: Some(1) })
}

/// The status line's number, the field that the script takes its exit status from, and the body.
fn parts(answer: &str) -> (&str, &str, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.lines().find_map(|line| line.strip_prefix("status-code: ")).unwrap_or("none");
    (head.split(' ').nth(1).unwrap(), code, body)
}

#[tokio::test]
async fn the_scripts_calls_are_answered_as_it_reads_them() {
    let bench = Bench::new().await;
    for (body, expected) in [
        ("[\"registered_vhosts\"]", ("200", "0", "talk.test\nfew.test\n")),
        ("[\"register\", \"alice\", \"talk.test\", \"pw\"]", ("200", "0", "")),
        ("[\"--version\", \"0\", \"registered_users\", \"talk.test\"]", ("200", "0", "alice\n")),
        ("[\"check_account\", \"nobody\", \"talk.test\"]", ("200", "1", "Error: false\n")),
        (
            "[\"--auth\", \"alice\", \"talk.test\", \"x\", \"status\"]",
            ("200", "1", "Error: error\nError: invalid_account_data\n"),
        ),
    ] {
        let answer = exchange(&bench, process(OWN), "", &post("POST", body)).await;
        let (status, code, text) = parts(&answer);
        let text = if text.starts_with("User ") { "" } else { text };
        assert_eq!((status, code, text), expected, "{body}: {answer}");
    }
    let answer = exchange(&bench, process(OWN), "", &post("POST", "[\"register\", \"x\"]")).await;
    let (status, code, text) = parts(&answer);
    assert_eq!((status, code), ("200", "2"));
    assert!(text.ends_with("requires 2 more argument.\n"), "{text}");
    for body in ["", "{}", "[1]", "[\"a\"b\"]", "\"status\"", "[\"status\"] x"] {
        let answer = exchange(&bench, process(OWN), "", &post("POST", body)).await;
        assert_eq!((parts(&answer).0, parts(&answer).1), ("400", "1"), "{body}");
    }
    let answer = exchange(&bench, process(OWN), "", &post("GET", "[\"status\"]")).await;
    assert_eq!((parts(&answer).0, parts(&answer).1), ("405", "1"), "{answer}");
}

#[tokio::test]
async fn who_is_not_known_by_the_system_or_not_allowed_is_refused_and_written_down() {
    let bench = Bench::new().await;
    let request = post("POST", "[\"registered_vhosts\"]");
    for peer in [process(65_534), PeerAddr::Memory, PeerAddr::Ip(([127, 0, 0, 1], 1).into())] {
        let (answer, audit) = audited(exchange(&bench, peer, "", &request)).await;
        assert_eq!((parts(&answer).0, parts(&answer).1), ("403", "7"), "{answer}");
        assert!(!answer.contains("talk.test"), "{answer}");
        assert_eq!(audit.contains("refused"), matches!(peer, PeerAddr::Unix(_)), "{audit}");
    }
    let (_, audit) = audited(exchange(&bench, process(OWN), "door", &request)).await;
    assert!(
        audit.contains("\"command\":\"registered_vhosts\"") && audit.contains("\"tag\":\"door\""),
        "{audit}"
    );
}

#[tokio::test]
async fn the_tag_of_the_listener_counts_in_api_permissions() {
    let entries = "hosts: [talk.test]\napi_permissions:\n  console commands:\n    from: ejabberd_ctl\n    who: none\n    what: []\n  \
                   over http:\n    from: [{tag: door}]\n    who: all\n    what: registered_vhosts\n";
    let bench = Bench::with(entries).await;
    let request = post("POST", "[\"registered_vhosts\"]");
    for (tag, code) in [("door", "0"), ("other", "1"), ("", "1")] {
        let answer = exchange(&bench, process(OWN), tag, &request).await;
        assert_eq!(parts(&answer).1, code, "{tag}: {answer}");
    }
}
