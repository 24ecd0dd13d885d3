//! Reading and writing bursts, in clear and under TLS.

use std::future::poll_fn;
use std::task::Poll;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::client::TlsStream;

use super::handshakes::{client_config, handshake};
use super::*;
use crate::{TLS_RECORD_BYTES_MAX, Transport};

async fn connected() -> (TlsStream<DuplexStream>, Transport) {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let config = client_config(&site, rustls::ALL_VERSIONS);
    let (client, server) = handshake(&endpoint, config, "a.example", None).await;
    (client.unwrap(), server.unwrap())
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
}

/// Reads bursts until `length` bytes have come; bytes that never come fail the test.
async fn read_exactly(transport: &mut Transport, length: usize) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = async {
        while read.len() < length {
            let burst = transport.read_burst(|bytes| read.extend_from_slice(bytes));
            assert_ne!(burst.await.unwrap(), 0);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reading).await.expect("all bytes come in time");
    read
}

#[tokio::test]
async fn bytes_arrive_whole_in_both_directions() {
    let bytes = pattern(1 << 20);
    let (near, far) = Transport::pair(5000);
    let (client, server) = connected().await;
    let clear = async {
        let (mut near, mut far) = (near, far);
        let (sent, read) =
            tokio::join!(near.write_all(&bytes), read_exactly(&mut far, bytes.len()));
        sent.unwrap();
        assert!(read == bytes);
    };
    let tls = async {
        let (mut client, mut server) = (client, server);
        let sending = async {
            client.write_all(&bytes).await.unwrap();
            client.flush().await.unwrap();
        };
        let ((), read) = tokio::join!(sending, read_exactly(&mut server, bytes.len()));
        assert!(read == bytes);
        let mut back = vec![0; bytes.len()];
        let (sent, read) = tokio::join!(server.write_all(&bytes), client.read_exact(&mut back));
        sent.unwrap();
        read.unwrap();
        assert!(back == bytes);
    };
    tokio::join!(clear, tls);
}

#[tokio::test]
async fn the_generic_reader_sees_the_same_bytes() {
    let bytes = pattern(300_000);
    let (mut client, mut server) = connected().await;
    let sending = async {
        client.write_all(&bytes).await.unwrap();
        client.shutdown().await.unwrap();
    };
    let mut read = Vec::new();
    let reading = async {
        // Small pieces, so that records are handed out in parts.
        let mut piece = [0; 777];
        loop {
            match server.read(&mut piece).await.unwrap() {
                0 => break,
                count => read.extend_from_slice(&piece[..count]),
            }
        }
    };
    tokio::join!(sending, reading);
    assert!(read == bytes);
}

#[tokio::test]
async fn what_comes_right_behind_the_handshake_is_not_lost() {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    for length in [1, 100, 3000, 30_000] {
        let bytes = pattern(length);
        let (near, far) = tokio::io::duplex(256 << 10);
        let config = Arc::new(client_config(&site, rustls::ALL_VERSIONS));
        let connector = tokio_rustls::TlsConnector::from(config);
        let client = async {
            let name = "a.example".try_into().unwrap();
            let mut stream = connector.connect(name, near).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            stream.flush().await.unwrap();
            stream
        };
        // The server looks only after the client has sent everything it can without an answer.
        let server = Transport::memory(far).start_tls(&endpoint, None, crate::HANDSHAKE_TIMEOUT);
        let (_client, server) = tokio::join!(client, server);
        assert!(read_exactly(&mut server.unwrap(), length).await == bytes, "{length}");
    }
}

#[tokio::test]
async fn pieces_of_records_and_messages_come_together() {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (near, far) = tokio::io::duplex(7);
        let connector =
            tokio_rustls::TlsConnector::from(Arc::new(client_config(&site, &[version])));
        let client = connector.connect("a.example".try_into().unwrap(), near);
        let server = Transport::memory(far).start_tls(&endpoint, None, crate::HANDSHAKE_TIMEOUT);
        let (client, server) = tokio::join!(client, server);
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        let bytes = pattern(20_000);
        let mut back = vec![0; bytes.len()];
        let sending = async {
            client.write_all(&bytes).await.unwrap();
            client.flush().await.unwrap();
        };
        let ((), read) = tokio::join!(sending, read_exactly(&mut server, bytes.len()));
        assert!(read == bytes);
        let (sent, read) = tokio::join!(server.write_all(&bytes), client.read_exact(&mut back));
        sent.unwrap();
        read.unwrap();
        assert!(back == bytes);
    }
}

