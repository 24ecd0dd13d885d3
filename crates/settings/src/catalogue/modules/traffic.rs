//! Stanza traffic: archive, offline, carbons, push, stream features.

use super::shared::{
    CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, HOSTS, QUEUE_TYPE, USE_CACHE, VCARD,
};
use crate::catalogue::kinds::{
    DefaultValue, FROM_ZERO_OR_INFINITY, ModuleSpec, PORT, POSITIVE_OR_INFINITY, SECONDS,
    SECONDS_OR_INFINITY, TEXT, Type, field, int, list, option, options,
};

/// `mod_auth_fast`.
pub(crate) static MOD_AUTH_FAST: ModuleSpec = ModuleSpec {
    name: "mod_auth_fast",
    doc: "",
    since: "24.12",
    options: &[
        option(
            "db_type",
            Type::DbType("mod_auth_fast"),
            DefaultValue::OfOr("default_db", "mnesia"),
        )
        .since("24.12"),
        option("token_lifetime", SECONDS, DefaultValue::Millis(2592000000)).since("24.12"),
        option("token_refresh_age", SECONDS, DefaultValue::Millis(86400000)).since("24.12"),
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_carboncopy`.
pub(crate) static MOD_CARBONCOPY: ModuleSpec = ModuleSpec {
    name: "mod_carboncopy",
    doc: "",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_client_state`.
pub(crate) static MOD_CLIENT_STATE: ModuleSpec = ModuleSpec {
    name: "mod_client_state",
    doc: "",
    since: "",
    options: &[
        option("queue_chat_states", Type::Bool, DefaultValue::Bool(true)),
        option("queue_pep", Type::Bool, DefaultValue::Bool(true)),
        option("queue_presence", Type::Bool, DefaultValue::Bool(true)),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_legacy_auth`.
pub(crate) static MOD_LEGACY_AUTH: ModuleSpec = ModuleSpec {
    name: "mod_legacy_auth",
    doc: "",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_mam`.
pub(crate) static MOD_MAM: ModuleSpec = ModuleSpec {
    name: "mod_mam",
    doc: "",
    since: "",
    options: &[
        option(
            "access_preferences",
            Type::Access,
            DefaultValue::Text("all"),
        ),
        option(
            "archive_muc_as_mucsub",
            Type::Bool,
            DefaultValue::Bool(false),
        )
        .since("25.10"),
        option("assume_mam_usage", Type::Bool, DefaultValue::Bool(false)),
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option(
            "clear_archive_on_room_destroy",
            Type::Bool,
            DefaultValue::Bool(true),
        ),
        option("compress_xml", Type::Bool, DefaultValue::Bool(false)),
        option(
            "db_type",
            Type::DbType("mod_mam"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        option(
            "default",
            Type::Enum(&["always", "never", "roster"]),
            DefaultValue::Text("never"),
        ),
        option(
            "request_activates_archiving",
            Type::Bool,
            DefaultValue::Bool(false),
        ),
        USE_CACHE,
        option(
            "user_mucsub_from_muc_archive",
            Type::Bool,
            DefaultValue::Bool(false),
        ),
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_metrics`.
pub(crate) static MOD_METRICS: ModuleSpec = ModuleSpec {
    name: "mod_metrics",
    doc: "",
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
pub(crate) static MOD_MULTICAST: ModuleSpec = ModuleSpec {
    name: "mod_multicast",
    doc: "",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("all")),
        option("host", Type::Host, DefaultValue::Text("multicast.@HOST@")),
        HOSTS,
        option(
            "limits",
            options(&[
                field(
                    "local",
                    options(&[
                        field("message", FROM_ZERO_OR_INFINITY),
                        field("presence", FROM_ZERO_OR_INFINITY),
                    ]),
                ),
                field(
                    "remote",
                    options(&[
                        field("message", FROM_ZERO_OR_INFINITY),
                        field("presence", FROM_ZERO_OR_INFINITY),
                    ]),
                ),
            ]),
            DefaultValue::Map(&[
                (
                    "local",
                    DefaultValue::Map(&[
                        ("message", DefaultValue::Int(100)),
                        ("presence", DefaultValue::Int(100)),
                    ]),
                ),
                (
                    "remote",
                    DefaultValue::Map(&[
                        ("message", DefaultValue::Int(20)),
                        ("presence", DefaultValue::Int(20)),
                    ]),
                ),
            ]),
        ),
        option("name", TEXT, DefaultValue::Text("Multicast")),
        VCARD,
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_offline`.
pub(crate) static MOD_OFFLINE: ModuleSpec = ModuleSpec {
    name: "mod_offline",
    doc: "",
    since: "",
    options: &[
        option(
            "access_max_user_messages",
            Type::Shaper,
            DefaultValue::Text("max_user_offline_messages"),
        ),
        option("bounce_groupchat", Type::Bool, DefaultValue::Bool(false)),
        CACHE_LIFE_TIME,
        CACHE_SIZE,
        option(
            "db_type",
            Type::DbType("mod_offline"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        option(
            "store_empty_body",
            Type::Either(&[Type::Enum(&["unless_chat_state"]), Type::Bool]),
            DefaultValue::Text("unless_chat_state"),
        ),
        option("store_groupchat", Type::Bool, DefaultValue::Bool(false)),
        USE_CACHE,
        option("use_mam_for_storage", Type::Bool, DefaultValue::Bool(false)),
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_ping`.
pub(crate) static MOD_PING: ModuleSpec = ModuleSpec {
    name: "mod_ping",
    doc: "",
    since: "",
    options: &[
        option("ping_ack_timeout", SECONDS, DefaultValue::Unset),
        option("ping_interval", SECONDS, DefaultValue::Millis(60000)),
        option("send_pings", Type::Bool, DefaultValue::Bool(false)),
        option(
            "timeout_action",
            Type::Enum(&["none", "kill"]),
            DefaultValue::Text("none"),
        ),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_push`.
pub(crate) static MOD_PUSH: ModuleSpec = ModuleSpec {
    name: "mod_push",
    doc: "",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option(
            "db_type",
            Type::DbType("mod_push"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        option(
            "include_body",
            Type::Either(&[Type::Bool, TEXT]),
            DefaultValue::Text("New message"),
        ),
        option("include_sender", Type::Bool, DefaultValue::Bool(false)),
        option(
            "notify_on",
            Type::Enum(&["messages", "all"]),
            DefaultValue::Text("all"),
        )
        .since("23.10"),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_push_keepalive`.
pub(crate) static MOD_PUSH_KEEPALIVE: ModuleSpec = ModuleSpec {
    name: "mod_push_keepalive",
    doc: "",
    since: "",
    options: &[
        option(
            "resume_timeout",
            Type::Either(&[int(0, 0), SECONDS]),
            DefaultValue::Millis(259200000),
        ),
        option("wake_on_start", Type::Bool, DefaultValue::Bool(false)),
        option("wake_on_timeout", Type::Bool, DefaultValue::Bool(true)),
    ],
    needs: &["mod_push"],
    wants: &["mod_client_state", "mod_stream_mgmt"],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_s2s_bidi`.
pub(crate) static MOD_S2S_BIDI: ModuleSpec = ModuleSpec {
    name: "mod_s2s_bidi",
    doc: "",
    since: "24.10",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_s2s_dialback`.
pub(crate) static MOD_S2S_DIALBACK: ModuleSpec = ModuleSpec {
    name: "mod_s2s_dialback",
    doc: "",
    since: "",
    options: &[option("access", Type::Access, DefaultValue::Text("all"))],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_scram_upgrade`.
pub(crate) static MOD_SCRAM_UPGRADE: ModuleSpec = ModuleSpec {
    name: "mod_scram_upgrade",
    doc: "",
    since: "24.10",
    options: &[option(
        "offered_upgrades",
        list(&Type::Enum(&["sha256", "sha512"])),
        DefaultValue::List(&[DefaultValue::Text("sha256"), DefaultValue::Text("sha512")]),
    )
    .since("24.10")],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_service_log`.
pub(crate) static MOD_SERVICE_LOG: ModuleSpec = ModuleSpec {
    name: "mod_service_log",
    doc: "",
    since: "",
    options: &[option(
        "loggers",
        list(&Type::Domain),
        DefaultValue::List(&[]),
    )],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_stats`.
pub(crate) static MOD_STATS: ModuleSpec = ModuleSpec {
    name: "mod_stats",
    doc: "",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_stream_mgmt`.
pub(crate) static MOD_STREAM_MGMT: ModuleSpec = ModuleSpec {
    name: "mod_stream_mgmt",
    doc: "",
    since: "",
    options: &[
        option(
            "ack_timeout",
            SECONDS_OR_INFINITY,
            DefaultValue::Millis(60000),
        ),
        option(
            "cache_life_time",
            SECONDS_OR_INFINITY,
            DefaultValue::Millis(172800000),
        ),
        CACHE_SIZE,
        option(
            "max_ack_queue",
            POSITIVE_OR_INFINITY,
            DefaultValue::Int(5000),
        ),
        option(
            "max_resume_timeout",
            Type::Either(&[int(0, 0), SECONDS]),
            DefaultValue::Unset,
        ),
        QUEUE_TYPE,
        option(
            "resend_on_timeout",
            Type::Either(&[Type::Enum(&["if_offline"]), Type::Bool]),
            DefaultValue::Bool(false),
        ),
        option(
            "resume_timeout",
            Type::Either(&[int(0, 0), SECONDS]),
            DefaultValue::Millis(300000),
        ),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
