//! Listeners change while the server runs.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use super::files::{Running, Site};

fn config(listen: &[&str], port: u16) -> String {
    let listener =
        |options: &&str| format!("  - module: ejabberd_c2s\n    port: {port}\n    {options}\n");
    let listeners: String = listen.iter().map(listener).collect();
    format!("hosts: [localhost]\nmodules: {{}}\nlisten:\n{listeners}")
}

const OPEN: &str = "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' \
                    xmlns:stream='http://etherx.jabber.org/streams'>";

/// Whether a server answers at an address; `first` goes before the stream.
fn answers(ip: [u8; 4], port: u16, first: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::from(ip), port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    stream.write_all(format!("{first}{OPEN}").as_bytes()).expect("it is open");
    let mut bytes = [0; 64];
    stream.read(&mut bytes).is_ok_and(|count| bytes[..count].starts_with(b"<?xml"))
}

/// The new listener and the old one overlap, and neither is in the other's way; another program still is.
#[test]
fn a_listener_gets_another_address_or_other_options_on_the_same_port() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
    let port = port.expect("a port is free").port();
    let site = Site::new(&config(&["ip: 127.0.0.1"], port));
    let write = |listen: &[&str]| {
        std::fs::write(site.path("ejabberd.yml"), config(listen, port)).expect("it is writable");
        let reload = site.command("", "ctl --spool data reload_config").output();
        let output = reload.expect("the program can be started");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let command = site.command("", "--config ejabberd.yml --spool data");
    let running = Running::begin(command, &site.path("data/control.sock"));
    assert!(answers([127, 0, 0, 1], port, "") && !answers([127, 0, 0, 2], port, ""));
    let mut early = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    for (listen, here, there, first) in [
        (&["ip: 0.0.0.0"][..], true, true, ""),
        (&["ip: \"::\""], true, true, ""),
        (&["ip: 0.0.0.0", "ip: \"::\""], true, true, ""),
        (&["ip: \"::\""], true, true, ""),
        (&["ip: 127.0.0.2"], false, true, ""),
        (&["ip: 127.0.0.1"], true, false, ""),
        (&["use_proxy_protocol: true"], true, true, "PROXY UNKNOWN\r\n"),
    ] {
        assert_eq!(write(listen), (true, String::new()), "{listen:?}");
        assert_eq!(answers([127, 0, 0, 1], port, first), here, "{listen:?}");
        assert_eq!(answers([127, 0, 0, 2], port, first), there, "{listen:?}");
    }
    // A connection outlives the listener it came through.
    early.write_all(OPEN.as_bytes()).expect("it is open still");
    assert!(early.read(&mut [0; 64]).is_ok_and(|count| count > 0));
    assert!(write(&["ip: 127.0.0.1"]).0);
    let _other = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).expect("nobody has it");
    let (done, said) = write(&["ip: 0.0.0.0"]);
    assert!(!done && said.contains("already in use"), "{said}");
    assert!(answers([127, 0, 0, 1], port, ""));
    running.stop();
}
