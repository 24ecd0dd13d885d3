//! The options of `ejabberd_c2s`, and the top-level ones that clients meet.

use std::time::Duration;

use access::{Access, RuleRef, ShaperRef};
use kernel::doors::Open;
use netio::TlsOptions;
use settings::{Problem, Section};
use xmlstream::Limits;

/// What the listener honours besides the common options.
pub(crate) const LISTENER_OPTIONS: &[&str] = &[
    "access",
    "allow_unencrypted_sasl2",
    "cafile",
    "ciphers",
    "dhfile",
    "max_fsm_queue",
    "max_stanza_elements",
    "max_stanza_size",
    "pre_auth_max_stanza_elements",
    "pre_auth_max_stanza_size",
    "protocol_options",
    "shaper",
    "starttls",
    "starttls_required",
    "tls",
    "tls_compression",
    "tls_verify",
    "zlib",
];

/// What is honoured of the top level.
pub(crate) const TOP_LEVEL_OPTIONS: &[&str] = &[
    "auth_password_types_hidden_in_sasl1",
    "c2s_cafile",
    "c2s_ciphers",
    "c2s_dhfile",
    "c2s_protocol_options",
    "c2s_tls_compression",
    "ca_file",
    "disable_sasl_mechanisms",
    "disable_sasl_scram_downgrade_protection",
    "language",
    "max_fsm_queue",
    "negotiation_timeout",
    "resource_conflict",
];

/// What a stanza may weigh when the administrator sets no bound: a bound there must be.
pub(super) const STANZA_BYTES_MAX: u32 = 1 << 20;
/// COMPAT: ejabberd's default of `pre_auth_max_stanza_size`, in bytes.
const PRE_AUTH_BYTES_MAX: u32 = 8192;

/// The options of one listener.
pub(crate) struct C2sOptions {
    pub(crate) access: RuleRef,
    pub(crate) shaper: ShaperRef,
    /// TLS from the first byte (port 5223).
    pub(crate) direct_tls: bool,
    pub(crate) starttls: bool,
    pub(crate) starttls_required: bool,
    /// Whether SASL2 is offered without TLS, for listeners behind a proxy that ends it.
    pub(crate) unencrypted_sasl2: bool,
    pub(crate) tls: TlsOptions,
    /// Whether streams may be compressed (XEP-0138).
    pub(crate) zlib: bool,
    pub(crate) limits: Limits,
    pub(crate) limits_before_auth: Limits,
    pub(crate) negotiation_timeout: Duration,
    pub(crate) send_timeout: Duration,
    /// The length of a session's mailbox in stanzas, if the listener bounds it.
    pub(crate) max_fsm_queue: Option<usize>,
}

impl C2sOptions {
    pub(crate) fn read(open: &Open<'_>) -> Result<Self, Vec<Problem>> {
        let options = &open.listener.options;
        let global = open.config.global();
        let access = Access::from_config(open.config, None)?.0;
        let required = options.bool("starttls_required");
        let bytes = |name: &str, default: u32| match options.limit(name).finite() {
            Some(bytes) => u32::try_from(bytes).unwrap_or(Limits::STANZA_BYTES_CEILING),
            None => default,
        };
        let elements = |name: &str| {
            options
                .limit(name)
                .finite()
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(u32::MAX)
        };
        Ok(Self {
            access: rule(options, |node| access.rule_ref(node))?,
            shaper: shaper(options, |node| access.shaper_ref(node))?,
            direct_tls: options.bool("tls"),
            starttls: offers_starttls(options),
            starttls_required: required,
            unencrypted_sasl2: options.bool("allow_unencrypted_sasl2"),
            tls: tls(open, global),
            zlib: options.bool("zlib"),
            limits: Limits {
                stanza_bytes_max: bytes("max_stanza_size", STANZA_BYTES_MAX),
                elements_max: elements("max_stanza_elements"),
                ..Limits::standard()
            },
            limits_before_auth: Limits {
                stanza_bytes_max: bytes("pre_auth_max_stanza_size", PRE_AUTH_BYTES_MAX)
                    .min(bytes("max_stanza_size", STANZA_BYTES_MAX)),
                elements_max: elements("pre_auth_max_stanza_elements"),
                ..Limits::before_authentication()
            },
            negotiation_timeout: global
                .duration("negotiation_timeout")
                .finite()
                .unwrap_or(Duration::from_secs(120)),
            send_timeout: options
                .duration("send_timeout")
                .finite()
                .unwrap_or(Duration::from_secs(600)),
            // COMPAT: the default counts as not set, so that the top-level option decides.
            max_fsm_queue: options
                .limit("max_fsm_queue")
                .finite()
                .and_then(|count| usize::try_from(count).ok()),
        })
    }
}

fn offers_starttls(options: &Section) -> bool {
    ["starttls", "starttls_required", "tls_verify"].iter().any(|name| options.bool(name))
}

/// Whether a listener has TLS at all, at once or on demand.
pub(super) fn has_tls(options: &Section) -> bool {
    options.bool("tls") || offers_starttls(options)
}

/// The TLS options for clients of one host; the top level stands for hosts without options of their own.
///
/// COMPAT: the top-level `c2s_*` options win over the listener's.
pub(crate) fn tls(open: &Open<'_>, host: &Section) -> TlsOptions {
    TlsOptions {
        alpn: vec![b"xmpp-client".to_vec()],
        ..TlsOptions::for_c2s(&open.listener.options, host, open.config.global())
    }
}

type Read<T> = Result<(T, Vec<settings::Note>), Vec<Problem>>;

fn rule(
    options: &Section,
    read: impl FnOnce(&settings::Node) -> Read<RuleRef>,
) -> Result<RuleRef, Vec<Problem>> {
    match options.node("access") {
        Some(node) => read(node).map(|(rule, _)| rule),
        None => Ok(RuleRef::All),
    }
}

fn shaper(
    options: &Section,
    read: impl FnOnce(&settings::Node) -> Read<ShaperRef>,
) -> Result<ShaperRef, Vec<Problem>> {
    match options.node("shaper") {
        Some(node) => read(node).map(|(rule, _)| rule),
        None => Ok(ShaperRef::named("none")),
    }
}
