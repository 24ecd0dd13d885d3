//! Clients over UDP: one task a socket owns their allocations, so that a packet meets no lock.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use kernel::doors::Stop;
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use slab::Slab;
use stun_wire::{Class, Message, MessageWriter, Method, attr, channel_data, channel_header};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Stun;
use crate::allocation::{Allocation, Traffic, family};
use crate::batch::{Outbox, Scratch, Sockets, with_scratch};
use crate::icmp;
use crate::login::{Judged, Login, Name, Origin, binding};
use crate::options::Settings;
use crate::poller::Poller;
use crate::requests::{Asked, Done};

/// How often what ran out is removed; an account that is gone ends within it.
pub(crate) const SWEEP: Duration = Duration::from_millis(250);
/// User names that are being looked up at once, for each socket.
const LOOK_UPS_MAX: usize = 256;
/// Bursts that are served before other tasks of the thread get their turn.
const ROUNDS: usize = 16;
/// The client socket's token; relays have those from 1 on.
const CLIENTS: u64 = 0;
/// The longest request: no client needs more, and nothing longer is kept while its user is looked up.
pub(crate) const REQUEST_BYTES_MAX: usize = 2_048;

/// A client with an allocation.
struct Client {
    origin: Origin,
    allocation: Option<Allocation>,
}

/// A request whose user has been looked up.
struct Found {
    origin: Origin,
    bytes: Vec<u8>,
    login: Option<Login>,
}

/// The socket of clients, and where each one's relays are.
struct Table {
    socket: Arc<UdpSocket>,
    state: UdpSocketState,
    /// Its address.
    local: SocketAddr,
    /// IPv4 clients are reached through it in IPv6 clothes.
    is_ipv6: bool,
    clients: Slab<Client>,
    by_origin: HashMap<Origin, usize>,
    /// Of the packet before: the next one is often of the same client.
    last: Option<(Origin, usize)>,
}

/// The token of a client's relay.
fn token(index: usize, family: usize) -> u64 {
    (index as u64) << 1 | family as u64
}

impl Sockets for Table {
    fn socket(&self, token: u64) -> Option<(&UdpSocket, &UdpSocketState)> {
        let Some(relay) = token.checked_sub(1) else { return Some((&self.socket, &self.state)) };
        let client = self.clients.get(usize::try_from(relay >> 1).ok()?)?;
        let relay = client.allocation.as_ref()?.relays.get((relay & 1) as usize)?.as_ref()?;
        Some((&relay.socket, &relay.state))
    }
}

impl Table {
    #[inline]
    fn index(&mut self, origin: &Origin) -> Option<usize> {
        if let Some((last, index)) = &self.last
            && last == origin
        {
            return Some(*index);
        }
        let index = *self.by_origin.get(origin)?;
        self.last = Some((*origin, index));
        Some(index)
    }

    fn remove(&mut self, index: usize) {
        let client = self.clients.remove(index);
        self.by_origin.remove(&client.origin);
        self.last = None;
    }

    /// The way back to a client through a socket that may be one for both families.
    #[inline]
    fn dressed(&self, address: SocketAddr) -> SocketAddr {
        match address.ip() {
            IpAddr::V4(ip) if self.is_ipv6 => {
                SocketAddr::new(ip.to_ipv6_mapped().into(), address.port())
            }
            _ => address,
        }
    }

    /// Sends an answer by itself.
    fn answer(&self, origin: &Origin, answer: &[u8]) {
        let destination = self.dressed(origin.client);
        let src_ip = origin.server;
        let transmit =
            Transmit { destination, ecn: None, contents: answer, segment_size: None, src_ip };
        // Lost, as datagrams may be: the client asks again.
        self.state.try_send(UdpSockRef::from(&*self.socket), &transmit).ok();
    }
}

/// One socket and its task.
struct Shard {
    stun: Arc<Stun>,
    table: Table,
    poller: Poller,
    /// Of the sockets that may be read; kept for its room.
    tokens: Vec<u64>,
    traffic: Traffic,
    looking_up: usize,
    finder: mpsc::Sender<Found>,
}

/// Serves a socket of clients until `stop`.
pub(crate) async fn serve(stun: Arc<Stun>, socket: UdpSocket, mut stop: Stop) {
    let (finder, mut found) = mpsc::channel(LOOK_UPS_MAX);
    let mut shard = match Shard::new(stun, socket, finder) {
        Ok(shard) => shard,
        Err(error) => return tracing::error!(%error, "a STUN socket cannot be served"),
    };
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.wait() => return,
            served = shard.readable() => match served {
                Ok(()) => {}
                Err(error) => return tracing::error!(%error, "a STUN socket failed"),
            },
            Some(found) = found.recv() => shard.take_found(&found.origin, &found.bytes, found.login),
            _ = sweep.tick() => shard.sweep(),
        }
    }
}

