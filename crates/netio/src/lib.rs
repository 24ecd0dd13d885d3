//! Network input and output: listeners, transports, TLS, certificates, the PROXY protocol, traffic shapers.
//!
//! Everything a connection needs below its protocol. Nothing here spawns a task, keeps a buffer per idle connection
//! or knows XMPP; types of the TLS library stay inside.

mod bind;
mod cert_files;
mod certs;
mod checks;
mod ciphers;
mod client_cert;
mod configured;
mod datagrams;
mod error;
mod exporter;
mod hello;
mod listener;
mod proxy_protocol;
mod self_signed;
mod shaper;
mod tls;
mod tls_stream;
mod transport;

pub use bind::{Inherited, ListenAddress, ListenSpec, UnixSocketOptions, mark_v6_only};
pub use cert_files::key_files;
pub use certs::{CertOptions, CertProblem, CertStore, Severity};
pub use checks::{CHECKS, CertReport, LISTENER_CHECKS};
pub use client_cert::{ClientCertificate, client_identities};
pub use configured::{LISTEN_OPTIONS, LISTEN_TLS_OPTIONS};
pub use datagrams::{bind_datagram, bind_datagrams};
pub use error::{BindError, ProxyError, TlsError};
pub use listener::{ConnectionLimit, Link, Listener, Local, PeerAddr, Slot, UnixPeer};
pub use proxy_protocol::{
    PROXY_HEADER_BYTES_MAX, PROXY_HEADER_TIMEOUT, ProxyHeader, parse_proxy_header,
};
pub use shaper::Shaper;
pub use tls::{HANDSHAKE_TIMEOUT, TlsEndpoint, TlsNote, TlsOptions};
pub use transport::{READ_BURST_BYTES, TLS_RECORD_BYTES_MAX, TlsInfo, Transport};

#[cfg(test)]
mod tests;
