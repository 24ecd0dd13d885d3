//! One connection to the server, as a client holds it: it sees everything and answers nothing by itself.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use netio::Transport;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use xmlstream::{Element, Event, Limits, Reader, StreamHeader};
use xmpp_wire::ns;

/// Bytes of stanzas that a client keeps unread at most, by what one read takes.
const READ_BYTES: usize = 16 * 1024;

/// How long, in real time, a client of a server behind a socket waits before it looks again.
const SOCKET_BREATH: Duration = Duration::from_millis(2);

/// How long, in real time, a client that sends waits for the server to read.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// How long, in real time, a step of the negotiation may take.
const STEP_PATIENCE: Duration = Duration::from_secs(10);

/// Why a client could not go on; in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// What came from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A stream header.
    Opened(Box<StreamHeader>),
    /// A first-level element.
    Element(Element),
    /// `</stream:stream>`.
    Closed,
    /// Bytes that are no stream.
    Broken(String),
    /// The end of the connection.
    Gone,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened(header) => write!(f, "a stream header from {:?}", header.from),
            Self::Element(element) => {
                f.write_str(&String::from_utf8_lossy(&element.to_bytes(ns::CLIENT)))
            }
            Self::Closed => f.write_str("</stream:stream>"),
            Self::Broken(error) => write!(f, "bytes that are no stream: {error}"),
            Self::Gone => f.write_str("the end of the connection"),
        }
    }
}

/// What a client knows of its stream management (XEP-0198).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamManagement {
    /// The identifier to resume with, if the server gave one.
    pub id: Option<String>,
    /// Stanzas received since it was enabled.
    pub received: u32,
}

trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

/// A connection to the server.
pub struct Client {
    io: Option<Box<dyn Bytes>>,
    reader: Reader,
    items: VecDeque<Item>,
    ended: bool,
    /// Whether the server runs elsewhere, so that waiting for it takes real time.
    remote: bool,
    /// Whether what comes is read at once; a client that does not read lets its connection fill up.
    pub reading: bool,
    /// The full JID, once bound.
    pub jid: String,
    /// Stream management, once enabled.
    pub sm: Option<StreamManagement>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({}, {} unread)", self.jid, self.items.len())
    }
}

impl Client {
    /// A client at the other end of the server's transport.
    pub fn over(transport: Transport) -> Self {
        Self::over_bytes(transport)
    }

    /// A client over any connection, such as one under TLS or over TCP.
    pub fn over_bytes(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self {
            io: Some(Box::new(io)),
            reader: Reader::new(Limits::standard()),
            items: VecDeque::new(),
            ended: false,
            remote: false,
            reading: true,
            jid: String::new(),
            sm: None,
        }
    }

    /// A client of a server behind a socket.
    pub fn over_socket(socket: TcpStream) -> Self {
        Self { remote: true, ..Self::over_bytes(socket) }
    }

    /// Lets the server work for a moment.
    pub(crate) async fn breathe(&self) {
        breathe(self.remote).await;
    }

    /// Reads whatever has arrived, without waiting; says whether there was anything.
    pub async fn pump(&mut self) -> bool {
        let mut any = false;
        while self.reading && !self.ended {
            let Some(io) = &mut self.io else { break };
            let mut bytes = vec![0; READ_BYTES];
            let mut buf = ReadBuf::new(&mut bytes);
            let read =
                std::future::poll_fn(|cx| match Pin::new(&mut *io).poll_read(cx, &mut buf) {
                    Poll::Pending => Poll::Ready(None),
                    Poll::Ready(result) => {
                        Poll::Ready(Some(result.is_ok() && !buf.filled().is_empty()))
                    }
                });
            match read.await {
                None => break,
                Some(true) => {
                    let filled = buf.filled().to_vec();
                    self.parse(&filled);
                }
                Some(false) => {
                    self.ended = true;
                    self.items.push_back(Item::Gone);
                }
            }
            any = true;
        }
        any
    }

