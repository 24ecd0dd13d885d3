//! Stanza traffic: archive, offline, carbons, push, stream features.

use super::shared::{
    CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, HOSTS, QUEUE_TYPE, USE_CACHE, VCARD,
};
use crate::catalogue::kinds::{
    DefaultValue, FROM_ZERO_OR_INFINITY, ModuleSpec, PORT, POSITIVE_OR_INFINITY, SECONDS,
    SECONDS_OR_INFINITY, TEXT, Type, field, int, list, option, options,
};

/// `mod_auth_fast`.
#[rustfmt::skip]
pub(crate) static MOD_AUTH_FAST: ModuleSpec = ModuleSpec {
    name: "mod_auth_fast",
    doc: "Fast login with tokens (XEP-0484).",
    since: "24.12",
    options: &[
        option("db_type", Type::DbType("mod_auth_fast"), DefaultValue::OfOr("default_db", "mnesia")).since("24.12")
            .doc("Where it keeps its data."),
        option("token_lifetime", SECONDS, DefaultValue::Millis(2592000000)).since("24.12")
            .doc("How long a login token is valid."),
        option("token_refresh_age", SECONDS, DefaultValue::Millis(86400000)).since("24.12")
            .doc("Age from which a token is replaced."),
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_carboncopy`.
#[rustfmt::skip]
pub(crate) static MOD_CARBONCOPY: ModuleSpec = ModuleSpec {
    name: "mod_carboncopy",
    doc: "Copies of messages to a user's other clients (XEP-0280).",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_client_state`.
#[rustfmt::skip]
pub(crate) static MOD_CLIENT_STATE: ModuleSpec = ModuleSpec {
    name: "mod_client_state",
    doc: "Less traffic for inactive clients (XEP-0352).",
    since: "",
    options: &[
        option("queue_chat_states", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether typing notices wait for an inactive client."),
        option("queue_pep", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether personal events wait for an inactive client."),
        option("queue_presence", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether presence waits for an inactive client."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_legacy_auth`.
#[rustfmt::skip]
pub(crate) static MOD_LEGACY_AUTH: ModuleSpec = ModuleSpec {
    name: "mod_legacy_auth",
    doc: "Login of very old clients (XEP-0078).",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_mam`.
#[rustfmt::skip]
pub(crate) static MOD_MAM: ModuleSpec = ModuleSpec {
    name: "mod_mam",
    doc: "Message archive (XEP-0313).",
    since: "",
    options: &[
        option("access_preferences", Type::Access, DefaultValue::Text("all"))
            .doc("Who may change what is archived."),
        option("archive_muc_as_mucsub", Type::Bool, DefaultValue::Bool(false)).since("25.10")
            .doc("Whether room messages are archived as for subscribers."),
        option("assume_mam_usage", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether every client is taken to read the archive."),
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("clear_archive_on_room_destroy", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether a room's archive goes with the room."),
        option("compress_xml", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether archived stanzas are kept compressed."),
        option("db_type", Type::DbType("mod_mam"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        option("default", Type::Enum(&["always", "never", "roster"]), DefaultValue::Text("never"))
            .doc("Whether messages are archived where the user said nothing."),
        option("request_activates_archiving", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether archiving starts with the user's first question."),
        USE_CACHE,
        option("user_mucsub_from_muc_archive", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether room messages of subscribers are read from the room's archive."),
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_metrics`.
#[rustfmt::skip]
pub(crate) static MOD_METRICS: ModuleSpec = ModuleSpec {
    name: "mod_metrics",
    doc: "Counters sent to a local service.",
    since: "",
    options: &[
        option("ip", Type::Ipv4, DefaultValue::Text("127.0.0.1")),
        option("port", PORT, DefaultValue::Int(11111)),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_multicast`.
#[rustfmt::skip]
pub(crate) static MOD_MULTICAST: ModuleSpec = ModuleSpec {
    name: "mod_multicast",
    doc: "One stanza to several addresses (XEP-0033).",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("all"))
            .doc("Who may use it."),
        option("host", Type::Host, DefaultValue::Text("multicast.@HOST@"))
            .doc("Domain of the service."),
        HOSTS,
        option(
            "limits",
            options(&[
                field(
                    "local",
                    options(&[field("message", FROM_ZERO_OR_INFINITY), field("presence", FROM_ZERO_OR_INFINITY)]),
                ),
                field(
                    "remote",
                    options(&[field("message", FROM_ZERO_OR_INFINITY), field("presence", FROM_ZERO_OR_INFINITY)]),
                ),
            ]),
            DefaultValue::Map(&[
                (
                    "local",
                    DefaultValue::Map(&[("message", DefaultValue::Int(100)), ("presence", DefaultValue::Int(100))]),
                ),
                (
                    "remote",
                    DefaultValue::Map(&[("message", DefaultValue::Int(20)), ("presence", DefaultValue::Int(20))]),
                ),
            ]),
        ),
        option("name", TEXT, DefaultValue::Text("Multicast"))
            .doc("Name of the service in listings."),
        VCARD,
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_offline`.
#[rustfmt::skip]
pub(crate) static MOD_OFFLINE: ModuleSpec = ModuleSpec {
    name: "mod_offline",
    doc: "Messages kept for offline users (XEP-0160).",
    since: "",
    options: &[
        option("access_max_user_messages", Type::Shaper, DefaultValue::Text("max_user_offline_messages"))
            .doc("Rule that gives the most messages kept for a user."),
        option("bounce_groupchat", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether room messages are returned instead of dropped."),
        CACHE_LIFE_TIME,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_offline"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        option(
            "store_empty_body",
            Type::Either(&[Type::Enum(&["unless_chat_state"]), Type::Bool]),
            DefaultValue::Text("unless_chat_state"),
        )
            .doc("Whether messages without text are kept."),
        option("store_groupchat", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether room messages are kept."),
        USE_CACHE,
        option("use_mam_for_storage", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether the archive serves in place of a store of its own."),
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_ping`.
#[rustfmt::skip]
pub(crate) static MOD_PING: ModuleSpec = ModuleSpec {
    name: "mod_ping",
    doc: "Ping (XEP-0199).",
    since: "",
    options: &[
        option("ping_ack_timeout", SECONDS, DefaultValue::Unset)
            .doc("How long the answer may take."),
        option("ping_interval", SECONDS, DefaultValue::Millis(60000))
            .doc("Silence after which a client is pinged."),
        option("send_pings", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether clients are pinged."),
        option("timeout_action", Type::Enum(&["none", "kill"]), DefaultValue::Text("none"))
            .doc("What happens to a client that does not answer."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_push`.
#[rustfmt::skip]
pub(crate) static MOD_PUSH: ModuleSpec = ModuleSpec {
    name: "mod_push",
    doc: "Push notifications (XEP-0357).",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_push"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        option("include_body", Type::Either(&[Type::Bool, TEXT]), DefaultValue::Text("New message"))
            .doc("Whether the text is told, or another in its place."),
        option("include_sender", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether the sender is told."),
        option("notify_on", Type::Enum(&["messages", "all"]), DefaultValue::Text("all")).since("23.10")
            .doc("What is told to the push service."),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_push_keepalive`.
#[rustfmt::skip]
pub(crate) static MOD_PUSH_KEEPALIVE: ModuleSpec = ModuleSpec {
    name: "mod_push_keepalive",
    doc: "Sessions of push clients kept longer.",
    since: "",
    options: &[
        option("resume_timeout", Type::Either(&[int(0, 0), SECONDS]), DefaultValue::Millis(259200000))
            .doc("How long a session waits for its client."),
        option("wake_on_start", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether clients are told that the server started."),
        option("wake_on_timeout", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether clients are told that their session is about to end."),
    ],
    needs: &["mod_push"],
    wants: &["mod_client_state", "mod_stream_mgmt"],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_s2s_bidi`.
#[rustfmt::skip]
pub(crate) static MOD_S2S_BIDI: ModuleSpec = ModuleSpec {
    name: "mod_s2s_bidi",
    doc: "Server connections used both ways (XEP-0288).",
    since: "24.10",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_s2s_dialback`.
#[rustfmt::skip]
pub(crate) static MOD_S2S_DIALBACK: ModuleSpec = ModuleSpec {
    name: "mod_s2s_dialback",
    doc: "Servers proved by dialback (XEP-0220).",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("all"))
            .doc("Which domains may prove themselves by dialback."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_scram_upgrade`.
#[rustfmt::skip]
pub(crate) static MOD_SCRAM_UPGRADE: ModuleSpec = ModuleSpec {
    name: "mod_scram_upgrade",
    doc: "Stored passwords raised to better hashes (XEP-0480).",
    since: "24.10",
    options: &[
        option(
            "offered_upgrades",
            list(&Type::Enum(&["sha256", "sha512"])),
            DefaultValue::List(&[DefaultValue::Text("sha256"), DefaultValue::Text("sha512")]),
        )
        .since("24.10")
            .doc("Hashes that stored passwords are raised to."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_service_log`.
#[rustfmt::skip]
pub(crate) static MOD_SERVICE_LOG: ModuleSpec = ModuleSpec {
    name: "mod_service_log",
    doc: "Copies of all stanzas for other servers.",
    since: "",
    options: &[
        option("loggers", list(&Type::Domain), DefaultValue::List(&[]))
            .doc("Domains that get a copy of everything."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_stats`.
#[rustfmt::skip]
pub(crate) static MOD_STATS: ModuleSpec = ModuleSpec {
    name: "mod_stats",
    doc: "Statistics for clients (XEP-0039).",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_stream_mgmt`.
#[rustfmt::skip]
pub(crate) static MOD_STREAM_MGMT: ModuleSpec = ModuleSpec {
    name: "mod_stream_mgmt",
    doc: "Confirmation and resumption of streams (XEP-0198).",
    since: "",
    options: &[
        option("ack_timeout", SECONDS_OR_INFINITY, DefaultValue::Millis(60000))
            .doc("How long a confirmation may take."),
        option("cache_life_time", SECONDS_OR_INFINITY, DefaultValue::Millis(172800000))
            .doc("How long cached entries live."),
        CACHE_SIZE,
        option("max_ack_queue", POSITIVE_OR_INFINITY, DefaultValue::Int(5000))
            .doc("Stanzas kept until the client confirms them."),
        option("max_resume_timeout", Type::Either(&[int(0, 0), SECONDS]), DefaultValue::Unset)
            .doc("Longest such time a client may ask for."),
        QUEUE_TYPE,
        option(
            "resend_on_timeout",
            Type::Either(&[Type::Enum(&["if_offline"]), Type::Bool]),
            DefaultValue::Bool(false),
        )
            .doc("What happens to unconfirmed messages of a lost session."),
        option("resume_timeout", Type::Either(&[int(0, 0), SECONDS]), DefaultValue::Millis(300000))
            .doc("How long a lost session may be resumed."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
