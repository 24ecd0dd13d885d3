//! ICMP errors about what a relay has sent (RFC 8656 §11.5), which its client is told in Data indications.
//!
//! The system keeps them in the error queue of the relay's socket. Reading that needs socket options and control
//! messages that neither the standard library nor `rustix` have; `nix` has them.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;

use nix::libc::{SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, sock_extended_err};
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use stun_wire::{Class, MessageWriter, Method, attr};

/// Errors that are taken at once; the rest is still there the next time.
const ERRORS_MAX: usize = 16;
/// Room for the control messages of one error.
const CONTROL_BYTES: usize = 512;
const UNREACHABLE_V4: u8 = 3;
const FRAGMENTATION_NEEDED_V4: u8 = 4;
const TIME_EXCEEDED_V4: u8 = 11;
const TOO_BIG_V6: u8 = 2;

/// An error that clients are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IcmpError {
    /// Where the datagram was to go.
    pub(crate) peer: SocketAddr,
    kind: u8,
    code: u8,
    /// The MTU of the next hop where that is what was too small, else 0.
    data: u32,
}

/// Has the system keep errors of a relay's socket.
pub(crate) fn keep(socket: &UdpSocket) -> io::Result<()> {
    match socket.local_addr()? {
        SocketAddr::V4(_) => setsockopt(socket, Ipv4RecvErr, &true)?,
        SocketAddr::V6(_) => setsockopt(socket, Ipv6RecvErr, &true)?,
    }
    Ok(())
}

/// Takes what the system has kept, a bounded number at a time.
pub(crate) fn take(socket: &UdpSocket) -> Vec<IcmpError> {
    let mut errors = Vec::new();
    // Beside the error come the things that are told of each datagram received.
    let mut control = vec![0; CONTROL_BYTES];
    for _ in 0..ERRORS_MAX {
        // What was sent comes back here, and is of no use.
        let mut payload = [0; 1];
        let mut pieces = [IoSliceMut::new(&mut payload)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let fd = socket.as_raw_fd();
        let Ok(message) = recvmsg::<SockaddrStorage>(fd, &mut pieces, Some(&mut control), flags)
        else {
            break;
        };
        let peer = message.address.as_ref().and_then(address);
        let told = message.cmsgs().ok().and_then(|mut all| all.find_map(extended));
        errors.extend(peer.zip(told).and_then(|(peer, told)| judge(peer, &told)));
    }
    errors
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|found| SocketAddrV4::from(*found).into());
    v4.or_else(|| storage.as_sockaddr_in6().map(|found| SocketAddrV6::from(*found).into()))
}

fn extended(message: ControlMessageOwned) -> Option<sock_extended_err> {
    match message {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            Some(error)
        }
        _ => None,
    }
}

/// The kinds that RFC 8656 §11.5 names.
fn judge(peer: SocketAddr, error: &sock_extended_err) -> Option<IcmpError> {
    let (kind, code) = (error.ee_type, error.ee_code);
    let (told, about_size) = match error.ee_origin {
        SO_EE_ORIGIN_ICMP => (
            matches!(kind, UNREACHABLE_V4 | TIME_EXCEEDED_V4),
            kind == UNREACHABLE_V4 && code == FRAGMENTATION_NEEDED_V4,
        ),
        SO_EE_ORIGIN_ICMP6 => (matches!(kind, 1..=3), kind == TOO_BIG_V6),
        // The system's own, such as a datagram that does not leave this machine.
        _ => return None,
    };
    let data = if about_size { error.ee_info } else { 0 };
    told.then_some(IcmpError { peer, kind, code, data })
}

impl IcmpError {
    /// What the client is told (RFC 8656 §18.13): seven bits of type, nine of code.
    pub(crate) fn indication(&self) -> Vec<u8> {
        let [.., high, low] = (u32::from(self.kind) << 9 | u32::from(self.code)).to_be_bytes();
        let [a, b, c, d] = self.data.to_be_bytes();
        MessageWriter::with_id(Class::Indication, Method::Data, kernel::random::bytes())
            .xor_address(attr::XOR_PEER_ADDRESS, self.peer)
            .attribute(attr::ICMP, &[0, 0, high, low, a, b, c, d])
            .finish()
    }
}
