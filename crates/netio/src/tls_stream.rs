//! The server side of TLS over a raw stream: one read, one record, one write per burst, and no buffer while idle.
//!
//! Drives the TLS library's state machine by hand, because the usual adapter reads 4 KiB at a time and copies once more.

use std::future::poll_fn;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use rustls::ServerConnection;
use rustls::server::Acceptor;
use tokio::io::ReadBuf;

use crate::cert_files::CertEntry;
use crate::client_cert::{ClientCertificate, ClientRoots};
use crate::error::TlsError;
use crate::tls::TlsEndpoint;
use crate::transport::{Raw, TLS_RECORD_BYTES_MAX, TlsInfo, with_scratch};

/// The label of RFC 9266 §2.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// Above this many plaintext bytes the library's input buffer has grown and is worth shrinking.
const SHRINK_ABOVE_BYTES: usize = 4096;

/// What one read takes during the handshake.
const HANDSHAKE_READ_BYTES: usize = 8192;

/// What may wait for the system together with tickets.
const BESIDE_TICKETS_BYTES_MAX: usize = 8192;

pub(crate) struct TlsStream {
    raw: Raw,
    tls: ServerConnection,
    certificate: Arc<CertEntry>,
    close_notify_sent: bool,
    /// Session tickets wait for the first bytes to go out with; they leave before the next read otherwise.
    holds_tickets: bool,
}

/// Lets the library write into a polled stream.
struct PolledWriter<'a, 'cx> {
    raw: &'a mut Raw,
    cx: &'a mut Context<'cx>,
}

