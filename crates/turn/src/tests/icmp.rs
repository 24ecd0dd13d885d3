//! RFC 8656 §11.5, over UDP and TCP.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use stun_wire::{Class, Frame, Message, MessageWriter, Method, attr, next_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Lab;
use super::client::Client;

/// An address of this machine where nobody listens.
fn nobody() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Type 3, code 3, about that peer: its port is unreachable.
fn says_unreachable(message: &Message<'_>, peer: SocketAddr) {
    assert_eq!((message.class(), message.method()), (Class::Indication, Method::Data));
    let about = message.attribute(attr::XOR_PEER_ADDRESS).unwrap().xor_address().unwrap();
    assert_eq!(about, peer);
    assert_eq!(message.attribute(attr::ICMP).unwrap().value, [0, 0, 3 << 1, 3, 0, 0, 0, 0]);
    assert!(message.attribute(attr::DATA).is_none());
}

#[tokio::test]
async fn a_client_is_told_that_a_peer_is_unreachable_and_loses_nothing_to_others() {
    let lab = Lab::start("", &["port: 0, transport: udp, auth_type: anonymous"]).await;
    let server = lab.address();
    let test = move || {
        let mut client = Client::new(server);
        assert_eq!(client.allocate().code(), 0);
        let (gone, peer) = (nobody(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let wait = Duration::from_secs(3);
        peer.set_read_timeout(Some(wait)).unwrap();
        assert_eq!(client.bind(gone).code(), 0);
        let mut buffer = [0; 256];
        for _ in 0..3 {
            client.channel(b"anybody there?");
            let len = client.socket.recv(&mut buffer).unwrap();
            says_unreachable(&Message::parse(&buffer[..len]).unwrap(), gone);
        }
        // An error that nobody has taken yet costs no datagram to another peer.
        for _ in 0..20 {
            client.channel(b"anybody there?");
            let indication = MessageWriter::with_id(Class::Indication, Method::Send, [9; 12])
                .xor_address(attr::XOR_PEER_ADDRESS, peer.local_addr().unwrap())
                .attribute(attr::DATA, b"hello")
                .finish();
            client.socket.send(&indication).unwrap();
            assert_eq!(peer.recv(&mut buffer).unwrap(), 5);
        }
    };
    tokio::task::spawn_blocking(test).await.unwrap();
}

#[tokio::test]
async fn the_same_over_tcp() {
    let lab = Lab::start("", &["port: 0, auth_type: anonymous"]).await;
    let mut stream = tokio::net::TcpStream::connect(lab.address()).await.unwrap();
    let gone = nobody();
    let request = |method| MessageWriter::with_id(Class::Request, method, [9; 12]);
    let allocate =
        request(Method::Allocate).attribute(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).finish();
    let permit =
        request(Method::CreatePermission).xor_address(attr::XOR_PEER_ADDRESS, gone).finish();
    let send = MessageWriter::with_id(Class::Indication, Method::Send, [9; 12])
        .xor_address(attr::XOR_PEER_ADDRESS, gone)
        .attribute(attr::DATA, b"anybody there?")
        .finish();
    stream.write_all(&[allocate, permit, send].concat()).await.unwrap();
    let (mut bytes, mut found) = (Vec::new(), 0);
    while found < 3 {
        let read = tokio::time::timeout(Duration::from_secs(3), stream.read_buf(&mut bytes)).await;
        assert!(read.unwrap().unwrap() > 0);
        while let Frame::Message(len) = next_frame(&bytes)
            && len <= bytes.len()
        {
            let frame: Vec<u8> = bytes.drain(..len).collect();
            let message = Message::parse(&frame).unwrap();
            found += 1;
            match found {
                3 => says_unreachable(&message, gone),
                _ => assert_eq!(message.class(), Class::Success),
            }
        }
    }
}
