//! Wrong passwords of late, by account: whoever guesses has to wait, through whatever door.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Wrong passwords that are forgiven at once.
const BURST: u32 = 20;
/// After that one more is forgiven in this time.
const PACE: Duration = Duration::from_secs(3);
/// Accounts that are remembered; when more are guessed at, the ones that have been quiet are forgotten.
const ACCOUNTS_MAX: usize = 10_000;

/// The wrong passwords of late.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<String, Instant>>);

impl Attempts {
    /// How long the next attempt for an account has to wait; zero mostly.
    pub fn wait(&self, account: &str, now: Instant) -> Duration {
        let seen = self.0.lock();
        let debt =
            seen.get(account).map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        debt.saturating_sub(PACE * (BURST - 1))
    }

    /// Takes note of a wrong password.
    pub fn failed(&self, account: &str, now: Instant) {
        let mut seen = self.0.lock();
        if seen.len() >= ACCOUNTS_MAX {
            seen.retain(|_, until| *until > now);
        }
        if seen.len() >= ACCOUNTS_MAX && !seen.contains_key(account) {
            return;
        }
        let until = seen.entry(account.to_owned()).or_insert(now);
        *until = (*until).max(now) + PACE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_waits_and_nobody_else_does() {
        let attempts = Attempts::default();
        let begin = Instant::now();
        for _ in 0..BURST {
            assert_eq!(attempts.wait("alice@talk.test", begin), Duration::ZERO);
            attempts.failed("alice@talk.test", begin);
        }
        assert_eq!(attempts.wait("alice@talk.test", begin), PACE);
        assert_eq!(attempts.wait("bob@talk.test", begin), Duration::ZERO);
        assert_eq!(attempts.wait("alice@talk.test", begin + PACE), Duration::ZERO);
        attempts.failed("alice@talk.test", begin + PACE);
        assert_eq!(attempts.wait("alice@talk.test", begin + PACE), PACE);
        assert_eq!(attempts.wait("alice@talk.test", begin + PACE * BURST), Duration::ZERO);
    }

    #[test]
    fn the_table_has_a_bound_and_forgets_the_quiet() {
        let attempts = Attempts::default();
        let begin = Instant::now();
        for number in 0..ACCOUNTS_MAX + 10 {
            attempts.failed(&number.to_string(), begin);
        }
        assert_eq!(attempts.0.lock().len(), ACCOUNTS_MAX);
        attempts.failed("new", begin + PACE * 2);
        assert_eq!(attempts.0.lock().len(), 1);
    }
}
