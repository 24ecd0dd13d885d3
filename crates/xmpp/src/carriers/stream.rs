//! XML streams over TCP and TLS (RFC 6120 §4): bytes in, elements out, one write a burst.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use metrics::Counter;
use netio::{Shaper, TlsEndpoint, TlsError, Transport};
use tokio::time::Instant;
use xmlstream::{Event, Limits, RawElement, Reader, StreamHeader};
use xmpp_wire::StreamError;

use super::zlib::Zlib;

/// Looked up once, because every read counts.
static RECEIVED_BYTES: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!(observe::names::C2S_RECEIVED_BYTES));

/// What came in.
pub(crate) enum Inbound {
    /// A stream header (RFC 6120 §4.2).
    Opened(Box<StreamHeader>),
    /// A first-level element.
    Element(RawElement),
    /// `</stream:stream>` (RFC 6120 §4.4).
    Closed,
    /// The bytes were no stream; what to tell the peer.
    Broken(StreamError),
    /// The connection is gone, in order or not.
    Gone,
}

/// One client's connection as a stream of elements.
pub(crate) struct Carrier {
    transport: Transport,
    reader: Reader,
    shaper: Option<Box<Shaper>>,
    /// Compression (XEP-0138), for the few that ask for it.
    zlib: Option<Box<Zlib>>,
    /// Elements parsed and not yet taken; empty while the session is idle.
    pending: VecDeque<Inbound>,
    paused_until: Option<Instant>,
    ended: bool,
}

impl Carrier {
    pub(crate) fn new(transport: Transport, limits: Limits) -> Self {
        let reader = Reader::new(limits);
        Self {
            transport,
            reader,
            shaper: None,
            zlib: None,
            pending: VecDeque::new(),
            paused_until: None,
            ended: false,
        }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Changes the limits from now on, as after authentication.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.reader.set_limits(limits);
    }

    /// Slows reading down from now on.
    pub(crate) fn set_shaper(&mut self, shaper: Option<Shaper>) {
        self.shaper = shaper.map(Box::new);
    }

    /// Expects a new stream header (RFC 6120 §4.3.3); what the peer sent before it is forgotten.
    pub(crate) fn restart(&mut self) {
        self.reader.restart();
        self.pending.clear();
    }

    /// Whether the peer has said something that nobody has taken yet, in whole or in part, as far as it was read and
    /// inflated.
    pub(crate) fn has_input(&self) -> bool {
        !self.pending.is_empty() || self.reader.buffered_bytes() > 0
    }

    /// Compresses from now on; says whether it does. What the peer sent after its request is forgotten.
    pub(crate) fn compress(&mut self) -> bool {
        self.zlib = Zlib::new();
        self.restart();
        self.zlib.is_some()
    }

    /// Whether one connection more may compress.
    pub(crate) fn may_compress() -> bool {
        Zlib::has_room()
    }

    /// Whether it compresses.
    pub(crate) fn is_compressed(&self) -> bool {
        self.zlib.is_some()
    }

    /// Goes on under TLS; whatever came in clear after the last element is dropped (command injection).
    pub(crate) async fn start_tls(
        self,
        endpoint: &TlsEndpoint,
        host: Option<&str>,
        limit: Duration,
    ) -> Result<Self, TlsError> {
        let Self { transport, mut reader, shaper, .. } = self;
        let transport = transport.start_tls(endpoint, host, limit).await?;
        reader.restart();
        Ok(Self {
            transport,
            reader,
            shaper,
            zlib: None,
            pending: VecDeque::new(),
            paused_until: None,
            ended: false,
        })
    }

    /// Takes the next item if one has been parsed already.
    pub(crate) fn take(&mut self) -> Option<Inbound> {
        let next = self.pending.pop_front();
        if self.pending.is_empty() && self.pending.capacity() > 0 {
            self.pending = VecDeque::new();
        }
        next
    }

    /// Waits until at least one item can be taken. Reads once per call at most, so a burst stays together.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if !self.pending.is_empty() {
                return Poll::Ready(());
            }
            if self.ended {
                self.pending.push_back(Inbound::Gone);
                return Poll::Ready(());
            }
            if self.zlib.as_ref().is_some_and(|zlib| zlib.has_more()) {
                self.inflate();
                if self.pending.is_empty() {
                    // However much nothing there is in it, others have their turn.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                continue;
            }
            let Self { transport, reader, pending, zlib, .. } = self;
            let read = transport.poll_read_burst(cx, &mut |bytes| match zlib {
                None => parse(reader, bytes, pending),
                Some(zlib) => zlib.feed(bytes),
            });
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => self.ended = true,
                Poll::Ready(Ok(count)) => self.charge(count),
            }
        }
    }

    /// Parses one piece of what came compressed. It counts for the shaper by what it is, not by what was sent.
    fn inflate(&mut self) {
        let Self { reader, pending, zlib: Some(zlib), .. } = self else { return };
        match zlib.inflate(&mut |bytes| parse(reader, bytes, pending)) {
            Ok(count) => self.charge(count),
            Err(error) => {
                // What is said about it is compressed still.
                self.ended = true;
                self.pending.push_back(Inbound::Broken(error));
            }
        }
    }

    /// Waits for the next item.
    pub(crate) async fn next(&mut self) -> Inbound {
        if let Some(until) = self.paused_until.take() {
            tokio::time::sleep_until(until).await;
        }
        poll_fn(|cx| self.poll_fill(cx)).await;
        self.take().unwrap_or(Inbound::Gone)
    }

    fn charge(&mut self, bytes: usize) {
        RECEIVED_BYTES.increment(bytes as u64);
        let Some(shaper) = &mut self.shaper else { return };
        let now = Instant::now();
        let pause = shaper.update(now.into_std(), bytes);
        self.paused_until = (!pause.is_zero()).then(|| now + pause);
    }

    /// When reading may go on, if the shaper holds it up.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Reading may go on.
    pub(crate) fn resume_reading(&mut self) {
        self.paused_until = None;
    }

    /// Writes a burst: one record and one system call where it fits, within `patience`.
    pub(crate) async fn write(&mut self, bytes: &[u8], patience: Duration) -> io::Result<()> {
        let deflated = self.zlib.as_mut().map(|zlib| zlib.deflate(bytes));
        let bytes = deflated.as_deref().unwrap_or(bytes);
        let written = tokio::time::timeout(patience, self.transport.write_all(bytes)).await;
        written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Says the last words and closes the connection in order, within `patience`.
    pub(crate) async fn finish(mut self, last: &[u8], patience: Duration) {
        let deflated = self.zlib.as_mut().map(|zlib| zlib.deflate(last));
        let last = deflated.as_deref().unwrap_or(last);
        // The peer may be gone already; there is nobody to tell.
        drop(self.transport.finish(last, patience).await);
    }
}

/// Feeds bytes to the reader until they are used up or break the stream.
fn parse(reader: &mut Reader, mut bytes: &[u8], into: &mut VecDeque<Inbound>) {
    // Nothing is read on after an error or the end of the stream.
    if matches!(into.back(), Some(Inbound::Broken(_) | Inbound::Closed)) {
        return;
    }
    loop {
        match reader.next(&mut bytes) {
            Ok(None) => return,
            Ok(Some(Event::Open(header))) => into.push_back(Inbound::Opened(header)),
            Ok(Some(Event::Element(element))) => into.push_back(Inbound::Element(element)),
            Ok(Some(Event::Close)) => return into.push_back(Inbound::Closed),
            Err(error) => return into.push_back(Inbound::Broken(error.into())),
        }
    }
}
