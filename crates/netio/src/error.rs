//! What can go wrong below a protocol, by whose fault.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a connection could not be secured, or a TLS endpoint not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The peer did not finish its handshake in time.
    #[error("the TLS handshake was not finished within {after:?}")]
    Timeout {
        /// The limit that passed.
        after: Duration,
    },
    /// The peer closed the connection during the handshake.
    #[error("the peer closed the connection during the TLS handshake")]
    Closed,
    /// The peer broke the protocol, or shares no version, cipher or application protocol with this server.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    /// The connection is under TLS already.
    #[error("the connection is already encrypted")]
    AlreadyTls,
    /// No certificate at all can be presented.
    #[error("there is no certificate to present: add one to `certfiles`")]
    NoCertificate,
    /// A file named in the TLS options cannot be used.
    #[error("{option}: {path}: {why}", path = path.display())]
    File {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// An option asks for something that leaves no way to connect.
    #[error("{option}: {why}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is wrong and how to mend it.
        why: String,
    },
    /// The connection broke.
    #[error("the connection failed during the TLS handshake: {0}")]
    Io(#[from] io::Error),
}

/// Why a listener cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{address} is already in use{by}: stop that program or choose another port", by = by_whom(.by))]
    InUse {
        /// The address asked for.
        address: String,
        /// The program that holds it, as far as the system tells.
        by: Option<String>,
    },
    /// The system refuses the address to this user.
    #[error("no permission to listen on {address}: {mend}")]
    Permission {
        /// The address asked for.
        address: String,
        /// How to mend it.
        mend: String,
    },
    /// The address does not belong to this machine.
    #[error("{address} is not an address of this machine: use one of its own, or `\"::\"` for all")]
    NotOurs {
        /// The address asked for.
        address: String,
    },
    /// A file that is no socket stands where the Unix socket should be.
    #[error("{} exists and is not a socket: remove it or choose another path", .0.display())]
    NotASocket(PathBuf),
    /// Anything else that the system reports.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// The address asked for.
        address: String,
        /// The system's words.
        source: io::Error,
    },
}

fn by_whom(by: &Option<String>) -> String {
    by.as_ref().map(|who| format!(" by {who}")).unwrap_or_default()
}

/// Why a connection from a proxy was refused: its header is missing or malformed.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No complete header came in time.
    #[error(
        "no complete PROXY header within {after:?}: does the proxy send one? (`use_proxy_protocol` is set)"
    )]
    Timeout {
        /// The limit that passed.
        after: Duration,
    },
    /// The peer closed the connection inside the header.
    #[error("the connection was closed inside the PROXY header")]
    Closed,
    /// The bytes are not a PROXY header of version 1 or 2.
    #[error("malformed PROXY header: {0}")]
    Malformed(&'static str),
    /// The connection broke.
    #[error("the connection failed inside the PROXY header: {0}")]
    Io(#[from] io::Error),
}
