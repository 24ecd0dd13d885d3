//! What a packet costs: no allocation, and no lock that workers share.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use kernel::random;
use stun_wire::{Class, Message, MessageWriter, Method, attr};
use tokio::runtime::{Builder, Runtime};

use super::Lab;
use super::client::Client;
use crate::login::{Origin, binding};

const ANONYMOUS: &[&str] = &["port: 0, transport: udp, auth_type: anonymous"];

/// A client with a channel to a peer, both ready to send.
fn connected(server: SocketAddr) -> (Client, UdpSocket, SocketAddr) {
    let mut client = Client::new(server);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let relayed = client.allocate().address(attr::XOR_RELAYED_ADDRESS);
    assert_eq!(client.bind(peer.local_addr().unwrap()).code(), 0);
    (client, peer, relayed)
}

/// Sends bursts both ways while the server runs on this thread, and gives how many packets arrived.
async fn relay(client: &UdpSocket, frame: &[u8], peer: &UdpSocket, relayed: SocketAddr) -> u32 {
    let (mut arrived, mut buffer) = (0, [0; 64]);
    for _ in 0..50 {
        for _ in 0..8 {
            client.send(frame).unwrap();
            peer.send_to(&frame[4..], relayed).unwrap();
        }
        let begin = Instant::now();
        let before = arrived;
        while arrived < before + 16 && begin.elapsed() < Duration::from_millis(200) {
            tokio::task::yield_now().await;
            arrived += u32::from(peer.recv(&mut buffer).is_ok());
            arrived += u32::from(client.recv(&mut buffer).is_ok());
        }
    }
    arrived
}

#[test]
fn channel_data_allocates_nothing() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let lab = runtime.block_on(Lab::start("", ANONYMOUS));
    let server = lab.address();
    let waiting = tokio::task::unconstrained(async {
        runtime.handle().spawn_blocking(move || connected(server)).await.unwrap()
    });
    let (client, peer, relayed) = runtime.block_on(waiting);
    client.socket.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    let frame = [&stun_wire::channel_header(0x4001, 20)[..], &[7; 20]].concat();
    // The first burst makes the room that the others use again.
    assert!(runtime.block_on(relay(&client.socket, &frame, &peer, relayed)) > 700);
    // What the runtime itself needs to begin to wait on this thread.
    let empty = measure(|| runtime.block_on(tokio::task::yield_now()));
    let mut arrived = 0;
    let used = measure(|| {
        arrived = runtime.block_on(relay(&client.socket, &frame, &peer, relayed));
    });
    assert!(arrived > 700, "{arrived} of 800");
    assert_eq!(used.count_total, empty.count_total, "for {arrived} packets");
}

/// Every lock that workers share is held by somebody else, and packets pass all the same.
#[test]
fn channel_data_takes_no_shared_lock() {
    let runtime: Runtime =
        Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let lab = runtime.block_on(Lab::start("", ANONYMOUS));
    let (client, peer, relayed) = connected(lab.address());
    let shared = lab.shared();
    let held = shared.hold_everything();
    let mut buffer = [0; 64];
    let begin = Instant::now();
    // Longer than a sweep takes to come by.
    while begin.elapsed() < crate::datagrams::SWEEP * 2 {
        client.channel(b"there");
        assert_eq!(peer.recv(&mut buffer).unwrap(), 5);
        peer.send_to(b"and back", relayed).unwrap();
        assert_eq!(client.socket.recv(&mut buffer).unwrap(), 12);
    }
    // Else the test would show nothing: whoever has no allocation does wait for one of them.
    let mut stranger = Client::new(lab.address());
    stranger.socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let request = stranger.request(Method::Binding, |writer| writer);
    stranger.socket.send(&request).unwrap();
    assert!(stranger.socket.recv(&mut buffer).is_err());
    drop(held);
    stranger.socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    assert!(stranger.socket.recv(&mut buffer).is_ok());
}

/// Attack row 29: what somebody unknown asks costs one small allocation, the answer.
#[test]
fn a_stranger_costs_one_small_allocation() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let lab = runtime.block_on(Lab::start("", &["port: 0, transport: udp"]));
    let door = lab.stun();
    let client = SocketAddr::from(([192, 0, 2, 1], 4242));
    let origin = Origin { client, server: None };
    let settings = door.settings.load_full();
    let request = |method, kinds: &[u16]| {
        let writer = MessageWriter::with_id(Class::Request, method, random::bytes());
        kinds.iter().fold(writer, |writer, kind| writer.number(*kind, 17 << 24)).finish()
    };
    for bytes in [
        request(Method::Binding, &[]),
        request(Method::Binding, &[0x7FFF, 0x7FFE]),
        request(Method::Allocate, &[attr::REQUESTED_TRANSPORT]),
    ] {
        let message = Message::parse(&bytes).unwrap();
        let used = measure(|| {
            match message.method() {
                Method::Binding => drop(binding(&message, &origin, None)),
                _ => drop(door.judge(&settings, &message, &origin, None)),
            };
        });
        assert_eq!(used.count_total, 1, "{bytes:?}");
        assert!(used.bytes_total <= 256, "{}", used.bytes_total);
    }
}
