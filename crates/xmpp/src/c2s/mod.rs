//! Client to server (RFC 6120): `module: ejabberd_c2s`.
//!
//! A connection is negotiated ([`negotiate`]), then becomes the task of a bound session ([`session`]).

mod auth;
mod bind;
mod checks;
mod deliver;
mod end;
mod features;
mod inbound;
mod negotiate;
mod options;
mod panics;
mod resume;
mod sasl2;
mod session;
mod sm;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use kernel::Kernel;
use kernel::doors::{Door, Open};
use netio::{Link, PeerAddr, TlsEndpoint, TlsError, TlsNote};
use settings::Problem;
use settings::audit::Check;

pub(crate) use options::C2sOptions;
pub(crate) use options::TOP_LEVEL_OPTIONS;
pub(crate) use sm::StreamMgmt;
pub use sm::restore as restore_sessions;

/// A listener for clients.
pub struct C2s {
    kernel: Kernel,
    options: C2sOptions,
    tls: Arc<TlsEndpoint>,
}

impl Door for C2s {
    const NAME: &'static str = "ejabberd_c2s";
    const OPTIONS: &'static [&'static str] = options::LISTENER_OPTIONS;
    const CHECKS: &'static [Check] = checks::CHECKS;

    fn open(open: &Open<'_>) -> Result<Self, Vec<Problem>> {
        let options = C2sOptions::read(open)?;
        let tls = endpoint(open, &options)
            .map_err(|error| vec![Problem::new(open.listener.pos, error.to_string())])?;
        Ok(Self { kernel: open.kernel.clone(), options, tls: Arc::new(tls) })
    }

    async fn serve(self: Arc<Self>, mut link: Link) {
        if let Err(error) = link.establish().await {
            tracing::info!(peer = %link.peer, %error, "closed a connection without a valid PROXY header");
            return;
        }
        // Boxed: what negotiation needs is given back before the session begins to wait.
        if let Some(session) = Box::pin(negotiate::negotiate(self, link)).await {
            session.run().await;
        }
    }
}

/// TLS as the listener and each host want it.
fn endpoint(open: &Open<'_>, options: &C2sOptions) -> Result<TlsEndpoint, TlsError> {
    let listener = open.listener.options.title();
    let say = |notes: Vec<TlsNote>, host: &str| {
        for TlsNote { option, text } in notes {
            tracing::warn!(listener, host, option, "{text}");
        }
    };
    let (mut tls, notes) = TlsEndpoint::new(&options.tls, open.kernel.certs().clone())?;
    say(notes, "");
    for host in open.config.hosts() {
        let own = options::tls(open, open.config.host(host));
        if own != options.tls {
            say(tls.add_host(host, &own)?, host);
        }
    }
    Ok(tls)
}

fn socket_of(peer: &PeerAddr) -> Option<std::net::SocketAddr> {
    match peer {
        PeerAddr::Ip(address) => Some(*address),
        PeerAddr::Unix(_) | PeerAddr::Memory => None,
    }
}
