//! A TLS endpoint: what a listener or a host offers, made from ejabberd's options (RFC 7590, RFC 9325).

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureScheme, SupportedCipherSuite};

use crate::cert_files::CertEntry;
use crate::certs::CertStore;
use crate::ciphers::{Protocols, select};
use crate::client_cert::{ClientRoots, TakeAny};
use crate::error::TlsError;
use crate::exporter::ExporterSecrets;

/// A handshake that takes longer is given up, unless the caller says otherwise.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// Prepared configurations kept beyond those of the certificates in use.
const CONFIGS_SPARE: usize = 64;

/// The TLS options of a listener or host, as written in the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// `ciphers`, `c2s_ciphers`: an OpenSSL cipher string.
    pub ciphers: Option<String>,
    /// `protocol_options`, `c2s_protocol_options`: OpenSSL option names, one by one or joined with `|`.
    pub protocol_options: Vec<String>,
    /// `dhfile`, `c2s_dhfile`: has no effect, because there is no finite-field Diffie-Hellman here.
    pub dhfile: Option<PathBuf>,
    /// `cafile`, `c2s_cafile`, else `ca_file`: the authorities that client certificates are judged by.
    pub cafile: Option<PathBuf>,
    /// `tls_compression`, `c2s_tls_compression`: has no effect when true, because compression leaks secrets (CRIME).
    pub tls_compression: Option<bool>,
    /// `tls_verify`: ask clients for a certificate.
    pub verify_client: bool,
    /// Application protocols (RFC 7301); a client that offers others only is refused, one that offers none is let in.
    pub alpn: Vec<Vec<u8>>,
}

/// Something in the TLS options that has another effect than it has in ejabberd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsNote {
    /// The option, without the `c2s_` prefix.
    pub option: &'static str,
    /// What it does or does not do here.
    pub text: String,
}

impl TlsNote {
    pub(crate) fn new(option: &'static str, text: impl Into<String>) -> Self {
        Self { option, text: text.into() }
    }
}

impl fmt::Display for TlsNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.option, self.text)
    }
}

/// What is offered in a handshake, with the certificates of a [`CertStore`]; shared by all connections of a listener.
pub struct TlsEndpoint {
    store: Arc<CertStore>,
    /// For hosts without options of their own.
    offer: Offer,
    by_host: HashMap<String, Offer>,
}

/// What is offered to those who ask for one host.
struct Offer {
    base: ServerConfig,
    client_roots: Option<Arc<ClientRoots>>,
    verify_client: bool,
    /// One configuration per certificate, because the library does not tell which certificate it presented.
    configs: Mutex<HashMap<[u8; 32], Arc<ServerConfig>>>,
}

impl fmt::Debug for TlsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsEndpoint")
            .field("alpn", &self.offer.base.alpn_protocols)
            .field("hosts", &self.by_host.keys())
            .finish_non_exhaustive()
    }
}

/// The one certificate of a configuration.
#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Stands in the base configuration, which is never used for a handshake itself.
#[derive(Debug)]
struct Nobody;

impl ResolvesServerCert for Nobody {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

impl TlsEndpoint {
    /// Prepares an endpoint; the notes say which options have no effect or another one.
    ///
    /// # Errors
    /// [`TlsError::Option`] when the options leave no protocol version or cipher, [`TlsError::File`] when the CA file
    /// cannot be used.
    pub fn new(
        options: &TlsOptions,
        store: Arc<CertStore>,
    ) -> Result<(Self, Vec<TlsNote>), TlsError> {
        let (offer, notes) = Offer::new(options)?;
        Ok((Self { store, offer, by_host: HashMap::new() }, notes))
    }

    /// Gives a host options of its own: for clients that ask for its name (SNI), or else open a stream to it before
    /// STARTTLS. The notes are as those of [`TlsEndpoint::new`].
    ///
    /// # Errors
    /// Those of [`TlsEndpoint::new`].
    pub fn add_host(&mut self, host: &str, options: &TlsOptions) -> Result<Vec<TlsNote>, TlsError> {
        let (offer, notes) = Offer::new(options)?;
        self.by_host.insert(host.to_ascii_lowercase(), offer);
        Ok(notes)
    }

    /// What is offered for the first of these names that has options of its own.
    fn offer<'n>(&self, names: impl IntoIterator<Item = Option<&'n str>>) -> &Offer {
        if self.by_host.is_empty() {
            return &self.offer;
        }
        let own = |name: &str| self.by_host.get(&name.to_ascii_lowercase());
        names.into_iter().flatten().find_map(own).unwrap_or(&self.offer)
    }

    /// The authorities that clients of a host are judged by, whatever name they asked for in the handshake.
    pub(crate) fn client_roots(&self, host: &str) -> Option<&ClientRoots> {
        self.offer([Some(host)]).client_roots.as_deref()
    }

    /// Whether a cipher suite, and with it the protocol version, is one that clients of a host may have, whatever name
    /// they asked for in the handshake.
    pub(crate) fn allows(&self, host: &str, suite: SupportedCipherSuite) -> bool {
        self.offer([Some(host)]).base.crypto_provider().cipher_suites.contains(&suite)
    }

