//! One connection: hyper reads and writes, this bounds how much and how long.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use netio::{PeerAddr, Transport};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use crate::{BODY_BYTES_MAX, FIELDS_MAX, HEAD_BYTES_MAX, Request, Response, Routes, StatusCode};

/// How long a connection on which no handler works may take for whatever the client has to do: to send a request, its
/// body, or to take an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether handlers work, and since when none does.
struct Pace {
    working: usize,
    idle_since: Instant,
}

/// Serves a connection until either side ends it, or `stopping` resolves: then the present request is the last.
pub async fn serve(
    transport: Transport,
    peer: PeerAddr,
    routes: Arc<Routes>,
    stopping: impl Future<Output = ()>,
) {
    let pace = Mutex::new(Pace { working: 0, idle_since: Instant::now() });
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (routes, pace) = (&routes, &pace);
        async move { Ok::<_, Infallible>(written(answer(routes, pace, peer, request).await)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(FIELDS_MAX)
        .serve_connection(TokioIo::new(transport), service);
    let (mut connection, mut stopping) = (pin!(connection), pin!(stopping));
    let mut last = false;
    loop {
        let until = pace.lock().idle_since + PATIENCE;
        // A handler may work as long as it needs; then it is looked again when its time would be over.
        let until = until.max(Instant::now() + Duration::from_millis(1));
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "an HTTP connection ended");
                }
                return;
            }
            () = stopping.as_mut(), if !last => {
                last = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(until) => {
                let mut pace = pace.lock();
                if pace.working == 0 && pace.idle_since + PATIENCE <= Instant::now() {
                    tracing::debug!(%peer, "an HTTP client did not go on");
                    return;
                }
                if pace.working > 0 {
                    pace.idle_since = Instant::now();
                }
            }
        }
    }
}

async fn answer(
    routes: &Routes,
    pace: &Mutex<Pace>,
    peer: PeerAddr,
    request: hyper::Request<Incoming>,
) -> Response {
    let (head, body) = request.into_parts();
    let Some(handler) = routes.find(head.uri.path()) else {
        return Response::text(StatusCode::NOT_FOUND, "there is nothing at this path\n");
    };
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return too_large();
    }
    let body = match timeout(PATIENCE, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => body.to_bytes().into(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return too_large(),
        Ok(Err(_)) => return Response::text(StatusCode::BAD_REQUEST, "the body is broken\n"),
        Err(_) => {
            return Response::text(StatusCode::REQUEST_TIMEOUT, "the body took too long\n");
        }
    };
    let _working = Working::begin(pace);
    handler.answer(Request { method: head.method, body, peer }).await
}

fn too_large() -> Response {
    let text = format!("a request has at most {BODY_BYTES_MAX} bytes\n");
    Response::text(StatusCode::PAYLOAD_TOO_LARGE, text).with_field("connection", "close")
}

/// A handler works.
struct Working<'a>(&'a Mutex<Pace>);

impl<'a> Working<'a> {
    fn begin(pace: &'a Mutex<Pace>) -> Self {
        pace.lock().working += 1;
        Self(pace)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let mut pace = self.0.lock();
        pace.working -= 1;
        pace.idle_since = Instant::now();
    }
}

fn written(answer: Response) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::from(answer.body));
    *response.status_mut() = answer.status;
    for (name, value) in answer.fields {
        // A value with line ends or control characters is no field; it is left out, not passed on.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    response
}