impl PolledWriter<'_, '_> {
    fn blocking<T>(result: Poll<io::Result<T>>) -> io::Result<T> {
        match result {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for PolledWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::blocking(self.raw.poll_write_slice(self.cx, bytes))
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        Self::blocking(self.raw.poll_write_slices(self.cx, slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that has nothing: reading from it makes the library shrink an empty buffer.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
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
        let mut acceptor = Acceptor::default();
        let mut stream = loop {
            let step =
                poll_fn(|cx| poll_hello(&mut raw, &mut acceptor, (endpoint, host), cx)).await?;
            if let Some((tls, certificate)) = step {
                break Self {
                    raw,
                    tls,
                    certificate,
                    close_notify_sent: false,
                    holds_tickets: false,
                };
            }
        };
        poll_fn(|cx| stream.poll_handshake(cx)).await?;
        stream.shrink();
        Ok(stream)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TlsError>> {
        loop {
            let done = !self.tls.is_handshaking();
            if done && self.tls.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) {
                // All that is left to send are tickets (RFC 8446 §4.6.1), which nobody waits for.
                self.holds_tickets = self.tls.wants_write();
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_flush(cx))?;
            if done {
                return Poll::Ready(Ok(()));
            }
            // What the client sends right behind its Finished message stays in the library, whose plaintext buffer is
            // bounded, until the first read; half a record's worth cannot fill it.
            let taken = ready!(with_scratch(|scratch| {
                let scratch = scratch.get_mut(..HANDSHAKE_READ_BYTES).unwrap_or_default();
                let count = ready!(self.raw.poll_read_slice(cx, scratch))?;
                let fed = self.feed(scratch.get(..count).unwrap_or_default(), cx, &mut |_| {});
                Poll::Ready(fed.map(|_| count))
            }));
            match taken {
                Ok(0) => return Poll::Ready(Err(TlsError::Closed)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Poll::Ready(Err(TlsError::Handshake(error.to_string())));
                }
                Err(error) => return Poll::Ready(Err(TlsError::Io(error))),
            }
        }
    }

    /// Gives ciphertext to the library and the plaintext that comes out to `f`; empty input is the end of the stream.
    fn feed(
        &mut self,
        mut ciphertext: &[u8],
        cx: &mut Context<'_>,
        f: &mut dyn FnMut(&[u8]),
    ) -> io::Result<usize> {
        let handshaking = self.tls.is_handshaking();
        let mut given = 0;
        loop {
            let taken = self.tls.read_tls(&mut ciphertext)?;
            if let Err(error) = self.tls.process_new_packets() {
                // The library has queued an alert that tells the peer why; if it cannot be sent, nothing is lost.
                self.poll_flush(cx).is_ready();
                return Err(broken(error));
            }
            if !handshaking {
                given += self.take_plaintext(f)?;
            }
            if taken == 0 || ciphertext.is_empty() {
                break;
            }
        }
        if given > SHRINK_ABOVE_BYTES {
            self.shrink();
        }
        Ok(given)
    }

    /// Gives all plaintext that is ready to `f`, without a copy.
    fn take_plaintext(&mut self, f: &mut dyn FnMut(&[u8])) -> io::Result<usize> {
        let mut given = 0;
        loop {
            match self.tls.reader().into_first_chunk() {
                Ok([]) => return Ok(given),
                Ok(chunk) => {
                    let length = chunk.len();
                    f(chunk);
                    self.tls.reader().consume(length);
                    given += length;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(given),
                Err(_) if given > 0 => return Ok(given),
                Err(error) => return Err(error),
            }
        }
    }

    fn shrink(&mut self) {
        // Always fails with "would block", after the library has given back what it does not need.
        self.tls.read_tls(&mut Nothing).ok();
    }

    pub(crate) fn poll_read_burst(
        &mut self,
        cx: &mut Context<'_>,
        f: &mut dyn FnMut(&[u8]),
    ) -> Poll<io::Result<usize>> {
        // What came together with the end of the handshake, or with a previous error.
        let given = self.take_plaintext(f)?;
        if given > 0 {
            return Poll::Ready(Ok(given));
        }
        loop {
            // Answers to key updates and alerts; when the socket is full they wait for the next chance.
            if self.tls.wants_write() {
                // A client that does not take its tickets may still have said something.
                let needed = !self.holds_tickets;
                if let Poll::Ready(Err(error)) = self.poll_flush(cx)
                    && needed
                {
                    return Poll::Ready(Err(error));
                }
            }
            let (count, given) = ready!(with_scratch(|scratch| {
                let count = ready!(self.raw.poll_read_slice(cx, scratch))?;
                let given = self.feed(scratch.get(..count).unwrap_or_default(), cx, f)?;
                Poll::Ready(Ok::<_, io::Error>((count, given)))
            }))?;
            if given > 0 || count == 0 || self.peer_has_closed() {
                return Poll::Ready(Ok(given));
            }
        }
    }

    /// Whether the peer has said `close_notify` and everything before it has been given out.
    fn peer_has_closed(&mut self) -> bool {
        matches!(self.tls.reader().into_first_chunk(), Ok([]))
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            match self.tls.reader().into_first_chunk() {
                Ok(chunk) => {
                    let length = chunk.len().min(buf.remaining());
                    buf.put_slice(chunk.get(..length).unwrap_or_default());
                    self.tls.reader().consume(length);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.poll_more(cx))?;
        }
    }

    /// Reads ciphertext once and leaves the plaintext in the library, for readers that bring their own buffer.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.tls.wants_write()
            && let Poll::Ready(Err(error)) = self.poll_flush(cx)
        {
            return Poll::Ready(Err(error));
        }
        // At most 4 KiB, so that the library's bounded plaintext buffer cannot fill within one read.
        with_scratch(|scratch| {
            let limit = scratch.len().min(SHRINK_ABOVE_BYTES);
            let count =
                ready!(self.raw.poll_read_slice(cx, scratch.get_mut(..limit).unwrap_or_default()))?;
            let mut ciphertext = scratch.get(..count).unwrap_or_default();
            loop {
                let taken = self.tls.read_tls(&mut ciphertext)?;
                if let Err(error) = self.tls.process_new_packets() {
                    self.poll_flush(cx).is_ready();
                    return Poll::Ready(Err(broken(error)));
                }
                if taken == 0 || ciphertext.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            }
        })
    }

    pub(crate) fn poll_write_burst(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let accepted = ready!(self.poll_accept(cx, bytes))?;
        // What does not leave now leaves with the next write or flush.
        match self.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(accepted)),
        }
    }

    /// Makes one record of `bytes` as soon as the one before has left, and keeps it for the next flush.
    pub(crate) fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.holds_tickets || bytes.len() > BESIDE_TICKETS_BYTES_MAX {
            ready!(self.poll_flush(cx))?;
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.holds_tickets = false;
        let record = bytes.get(..TLS_RECORD_BYTES_MAX).unwrap_or(bytes);
        Poll::Ready(self.tls.writer().write(record))
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.holds_tickets = false;
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut PolledWriter { raw: &mut self.raw, cx }) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.close_notify_sent {
            self.tls.send_close_notify();
            self.close_notify_sent = true;
        }
        ready!(self.poll_flush(cx))?;
        self.raw.poll_shutdown_write(cx)
    }

