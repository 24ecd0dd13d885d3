//! NAT behaviour discovery (RFC 5780): answers from another address or port than the one that was asked.
//!
//! It needs two addresses with the same two ports each. No option names them: four listeners over UDP that are so
//! answer for each other. Otherwise nothing of this is offered.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use stun_wire::{Message, attr};

/// Listeners that are looked at.
const LISTENERS_MAX: usize = 64;
/// The flags of CHANGE-REQUEST (RFC 5780 §7.2).
const CHANGE_IP: u32 = 4;
const CHANGE_PORT: u32 = 2;

/// The sockets of all listeners over UDP, by their address; those that have one.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Vec<(SocketAddr, Weak<UdpSocket>)>>);

/// What a listener says of itself and of those that answer for it.
pub(crate) struct Behaviour {
    /// Where the answer comes from: RESPONSE-ORIGIN.
    pub(crate) origin: SocketAddr,
    /// OTHER-ADDRESS.
    pub(crate) other: SocketAddr,
    /// Another listener's socket, if the answer comes from there.
    pub(crate) socket: Option<Arc<UdpSocket>>,
}

impl Listeners {
    /// Enters a socket for as long as it is open; one for all addresses of the machine counts for none.
    pub(crate) fn add(&self, socket: &Arc<UdpSocket>) {
        let mut all = self.0.lock();
        all.retain(|(_, socket)| socket.strong_count() > 0);
        let address = socket.local_addr().ok().filter(|address| !address.ip().is_unspecified());
        if let Some(address) = address
            && all.len() < LISTENERS_MAX
            && all.iter().all(|(known, _)| *known != address)
        {
            all.push((address, Arc::downgrade(socket)));
        }
    }

    /// How a Binding request that came to `here` is answered; `None` if `here` is not one of four.
    pub(crate) fn behaviour(&self, here: SocketAddr, message: &Message<'_>) -> Option<Behaviour> {
        let all = self.0.lock();
        let open = |ip, port| {
            let address = SocketAddr::new(ip, port);
            all.iter().find(|(known, _)| *known == address)?.1.upgrade()
        };
        let is_other = |one: &SocketAddr| {
            one.is_ipv4() == here.is_ipv4() && one.ip() != here.ip() && one.port() != here.port()
        };
        let complete = |one: &SocketAddr| {
            open(here.ip(), one.port()).is_some() && open(one.ip(), here.port()).is_some()
        };
        let others = all.iter().filter(|(_, socket)| socket.strong_count() > 0);
        let other = others.map(|(one, _)| *one).filter(is_other).filter(complete).min()?;
        let asked = message.attribute(attr::CHANGE_REQUEST);
        let flags = asked.and_then(|asked| asked.number().ok()).unwrap_or_default();
        let ip = if flags & CHANGE_IP != 0 { other.ip() } else { here.ip() };
        let port = if flags & CHANGE_PORT != 0 { other.port() } else { here.port() };
        let origin = SocketAddr::new(ip, port);
        let socket = if origin == here { None } else { Some(open(ip, port)?) };
        Some(Behaviour { origin, other, socket })
    }
}
