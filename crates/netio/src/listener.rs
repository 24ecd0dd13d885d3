//! Accepting connections: one listener, bounded, that neither spins nor dies when descriptors run out.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use observe::names;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::bind::{Inherited, ListenAddress, ListenSpec, Opened, open};
use crate::error::{BindError, ProxyError};
use crate::proxy_protocol::{PROXY_HEADER_TIMEOUT, ProxyHeader, read_proxy_header};
use crate::transport::Transport;

/// How long accepting pauses when the system has no more descriptors or memory.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(250);

/// The processes behind a Unix socket connection, as the system vouches for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixPeer {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Process id, when the system tells it.
    pub pid: Option<i32>,
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddr {
    /// An Internet address; IPv4 is never written as a mapped IPv6 address.
    Ip(SocketAddr),
    /// A process on this machine.
    Unix(UnixPeer),
    /// This process itself.
    Memory,
}

impl PeerAddr {
    /// The IP address, for access rules and limits.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(address.ip()),
            Self::Unix(_) | Self::Memory => None,
        }
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "{address}"),
            Self::Unix(UnixPeer { uid, pid: Some(pid), .. }) => {
                write!(f, "process {pid} of user {uid}")
            }
            Self::Unix(UnixPeer { uid, .. }) => write!(f, "a process of user {uid}"),
            Self::Memory => f.write_str("this process"),
        }
    }
}

/// The end of a connection on this side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    /// The address that the peer connected to.
    Ip(SocketAddr),
    /// The socket's path.
    Unix(PathBuf),
    /// None.
    Memory,
}

/// IPv4 addresses arrive on a dual-stack socket in IPv6 clothes; access rules should not see them.
fn undressed(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// How many connections may be open at once, over all listeners that share it.
#[derive(Clone, Debug)]
pub struct ConnectionLimit {
    semaphore: Arc<Semaphore>,
    max: usize,
    /// Whether it has been logged that the limit is reached, since there was last room to spare.
    complained: Arc<AtomicBool>,
}

impl ConnectionLimit {
    /// A limit of `max` connections (at least 1).
    pub fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self { semaphore: Arc::new(Semaphore::new(max)), max, complained: Arc::default() }
    }

    /// Connections open now.
    pub fn open_count(&self) -> usize {
        self.max - self.semaphore.available_permits()
    }

    /// The bound.
    pub fn max(&self) -> usize {
        self.max
    }

    async fn slot(&self, address: &ListenAddress) -> Slot {
        if let Ok(permit) = Arc::clone(&self.semaphore).try_acquire_owned() {
            if self.semaphore.available_permits() > self.max / 10 {
                self.complained.store(false, Ordering::Relaxed);
            }
            return Slot::new(Some(permit));
        }
        if !self.complained.swap(true, Ordering::Relaxed) {
            let open = self.max;
            tracing::warn!(%address, open, "the limit of open connections is reached: new ones wait");
        }
        // The semaphore is never closed; if it were, a connection without a slot is the lesser evil.
        Slot::new(Arc::clone(&self.semaphore).acquire_owned().await.ok())
    }
}

/// One connection's place in a [`ConnectionLimit`], free again when dropped.
#[derive(Debug)]
pub struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    /// Whether a connection has it; a slot that waits for one is not counted as open.
    taken: bool,
}

impl Slot {
    fn new(permit: Option<OwnedSemaphorePermit>) -> Self {
        Self { permit, taken: false }
    }

    fn take(mut self) -> Self {
        self.taken = true;
        metrics::gauge!(names::CONNECTIONS_OPEN).increment(1);
        self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.taken {
            metrics::gauge!(names::CONNECTIONS_OPEN).decrement(1);
        }
        drop(self.permit.take());
    }
}

/// An accepted connection.
#[derive(Debug)]
pub struct Link {
    /// The bytes; it also holds the connection's place in the limit.
    pub transport: Transport,
    /// Who is at the other end: the proxy until [`Link::establish`] has read its header.
    pub peer: PeerAddr,
    /// The proxy's own address, when a PROXY header named another client.
    pub proxy: Option<PeerAddr>,
    /// Where it arrived.
    pub local: Local,
    /// The listener it came through.
    pub spec: Arc<ListenSpec>,
}

impl Link {
    /// A link over memory, for tests and for connections inside the process.
    pub fn memory(transport: Transport) -> Self {
        let spec = Arc::new(ListenSpec::new(ListenAddress::Unix(PathBuf::new())));
        Self { transport, peer: PeerAddr::Memory, proxy: None, local: Local::Memory, spec }
    }

    /// Reads the PROXY header when the listener asks for one, and takes over the addresses in it.
    ///
    /// To be called first in the connection's own task, never in the accepting one: the peer may be slow.
    ///
    /// # Errors
    /// The connection is then to be closed without a word.
    pub async fn establish(&mut self) -> Result<(), ProxyError> {
        if !self.spec.use_proxy_protocol {
            return Ok(());
        }
        // On the heap, so that the session's future does not carry this state for ever.
        let header = Box::pin(read_proxy_header(&mut self.transport, PROXY_HEADER_TIMEOUT)).await?;
        if let ProxyHeader::Forwarded { source, destination } = header {
            self.proxy = Some(std::mem::replace(&mut self.peer, PeerAddr::Ip(undressed(source))));
            self.local = Local::Ip(undressed(destination));
        }
        Ok(())
    }
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A socket that accepts connections.
pub struct Listener {
    socket: Socket,
    spec: Arc<ListenSpec>,
    limit: ConnectionLimit,
    local: Local,
    /// When the next connection may be taken, if not at once.
    next_accept: Option<Instant>,
    /// Whether the lack of descriptors has been logged since it last went well.
    complained: AtomicBool,
    /// The file to remove at the end: its path and inode.
    file: Option<(PathBuf, u64)>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("local", &self.local).finish_non_exhaustive()
    }
}

