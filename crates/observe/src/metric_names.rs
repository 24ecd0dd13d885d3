//! The metrics of this server: one table of names, units and meanings, for the code, the exporter and the documentation.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts values in ranges.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Name with unit, in the manner of Prometheus.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// Labels, each with few values: never a user's name or address.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub help: &'static str,
}

/// The names, for `metrics::counter!` and its kin.
pub mod names {
    /// Connections accepted.
    pub const CONNECTIONS_ACCEPTED: &str = "rookery_connections_accepted_total";
    /// Connections open now.
    pub const CONNECTIONS_OPEN: &str = "rookery_connections_open";
    /// TLS handshakes finished or failed.
    pub const TLS_HANDSHAKES: &str = "rookery_tls_handshakes_total";
    /// Bytes of XML that clients have sent.
    pub const C2S_RECEIVED_BYTES: &str = "rookery_c2s_received_bytes_total";
    /// Tasks that ended in a panic.
    pub const TASK_PANICS: &str = "rookery_task_panics_total";
    /// Attempts to authenticate.
    pub const AUTHENTICATIONS: &str = "rookery_authentications_total";
    /// Sessions with a bound resource, including those waiting to be resumed.
    pub const SESSIONS_OPEN: &str = "rookery_sessions_open";
    /// Sessions without a connection that can still be resumed.
    pub const SESSIONS_DETACHED: &str = "rookery_sessions_detached";
    /// Streams taken up again (XEP-0198).
    pub const SESSIONS_RESUMED: &str = "rookery_sessions_resumed_total";
    /// Stanzas routed.
    pub const STANZAS: &str = "rookery_stanzas_total";
    /// Stanzas that could not be delivered.
    pub const STANZAS_BOUNCED: &str = "rookery_stanzas_bounced_total";
    /// Sessions stalled or closed because their queue was full.
    pub const MAILBOX_OVERFLOWS: &str = "rookery_mailbox_overflows_total";
    /// Messages kept for users who are away.
    pub const OFFLINE_STORED: &str = "rookery_offline_messages_stored_total";
    /// Transactions committed by the store.
    pub const STORE_COMMITS: &str = "rookery_store_commits_total";
    /// How long commits take.
    pub const STORE_COMMIT_SECONDS: &str = "rookery_store_commit_seconds";
    /// Log lines lost.
    pub const LOG_LINES_DROPPED: &str = "rookery_log_lines_dropped_total";
    /// Erlang nodes that connected, or tried to.
    pub const ERLANG_HANDSHAKES: &str = "rookery_erlang_handshakes_total";
    /// Relays that are open (TURN).
    pub const TURN_ALLOCATIONS: &str = "rookery_turn_allocations";
    /// Datagrams relayed.
    pub const TURN_PACKETS: &str = "rookery_turn_packets_total";
    /// Payload bytes relayed.
    pub const TURN_BYTES: &str = "rookery_turn_bytes_total";
    /// Datagrams that were not relayed.
    pub const TURN_DROPPED: &str = "rookery_turn_dropped_total";
    /// Requests of relays that were refused.
    pub const TURN_REFUSALS: &str = "rookery_turn_refusals_total";
    /// Memory of this process.
    pub const RESIDENT_BYTES: &str = "process_resident_memory_bytes";
    /// Open descriptors of this process.
    pub const OPEN_FDS: &str = "process_open_fds";
}

const fn metric(
    name: &'static str,
    kind: MetricKind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, labels, help }
}

/// Every metric of the server core.
pub const METRICS: &[Metric] = &[
    metric(
        names::CONNECTIONS_ACCEPTED,
        MetricKind::Counter,
        &["listener"],
        "Connections accepted.",
    ),
    metric(names::CONNECTIONS_OPEN, MetricKind::Gauge, &[], "Connections open now."),
    metric(names::C2S_RECEIVED_BYTES, MetricKind::Counter, &[], "Bytes of XML from clients."),
    metric(names::TASK_PANICS, MetricKind::Counter, &[], "Tasks that ended in a panic."),
    metric(
        names::TLS_HANDSHAKES,
        MetricKind::Counter,
        &["result"],
        "TLS handshakes, by ok, failed or timeout.",
    ),
    metric(
        names::AUTHENTICATIONS,
        MetricKind::Counter,
        &["mechanism", "result"],
        "Attempts to authenticate.",
    ),
    metric(names::SESSIONS_OPEN, MetricKind::Gauge, &["host"], "Sessions with a bound resource."),
    metric(
        names::SESSIONS_DETACHED,
        MetricKind::Gauge,
        &["host"],
        "Sessions that wait to be resumed.",
    ),
    metric(
        names::SESSIONS_RESUMED,
        MetricKind::Counter,
        &["host"],
        "Sessions resumed after a lost connection.",
    ),
    metric(
        names::STANZAS,
        MetricKind::Counter,
        &["kind"],
        "Stanzas routed, by message, presence or iq.",
    ),
    metric(
        names::STANZAS_BOUNCED,
        MetricKind::Counter,
        &["condition"],
        "Stanzas answered with an error.",
    ),
    metric(
        names::MAILBOX_OVERFLOWS,
        MetricKind::Counter,
        &[],
        "Sessions stalled or closed by a full queue.",
    ),
    metric(
        names::OFFLINE_STORED,
        MetricKind::Counter,
        &["host"],
        "Messages kept for users who are away.",
    ),
    metric(names::STORE_COMMITS, MetricKind::Counter, &[], "Transactions committed."),
    metric(
        names::STORE_COMMIT_SECONDS,
        MetricKind::Histogram,
        &[],
        "Time from the first change of a group to its commit.",
    ),
    metric(
        names::LOG_LINES_DROPPED,
        MetricKind::Counter,
        &[],
        "Log lines lost because the log could not keep up.",
    ),
    metric(
        names::ERLANG_HANDSHAKES,
        MetricKind::Counter,
        &["result"],
        "Erlang nodes, by ok, wrong_cookie, limited, tls, refused or timeout.",
    ),
    metric(names::TURN_ALLOCATIONS, MetricKind::Gauge, &[], "Relays that are open (TURN)."),
    metric(names::TURN_PACKETS, MetricKind::Counter, &["direction"], "Datagrams relayed."),
    metric(names::TURN_BYTES, MetricKind::Counter, &["direction"], "Payload bytes relayed."),
    metric(
        names::TURN_DROPPED,
        MetricKind::Counter,
        &[],
        "Datagrams without permission or channel, or beyond the rate.",
    ),
    metric(
        names::TURN_REFUSALS,
        MetricKind::Counter,
        &["reason"],
        "Requests of relays that were refused.",
    ),
    metric(names::RESIDENT_BYTES, MetricKind::Gauge, &[], "Resident memory of the process."),
    metric(names::OPEN_FDS, MetricKind::Gauge, &[], "Open file descriptors of the process."),
];