#[tokio::test]
async fn a_half_record_is_no_obstacle_to_writing() {
    let (client, mut server) = connected().await;
    let (mut raw, mut connection) = client.into_inner();
    let mut ciphertext = Vec::new();
    std::io::Write::write_all(&mut connection.writer(), b"<presence/>").unwrap();
    connection.write_tls(&mut ciphertext).unwrap();
    let (first, second) = ciphertext.split_at(12);
    raw.write_all(first).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(20), server.read_burst(|_| {}));
    assert!(nothing.await.is_err());
    server.write_all(b"<iq/>").await.unwrap();
    let mut buffer = vec![0; 4096];
    let count = raw.read(&mut buffer).await.unwrap();
    connection.read_tls(&mut &buffer[..count]).unwrap();
    assert_eq!(connection.process_new_packets().unwrap().plaintext_bytes_to_read(), 5);
    raw.write_all(second).await.unwrap();
    assert_eq!(read_exactly(&mut server, 11).await, b"<presence/>");
}

#[tokio::test]
async fn new_keys_are_answered_with_new_keys() {
    let (mut client, mut server) = connected().await;
    for round in 0..3 {
        client.get_mut().1.refresh_traffic_keys().unwrap();
        client.write_all(b"ping").await.unwrap();
        client.flush().await.unwrap();
        assert_eq!(read_exactly(&mut server, 4).await, b"ping", "{round}");
        // As long as a record can be, with the answer to the update before it.
        let bytes = pattern(TLS_RECORD_BYTES_MAX);
        let mut back = vec![0; bytes.len()];
        let (sent, read) = tokio::join!(server.write_all(&bytes), client.read_exact(&mut back));
        sent.unwrap();
        read.unwrap();
        assert!(back == bytes);
    }
}

/// The payload lengths of the TLS records in `bytes`, which hold whole records.
fn records(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        lengths.push(length);
        bytes = &rest[length..];
    }
    lengths
}

#[tokio::test]
async fn a_burst_is_one_record_and_one_write() {
    let (client, mut server) = connected().await;
    let (mut raw, _) = client.into_inner();
    let mut buffer = vec![0; 64 << 10];
    // The ticket that follows the handshake goes out with the first burst.
    server.write_all(&pattern(9)).await.unwrap();
    let count = raw.read(&mut buffer).await.unwrap();
    let first = records(&buffer[..count]);
    assert_eq!((first.len(), first[1]), (2, 9 + 17));
    for length in [1, 500, TLS_RECORD_BYTES_MAX] {
        server.write_all(&pattern(length)).await.unwrap();
        let count = raw.read(&mut buffer).await.unwrap();
        assert_eq!(records(&buffer[..count]), [length + 17]);
    }
    server.write_all(&pattern(TLS_RECORD_BYTES_MAX + 1)).await.unwrap();
    let count = raw.read(&mut buffer).await.unwrap();
    assert_eq!(records(&buffer[..count]), [TLS_RECORD_BYTES_MAX + 17, 18]);
    server.finish(&pattern(5), Duration::from_secs(1)).await.unwrap();
    let count = raw.read(&mut buffer).await.unwrap();
    // The last words and `close_notify`, which has two bytes.
    assert_eq!(records(&buffer[..count]), [5 + 17, 2 + 17]);
}

#[tokio::test]
async fn tickets_do_not_wait_for_a_server_that_only_listens() {
    let (client, mut server) = connected().await;
    let (mut raw, _) = client.into_inner();
    let mut buffer = vec![0; 4096];
    let reading = tokio::time::timeout(Duration::from_secs(10), raw.read(&mut buffer));
    let count = tokio::select! {
        count = reading => count.unwrap().unwrap(),
        _ = server.read_burst(|_| {}) => panic!("nothing was sent"),
    };
    assert_eq!(records(&buffer[..count]).len(), 1);
}

