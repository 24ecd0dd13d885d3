//! Listen modules and their options.

use super::kinds::{
    DefaultValue, FROM_ZERO, FileUse, ListenerSpec, OptionSpec, POSITIVE, POSITIVE_OR_INFINITY,
    SECONDS_OR_INFINITY, TEXT, Type, field, int, list, map, option, options,
};

/// Options of every listener.
pub static COMMON: &[OptionSpec] = &[
    option("accept_interval", FROM_ZERO, DefaultValue::Int(0)),
    option("backlog", FROM_ZERO, DefaultValue::Int(128)),
    option("ip", Type::Ip, DefaultValue::Text("0.0.0.0")),
    option("module", Type::ModuleName, DefaultValue::Required),
    option(
        "port",
        Type::Either(&[int(0, 65535), Type::Text(Some(r"^unix:.*"))]),
        DefaultValue::Required,
    )
    .since("25.03"),
    option(
        "send_timeout",
        SECONDS_OR_INFINITY,
        DefaultValue::Millis(15000),
    )
    .since("21.07"),
    option("supervisor", Type::Bool, DefaultValue::Bool(true)),
    option(
        "transport",
        Type::Enum(&["tcp", "udp"]),
        DefaultValue::Text("tcp"),
    ),
    option(
        "unix_socket",
        options(&[
            field("group", FROM_ZERO),
            field("mode", Type::Octal),
            field("owner", FROM_ZERO),
        ]),
        DefaultValue::Map(&[]),
    )
    .since("23.10"),
    option("use_proxy_protocol", Type::Bool, DefaultValue::Bool(false)),
];

static EJABBERD_C2S: ListenerSpec = ListenerSpec {
    name: "ejabberd_c2s",
    doc: "",
    transports: &["tcp"],
    options: &[
        option("access", Type::Access, DefaultValue::Text("all")),
        option(
            "allow_unencrypted_sasl2",
            Type::Bool,
            DefaultValue::Bool(false),
        ),
        option("cafile", Type::Pem, DefaultValue::Unset),
        option("ciphers", TEXT, DefaultValue::Unset),
        option("dhfile", Type::File(FileUse::Read), DefaultValue::Unset),
        option("max_fsm_queue", POSITIVE, DefaultValue::Int(10000)),
        option(
            "max_stanza_elements",
            POSITIVE_OR_INFINITY,
            DefaultValue::Text("infinity"),
        )
        .since("26.04"),
        option(
            "max_stanza_size",
            POSITIVE_OR_INFINITY,
            DefaultValue::Text("infinity"),
        ),
        option(
            "pre_auth_max_stanza_elements",
            POSITIVE_OR_INFINITY,
            DefaultValue::Int(32),
        )
        .since("26.04"),
        option(
            "pre_auth_max_stanza_size",
            POSITIVE_OR_INFINITY,
            DefaultValue::Int(8192),
        )
        .since("26.04"),
        option("protocol_options", list(&TEXT), DefaultValue::Unset),
        option("shaper", Type::Shaper, DefaultValue::Text("none")),
        option("starttls", Type::Bool, DefaultValue::Bool(false)),
        option("starttls_required", Type::Bool, DefaultValue::Bool(false)),
        option("tls", Type::Bool, DefaultValue::Bool(false)),
        option("tls_compression", Type::Bool, DefaultValue::Bool(false)),
        option("tls_verify", Type::Bool, DefaultValue::Bool(false)),
        option("zlib", Type::Bool, DefaultValue::Bool(false)),
    ],
};

static EJABBERD_HTTP: ListenerSpec = ListenerSpec {
    name: "ejabberd_http",
    doc: "",
    transports: &["tcp"],
    options: &[
        option(
            "allow_unencrypted_sasl2",
            Type::Bool,
            DefaultValue::Bool(false),
        ),
        option("cafile", Type::Pem, DefaultValue::Unset),
        option("ciphers", TEXT, DefaultValue::Unset),
        option("custom_headers", map(&TEXT, &TEXT), DefaultValue::Map(&[])),
        option("dhfile", Type::File(FileUse::Read), DefaultValue::Unset),
        option("protocol_options", list(&TEXT), DefaultValue::Unset),
        option(
            "request_handlers",
            map(&TEXT, &Type::ModuleName),
            DefaultValue::Map(&[]),
        ),
        option("tag", TEXT, DefaultValue::Text("")),
        option("tls", Type::Bool, DefaultValue::Bool(false)),
        option("tls_compression", Type::Bool, DefaultValue::Bool(false)),
    ],
};

static EJABBERD_S2S_IN: ListenerSpec = ListenerSpec {
    name: "ejabberd_s2s_in",
    doc: "",
    transports: &["tcp"],
    options: &[
        option("cafile", Type::Pem, DefaultValue::Unset),
        option("ciphers", TEXT, DefaultValue::Unset),
        option("dhfile", Type::File(FileUse::Read), DefaultValue::Unset),
        option("max_fsm_queue", POSITIVE, DefaultValue::Int(10000)),
        option(
            "max_stanza_elements",
            POSITIVE_OR_INFINITY,
            DefaultValue::Text("infinity"),
        )
        .since("26.04"),
        option(
            "max_stanza_size",
            POSITIVE_OR_INFINITY,
            DefaultValue::Text("infinity"),
        ),
        option(
            "pre_auth_max_stanza_elements",
            POSITIVE_OR_INFINITY,
            DefaultValue::Int(32),
        )
        .since("26.04"),
        option(
            "pre_auth_max_stanza_size",
            POSITIVE_OR_INFINITY,
            DefaultValue::Int(8192),
        )
        .since("26.04"),
        option("protocol_options", list(&TEXT), DefaultValue::Unset),
        option("shaper", Type::Shaper, DefaultValue::Text("none")),
        option("tls", Type::Bool, DefaultValue::Bool(false)),
        option("tls_compression", Type::Bool, DefaultValue::Bool(false)),
    ],
};

