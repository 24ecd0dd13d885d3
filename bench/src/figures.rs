//! How each group of figures is taken; `README.md` has the definitions in words.

pub(crate) mod chat;
pub(crate) mod ctl;
pub(crate) mod idle;
pub(crate) mod login;
pub(crate) mod start;

use std::time::Duration;

use crate::client::{KeyExchange, Security, Tls};
use crate::error::BenchError;
use crate::procfs;

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    /// Rounds over all subjects; one for the memory of many sessions.
    pub(crate) rounds: u32,
    /// Length of one chat measurement.
    pub(crate) chat: Duration,
    /// Log-ins in one measurement.
    pub(crate) logins: u32,
    /// Calls of the control tool in one measurement.
    pub(crate) calls: u32,
    /// Idle sessions of every subject.
    pub(crate) idle: u32,
    /// Idle sessions of the relay and this project, 0 for none.
    pub(crate) idle_many: u32,
    /// How TLS begins on XMPP servers.
    pub(crate) security: Security,
    /// Whether the chat clients sleep while they wait, so that the server has to wake them.
    pub(crate) sleeping_clients: bool,
}

impl Effort {
    /// Client's TLS settings and the way TLS begins with a subject.
    fn tls(&self, speaks_xmpp: bool) -> (Security, Tls) {
        let tls = Tls::new(KeyExchange::Hybrid);
        // The relay has one port, which is TLS from the first byte.
        if speaks_xmpp { (self.security, tls) } else { (Security::Direct, tls) }
    }
}

/// Waits until the process has used nearly no processor time for a while, at most five seconds.
fn wait_until_calm(pid: u32) -> Result<(), BenchError> {
    const STEP: Duration = Duration::from_millis(100);
    let mut before = procfs::cpu_time(pid)?;
    for _ in 0..50 {
        std::thread::sleep(STEP);
        let now = procfs::cpu_time(pid)?;
        // 3 % of a processor.
        if u128::from(before.until(&now)) * 33 < STEP.as_nanos() {
            return Ok(());
        }
        before = now;
    }
    Ok(())
}

/// Waits until the resident memory does not change any more, at most half a minute, and returns it.
fn settled_resident_bytes(pid: u32) -> Result<u64, BenchError> {
    const STEP: Duration = Duration::from_millis(500);
    let mut same = 0;
    let mut before = procfs::resident_bytes(pid)?;
    for _ in 0..60 {
        std::thread::sleep(STEP);
        let now = procfs::resident_bytes(pid)?;
        same = if now.abs_diff(before) * 500 <= before { same + 1 } else { 0 };
        before = now;
        if same >= 6 {
            break;
        }
    }
    Ok(before)
}

#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^52")]
fn ratio(amount: u64, items: u64) -> f64 {
    amount as f64 / items as f64
}
