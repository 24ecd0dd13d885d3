//! Datagram sockets: those of a listener, several on one port, and single ones.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use crate::bind::{ListenAddress, ListenSpec, explain};
use crate::error::BindError;

/// What a socket may hold that nobody has read yet, in bytes; the system may give less.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Opens `count` sockets on the address of a UDP listener.
///
/// The first is opened without sharing, so that another process on the port is noticed as with TCP; unless sockets of
/// this process are there, which are about to be closed (`in_place`).
///
/// # Errors
/// In words for the administrator; see [`BindError`].
pub fn bind_datagrams(
    spec: &ListenSpec,
    count: usize,
    in_place: bool,
) -> Result<Vec<UdpSocket>, BindError> {
    let ListenAddress::Tcp(mut address) = spec.address else {
        return Err(BindError::Io {
            address: spec.address.to_string(),
            source: io::ErrorKind::Unsupported.into(),
        });
    };
    let mut sockets = Vec::new();
    for index in 0..count.max(1) {
        let socket = open(address, spec.v6_only, in_place || index > 0, RECEIVE_BUFFER_BYTES)
            .map_err(|error| explain(address, "udp", error))?;
        if index == 0 {
            // Port 0 lets the system choose; the others follow.
            address = socket
                .local_addr()
                .map_err(|source| BindError::Io { address: spec.address.to_string(), source })?;
        }
        if let Err(error) = sockopt::set_socket_reuseport(&socket, true) {
            tracing::warn!(%address, %error, "one task alone serves this UDP listener");
            sockets.push(socket);
            break;
        }
        sockets.push(socket);
    }
    Ok(sockets)
}

/// Opens one datagram socket that shares its address with nobody; IPv6 without IPv4.
///
/// # Errors
/// The system's.
pub fn bind_datagram(address: SocketAddr, receive_buffer_bytes: usize) -> io::Result<UdpSocket> {
    open(address, true, false, receive_buffer_bytes).map_err(Into::into)
}

fn open(
    address: SocketAddr,
    v6_only: bool,
    shared: bool,
    receive_buffer_bytes: usize,
) -> Result<UdpSocket, rustix::io::Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(family, SocketType::DGRAM, flags, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, v6_only)?;
    }
    if shared {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    // A smaller buffer than asked for is no reason not to serve.
    sockopt::set_socket_recv_buffer_size(&socket, receive_buffer_bytes).ok();
    bind(&socket, &address)?;
    Ok(socket.into())
}
