//! One allocation (RFC 8656 §6): relays, permissions, channels, and when each of them ends.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::icmp::IcmpError;
use crate::login::Login;
use crate::ports::Relay;
use crate::shared::{Place, Shared};
use crate::tcp_relay::TcpRelay;

/// How long an allocation lives unless refreshed (RFC 8656 §3.2), and at most asked for.
pub(crate) const LIFETIME_DEFAULT: Duration = Duration::from_secs(600);
pub(crate) const LIFETIME_MAX: Duration = Duration::from_secs(3_600);
/// However often it is refreshed: a call of a day has ended.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// RFC 8656 §9.
pub(crate) const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// RFC 8656 §12.
pub(crate) const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// A peer that may be talked to.
#[derive(Clone, Copy)]
struct Permission {
    ip: IpAddr,
    until: Instant,
    /// It is the address of relays of this server: only their ports are reached.
    own: bool,
}

/// A number that stands for a peer.
#[derive(Clone, Copy)]
pub(crate) struct Channel {
    pub(crate) number: u16,
    pub(crate) peer: SocketAddr,
    until: Instant,
    /// Kept here too, so that a packet looks at one place alone.
    permitted_until: Instant,
    own: bool,
}

/// Where a client's packets leave, and how.
pub(crate) struct Allocation {
    pub(crate) login: Arc<Login>,
    pub(crate) place: Place,
    /// Of the request that made it: the same again is a retransmission.
    pub(crate) transaction: [u8; 16],
    pub(crate) created: Instant,
    pub(crate) expires: Instant,
    /// IPv4 and IPv6.
    pub(crate) relays: [Option<Relay>; 2],
    pub(crate) token: Option<[u8; 8]>,
    /// RFC 6062 in place of relays.
    pub(crate) tcp: Option<TcpRelay>,
    pub(crate) rate: Option<u64>,
    pub(crate) permissions_max: usize,
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
    /// Heard by connections that were made for it.
    pub(crate) ended: Arc<AtomicBool>,
}

/// Why a channel cannot be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBound {
    /// The number or the peer is bound otherwise (RFC 8656 §12.2).
    Conflict,
    /// There are as many as there may be.
    Full,
}

/// What was relayed and not yet counted in the metrics.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) to_peer: (u64, u64),
    pub(crate) to_client: (u64, u64),
    pub(crate) dropped: u64,
}

impl Traffic {
    pub(crate) fn count_to_peer(&mut self, bytes: usize) {
        self.to_peer.0 += 1;
        self.to_peer.1 += bytes as u64;
    }

    pub(crate) fn count_to_client(&mut self, bytes: usize) {
        self.to_client.0 += 1;
        self.to_client.1 += bytes as u64;
    }

    /// Adds them to the metrics.
    pub(crate) fn publish(&mut self) {
        let counted = std::mem::take(self);
        let directions = [("to_peer", counted.to_peer), ("to_client", counted.to_client)];
        for (direction, (packets, bytes)) in directions {
            if packets > 0 {
                metrics::counter!(observe::names::TURN_PACKETS, "direction" => direction)
                    .increment(packets);
                metrics::counter!(observe::names::TURN_BYTES, "direction" => direction)
                    .increment(bytes);
            }
        }
        if counted.dropped > 0 {
            metrics::counter!(observe::names::TURN_DROPPED).increment(counted.dropped);
        }
    }
}

/// The place of an address family in [`Allocation::relays`].
pub(crate) fn family(ip: IpAddr) -> usize {
    usize::from(ip.is_ipv6())
}

impl Allocation {
    #[expect(clippy::too_many_arguments, reason = "each is a field, and there is one caller")]
    pub(crate) fn new(
        login: Arc<Login>,
        place: Place,
        transaction: [u8; 16],
        now: Instant,
        lifetime: Duration,
        relays: [Option<Relay>; 2],
        rate: Option<u64>,
        permissions_max: usize,
    ) -> Self {
        Self {
            login,
            place,
            transaction,
            created: now,
            expires: now + lifetime,
            relays,
            token: None,
            tcp: None,
            rate,
            permissions_max,
            permissions: Vec::new(),
            channels: Vec::new(),
            ended: Arc::default(),
        }
    }

