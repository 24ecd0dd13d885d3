//! Discovery and information: disco, caps, ad-hoc commands, announcements.

use super::shared::{CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, USE_CACHE};
use crate::catalogue::kinds::{
    DefaultValue, INT, ModuleSpec, PORT, SECONDS, TEXT, Type, field, list, option, options,
};

/// `mod_adhoc`.
#[rustfmt::skip]
pub(crate) static MOD_ADHOC: ModuleSpec = ModuleSpec {
    name: "mod_adhoc",
    doc: "Ad-hoc commands (XEP-0050).",
    since: "",
    options: &[
        option("report_commands_node", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether the commands are listed among the server's items."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_announce`.
#[rustfmt::skip]
pub(crate) static MOD_ANNOUNCE: ModuleSpec = ModuleSpec {
    name: "mod_announce",
    doc: "Announcements to all users and messages of the day.",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("none"))
            .doc("Who may send announcements."),
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_announce"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        USE_CACHE,
    ],
    needs: &["mod_adhoc"],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_caps`.
#[rustfmt::skip]
pub(crate) static MOD_CAPS: ModuleSpec = ModuleSpec {
    name: "mod_caps",
    doc: "Entity capabilities remembered (XEP-0115).",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_caps"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_configure`.
#[rustfmt::skip]
pub(crate) static MOD_CONFIGURE: ModuleSpec = ModuleSpec {
    name: "mod_configure",
    doc: "Configuration over ad-hoc commands (XEP-0133).",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("configure")).since("25.03")
            .doc("Who may configure the server over XMPP."),
    ],
    needs: &["mod_adhoc"],
    wants: &["mod_last"],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_disco`.
#[rustfmt::skip]
pub(crate) static MOD_DISCO: ModuleSpec = ModuleSpec {
    name: "mod_disco",
    doc: "Service discovery (XEP-0030).",
    since: "",
    options: &[
        option("extra_domains", list(&TEXT), DefaultValue::List(&[]))
            .doc("Other domains listed among the items."),
        option("name", TEXT, DefaultValue::Text("ejabberd"))
            .doc("Name of the server."),
        option(
            "server_info",
            list(&options(&[
                field("modules", Type::Either(&[Type::Enum(&["all"]), list(&Type::ModuleName)]))
                    .or(DefaultValue::Text("all")),
                field("name", TEXT).or(DefaultValue::Text("")),
                field("urls", list(&TEXT)).or(DefaultValue::List(&[])),
            ])),
            DefaultValue::List(&[]),
        )
            .doc("Contact addresses told to others."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_host_meta`.
#[rustfmt::skip]
pub(crate) static MOD_HOST_META: ModuleSpec = ModuleSpec {
    name: "mod_host_meta",
    doc: "Other ways to connect, told over HTTP (XEP-0156).",
    since: "22.05",
    options: &[
        option("bosh_service_url", Type::Either(&[Type::Enum(&["undefined"]), TEXT]), DefaultValue::Text("auto"))
        .since("22.05")
            .doc("BOSH address told to clients."),
        option("websocket_url", Type::Either(&[Type::Enum(&["undefined"]), TEXT]), DefaultValue::Text("auto"))
        .since("22.05")
            .doc("WebSocket address told to clients."),
    ],
    needs: &[],
    wants: &["mod_bosh"],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_jidprep`.
#[rustfmt::skip]
pub(crate) static MOD_JIDPREP: ModuleSpec = ModuleSpec {
    name: "mod_jidprep",
    doc: "Address preparation for clients (XEP-0328).",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("local"))
            .doc("Who may use it."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_providers`.
#[rustfmt::skip]
pub(crate) static MOD_PROVIDERS: ModuleSpec = ModuleSpec {
    name: "mod_providers",
    doc: "Facts about the service for directories.",
    since: "25.08",
    options: &[
        option("alternativeJids", list(&Type::Domain).unique(), DefaultValue::List(&[])).since("25.08"),
        option("busFactor", INT, DefaultValue::Int(-1)).since("25.08"),
        option("freeOfCharge", Type::Bool, DefaultValue::Bool(false)).since("25.08"),
        option("languages", list(&TEXT), DefaultValue::List(&[DefaultValue::Of("language")])).since("25.08"),
        option("legalNotice", TEXT, DefaultValue::Text("")).since("25.08"),
        option("maximumHttpFileUploadStorageTime", INT, DefaultValue::Text("default_value")).since("25.08"),
        option("maximumHttpFileUploadTotalSize", INT, DefaultValue::Text("default_value")).since("25.08"),
        option("maximumMessageArchiveManagementStorageTime", INT, DefaultValue::Int(0)).since("25.08"),
        option(
            "organization",
            Type::Enum(&["company", "commercial person", "private person", "governmental", "non-governmental"]),
            DefaultValue::Text(""),
        )
        .since("25.08"),
        option("passwordReset", TEXT, DefaultValue::Text("default_value")).since("25.08"),
        option("professionalHosting", Type::Bool, DefaultValue::Bool(false)).since("25.08"),
        option("serverLocations", list(&TEXT), DefaultValue::List(&[])).since("25.08"),
        option("serverTesting", Type::Bool, DefaultValue::Bool(false)).since("25.08"),
        option("since", TEXT, DefaultValue::Text("")).since("25.08"),
        option("website", TEXT, DefaultValue::Text("")).since("25.08"),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_stun_disco`.
#[rustfmt::skip]
pub(crate) static MOD_STUN_DISCO: ModuleSpec = ModuleSpec {
    name: "mod_stun_disco",
    doc: "STUN and TURN services told to clients (XEP-0215).",
    since: "20.04",
    options: &[
        option("access", Type::Access, DefaultValue::Text("local"))
            .doc("Who is told of the services."),
        option("credentials_lifetime", SECONDS, DefaultValue::Millis(43200000))
            .doc("How long the logins handed out are valid."),
        option("offer_local_services", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether this server's own services are told."),
        option("secret", TEXT, DefaultValue::Unset).secret()
            .doc("Secret shared with the relays."),
        option(
            "services",
            list(
                &options(&[
                    field("host", Type::Either(&[Type::Ip, TEXT])).required(),
                    field("port", PORT),
                    field("restricted", Type::Bool),
                    field("transport", Type::Enum(&["tcp", "udp"])),
                    field("type", Type::Enum(&["stun", "turn", "stuns", "turns"]))
                        .or(DefaultValue::Text("stun")),
                ])
                .repeating(),
            ),
            DefaultValue::List(&[]),
        )
            .doc("Services told to clients."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_time`.
#[rustfmt::skip]
pub(crate) static MOD_TIME: ModuleSpec = ModuleSpec {
    name: "mod_time",
    doc: "Time of the server (XEP-0202).",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_version`.
#[rustfmt::skip]
pub(crate) static MOD_VERSION: ModuleSpec = ModuleSpec {
    name: "mod_version",
    doc: "Software version (XEP-0092).",
    since: "",
    options: &[
        option("show_os", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether the operating system is told."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
