//! Wrong cookies cost their source the right to try again at once.
//!
//! A source that has used up its attempts is not locked out: it gets one more every few seconds, so that somebody on
//! the same machine who guesses cannot keep the owner of the right one away for long.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Wrong attempts that a source has at once.
const ATTEMPTS: u32 = 10;
/// How long it takes until one attempt is given back.
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(3);
/// Sources remembered; beyond it, the one that failed longest ago is forgotten.
const SOURCES_MAX: usize = 1024;

/// Handshakes of one source at once; who waits for nothing has them done in milliseconds.
const HANDSHAKES_MAX: u32 = 16;

/// Failures by source, and handshakes under way.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    failures: Mutex<HashMap<IpAddr, Failures>>,
    /// As many as there are connections at most.
    trying: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// A handshake under way, until it goes.
#[derive(Debug)]
pub(crate) struct Trying {
    source: IpAddr,
    trying: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

impl Drop for Trying {
    fn drop(&mut self) {
        let mut trying = self.trying.lock();
        if let Some(count) = trying.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                trying.remove(&self.source);
            }
        }
    }
}

#[derive(Debug)]
struct Failures {
    /// Failed attempts that are not given back yet.
    used: u32,
    /// From when on the giving back is counted.
    since: Instant,
}

impl Failures {
    /// Gives back what time has healed.
    fn heal(&mut self, now: Instant) {
        while self.used > 0 && now >= self.since + ATTEMPT_INTERVAL {
            self.used -= 1;
            self.since += ATTEMPT_INTERVAL;
        }
    }
}

/// IPv6 hosts have a network of addresses of their own, which counts as one source.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

impl Limiter {
    /// Begins a handshake; `None` when the source may not try now.
    pub(crate) fn begin(&self, address: IpAddr, now: Instant) -> Option<Trying> {
        if !self.may_try(address, now) {
            return None;
        }
        let source = source(address);
        let mut trying = self.trying.lock();
        let count = trying.entry(source).or_default();
        if *count >= HANDSHAKES_MAX {
            return None;
        }
        *count += 1;
        Some(Trying { source, trying: Arc::clone(&self.trying) })
    }

    fn may_try(&self, address: IpAddr, now: Instant) -> bool {
        let mut sources = self.failures.lock();
        let source = source(address);
        let Some(failures) = sources.get_mut(&source) else { return true };
        failures.heal(now);
        let used = failures.used;
        if used == 0 {
            sources.remove(&source);
        }
        used < ATTEMPTS
    }

    /// Remembers a failure; `true` when the source has just used up its attempts.
    pub(crate) fn failed(&self, address: IpAddr, now: Instant) -> bool {
        let mut sources = self.failures.lock();
        let source = source(address);
        if sources.len() >= SOURCES_MAX && !sources.contains_key(&source) {
            let oldest = sources.iter().min_by_key(|(_, failures)| failures.since);
            if let Some(oldest) = oldest.map(|(source, _)| *source) {
                sources.remove(&oldest);
            }
        }
        let failures = sources.entry(source).or_insert(Failures { used: 0, since: now });
        failures.heal(now);
        if failures.used == 0 {
            failures.since = now;
        }
        failures.used = (failures.used + 1).min(ATTEMPTS);
        failures.used == ATTEMPTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_run_out_and_come_back() {
        let limiter = Limiter::default();
        let (bad, good): (IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "127.0.0.1".parse().unwrap());
        for attempt in 1..=ATTEMPTS {
            assert!(limiter.may_try(bad, Instant::now()));
            assert_eq!(limiter.failed(bad, Instant::now()), attempt == ATTEMPTS);
        }
        // The same network, another address.
        assert!(!limiter.may_try("2001:db8::2".parse().unwrap(), Instant::now()));
        assert!(limiter.may_try(good, Instant::now()));
        tokio::time::advance(ATTEMPT_INTERVAL).await;
        assert!(limiter.may_try(bad, Instant::now()));
        limiter.failed(bad, Instant::now());
        assert!(!limiter.may_try(bad, Instant::now()));
        tokio::time::advance(ATTEMPT_INTERVAL * ATTEMPTS).await;
        assert!(limiter.may_try(bad, Instant::now()));
        assert!(limiter.failures.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn sources_are_bounded() {
        let limiter = Limiter::default();
        for number in 0..2 * u32::try_from(SOURCES_MAX).unwrap() {
            limiter.failed(IpAddr::V4(number.into()), Instant::now());
        }
        assert_eq!(limiter.failures.lock().len(), SOURCES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_cannot_take_all_places_without_proving_anything() {
        let limiter = Limiter::default();
        let (greedy, other) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let begin = |address| limiter.begin(address, Instant::now());
        let mut held: Vec<_> = (0..HANDSHAKES_MAX).map(|_| begin(greedy).unwrap()).collect();
        assert!(begin(greedy).is_none() && begin(other).is_some());
        held.pop();
        assert!(begin(greedy).is_some());
        held.clear();
        assert!(limiter.trying.lock().is_empty());
    }
}
