//! The node: its socket, its name with epmd, and who may connect.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use erl_wire::{Atom, epmd as wire};
use kernel::{Kernel, random};
use netio::{
    BindError, CertOptions, CertStore, ClientCertificate, ConnectionLimit, Inherited, Link,
    ListenSpec, Listener, Severity, TlsEndpoint, TlsError, TlsOptions,
};
use observe::names;
use settings::NodeName;
use stdx::Secret;

use crate::answers::{Answers, Caller};
use crate::connection::Connection;
use crate::cookie::{self, CookieError};
use crate::epmd::{self, Registration};
use crate::handshake::{self, Own, Refusal};
use crate::limiter::Limiter;
use crate::options::{CookieSource, Options, TlsFiles};
use crate::peers::Peers;
use crate::process::Identity;

/// Connections at once; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 256;
/// How long a peer may take from connecting until it has proven the cookie.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(7);

/// Why there is no node.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The cookie.
    #[error(transparent)]
    Cookie(#[from] CookieError),
    /// Certificates and keys.
    #[error("TLS of the Erlang door: {0}")]
    Tls(String),
    /// No port can be opened.
    #[error("the Erlang door: {0}")]
    Bind(#[from] BindError),
    /// Another node has the name, or there is no epmd.
    #[error("the Erlang door cannot register {name} with epmd on port {port}: {why}")]
    Epmd {
        /// The node's name.
        name: String,
        /// epmd's port.
        port: u16,
        /// What went wrong.
        why: String,
    },
}

impl From<TlsError> for StartError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error.to_string())
    }
}

/// A node that accepts connections until the server stops.
pub struct Node {
    name: NodeName,
    places: Vec<(String, &'static str)>,
}

/// What all connections share.
pub(crate) struct Inner {
    pub(crate) kernel: Kernel,
    pub(crate) name: NodeName,
    pub(crate) identity: Identity,
    pub(crate) answers: Arc<dyn Answers>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) tick_time: Duration,
    cookie: Secret,
    limiter: Limiter,
    tls: Option<TlsEndpoint>,
    connections: AtomicU64,
}

impl Node {
    /// Opens the door.
    ///
    /// # Errors
    /// What is in the way, and how to remove it.
    pub async fn start(
        kernel: &Kernel,
        options: Options,
        answers: Arc<dyn Answers>,
    ) -> Result<Self, StartError> {
        let cookie = match &options.cookie {
            CookieSource::Given(cookie) => cookie.clone(),
            CookieSource::File(file) => {
                cookie::read_or_create(file, &Secret::new(random::token()))?
            }
        };
        let tls = match &options.tls {
            Some(files) => Some(endpoint(kernel, files)?),
            None => None,
        };
        let name = kernel.node().clone();
        let listener = bind(&options, &name)?;
        if tls.is_none() && !is_loopback(&listener) {
            tracing::warn!(%name, "the Erlang door is open to other machines without TLS: whoever listens on the way can read and change commands (see docs/erlang.md)");
        }
        let mut places = vec![(
            listener.spec().address.to_string(),
            if tls.is_some() { "erlang-tls" } else { "erlang" },
        )];
        let port = listener.port().unwrap_or_default();
        if let Some(place) = places.first_mut() {
            place.0 = local_text(&listener);
        }
        if let Some(epmd) = options.epmd {
            let node = wire::Node::hidden(name.name(), port);
            let epmd_port = epmd.port;
            let own = Registration::begin(kernel.tasks(), epmd, node).await.map_err(|why| {
                StartError::Epmd { name: name.name().to_owned(), port: epmd_port, why }
            })?;
            places.extend(own.into_iter().flatten().map(|place| (place, "epmd")));
        }
        let atom = Atom::new(name.to_string()).expect("a node name is shorter than an atom");
        let inner = Arc::new(Inner {
            kernel: kernel.clone(),
            identity: Identity::new(atom, epmd::creation()),
            answers,
            peers: Arc::default(),
            tick_time: options.tick_time,
            cookie,
            limiter: Limiter::default(),
            tls,
            connections: AtomicU64::new(0),
            name: name.clone(),
        });
        tracing::info!(node = %name, port, tls = inner.tls.is_some(), "the Erlang door is open");
        kernel.tasks().spawn("erlang door", accept_all(inner, listener));
        Ok(Self { name, places })
    }

    /// Its name.
    pub fn name(&self) -> &NodeName {
        &self.name
    }

