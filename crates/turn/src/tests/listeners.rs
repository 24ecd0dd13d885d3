//! Listeners that come, change and go at a reload, and what their options do.

use std::time::Duration;

use netio::Inherited;
use stun_wire::{Class, Message, MessageWriter, Method, attr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::Client;
use super::{Lab, config};

const UDP: &str = "port: 0, transport: udp";

/// Runs what blocks away from the server's thread.
async fn blocking<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn a_reload_changes_what_is_offered_when_it_is_committed_and_not_before() {
    let lab = Lab::start("", &[UDP]).await;
    let port = lab.address().port();
    let offered = lab.offered();
    assert_eq!(offered.iter().map(|one| one.relays).collect::<Vec<_>>(), [false, true]);
    assert!(offered.iter().all(|one| one.udp && one.port == port && !one.tls));
    // A reload that is refused later: everything was opened, and is dropped.
    let next = config("", &["port: 0, transport: udp, tls: false", "port: 0"]);
    drop(lab.doors.prepare(&lab.kernel, &next, &mut Inherited::default()).unwrap());
    assert_eq!(lab.offered(), offered);
    lab.put_in_force(&next).unwrap();
    assert_eq!(lab.offered().len(), 4);
    lab.put_in_force(&config("", &[UDP])).unwrap();
    assert_eq!(lab.offered(), offered);
    lab.put_in_force(&config("", &[])).unwrap();
    assert_eq!(lab.offered(), []);
    lab.put_in_force(&next).unwrap();
    lab.doors.close();
    assert_eq!(lab.offered(), []);
}

#[tokio::test]
async fn a_client_is_sent_elsewhere_when_no_relay_is_left() {
    let full =
        "port: 0, transport: udp, auth_type: anonymous, turn_min_port: 50000, turn_max_port: 50000";
    for (others, code, alternate) in [
        ("", 508, None),
        (", turn_alternate_servers: \"[2001:db8::1]:3478\"", 508, None),
        (
            ", turn_alternate_servers: [\"[2001:db8::1]:3478\", \"192.0.2.1:3478\"]",
            300,
            Some("192.0.2.1:3478"),
        ),
    ] {
        let lab = Lab::start("", &[&format!("{full}{others}")]).await;
        let server = lab.address();
        let (codes, told) = blocking(move || {
            let mut clients = [Client::new(server), Client::new(server)];
            let answers = clients.each_mut().map(Client::allocate);
            let told = answers.last().and_then(|last| {
                let found = last.message().attribute(attr::ALTERNATE_SERVER)?;
                Some(found.address().unwrap().to_string())
            });
            (answers.map(|answer| answer.code()), told)
        })
        .await;
        assert_eq!((codes[1], told.as_deref()), (code, alternate), "{others}");
    }
    let wrong = config(
        "",
        &[
            "port: 0, transport: udp, turn_alternate_servers: [192.0.2.1, \"192.0.2.1:1\", \"192.0.2.2:1\"]",
        ],
    );
    let lab = Lab::start("", &[UDP]).await;
    let problems = lab.doors.prepare(&lab.kernel, &wrong, &mut Inherited::default());
    let text = format!("{:?}", problems.err().expect("two are wrong"));
    assert!(text.contains("`192.0.2.1` is no address with a port"), "{text}");
    assert!(text.contains("`192.0.2.2:1` is the second address of its family"), "{text}");
}

#[tokio::test]
async fn a_reload_changes_options_and_keeps_allocations() {
    let lab = Lab::start("", &["port: 0, transport: udp, auth_type: anonymous"]).await;
    let server = lab.address();
    let mut client = blocking(move || {
        let mut client = Client::new(server);
        assert_eq!(client.allocate().code(), 0);
        client
    })
    .await;
    lab.put_in_force(&config("", &["port: 0, transport: udp, auth_realm: another"])).unwrap();
    blocking(move || {
        let mut other = Client::new(server);
        other.challenged();
        assert_eq!(other.realm, "another");
        // Whoever came without a name now needs one, and what was allocated goes on until it is refreshed.
        assert_eq!(client.ask(Method::Refresh, |writer| writer).code(), 401);
    })
    .await;
    assert_eq!(lab.shared().allocations(), 1);
}

/// `auth_type: anonymous`: no log-in, quotas by address, and no SOFTWARE before a success.
#[tokio::test]
async fn anonymous_clients_have_quotas_by_address() {
    let options = "port: 0, transport: udp, auth_type: anonymous, turn_max_allocations: 2";
    let lab = Lab::start("", &[options]).await;
    let server = lab.address();
    blocking(move || {
        let mut clients: Vec<Client> = (0..3).map(|_| Client::new(server)).collect();
        let codes: Vec<u16> = clients.iter_mut().map(|client| client.allocate().code()).collect();
        assert_eq!(codes, [0, 0, 486]);
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        assert_eq!(clients[0].bind(peer.local_addr().unwrap()).code(), 0);
        clients[0].channel(b"hello");
        let mut buffer = [0; 16];
        assert_eq!(peer.recv(&mut buffer).unwrap(), 5);
    })
    .await;
}

/// A proxy in front says who the client is; whoever says nothing, or nonsense, gets nothing.
#[tokio::test]
async fn a_proxy_says_who_the_client_is() {
    let lab = Lab::start("", &["port: 0, use_proxy_protocol: true"]).await;
    let request = MessageWriter::with_id(Class::Request, Method::Binding, [7; 12]).finish();
    let ask = async |head: &[u8]| {
        let mut stream = tokio::net::TcpStream::connect(lab.address()).await.unwrap();
        stream.write_all(&[head, &request].concat()).await.unwrap();
        let mut answer = vec![0; 64];
        let len = stream.read(&mut answer).await.unwrap_or_default();
        answer.truncate(len);
        answer
    };
    let answer = ask(b"PROXY TCP4 192.0.2.5 127.0.0.1 4242 3478\r\n").await;
    let message = Message::parse(&answer).unwrap();
    let mapped = message.attribute(attr::XOR_MAPPED_ADDRESS).unwrap().xor_address().unwrap();
    assert_eq!(mapped.to_string(), "192.0.2.5:4242");
    assert_eq!(ask(b"PROXY nonsense\r\n").await, [0; 0]);
}

/// Passwords are tried as slowly over TCP as over UDP: beyond the bucket of its address a connection is closed.
#[tokio::test]
async fn a_source_has_one_bucket_over_all_transports() {
    let lab = Lab::start("", &["port: 0"]).await;
    let request = MessageWriter::with_id(Class::Request, Method::Allocate, [7; 12]).finish();
    let (mut answers, begin) = (0, std::time::Instant::now());
    'all: for _ in 0..20 {
        let mut stream = tokio::net::TcpStream::connect(lab.address()).await.unwrap();
        for _ in 0..100 {
            let mut answer = [0; 1024];
            stream.write_all(&request).await.unwrap();
            match stream.read(&mut answer).await {
                Ok(1..) => answers += 1,
                _ => break 'all,
            }
        }
    }
    // A hundred more for each second, however long it took.
    let most = 500.0 + 100.0 * begin.elapsed().as_secs_f64();
    assert!(answers >= 400 && f64::from(answers) < most, "{answers} of {most}");
}
