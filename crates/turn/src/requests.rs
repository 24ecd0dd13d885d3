//! What a logged-in client may ask of a relay: Allocate, Refresh, CreatePermission, ChannelBind, Connect.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use stun_wire::{Class, Message, MessageWriter, Method, attr, code, is_channel_number};
use tokio::time::Instant;

use crate::Stun;
use crate::allocation::{AGE_MAX, Allocation, LIFETIME_DEFAULT, LIFETIME_MAX, NotBound, family};
use crate::login::{Login, Origin, UNKNOWN_MAX, finish_for, refusal};
use crate::options::Settings;
use crate::peers::Verdict;
use crate::ports::{Relay, Wanted, open_relay};
use crate::shared::NoPlace;
use crate::tcp_relay::TcpRelay;

/// Protocol numbers of REQUESTED-TRANSPORT.
const UDP: u8 = 17;
const TCP: u8 = 6;
/// Address families (RFC 8656 §18.6).
const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// Attributes that requests of TURN may have.
const KNOWN: &[u16] = &[
    attr::USERNAME,
    attr::USERHASH,
    attr::REALM,
    attr::NONCE,
    attr::MESSAGE_INTEGRITY,
    attr::MESSAGE_INTEGRITY_SHA256,
    attr::PASSWORD_ALGORITHM,
    attr::CHANNEL_NUMBER,
    attr::LIFETIME,
    attr::XOR_PEER_ADDRESS,
    attr::DATA,
    attr::REQUESTED_ADDRESS_FAMILY,
    attr::EVEN_PORT,
    attr::REQUESTED_TRANSPORT,
    attr::DONT_FRAGMENT,
    attr::RESERVATION_TOKEN,
    attr::CONNECTION_ID,
];

/// A request in its surroundings.
pub(crate) struct Asked<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) message: &'a Message<'a>,
    pub(crate) origin: &'a Origin,
    pub(crate) login: &'a Arc<Login>,
    pub(crate) now: Instant,
    /// Whether over TCP or TLS, where relays over TCP may be asked for (RFC 6062 §4.1).
    pub(crate) stream: bool,
}

/// What a request comes to.
pub(crate) enum Done {
    /// An answer.
    Answer(Vec<u8>),
    /// A connection to a peer is to be made; the answer follows.
    Connect(SocketAddr),
}

/// An error code, and why it is counted.
type Refused = (u16, &'static str);

impl Asked<'_> {
    fn success(&self) -> MessageWriter {
        MessageWriter::answer(self.message, Class::Success)
    }

    pub(crate) fn finish(&self, writer: MessageWriter) -> Vec<u8> {
        finish_for(self.login, self.settings, writer, self.message)
    }

    /// Sends a client that wants a relay to another server, if one of its family is named (RFC 8489 §10).
    fn elsewhere(&self) -> Option<Vec<u8>> {
        let fits = |other: &&SocketAddr| other.is_ipv4() == self.origin.client.is_ipv4();
        let other = self.settings.alternates.iter().find(fits)?;
        let writer = MessageWriter::error(self.message, code::TRY_ALTERNATE);
        (self.message.method() == Method::Allocate)
            .then(|| self.finish(writer.address(attr::ALTERNATE_SERVER, *other)))
    }

    pub(crate) fn error(&self, code: u16) -> Vec<u8> {
        self.finish(MessageWriter::error(self.message, code))
    }
}

/// A lifetime as asked for, within bounds (RFC 8656 §7.2); zero only where it ends something.
fn lifetime(message: &Message<'_>) -> Result<Duration, Refused> {
    let Some(asked) = message.attribute(attr::LIFETIME) else { return Ok(LIFETIME_DEFAULT) };
    let seconds = asked.number().map_err(|_| (code::BAD_REQUEST, "malformed"))?;
    Ok(Duration::from_secs(u64::from(seconds)).min(LIFETIME_MAX))
}

impl Stun {
    /// Does what is asked. A new allocation is put into `allocation`, an ended one taken out.
    pub(crate) fn request(&self, asked: &Asked<'_>, allocation: &mut Option<Allocation>) -> Done {
        let mut unknown = asked.message.unknown(KNOWN, UNKNOWN_MAX).peekable();
        if unknown.peek().is_some() {
            let writer = MessageWriter::error(asked.message, code::UNKNOWN_ATTRIBUTE);
            return Done::Answer(asked.finish(writer.unknown_attributes(unknown)));
        }
        let done = match asked.message.method() {
            Method::Allocate => self.allocate(asked, allocation).map(Done::Answer),
            Method::Refresh => refresh(asked, allocation).map(Done::Answer),
            Method::CreatePermission => create_permission(asked, allocation).map(Done::Answer),
            Method::ChannelBind => channel_bind(asked, allocation).map(Done::Answer),
            Method::Connect => connect(asked, allocation).map(Done::Connect),
            _ => Err((code::BAD_REQUEST, "method")),
        };
        done.unwrap_or_else(|(code, reason)| {
            refusal(reason);
            Done::Answer(match code {
                code::STALE_NONCE => {
                    self.challenge(asked.settings, asked.message, code, asked.origin)
                }
                code::INSUFFICIENT_CAPACITY => {
                    asked.elsewhere().unwrap_or_else(|| asked.error(code))
                }
                _ => asked.error(code),
            })
        })
    }