impl Shard {
    fn new(
        stun: Arc<Stun>,
        socket: UdpSocket,
        finder: mpsc::Sender<Found>,
    ) -> std::io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let local = socket.local_addr()?;
        if local.is_ipv4() {
            // ChannelData of a client's full packets is four bytes longer than what its peer sent.
            set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DONT)?;
        }
        let poller = Poller::new()?;
        poller.add(&socket, CLIENTS)?;
        let socket = Arc::new(socket);
        stun.shared.listeners.add(&socket);
        let is_ipv6 = local.is_ipv6();
        let (clients, by_origin) = (Slab::new(), HashMap::new());
        Ok(Self {
            stun,
            table: Table { socket, state, local, is_ipv6, clients, by_origin, last: None },
            poller,
            tokens: Vec::with_capacity(64),
            traffic: Traffic::default(),
            looking_up: 0,
            finder,
        })
    }

    /// Waits for packets and serves what there is, within bounds.
    async fn readable(&mut self) -> std::io::Result<()> {
        let Self { stun, table, poller, tokens, traffic, looking_up, finder } = self;
        let mut ready = poller.readable().await?;
        let mut opened = Vec::new();
        for _ in 0..ROUNDS {
            ready.tokens(tokens)?;
            if tokens.is_empty() {
                break;
            }
            let settings = stun.settings.load();
            let now = Instant::now();
            let mut burst = Burst {
                stun,
                settings: &settings,
                now,
                table,
                traffic,
                looking_up,
                finder,
                opened: &mut opened,
            };
            with_scratch(|scratch| {
                tokens.iter().for_each(|token| burst.serve(scratch, *token));
                scratch.outbox.flush(burst.table);
            });
        }
        for index in opened {
            self.listen(index);
        }
        Ok(())
    }

    /// Waits for packets of a new allocation's peers.
    fn listen(&mut self, index: usize) {
        let Some(client) = self.table.clients.get(index) else { return };
        for (family, relay) in client.allocation.iter().flat_map(|made| &made.relays).enumerate() {
            if let Some(relay) = relay
                && let Err(error) = self.poller.add(&relay.socket, token(index, family) + 1)
            {
                tracing::error!(%error, "a relay hears nothing");
            }
        }
    }

    /// Goes on with a request whose user was looked up.
    fn take_found(&mut self, origin: &Origin, bytes: &[u8], login: Option<Login>) {
        self.looking_up -= 1;
        let Self { stun, table, traffic, looking_up, finder, .. } = self;
        let settings = stun.settings.load();
        let mut opened = Vec::new();
        let now = Instant::now();
        let mut burst = Burst {
            stun,
            settings: &settings,
            now,
            table,
            traffic,
            looking_up,
            finder,
            opened: &mut opened,
        };
        if let Ok(message) = Message::parse(bytes) {
            burst.found(origin, &message, login);
        }
        for index in opened {
            self.listen(index);
        }
    }

    fn sweep(&mut self) {
        let now = Instant::now();
        let over: Vec<usize> = (self.table.clients.iter_mut())
            .filter_map(|(index, client)| {
                let allocation = client.allocation.as_mut()?;
                allocation.sweep(now);
                allocation.is_over(now).then_some(index)
            })
            .collect();
        over.into_iter().for_each(|index| self.table.remove(index));
        self.stun.shared.sweep(now);
        self.traffic.publish();
    }
}

/// What one burst of packets works with.
struct Burst<'a> {
    stun: &'a Arc<Stun>,
    settings: &'a Arc<Settings>,
    now: Instant,
    table: &'a mut Table,
    traffic: &'a mut Traffic,
    looking_up: &'a mut usize,
    finder: &'a mpsc::Sender<Found>,
    /// Clients whose allocations were made in this burst.
    opened: &'a mut Vec<usize>,
}

