//! The options of this crate as they stand in `ejabberd.yml`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use settings::{Config, Endpoint, Limit, ListenerConfig, Section, Value};

use crate::bind::{ListenAddress, ListenSpec, UnixSocketOptions};
use crate::certs::CertOptions;
use crate::tls::TlsOptions;

/// The options of `listen` entries that [`ListenSpec`] honours, for the listing of options in force.
pub const LISTEN_OPTIONS: &[&str] =
    &["accept_interval", "backlog", "send_timeout", "unix_socket", "use_proxy_protocol"];

/// The TLS options of listeners that [`TlsOptions`] reads; `dhfile` and `tls_compression` only to say so.
pub const LISTEN_TLS_OPTIONS: &[&str] =
    &["cafile", "ciphers", "dhfile", "protocol_options", "tls_compression", "tls_verify"];

impl ListenSpec {
    /// The socket of a TCP listener; a relative Unix socket path is taken from `spool`.
    ///
    /// Call [`mark_v6_only`](crate::mark_v6_only) over all of them before they are opened.
    pub fn from_config(listener: &ListenerConfig, spool: &Path) -> Self {
        let options = &listener.options;
        let address = match &listener.endpoint {
            Endpoint::Inet { ip, port } => ListenAddress::Tcp((*ip, *port).into()),
            Endpoint::Unix(path) => ListenAddress::Unix(spool.join(path)),
        };
        let unsigned = |name| u64::try_from(options.int(name)).unwrap_or_default();
        let mut spec = Self::new(address);
        spec.accept_interval = Duration::from_millis(unsigned("accept_interval"));
        spec.backlog = u32::try_from(unsigned("backlog")).unwrap_or(u32::MAX);
        spec.send_timeout = options.duration("send_timeout").finite();
        spec.use_proxy_protocol = options.bool("use_proxy_protocol");
        if let Some(socket) = options.section("unix_socket") {
            spec.unix_socket = UnixSocketOptions::from_section(socket);
        }
        spec
    }
}

impl UnixSocketOptions {
    fn from_section(section: &Section) -> Self {
        let id = |name| section.int_if_set(name).and_then(|id| u32::try_from(id).ok());
        // The catalogue lets only octal digits through; bits beyond the permissions are not taken over.
        let mode = section.text("mode").and_then(|digits| u32::from_str_radix(digits, 8).ok());
        Self { mode: mode.map(|mode| mode & 0o777), owner: id("owner"), group: id("group") }
    }
}

impl TlsOptions {
    /// The TLS options of a c2s listener for one host.
    ///
    /// COMPAT: the host's `c2s_*` options win over the listener's. Without a `cafile` in either, `ca_file` counts.
    pub fn for_c2s(listener: &Section, host: &Section, global: &Section) -> Self {
        Self::read(listener, host, global, "c2s_")
    }

    fn read(listener: &Section, host: &Section, global: &Section, prefix: &str) -> Self {
        let pick = |name: &str| -> &Value {
            let prefixed = format!("{prefix}{name}");
            let of_host =
                host.has(&prefixed).then(|| host.get(&prefixed)).filter(|value| !value.is_unset());
            match of_host {
                Some(value) => value,
                None if listener.has(name) => listener.get(name),
                None => &Value::Unset,
            }
        };
        let text = |name: &str| joined(pick(name), ":");
        let path = |name: &str| pick(name).as_str().map(PathBuf::from);
        let authorities = path("cafile").or_else(|| global.text("ca_file").map(PathBuf::from));
        Self {
            ciphers: text("ciphers"),
            protocol_options: joined(pick("protocol_options"), "|").into_iter().collect(),
            dhfile: path("dhfile"),
            cafile: authorities,
            tls_compression: pick("tls_compression").as_bool(),
            verify_client: listener.has("tls_verify") && listener.bool("tls_verify"),
            alpn: Vec::new(),
        }
    }
}

/// A text, or a list of texts put together.
pub(crate) fn joined(value: &Value, with: &str) -> Option<String> {
    match value {
        Value::List(items) => {
            let texts: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            Some(texts.join(with)).filter(|text| !text.is_empty())
        }
        value => value.as_str().map(str::to_owned),
    }
}

impl CertOptions {
    /// `certfiles` and the hosts; self-signed certificates are kept in `self_signed_dir`.
    pub fn from_config(config: &Config, self_signed_dir: Option<PathBuf>) -> Self {
        Self {
            certfiles: config.global().texts("certfiles").into_iter().map(str::to_owned).collect(),
            hosts: config.hosts().to_vec(),
            self_signed_dir,
        }
    }
}

impl From<Limit<u64>> for crate::Shaper {
    /// A plain rate; `infinity` is no limit.
    fn from(rate: Limit<u64>) -> Self {
        rate.finite().map_or(Self::NONE, |rate| Self::new(rate, None))
    }
}
