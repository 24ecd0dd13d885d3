//! `GET /metrics` over HTTP/1.1 on a loopback address, for a collector on the same machine.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
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
    #[error(
        "metrics are not served on {0}: it is reachable from other machines; use 127.0.0.1 or ::1, or allow it explicitly"
    )]
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
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ServeMetricsError::Bind { address, source })?;
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
    let service =
        service_fn(
            |request| async move { Ok::<_, Infallible>(answer(&request, metrics, loopback)) },
        );
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

fn answer(request: &Request<Incoming>, metrics: &Metrics, loopback: bool) -> Response<Full<Bytes>> {
    let plain = |status: StatusCode, text: String, kind: &'static str| {
        let mut response = Response::new(Full::from(text));
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
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.parse::<u16>().is_ok() { name } else { host });
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Sends `request` to a fresh server and reads until it closes.
    async fn ask(request: &str) -> String {
        let listener = MetricsListener::bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut text = String::new();
            // A reset after the answer is as good as an end.
            stream.read_to_string(&mut text).await.ok();
            text
        };
        tokio::select! {
            text = client => text,
            never = listener.serve(Metrics::empty()) => match never {},
        }
    }

    fn request(line: &str, host: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    }

    #[tokio::test]
    async fn answers_get_and_nothing_else() {
        let text = ask(&request("GET /metrics", "127.0.0.1:5280")).await;
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("version=0.0.4"), "{text}");
        assert!(ask(&request("HEAD /metrics", "localhost")).await.starts_with("HTTP/1.1 200"));
        assert!(ask(&request("POST /metrics", "[::1]:80")).await.starts_with("HTTP/1.1 405"));
        assert!(ask(&request("GET /", "localhost:80")).await.starts_with("HTTP/1.1 404"));
        assert!(ask(&request("GET /metrics", "evil.example")).await.starts_with("HTTP/1.1 421"));
        assert!(
            ask(&request("GET /metrics", "127.0.0.1.evil.example:80"))
                .await
                .starts_with("HTTP/1.1 421")
        );
    }

    #[tokio::test]
    async fn a_head_without_end_is_refused() {
        let text =
            ask(&format!("GET /metrics HTTP/1.1\r\nX: {}", "a".repeat(3 * HEAD_BYTES_MAX))).await;
        assert!(!text.contains(" 200 "), "{text}");
    }

    #[tokio::test]
    async fn addresses_that_others_reach_need_to_be_allowed() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let error = MetricsListener::bind(address.parse().unwrap(), false).await.unwrap_err();
            assert!(matches!(error, ServeMetricsError::NotLoopback(_)), "{error}");
        }
        MetricsListener::bind("0.0.0.0:0".parse().unwrap(), true).await.unwrap();
        MetricsListener::bind("[::ffff:127.0.0.1]:0".parse().unwrap(), false).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_closed() {
        let begin = tokio::time::Instant::now();
        ask("GET /metrics HTTP/1.1\r\n").await;
        assert!(begin.elapsed() <= CONNECTION_TIMEOUT, "{:?}", begin.elapsed());
    }
}
