//! Clients over TCP and TLS: one task a connection, which is the five-tuple of its allocation (RFC 8656 §3.1).

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use netio::{HANDSHAKE_TIMEOUT, Link, Local, PeerAddr, Shaper, Transport};
use quinn_udp::UdpSocketState;
use stun_wire::{
    Class, Frame, Message, MessageWriter, Method, attr, channel_data, channel_header, code,
    next_frame, padded_len,
};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Stun;
use crate::allocation::{Allocation, Traffic, family};
use crate::batch::{Outbox, Sockets, with_scratch};
use crate::datagrams::{REQUEST_BYTES_MAX, SWEEP, data_indication, indicated, send_whole};
use crate::icmp;
use crate::login::{Judged, Login, Origin, binding, refusal};
use crate::options::Settings;
use crate::poller::Poller;
use crate::requests::{Asked, Done};
use crate::shared::Waiting;
use crate::tcp_relay::splice;

/// How long a connection may be without allocation and without a word.
const IDLE_MAX: Duration = Duration::from_secs(120);
/// What is written at once to a client; more is lost, as datagrams may be.
const OUT_BYTES_MAX: usize = 256 << 10;

/// A connection of a client.
struct Connection {
    stun: Arc<Stun>,
    settings: Arc<Settings>,
    origin: Origin,
    allocation: Option<Allocation>,
    poller: Option<Poller>,
    incoming: Vec<u8>,
    out: Vec<u8>,
    traffic: Traffic,
    heard: Instant,
    connected: (mpsc::Sender<Connected>, mpsc::Receiver<Connected>),
}

/// A peer was connected to, or not; with the request that wanted it.
struct Connected {
    peer: SocketAddr,
    stream: io::Result<TcpStream>,
    request: Vec<u8>,
}

/// What a connection becomes.
enum Next {
    Read,
    Close,
    /// The client's end of a peer's connection (RFC 6062 §4.3).
    Splice(Box<Waiting>),
}

/// The relays of an allocation, by family.
struct Relays<'a>(&'a Allocation);

impl Sockets for Relays<'_> {
    fn socket(&self, token: u64) -> Option<(&UdpSocket, &UdpSocketState)> {
        let relay = self.0.relays.get(usize::try_from(token).ok()?)?.as_ref()?;
        Some((&relay.socket, &relay.state))
    }
}

/// Serves a connection until it ends.
pub(crate) async fn serve(stun: Arc<Stun>, mut link: Link) {
    if let Err(error) = link.establish().await {
        tracing::info!(peer = %link.peer, %error, "closed a connection without a valid PROXY header");
        return;
    }
    let PeerAddr::Ip(client) = link.peer else { return };
    let server = match &link.local {
        Local::Ip(address) => Some(address.ip()),
        Local::Unix(_) | Local::Memory => None,
    };
    let settings = stun.settings.load_full();
    let transport = match &settings.tls {
        None => link.transport,
        Some(tls) => match link.transport.start_tls(tls, None, HANDSHAKE_TIMEOUT).await {
            Ok(transport) => transport,
            Err(error) => return tracing::debug!(%client, %error, "a TLS handshake failed"),
        },
    };
    let connection = Connection {
        stun,
        settings,
        origin: Origin { client, server },
        allocation: None,
        poller: None,
        incoming: Vec::new(),
        out: Vec::new(),
        traffic: Traffic::default(),
        heard: Instant::now(),
        connected: mpsc::channel(16),
    };
    connection.run(transport).await;
}

impl Connection {
    async fn run(mut self, mut transport: Transport) {
        let mut stopping = self.stun.kernel.tasks().stopping();
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shaper = self.settings.shaper.map_or(Shaper::NONE, |rate| {
            Shaper::new(rate.bytes_per_second, Some(rate.burst_bytes))
        });
        let mut resume_at = Instant::now();
        loop {
            let Self { incoming, poller, allocation, connected, .. } = &mut self;
            let read = async {
                tokio::time::sleep_until(resume_at).await;
                transport.read_burst(|bytes| incoming.extend_from_slice(bytes)).await
            };
            let next = tokio::select! {
                () = stopping.wait() => Next::Close,
                read = read => match read {
                    Ok(count) if count > 0 => {
                        let now = Instant::now();
                        resume_at = now + shaper.update(now.into_std(), count);
                        self.heard = now;
                        self.frames().await
                    }
                    _ => Next::Close,
                },
                () = relayed(poller) => {
                    self.peer_packets();
                    Next::Read
                }
                peer = accepted(allocation) => {
                    self.attempted(peer);
                    Next::Read
                }
                Some(connected) = connected.1.recv() => {
                    self.finish_connect(connected);
                    Next::Read
                }
                _ = sweep.tick() => self.sweep(),
            };
            let out = std::mem::take(&mut self.out);
            if !out.is_empty() {
                let written =
                    tokio::time::timeout(self.settings.send_timeout, write(&mut transport, &out));
                if !matches!(written.await, Ok(Ok(()))) {
                    break;
                }
            }
            match next {
                Next::Read => {}
                Next::Close => break,
                Next::Splice(waiting) => {
                    return splice(transport, *waiting, std::mem::take(&mut self.incoming)).await;
                }
            }
        }
        self.traffic.publish();
        // The peer may be gone; there is nobody to tell.
        transport.shutdown(Duration::from_secs(5)).await.ok();
    }

