//! What a session reads from and writes to: clear or TLS, over TCP, a Unix socket or memory.
//!
//! A transport keeps no buffer of its own: reading goes through one scratch buffer per thread that is only used inside
//! a poll, so that an idle connection costs its socket and, with TLS, its keys.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use observe::names;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::client_cert::ClientCertificate;
use crate::error::TlsError;
use crate::listener::Slot;
use crate::tls::TlsEndpoint;
use crate::tls_stream::TlsStream;

/// Bytes that one read takes from a socket at most: one whole TLS record of the largest size fits.
pub const READ_BURST_BYTES: usize = 17 * 1024;

/// Plaintext bytes that fit into one TLS record (RFC 8446 §5.1); a burst up to this size leaves in one system call.
pub const TLS_RECORD_BYTES_MAX: usize = 16 * 1024;

thread_local! {
    /// Lent to one poll at a time; taken out while in use, so that a nested poll gets a buffer of its own.
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Runs `f` with this thread's read buffer.
pub(crate) fn with_scratch<R>(f: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut scratch =
        SCRATCH.take().unwrap_or_else(|| vec![0; READ_BURST_BYTES].into_boxed_slice());
    let result = f(&mut scratch);
    SCRATCH.set(Some(scratch));
    result
}

/// The byte stream under an optional TLS layer.
pub(crate) enum Raw {
    Tcp(TcpStream),
    Unix(UnixStream),
    Memory(DuplexStream),
}

impl Raw {
    /// One read system call; `Ready(Ok(0))` is the end of the stream.
    pub(crate) fn poll_read_slice(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(into);
        ready!(match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, &mut buf),
            Self::Memory(stream) => Pin::new(stream).poll_read(cx, &mut buf),
        })?;
        Poll::Ready(Ok(buf.filled().len()))
    }

    pub(crate) fn poll_write_slice(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Memory(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    pub(crate) fn poll_shutdown_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

enum Layer {
    Clear(Raw),
    Tls(Box<TlsStream>),
}

/// A connection's bytes, in clear or under TLS.
///
/// Reading and writing are polled on one `&mut`, so a session's task owns it alone and can wait for both directions at
/// once with the `poll_*` functions. All `async` functions are safe to drop: bytes already accepted stay accepted.
pub struct Transport {
    layer: Layer,
    /// The place this connection takes in the listener's limit, freed when the transport goes.
    slot: Option<Slot>,
}

/// What was agreed in a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite by its IANA name, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The key exchange group, such as `X25519MLKEM768`.
    pub group: Option<String>,
    /// The host name that the client sent (RFC 6066 §3), lower case.
    pub sni: Option<String>,
    /// The protocol chosen by ALPN (RFC 7301).
    pub alpn: Option<Vec<u8>>,
    /// The client's certificates in DER, its own first; empty when it sent none.
    pub peer_certificates: Vec<Vec<u8>>,
    /// SHA-256 of the certificate that this server presented.
    pub own_fingerprint: [u8; 32],
}

impl Transport {
    fn clear(raw: Raw) -> Self {
        Self { layer: Layer::Clear(raw), slot: None }
    }

    /// A transport over a TCP connection; `TCP_NODELAY` is set because every write is a whole burst.
    pub fn tcp(stream: TcpStream) -> Self {
        // A socket that is already gone refuses the option; the first read reports that better.
        stream.set_nodelay(true).ok();
        Self::clear(Raw::Tcp(stream))
    }

    /// A transport over a Unix stream socket.
    pub fn unix(stream: UnixStream) -> Self {
        Self::clear(Raw::Unix(stream))
    }

    /// A transport over memory, for tests and for connections inside the process.
    pub fn memory(stream: DuplexStream) -> Self {
        Self::clear(Raw::Memory(stream))
    }

    /// Two transports that talk to each other in memory, each holding `bytes_max` unread bytes.
    pub fn pair(bytes_max: usize) -> (Self, Self) {
        let (left, right) = tokio::io::duplex(bytes_max);
        (Self::memory(left), Self::memory(right))
    }

    /// Lets this connection count against a limit for as long as it lives.
    #[must_use]
    pub fn with_slot(mut self, slot: Slot) -> Self {
        self.slot = Some(slot);
        self
    }

    /// Whether the bytes are under TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.layer, Layer::Tls(_))
    }

    /// Reads once and gives what came to `f`, in order; under TLS `f` is called once per record.
    ///
    /// Returns how many plaintext bytes were given, 0 at the end of the stream. The slices are only valid inside `f`.
    /// A TLS peer that goes away without `close_notify` is [`io::ErrorKind::UnexpectedEof`].
    pub fn poll_read_burst(
        &mut self,
        cx: &mut Context<'_>,
        f: &mut dyn FnMut(&[u8]),
    ) -> Poll<io::Result<usize>> {
        match &mut self.layer {
            Layer::Clear(raw) => with_scratch(|scratch| {
                let count = ready!(raw.poll_read_slice(cx, scratch))?;
                if let Some(read) = scratch.get(..count)
                    && count > 0
                {
                    f(read);
                }
                Poll::Ready(Ok(count))
            }),
            Layer::Tls(tls) => tls.poll_read_burst(cx, f),
        }
    }

    /// [`Self::poll_read_burst`] as a future; dropping it loses nothing.
    pub async fn read_burst(&mut self, mut f: impl FnMut(&[u8])) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read_burst(cx, &mut f)).await
    }

    /// Hands over bytes to be sent and tries to send them; returns how many were accepted.
    ///
    /// Under TLS at most [`TLS_RECORD_BYTES_MAX`] are accepted, as one record, and at most one record waits to be sent
    /// when the peer does not read; call [`Self::poll_flush`] to see it leave.
    pub fn poll_write_burst(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.layer {
            Layer::Clear(raw) => raw.poll_write_slice(cx, bytes),
            Layer::Tls(tls) => tls.poll_write_burst(cx, bytes),
        }
    }

    /// Ready when everything that was accepted has been given to the system.
    pub fn poll_flush_burst(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Clear(_) => Poll::Ready(Ok(())),
            Layer::Tls(tls) => tls.poll_flush(cx),
        }
    }

    /// Sends all of `bytes`: one record and one system call for up to [`TLS_RECORD_BYTES_MAX`] while the peer reads.
    ///
    /// When the future is dropped before it is ready, an unknown part has been sent and the stream is of no more use
    /// than to be closed; a session that must go on reading meanwhile uses [`Self::poll_write_burst`].
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        poll_fn(|cx| {
            while let Some(rest) = bytes.get(sent..)
                && !rest.is_empty()
            {
                let accepted = ready!(self.poll_write_burst(cx, rest))?;
                if accepted == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                sent += accepted;
            }
            self.poll_flush_burst(cx)
        })
        .await
    }

    /// [`Self::poll_flush_burst`] as a future.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush_burst(cx)).await
    }

    /// Ends the writing direction in order: what was accepted, then `close_notify` under TLS, then the socket.
    ///
    /// Takes `limit` at most, because a peer that does not read would hold it for ever.
    pub async fn shutdown(&mut self, limit: Duration) -> io::Result<()> {
        self.finish(&[], limit).await
    }

    /// Sends the last bytes before [`Self::shutdown`], in the same system call where they fit.
    pub async fn finish(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        let mut sent = 0;
        let closing = poll_fn(|cx| {
            while let Some(rest) = bytes.get(sent..)
                && !rest.is_empty()
            {
                let accepted = ready!(match &mut self.layer {
                    Layer::Clear(raw) => raw.poll_write_slice(cx, rest),
                    Layer::Tls(tls) => tls.poll_accept(cx, rest),
                })?;
                if accepted == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                sent += accepted;
            }
            Pin::new(&mut *self).poll_shutdown(cx)
        });
        let ended = tokio::time::timeout(limit, closing).await;
        ended.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Makes this connection a TLS one, as the server (RFC 6120 §5.4.3, RFC 7590), within `limit`.
    ///
    /// The certificate is that of the name the client asks for (SNI), else that of `host` (the `to` of its stream), else
    /// the default one. Nothing the peer sent before is carried over: a caller that holds bytes after `<starttls/>` must drop them, and
    /// those still in the socket are taken for a handshake and fail it (response injection).
    pub async fn start_tls(
        self,
        endpoint: &TlsEndpoint,
        host: Option<&str>,
        limit: Duration,
    ) -> Result<Self, TlsError> {
        let Layer::Clear(raw) = self.layer else { return Err(TlsError::AlreadyTls) };
        // The handshake's state is on the heap so that the session's own future stays small.
        let handshake = Box::pin(TlsStream::accept(raw, endpoint, host));
        let done = tokio::time::timeout(limit, handshake).await;
        let result = match &done {
            Ok(Ok(_)) => "ok",
            Ok(Err(_)) => "failed",
            Err(_) => "timeout",
        };
        metrics::counter!(names::TLS_HANDSHAKES, "result" => result).increment(1);
        let stream = done.map_err(|_| TlsError::Timeout { after: limit })??;
        Ok(Self { layer: Layer::Tls(Box::new(stream)), slot: self.slot })
    }

    /// What the handshake agreed; `None` in clear.
    pub fn tls_info(&self) -> Option<TlsInfo> {
        match &self.layer {
            Layer::Clear(_) => None,
            Layer::Tls(tls) => Some(tls.info()),
        }
    }

    /// Whether the version and cipher that were agreed are among those of `host`; true in clear.
    ///
    /// The host is that of the stream: a client could have asked for another name in the handshake, whose options are
    /// weaker.
    pub fn is_allowed(&self, endpoint: &TlsEndpoint, host: &str) -> bool {
        match &self.layer {
            Layer::Clear(_) => true,
            Layer::Tls(tls) => tls.is_allowed(endpoint, host),
        }
    }

    /// Judges the client's certificate against the CA file that the endpoint has for `host`, at the time `now`.
    ///
    /// The host is that of the stream: a client could have asked for another name in the handshake.
    pub fn client_certificate(
        &self,
        endpoint: &TlsEndpoint,
        host: &str,
        now: SystemTime,
    ) -> ClientCertificate {
        match &self.layer {
            Layer::Clear(_) => ClientCertificate::Absent,
            Layer::Tls(tls) => tls.client_certificate(endpoint.client_roots(host), now),
        }
    }

    /// Channel binding data of type `tls-exporter` (RFC 9266).
    ///
    /// `None` in clear and under TLS 1.2, where the TLS library does not tell whether the extended master secret, on
    /// which RFC 9266 §3 insists, was used.
    pub fn tls_exporter(&self) -> Option<[u8; 32]> {
        match &self.layer {
            Layer::Clear(_) => None,
            Layer::Tls(tls) => tls.exporter(),
        }
    }

    /// Channel binding data of type `tls-server-end-point` (RFC 5929 §4): the hash of the certificate presented.
    ///
    /// `None` in clear, and for certificates whose signature algorithm has no hash of its own (Ed25519).
    pub fn tls_server_end_point(&self) -> Option<Vec<u8>> {
        match &self.layer {
            Layer::Clear(_) => None,
            Layer::Tls(tls) => tls.server_end_point(),
        }
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let raw = match &self.layer {
            Layer::Clear(raw) => raw,
            Layer::Tls(tls) => tls.raw(),
        };
        let kind = match raw {
            Raw::Tcp(_) => "tcp",
            Raw::Unix(_) => "unix",
            Raw::Memory(_) => "memory",
        };
        f.debug_struct("Transport").field("over", &kind).field("tls", &self.is_tls()).finish()
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Clear(Raw::Tcp(stream)) => Pin::new(stream).poll_read(cx, buf),
            Layer::Clear(Raw::Unix(stream)) => Pin::new(stream).poll_read(cx, buf),
            Layer::Clear(Raw::Memory(stream)) => Pin::new(stream).poll_read(cx, buf),
            Layer::Tls(tls) => tls.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_burst(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_flush_burst(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Clear(raw) => raw.poll_shutdown_write(cx),
            Layer::Tls(tls) => tls.poll_shutdown(cx),
        }
    }
}