    pub(crate) fn raw(&self) -> &Raw {
        &self.raw
    }

    pub(crate) fn info(&self) -> TlsInfo {
        let tls = &self.tls;
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
            sni: tls.server_name().map(str::to_ascii_lowercase),
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
        if self.tls.protocol_version() != Some(rustls::ProtocolVersion::TLSv1_3) {
            return None;
        }
        self.tls.export_keying_material([0; 32], EXPORTER_LABEL, None).ok()
    }

    pub(crate) fn server_end_point(&self) -> Option<Vec<u8>> {
        self.certificate.end_point_hash.clone()
    }
}

type Greeted = Option<(ServerConnection, Arc<CertEntry>)>;

/// Reads until the client's hello is complete, then starts the handshake with the certificate that fits it.
fn poll_hello(
    raw: &mut Raw,
    acceptor: &mut Acceptor,
    endpoint: (&TlsEndpoint, Option<&str>),
    cx: &mut Context<'_>,
) -> Poll<Result<Greeted, TlsError>> {
    with_scratch(|scratch| {
        let scratch = scratch.get_mut(..HANDSHAKE_READ_BYTES).unwrap_or_default();
        let count = ready!(raw.poll_read_slice(cx, scratch))?;
        if count == 0 {
            return Poll::Ready(Err(TlsError::Closed));
        }
        let mut ciphertext = scratch.get(..count).unwrap_or_default();
        while !ciphertext.is_empty() {
            acceptor.read_tls(&mut ciphertext)?;
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    return Poll::Ready(greet(raw, accepted, ciphertext, endpoint, cx));
                }
                Err((error, mut alert)) => {
                    alert.write_all(&mut PolledWriter { raw, cx }).ok();
                    return Poll::Ready(Err(TlsError::Handshake(error.to_string())));
                }
            }
        }
        Poll::Ready(Ok(None))
    })
}

fn greet(
    raw: &mut Raw,
    accepted: rustls::server::Accepted,
    mut rest: &[u8],
    (endpoint, host): (&TlsEndpoint, Option<&str>),
    cx: &mut Context<'_>,
) -> Result<Greeted, TlsError> {
    let hello = accepted.client_hello();
    let (config, certificate) =
        endpoint.choose(hello.server_name(), host, hello.signature_schemes())?;
    let mut tls = match accepted.into_connection(config) {
        Ok(tls) => tls,
        Err((error, mut alert)) => {
            alert.write_all(&mut PolledWriter { raw, cx }).ok();
            return Err(TlsError::Handshake(error.to_string()));
        }
    };
    tls.set_buffer_limit(Some(TLS_RECORD_BYTES_MAX));
    while !rest.is_empty() {
        let taken = tls.read_tls(&mut rest)?;
        if let Err(error) = tls.process_new_packets() {
            tls.write_tls(&mut PolledWriter { raw, cx }).ok();
            return Err(TlsError::Handshake(error.to_string()));
        }
        if taken == 0 {
            break;
        }
    }
    Ok(Some((tls, certificate)))
}