    fn sweep(&mut self) -> Next {
        let now = Instant::now();
        self.traffic.publish();
        if let Some(allocation) = &mut self.allocation {
            allocation.sweep(now);
            if allocation.is_over(now) {
                return Next::Close;
            }
        } else if now.saturating_duration_since(self.heard) > IDLE_MAX {
            return Next::Close;
        }
        Next::Read
    }

    /// Takes the whole frames off what has come in.
    async fn frames(&mut self) -> Next {
        let mut incoming = std::mem::take(&mut self.incoming);
        let mut taken = 0;
        let mut next = Next::Read;
        while let Some(rest) = incoming.get(taken..)
            && !rest.is_empty()
        {
            let limit = if self.allocation.is_some() { usize::MAX } else { REQUEST_BYTES_MAX };
            match next_frame(rest) {
                Frame::Need(bytes) if bytes <= limit => break,
                Frame::Message(bytes) if bytes <= limit => {
                    taken += bytes;
                    next = self.message(&rest[..bytes]).await;
                }
                Frame::Channel { bytes } if bytes <= limit => {
                    taken += bytes;
                    self.channel(&rest[..bytes]);
                }
                _ => next = Next::Close,
            }
            if !matches!(next, Next::Read) {
                break;
            }
        }
        if let Some(allocation) = &self.allocation {
            with_scratch(|scratch| scratch.outbox.flush(&Relays(allocation)));
        }
        incoming.drain(..taken.min(incoming.len()));
        if incoming.is_empty() {
            incoming = Vec::new();
        }
        self.incoming = incoming;
        next
    }

    /// Gives a datagram to the relay of its family; `frames` sends what is gathered before it waits.
    fn push(outbox: &mut Outbox, allocation: &Allocation, peer: SocketAddr, data: &[u8]) {
        let socket = family(peer.ip()) as u64;
        outbox.push(&Relays(allocation), (socket, peer, None), &[], data);
    }

    fn channel(&mut self, frame: &[u8]) {
        let Some(allocation) = &self.allocation else { return };
        let Some(data) = channel_data(frame) else { return };
        let (len, now) = (data.payload.len(), self.heard);
        let Some(peer) = allocation.channel_peer(data.number, len, &self.stun.shared, now) else {
            self.traffic.dropped += 1;
            return;
        };
        self.traffic.count_to_peer(len);
        with_scratch(|scratch| {
            Self::push(&mut scratch.outbox, allocation, peer, data.payload);
        });
    }

    fn send(&mut self, message: &Message<'_>) {
        let Some(allocation) = &self.allocation else { return };
        let Some((peer, data)) = indicated(message) else { return };
        if !allocation.may_send(peer, data.len(), &self.stun.shared, self.heard) {
            self.traffic.dropped += 1;
            return;
        }
        self.traffic.count_to_peer(data.len());
        let relay = allocation.relays[family(peer.ip())].as_ref();
        let whole = message.attribute(attr::DONT_FRAGMENT).is_some();
        match relay.filter(|_| whole) {
            Some(relay) => send_whole(relay, peer, data),
            None => with_scratch(|scratch| Self::push(&mut scratch.outbox, allocation, peer, data)),
        }
    }

