//! `GET /metrics` over HTTP/1.1 on a loopback address, for a collector on the same machine.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{ALLOW, CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::metrics::Metrics;

/// Connections served at once; others wait in the backlog.
const CONNECTIONS_MAX: usize = 8;
/// A request's head must be complete within this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection is closed after this time, whatever it does.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// A request's head may have this many bytes.
const HEAD_BYTES_MAX: usize = 8192;
/// Pause after accepting has failed, as when descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// Why metrics cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeMetricsError {
    /// The address is reachable from outside.
    #[error("metrics are not served on {0}: it is reachable from other machines; use 127.0.0.1 or ::1, or allow it explicitly")]
    NotLoopback(SocketAddr),
    /// The system refuses.
    #[error("cannot serve metrics on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
}

/// A socket on which metrics are served.
#[derive(Debug)]
pub struct MetricsListener {
    listener: TcpListener,
    loopback: bool,
}

impl MetricsListener {
    /// Opens the socket; anything but a loopback address needs `allow_remote`.
    ///
    /// # Errors
    /// [`ServeMetricsError`], in words for the administrator.
    pub async fn bind(address: SocketAddr, allow_remote: bool) -> Result<Self, ServeMetricsError> {
        let loopback = address.ip().to_canonical().is_loopback();
        if !loopback && !allow_remote {
            return Err(ServeMetricsError::NotLoopback(address));
        }
        let listener =
            TcpListener::bind(address).await.map_err(|source| ServeMetricsError::Bind { address, source })?;
        Ok(Self { listener, loopback })
    }

    /// The address it listens on, with the port that the system chose for 0.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves for ever; drop the future to stop. All connections live in it: nothing is spawned.
    pub async fn serve(self, metrics: Metrics) -> Infallible {
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => connections.push(serve_one(stream, &metrics, self.loopback)),
                    Err(error) => {
                        tracing::debug!(%error, "cannot accept a connection for metrics");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(()) = connections.next() => {}
            }
        }
    }
}

async fn serve_one(stream: TcpStream, metrics: &Metrics, loopback: bool) {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(&request, metrics, loopback)) });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection for metrics ended"),
    }
}

/// A body that is there as a whole.
struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

fn answer(request: &Request<Incoming>, metrics: &Metrics, loopback: bool) -> Response<Whole> {
    let plain = |status: StatusCode, text: String, kind: &'static str| {
        let mut response = Response::new(Whole(Some(text.into())));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    };
    const TEXT: &str = "text/plain; charset=utf-8";
    // A web page must not read them by pointing its own name at this machine (DNS rebinding).
    if loopback && !request.headers().get(HOST).is_some_and(names_this_machine) {
        return plain(StatusCode::MISDIRECTED_REQUEST, "unknown host\n".to_owned(), TEXT);
    }
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n".to_owned(), TEXT);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned(), TEXT);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    plain(StatusCode::OK, metrics.render(), "text/plain; version=0.0.4; charset=utf-8")
}

/// Whether a `Host` header is `localhost` or a loopback address, with or without a port.
fn names_this_machine(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.parse::<u16>().is_ok() { name } else { host });
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