impl Burst<'_> {
    fn serve(&mut self, scratch: &mut Scratch, token: u64) {
        let Scratch { inbox, outbox } = scratch;
        let Some((socket, state)) = self.table.socket(token) else { return };
        if inbox.receive(socket, state).is_err() {
            // Nothing there, or an error of a packet that was sent before.
            return self.peer_errors(outbox, token);
        }
        match token.checked_sub(1) {
            None => {
                for (client, server, bytes) in inbox.datagrams() {
                    self.client_packet(outbox, Origin { client, server }, bytes);
                }
            }
            Some(relay) => {
                let index = (relay >> 1) as usize;
                for (peer, _, bytes) in inbox.datagrams() {
                    self.peer_packet(outbox, index, peer, bytes);
                }
            }
        }
    }

    #[inline]
    fn client_packet(&mut self, outbox: &mut Outbox, origin: Origin, bytes: &[u8]) {
        let origin = Origin { client: undressed(origin.client), ..origin };
        let Some(data) = channel_data(bytes) else { return self.message(outbox, &origin, bytes) };
        let allocation = self.table.index(&origin).and_then(|index| {
            let allocation = self.table.clients.get(index)?.allocation.as_ref()?;
            let len = data.payload.len();
            let peer = allocation.channel_peer(data.number, len, &self.stun.shared, self.now)?;
            Some((token(index, family(peer.ip())) + 1, peer))
        });
        let Some((socket, peer)) = allocation else {
            self.traffic.dropped += 1;
            return;
        };
        self.traffic.count_to_peer(data.payload.len());
        outbox.push(self.table, (socket, peer, None), &[], data.payload);
    }

    #[inline]
    fn peer_packet(&mut self, outbox: &mut Outbox, index: usize, peer: SocketAddr, bytes: &[u8]) {
        let Some(client) = self.table.clients.get(index) else { return };
        let Some(allocation) = &client.allocation else { return };
        let becomes = allocation.peer_packet(peer, bytes.len(), &self.stun.shared, self.now);
        let to = (CLIENTS, self.table.dressed(client.origin.client), client.origin.server);
        match (becomes, u16::try_from(bytes.len())) {
            (Some(Some(number)), Ok(len)) => {
                self.traffic.count_to_client(bytes.len());
                outbox.push(self.table, to, &channel_header(number, len), bytes);
            }
            (Some(None), Ok(_)) => {
                self.traffic.count_to_client(bytes.len());
                outbox.push(self.table, to, &data_indication(peer, bytes), &[]);
            }
            _ => self.traffic.dropped += 1,
        }
    }

    /// Tells a client what did not reach its peers.
    fn peer_errors(&self, outbox: &mut Outbox, token: u64) {
        let client = token.checked_sub(1).and_then(|relay| {
            let client = self.table.clients.get((relay >> 1) as usize)?;
            Some((client, client.allocation.as_ref()?))
        });
        let (Some((client, allocation)), Some((socket, _))) = (client, self.table.socket(token))
        else {
            return;
        };
        let to = (CLIENTS, self.table.dressed(client.origin.client), client.origin.server);
        for error in icmp::take(socket) {
            if allocation.may_tell(&error, &self.stun.shared, self.now) {
                outbox.push(self.table, to, &error.indication(), &[]);
            }
        }
    }

    /// A STUN message of a client, or nothing of ours.
    fn message(&mut self, outbox: &mut Outbox, origin: &Origin, bytes: &[u8]) {
        let known = self.table.index(origin);
        if known.is_none()
            && !self.stun.shared.sources().admit(origin.client.ip(), bytes.len(), self.now)
        {
            self.traffic.dropped += 1;
            return;
        }
        let Ok(message) = Message::parse(bytes) else { return };
        if message.fingerprint() == Some(false) {
            return;
        }
        match (message.class(), message.method()) {
            (Class::Request, Method::Binding) => {
                self.binding(origin, &message, known.is_some());
            }
            (Class::Request, _) if bytes.len() <= REQUEST_BYTES_MAX && !message.is_classic() => {
                self.request(origin, &message, known);
            }
            (Class::Indication, Method::Send) => self.send(outbox, known, &message),
            _ => {}
        }
    }

    fn binding(&mut self, origin: &Origin, message: &Message<'_>, known: bool) {
        let behaviour = self.stun.shared.listeners.behaviour(self.table.local, message);
        let answer = binding(message, origin, behaviour.as_ref());
        match behaviour.and_then(|behaviour| behaviour.socket) {
            None => self.answer(origin, &answer, known),
            Some(socket) if self.may_answer(origin, answer.len(), known) => {
                // Lost, as datagrams may be.
                socket.send_to(&answer, origin.client).ok();
            }
            Some(_) => {}
        }
    }

    fn may_answer(&self, origin: &Origin, bytes: usize, known: bool) -> bool {
        let ip = origin.client.ip();
        known || self.stun.shared.sources().may_answer(ip, bytes, self.now)
    }

    /// Answers; to somebody unknown no more than the allowance of the address.
    fn answer(&mut self, origin: &Origin, answer: &[u8], known: bool) {
        if self.may_answer(origin, answer.len(), known) {
            self.table.answer(origin, answer);
        }
    }

    fn request(&mut self, origin: &Origin, message: &Message<'_>, known: Option<usize>) {
        if !self.settings.use_turn {
            let answer = crate::refused(message, stun_wire::code::BAD_REQUEST);
            return self.answer(origin, &answer, false);
        }
        let login = known.and_then(|index| {
            Some(Arc::clone(&self.table.clients.get(index)?.allocation.as_ref()?.login))
        });
        match self.stun.judge(self.settings, message, origin, login.as_deref()) {
            Judged::Refused(answer) => {
                self.answer(origin, &answer, known.is_some());
            }
            Judged::LookUp(user) => self.look_up(origin, message, user),
            Judged::Present => {
                let login = login.unwrap_or_else(|| Arc::new(Login::anonymous(self.stun, origin)));
                self.perform(origin, message, &login);
            }
        }
    }

    /// Looks a user up in a task of its own; the request waits there.
    fn look_up(&mut self, origin: &Origin, message: &Message<'_>, user: Name) {
        if *self.looking_up >= LOOK_UPS_MAX {
            return;
        }
        *self.looking_up += 1;
        let (stun, settings) = (Arc::clone(self.stun), Arc::clone(self.settings));
        let (origin, bytes, finder) = (*origin, message.bytes().to_vec(), self.finder.clone());
        self.stun.kernel.tasks().spawn("relay log-in", async move {
            let login = stun.look_up(&settings.realm, user).await;
            // An error means that the listener is closed.
            finder.send(Found { origin, bytes, login }).await.ok();
        });
    }

    fn found(&mut self, origin: &Origin, message: &Message<'_>, login: Option<Login>) {
        match self.stun.admit(self.settings, message, origin, login) {
            Err(answer) => self.answer(origin, &answer, false),
            Ok(login) => self.perform(origin, message, &login),
        }
    }

    fn perform(&mut self, origin: &Origin, message: &Message<'_>, login: &Arc<Login>) {
        let asked =
            Asked { settings: self.settings, message, origin, login, now: self.now, stream: false };
        let known = self.table.index(origin);
        let mut allocation =
            known.and_then(|index| self.table.clients.get_mut(index)?.allocation.take());
        let done = self.stun.request(&asked, &mut allocation);
        match (known, allocation) {
            (Some(index), None) => self.table.remove(index),
            (Some(index), Some(present)) => {
                if let Some(client) = self.table.clients.get_mut(index) {
                    client.allocation = Some(present);
                }
            }
            (None, Some(made)) => {
                let client = Client { origin: *origin, allocation: Some(made) };
                let index = self.table.clients.insert(client);
                self.table.by_origin.insert(*origin, index);
                self.opened.push(index);
            }
            (None, None) => {}
        }
        if let Done::Answer(answer) = done {
            self.answer(origin, &answer, true);
        }
    }

    /// RFC 8656 §11.2.
    fn send(&mut self, outbox: &mut Outbox, known: Option<usize>, message: &Message<'_>) {
        let Some(index) = known else { return };
        let Some(allocation) =
            self.table.clients.get(index).and_then(|one| one.allocation.as_ref())
        else {
            return;
        };
        let Some((peer, data)) = indicated(message) else { return };
        if !allocation.may_send(peer, data.len(), &self.stun.shared, self.now) {
            self.traffic.dropped += 1;
            return;
        }
        self.traffic.count_to_peer(data.len());
        let whole = message.attribute(attr::DONT_FRAGMENT).is_some();
        let relay = allocation.relays[family(peer.ip())].as_ref();
        if let Some(relay) = relay.filter(|_| whole) {
            outbox.flush(self.table);
            send_whole(relay, peer, data);
        } else {
            outbox.push(self.table, (token(index, family(peer.ip())) + 1, peer, None), &[], data);
        }
    }
}