    async fn message(&mut self, bytes: &[u8]) -> Next {
        if self.allocation.is_none()
            && !self.stun.shared.sources().admit(self.origin.client.ip(), 0, self.heard)
        {
            refusal("rate");
            return Next::Close;
        }
        let Ok(message) = Message::parse(bytes) else { return Next::Close };
        if message.fingerprint() == Some(false) {
            return Next::Close;
        }
        match (message.class(), message.method()) {
            (Class::Request, Method::Binding) => {
                let answer = binding(&message, &self.origin, None);
                self.out.extend_from_slice(&answer);
            }
            (Class::Request, _) if !self.settings.use_turn => {
                self.out.extend_from_slice(&crate::refused(&message, code::BAD_REQUEST));
            }
            (Class::Request, _) => {
                // What is gathered belongs to this connection; the thread's buffers must be empty before a wait.
                if let Some(allocation) = &self.allocation {
                    with_scratch(|scratch| scratch.outbox.flush(&Relays(allocation)));
                }
                return self.request(&message).await;
            }
            (Class::Indication, Method::Send) => self.send(&message),
            _ => {}
        }
        Next::Read
    }

    async fn request(&mut self, message: &Message<'_>) -> Next {
        let present = self.allocation.as_ref().map(|allocation| Arc::clone(&allocation.login));
        let judged = self.stun.judge(&self.settings, message, &self.origin, present.as_deref());
        let login = match judged {
            Judged::Refused(answer) => Err(answer),
            Judged::Present => {
                Ok(present.unwrap_or_else(|| Arc::new(Login::anonymous(&self.stun, &self.origin))))
            }
            Judged::LookUp(user) => {
                let found = self.stun.look_up(&self.settings.realm, user).await;
                self.stun.admit(&self.settings, message, &self.origin, found)
            }
        };
        match login {
            Err(answer) => {
                self.out.extend_from_slice(&answer);
                Next::Read
            }
            Ok(login) => self.perform(message, &login),
        }
    }

    fn perform(&mut self, message: &Message<'_>, login: &Arc<Login>) -> Next {
        let settings = Arc::clone(&self.settings);
        let (origin, now) = (self.origin, Instant::now());
        let asked =
            Asked { settings: &settings, message, origin: &origin, login, now, stream: true };
        if message.method() == Method::ConnectionBind {
            return self.connection_bind(&asked);
        }
        let before = self.allocation.is_some();
        match self.stun.request(&asked, &mut self.allocation) {
            Done::Answer(answer) => self.out.extend_from_slice(&answer),
            Done::Connect(peer) => self.connect(peer, message.bytes().to_vec()),
        }
        match (&self.allocation, before) {
            (Some(made), false) => {
                self.poller = listen(made)
                    .inspect_err(|error| {
                        tracing::error!(%error, "a relay hears nothing");
                    })
                    .ok();
            }
            (None, true) => self.poller = None,
            _ => {}
        }
        Next::Read
    }

    /// RFC 6062 §5.4.
    fn connection_bind(&mut self, asked: &Asked<'_>) -> Next {
        let id = asked.message.attribute(attr::CONNECTION_ID).and_then(|id| id.number().ok());
        let waiting = id
            .filter(|_| self.allocation.is_none())
            .and_then(|id| self.stun.shared.connection(id, &asked.login.user, asked.now));
        match waiting {
            None => {
                self.out.extend_from_slice(&asked.error(code::BAD_REQUEST));
                Next::Read
            }
            Some(waiting) => {
                let writer = MessageWriter::answer(asked.message, Class::Success);
                self.out.extend_from_slice(&asked.finish(writer));
                Next::Splice(Box::new(waiting))
            }
        }
    }

    /// Connects to a peer in a task of its own; at most as many as the allocation may have.
    fn connect(&self, peer: SocketAddr, request: Vec<u8>) {
        let Some(tcp) = self.allocation.as_ref().and_then(|one| one.tcp.as_ref()) else { return };
        let (connecting, done) = (tcp.connect(peer), self.connected.0.clone());
        self.stun.kernel.tasks().spawn("relay connection", async move {
            let stream = connecting.await;
            // An error means that the client is gone.
            done.send(Connected { peer, stream, request }).await.ok();
        });
    }

    fn finish_connect(&mut self, connected: Connected) {
        let Connected { peer, stream, request } = connected;
        let (Ok(message), Some(allocation)) = (Message::parse(&request), &mut self.allocation)
        else {
            return;
        };
        let now = Instant::now();
        let login = Arc::clone(&allocation.login);
        let asked = Asked {
            settings: &self.settings,
            message: &message,
            origin: &self.origin,
            login: &login,
            now,
            stream: true,
        };
        let kept = stream.ok().and_then(|stream| {
            self.stun.shared.keep_connection(stream, &login.user, &allocation.ended, now)
        });
        let answer = match kept {
            Some(id) => asked.finish(
                MessageWriter::answer(&message, Class::Success).number(attr::CONNECTION_ID, id),
            ),
            None => {
                if let Some(tcp) = &mut allocation.tcp {
                    tcp.failed(peer);
                }
                asked.error(code::CONNECTION_TIMEOUT_OR_FAILURE)
            }
        };
        self.out.extend_from_slice(&answer);
    }