    /// RFC 8656 §7.2.
    fn allocate(
        &self,
        asked: &Asked<'_>,
        allocation: &mut Option<Allocation>,
    ) -> Result<Vec<u8>, Refused> {
        if let Some(present) = allocation {
            return match present.transaction == asked.message.transaction() {
                true => Ok(allocated(asked, present, None)),
                false => Err((code::ALLOCATION_MISMATCH, "mismatch")),
            };
        }
        let message = asked.message;
        let malformed = (code::BAD_REQUEST, "malformed");
        let transport = message.attribute(attr::REQUESTED_TRANSPORT).ok_or(malformed)?;
        let tcp = match transport.byte().map_err(|_| malformed)? {
            UDP => false,
            TCP if asked.stream => true,
            _ => return Err((code::UNSUPPORTED_TRANSPORT, "transport")),
        };
        let lifetime = lifetime(message)?.max(LIFETIME_DEFAULT);
        let Login { used, since, .. } = &**asked.login;
        let place = self.shared.place(used, *since, asked.settings.allocations_max);
        let place = place.map_err(|why| match why {
            // The client asks once more, and is looked up once more.
            NoPlace::Ended => (code::STALE_NONCE, "ended"),
            NoPlace::Quota => (code::ALLOCATION_QUOTA_REACHED, "quota"),
            NoPlace::Server => (code::INSUFFICIENT_CAPACITY, "capacity"),
        })?;
        let (relays, next, failed) =
            if tcp { ([None, None], None, None) } else { self.open_relays(asked)? };
        let (login, transaction) = (Arc::clone(asked.login), message.transaction());
        let (rate, permissions_max) = (asked.settings.bandwidth, asked.settings.permissions_max);
        let mut made = Allocation::new(
            login,
            place,
            transaction,
            asked.now,
            lifetime,
            relays,
            rate,
            permissions_max,
        );
        if tcp {
            made.tcp = Some(self.open_tcp(asked)?);
        }
        made.token = next.and_then(|next| self.shared.reserve(next, &asked.login.user, asked.now));
        let answer = allocated(asked, &made, failed);
        tracing::debug!(user = asked.login.used.name(), client = %asked.origin.client, "allocated");
        *allocation = Some(made);
        Ok(answer)
    }

    /// Opens the relays that a request asks for: one or two families, an even port, a port kept earlier.
    fn open_relays(&self, asked: &Asked<'_>) -> Result<Opened, Refused> {
        let malformed = (code::BAD_REQUEST, "malformed");
        let byte = |kind| {
            asked
                .message
                .attribute(kind)
                .map(|found| found.byte().map_err(|_| malformed))
                .transpose()
        };
        let family = byte(attr::REQUESTED_ADDRESS_FAMILY)?;
        let additional = byte(attr::ADDITIONAL_ADDRESS_FAMILY)?;
        let even = byte(attr::EVEN_PORT)?;
        let token = asked.message.attribute(attr::RESERVATION_TOKEN);
        if token.is_some() && (family.is_some() || even.is_some() || additional.is_some())
            || family.is_some() && additional.is_some()
            || additional.is_some_and(|family| family != IPV6)
            || additional.is_some() && even.is_some_and(|even| even & 0x80 != 0)
        {
            return Err(malformed);
        }
        if let Some(token) = token {
            let token = token.token().map_err(|_| malformed)?;
            let kept = self.shared.reserved(token, &asked.login.user, asked.now);
            let relay = kept.ok_or((code::INSUFFICIENT_CAPACITY, "reservation"))?;
            return Ok((in_family(relay), None, None));
        }
        let wanted = match even {
            None => Wanted::Any,
            Some(even) if even & 0x80 != 0 => Wanted::EvenAndNext,
            Some(_) => Wanted::Even,
        };
        let (first, next) = self.open_family(asked, family.unwrap_or(IPV4), wanted)?;
        let mut relays = in_family(first);
        let mut failed = None;
        if additional.is_some() {
            match self.open_family(asked, IPV6, Wanted::Any) {
                Ok((second, _)) => relays[1] = Some(second),
                // RFC 8656 §7.2: the other family still counts, and the answer says what failed.
                Err((code, _)) => failed = Some(code),
            }
        }
        Ok((relays, next, failed))
    }

