//! Resident memory of an idle session.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Effort, ratio, settled_resident_bytes};
use crate::client::{Connection, Mechanism};
use crate::error::BenchError;
use crate::results::{Figure, Results};
use crate::subject::Subject;

/// Connections that log in at the same time.
const WORKERS: usize = 4;
/// Sessions from one loopback address, far below its number of ports.
const SESSIONS_PER_ADDRESS: u32 = 4000;

/// Takes the figure of one round with `count` sessions.
pub(crate) fn round(
    subject: &Subject,
    effort: &Effort,
    figure: Figure,
    count: u32,
    results: &mut Results,
) -> Result<(), BenchError> {
    let instance = subject.start()?;
    let empty = settled_resident_bytes(instance.pid())?;
    let sessions = open_sessions(subject, effort, count)?;
    let full = settled_resident_bytes(instance.pid())?;
    let kib = ratio(full.saturating_sub(empty), u64::from(count) * 1024);
    results.add(figure, subject.kind, kib);
    for session in sessions {
        session.close();
    }
    instance.stop()
}

fn open_sessions(
    subject: &Subject,
    effort: &Effort,
    count: u32,
) -> Result<Vec<Connection>, BenchError> {
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let work = || {
            let mut sessions = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok(sessions);
                }
                sessions.push(open_session(subject, effort, index)?);
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for worker in workers {
            let sessions: Result<Vec<Connection>, BenchError> =
                worker.join().expect("a worker does not panic");
            all.extend(sessions?);
        }
        Ok(all)
    })
}

fn open_session(subject: &Subject, effort: &Effort, index: u32) -> Result<Connection, BenchError> {
    let (security, tls) = effort.tls(subject.kind.speaks_xmpp());
    let last_octet = u8::try_from(index / SESSIONS_PER_ADDRESS + 2).unwrap_or(u8::MAX);
    let source = Some(Ipv4Addr::new(127, 0, 0, last_octet));
    if !subject.kind.speaks_xmpp() {
        let mut connection = Connection::open(subject.address.starttls, source)?;
        connection.handshake(&tls)?;
        return Ok(connection);
    }
    let account = subject.account(index + 1, "idle");
    let connection = Connection::secure(subject.address, security, &tls, source)?;
    let mut connection = connection.log_in(&account, Mechanism::ScramSha1)?;
    connection.become_available()?;
    Ok(connection)
}
