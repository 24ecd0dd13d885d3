//! Listen modules and their options.

use super::kinds::{
    DefaultValue, FROM_ZERO, FileUse, ListenerSpec, OptionSpec, POSITIVE, POSITIVE_OR_INFINITY,
    SECONDS_OR_INFINITY, TEXT, Type, field, int, list, map, option, options,
};

/// Options of every listener.
#[rustfmt::skip]
pub static COMMON: &[OptionSpec] = &[
    option("accept_interval", FROM_ZERO, DefaultValue::Int(0))
        .doc("Milliseconds to wait before each connection is taken."),
    option("backlog", FROM_ZERO, DefaultValue::Int(128))
        .doc("Connections that may wait to be taken."),
    option("ip", Type::Ip, DefaultValue::Text("0.0.0.0"))
        .doc("Address listened on."),
    option("module", Type::ModuleName, DefaultValue::Required)
        .doc("What serves the connections."),
    option("port", Type::Either(&[int(0, 65535), Type::Text(Some(r"^unix:.*"))]), DefaultValue::Required)
    .since("25.03")
        .doc("Port number, or unix: and the path of a socket."),
    option("send_timeout", SECONDS_OR_INFINITY, DefaultValue::Millis(15000)).since("21.07")
        .doc("How long sending may be stuck before the connection is closed."),
    option("supervisor", Type::Bool, DefaultValue::Bool(true))
        .doc("Whether connections are supervised one by one."),
    option("transport", Type::Enum(&["tcp", "udp"]), DefaultValue::Text("tcp"))
        .doc("TCP or UDP."),
    option(
        "unix_socket",
        options(&[field("group", FROM_ZERO), field("mode", Type::Octal), field("owner", FROM_ZERO)]),
        DefaultValue::Map(&[]),
    )
    .since("23.10")
        .doc("Owner, group and mode of a Unix socket."),
    option("use_proxy_protocol", Type::Bool, DefaultValue::Bool(false))
        .doc("Whether a proxy tells the client's address in a PROXY header."),
];

