//! Bounds what addresses without an allocation may ask, and what they are answered (attack row 28).
//!
//! A sender's address may be forged. So each address has a bucket of messages, and one of bytes by which answers are
//! longer than what asked: an answer that must be longer (a nonce is) draws on it, and when it is empty only answers
//! that are not longer than their request are sent. Whoever reflects through us gains nothing beyond that allowance.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

/// Addresses that are told apart; beyond that they share one bucket.
const SOURCES_MAX: usize = 16_384;
const MESSAGES_BURST: f32 = 400.0;
const MESSAGES_PER_SECOND: f32 = 100.0;
/// Bytes by which answers may be longer than requests: at once, and each second.
const EXCESS_BURST_BYTES: f32 = 65_536.0;
const EXCESS_BYTES_PER_SECOND: f32 = 4_096.0;

#[derive(Clone, Copy)]
struct Buckets {
    messages: f32,
    excess: f32,
    at: Instant,
}

impl Buckets {
    fn new(at: Instant) -> Self {
        Self { messages: MESSAGES_BURST, excess: EXCESS_BURST_BYTES, at }
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f32();
        self.messages = (self.messages + seconds * MESSAGES_PER_SECOND).min(MESSAGES_BURST);
        self.excess = (self.excess + seconds * EXCESS_BYTES_PER_SECOND).min(EXCESS_BURST_BYTES);
        self.at = now;
    }
}

/// The buckets of one task.
pub(crate) struct Sources {
    known: HashMap<IpAddr, Buckets>,
    others: Buckets,
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
        Self { known: HashMap::new(), others: Buckets::new(now) }
    }

    fn buckets(&mut self, ip: IpAddr, now: Instant) -> &mut Buckets {
        let ip = source(ip);
        if !self.known.contains_key(&ip) && self.known.len() >= SOURCES_MAX {
            return &mut self.others;
        }
        self.known.entry(ip).or_insert_with(|| Buckets::new(now))
    }

    /// Whether a message may be looked at.
    pub(crate) fn admit(&mut self, ip: IpAddr, now: Instant) -> bool {
        let buckets = self.buckets(ip, now);
        buckets.fill(now);
        let admitted = buckets.messages >= 1.0;
        buckets.messages -= if admitted { 1.0 } else { 0.0 };
        admitted
    }

    /// Whether an answer of that many bytes may be sent to a request of that many.
    pub(crate) fn may_answer(&mut self, ip: IpAddr, request: usize, answer: usize) -> bool {
        let excess = answer.saturating_sub(request) as f32;
        let now = self.others.at;
        let buckets = self.buckets(ip, now);
        let may = buckets.excess >= excess;
        buckets.excess -= if may { excess } else { 0.0 };
        may
    }

    /// Forgets addresses whose buckets are full again.
    pub(crate) fn sweep(&mut self, now: Instant) {
        let full = Duration::from_secs_f32(EXCESS_BURST_BYTES / EXCESS_BYTES_PER_SECOND);
        self.known.retain(|_, buckets| now.saturating_duration_since(buckets.at) < full);
        self.others.fill(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack row 28: over time, answers weigh no more than requests plus the allowance.
    #[test]
    fn reflection_gains_nothing_beyond_the_allowance() {
        let start = Instant::now();
        let mut sources = Sources::new(start);
        let victim = "192.0.2.1".parse().unwrap();
        let (mut asked, mut answered) = (0_usize, 0_usize);
        for ms in 0..100_000 {
            let now = start + Duration::from_millis(ms);
            if sources.admit(victim, now) && sources.may_answer(victim, 20, 96) {
                answered += 96;
            }
            asked += 20;
        }
        let allowance = 65_536 + 100 * 4_096;
        assert!(answered <= asked + allowance && answered < asked, "{answered} for {asked}");
        assert!(sources.may_answer(victim, 96, 96));
    }

    #[test]
    fn many_sources_share_one_bucket_in_the_end() {
        let now = Instant::now();
        let mut sources = Sources::new(now);
        let ip = |index: u32| IpAddr::V4(std::net::Ipv4Addr::from_bits(index));
        for index in 0..SOURCES_MAX as u32 {
            assert!(sources.admit(ip(index), now));
        }
        let admitted = (0..1000).filter(|index| sources.admit(ip(1 << 24 | index), now)).count();
        assert_eq!(admitted, 400);
        sources.sweep(now + Duration::from_secs(60));
        assert!(sources.known.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        assert_eq!(source("2a00::1:2".parse().unwrap()), source("2a00::9:1".parse().unwrap()));
    }
}
