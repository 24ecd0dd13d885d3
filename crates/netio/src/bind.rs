//! Opening listening sockets: what is asked for, what the system says, and how to mend it.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with, sockopt,
};

use crate::error::BindError;

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// A TCP port; 0 lets the system choose.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `unix_socket`: who may use the socket's file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnixSocketOptions {
    /// Permission bits; 0600 when not given, so that nobody else gets in by the umask of the day.
    pub mode: Option<u32>,
    /// Numeric owner.
    pub owner: Option<u32>,
    /// Numeric group.
    pub group: Option<u32>,
}

/// One listener as configured: ejabberd's options that are common to all listen modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSpec {
    /// `ip` and `port`, or `port: "unix:PATH"`.
    pub address: ListenAddress,
    /// For `ip: "::"`: leave IPv4 to another listener; see [`mark_v6_only`].
    pub v6_only: bool,
    /// `unix_socket`.
    pub unix_socket: UnixSocketOptions,
    /// `backlog`: connections that the system holds until they are accepted.
    pub backlog: u32,
    /// `accept_interval`: pause before each accept.
    pub accept_interval: Duration,
    /// `send_timeout`: a peer that takes nothing for so long is given up by its session; `None` is never.
    pub send_timeout: Option<Duration>,
    /// `use_proxy_protocol`: every connection begins with a PROXY header.
    pub use_proxy_protocol: bool,
}

impl ListenSpec {
    /// A listener with ejabberd's defaults.
    pub fn new(address: ListenAddress) -> Self {
        Self {
            address,
            v6_only: false,
            unix_socket: UnixSocketOptions::default(),
            backlog: 128,
            accept_interval: Duration::ZERO,
            send_timeout: Some(Duration::from_secs(15)),
            use_proxy_protocol: false,
        }
    }

    /// The port asked for; none of a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match self.address {
            ListenAddress::Tcp(address) => Some(address.port()),
            ListenAddress::Unix(_) => None,
        }
    }

    /// A TCP listener with ejabberd's defaults.
    pub fn tcp(ip: impl Into<IpAddr>, port: u16) -> Self {
        Self::new(ListenAddress::Tcp(SocketAddr::new(ip.into(), port)))
    }

    /// A Unix socket listener with ejabberd's defaults.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::new(ListenAddress::Unix(path.into()))
    }
}

/// Lets `"::"` leave IPv4 alone on ports where another listener has `0.0.0.0`; elsewhere it takes both.
pub fn mark_v6_only<'a>(specs: impl IntoIterator<Item = &'a mut ListenSpec>) {
    let mut specs: Vec<_> = specs.into_iter().collect();
    let taken: Vec<u16> = specs
        .iter()
        .filter_map(|spec| match spec.address {
            ListenAddress::Tcp(address) if address.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {
                Some(address.port())
            }
            _ => None,
        })
        .collect();
    for spec in &mut specs {
        if let ListenAddress::Tcp(SocketAddr::V6(address)) = spec.address {
            spec.v6_only = address.port() != 0 && taken.contains(&address.port());
        }
    }
}

/// Sockets that the service manager opened before the start (socket activation).
#[derive(Default)]
pub struct Inherited {
    tcp: Vec<std::net::TcpListener>,
    unix: Vec<std::os::unix::net::UnixListener>,
}

impl Inherited {
    /// Takes the sockets from the process environment (`LISTEN_FDS`); to be called once, by the binary.
    pub fn from_environment() -> Self {
        let mut fds = listenfd::ListenFd::from_env();
        let mut inherited = Self::default();
        for at in 0..fds.len() {
            if let Ok(Some(listener)) = fds.take_tcp_listener(at) {
                inherited.tcp.push(listener);
            } else if let Ok(Some(listener)) = fds.take_unix_listener(at) {
                inherited.unix.push(listener);
            }
        }
        inherited
    }

    fn take(&mut self, address: &ListenAddress) -> Option<Opened> {
        match address {
            ListenAddress::Tcp(address) => {
                let at = self
                    .tcp
                    .iter()
                    .position(|tcp| tcp.local_addr().is_ok_and(|local| local == *address))?;
                Some(Opened::Tcp(self.tcp.swap_remove(at)))
            }
            ListenAddress::Unix(path) => {
                let is_it = |unix: &std::os::unix::net::UnixListener| {
                    unix.local_addr().is_ok_and(|local| local.as_pathname() == Some(path))
                };
                let at = self.unix.iter().position(is_it)?;
                Some(Opened::Unix(self.unix.swap_remove(at)))
            }
        }
    }

    /// Addresses of sockets that no listener of the configuration asked for.
    pub fn unused(&self) -> Vec<String> {
        let tcp = self
            .tcp
            .iter()
            .filter_map(|tcp| tcp.local_addr().ok())
            .map(|address| address.to_string());
        let unix = self
            .unix
            .iter()
            .filter_map(|unix| unix.local_addr().ok())
            .map(|address| format!("{address:?}"));
        tcp.chain(unix).collect()
    }
}