static EJABBERD_SERVICE: ListenerSpec = ListenerSpec {
    name: "ejabberd_service",
    doc: "",
    transports: &["tcp"],
    options: &[
        option("access", Type::Access, DefaultValue::Text("all")),
        option("cafile", Type::Pem, DefaultValue::Unset),
        option("certfile", Type::Pem, DefaultValue::Unset),
        option("check_from", Type::Bool, DefaultValue::Bool(true)),
        option("ciphers", TEXT, DefaultValue::Unset),
        option("dhfile", Type::File(FileUse::Read), DefaultValue::Unset),
        option("global_routes", Type::Bool, DefaultValue::Bool(true)),
        option(
            "hosts",
            map(&Type::Domain, &options(&[field("password", TEXT).secret()])),
            DefaultValue::Map(&[]),
        ),
        option("max_fsm_queue", POSITIVE, DefaultValue::Int(10000)),
        option(
            "max_stanza_size",
            POSITIVE_OR_INFINITY,
            DefaultValue::Text("infinity"),
        ),
        option("password", TEXT, DefaultValue::Unset).secret(),
        option("protocol_options", list(&TEXT), DefaultValue::Unset),
        option("shaper", Type::Shaper, DefaultValue::Text("none")),
        option("shaper_rule", Type::Shaper, DefaultValue::Text("none")),
        option("tls", Type::Bool, DefaultValue::Bool(false)),
        option("tls_compression", Type::Bool, DefaultValue::Bool(false)),
    ],
};

static EJABBERD_SIP: ListenerSpec = ListenerSpec {
    name: "ejabberd_sip",
    doc: "",
    transports: &["udp", "tcp"],
    options: &[
        option("certfile", Type::Pem, DefaultValue::Unset),
        option("tls", Type::Bool, DefaultValue::Bool(false)),
    ],
};

static EJABBERD_STUN: ListenerSpec = ListenerSpec {
    name: "ejabberd_stun",
    doc: "",
    transports: &["udp", "tcp"],
    options: &[
        option("auth_realm", TEXT, DefaultValue::Unset),
        option(
            "auth_type",
            Type::Enum(&["anonymous", "user"]),
            DefaultValue::Text("user"),
        ),
        option("certfile", Type::Pem, DefaultValue::Unset),
        option("server_name", TEXT, DefaultValue::Text("ejabberd")),
        option("shaper", Type::Shaper, DefaultValue::Text("none")),
        option("tls", Type::Bool, DefaultValue::Bool(false)),
        option(
            "turn_blacklist",
            list(&Type::IpMask).or_single(),
            DefaultValue::List(&[
                DefaultValue::Text("127.0.0.0/8"),
                DefaultValue::Text("::1/128"),
            ]),
        ),
        option("turn_ipv4_address", Type::Ipv4, DefaultValue::Unset),
        option("turn_ipv6_address", Type::Ipv6, DefaultValue::Unset),
        option(
            "turn_max_allocations",
            POSITIVE_OR_INFINITY,
            DefaultValue::Int(10),
        ),
        option(
            "turn_max_permissions",
            POSITIVE_OR_INFINITY,
            DefaultValue::Int(10),
        ),
        option("turn_max_port", int(1025, 65535), DefaultValue::Int(65535)),
        option("turn_min_port", int(1025, 65535), DefaultValue::Int(49152)),
        option("use_turn", Type::Bool, DefaultValue::Bool(false)),
    ],
};

static EJABBERD_XMLRPC: ListenerSpec = ListenerSpec {
    name: "ejabberd_xmlrpc",
    doc: "",
    transports: &["tcp"],
    options: &[],
};

static MOD_MQTT: ListenerSpec = ListenerSpec {
    name: "mod_mqtt",
    doc: "",
    transports: &["tcp"],
    options: &[
        option("max_fsm_queue", POSITIVE, DefaultValue::Int(10000)),
        option(
            "max_payload_size",
            POSITIVE_OR_INFINITY,
            DefaultValue::Text("infinity"),
        ),
        option("tls", Type::Bool, DefaultValue::Bool(false)),
        option("tls_verify", Type::Bool, DefaultValue::Bool(false)),
    ],
};

static MOD_PROXY65_STREAM: ListenerSpec = ListenerSpec {
    name: "mod_proxy65_stream",
    doc: "",
    transports: &["tcp"],
    options: &[],
};

/// Every module that may stand in `listen`, by name.
pub static LISTENERS: &[&ListenerSpec] = &[
    &EJABBERD_C2S,
    &EJABBERD_HTTP,
    &EJABBERD_S2S_IN,
    &EJABBERD_SERVICE,
    &EJABBERD_SIP,
    &EJABBERD_STUN,
    &EJABBERD_XMLRPC,
    &MOD_MQTT,
    &MOD_PROXY65_STREAM,
];

/// Modules that may stand in `request_handlers` of `ejabberd_http`.
pub static HANDLERS: &[&str] = &[
    "ejabberd_acme",
    "ejabberd_captcha",
    "ejabberd_ctl",
    "ejabberd_http_ws",
    "ejabberd_oauth",
    "ejabberd_web_admin",
    "ejabberd_xmlrpc",
    "mod_bosh",
    "mod_conversejs",
    "mod_host_meta",
    "mod_http_api",
    "mod_http_fileserver",
    "mod_http_upload",
    "mod_invites",
    "mod_matrix_gw",
    "mod_mqtt",
    "mod_providers",
    "mod_register_web",
];
