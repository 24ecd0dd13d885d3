//! Requests as bytes, over memory.

use std::sync::Arc;
use std::time::Duration;

use netio::{PeerAddr, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

use crate::{
    Answering, BODY_BYTES_MAX, HEAD_BYTES_MAX, Handler, Request, Response, Routes, StatusCode,
    serve,
};

/// Says its name and how much it was given; takes an hour for a `DELETE`.
struct Named(&'static str);

impl Handler for Named {
    fn answer(&self, request: Request) -> Answering<'_> {
        Box::pin(async move {
            if request.method == crate::Method::DELETE {
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
            let text = format!("{} {} {}", self.0, request.method, request.body.len());
            Response::text(StatusCode::OK, text).with_field("x-forged", "a\r\nb: c")
        })
    }
}

fn open(stopping: impl Future<Output = ()> + Send + 'static) -> DuplexStream {
    let mut routes = Routes::default();
    routes.add("/a/b", Arc::new(Named("first")));
    routes.add("/a/", Arc::new(Named("second")));
    routes.add("/a/b/c", Arc::new(Named("never")));
    let (client, server) = duplex(1 << 16);
    let transport = Transport::memory(server);
    #[expect(clippy::disallowed_methods, reason = "a test has no kernel")]
    tokio::spawn(serve(transport, PeerAddr::Memory, Arc::new(routes), stopping));
    client
}

async fn ask(request: &str) -> String {
    let mut client = open(std::future::pending());
    // A server that refuses a request may close before it has read all of it.
    client.write_all(request.as_bytes()).await.ok();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.ok();
    answer
}

fn head(line: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n")
}

#[tokio::test]
async fn the_first_path_that_fits_answers() {
    for (path, name) in
        [("/a/b", "first"), ("/a//b/c?d", "first"), ("/a", "second"), ("/a/bc", "second")]
    {
        let answer = ask(&(head(&format!("POST {path}"), "Content-Length: 3\r\n") + "xyz")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{name} POST 3")), "{path}: {answer}");
        assert!(!answer.contains("x-forged"), "{answer}");
    }
    for path in ["/", "/ab", "/b/a", "*"] {
        let answer = ask(&head(&format!("GET {path}"), "")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
}

#[tokio::test]
async fn what_is_too_large_or_no_request_is_refused() {
    let long = "x".repeat(HEAD_BYTES_MAX);
    let many: String = (0..=crate::FIELDS_MAX).map(|n| format!("x{n}: y\r\n")).collect();
    let body = "x".repeat(BODY_BYTES_MAX + 1);
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let told = format!("Content-Length: {}\r\n", body.len());
    for (request, status) in [
        (head("GET /a", &format!("x: {long}\r\n")), "431"),
        (head("GET /a", &many), "431"),
        (head("POST /a", &told), "413"),
        (head("POST /a", "Transfer-Encoding: chunked\r\n") + &chunk, "413"),
        (head("POST /a", "Transfer-Encoding: chunked\r\n") + "zz\r\n", "400"),
        (
            head("POST /a", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
            "200",
        ),
        (head("POST /a", "Content-Length: 1\r\nContent-Length: 2\r\n"), "400"),
        ("hello\r\n\r\n".to_owned(), "400"),
        ("GET /a HTTP/1.1\r\nx y: z\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = ask(&request).await;
        let start: String = request.chars().take(60).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{start:?}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_go_on_is_closed_and_a_handler_may_take_its_time() {
    for begin in ["", "GET /a HT", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"] {
        let (began, mut client) = (Instant::now(), open(std::future::pending()));
        client.write_all(begin.as_bytes()).await.unwrap();
        client.read_to_end(&mut Vec::new()).await.unwrap();
        let taken = began.elapsed();
        assert!((29..70).contains(&taken.as_secs()), "{begin}: {taken:?}");
    }
    let began = Instant::now();
    let answer = ask(&head("DELETE /a", "")).await;
    assert!(answer.ends_with("second DELETE 0") && began.elapsed().as_secs() == 3600, "{answer}");
    // Who does not take an answer holds the connection no longer than who does not ask.
    let (began, mut client) = (Instant::now(), open(std::future::pending()));
    for _ in 0..600 {
        let request = head("GET /a", "").replace("close", "keep-alive");
        let sent =
            tokio::time::timeout(Duration::from_secs(1), client.write_all(request.as_bytes()));
        if sent.await.is_err() {
            break;
        }
    }
    tokio::time::sleep(Duration::from_secs(65)).await;
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    assert!(began.elapsed().as_secs() < 700, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_present_request_is_the_last_when_the_server_stops() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut client = open(async { drop(stopped.await) });
    client.write_all(b"DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(stop);
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("second DELETE 0"), "{answer}");
    let mut idle = open(std::future::ready(()));
    idle.read_to_end(&mut Vec::new()).await.unwrap();
}