#[tokio::test]
async fn a_peer_that_does_not_read_holds_up_one_record_and_no_reading() {
    let (mut client, mut server) = connected().await;
    let bytes = pattern(TLS_RECORD_BYTES_MAX);
    let mut accepted = 0;
    // Memory of 64 KiB between the two: four records pass, one waits, no more are taken.
    poll_fn(|cx| {
        while let Poll::Ready(count) = server.poll_write_burst(cx, &bytes) {
            accepted += count.unwrap();
            assert!(accepted <= 6 * TLS_RECORD_BYTES_MAX);
        }
        Poll::Ready(())
    })
    .await;
    assert!(
        (3 * TLS_RECORD_BYTES_MAX..=5 * TLS_RECORD_BYTES_MAX).contains(&accepted),
        "{accepted}"
    );
    client.write_all(b"<a/>").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(read_exactly(&mut server, 4).await, b"<a/>");
    let mut back = vec![0; accepted];
    let (flushed, read) = tokio::join!(server.flush(), client.read_exact(&mut back));
    flushed.unwrap();
    read.unwrap();
    assert!(back.chunks(bytes.len()).all(|chunk| chunk == bytes));
}

#[tokio::test]
async fn the_end_is_told_apart_from_a_cut() {
    let (mut client, mut server) = connected().await;
    client.write_all(b"bye").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_exactly(&mut server, 3).await, b"bye");
    assert_eq!(server.read_burst(|_| panic!("no bytes")).await.unwrap(), 0);
    let (client, mut server) = connected().await;
    drop(client.into_inner().0);
    let error = server.read_burst(|_| panic!("no bytes")).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_says_goodbye_and_never_hangs() {
    let (mut client, mut server) = connected().await;
    server.write_all(b"last").await.unwrap();
    server.shutdown(Duration::from_secs(1)).await.unwrap();
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"last");
    let (_client, mut server) = connected().await;
    let full = poll_fn(|cx| {
        while server.poll_write_burst(cx, &[0; 16_000]).is_ready() {}
        Poll::Ready(())
    });
    full.await;
    let error = server.shutdown(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn broken_records_end_the_stream_with_an_alert() {
    let (client, mut server) = connected().await;
    let (mut raw, mut connection) = client.into_inner();
    raw.write_all(&[
        23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
    ])
    .await
    .unwrap();
    let error = server.read_burst(|_| panic!("no bytes")).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    // The alert was the last word.
    assert!(server.write_all(b"</stream:stream>").await.is_err());
    assert!(server.read_burst(|_| panic!("no bytes")).await.is_err());
    drop(server);
    let mut alert = Vec::new();
    raw.read_to_end(&mut alert).await.unwrap();
    connection.read_tls(&mut &alert[..]).unwrap();
    assert!(connection.process_new_packets().is_err());
}

#[test]
fn an_idle_transport_is_small() {
    // The socket, the tag and the slot; TLS is one allocation behind a pointer.
    assert!(size_of::<Transport>() <= 72, "{}", size_of::<Transport>());
    assert!(
        size_of::<crate::tls_stream::TlsStream>() <= 1400,
        "{}",
        size_of::<crate::tls_stream::TlsStream>()
    );
    // A session's future carries those of its transport for ever: they must stay small, too.
    let site = Site::new(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let (mut near, far) = Transport::pair(1);
    let reading = size_of_val(&near.read_burst(|_| {}));
    let writing = size_of_val(&near.write_all(b""));
    let closing = size_of_val(&near.shutdown(DAY));
    let securing = size_of_val(&far.start_tls(&endpoint, None, DAY));
    let sizes = [(reading, 64), (writing, 80), (closing, 256), (securing, 512)];
    assert!(sizes.iter().all(|(size, max)| size <= max), "{sizes:?}");
}