    /// A peer has connected (RFC 6062 §5.3): one without permission is turned away.
    fn attempted(&mut self, (stream, peer): (TcpStream, SocketAddr)) {
        let now = Instant::now();
        let Some(allocation) = &mut self.allocation else { return };
        let permitted = allocation.is_permitted(peer.ip(), now);
        let begun = permitted && allocation.tcp.as_mut().is_some_and(|tcp| tcp.begin(peer).is_ok());
        if !begun {
            return;
        }
        let user = &allocation.login.user;
        let kept = self.stun.shared.keep_connection(stream, user, &allocation.ended, now);
        if let Some(id) = kept {
            let method = Method::ConnectionAttempt;
            let id_bytes = kernel::random::bytes();
            let told = MessageWriter::with_id(Class::Indication, method, id_bytes)
                .number(attr::CONNECTION_ID, id)
                .xor_address(attr::XOR_PEER_ADDRESS, peer);
            self.out.extend_from_slice(&told.finish());
        }
    }

    /// Passes on what peers have sent.
    fn peer_packets(&mut self) {
        let Some(allocation) = &self.allocation else { return };
        let now = Instant::now();
        let Self { out, traffic, stun, .. } = self;
        with_scratch(|scratch| {
            for relay in allocation.relays.iter().flatten() {
                if scratch.inbox.receive(&relay.socket, &relay.state).is_err() {
                    for error in icmp::take(&relay.socket) {
                        if out.len() < OUT_BYTES_MAX
                            && allocation.may_tell(&error, &stun.shared, now)
                        {
                            out.extend_from_slice(&error.indication());
                        }
                    }
                    continue;
                }
                for (peer, _, bytes) in scratch.inbox.datagrams() {
                    let becomes = allocation.peer_packet(peer, bytes.len(), &stun.shared, now);
                    let room = out.len() + bytes.len() < OUT_BYTES_MAX;
                    match (becomes.filter(|_| room), u16::try_from(bytes.len())) {
                        (Some(Some(number)), Ok(len)) => {
                            out.extend_from_slice(&channel_header(number, len));
                            out.extend_from_slice(bytes);
                            out.resize(out.len() + padded_len(bytes.len()) - bytes.len(), 0);
                        }
                        (Some(None), Ok(_)) => out.extend_from_slice(&data_indication(peer, bytes)),
                        _ => {
                            traffic.dropped += 1;
                            continue;
                        }
                    }
                    traffic.count_to_client(bytes.len());
                }
            }
        });
    }
}

/// Writes frames: together over TCP, but each in a TLS record of its own.
///
/// COMPAT: coturn's client, and what was made after it, takes one frame out of each record and drops the rest.
async fn write(transport: &mut Transport, out: &[u8]) -> io::Result<()> {
    if !transport.is_tls() {
        return transport.write_all(out).await;
    }
    let mut rest = out;
    while let (Frame::Message(bytes) | Frame::Channel { bytes }, false) =
        (next_frame(rest), rest.is_empty())
    {
        let (frame, after) = rest.split_at(bytes);
        transport.write_all(frame).await?;
        rest = after;
    }
    Ok(())
}

/// Waits for packets of peers.
async fn relayed(poller: &mut Option<Poller>) {
    let Some(poller) = poller else { return std::future::pending().await };
    let mut tokens = Vec::new();
    loop {
        let Ok(mut ready) = poller.readable().await else { return std::future::pending().await };
        if ready.tokens(&mut tokens).is_err() {
            return std::future::pending().await;
        }
        if !tokens.is_empty() {
            return;
        }
    }
}

/// Waits for a peer that connects.
async fn accepted(allocation: &Option<Allocation>) -> (TcpStream, SocketAddr) {
    let tcp = allocation.as_ref().and_then(|allocation| allocation.tcp.as_ref());
    let Some(tcp) = tcp else { return std::future::pending().await };
    loop {
        match tcp.accept().await {
            Ok(accepted) => return accepted,
            // A peer that went away at once, or no descriptors left: the next one may do better.
            Err(_) => tokio::time::sleep(SWEEP).await,
        }
    }
}

fn listen(made: &Allocation) -> io::Result<Poller> {
    let poller = Poller::new()?;
    for (family, relay) in made.relays.iter().enumerate() {
        if let Some(relay) = relay {
            poller.add(&relay.socket, family as u64)?;
        }
    }
    Ok(poller)
}