/// Sends one datagram that no router may take apart (RFC 8656 §14).
pub(crate) fn send_whole(relay: &crate::ports::Relay, peer: SocketAddr, data: &[u8]) {
    if relay.forbid_fragments(true) {
        // Too large for the path is as good as lost.
        relay.socket.send_to(data, peer).ok();
    }
    relay.forbid_fragments(false);
}

/// Peer and data of a Send indication; `None` if it is malformed or has what must be understood and is not.
pub(crate) fn indicated<'a>(message: &Message<'a>) -> Option<(SocketAddr, &'a [u8])> {
    const KNOWN: &[u16] = &[attr::XOR_PEER_ADDRESS, attr::DATA, attr::DONT_FRAGMENT];
    if message.unknown(KNOWN, 1).next().is_some() {
        return None;
    }
    let peer = message.attribute(attr::XOR_PEER_ADDRESS)?.xor_address().ok()?;
    Some((peer, message.attribute(attr::DATA)?.value))
}

/// A Data indication (RFC 8656 §11.4).
pub(crate) fn data_indication(peer: SocketAddr, data: &[u8]) -> Vec<u8> {
    MessageWriter::with_id(Class::Indication, Method::Data, kernel::random::bytes())
        .xor_address(attr::XOR_PEER_ADDRESS, peer)
        .attribute(attr::DATA, data)
        .finish()
}

/// IPv4 clients of a dual-stack socket come in IPv6 clothes; they are told what they are.
fn undressed(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(_) => address,
        ip => SocketAddr::new(ip.to_canonical(), address.port()),
    }
}
