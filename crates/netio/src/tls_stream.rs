//! The server side of TLS over a raw stream: one read, one record, one write per burst, and no buffer while idle.
//!
//! Drives the TLS library's state machine by hand on this thread's scratch buffer. The library's usual connections keep
//! 4 KiB of input each for ever, which would be more than a quarter of an idle session.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use rustls::CommonState;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, WriteTraffic};
use tokio::io::ReadBuf;

use crate::cert_files::CertEntry;
use crate::client_cert::{ClientCertificate, ClientRoots};
use crate::error::TlsError;
use crate::exporter;
use crate::hello::Hello;
use crate::tls::TlsEndpoint;
use crate::transport::{Raw, TLS_RECORD_BYTES_MAX, TlsInfo, with_scratch};

/// What one read takes during the handshake.
pub(crate) const HANDSHAKE_READ_BYTES: usize = 8192;

/// What may wait for the system together with tickets.
const BESIDE_TICKETS_BYTES_MAX: usize = 8192;

/// Ciphertext that is kept because it is not a whole message yet: the library's own bound of a handshake message is
/// 64 KiB, and a record may come on top.
const HELD_BYTES_MAX: usize = 84 * 1024;

/// What is given back of the room for it is more than this.
const HELD_SPARE_BYTES_MAX: usize = 4096;

/// What a record adds to its plaintext at most (RFC 5246 §6.2.3, RFC 8446 §5.2).
const RECORD_OVERHEAD_BYTES: usize = 5 + 256;

