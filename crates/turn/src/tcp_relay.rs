//! Relays over TCP (RFC 6062): a listening socket for peers, connections to them, and the client's end of each.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use netio::Transport;
use stun_wire::code;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::ports::{Port, PortSet, RelayAddress, draw_port};
use crate::shared::Waiting;

/// Ports that are tried when others have them.
const TRIES: usize = 16;
/// Peers of one allocation that are connected or being connected to.
const CONNECTIONS_MAX: usize = 32;
/// How long a peer may take to answer (RFC 6062 §5.2 asks for 30 s at least).
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// The relayed transport address of an allocation over TCP.
pub(crate) struct TcpRelay {
    listener: TcpListener,
    told: SocketAddr,
    bound: IpAddr,
    peers: Vec<SocketAddr>,
    _port: Port,
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The address is both listened on and connected from (RFC 6062 §5.2).
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl TcpRelay {
    pub(crate) fn open(
        set: &Arc<PortSet>,
        at: RelayAddress,
        range: &RangeInclusive<u16>,
    ) -> Option<Self> {
        let mut refused = Vec::new();
        for _ in 0..TRIES {
            let port = draw_port(set, range)?;
            let address = SocketAddr::new(at.bound, port.number());
            match socket(address).and_then(|socket| socket.listen(16)) {
                Ok(listener) => {
                    let told = SocketAddr::new(at.told, port.number());
                    return Some(Self {
                        listener,
                        told,
                        bound: at.bound,
                        peers: Vec::new(),
                        _port: port,
                    });
                }
                Err(_) => refused.push(port),
            }
        }
        None
    }

    /// What the client is told.
    pub(crate) fn told(&self) -> SocketAddr {
        self.told
    }

    /// Waits for a peer that connects.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.listener.accept().await
    }

    /// Counts a connection to a peer, of which there may be one (RFC 6062 §5.2).
    pub(crate) fn begin(&mut self, peer: SocketAddr) -> Result<(), u16> {
        if self.peers.contains(&peer) {
            return Err(code::CONNECTION_ALREADY_EXISTS);
        }
        if self.peers.len() >= CONNECTIONS_MAX {
            return Err(code::INSUFFICIENT_CAPACITY);
        }
        self.peers.push(peer);
        Ok(())
    }

    /// A connection to a peer did not come about.
    pub(crate) fn failed(&mut self, peer: SocketAddr) {
        self.peers.retain(|known| *known != peer);
    }

    /// Connects to a peer from the relayed address.
    pub(crate) fn connect(
        &self,
        peer: SocketAddr,
    ) -> impl Future<Output = io::Result<TcpStream>> + use<> {
        let from = SocketAddr::new(self.bound, self.told.port());
        async move {
            let connecting = socket(from)?.connect(peer);
            tokio::time::timeout(CONNECT_TIMEOUT, connecting)
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        }
    }
}

/// Passes bytes between a client and a peer until one of them, or the allocation, ends (RFC 6062 §4.4).
pub(crate) async fn splice(mut client: Transport, mut waiting: Waiting, first: Vec<u8>) {
    if waiting.stream.write_all(&first).await.is_err() {
        return;
    }
    let ended = Arc::clone(&waiting.ended);
    let over = async {
        while !ended.load(Ordering::Relaxed) {
            tokio::time::sleep(crate::datagrams::SWEEP).await;
        }
    };
    tokio::select! {
        copied = tokio::io::copy_bidirectional(&mut client, &mut waiting.stream) => {
            if let Ok((to_peer, to_client)) = copied {
                let bytes = |direction: &'static str, count| {
                    metrics::counter!(observe::names::TURN_BYTES, "direction" => direction).increment(count);
                };
                bytes("to_peer", to_peer);
                bytes("to_client", to_client);
            }
        }
        () = over => {}
    }
}
