//! RFC 5780 between four listeners.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use stun_wire::{Message, Method, attr};

use super::client::Client;
use super::{Lab, config};

#[tokio::test]
async fn four_listeners_answer_for_each_other_and_three_do_not() {
    let free = UdpSocket::bind("127.0.0.61:0").unwrap().local_addr().unwrap().port();
    let [first, second] = [free, if free < 20_000 { free + 1 } else { free - 1 }];
    let listener = |ip: u8, port: u16| {
        format!("port: {port}, transport: udp, ip: 127.0.0.{ip}, use_turn: false")
    };
    let all = [(61, first), (61, second), (62, first), (62, second)];
    let text: Vec<String> = all.iter().map(|(ip, port)| listener(*ip, *port)).collect();
    let text: Vec<&str> = text.iter().map(String::as_str).collect();
    let lab = Lab::start("", &[]).await;
    lab.put_in_force(&config("", &text[..3])).unwrap();
    let address = |ip: u8, port: u16| SocketAddr::from(([127, 0, 0, ip], port));
    // CHANGE-REQUEST to one of those; from where the answer came, if one came.
    let ask = async |to: SocketAddr, flags: Option<u32>| {
        tokio::task::spawn_blocking(move || {
            let mut client = Client::new(to);
            let request = client.request(Method::Binding, |writer| match flags {
                Some(flags) => writer.number(attr::CHANGE_REQUEST, flags),
                None => writer,
            });
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
            socket.send_to(&request, to).unwrap();
            let mut buffer = [0; 256];
            let (len, from) = socket.recv_from(&mut buffer).unwrap();
            (buffer[..len].to_vec(), from)
        })
        .await
        .unwrap()
    };
    let (answer, _) = ask(address(61, first), Some(6)).await;
    let message = Message::parse(&answer).unwrap();
    assert_eq!(message.attribute(attr::ERROR_CODE).unwrap().error_code(), Ok(420));
    let (answer, _) = ask(address(61, first), None).await;
    assert!(Message::parse(&answer).unwrap().attribute(attr::OTHER_ADDRESS).is_none());
    lab.put_in_force(&config("", &text)).unwrap();
    for (flags, ip, port) in
        [(None, 61, first), (Some(2), 61, second), (Some(4), 62, first), (Some(6), 62, second)]
    {
        let (answer, from) = ask(address(61, first), flags).await;
        let message = Message::parse(&answer).unwrap();
        let told = |kind| message.attribute(kind).unwrap().address().unwrap();
        assert_eq!(from, address(ip, port), "{flags:?}");
        assert_eq!(told(attr::RESPONSE_ORIGIN), from);
        assert_eq!(told(attr::OTHER_ADDRESS), address(62, second));
        let mapped = message.attribute(attr::XOR_MAPPED_ADDRESS).unwrap().xor_address().unwrap();
        assert_eq!(told(attr::MAPPED_ADDRESS), mapped);
    }
    lab.put_in_force(&config("", &text[1..])).unwrap();
    let (answer, _) = ask(address(62, second), Some(2)).await;
    let message = Message::parse(&answer).unwrap();
    assert_eq!(message.attribute(attr::ERROR_CODE).unwrap().error_code(), Ok(420));
}