/// A socket that listens, not yet part of a runtime.
pub(crate) enum Opened {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// Opens the socket of a listener, or takes it over from the service manager. TCP sockets of this process in `leaving`
/// are not in its way: they are to be closed as soon as this one is served.
pub(crate) fn open(
    spec: &ListenSpec,
    inherited: &mut Inherited,
    leaving: &[OwnedFd],
) -> Result<Opened, BindError> {
    if let Some(opened) = inherited.take(&spec.address) {
        return Ok(opened);
    }
    match &spec.address {
        ListenAddress::Tcp(address) => {
            open_tcp(spec, *address, leaving).map_err(|error| explain(*address, "tcp", error))
        }
        ListenAddress::Unix(path) => open_unix(spec, path),
    }
}

fn backlog(spec: &ListenSpec) -> i32 {
    i32::try_from(spec.backlog).unwrap_or(i32::MAX)
}

fn open_tcp(spec: &ListenSpec, address: SocketAddr, leaving: &[OwnedFd]) -> Result<Opened, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    // Without it a restart waits for the connections of the last run to time out.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, spec.v6_only)?;
    }
    // Accepted sockets inherit it: peers that vanished are noticed in the end.
    sockopt::set_socket_keepalive(&socket, true)?;
    // Only while this socket gets its place: whoever comes later must find the address taken.
    let share = |shared: bool| {
        let sockets = [&socket].into_iter().chain(leaving);
        sockets
            .filter(|_| !leaving.is_empty())
            .try_for_each(|one| sockopt::set_socket_reuseport(one, shared))
    };
    share(true)?;
    let bound = bind(&socket, &address).and_then(|()| listen(&socket, backlog(spec)));
    share(false)?;
    bound?;
    Ok(Opened::Tcp(socket.into()))
}

pub(crate) fn explain(address: SocketAddr, protocol: &str, errno: Errno) -> BindError {
    match errno {
        Errno::ADDRINUSE => {
            BindError::InUse { address: address.to_string(), by: holder(protocol, address.port()) }
        }
        Errno::ACCESS | Errno::PERM => BindError::Permission {
            address: address.to_string(),
            mend: if address.port() < 1024 {
                "ports below 1024 need the capability CAP_NET_BIND_SERVICE, socket activation, or a redirection".to_owned()
            } else {
                "a security policy of this system forbids it".to_owned()
            },
        },
        Errno::ADDRNOTAVAIL => BindError::NotOurs { address: address.to_string() },
        _ => BindError::Io { address: address.to_string(), source: errno.into() },
    }
}

fn open_unix(spec: &ListenSpec, path: &Path) -> Result<Opened, BindError> {
    let address = || spec.address.to_string();
    let io = |source: io::Error| {
        match source.kind() {
        io::ErrorKind::PermissionDenied => BindError::Permission {
            address: address(),
            mend: "the user that runs the server must be allowed to write to the folder and to give the socket away"
                .to_owned(),
        },
        _ => BindError::Io { address: address(), source },
    }
    };
    clear_stale(path)?;
    let at = SocketAddrUnix::new(path).map_err(|errno| io(errno.into()))?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(|errno| io(errno.into()))?;
    bind(&socket, &at).map_err(|errno| io(errno.into()))?;
    // Nobody can connect before `listen`, so the mode is right from the first moment on.
    let mode = spec.unix_socket.mode.unwrap_or(0o600);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(io)?;
    if spec.unix_socket.owner.is_some() || spec.unix_socket.group.is_some() {
        std::os::unix::fs::chown(path, spec.unix_socket.owner, spec.unix_socket.group)
            .map_err(io)?;
    }
    listen(&socket, backlog(spec)).map_err(|errno| io(errno.into()))?;
    Ok(Opened::Unix(socket.into()))
}

/// Removes a socket that a dead process left; refuses when somebody listens or when it is no socket.
fn clear_stale(path: &Path) -> Result<(), BindError> {
    let Ok(data) = fs::symlink_metadata(path) else { return Ok(()) };
    if !data.file_type().is_socket() {
        return Err(BindError::NotASocket(path.to_owned()));
    }
    let address = format!("unix:{}", path.display());
    match UnixStream::connect(path) {
        Ok(peer) => Err(BindError::InUse { address, by: peer_of(&peer) }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|source| BindError::Io { address, source })
        }
        // A full backlog is a sign of life, too.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(BindError::InUse { address, by: None })
        }
        Err(source) => Err(BindError::Io { address, source }),
    }
}

fn peer_of(peer: &UnixStream) -> Option<String> {
    let credentials = sockopt::socket_peercred(peer.as_fd()).ok()?;
    Some(name_of(credentials.pid.as_raw_nonzero().get()))
}

fn name_of(process: i32) -> String {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    format!("{} (process {process})", name.trim())
}

/// The program that has a port, as far as this user may see it.
fn holder(protocol: &str, port: u16) -> Option<String> {
    // State 0A of TCP is LISTEN; 07 is what a UDP socket without peer has.
    let state = if protocol == "udp" { "07" } else { "0A" };
    let tables = [format!("/proc/net/{protocol}"), format!("/proc/net/{protocol}6")];
    let inode = tables.into_iter().find_map(|table| {
        let table = fs::read_to_string(table).ok()?;
        table.lines().skip(1).find_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let local = words.get(1)?.rsplit_once(':')?.1;
            let listening =
                words.get(3) == Some(&state) && u16::from_str_radix(local, 16) == Ok(port);
            listening.then(|| words.get(9).map(|inode| format!("socket:[{inode}]"))).flatten()
        })
    })?;
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let id: i32 = process.file_name().to_str()?.parse().ok()?;
        let descriptors = fs::read_dir(process.path().join("fd")).ok()?;
        let holds = |link: PathBuf| {
            fs::read_link(link).is_ok_and(|target| target.as_os_str() == inode.as_str())
        };
        descriptors.flatten().any(|descriptor| holds(descriptor.path())).then(|| name_of(id))
    })
}
