//! The only source of time: wall clock for stamps, monotonic clock for timers.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Reads both clocks.
///
/// Timers use the monotonic clock alone, so a jump of the wall clock delays and hastens nothing.
/// Under tokio's paused time the wall clock moves with the virtual one, which makes stamps reproducible.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    origin_wall: Option<Timestamp>,
}

impl Clock {
    /// The clock of a running server.
    pub fn system() -> Self {
        Self { origin: Instant::now(), origin_wall: None }
    }

    /// A clock whose wall time starts at `wall` and then follows tokio's (virtual) time; for tests.
    pub fn starting_at(wall: Timestamp) -> Self {
        Self { origin: Instant::now(), origin_wall: Some(wall) }
    }

    /// The wall clock, for stamps that others read.
    #[expect(clippy::disallowed_methods, reason = "this is the owner of the wall clock")]
    pub fn wall(&self) -> Timestamp {
        match self.origin_wall {
            Some(wall) => wall + self.origin.elapsed(),
            None => Timestamp::now(),
        }
    }

    /// Seconds since 1970 by the wall clock.
    pub fn unix_seconds(&self) -> i64 {
        self.wall().as_second()
    }

    /// The monotonic clock, for timers and durations.
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Time since the server started.
    pub fn uptime(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// Formats a time as XEP-0082 wants it: UTC, with microseconds when there are any; finer ones confuse clients.
pub fn xmpp_stamp(time: Timestamp) -> String {
    let time = time.round(jiff::Unit::Microsecond).unwrap_or(time);
    time.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_follow_xep_0082() {
        let whole = Timestamp::from_second(1_000_000_000).unwrap();
        assert_eq!(xmpp_stamp(whole), "2001-09-09T01:46:40Z");
        let micro = Timestamp::from_nanosecond(1_000_000_000_123_456_001).unwrap();
        assert_eq!(xmpp_stamp(micro), "2001-09-09T01:46:40.123456Z");
    }
}