    /// Whether it is over: expired, refreshed to zero, or its account is gone.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.expires <= now || self.place.used.is_ended()
    }

    /// Forgets permissions and channels that ran out.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.permissions.retain(|permission| permission.until > now);
        self.channels.retain(|channel| channel.until > now);
    }

    /// Permits a peer address for a while, or refuses when there are as many as there may be.
    pub(crate) fn permit(&mut self, ip: IpAddr, own: bool, now: Instant) -> bool {
        let until = now + PERMISSION_LIFETIME;
        for channel in self.channels.iter_mut().filter(|channel| channel.peer.ip() == ip) {
            channel.permitted_until = until;
        }
        if let Some(known) = self.permissions.iter_mut().find(|known| known.ip == ip) {
            known.until = until;
            return true;
        }
        self.permissions.retain(|permission| permission.until > now);
        let room = self.permissions.len() < self.permissions_max;
        if room {
            self.permissions.push(Permission { ip, until, own });
        }
        room
    }

    /// How many more peers could be permitted now.
    pub(crate) fn permissions_left(&self, now: Instant) -> usize {
        let used = self.permissions.iter().filter(|permission| permission.until > now).count();
        self.permissions_max.saturating_sub(used)
    }

    /// Whether a peer address is permitted now.
    pub(crate) fn is_permitted(&self, ip: IpAddr, now: Instant) -> bool {
        self.permissions.iter().any(|known| known.ip == ip && known.until > now)
    }

    /// Binds a channel (RFC 8656 §12.2), which permits its peer too.
    pub(crate) fn bind(
        &mut self,
        number: u16,
        peer: SocketAddr,
        own: bool,
        now: Instant,
    ) -> Result<(), NotBound> {
        self.channels.retain(|channel| channel.until > now);
        let conflicts = |known: &Channel| (known.number == number) != (known.peer == peer);
        if self.channels.iter().any(conflicts) {
            return Err(NotBound::Conflict);
        }
        // Several channels to the ports of one address are usual; each still costs memory.
        if self.channels.len() >= self.permissions_max.saturating_mul(4).max(16) {
            return Err(NotBound::Full);
        }
        if !self.permit(peer.ip(), own, now) {
            return Err(NotBound::Full);
        }
        let (until, permitted_until) = (now + CHANNEL_LIFETIME, now + PERMISSION_LIFETIME);
        match self.channels.iter_mut().find(|known| known.number == number) {
            Some(known) => known.until = until,
            None => self.channels.push(Channel { number, peer, until, permitted_until, own }),
        }
        Ok(())
    }

    /// The peer of ChannelData from the client, if it may be sent.
    #[inline]
    pub(crate) fn channel_peer(
        &self,
        number: u16,
        bytes: usize,
        shared: &Shared,
        now: Instant,
    ) -> Option<SocketAddr> {
        let channel = self.channels.iter().find(|channel| channel.number == number)?;
        let alive = channel.until > now && channel.permitted_until > now;
        let reachable =
            !channel.own || shared.is_relay_port(channel.peer.ip(), channel.peer.port());
        (alive && reachable && self.admits(bytes, shared, now)).then_some(channel.peer)
    }

    /// Whether a Send indication to a peer may be relayed.
    pub(crate) fn may_send(
        &self,
        peer: SocketAddr,
        bytes: usize,
        shared: &Shared,
        now: Instant,
    ) -> bool {
        let known =
            self.permissions.iter().find(|known| known.ip == peer.ip() && known.until > now);
        let reachable =
            known.is_some_and(|known| !known.own || shared.is_relay_port(peer.ip(), peer.port()));
        reachable && self.admits(bytes, shared, now)
    }

    /// What a datagram of a peer becomes: ChannelData of that number, a Data indication, or nothing.
    #[inline]
    pub(crate) fn peer_packet(
        &self,
        peer: SocketAddr,
        bytes: usize,
        shared: &Shared,
        now: Instant,
    ) -> Option<Option<u16>> {
        let channel =
            self.channels.iter().find(|channel| channel.peer == peer && channel.until > now);
        if let Some(channel) = channel
            && channel.permitted_until > now
        {
            return self.admits(bytes, shared, now).then_some(Some(channel.number));
        }
        let permitted = self.is_permitted(peer.ip(), now) && self.admits(bytes, shared, now);
        permitted.then_some(None)
    }

    /// Whether the client is told that a datagram did not reach a peer (RFC 8656 §11.5).
    pub(crate) fn may_tell(&self, error: &IcmpError, shared: &Shared, now: Instant) -> bool {
        self.is_permitted(error.peer.ip(), now) && self.admits(1, shared, now)
    }

    fn admits(&self, bytes: usize, shared: &Shared, now: Instant) -> bool {
        let Some(rate) = self.rate else { return true };
        self.place.used.admit(now.saturating_duration_since(shared.started), bytes, rate)
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        tracing::debug!(user = self.place.used.name(), "an allocation ended");
    }
}
