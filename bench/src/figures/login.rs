//! Processor time of a log-in.

use super::{Effort, ratio, wait_until_calm};
use crate::client::{Connection, KeyExchange, Mechanism, Security, Tls};
use crate::error::BenchError;
use crate::procfs;
use crate::results::{Figure, Results};
use crate::subject::{Instance, Kind, Subject};

/// Accounts among which the log-ins take turns.
pub(crate) const ACCOUNTS: u32 = 16;

/// Takes the figures of one round.
pub(crate) fn round(
    subject: &Subject,
    effort: &Effort,
    results: &mut Results,
) -> Result<(), BenchError> {
    let instance = subject.start()?;
    let classic = Tls::new(KeyExchange::Classic);
    let hybrid = Tls::new(KeyExchange::Hybrid);
    if subject.kind.speaks_xmpp() {
        let mut take = |figure, tls: &Tls, mechanism| {
            let log_in = |turn| log_in(subject, effort.security, tls, mechanism, turn);
            let ms = milliseconds(&instance, effort.logins, log_in)?;
            results.add(figure, subject.kind, ms);
            Ok::<(), BenchError>(())
        };
        take(Figure::LoginScram, &classic, Mechanism::ScramSha1)?;
        take(Figure::LoginPlain, &classic, Mechanism::Plain)?;
        // OpenSSL 3.0 of the other servers does not know the hybrid group.
        if subject.kind == Kind::Rookery {
            take(Figure::LoginScramHybrid, &hybrid, Mechanism::ScramSha1)?;
        }
    } else {
        for (figure, tls) in [(Figure::Handshake, &classic), (Figure::HandshakeHybrid, &hybrid)] {
            let ms = milliseconds(&instance, effort.logins, |_| handshake(subject, tls))?;
            results.add(figure, subject.kind, ms);
        }
    }
    instance.stop()
}

fn milliseconds(
    instance: &Instance,
    count: u32,
    mut once: impl FnMut(u32) -> Result<(), BenchError>,
) -> Result<f64, BenchError> {
    for turn in 0..(count / 10).max(1) {
        once(turn)?;
    }
    wait_until_calm(instance.pid())?;
    let before = procfs::cpu_time(instance.pid())?;
    for turn in 0..count {
        once(turn)?;
    }
    wait_until_calm(instance.pid())?;
    let after = procfs::cpu_time(instance.pid())?;
    Ok(ratio(before.until(&after), u64::from(count) * 1_000_000))
}

fn log_in(
    subject: &Subject,
    security: Security,
    tls: &Tls,
    mechanism: Mechanism,
    turn: u32,
) -> Result<(), BenchError> {
    let account = subject.account(turn % ACCOUNTS + 1, &format!("r{turn}"));
    let connection = Connection::secure(subject.address, security, tls, None)?;
    connection.log_in(&account, mechanism)?.close_and_wait();
    Ok(())
}

fn handshake(subject: &Subject, tls: &Tls) -> Result<(), BenchError> {
    let mut connection = Connection::open(subject.address.starttls, None)?;
    connection.handshake(tls)?;
    connection.close();
    Ok(())
}
