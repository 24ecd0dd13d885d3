//! Listening: addresses, Unix sockets, limits, the PROXY header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout};

use super::*;
use crate::{
    BindError, ConnectionLimit, Inherited, ListenSpec, Listener, Local, PeerAddr,
    UnixSocketOptions, mark_v6_only,
};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ANY4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const ANY6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

fn bind(spec: ListenSpec) -> Result<Listener, BindError> {
    Listener::bind(spec, ConnectionLimit::new(100), &mut Inherited::default())
}

fn to(listener: &Listener) -> SocketAddr {
    SocketAddr::new(V4, listener.port().unwrap())
}

#[tokio::test]
async fn tcp_with_a_port_of_the_system_s_choice() {
    let mut listener = bind(ListenSpec::tcp(V4, 0)).unwrap();
    let mut client = TcpStream::connect(to(&listener)).await.unwrap();
    let mut link = listener.accept().await;
    assert_eq!(link.peer, PeerAddr::Ip(client.local_addr().unwrap()));
    assert_eq!(link.local, Local::Ip(to(&listener)));
    link.establish().await.unwrap();
    client.write_all(b"hello").await.unwrap();
    let mut read = Vec::new();
    link.transport.read_burst(|bytes| read.extend_from_slice(bytes)).await.unwrap();
    assert_eq!(read, b"hello");
}

#[tokio::test]
async fn an_any_address_of_version_6_takes_both_families_unless_shared() {
    let mut both = bind(ListenSpec::tcp(ANY6, 0)).unwrap();
    TcpStream::connect(to(&both)).await.unwrap();
    let link = both.accept().await;
    // IPv4 peers are written as such, or no access rule for 127.0.0.1 would match.
    assert_eq!(link.peer.ip(), Some(V4));
    let four = bind(ListenSpec::tcp(ANY4, 0)).unwrap();
    let port = four.port().unwrap();
    assert!(matches!(bind(ListenSpec::tcp(ANY6, port)), Err(BindError::InUse { .. })));
    let mut specs =
        [ListenSpec::tcp(ANY4, port), ListenSpec::tcp(ANY6, port), ListenSpec::tcp(ANY6, port ^ 1)];
    mark_v6_only(&mut specs);
    assert_eq!(specs.each_ref().map(|spec| spec.v6_only), [false, true, false]);
    bind(specs[1].clone()).unwrap();
}

#[tokio::test]
async fn a_port_in_use_names_its_holder() {
    let first = bind(ListenSpec::tcp(V4, 0)).unwrap();
    let error = bind(ListenSpec::tcp(V4, first.port().unwrap())).unwrap_err();
    let ours = format!("(process {})", std::process::id());
    assert!(error.to_string().contains(&ours), "{error}");
    let error = bind(ListenSpec::tcp([192, 0, 2, 1], 5222)).unwrap_err();
    assert!(matches!(error, BindError::NotOurs { .. }), "{error}");
}

#[tokio::test]
async fn unix_sockets_are_private_and_tell_the_peer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c2s.sock");
    let mut listener = bind(ListenSpec::unix(&path)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    let _client = UnixStream::connect(&path).await.unwrap();
    let link = listener.accept().await;
    let PeerAddr::Unix(peer) = link.peer else { panic!("{:?}", link.peer) };
    assert_eq!(peer.pid, i32::try_from(std::process::id()).ok());
    assert_eq!(link.local, Local::Unix(path.clone()));
    // Somebody listens there: nothing is taken from them.
    let error = bind(ListenSpec::unix(&path)).unwrap_err();
    assert!(error.to_string().contains("(process "), "{error}");
    drop(listener);
    assert!(!path.exists());
    let options = UnixSocketOptions { mode: Some(0o660), ..UnixSocketOptions::default() };
    let _listener = bind(ListenSpec { unix_socket: options, ..ListenSpec::unix(&path) }).unwrap();
    assert_eq!(mode(&path), 0o660);
}

#[tokio::test]
async fn stale_sockets_are_replaced_and_files_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = bind(ListenSpec::unix(&path)).unwrap();
    // Another process has taken the place meanwhile: its socket stays.
    fs::remove_file(&path).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(listener);
    assert!(path.exists());
    let file = folder.path().join("precious");
    fs::write(&file, "data").unwrap();
    assert!(matches!(bind(ListenSpec::unix(&file)), Err(BindError::NotASocket(_))));
    assert_eq!(fs::read_to_string(&file).unwrap(), "data");
}

#[tokio::test]
async fn the_limit_counts_transports_wherever_they_go() {
    let limit = ConnectionLimit::new(2);
    let mut listener =
        Listener::bind(ListenSpec::tcp(V4, 0), limit.clone(), &mut Inherited::default()).unwrap();
    let address = to(&listener);
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(TcpStream::connect(address).await.unwrap());
    }
    let (one, two) = (listener.accept().await, listener.accept().await);
    assert_eq!(limit.open_count(), 2);
    let short = Duration::from_millis(30);
    assert!(timeout(short, listener.accept()).await.is_err());
    let kept = one.transport;
    assert!(timeout(short, listener.accept()).await.is_err());
    drop(kept);
    let three = timeout(Duration::from_secs(5), listener.accept()).await.unwrap();
    drop((two, three));
    assert_eq!(limit.open_count(), 0);
}

#[tokio::test]
async fn accepting_keeps_its_interval() {
    let interval = Duration::from_millis(40);
    let spec = ListenSpec { accept_interval: interval, ..ListenSpec::tcp(V4, 0) };
    let mut listener = bind(spec).unwrap();
    let address = to(&listener);
    let _clients =
        [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    let begin = Instant::now();
    let _links = [listener.accept().await, listener.accept().await];
    assert!(begin.elapsed() >= interval);
}

/// A sleep of no length would last to the next tick of the timer: a thousand connections a second at most.
#[tokio::test]
async fn without_an_interval_connections_that_wait_are_taken_at_once() {
    let mut listener = bind(ListenSpec::tcp(V4, 0)).unwrap();
    let address = to(&listener);
    let connect = || std::net::TcpStream::connect(address).unwrap();
    let _clients = [connect(), connect()];
    listener.accept().await;
    tokio::select! {
        biased;
        _ = listener.accept() => {}
        () = std::future::ready(()) => panic!("the second one has to wait"),
    }
}

#[tokio::test]
async fn the_proxy_header_is_believed_only_where_asked_for() {
    let header = b"PROXY TCP4 192.0.2.1 198.51.100.2 8080 5222\r\n<stream>";
    for asked in [true, false] {
        let mut listener =
            bind(ListenSpec { use_proxy_protocol: asked, ..ListenSpec::tcp(V4, 0) }).unwrap();
        let mut client = TcpStream::connect(to(&listener)).await.unwrap();
        client.write_all(header).await.unwrap();
        let mut link = listener.accept().await;
        link.establish().await.unwrap();
        let mut read = Vec::new();
        link.transport.read_burst(|bytes| read.extend_from_slice(bytes)).await.unwrap();
        let own = PeerAddr::Ip(client.local_addr().unwrap());
        if asked {
            assert_eq!(link.peer.to_string(), "192.0.2.1:8080");
            assert_eq!(link.proxy, Some(own));
            assert_eq!(link.local, Local::Ip("198.51.100.2:5222".parse().unwrap()));
            assert_eq!(read, b"<stream>");
        } else {
            assert_eq!((link.peer, link.proxy), (own, None));
            assert_eq!(read, header);
        }
    }
}