impl Listener {
    /// Opens a listener, or takes its socket over from the service manager; must run inside a tokio runtime.
    ///
    /// # Errors
    /// In words for the administrator; see [`BindError`].
    pub fn bind(
        spec: ListenSpec,
        limit: ConnectionLimit,
        inherited: &mut Inherited,
    ) -> Result<Self, BindError> {
        let opened = open(&spec, inherited, &[])?;
        Self::of(opened, spec, limit)
    }

    /// Opens a listener that takes the place of others of this process, whose [`Listener::socket`] are `leaving`. Both
    /// listen until those are closed, so that no connection is refused meanwhile.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn bind_in_place_of(
        leaving: &[OwnedFd],
        spec: ListenSpec,
        limit: ConnectionLimit,
    ) -> Result<Self, BindError> {
        let opened = open(&spec, &mut Inherited::default(), leaving)?;
        Self::of(opened, spec, limit)
    }

    fn of(opened: Opened, spec: ListenSpec, limit: ConnectionLimit) -> Result<Self, BindError> {
        let failed =
            |source: io::Error| BindError::Io { address: spec.address.to_string(), source };
        let mut file = None;
        let (socket, local) = match opened {
            Opened::Tcp(tcp) => {
                tcp.set_nonblocking(true).map_err(failed)?;
                let address = tcp.local_addr().map_err(failed)?;
                (Socket::Tcp(TcpListener::from_std(tcp).map_err(failed)?), Local::Ip(address))
            }
            Opened::Unix(unix) => {
                unix.set_nonblocking(true).map_err(failed)?;
                let ListenAddress::Unix(path) = &spec.address else {
                    unreachable!("a Unix socket has a path")
                };
                file = inode_of(path).map(|inode| (path.clone(), inode));
                (
                    Socket::Unix(UnixListener::from_std(unix).map_err(failed)?),
                    Local::Unix(path.clone()),
                )
            }
        };
        let complained = AtomicBool::new(false);
        Ok(Self { socket, spec: Arc::new(spec), limit, local, next_accept: None, complained, file })
    }

    /// The address it listens on, with the port that the system chose for 0.
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// The TCP port it listens on.
    pub fn port(&self) -> Option<u16> {
        match &self.local {
            Local::Ip(address) => Some(address.port()),
            Local::Unix(_) | Local::Memory => None,
        }
    }

    /// Its TCP socket, for a successor; as long as it is held, the socket listens.
    pub fn socket(&self) -> Option<OwnedFd> {
        match &self.socket {
            Socket::Tcp(listener) => listener.as_fd().try_clone_to_owned().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// What it was opened with.
    pub fn spec(&self) -> &Arc<ListenSpec> {
        &self.spec
    }

    /// Waits for the next connection. Never fails: connections that break before they are accepted are passed over, and
    /// when descriptors run out it pauses and says so once. Dropping the future loses no connection.
    pub async fn accept(&mut self) -> Link {
        loop {
            if let Some(next) = self.next_accept {
                sleep_until(next).await;
            }
            let slot = self.limit.slot(&self.spec.address).await;
            match self.accept_one().await {
                Ok((transport, peer, local)) => {
                    self.complained.store(false, Ordering::Relaxed);
                    let interval = self.spec.accept_interval;
                    // A sleep until now would last to the next tick of the timer: a millisecond for each connection.
                    self.next_accept = (!interval.is_zero()).then(|| Instant::now() + interval);
                    let listener = self.spec.address.to_string();
                    metrics::counter!(names::CONNECTIONS_ACCEPTED, "listener" => listener)
                        .increment(1);
                    let transport = transport.with_slot(slot.take());
                    return Link {
                        transport,
                        peer,
                        proxy: None,
                        local,
                        spec: Arc::clone(&self.spec),
                    };
                }
                Err(error) if is_exhaustion(&error) => {
                    if !self.complained.swap(true, Ordering::Relaxed) {
                        let address = &self.spec.address;
                        tracing::error!(%address, %error, "cannot accept connections; raise the limit of open files");
                    }
                    self.next_accept = Some(Instant::now() + EXHAUSTED_PAUSE);
                }
                // The peer went away while it waited, or a packet filter got in between: the next one may do better.
                Err(error) => {
                    tracing::debug!(address = %self.spec.address, %error, "a connection broke at once")
                }
            }
        }
    }

    async fn accept_one(&self) -> io::Result<(Transport, PeerAddr, Local)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let local = stream.local_addr().map(undressed)?;
                Ok((Transport::tcp(stream), PeerAddr::Ip(undressed(peer)), Local::Ip(local)))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let credentials = stream.peer_cred()?;
                let peer = UnixPeer {
                    uid: credentials.uid(),
                    gid: credentials.gid(),
                    pid: credentials.pid(),
                };
                Ok((Transport::unix(stream), PeerAddr::Unix(peer), self.local.clone()))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Another process may have put its own socket there meanwhile.
        if let Some((path, inode)) = &self.file
            && inode_of(path) == Some(*inode)
        {
            fs::remove_file(path).ok();
        }
    }
}

fn inode_of(path: &std::path::Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    fs::symlink_metadata(path).ok().map(|data| data.ino())
}

/// No descriptors (EMFILE, ENFILE) or no memory (ENOBUFS, ENOMEM): trying again at once would only spin.
fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| exhausted.contains(&Errno::from_raw_os_error(code)))
}
