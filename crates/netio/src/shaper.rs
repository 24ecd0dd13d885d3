//! Traffic shapers: a token bucket that says how long a reader should pause.
//!
//! Pure arithmetic over times that the caller passes in. The semantics are those of ejabberd's `shaper` option: `rate`
//! bytes per second, up to `burst_size` bytes at once, `none` for no limit.

use std::time::{Duration, Instant};

/// The longest pause that [`Shaper::update`] asks for, whatever was read.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// A token bucket: bytes drain it, time fills it, and what is missing is a pause.
#[derive(Debug, Clone, PartialEq)]
pub struct Shaper(Option<Bucket>);

#[derive(Debug, Clone, PartialEq)]
struct Bucket {
    /// Bytes per second, at least 1.
    rate: u64,
    /// Bytes that the bucket holds when full, at least 1.
    burst: u64,
    /// Bytes that may pass at `at`; negative while a pause is owed.
    tokens: f64,
    at: Option<Instant>,
}

impl Shaper {
    /// No limit at all (ejabberd's `none`).
    pub const NONE: Self = Self(None);

    /// A shaper of `rate` bytes per second that starts full with `burst_size` bytes; without one, the rate is the burst.
    ///
    /// A rate of 0 would stop a connection for ever, so it and a burst of 0 are taken as 1.
    pub fn new(rate: u64, burst_size: Option<u64>) -> Self {
        let rate = rate.max(1);
        let burst = burst_size.unwrap_or(rate).max(1);
        Self(Some(Bucket { rate, burst, tokens: as_float(burst), at: None }))
    }

    /// Whether this shaper never asks for a pause.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Takes over another rate, as when a user logs in, keeping what is owed.
    pub fn change(&mut self, to: Self) {
        let owed = self.0.as_ref().map_or(0.0, |bucket| bucket.tokens.min(0.0));
        let at = self.0.as_ref().and_then(|bucket| bucket.at);
        self.0 = to.0.map(|bucket| Bucket { tokens: bucket.tokens + owed, at, ..bucket });
    }

    /// Counts `bytes` read at `now`; returns how long not to read, zero while the bucket is not empty.
    ///
    /// A clock that goes backwards adds no tokens and takes none.
    pub fn update(&mut self, now: Instant, bytes: usize) -> Duration {
        let Some(bucket) = &mut self.0 else { return Duration::ZERO };
        let elapsed = bucket.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        bucket.at = Some(bucket.at.map_or(now, |at| at.max(now)));
        let filled = bucket.tokens + elapsed.as_secs_f64() * as_float(bucket.rate);
        bucket.tokens = filled.min(as_float(bucket.burst)) - as_float(bytes as u64);
        if bucket.tokens >= 0.0 {
            return Duration::ZERO;
        }
        let seconds = -bucket.tokens / as_float(bucket.rate);
        Duration::try_from_secs_f64(seconds).map_or(PAUSE_MAX, |pause| pause.min(PAUSE_MAX))
    }
}

/// Exact up to 2^53 bytes, and more is no limit anyway.
fn as_float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn none_never_pauses() {
        let mut shaper = Shaper::NONE;
        assert_eq!(shaper.update(Instant::now(), usize::MAX), Duration::ZERO);
        assert!(shaper.is_none());
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_rules() {
        let start = Instant::now();
        let mut shaper = Shaper::new(1000, Some(5000));
        assert_eq!(shaper.update(start, 5000), Duration::ZERO);
        assert_eq!(shaper.update(start, 1000), ms(1000));
        assert_eq!(shaper.update(start + ms(1000), 500), ms(500));
        // An idle hour fills the bucket to the burst and no further.
        assert_eq!(shaper.update(start + ms(3_600_000), 6000), ms(1000));
    }

    #[test]
    fn the_burst_is_the_rate_when_not_given() {
        let start = Instant::now();
        let mut shaper = Shaper::new(1000, None);
        assert_eq!(shaper.update(start, 1000), Duration::ZERO);
        assert_eq!(shaper.update(start, 1), ms(1));
    }

    #[test]
    fn long_run_throughput_is_the_rate() {
        let start = Instant::now();
        let mut now = start;
        let mut shaper = Shaper::new(10_000, Some(20_000));
        for _ in 0..1000 {
            now += shaper.update(now, 777);
        }
        let seconds = now.duration_since(start).as_secs_f64();
        assert!((seconds - (777_000.0 - 20_000.0) / 10_000.0).abs() < 0.1, "{seconds}");
    }

    #[test]
    fn a_clock_that_jumps_back_gives_nothing_away() {
        let start = Instant::now() + ms(10_000);
        let mut shaper = Shaper::new(1000, Some(1000));
        shaper.update(start, 1000);
        assert_eq!(shaper.update(start - ms(5000), 0), Duration::ZERO);
        assert_eq!(shaper.update(start, 1000), ms(1000));
    }

    #[test]
    fn zero_and_huge_values_stay_sane() {
        let now = Instant::now();
        assert_eq!(Shaper::new(0, Some(0)).update(now, 2), ms(1000));
        assert_eq!(Shaper::new(1, None).update(now, usize::MAX), PAUSE_MAX);
        assert_eq!(Shaper::new(u64::MAX, None).update(now, 1 << 40), Duration::ZERO);
    }

    #[test]
    fn a_change_of_rate_keeps_the_debt() {
        let now = Instant::now();
        let mut shaper = Shaper::new(1000, None);
        shaper.update(now, 3000);
        shaper.change(Shaper::new(2000, None));
        assert_eq!(shaper.update(now, 0), Duration::ZERO);
        assert_eq!(shaper.update(now, 2000), ms(1000));
    }
}
