//! HTTP/1.1 over any transport (RFC 9110, RFC 9112): what a listener `ejabberd_http` serves its request handlers with.
//!
//! Handlers are strangers to the protocol: they get a whole request, bounded, and give a whole answer. Which of them a
//! listener has is decided by whoever opens it.

mod routes;
mod serve;

use std::future::Future;
use std::pin::Pin;

use netio::PeerAddr;

pub use hyper::{Method, StatusCode};
pub use routes::Routes;
pub use serve::serve;

/// Bytes of a request's head.
pub const HEAD_BYTES_MAX: usize = 16 << 10;
/// Fields of a request's head.
pub const FIELDS_MAX: usize = 100;
/// Bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// A request that came whole.
#[derive(Debug)]
pub struct Request {
    /// What is wanted of the path.
    pub method: Method,
    /// The body, at most [`BODY_BYTES_MAX`].
    pub body: Vec<u8>,
    /// Who sent it.
    pub peer: PeerAddr,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Fields of its head, with names in lower case.
    pub fields: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer in plain text.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        let fields = vec![("content-type", "text/plain; charset=utf-8".to_owned())];
        Self { status, fields, body: text.into().into_bytes() }
    }

    /// The same with one field more.
    #[must_use]
    pub fn with_field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }
}

/// An answer that is being made.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

/// What answers below a path.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request. The future is dropped when the client goes away: what has to be done to its end then belongs
    /// into a task.
    fn answer(&self, request: Request) -> Answering<'_>;
}

#[cfg(test)]
mod tests;
