//! A client's hello (RFC 8446 §4.1.2), read before the handshake begins, to choose the certificate that fits it.

use std::io::{self, Write};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::server::{Acceptor, UnbufferedServerConnection};

use crate::cert_files::CertEntry;
use crate::error::TlsError;
use crate::tls::TlsEndpoint;
use crate::tls_stream::HANDSHAKE_READ_BYTES;
use crate::transport::{Raw, with_scratch};

/// Lets the library write an alert into a polled stream.
struct PolledWriter<'a, 'cx> {
    raw: &'a mut Raw,
    cx: &'a mut Context<'cx>,
}

impl Write for PolledWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.raw.poll_write_slice(self.cx, bytes) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection that has yet to see the hello, and its certificate.
type Greeted = (UnbufferedServerConnection, Arc<CertEntry>);

/// What has been read of a hello.
#[derive(Default)]
pub(crate) struct Hello {
    acceptor: Acceptor,
    /// All that came so far; the connection gets it from the start.
    pub(crate) read: Vec<u8>,
    /// The host name that the client asks for, lower case.
    pub(crate) sni: Option<Box<str>>,
}

impl Hello {
    /// Reads until the hello is complete.
    pub(crate) fn poll(
        &mut self,
        raw: &mut Raw,
        endpoint: (&TlsEndpoint, Option<&str>),
        cx: &mut Context<'_>,
    ) -> Poll<Result<Greeted, TlsError>> {
        loop {
            let greeted = ready!(with_scratch(|scratch| {
                let scratch = scratch.get_mut(..HANDSHAKE_READ_BYTES).unwrap_or_default();
                let count = ready!(raw.poll_read_slice(cx, scratch))?;
                if count == 0 {
                    return Poll::Ready(Err(TlsError::Closed));
                }
                let read = scratch.get(..count).unwrap_or_default();
                self.read.extend_from_slice(read);
                Poll::Ready(self.judge(read, raw, endpoint, cx))
            }))?;
            if let Some(greeted) = greeted {
                return Poll::Ready(Ok(greeted));
            }
        }
    }

    fn judge(
        &mut self,
        mut read: &[u8],
        raw: &mut Raw,
        (endpoint, host): (&TlsEndpoint, Option<&str>),
        cx: &mut Context<'_>,
    ) -> Result<Option<Greeted>, TlsError> {
        while !read.is_empty() {
            self.acceptor.read_tls(&mut read)?;
            match self.acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    let name = hello.server_name();
                    let (config, certificate) =
                        endpoint.choose(name, host, hello.signature_schemes())?;
                    self.sni = name.map(|name| name.to_ascii_lowercase().into());
                    let tls = UnbufferedServerConnection::new(config)
                        .map_err(|error| TlsError::Handshake(error.to_string()))?;
                    return Ok(Some((tls, certificate)));
                }
                Err((error, mut alert)) => {
                    alert.write_all(&mut PolledWriter { raw, cx }).ok();
                    return Err(TlsError::Handshake(error.to_string()));
                }
            }
        }
        Ok(None)
    }
}