    /// Where it listens, with the kind of each socket.
    pub fn places(&self) -> &[(String, &'static str)] {
        &self.places
    }
}

fn local_text(listener: &Listener) -> String {
    match listener.local() {
        netio::Local::Ip(address) => address.to_string(),
        _ => String::new(),
    }
}

fn is_loopback(listener: &Listener) -> bool {
    match listener.local() {
        netio::Local::Ip(address) => address.ip().is_loopback(),
        _ => true,
    }
}

/// The first port of the range that is free.
fn bind(options: &Options, name: &NodeName) -> Result<Listener, BindError> {
    let address = options.listen_address(name);
    let limit = ConnectionLimit::new(CONNECTIONS_MAX);
    let mut last = None;
    for port in options.ports.clone() {
        let spec = ListenSpec::tcp(address, port);
        match Listener::bind(spec, limit.clone(), &mut Inherited::default()) {
            Ok(listener) => return Ok(listener),
            Err(error @ BindError::InUse { .. }) => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.expect("a range of ports is not empty"))
}

/// Peers must show a certificate of the authority; ours is shown to them.
fn endpoint(kernel: &Kernel, files: &TlsFiles) -> Result<TlsEndpoint, StartError> {
    let text = |path: &std::path::Path| path.display().to_string();
    let mut certfiles = vec![text(&files.certificate)];
    if files.key != files.certificate {
        certfiles.push(text(&files.key));
    }
    let options = CertOptions {
        certfiles,
        hosts: vec![kernel.node().host().to_owned()],
        self_signed_dir: None,
    };
    let (store, problems) = CertStore::open(&options, kernel.clock().wall().into());
    for problem in &problems {
        match problem.severity() {
            Severity::Warning => tracing::warn!("the Erlang door: {problem}"),
            _ => return Err(StartError::Tls(problem.to_string())),
        }
    }
    let options = TlsOptions {
        cafile: Some(files.authority.clone()),
        verify_client: true,
        ..TlsOptions::default()
    };
    Ok(TlsEndpoint::new(&options, store)?.0)
}

async fn accept_all(inner: Arc<Inner>, mut listener: Listener) {
    let mut stopping = inner.kernel.tasks().stopping();
    loop {
        let link = tokio::select! {
            link = listener.accept() => link,
            () = stopping.wait() => return,
        };
        let inner = Arc::clone(&inner);
        let tasks = inner.kernel.tasks().clone();
        tasks.spawn("erlang connection", async move { inner.connection(link).await });
    }
}

fn counted(result: &'static str) {
    metrics::counter!(names::ERLANG_HANDSHAKES, "result" => result).increment(1);
}

impl Inner {
    async fn connection(self: Arc<Self>, link: Link) {
        let (address, ip) = (link.peer.to_string(), link.peer.ip());
        let Some(ip) = ip else { return };
        let Some(trying) = self.limiter.begin(ip, self.kernel.clock().now()) else {
            counted("limited");
            return tracing::debug!(address, "too many attempts from there: not even answered");
        };
        let mut stopping = self.kernel.tasks().stopping();
        let accepted = tokio::select! {
            accepted = tokio::time::timeout(HANDSHAKE_PATIENCE, self.accept(link)) => accepted,
            () = stopping.wait() => return,
        };
        drop(trying);
        match accepted {
            Ok(Ok((peer, transport))) => {
                counted("ok");
                let number = self.connections.fetch_add(1, Ordering::Relaxed);
                let caller = Caller { node: peer.name.clone(), address };
                Box::pin(Connection::new(self, caller, &peer, number).run(transport)).await;
            }
            Ok(Err(refusal)) => self.refused(&refusal, &address, ip),
            Err(_) => {
                counted("timeout");
                tracing::info!(address, "a handshake with an Erlang node was not finished in time");
            }
        }
    }

    async fn accept(&self, link: Link) -> Result<(handshake::Peer, netio::Transport), Refusal> {
        let mut transport = link.transport;
        if let Some(endpoint) = &self.tls {
            let limit = HANDSHAKE_PATIENCE;
            let host = self.name.host();
            transport = transport
                .start_tls(endpoint, Some(host), limit)
                .await
                .map_err(|error| Refusal::Tls(error.to_string()))?;
            let now = self.kernel.clock().wall().into();
            match transport.client_certificate(endpoint, host, now) {
                ClientCertificate::Verified { .. } => {}
                ClientCertificate::Absent => {
                    return Err(Refusal::Tls("the peer shows no certificate".to_owned()));
                }
                ClientCertificate::Rejected { why } => return Err(Refusal::Tls(why)),
            }
        }
        let own = Own {
            name: &self.name,
            creation: self.identity.creation,
            cookie: &self.cookie,
            peers: &self.peers,
        };
        let peer = handshake::accept(&mut transport, &own).await?;
        Ok((peer, transport))
    }

    fn refused(&self, refusal: &Refusal, address: &str, ip: IpAddr) {
        match refusal {
            Refusal::Cookie(node) => {
                counted("wrong_cookie");
                tracing::warn!(node, address, "an Erlang node with a wrong cookie was refused");
            }
            Refusal::Tls(why) => {
                counted("tls");
                tracing::warn!(address, why, "an Erlang node was refused by TLS");
            }
            // Somebody looked whether the port is open.
            Refusal::Io(error) => return tracing::debug!(address, %error, "no handshake"),
            refusal => {
                counted("refused");
                tracing::info!(address, "an Erlang node was refused: {refusal}");
            }
        }
        if self.limiter.failed(ip, self.kernel.clock().now()) {
            tracing::warn!(
                address,
                "too many failed attempts from there: it is answered again one by one"
            );
        }
    }
}
