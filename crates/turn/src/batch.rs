//! Many datagrams a system call: what is received, and what is sent (recvmmsg and GRO in, GSO out, by quinn-udp).

use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};

/// A received buffer: the system may join datagrams of one sender up to this size.
const BUFFER_BYTES: usize = 65_536;
/// Destinations that are gathered at once before the oldest is sent.
const OPEN_MAX: usize = 8;
/// What one send may hold.
const SEND_BYTES_MAX: usize = 60_000;
/// Larger datagrams may not fit the path in one piece; the system joins only those that do.
const SEGMENT_BYTES_MAX: usize = 1_400;

thread_local! {
    /// Lent to one burst at a time, and to as many tasks as the thread has.
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// The buffers of a thread.
pub(crate) struct Scratch {
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
}

/// Runs `f` with this thread's buffers; nothing of it may wait.
pub(crate) fn with_scratch<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = SCRATCH
        .take()
        .unwrap_or_else(|| Box::new(Scratch { inbox: Inbox::new(), outbox: Outbox::default() }));
    let result = f(&mut scratch);
    SCRATCH.set(Some(scratch));
    result
}

/// Received datagrams.
pub(crate) struct Inbox {
    storage: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
    filled: usize,
}

impl Inbox {
    fn new() -> Self {
        // Zeroed by the system when touched: small datagrams touch one page of each buffer.
        let storage = vec![0; BUFFER_BYTES * BATCH_SIZE];
        Self { storage, metas: [RecvMeta::default(); BATCH_SIZE], filled: 0 }
    }

    /// Takes what a socket holds; returns whether there may be more.
    pub(crate) fn receive(
        &mut self,
        socket: &UdpSocket,
        state: &UdpSocketState,
    ) -> io::Result<bool> {
        self.filled = 0;
        let mut chunks = self.storage.chunks_exact_mut(BUFFER_BYTES);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        self.filled = state.recv(UdpSockRef::from(socket), &mut buffers, &mut self.metas)?;
        Ok(self.filled == BATCH_SIZE)
    }

    /// The datagrams: from where, to which of our addresses, and the bytes.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, Option<IpAddr>, &[u8])> {
        let filled = self.metas.iter().zip(self.storage.chunks_exact(BUFFER_BYTES));
        filled.take(self.filled).flat_map(|(meta, buffer)| {
            let bytes = buffer.get(..meta.len).unwrap_or_default();
            let pieces = bytes.chunks(meta.stride.max(1));
            // An empty datagram is one, too, but means nothing to anybody here.
            pieces.map(|piece| (meta.addr, meta.dst_ip, piece))
        })
    }
}

/// Datagrams for one destination through one socket.
struct Batch {
    socket: u64,
    to: SocketAddr,
    from: Option<IpAddr>,
    bytes: Vec<u8>,
    segment: usize,
    count: usize,
    /// A shorter datagram ends a batch: all but the last have one size.
    closed: bool,
}

/// Datagrams to be sent, in order for each destination.
#[derive(Default)]
pub(crate) struct Outbox {
    open: Vec<Batch>,
    spare: Vec<Vec<u8>>,
}

/// The sockets that tokens stand for.
pub(crate) trait Sockets {
    /// The socket of a token, if it is still there.
    fn socket(&self, token: u64) -> Option<(&UdpSocket, &UdpSocketState)>;
}

impl Outbox {
    /// Adds a datagram made of two parts.
    #[inline]
    pub(crate) fn push(
        &mut self,
        sockets: &impl Sockets,
        (socket, to, from): (u64, SocketAddr, Option<IpAddr>),
        head: &[u8],
        body: &[u8],
    ) {
        let len = head.len() + body.len();
        let same = |batch: &Batch| batch.to == to && batch.socket == socket && batch.from == from;
        if let Some(at) = self.open.iter().position(same) {
            let batch = &mut self.open[at];
            let fits = !batch.closed
                && len <= batch.segment
                && batch.bytes.len() + len <= SEND_BYTES_MAX
                && batch.segment <= SEGMENT_BYTES_MAX
                && batch.count < BATCH_SIZE * 2;
            if fits {
                batch.closed = len < batch.segment;
                batch.count += 1;
                batch.bytes.extend_from_slice(head);
                batch.bytes.extend_from_slice(body);
                return;
            }
            self.send(sockets, at);
        } else if self.open.len() >= OPEN_MAX {
            self.send(sockets, 0);
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(body);
        self.open.push(Batch { socket, to, from, bytes, segment: len, count: 1, closed: len == 0 });
    }

    /// Sends everything.
    pub(crate) fn flush(&mut self, sockets: &impl Sockets) {
        while !self.open.is_empty() {
            self.send(sockets, 0);
        }
    }

    fn send(&mut self, sockets: &impl Sockets, at: usize) {
        let mut batch = self.open.remove(at);
        if let Some((socket, state)) = sockets.socket(batch.socket) {
            transmit(socket, state, &batch);
        }
        batch.bytes.clear();
        self.spare.push(batch.bytes);
    }
}

/// Sends a batch at once where the system can, else one by one. What cannot be sent is lost, as datagrams may be.
fn transmit(socket: &UdpSocket, state: &UdpSocketState, batch: &Batch) {
    let send = |contents: &[u8], segment_size: Option<usize>| {
        let destination = batch.to;
        let src_ip = batch.from;
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip };
        let send = || state.try_send(UdpSockRef::from(socket), &transmit);
        // The error may be an ICMP one about an earlier datagram, told in place of sending this one.
        send().or_else(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Err(error),
            _ => send(),
        })
    };
    if batch.count == 1 {
        send(&batch.bytes, None).ok();
        return;
    }
    let joined = state.max_gso_segments().max(1);
    for piece in batch.bytes.chunks(batch.segment.saturating_mul(joined).max(1)) {
        let sent = send(piece, Some(batch.segment));
        if sent.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            for single in piece.chunks(batch.segment) {
                send(single, None).ok();
            }
        }
    }
}