pub(crate) struct TlsStream {
    raw: Raw,
    tls: UnbufferedServerConnection,
    certificate: Arc<CertEntry>,
    /// The host name that the client sent.
    sni: Option<Box<str>>,
    /// Channel binding data; none under TLS 1.2.
    exporter: Option<[u8; 32]>,
    /// Ciphertext that is not a whole message yet.
    held: Vec<u8>,
    /// Plaintext that nobody has taken: what came behind the handshake, or more than a reader's own buffer holds.
    plain: Vec<u8>,
    /// Ciphertext that has not left.
    sending: Vec<u8>,
    peer_closed: bool,
    /// The library has given up; it must not be asked again, for it remembers places in what is no longer held.
    failed: bool,
    close_notify_queued: bool,
    /// Session tickets wait for the first bytes to go out with; they leave before the next read otherwise.
    holds_tickets: bool,
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl TlsStream {
    /// Does the handshake as a server; the certificate is chosen by the name that the client asks for.
    pub(crate) async fn accept(
        mut raw: Raw,
        endpoint: &TlsEndpoint,
        host: Option<&str>,
    ) -> Result<Self, TlsError> {
        let mut hello = Hello::default();
        let (tls, certificate) = poll_fn(|cx| hello.poll(&mut raw, (endpoint, host), cx)).await?;
        let mut stream = Self {
            raw,
            tls,
            certificate,
            sni: hello.sni,
            exporter: None,
            held: Vec::new(),
            plain: Vec::new(),
            sending: Vec::new(),
            peer_closed: false,
            failed: false,
            close_notify_queued: false,
            holds_tickets: false,
        };
        poll_fn(|cx| stream.poll_handshake(&mut hello.read, cx)).await?;
        Ok(stream)
    }

    /// `first` is what has been read already, and is empty afterwards.
    fn poll_handshake(
        &mut self,
        first: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TlsError>> {
        if !first.is_empty() {
            let mut first = std::mem::take(first);
            self.handshake_bytes(&mut first, cx)?;
        }
        loop {
            let done = !self.tls.is_handshaking();
            if done && self.tls.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) {
                // All that is left to send are tickets (RFC 8446 §4.6.1), which nobody waits for.
                self.holds_tickets = !self.sending.is_empty();
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_flush(cx))?;
            if done {
                return Poll::Ready(Ok(()));
            }
            let count = ready!(with_scratch(|scratch| {
                let scratch = scratch.get_mut(..HANDSHAKE_READ_BYTES).unwrap_or_default();
                let count = ready!(self.raw.poll_read_slice(cx, scratch))?;
                self.handshake_bytes(scratch.get_mut(..count).unwrap_or_default(), cx)?;
                Poll::Ready(Ok::<_, TlsError>(count))
            }))?;
            if count == 0 {
                return Poll::Ready(Err(TlsError::Closed));
            }
        }
    }

    fn handshake_bytes(
        &mut self,
        ciphertext: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<(), TlsError> {
        // What the client sends right behind its Finished message stays here until the first read.
        let mut plain = std::mem::take(&mut self.plain);
        let fed = self.feed(ciphertext, cx, &mut |bytes| plain.extend_from_slice(bytes));
        self.plain = plain;
        if let Some(secret) = exporter::take_secret()
            && let Some(suite) = self.tls.negotiated_cipher_suite()
        {
            self.exporter = exporter::channel_binding(&secret, suite);
        }
        match fed {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(TlsError::Handshake(error.to_string()))
            }
            Err(error) => Err(TlsError::Io(error)),
        }
    }

    /// Gives ciphertext to the library and the plaintext that comes out to `f`, once per record.
    fn feed(
        &mut self,
        ciphertext: &mut [u8],
        cx: &mut Context<'_>,
        f: &mut dyn FnMut(&[u8]),
    ) -> io::Result<usize> {
        if self.failed {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut given = 0;
        let mut give = |bytes: &[u8]| {
            given += bytes.len();
            f(bytes);
        };
        let done = if self.held.is_empty() {
            self.step(ciphertext, &mut give).map(|done| {
                let rest = ciphertext.get(done..).unwrap_or_default();
                self.held.extend_from_slice(rest);
            })
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(ciphertext);
            self.step(&mut held, &mut give).map(|done| {
                held.drain(..done.min(held.len()));
                if held.is_empty() || held.capacity() > HELD_SPARE_BYTES_MAX + 2 * held.len() {
                    held.shrink_to_fit();
                }
                self.held = held;
            })
        };
        if let Err(error) = done {
            // The library has queued an alert that tells the peer why; if it cannot be sent, nothing is lost.
            self.poll_flush(cx).is_ready();
            return Err(broken(error));
        }
        if self.peer_closed {
            // What follows is ignored (RFC 8446 §6.1).
            self.held = Vec::new();
        } else if self.held.len() > HELD_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a TLS message is too long"));
        }
        Ok(given)
    }

    /// Lets the library act on ciphertext as far as it goes; returns how much of it is done with.
    fn step(
        &mut self,
        ciphertext: &mut [u8],
        give: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, rustls::Error> {
        let mut done = 0;
        loop {
            let rest = ciphertext.get_mut(done..).unwrap_or_default();
            let status = self.tls.process_tls_records(rest);
            done += status.discard;
            match status.state {
                Ok(ConnectionState::ReadTraffic(mut records)) => {
                    while let Some(record) = records.next_record() {
                        let record = record?;
                        done += record.discard;
                        give(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(message)) => queue(&mut self.sending, message),
                // It leaves with `sending`.
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.peer_closed = true,
                Ok(_) => return Ok(done),
                Err(error) => {
                    self.failed = true;
                    self.queue_alert();
                    return Err(error);
                }
            }
        }
    }

    /// Takes what the library has to say before the end.
    fn queue_alert(&mut self) {
        while self.tls.wants_write() {
            let status = self.tls.process_tls_records(&mut []);
            let Ok(ConnectionState::EncodeTlsData(message)) = status.state else { return };
            queue(&mut self.sending, message);
        }
    }

    pub(crate) fn poll_read_burst(
        &mut self,
        cx: &mut Context<'_>,
        f: &mut dyn FnMut(&[u8]),
    ) -> Poll<io::Result<usize>> {
        // What came together with the end of the handshake.
        if !self.plain.is_empty() {
            let plain = std::mem::take(&mut self.plain);
            f(&plain);
            return Poll::Ready(Ok(plain.len()));
        }
        loop {
            if self.peer_closed {
                return Poll::Ready(Ok(0));
            }
            ready!(self.poll_flush_before_reading(cx))?;
            let given = ready!(with_scratch(|scratch| self.poll_feed(scratch, cx, f)))?;
            if given > 0 {
                return Poll::Ready(Ok(given));
            }
        }
    }

    /// Sends answers to key updates and alerts; when the socket is full they wait for the next chance.
    fn poll_flush_before_reading(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A client that does not take its tickets may still have said something.
        let needed = !self.holds_tickets;
        match self.poll_flush(cx) {
            Poll::Ready(Err(error)) if needed => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// One read of the raw stream; the end without `close_notify` is an error.
    fn poll_feed(
        &mut self,
        scratch: &mut [u8],
        cx: &mut Context<'_>,
        f: &mut dyn FnMut(&[u8]),
    ) -> Poll<io::Result<usize>> {
        if self.failed {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let count = ready!(self.raw.poll_read_slice(cx, scratch))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        Poll::Ready(self.feed(scratch.get_mut(..count).unwrap_or_default(), cx, f))
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        while self.plain.is_empty() {
            if self.peer_closed {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_flush_before_reading(cx))?;
            let mut plain = Vec::new();
            let mut keep = |bytes: &[u8]| plain.extend_from_slice(bytes);
            let read = with_scratch(|scratch| self.poll_feed(scratch, cx, &mut keep));
            self.plain = plain;
            ready!(read)?;
        }
        let count = self.plain.len().min(buf.remaining());
        buf.put_slice(self.plain.get(..count).unwrap_or_default());
        self.plain.drain(..count);
        if self.plain.is_empty() {
            self.plain = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_write_burst(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx, bytes))?;
        if self.sending.is_empty() && !bytes.is_empty() && !self.tls.wants_write() {
            return Poll::Ready(with_scratch(|scratch| self.write_through(cx, bytes, scratch)));
        }
        let accepted = self.accept_record(bytes)?;
        // What does not leave now leaves with the next write or flush.
        match self.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(accepted)),
        }
    }

    /// Makes one record in `scratch` and keeps only what the system does not take at once.
    fn write_through(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        scratch: &mut [u8],
    ) -> io::Result<usize> {
        let record = bytes.get(..TLS_RECORD_BYTES_MAX).unwrap_or(bytes);
        let count = match self.encrypt(record, scratch) {
            Ok(count) => count,
            // With a key update before it, a record may be longer than a read.
            Err(EncryptError::InsufficientSize(_)) => return self.accept_record(record),
            Err(error) => return Err(io::Error::other(error)),
        };
        let mut rest = scratch.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            match self.raw.poll_write_slice(cx, rest) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(sent)) => rest = rest.get(sent..).unwrap_or_default(),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.sending.extend_from_slice(rest);
                    break;
                }
            }
        }
        Ok(record.len())
    }

    /// Makes one record of `bytes` as soon as the one before has left, and keeps it for the next flush.
    pub(crate) fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx, bytes))?;
        Poll::Ready(self.accept_record(bytes))
    }

    /// Ready when a record of `bytes` may be made.
    fn poll_room(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<()>> {
        if !self.holds_tickets || bytes.len() > BESIDE_TICKETS_BYTES_MAX {
            ready!(self.poll_flush(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn accept_record(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.holds_tickets = false;
        let record = bytes.get(..TLS_RECORD_BYTES_MAX).unwrap_or(bytes);
        self.queue_encrypted(record.len(), |stream, room| stream.encrypt(record, room))?;
        Ok(record.len())
    }

    /// Queues what `encrypt` makes of about `bytes` bytes.
    fn queue_encrypted(
        &mut self,
        bytes: usize,
        encrypt: impl Fn(&mut Self, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> io::Result<()> {
        let mut room_bytes = bytes + RECORD_OVERHEAD_BYTES;
        loop {
            self.queue_own_messages().map_err(broken)?;
            let mut sending = std::mem::take(&mut self.sending);
            let start = sending.len();
            sending.resize(start + room_bytes, 0);
            let made = encrypt(self, sending.get_mut(start..).unwrap_or_default());
            sending.truncate(start + made.as_ref().map_or(0, |count| *count));
            self.sending = sending;
            match made {
                Err(EncryptError::InsufficientSize(needed))
                    if needed.required_size > room_bytes =>
                {
                    room_bytes = needed.required_size;
                }
                made => return made.map(drop).map_err(io::Error::other),
            }
        }
    }

    /// Queues what the library has to say by itself, such as an answer to a key update.
    fn queue_own_messages(&mut self) -> Result<(), rustls::Error> {
        if self.failed || !self.tls.wants_write() {
            return Ok(());
        }
        let (mut held, mut plain) =
            (std::mem::take(&mut self.held), std::mem::take(&mut self.plain));
        let done = self.step(&mut held, &mut |bytes| plain.extend_from_slice(bytes));
        held.drain(..done.as_ref().map_or(0, |done| *done).min(held.len()));
        (self.held, self.plain) = (held, plain);
        done.map(drop)
    }

    fn encrypt(&mut self, bytes: &[u8], room: &mut [u8]) -> Result<usize, EncryptError> {
        self.with_writer(|mut writer| writer.encrypt(bytes, room))
    }

    /// Runs `f` with the library's writer. What is held must be shown to the library again, which remembers places in it.
    fn with_writer<R>(
        &mut self,
        f: impl FnOnce(WriteTraffic<'_, ServerConnectionData>) -> Result<R, EncryptError>,
    ) -> Result<R, EncryptError> {
        if self.failed {
            return Err(EncryptError::EncryptExhausted);
        }
        let mut held = std::mem::take(&mut self.held);
        let status = self.tls.process_tls_records(&mut held);
        let done = status.discard;
        let result = match status.state {
            Ok(ConnectionState::WriteTraffic(writer)) => f(writer),
            // Everything else has been dealt with when the bytes came; only an end is left.
            _ => Err(EncryptError::EncryptExhausted),
        };
        held.drain(..done.min(held.len()));
        self.held = held;
        result
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.holds_tickets = false;
        if self.sending.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut sent = 0;
        let flushed = loop {
            let rest = self.sending.get(sent..).unwrap_or_default();
            if rest.is_empty() {
                self.sending = Vec::new();
                return Poll::Ready(Ok(()));
            }
            match self.raw.poll_write_slice(cx, rest) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => sent += count,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        self.sending.drain(..sent);
        flushed
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.close_notify_queued {
            self.close_notify_queued = true;
            self.queue_encrypted(0, |stream, room| {
                stream.with_writer(|mut writer| writer.queue_close_notify(room))
            })
            .ok();
        }
        ready!(self.poll_flush(cx))?;
        self.raw.poll_shutdown_write(cx)
    }

    pub(crate) fn raw(&self) -> &Raw {
        &self.raw
    }

    pub(crate) fn info(&self) -> TlsInfo {
        let tls: &CommonState = &self.tls;
        TlsInfo {
            version: match tls.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
                _ => "TLSv1.2",
            },
            cipher: tls
                .negotiated_cipher_suite()
                .map(|suite| format!("{:?}", suite.suite()))
                .unwrap_or_default(),
            group: tls.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            sni: self.sni.as_deref().map(str::to_owned),
            alpn: tls.alpn_protocol().map(<[u8]>::to_vec),
            peer_certificates: tls
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|der| der.to_vec())
                .collect(),
            own_fingerprint: self.certificate.fingerprint,
        }
    }

    pub(crate) fn is_allowed(&self, endpoint: &TlsEndpoint, host: &str) -> bool {
        self.tls.negotiated_cipher_suite().is_some_and(|suite| endpoint.allows(host, suite))
    }

    pub(crate) fn client_certificate(
        &self,
        roots: Option<&ClientRoots>,
        now: SystemTime,
    ) -> ClientCertificate {
        let chain = self.tls.peer_certificates().unwrap_or_default();
        ClientCertificate::judge(chain, roots, now)
    }

    pub(crate) fn exporter(&self) -> Option<[u8; 32]> {
        self.exporter
    }

    pub(crate) fn server_end_point(&self) -> Option<Vec<u8>> {
        self.certificate.end_point_hash.clone()
    }
}

/// Appends a message that the library has ready; only it knows how long that is.
fn queue(sending: &mut Vec<u8>, mut message: EncodeTlsData<'_, ServerConnectionData>) {
    let start = sending.len();
    let Err(EncodeError::InsufficientSize(needed)) = message.encode(&mut []) else { return };
    sending.resize(start + needed.required_size, 0);
    let written = message.encode(sending.get_mut(start..).unwrap_or_default());
    sending.truncate(start + written.unwrap_or_default());
}