    fn parse(&mut self, mut bytes: &[u8]) {
        loop {
            let item = match self.reader.next(&mut bytes) {
                Ok(None) => return,
                Ok(Some(Event::Open(header))) => Item::Opened(header),
                Ok(Some(Event::Element(element))) => Item::Element(element.parse_tree()),
                Ok(Some(Event::Close)) => Item::Closed,
                Err(error) => Item::Broken(error.to_string()),
            };
            let last = matches!(item, Item::Closed | Item::Broken(_));
            self.count(&item);
            self.items.push_back(item);
            if last {
                return;
            }
        }
    }

    /// Counts stanzas as stream management does.
    fn count(&mut self, item: &Item) {
        let Item::Element(element) = item else { return };
        if element.ns() == ns::CLIENT
            && matches!(element.name(), "message" | "presence" | "iq")
            && let Some(sm) = &mut self.sm
        {
            sm.received += 1;
        }
        if element.is("enabled", ns::SM) {
            let id = element.attr("id").map(str::to_owned);
            self.sm = Some(StreamManagement { id, received: 0 });
        }
    }

    /// What has arrived and was not taken yet, oldest first.
    pub fn unread(&mut self) -> &mut VecDeque<Item> {
        &mut self.items
    }

    /// Waits for the next item, for `patience` of real time at most.
    pub async fn next_item(&mut self, patience: Duration) -> Option<Item> {
        let began = Instant::now();
        loop {
            self.pump().await;
            if let Some(item) = self.items.pop_front() {
                return Some(item);
            }
            if began.elapsed() >= patience {
                return None;
            }
            self.breathe().await;
        }
    }

    /// Waits for the next element.
    ///
    /// # Errors
    /// Nothing came within `patience` of real time, or something else.
    pub async fn next(&mut self, patience: Duration) -> Result<Element, Failure> {
        match self.next_item(patience).await {
            Some(Item::Element(element)) => Ok(element),
            Some(other) => Err(Failure(format!("expected an element, got {other}"))),
            None => Err(Failure("expected an element, got nothing".to_owned())),
        }
    }

    /// Sends text as it is.
    ///
    /// # Errors
    /// The connection is gone, or the server does not read.
    pub async fn send(&mut self, xml: &str) -> Result<(), Failure> {
        if xml.starts_with("<stream:stream") {
            // The server answers by a stream of its own (RFC 6120 §4.3.3).
            self.reader.restart();
        }
        let Some(io) = &mut self.io else { return Err(Failure("is not connected".to_owned())) };
        let gone = |error: std::io::Error| Failure(format!("cannot send: {error}"));
        let mut rest = xml.as_bytes();
        let began = Instant::now();
        while !rest.is_empty() {
            let written =
                std::future::poll_fn(|cx| match Pin::new(&mut *io).poll_write(cx, rest) {
                    Poll::Pending => Poll::Ready(Ok(0)),
                    ready => ready,
                });
            let count = written.await.map_err(gone)?;
            rest = rest.get(count..).unwrap_or_default();
            if count == 0 {
                if began.elapsed() > WRITE_PATIENCE {
                    return Err(Failure("cannot send: the server does not read".to_owned()));
                }
                breathe(self.remote).await;
            }
        }
        io.flush().await.map_err(gone)
    }

    /// Opens a stream to a host and takes the server's header and features.
    ///
    /// # Errors
    /// Something else came.
    pub async fn open(&mut self, host: &str) -> Result<Element, Failure> {
        self.send(&header_to(host)).await?;
        match self.next_item(STEP_PATIENCE).await {
            Some(Item::Opened(_)) => {}
            other => {
                return Err(Failure(format!(
                    "expected a stream header, got {}",
                    shown(other.as_ref())
                )));
            }
        }
        self.expect("features", ns::STREAMS).await
    }

    async fn expect(&mut self, name: &str, namespace: &str) -> Result<Element, Failure> {
        let element = self.next(STEP_PATIENCE).await?;
        match element.is(name, namespace) {
            true => Ok(element),
            false => Err(Failure(format!("expected <{name}/>, got {}", Item::Element(element)))),
        }
    }