    fn open_family(
        &self,
        asked: &Asked<'_>,
        family: u8,
        wanted: Wanted,
    ) -> Result<(Relay, Option<Relay>), Refused> {
        let settings = asked.settings;
        let (at, ports) = match family {
            IPV4 => (settings.relay_v4, &self.shared.ports_v4),
            IPV6 => (settings.relay_v6, &self.shared.ports_v6),
            _ => (None, &self.shared.ports_v4),
        };
        let at = at.ok_or((code::ADDRESS_FAMILY_NOT_SUPPORTED, "family"))?;
        open_relay(ports, at, &settings.ports, wanted).ok_or((code::INSUFFICIENT_CAPACITY, "ports"))
    }

    /// A relay over TCP (RFC 6062 §5.1): nothing that concerns datagrams may be asked for.
    fn open_tcp(&self, asked: &Asked<'_>) -> Result<TcpRelay, Refused> {
        const FOREIGN: [u16; 3] = [attr::EVEN_PORT, attr::DONT_FRAGMENT, attr::RESERVATION_TOKEN];
        if FOREIGN.iter().any(|kind| asked.message.attribute(*kind).is_some()) {
            return Err((code::BAD_REQUEST, "malformed"));
        }
        let family = asked.message.attribute(attr::REQUESTED_ADDRESS_FAMILY);
        let at = match family.map(|family| family.byte()) {
            None | Some(Ok(IPV4)) => asked.settings.relay_v4,
            Some(Ok(IPV6)) => asked.settings.relay_v6,
            Some(_) => None,
        };
        let at = at.ok_or((code::ADDRESS_FAMILY_NOT_SUPPORTED, "family"))?;
        TcpRelay::open(&self.shared.tcp_ports, at, &asked.settings.ports)
            .ok_or((code::INSUFFICIENT_CAPACITY, "ports"))
    }
}

/// Relays by family, a kept one, and the code of a second family that failed.
type Opened = ([Option<Relay>; 2], Option<Relay>, Option<u16>);

fn in_family(relay: Relay) -> [Option<Relay>; 2] {
    let mut relays = [None, None];
    let index = family(relay.told.ip());
    relays[index] = Some(relay);
    relays
}

/// The answer to Allocate (RFC 8656 §7.2).
fn allocated(asked: &Asked<'_>, made: &Allocation, failed: Option<u16>) -> Vec<u8> {
    let told = made.relays.iter().flatten().map(|relay| relay.told);
    let told = told.chain(made.tcp.as_ref().map(TcpRelay::told));
    let mut writer = told
        .fold(asked.success(), |writer, told| writer.xor_address(attr::XOR_RELAYED_ADDRESS, told));
    if let Some(code) = failed {
        writer = writer.code(attr::ADDRESS_ERROR_CODE, IPV6, code);
    }
    let left = made.expires.saturating_duration_since(asked.now).as_secs();
    writer = writer.number(attr::LIFETIME, u32::try_from(left).unwrap_or(u32::MAX));
    if let Some(token) = made.token {
        writer = writer.attribute(attr::RESERVATION_TOKEN, &token);
    }
    asked.finish(writer.xor_address(attr::XOR_MAPPED_ADDRESS, asked.origin.client))
}

/// RFC 8656 §8.2.
fn refresh(asked: &Asked<'_>, allocation: &mut Option<Allocation>) -> Result<Vec<u8>, Refused> {
    let mut lifetime = lifetime(asked.message)?;
    let Some(present) = allocation else {
        // A retransmission of what ended it.
        return match lifetime.is_zero() {
            true => Ok(asked.finish(asked.success().number(attr::LIFETIME, 0))),
            false => Err((code::ALLOCATION_MISMATCH, "mismatch")),
        };
    };
    if let Some(wanted) = asked.message.attribute(attr::REQUESTED_ADDRESS_FAMILY) {
        let index = match wanted.byte() {
            Ok(IPV4) => 0,
            Ok(IPV6) => 1,
            _ => return Err((code::BAD_REQUEST, "malformed")),
        };
        if present.relays[index].is_none() {
            return Err((code::PEER_ADDRESS_FAMILY_MISMATCH, "family"));
        }
        if lifetime.is_zero() {
            present.relays[index] = None;
        }
    }
    if lifetime.is_zero()
        && present.relays.iter().flatten().next().is_some()
        && asked.message.attribute(attr::REQUESTED_ADDRESS_FAMILY).is_some()
    {
        // The other family lives on.
        return Ok(asked.finish(asked.success().number(attr::LIFETIME, 0)));
    }
    if lifetime.is_zero() {
        *allocation = None;
    } else {
        let left = (present.created + AGE_MAX).saturating_duration_since(asked.now);
        lifetime = lifetime.max(LIFETIME_DEFAULT).min(left);
        present.expires = asked.now + lifetime;
    }
    let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
    Ok(asked.finish(asked.success().number(attr::LIFETIME, seconds)))
}