#[rustfmt::skip]
static EJABBERD_C2S: ListenerSpec = ListenerSpec {
    name: "ejabberd_c2s",
    doc: "Connections of clients.",
    transports: &["tcp"],
    options: &[
        option("access", Type::Access, DefaultValue::Text("all"))
            .doc("Who may log in here."),
        option("allow_unencrypted_sasl2", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether clients are offered SASL2 (XEP-0388) without TLS too, for a listener behind a proxy that ends it."),
        option("cafile", Type::Pem, DefaultValue::Unset)
            .doc("Authorities whose certificates are trusted."),
        option("ciphers", TEXT, DefaultValue::Unset)
            .doc("TLS ciphers, in OpenSSL words."),
        option("dhfile", Type::File(FileUse::Read), DefaultValue::Unset)
            .doc("Diffie-Hellman parameters."),
        option("max_fsm_queue", POSITIVE, DefaultValue::Int(10000))
            .doc("Stanzas that may wait for one connection."),
        option("max_stanza_elements", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity")).since("26.04")
            .doc("Most elements in a stanza."),
        option("max_stanza_size", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity"))
            .doc("Largest stanza in bytes."),
        option("pre_auth_max_stanza_elements", POSITIVE_OR_INFINITY, DefaultValue::Int(32)).since("26.04")
            .doc("Most elements in a stanza before login."),
        option("pre_auth_max_stanza_size", POSITIVE_OR_INFINITY, DefaultValue::Int(8192)).since("26.04")
            .doc("Largest stanza in bytes before login."),
        option("protocol_options", list(&TEXT), DefaultValue::Unset)
            .doc("TLS versions and features."),
        option("shaper", Type::Shaper, DefaultValue::Text("none"))
            .doc("Limit on the traffic of each connection."),
        option("starttls", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether encryption is offered."),
        option("starttls_required", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether encryption is demanded."),
        option("tls", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether TLS starts at once."),
        option("tls_compression", Type::Bool, DefaultValue::Bool(false))
            .doc("TLS compression."),
        option("tls_verify", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether a client certificate is asked for and may serve as login."),
        option("zlib", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether the stream may be compressed."),
    ],
};

#[rustfmt::skip]
static EJABBERD_HTTP: ListenerSpec = ListenerSpec {
    name: "ejabberd_http",
    doc: "HTTP: API, web administration, BOSH, WebSocket, uploads.",
    transports: &["tcp"],
    options: &[
        option("allow_unencrypted_sasl2", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether SASL2 is offered without encryption."),
        option("cafile", Type::Pem, DefaultValue::Unset)
            .doc("Authorities whose certificates are trusted."),
        option("ciphers", TEXT, DefaultValue::Unset)
            .doc("TLS ciphers, in OpenSSL words."),
        option("custom_headers", map(&TEXT, &TEXT), DefaultValue::Map(&[]))
            .doc("HTTP headers added to every answer."),
        option("dhfile", Type::File(FileUse::Read), DefaultValue::Unset)
            .doc("Diffie-Hellman parameters."),
        option("protocol_options", list(&TEXT), DefaultValue::Unset)
            .doc("TLS versions and features."),
        option("request_handlers", map(&TEXT, &Type::ModuleName), DefaultValue::Map(&[]))
            .doc("What answers below which path; the first path that fits counts."),
        option("tag", TEXT, DefaultValue::Text(""))
            .doc("Word that `api_permissions` may ask for."),
        option("tls", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether TLS starts at once."),
        option("tls_compression", Type::Bool, DefaultValue::Bool(false))
            .doc("TLS compression."),
    ],
};

#[rustfmt::skip]
static EJABBERD_S2S_IN: ListenerSpec = ListenerSpec {
    name: "ejabberd_s2s_in",
    doc: "Connections of other servers.",
    transports: &["tcp"],
    options: &[
        option("cafile", Type::Pem, DefaultValue::Unset)
            .doc("Authorities whose certificates are trusted."),
        option("ciphers", TEXT, DefaultValue::Unset)
            .doc("TLS ciphers, in OpenSSL words."),
        option("dhfile", Type::File(FileUse::Read), DefaultValue::Unset)
            .doc("Diffie-Hellman parameters."),
        option("max_fsm_queue", POSITIVE, DefaultValue::Int(10000))
            .doc("Stanzas that may wait for one connection."),
        option("max_stanza_elements", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity")).since("26.04")
            .doc("Most elements in a stanza."),
        option("max_stanza_size", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity"))
            .doc("Largest stanza in bytes."),
        option("pre_auth_max_stanza_elements", POSITIVE_OR_INFINITY, DefaultValue::Int(32)).since("26.04")
            .doc("Most elements in a stanza before login."),
        option("pre_auth_max_stanza_size", POSITIVE_OR_INFINITY, DefaultValue::Int(8192)).since("26.04")
            .doc("Largest stanza in bytes before login."),
        option("protocol_options", list(&TEXT), DefaultValue::Unset)
            .doc("TLS versions and features."),
        option("shaper", Type::Shaper, DefaultValue::Text("none"))
            .doc("Limit on the traffic of each connection."),
        option("tls", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether TLS starts at once."),
        option("tls_compression", Type::Bool, DefaultValue::Bool(false))
            .doc("TLS compression."),
    ],
};

#[rustfmt::skip]
static EJABBERD_SERVICE: ListenerSpec = ListenerSpec {
    name: "ejabberd_service",
    doc: "Connections of components (XEP-0114).",
    transports: &["tcp"],
    options: &[
        option("access", Type::Access, DefaultValue::Text("all"))
            .doc("Whose stanzas reach the component."),
        option("cafile", Type::Pem, DefaultValue::Unset)
            .doc("Authorities whose certificates are trusted."),
        option("certfile", Type::Pem, DefaultValue::Unset)
            .doc("Certificate and key."),
        option("check_from", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether a component may only send from its own domain."),
        option("ciphers", TEXT, DefaultValue::Unset)
            .doc("TLS ciphers, in OpenSSL words."),
        option("dhfile", Type::File(FileUse::Read), DefaultValue::Unset)
            .doc("Diffie-Hellman parameters."),
        option("global_routes", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether each connection serves every domain of `hosts`."),
        option("hosts", map(&Type::Domain, &options(&[field("password", TEXT).secret()])), DefaultValue::Map(&[]))
            .doc("Component domains, each with its password."),
        option("max_fsm_queue", POSITIVE, DefaultValue::Int(10000))
            .doc("Stanzas that may wait for one connection."),
        option("max_stanza_size", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity"))
            .doc("Largest stanza in bytes."),
        option("password", TEXT, DefaultValue::Unset).secret()
            .doc("Secret of components without their own."),
        option("protocol_options", list(&TEXT), DefaultValue::Unset)
            .doc("TLS versions and features."),
        option("shaper", Type::Shaper, DefaultValue::Text("none"))
            .doc("Limit on the traffic of each connection."),
        option("shaper_rule", Type::Shaper, DefaultValue::Text("none"))
            .doc("Old name of `shaper`."),
        option("tls", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether TLS starts at once."),
        option("tls_compression", Type::Bool, DefaultValue::Bool(false))
            .doc("TLS compression."),
    ],
};

#[rustfmt::skip]
static EJABBERD_SIP: ListenerSpec = ListenerSpec {
    name: "ejabberd_sip",
    doc: "SIP.",
    transports: &["udp", "tcp"],
    options: &[
        option("certfile", Type::Pem, DefaultValue::Unset)
            .doc("Certificate and key."),
        option("tls", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether TLS starts at once."),
    ],
};

#[rustfmt::skip]
static EJABBERD_STUN: ListenerSpec = ListenerSpec {
    name: "ejabberd_stun",
    doc: "STUN and TURN.",
    transports: &["udp", "tcp"],
    options: &[
        option("auth_realm", TEXT, DefaultValue::Unset)
            .doc("Realm of the login."),
        option("auth_type", Type::Enum(&["anonymous", "user"]), DefaultValue::Text("user"))
            .doc("Whether relays need a login."),
        option("certfile", Type::Pem, DefaultValue::Unset)
            .doc("Certificate and key."),
        option("server_name", TEXT, DefaultValue::Text("ejabberd"))
            .doc("Name told to clients."),
        option("shaper", Type::Shaper, DefaultValue::Text("none"))
            .doc("Limit on the traffic of each connection."),
        option("tls", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether TLS starts at once."),
        option("turn_alternate_servers", list(&TEXT).or_single(), DefaultValue::List(&[])).since("rookery 0.1")
            .doc("Where clients are sent when no relay is left: addresses with ports, one of each family."),
        option(
            "turn_blacklist",
            list(&Type::IpMask).or_single(),
            DefaultValue::List(&[DefaultValue::Text("127.0.0.0/8"), DefaultValue::Text("::1/128")]),
        )
            .doc("Addresses never relayed to."),
        option("turn_ipv4_address", Type::Ipv4, DefaultValue::Unset)
            .doc("IPv4 address of relays."),
        option("turn_ipv6_address", Type::Ipv6, DefaultValue::Unset)
            .doc("IPv6 address of relays."),
        option("turn_loopback_for_tests", Type::Bool, DefaultValue::Bool(false)).since("rookery 0.1")
            .doc("Test mode: relays to every service on loopback addresses; for tests alone."),
        option("turn_max_allocations", POSITIVE_OR_INFINITY, DefaultValue::Int(10))
            .doc("Relays of one user."),
        option("turn_max_bandwidth", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity")).since("rookery 0.1")
            .doc("Bytes a second that one user may relay."),
        option("turn_max_permissions", POSITIVE_OR_INFINITY, DefaultValue::Int(10))
            .doc("Peers of one relay."),
        option("turn_max_port", int(1025, 65535), DefaultValue::Int(65535))
            .doc("Highest relay port."),
        option("turn_min_port", int(1025, 65535), DefaultValue::Int(49152))
            .doc("Lowest relay port."),
        option("turn_whitelist", list(&Type::IpMask).or_single(), DefaultValue::List(&[])).since("rookery 0.1")
            .doc("Addresses relayed to although they are refused by default or by `turn_blacklist`."),
        option("use_turn", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether relaying is offered besides address discovery."),
    ],
};

#[rustfmt::skip]
static EJABBERD_XMLRPC: ListenerSpec = ListenerSpec {
    name: "ejabberd_xmlrpc",
    doc: "Commands over XML-RPC; a request handler of `ejabberd_http` is better.",
    transports: &["tcp"],
    options: &[
    ],
};

#[rustfmt::skip]
static MOD_MQTT: ListenerSpec = ListenerSpec {
    name: "mod_mqtt",
    doc: "MQTT.",
    transports: &["tcp"],
    options: &[
        option("max_fsm_queue", POSITIVE, DefaultValue::Int(10000))
            .doc("Stanzas that may wait for one connection."),
        option("max_payload_size", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity"))
            .doc("Largest message in bytes."),
        option("tls", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether TLS starts at once."),
        option("tls_verify", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether a client certificate is asked for and may serve as login."),
    ],
};

#[rustfmt::skip]
static MOD_PROXY65_STREAM: ListenerSpec = ListenerSpec {
    name: "mod_proxy65_stream",
    doc: "File transfer proxy; opened by `mod_proxy65` itself.",
    transports: &["tcp"],
    options: &[
    ],
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