    /// Opens a stream, authenticates with PLAIN and opens the stream again.
    ///
    /// # Errors
    /// The server refused a step, or said something else.
    pub async fn authenticate(
        &mut self,
        user: &str,
        host: &str,
        password: &str,
    ) -> Result<Element, Failure> {
        self.open(host).await?;
        let plain = STANDARD.encode(format!("\0{user}\0{password}"));
        self.send(&format!("<auth xmlns='{}' mechanism='PLAIN'>{plain}</auth>", ns::SASL)).await?;
        self.expect("success", ns::SASL).await?;
        self.open(host).await
    }

    /// Binds a resource.
    ///
    /// # Errors
    /// The server refused it.
    pub async fn bind(&mut self, resource: Option<&str>) -> Result<(), Failure> {
        let wanted =
            resource.map_or(String::new(), |resource| format!("<resource>{resource}</resource>"));
        self.send(&format!(
            "<iq type='set' id='bind'><bind xmlns='{}'>{wanted}</bind></iq>",
            ns::BIND
        ))
        .await?;
        let reply = self.expect("iq", ns::CLIENT).await?;
        let jid = reply.child("bind", ns::BIND).and_then(|bind| bind.child_text("jid", ns::BIND));
        self.jid =
            jid.ok_or_else(|| Failure(format!("was not bound: {}", Item::Element(reply))))?;
        Ok(())
    }

    /// Enables stream management with resumption.
    ///
    /// # Errors
    /// The server refused it.
    pub async fn enable_resumption(&mut self) -> Result<(), Failure> {
        self.send(&format!("<enable xmlns='{}' resume='true'/>", ns::SM)).await?;
        self.expect("enabled", ns::SM).await.map(drop)
    }

    /// Acknowledges everything received.
    ///
    /// # Errors
    /// Stream management is not enabled, or the connection is gone.
    pub async fn acknowledge(&mut self) -> Result<(), Failure> {
        let sm = self.sm.as_ref().ok_or_else(|| Failure("has no stream management".to_owned()))?;
        let ack = format!("<a xmlns='{}' h='{}'/>", ns::SM, sm.received);
        self.send(&ack).await
    }

    /// Asks, on an authenticated stream, for the session that `before` had. The answer is left to be read.
    ///
    /// # Errors
    /// The session was not resumable.
    pub async fn resume(&mut self, before: &Self) -> Result<(), Failure> {
        let sm = before.sm.clone().ok_or_else(|| Failure("had no stream management".to_owned()))?;
        let id =
            sm.id.clone().ok_or_else(|| Failure("had no identifier for resumption".to_owned()))?;
        self.send(&format!("<resume xmlns='{}' previd='{id}' h='{}'/>", ns::SM, sm.received))
            .await?;
        self.sm = Some(sm);
        self.jid.clone_from(&before.jid);
        Ok(())
    }

    /// Closes the stream in order and waits for the server to do the same.
    ///
    /// # Errors
    /// The server does not close.
    pub async fn close(&mut self) -> Result<(), Failure> {
        self.send("</stream:stream>").await?;
        loop {
            match self.next_item(STEP_PATIENCE).await {
                Some(Item::Closed | Item::Gone) => break,
                Some(_) => {}
                None => return Err(Failure("the server does not close the stream".to_owned())),
            }
        }
        self.io = None;
        Ok(())
    }

    /// Drops the connection without a word.
    pub fn cut(&mut self) {
        self.io = None;
    }
}

async fn breathe(remote: bool) {
    match remote {
        true => tokio::time::sleep(SOCKET_BREATH).await,
        false => crate::world::breathe().await,
    }
}

/// The header a client sends.
pub(crate) fn header_to(host: &str) -> String {
    format!(
        "<stream:stream xmlns='{}' xmlns:stream='{}' to='{host}' version='1.0'>",
        ns::CLIENT,
        ns::STREAMS
    )
}

/// An item, or that there was none.
pub(crate) fn shown(item: Option<&Item>) -> String {
    item.map_or_else(|| "nothing".to_owned(), Item::to_string)
}