    /// Whether clients are asked for a certificate.
    pub fn verifies_clients(&self) -> bool {
        self.offer.verify_client
    }

    /// The certificate for a host name, and the configuration that presents it: `asked` by the client, or else the
    /// `host` that it opened a stream to.
    pub(crate) fn choose(
        &self,
        asked: Option<&str>,
        host: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Result<(Arc<ServerConfig>, Arc<CertEntry>), TlsError> {
        let entry = self.store.pick(asked.or(host), schemes).ok_or(TlsError::NoCertificate)?;
        Ok((self.offer([asked, host]).config(&self.store, &entry), entry))
    }
}

impl Offer {
    fn new(options: &TlsOptions) -> Result<(Self, Vec<TlsNote>), TlsError> {
        let (protocols, mut notes) = Protocols::read("protocol_options", &options.protocol_options);
        let provider = Self::provider(options, protocols, &mut notes)?;
        let client_roots = Self::client_roots_of(options, &mut notes)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(provider.clone()))
            .with_protocol_versions(&protocols.versions())
            .map_err(|error| TlsError::Option { option: "ciphers", why: error.to_string() })?;
        let builder = if options.verify_client {
            builder.with_client_cert_verifier(Arc::new(TakeAny::new(
                provider,
                client_roots.as_deref(),
            )))
        } else {
            builder.with_no_client_auth()
        };
        let mut base = builder.with_cert_resolver(Arc::new(Nobody));
        base.key_log = Arc::new(ExporterSecrets);
        base.ignore_client_order = protocols.server_order;
        base.alpn_protocols.clone_from(&options.alpn);
        // State for resumption travels in tickets, so that the server keeps nothing per client.
        base.session_storage = Arc::new(NoServerSessionStorage {});
        if protocols.tickets {
            base.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| TlsError::Option {
                option: "protocol_options",
                why: error.to_string(),
            })?;
            base.send_tls13_tickets = 1;
        } else {
            base.send_tls13_tickets = 0;
        }
        if options.dhfile.is_some() {
            notes.push(TlsNote::new(
                "dhfile",
                "has no effect: key exchange is by elliptic curves and ML-KEM only",
            ));
        }
        if options.tls_compression == Some(true) {
            notes.push(TlsNote::new(
                "tls_compression",
                "has no effect: TLS compression leaks secrets and does not exist here",
            ));
        }
        let verify_client = options.verify_client;
        Ok((Self { base, client_roots, verify_client, configs: Mutex::default() }, notes))
    }

    fn provider(
        options: &TlsOptions,
        protocols: Protocols,
        notes: &mut Vec<TlsNote>,
    ) -> Result<CryptoProvider, TlsError> {
        let refuse = |option, why: &str| Err(TlsError::Option { option, why: why.to_owned() });
        if !protocols.tls12 && !protocols.tls13 {
            return refuse(
                "protocol_options",
                "no_tlsv1_2 and no_tlsv1_3 together leave no way to connect: drop one",
            );
        }
        let mut provider = aws_lc_rs::default_provider();
        if let Some(string) = &options.ciphers {
            let (suites, more) = select("ciphers", string);
            notes.extend(more);
            let has12 = suites.iter().any(|suite| suite.tls13().is_none());
            if !has12 && !protocols.tls13 {
                return refuse(
                    "ciphers",
                    "selects no TLS 1.2 cipher, and TLS 1.3 is switched off: allow one of them",
                );
            }
            if !has12 && protocols.tls12 {
                notes.push(TlsNote::new(
                    "ciphers",
                    "selects no TLS 1.2 cipher that this server has: TLS 1.3 only",
                ));
            }
            provider.cipher_suites = suites;
        }
        provider.cipher_suites.retain(|suite| {
            if suite.tls13().is_some() { protocols.tls13 } else { protocols.tls12 }
        });
        Ok(provider)
    }

    fn client_roots_of(
        options: &TlsOptions,
        notes: &mut Vec<TlsNote>,
    ) -> Result<Option<Arc<ClientRoots>>, TlsError> {
        let Some(path) = &options.cafile else {
            if options.verify_client {
                let text =
                    "is on, but there is no `cafile`: every client certificate will be refused";
                notes.push(TlsNote::new("tls_verify", text));
            }
            return Ok(None);
        };
        if !options.verify_client {
            return Ok(None);
        }
        match ClientRoots::read(path) {
            Ok(roots) => Ok(Some(Arc::new(roots))),
            Err(why) => Err(TlsError::File { option: "cafile", path: path.clone(), why }),
        }
    }

    /// The configuration that presents a certificate.
    fn config(&self, store: &CertStore, entry: &CertEntry) -> Arc<ServerConfig> {
        let mut configs = self.configs.lock();
        if let Some(config) = configs.get(&entry.fingerprint) {
            return Arc::clone(config);
        }
        if configs.len() >= store.count() + CONFIGS_SPARE {
            configs.retain(|fingerprint, _| store.holds(fingerprint));
        }
        let mut config = self.base.clone();
        config.cert_resolver = Arc::new(Only(Arc::clone(&entry.key)));
        let config = Arc::new(config);
        configs.insert(entry.fingerprint, Arc::clone(&config));
        config
    }
}
