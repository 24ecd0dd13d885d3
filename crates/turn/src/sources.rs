//! Bounds what addresses without an allocation may ask, and what they are answered (attack row 28).
//!
//! A sender's address may be forged. So each address has a bucket of messages, and a balance of bytes: what comes
//! from it is added, what goes to it is taken off. An answer for which the balance has not enough is not sent. So an
//! address gets no more bytes than it sent, but for a constant and a trickle; without these a first challenge, which
//! must hold realm and nonce, could never be sent. Honest clients pay it back: a request with a log-in is longer than
//! the challenge was.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

/// Addresses that are told apart; beyond that they share one bucket.
const SOURCES_MAX: usize = 16_384;
const MESSAGES_BURST: f32 = 400.0;
const MESSAGES_PER_SECOND: f32 = 100.0;
/// Bytes by which answers may be longer than requests: at once, and more each second.
const BALANCE_BYTES_MAX: f32 = 8_192.0;
const BALANCE_BYTES_PER_SECOND: f32 = 256.0;
/// How often full buckets are looked for.
const SWEEP: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
struct Buckets {
    messages: f32,
    balance: f32,
    at: Instant,
}

impl Buckets {
    fn new(at: Instant) -> Self {
        Self { messages: MESSAGES_BURST, balance: BALANCE_BYTES_MAX, at }
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f32();
        self.messages = (self.messages + seconds * MESSAGES_PER_SECOND).min(MESSAGES_BURST);
        self.earn(seconds * BALANCE_BYTES_PER_SECOND);
        self.at = now;
    }

    fn earn(&mut self, bytes: f32) {
        self.balance = (self.balance + bytes).min(BALANCE_BYTES_MAX);
    }
}

/// The buckets of all addresses.
pub(crate) struct Sources {
    known: HashMap<IpAddr, Buckets>,
    others: Buckets,
    swept: Instant,
}

/// A network of IPv6 is one source, since a host has all of its addresses.
fn source(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
    }
}

impl Sources {
    pub(crate) fn new(now: Instant) -> Self {
        Self { known: HashMap::new(), others: Buckets::new(now), swept: now }
    }

    fn buckets(&mut self, ip: IpAddr, now: Instant) -> &mut Buckets {
        let ip = source(ip);
        self.sweep(now);
        let room = self.known.len() < SOURCES_MAX;
        let buckets = match self.known.contains_key(&ip) || room {
            true => self.known.entry(ip).or_insert_with(|| Buckets::new(now)),
            false => &mut self.others,
        };
        buckets.fill(now);
        buckets
    }

    /// Whether a message of that many bytes may be looked at.
    pub(crate) fn admit(&mut self, ip: IpAddr, bytes: usize, now: Instant) -> bool {
        let buckets = self.buckets(ip, now);
        let admitted = buckets.messages >= 1.0;
        if admitted {
            buckets.messages -= 1.0;
            buckets.earn(bytes as f32);
        }
        admitted
    }

    /// Whether an answer of that many bytes may be sent.
    pub(crate) fn may_answer(&mut self, ip: IpAddr, bytes: usize, now: Instant) -> bool {
        let buckets = self.buckets(ip, now);
        let may = buckets.balance >= bytes as f32;
        buckets.balance -= if may { bytes as f32 } else { 0.0 };
        may
    }

    /// Forgets, once in a while, addresses whose buckets are full again.
    pub(crate) fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.swept) >= SWEEP {
            let full = Duration::from_secs_f32(BALANCE_BYTES_MAX / BALANCE_BYTES_PER_SECOND);
            self.known.retain(|_, buckets| now.saturating_duration_since(buckets.at) < full);
            self.swept = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack row 28: at every moment an address has got no more than it sent, the constant and the trickle.
    #[test]
    fn an_address_gets_what_it_sent_and_a_constant() {
        let start = Instant::now();
        for (asked, answered, of_others) in [(20, 96, 0), (20, 32, 0), (28, 100, 3)] {
            let mut sources = Sources::new(start);
            let victim = "192.0.2.1".parse().unwrap();
            let (mut sent, mut got) = (0, 0);
            for ms in 0..20_000 {
                let now = start + Duration::from_millis(ms);
                if sources.admit(victim, asked, now) {
                    sent += asked;
                    got += if sources.may_answer(victim, answered, now) { answered } else { 0 };
                }
                for other in 0..of_others {
                    sources.admit(IpAddr::V4([10, 0, 0, other].into()), 20, now);
                }
                let trickle = ms as usize * 256 / 1000;
                assert!(got <= sent + 8_192 + trickle + 1, "{got} for {sent} after {ms} ms");
            }
            assert!(got > sent, "the allowance was used: {got} for {sent}");
        }
    }

    /// Clients behind one address that log in never use it up: what they send then is longer than the challenge was.
    #[test]
    fn honest_clients_pay_their_challenges_back() {
        let now = Instant::now();
        let mut sources = Sources::new(now);
        let ip = "192.0.2.1".parse().unwrap();
        for _ in 0..200 {
            assert!(sources.admit(ip, 28, now) && sources.may_answer(ip, 104, now));
            assert!(sources.admit(ip, 148, now));
        }
    }

    #[test]
    fn many_sources_share_one_bucket_in_the_end() {
        let now = Instant::now();
        let mut sources = Sources::new(now);
        let ip = |index: u32| IpAddr::V4(std::net::Ipv4Addr::from_bits(index));
        for index in 0..SOURCES_MAX as u32 {
            assert!(sources.admit(ip(index), 20, now));
        }
        let admitted =
            (0..1000).filter(|index| sources.admit(ip(1 << 24 | index), 20, now)).count();
        assert_eq!(admitted, 400);
        sources.sweep(now + Duration::from_secs(60));
        assert!(sources.known.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        assert_eq!(source("2a00::1:2".parse().unwrap()), source("2a00::9:1".parse().unwrap()));
    }
}