/// Judges a peer address; `Ok(true)` is one of our own relays.
fn judge(asked: &Asked<'_>, present: &Allocation, ip: IpAddr) -> Result<bool, Refused> {
    let served = match &present.tcp {
        Some(tcp) => tcp.told().is_ipv4() == ip.is_ipv4(),
        None => present.relays[family(ip)].is_some(),
    };
    if !served {
        return Err((code::PEER_ADDRESS_FAMILY_MISMATCH, "family"));
    }
    match asked.settings.rules.judge(ip) {
        Verdict::Denied => Err((code::FORBIDDEN, "peer")),
        Verdict::OwnRelay => Ok(true),
        Verdict::Allowed => Ok(false),
    }
}

/// RFC 8656 §10.2. Each address is judged on its own, and none is permitted unless all are.
fn create_permission(
    asked: &Asked<'_>,
    allocation: &mut Option<Allocation>,
) -> Result<Vec<u8>, Refused> {
    let present = allocation.as_mut().ok_or((code::ALLOCATION_MISMATCH, "mismatch"))?;
    let mut peers: Vec<(IpAddr, bool)> = Vec::new();
    for wanted in asked.message.attributes().filter(|one| one.kind == attr::XOR_PEER_ADDRESS) {
        let peer = wanted.xor_address().map_err(|_| (code::BAD_REQUEST, "malformed"))?;
        let own = judge(asked, present, peer.ip())?;
        if !peers.iter().any(|(known, _)| *known == peer.ip()) {
            peers.push((peer.ip(), own));
        }
    }
    if peers.is_empty() {
        return Err((code::BAD_REQUEST, "malformed"));
    }
    let fresh = peers.iter().filter(|(ip, _)| !present.is_permitted(*ip, asked.now)).count();
    if fresh > present.permissions_left(asked.now) {
        return Err((code::INSUFFICIENT_CAPACITY, "permissions"));
    }
    for (ip, own) in peers {
        present.permit(ip, own, asked.now);
    }
    Ok(asked.finish(asked.success()))
}

/// RFC 8656 §12.2.
fn channel_bind(
    asked: &Asked<'_>,
    allocation: &mut Option<Allocation>,
) -> Result<Vec<u8>, Refused> {
    let malformed = (code::BAD_REQUEST, "malformed");
    let present = allocation.as_mut().ok_or((code::ALLOCATION_MISMATCH, "mismatch"))?;
    let number = asked.message.attribute(attr::CHANNEL_NUMBER).ok_or(malformed)?;
    let number = number.channel().map_err(|_| malformed)?;
    let peer = asked.message.attribute(attr::XOR_PEER_ADDRESS).ok_or(malformed)?;
    let peer = peer.xor_address().map_err(|_| malformed)?;
    if !is_channel_number(number) || present.tcp.is_some() {
        return Err(malformed);
    }
    let own = judge(asked, present, peer.ip())?;
    present.bind(number, peer, own, asked.now).map_err(|why| match why {
        NotBound::Conflict => malformed,
        NotBound::Full => (code::INSUFFICIENT_CAPACITY, "permissions"),
    })?;
    Ok(asked.finish(asked.success()))
}

/// RFC 6062 §4.3: the peer to connect to.
fn connect(asked: &Asked<'_>, allocation: &mut Option<Allocation>) -> Result<SocketAddr, Refused> {
    let malformed = (code::BAD_REQUEST, "malformed");
    let present = allocation.as_mut().ok_or((code::ALLOCATION_MISMATCH, "mismatch"))?;
    let peer = asked.message.attribute(attr::XOR_PEER_ADDRESS).ok_or(malformed)?;
    let peer = peer.xor_address().map_err(|_| malformed)?;
    if present.tcp.is_none() {
        return Err(malformed);
    }
    // A TCP port of our own is never another client's relay that waits for us.
    if judge(asked, present, peer.ip())? {
        return Err((code::FORBIDDEN, "peer"));
    }
    let tcp = present.tcp.as_mut().ok_or(malformed)?;
    tcp.begin(peer).map_err(|code| (code, "connection"))?;
    Ok(peer)
}
