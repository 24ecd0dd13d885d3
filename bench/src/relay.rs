//! The yardstick: a bare tokio-rustls relay that pairs TLS connections in order of their arrival and copies decrypted bytes
//! from one to the other, re-encrypted. It keeps no buffer per connection: one read, one write.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::{BenchError, Doing};

/// Largest TLS record, thus the most that one read returns.
const RECORD_BYTES_MAX: usize = 16 * 1024;

thread_local! {
    /// The only buffer, shared by all connections: nothing stays in it between two polls.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; RECORD_BYTES_MAX]);
}

/// Options of the relay.
#[derive(Debug, clap::Args)]
pub(crate) struct RelayOptions {
    /// Address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// PEM file with the private key and the certificate.
    #[arg(long)]
    pem: PathBuf,
}

/// Serves until the process is ended.
pub(crate) fn serve(options: &RelayOptions) -> Result<(), BenchError> {
    let acceptor = TlsAcceptor::from(Arc::new(tls_config(options)?));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .doing(|| "start tokio".to_owned())?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(options.listen)
            .await
            .doing(|| format!("listen on {}", options.listen))?;
        let waiting: Waiting = Rc::default();
        loop {
            let (tcp, _) = listener.accept().await.doing(|| "accept".to_owned())?;
            spawn(serve_one(tcp, acceptor.clone(), Rc::clone(&waiting)));
        }
    })
}

/// The way to the connection that has no partner yet.
type Waiting = Rc<RefCell<Option<oneshot::Sender<TlsStream<TcpStream>>>>>;

#[expect(clippy::disallowed_methods, reason = "the relay has no kernel and ends with its process")]
fn spawn(task: impl Future<Output = ()> + 'static) {
    drop(tokio::task::spawn_local(task));
}

async fn serve_one(tcp: TcpStream, acceptor: TlsAcceptor, waiting: Waiting) {
    let Ok(()) = tcp.set_nodelay(true) else {
        return;
    };
    let Ok(stream) = acceptor.accept(tcp).await else {
        return;
    };
    let partner = waiting.borrow_mut().take();
    let stream = match partner {
        None => stream,
        Some(partner) => match partner.send(stream) {
            Ok(()) => return,
            // The one that waited has gone.
            Err(stream) => stream,
        },
    };
    let (sender, receiver) = oneshot::channel();
    *waiting.borrow_mut() = Some(sender);
    // A task of its own, so that the larger state of the handshake is freed.
    spawn(relay(stream, receiver));
}

async fn relay(
    mut one: TlsStream<TcpStream>,
    mut partner: oneshot::Receiver<TlsStream<TcpStream>>,
) {
    let (mut forth, mut back) = (Vec::new(), Vec::new());
    let Some(mut other) = poll_fn(|cx| wait(cx, &mut one, &mut partner, &mut forth)).await else {
        return;
    };
    poll_fn(|cx| {
        let forth = copy(cx, &mut one, &mut other, &mut forth);
        let back = copy(cx, &mut other, &mut one, &mut back);
        if forth.is_ready() || back.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Waits for a partner; what `one` sends early is kept, at most two records of it. `None` when `one` has closed or failed.
fn wait(
    cx: &mut Context<'_>,
    one: &mut TlsStream<TcpStream>,
    partner: &mut oneshot::Receiver<TlsStream<TcpStream>>,
    early: &mut Vec<u8>,
) -> Poll<Option<TlsStream<TcpStream>>> {
    if let Poll::Ready(partner) = Pin::new(partner).poll(cx) {
        return Poll::Ready(partner.ok());
    }
    while early.len() < RECORD_BYTES_MAX {
        let closed = BUFFER.with_borrow_mut(|buffer| {
            let mut read = ReadBuf::new(buffer);
            let read_result = ready!(Pin::new(&mut *one).poll_read(cx, &mut read));
            early.extend_from_slice(read.filled());
            Poll::Ready(read_result.is_err() || read.filled().is_empty())
        });
        if ready!(closed) {
            return Poll::Ready(None);
        }
    }
    Poll::Pending
}

/// Copies until nothing can be read or written; ready when one end has closed or failed. `blocked` holds what the writer could
/// not take, at most one read, and nothing is read as long as it is not empty.
fn copy(
    cx: &mut Context<'_>,
    from: &mut TlsStream<TcpStream>,
    to: &mut TlsStream<TcpStream>,
    blocked: &mut Vec<u8>,
) -> Poll<()> {
    loop {
        while !blocked.is_empty() {
            match ready!(Pin::new(&mut *to).poll_write(cx, blocked)) {
                Ok(count) if count > 0 => drop(blocked.drain(..count)),
                _ => return Poll::Ready(()),
            }
        }
        // A flush that has to wait is continued by the next call: this one has registered the waker.
        if let Poll::Ready(Err(_)) = Pin::new(&mut *to).poll_flush(cx) {
            return Poll::Ready(());
        }
        let once = BUFFER.with_borrow_mut(|buffer| copy_once(cx, from, to, buffer, blocked));
        if ready!(once).is_err() {
            return Poll::Ready(());
        }
    }
}

/// One of the two ends has closed or failed.
struct Closed;

/// One read and one write.
fn copy_once(
    cx: &mut Context<'_>,
    from: &mut TlsStream<TcpStream>,
    to: &mut TlsStream<TcpStream>,
    buffer: &mut [u8],
    blocked: &mut Vec<u8>,
) -> Poll<Result<(), Closed>> {
    let mut read = ReadBuf::new(buffer);
    match ready!(Pin::new(from).poll_read(cx, &mut read)) {
        Ok(()) if !read.filled().is_empty() => {}
        _ => return Poll::Ready(Err(Closed)),
    }
    let bytes = read.filled();
    let written = match Pin::new(to).poll_write(cx, bytes) {
        Poll::Ready(Ok(count)) => count,
        Poll::Ready(Err(_)) => return Poll::Ready(Err(Closed)),
        Poll::Pending => 0,
    };
    blocked.extend_from_slice(&bytes[written..]);
    Poll::Ready(Ok(()))
}

fn tls_config(options: &RelayOptions) -> Result<ServerConfig, BenchError> {
    let bad = |what: &str| BenchError::Usage(format!("{what} in {}", options.pem.display()));
    let key = PrivateKeyDer::from_pem_file(&options.pem).map_err(|_| bad("no private key"))?;
    let chain = CertificateDer::pem_file_iter(&options.pem)
        .and_then(Iterator::collect)
        .map_err(|_| bad("no certificate"))?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).map_err(
            |source| BenchError::Tls { peer: "the relay's own configuration".to_owned(), source },
        )?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    Ok(config)
}
