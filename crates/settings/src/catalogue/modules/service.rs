//! Administration, delegation, and other protocols.

use super::shared::{
    APPEND_MODULE_CONFIG, CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, HOSTS, QUEUE_TYPE, USE_CACHE,
    VCARD,
};
use crate::catalogue::kinds::{
    DefaultValue, ModuleSpec, PORT, POSITIVE, POSITIVE_OR_INFINITY, SECONDS, TEXT, Type, field,
    int, list, map, option, options,
};

/// `mod_adhoc_api`.
#[rustfmt::skip]
pub(crate) static MOD_ADHOC_API: ModuleSpec = ModuleSpec {
    name: "mod_adhoc_api",
    doc: "Server commands run from a client.",
    since: "25.03",
    options: &[
        option("default_version", Type::Either(&[int(0, 3), TEXT]), DefaultValue::Int(1000000)).since("25.03")
            .doc("API version of commands run from a client."),
    ],
    needs: &["mod_adhoc"],
    wants: &["mod_last"],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_admin_extra`.
#[rustfmt::skip]
pub(crate) static MOD_ADMIN_EXTRA: ModuleSpec = ModuleSpec {
    name: "mod_admin_extra",
    doc: "Further administration commands.",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_admin_update_sql`.
#[rustfmt::skip]
pub(crate) static MOD_ADMIN_UPDATE_SQL: ModuleSpec = ModuleSpec {
    name: "mod_admin_update_sql",
    doc: "Command that changes the database to the multi-host layout.",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_delegation`.
#[rustfmt::skip]
pub(crate) static MOD_DELEGATION: ModuleSpec = ModuleSpec {
    name: "mod_delegation",
    doc: "Namespaces handed to components (XEP-0355).",
    since: "",
    options: &[
        option(
            "namespaces",
            map(
                &TEXT,
                &options(&[
                    field("access", Type::Access).or(DefaultValue::Text("none")),
                    field("filtering", list(&TEXT)).or(DefaultValue::List(&[])),
                ]),
            ),
            DefaultValue::Map(&[]),
        ),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_mqtt`.
#[rustfmt::skip]
pub(crate) static MOD_MQTT: ModuleSpec = ModuleSpec {
    name: "mod_mqtt",
    doc: "MQTT broker.",
    since: "",
    options: &[
        option("access_publish", map(&Type::TopicFilter, &Type::Access), DefaultValue::Map(&[]))
            .doc("Who may publish, by topic."),
        option("access_subscribe", map(&Type::TopicFilter, &Type::Access), DefaultValue::Map(&[]))
            .doc("Who may subscribe, by topic."),
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_mqtt"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        option("match_retained_limit", POSITIVE_OR_INFINITY, DefaultValue::Int(1000))
            .doc("Most kept messages sent for one subscription."),
        option("max_queue", POSITIVE_OR_INFINITY, DefaultValue::Int(5000))
            .doc("Messages that may wait for a client."),
        option("max_topic_aliases", int(0, 65535), DefaultValue::Int(100))
            .doc("Most topic aliases of a client."),
        option("max_topic_depth", POSITIVE_OR_INFINITY, DefaultValue::Int(8))
            .doc("Most levels of a topic."),
        QUEUE_TYPE,
        option("ram_db_type", Type::DbType("mod_mqtt"), DefaultValue::OfOr("default_ram_db", "mnesia"))
            .doc("Where it keeps short-lived data."),
        option("session_expiry", Type::Either(&[int(0, 0), SECONDS]), DefaultValue::Millis(300000))
            .doc("Longest life of a session after its connection."),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &["mnesia", "sql"],
};

/// `mod_mqtt_bridge`.
#[rustfmt::skip]
pub(crate) static MOD_MQTT_BRIDGE: ModuleSpec = ModuleSpec {
    name: "mod_mqtt_bridge",
    doc: "Topics copied to and from other brokers.",
    since: "23.01",
    options: &[
        option("replication_user", Type::Jid, DefaultValue::Text("admin@@HOST@")).since("23.01"),
        option(
            "servers",
            map(
                &Type::Url(&["mqtt", "mqtts", "mqtt5", "mqtt5s", "ws", "wss", "ws5", "wss5"]),
                &options(&[
                    field(
                        "authentication",
                        Type::Either(&[
                            options(&[field("password", TEXT).secret(), field("username", TEXT)]).repeating(),
                            options(&[field("certfile", Type::Pem)]).repeating(),
                        ]),
                    ),
                    field("publish", map(&TEXT, &TEXT)),
                    field("subscribe", map(&TEXT, &TEXT)),
                ])
                .repeating(),
            ),
            DefaultValue::Map(&[]),
        )
        .since("23.01"),
    ],
    needs: &["mod_mqtt"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_privilege`.
#[rustfmt::skip]
pub(crate) static MOD_PRIVILEGE: ModuleSpec = ModuleSpec {
    name: "mod_privilege",
    doc: "Privileged components (XEP-0356).",
    since: "",
    options: &[
        option(
            "iq",
            map(
                &TEXT,
                &options(&[field("both", Type::Access), field("get", Type::Access), field("set", Type::Access)]),
            ),
            DefaultValue::Map(&[]),
        )
        .since("24.10"),
        option(
            "message",
            options(&[field("outgoing", Type::Access)]),
            DefaultValue::Map(&[("outgoing", DefaultValue::Text("none"))]),
        ),
        option(
            "presence",
            options(&[field("managed_entity", Type::Access), field("roster", Type::Access)]),
            DefaultValue::Map(&[
                ("managed_entity", DefaultValue::Text("none")),
                ("roster", DefaultValue::Text("none")),
            ]),
        ),
        option(
            "roster",
            options(&[field("both", Type::Access), field("get", Type::Access), field("set", Type::Access)]),
            DefaultValue::Map(&[
                ("both", DefaultValue::Text("none")),
                ("get", DefaultValue::Text("none")),
                ("set", DefaultValue::Text("none")),
            ]),
        ),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_proxy65`.
#[rustfmt::skip]
pub(crate) static MOD_PROXY65: ModuleSpec = ModuleSpec {
    name: "mod_proxy65",
    doc: "File transfer proxy (XEP-0065).",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("all"))
            .doc("Who may use it."),
        APPEND_MODULE_CONFIG,
        option("auth_type", Type::Enum(&["plain", "anonymous"]), DefaultValue::Text("anonymous"))
            .doc("How clients of the proxy log in."),
        option("host", Type::Host, DefaultValue::Text("proxy.@HOST@"))
            .doc("Domain of the service."),
        option("hostname", Type::Host, DefaultValue::Unset)
            .doc("Name told to clients in place of the address."),
        HOSTS,
        option("ip", Type::Ip, DefaultValue::Unset)
            .doc("Address told to clients and listened on."),
        option("max_connections", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity"))
            .doc("Streams of one user at a time."),
        option("name", TEXT, DefaultValue::Text("SOCKS5 Bytestreams"))
            .doc("Name of the service in listings."),
        option("port", PORT, DefaultValue::Int(7777))
            .doc("Port listened on."),
        option("ram_db_type", Type::DbType("mod_proxy65"), DefaultValue::OfOr("default_ram_db", "mnesia"))
            .doc("Where it keeps short-lived data."),
        option("recbuf", POSITIVE, DefaultValue::Int(65536))
            .doc("Receive buffer in bytes."),
        option("shaper", Type::Shaper, DefaultValue::Text("none"))
            .doc("Limit on the traffic of each connection."),
        option("sndbuf", POSITIVE, DefaultValue::Int(65536))
            .doc("Send buffer in bytes."),
        VCARD,
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &["mnesia", "sql", "redis"],
};

/// `mod_sip`.
#[rustfmt::skip]
pub(crate) static MOD_SIP: ModuleSpec = ModuleSpec {
    name: "mod_sip",
    doc: "SIP registrar and proxy.",
    since: "",
    options: &[
        option("always_record_route", Type::Bool, DefaultValue::Bool(true)),
        option("flow_timeout_tcp", SECONDS, DefaultValue::Millis(120000)),
        option("flow_timeout_udp", SECONDS, DefaultValue::Millis(29000)),
        option("record_route", Type::SipUri, DefaultValue::Text("sip:@HOST@;lr")),
        option("routes", list(&Type::SipUri), DefaultValue::List(&[DefaultValue::Text("sip:@HOST@;lr")])),
        option(
            "via",
            list(&Type::Either(&[
                Type::Url(&["tls", "tcp", "udp"]),
                options(&[
                    field("host", Type::Domain).required(),
                    field("port", PORT),
                    field("type", Type::Enum(&["tcp", "tls", "udp"])).required(),
                ])
                .repeating(),
            ]))
            .unique(),
            DefaultValue::List(&[]),
        ),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
