//! Relay ports: from the configured range, unpredictable, each used once; and the sockets on them.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quinn_udp::{UdpSockRef, UdpSocketState};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};

use crate::icmp;

/// Ports that are tried when the system refuses some that are free by our own books.
const TRIES: usize = 16;
/// What a relay may hold that nobody has read yet, in bytes.
const RECEIVE_BUFFER_BYTES: usize = 512 << 10;

/// The ports of one address family that relays of this process use.
pub(crate) struct PortSet([AtomicU64; 1024]);

impl Default for PortSet {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl PortSet {
    fn place(&self, port: u16) -> (&AtomicU64, u64) {
        (&self.0[usize::from(port >> 6)], 1 << (port & 63))
    }

    /// Whether a relay has the port now. No lock: this is asked for each packet between two relays.
    pub(crate) fn is_used(&self, port: u16) -> bool {
        let (word, bit) = self.place(port);
        word.load(Ordering::Relaxed) & bit != 0
    }

    fn take(self: &Arc<Self>, port: u16) -> Option<Port> {
        let (word, bit) = self.place(port);
        let free = word.fetch_or(bit, Ordering::Relaxed) & bit == 0;
        free.then(|| Port { set: Arc::clone(self), number: port })
    }

    /// A free port of the range that fits, each with the same chance.
    fn draw(
        self: &Arc<Self>,
        range: &RangeInclusive<u16>,
        fits: impl Fn(u16) -> bool,
    ) -> Option<Port> {
        let free = || range.clone().filter(|port| fits(*port) && !self.is_used(*port));
        let count = u64::try_from(free().count()).ok().filter(|count| *count > 0)?;
        // The bias of the remainder is below 2^-48.
        let chosen = usize::try_from(kernel::random::number() % count).ok()?;
        self.take(free().nth(chosen)?)
    }
}

/// A port that is taken until this is dropped.
pub(crate) struct Port {
    set: Arc<PortSet>,
    number: u16,
}

impl Port {
    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let (word, bit) = self.set.place(self.number);
        word.fetch_and(!bit, Ordering::Relaxed);
    }
}

/// Where relays of one family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RelayAddress {
    /// What clients are told.
    pub(crate) told: IpAddr,
    /// What sockets are bound to: the same, or any where that is the address of a NAT in front.
    pub(crate) bound: IpAddr,
}

/// The socket of one relayed transport address.
pub(crate) struct Relay {
    pub(crate) socket: UdpSocket,
    pub(crate) state: UdpSocketState,
    /// What the client is told.
    pub(crate) told: SocketAddr,
    _port: Port,
}

impl Relay {
    fn open(at: RelayAddress, port: Port) -> io::Result<Self> {
        let address = SocketAddr::new(at.bound, port.number);
        let socket = netio::bind_datagram(address, RECEIVE_BUFFER_BYTES)?;
        icmp::keep(&socket)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let relay =
            Self { socket, state, told: SocketAddr::new(at.told, port.number), _port: port };
        relay.forbid_fragments(false);
        Ok(relay)
    }

    /// Sets the DF bit of what is sent from now on (RFC 8656 §14). IPv6 routers never fragment.
    pub(crate) fn forbid_fragments(&self, forbid: bool) -> bool {
        let how = if forbid { Ipv4PathMtuDiscovery::PROBE } else { Ipv4PathMtuDiscovery::DONT };
        self.told.is_ipv6() || set_ip_mtu_discover(&self.socket, how).is_ok()
    }
}

/// What port a client asked for (RFC 8656 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Any.
    Any,
    /// An even one.
    Even,
    /// An even one, and the next one kept for a second allocation.
    EvenAndNext,
}

/// Opens a relay, and the next one where that is wanted; `None` when the range has no port left that fits.
pub(crate) fn open_relay(
    set: &Arc<PortSet>,
    at: RelayAddress,
    range: &RangeInclusive<u16>,
    wanted: Wanted,
) -> Option<(Relay, Option<Relay>)> {
    let next_is_free = |port: u16| {
        port.checked_add(1).is_some_and(|next| range.contains(&next) && !set.is_used(next))
    };
    let fits = |port: u16| match wanted {
        Wanted::Any => true,
        Wanted::Even => port.is_multiple_of(2),
        Wanted::EvenAndNext => port.is_multiple_of(2) && next_is_free(port),
    };
    // Ports that the system refuses stay taken until the end, so that none is tried twice.
    let mut refused = Vec::new();
    for _ in 0..TRIES {
        let port = set.draw(range, fits)?;
        let number = port.number;
        let next = if wanted == Wanted::EvenAndNext {
            let Some(next) = set.take(number + 1).and_then(|port| Relay::open(at, port).ok())
            else {
                refused.push(port);
                continue;
            };
            Some(next)
        } else {
            None
        };
        match Relay::open(at, port) {
            Ok(relay) => return Some((relay, next)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                refused.extend(set.take(number));
            }
            Err(error) => {
                tracing::error!(%error, address = %at.bound, "a relay could not be opened");
                return None;
            }
        }
    }
    None
}

/// A TCP port of the range, for relays over TCP (RFC 6062).
pub(crate) fn draw_port(set: &Arc<PortSet>, range: &RangeInclusive<u16>) -> Option<Port> {
    set.draw(range, |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: RelayAddress = RelayAddress {
        told: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        bound: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    };

    #[test]
    fn a_range_is_used_up_and_comes_back() {
        let (set, range) = (Arc::new(PortSet::default()), 61_000..=61_005);
        let mut relays = Vec::new();
        while let Some((relay, None)) = open_relay(&set, HERE, &range, Wanted::Any) {
            assert!(range.contains(&relay.told.port()) && set.is_used(relay.told.port()));
            relays.push(relay);
        }
        assert_eq!(relays.len(), 6);
        relays.clear();
        assert!(!range.clone().any(|port| set.is_used(port)));
    }

    #[test]
    fn even_ports_and_pairs() {
        let (set, range) = (Arc::new(PortSet::default()), 61_010..=61_013);
        let (even, next) = open_relay(&set, HERE, &range, Wanted::EvenAndNext).unwrap();
        assert_eq!(even.told.port() % 2, 0);
        assert_eq!(next.unwrap().told.port(), even.told.port() + 1);
        let (other, _) = open_relay(&set, HERE, &range, Wanted::Even).unwrap();
        assert!(other.told.port() % 2 == 0 && other.told.port() != even.told.port());
        assert!(open_relay(&set, HERE, &range, Wanted::Even).is_none());
    }

    #[test]
    fn ports_that_others_have_are_passed_over() {
        let set = Arc::new(PortSet::default());
        let taken = UdpSocket::bind("127.0.0.1:61020").unwrap();
        let (relay, _) = open_relay(&set, HERE, &(61_020..=61_021), Wanted::Any).unwrap();
        assert_eq!(relay.told.port(), 61_021);
        drop(taken);
    }

    /// 64 draws of 16,384 ports: a counter would show.
    #[test]
    fn ports_do_not_follow_each_other() {
        let set = Arc::new(PortSet::default());
        let ports: Vec<_> =
            (0..64).map(|_| draw_port(&set, &(49_152..=65_535)).unwrap().number()).collect();
        let near = ports.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 16).count();
        assert!(near < 4, "{ports:?}");
    }
}
