//! One-to-one chat: processor time and latency of a message.

use std::time::{Duration, Instant};

use super::{Effort, ratio, wait_until_calm};
use crate::client::{Connection, Mechanism, Security};
use crate::error::BenchError;
use crate::procfs;
use crate::results::{Figure, Results, percentile};
use crate::subject::{Instance, Subject};

/// Length of a message on the wire, before the server adds the sender's address.
const MESSAGE_BYTES: usize = 315;
/// Messages in a burst of the variant with several outstanding.
const BURST: u64 = 4;

/// Two parties.
struct Talk {
    sender: Connection,
    receiver: Connection,
    to: String,
    managed: bool,
    sent: u64,
    received: u64,
    unanswered_requests: u64,
}

/// Takes the figures of one round.
pub(crate) fn round(
    subject: &Subject,
    effort: &Effort,
    results: &mut Results,
) -> Result<(), BenchError> {
    let instance = subject.start()?;
    // ejabberd goes on starting for a second after its first answer.
    wait_until_calm(instance.pid())?;
    let plain = [
        (1, Figure::ChatOne, Figure::LatencyOneP50, Figure::LatencyOneP99),
        (BURST, Figure::ChatFour, Figure::LatencyFourP50, Figure::LatencyFourP99),
    ];
    for (burst, cpu, p50, p99) in plain {
        let mut talk = Talk::begin(subject, effort, false)?;
        results.fact(format!("TLS with {}", subject.kind.name()), talk.sender.tls_words());
        let (micros, latencies) = measure(&mut talk, &instance, burst, effort.chat)?;
        talk.end(subject.kind.speaks_xmpp());
        results.add(cpu, subject.kind, micros);
        results.add(p50, subject.kind, percentile(&latencies, 0.5));
        results.add(p99, subject.kind, percentile(&latencies, 0.99));
    }
    if subject.kind.speaks_xmpp() {
        for (burst, cpu) in [(1, Figure::ChatOneManaged), (BURST, Figure::ChatFourManaged)] {
            let mut talk = Talk::begin(subject, effort, true)?;
            let (micros, _) = measure(&mut talk, &instance, burst, effort.chat)?;
            talk.end(subject.kind.speaks_xmpp());
            results.add(cpu, subject.kind, micros);
        }
    }
    instance.stop()
}

/// Processor microseconds of the server per message, and the latencies in microseconds in rising order.
fn measure(
    talk: &mut Talk,
    instance: &Instance,
    burst: u64,
    duration: Duration,
) -> Result<(f64, Vec<f64>), BenchError> {
    let warm_up = Instant::now();
    while warm_up.elapsed() < duration / 4 {
        talk.exchange(burst, &mut Vec::new())?;
    }
    let mut latencies = Vec::new();
    let begin = Instant::now();
    let before = procfs::cpu_time(instance.pid())?;
    let sent_before = talk.sent;
    while begin.elapsed() < duration {
        talk.exchange(burst, &mut latencies)?;
    }
    let after = procfs::cpu_time(instance.pid())?;
    latencies.sort_by(f64::total_cmp);
    Ok((ratio(before.until(&after), (talk.sent - sent_before) * 1000), latencies))
}

impl Talk {
    fn begin(subject: &Subject, effort: &Effort, managed: bool) -> Result<Self, BenchError> {
        let (security, tls) = effort.tls(subject.kind.speaks_xmpp());
        let mut address = subject.address;
        if !subject.kind.speaks_xmpp() {
            address.direct = address.starttls;
        }
        let connect = |number, security: Security| {
            let account = subject.account(number, "bench");
            let connection = Connection::secure(address, security, &tls, None)?;
            if !subject.kind.speaks_xmpp() {
                return Ok((connection, account.jid()));
            }
            let mut connection = connection.log_in(&account, Mechanism::ScramSha1)?;
            connection.become_available()?;
            if managed {
                connection.enable_stream_management()?;
            }
            Ok::<_, BenchError>((connection, account.jid()))
        };
        let (mut sender, _) = connect(1, security)?;
        let (mut receiver, to) = connect(2, security)?;
        if effort.sleeping_clients {
            sender.wait_asleep();
            receiver.wait_asleep();
        }
        Ok(Self { sender, receiver, to, managed, sent: 0, received: 0, unanswered_requests: 0 })
    }

    /// Sends `burst` messages in one write and waits until all have arrived.
    fn exchange(&mut self, burst: u64, latencies: &mut Vec<f64>) -> Result<(), BenchError> {
        let mut bytes = Vec::with_capacity(400 * 4);
        for _ in 0..burst {
            self.sent += 1;
            write_message(&mut bytes, &self.to, self.sent);
            if self.managed {
                bytes.extend_from_slice(b"<r xmlns='urn:xmpp:sm:3'/>");
            }
        }
        let begin = Instant::now();
        self.sender.send(&bytes)?;
        while self.received < self.sent {
            let tally = self.receiver.tally()?;
            self.received += tally.messages;
            self.unanswered_requests += tally.requests;
            let micros = begin.elapsed().as_secs_f64() * 1e6;
            latencies.extend((0..tally.messages).map(|_| micros));
            if self.unanswered_requests > 0 {
                self.unanswered_requests = 0;
                let ack = format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.received);
                self.receiver.send(ack.as_bytes())?;
            }
        }
        let mut acks = if self.managed { burst } else { 0 };
        while acks > 0 {
            acks = acks.saturating_sub(self.sender.tally()?.acks);
        }
        Ok(())
    }

    /// Ends both sessions; a server answers the end of a stream with its own, which the relay knows nothing of.
    fn end(self, speaks_xmpp: bool) {
        for party in [self.sender, self.receiver] {
            if speaks_xmpp { party.close_and_wait() } else { party.close() }
        }
    }
}

/// Appends a chat message as today's clients send it, with a receipt request and an origin id.
fn write_message(bytes: &mut Vec<u8>, to: &str, number: u64) {
    let start = bytes.len();
    let head = format!("<message to='{to}' type='chat' id='m{number:010}' xml:lang='en'><body>");
    let tail = format!(
        "</body><request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='m{number:010}'/></message>"
    );
    bytes.extend_from_slice(head.as_bytes());
    let body = MESSAGE_BYTES.saturating_sub(head.len() + tail.len());
    bytes.extend(b"Wherefore art thou here, so late at night? ".iter().cycle().take(body));
    bytes.extend_from_slice(tail.as_bytes());
    debug_assert_eq!(bytes.len() - start, MESSAGE_BYTES, "{to} is too long");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_its_length() {
        let mut bytes = Vec::new();
        write_message(&mut bytes, "u2@localhost/bench", 7);
        assert_eq!(bytes.len(), MESSAGE_BYTES);
        assert!(bytes.ends_with(b"</message>"));
    }
}
