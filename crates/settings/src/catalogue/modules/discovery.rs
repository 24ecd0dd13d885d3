//! Discovery and information: disco, caps, ad-hoc commands, announcements.

use super::shared::{CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, USE_CACHE};
use crate::catalogue::kinds::{
    DefaultValue, INT, ModuleSpec, PORT, SECONDS, TEXT, Type, field, list, option, options,
};

/// `mod_adhoc`.
pub(crate) static MOD_ADHOC: ModuleSpec = ModuleSpec {
    name: "mod_adhoc",
    doc: "",
    since: "",
    options: &[option(
        "report_commands_node",
        Type::Bool,
        DefaultValue::Bool(false),
    )],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_announce`.
pub(crate) static MOD_ANNOUNCE: ModuleSpec = ModuleSpec {
    name: "mod_announce",
    doc: "",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("none")),
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option(
            "db_type",
            Type::DbType("mod_announce"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        USE_CACHE,
    ],
    needs: &["mod_adhoc"],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_caps`.
pub(crate) static MOD_CAPS: ModuleSpec = ModuleSpec {
    name: "mod_caps",
    doc: "",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option(
            "db_type",
            Type::DbType("mod_caps"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_configure`.
pub(crate) static MOD_CONFIGURE: ModuleSpec = ModuleSpec {
    name: "mod_configure",
    doc: "",
    since: "",
    options: &[option("access", Type::Access, DefaultValue::Text("configure")).since("25.03")],
    needs: &["mod_adhoc"],
    wants: &["mod_last"],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_disco`.
pub(crate) static MOD_DISCO: ModuleSpec = ModuleSpec {
    name: "mod_disco",
    doc: "",
    since: "",
    options: &[
        option("extra_domains", list(&TEXT), DefaultValue::List(&[])),
        option("name", TEXT, DefaultValue::Text("ejabberd")),
        option(
            "server_info",
            list(&options(&[
                field(
                    "modules",
                    Type::Either(&[Type::Enum(&["all"]), list(&Type::ModuleName)]),
                ),
                field("name", TEXT),
                field("urls", list(&TEXT)),
            ])),
            DefaultValue::List(&[]),
        ),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_host_meta`.
pub(crate) static MOD_HOST_META: ModuleSpec = ModuleSpec {
    name: "mod_host_meta",
    doc: "",
    since: "22.05",
    options: &[
        option(
            "bosh_service_url",
            Type::Either(&[Type::Enum(&["undefined"]), TEXT]),
            DefaultValue::Text("auto"),
        )
        .since("22.05"),
        option(
            "websocket_url",
            Type::Either(&[Type::Enum(&["undefined"]), TEXT]),
            DefaultValue::Text("auto"),
        )
        .since("22.05"),
    ],
    needs: &[],
    wants: &["mod_bosh"],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_jidprep`.
pub(crate) static MOD_JIDPREP: ModuleSpec = ModuleSpec {
    name: "mod_jidprep",
    doc: "",
    since: "",
    options: &[option("access", Type::Access, DefaultValue::Text("local"))],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_providers`.
pub(crate) static MOD_PROVIDERS: ModuleSpec = ModuleSpec {
    name: "mod_providers",
    doc: "",
    since: "25.08",
    options: &[
        option(
            "alternativeJids",
            list(&Type::Domain).unique(),
            DefaultValue::List(&[]),
        )
        .since("25.08"),
        option("busFactor", INT, DefaultValue::Int(-1)).since("25.08"),
        option("freeOfCharge", Type::Bool, DefaultValue::Bool(false)).since("25.08"),
        option(
            "languages",
            list(&TEXT),
            DefaultValue::List(&[DefaultValue::Of("language")]),
        )
        .since("25.08"),
        option("legalNotice", TEXT, DefaultValue::Text("")).since("25.08"),
        option(
            "maximumHttpFileUploadStorageTime",
            INT,
            DefaultValue::Text("default_value"),
        )
        .since("25.08"),
        option(
            "maximumHttpFileUploadTotalSize",
            INT,
            DefaultValue::Text("default_value"),
        )
        .since("25.08"),
        option(
            "maximumMessageArchiveManagementStorageTime",
            INT,
            DefaultValue::Int(0),
        )
        .since("25.08"),
        option(
            "organization",
            Type::Enum(&[
                "company",
                "commercial person",
                "private person",
                "governmental",
                "non-governmental",
            ]),
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
pub(crate) static MOD_STUN_DISCO: ModuleSpec = ModuleSpec {
    name: "mod_stun_disco",
    doc: "",
    since: "20.04",
    options: &[
        option("access", Type::Access, DefaultValue::Text("local")),
        option(
            "credentials_lifetime",
            SECONDS,
            DefaultValue::Millis(43200000),
        ),
        option("offer_local_services", Type::Bool, DefaultValue::Bool(true)),
        option("secret", TEXT, DefaultValue::Unset).secret(),
        option(
            "services",
            list(
                &options(&[
                    field("host", Type::Either(&[Type::Ip, TEXT])).required(),
                    field("port", PORT),
                    field("restricted", Type::Bool),
                    field("transport", Type::Enum(&["tcp", "udp"])),
                    field("type", Type::Enum(&["stun", "turn", "stuns", "turns"])),
                ])
                .repeating(),
            ),
            DefaultValue::List(&[]),
        ),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_time`.
pub(crate) static MOD_TIME: ModuleSpec = ModuleSpec {
    name: "mod_time",
    doc: "",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_version`.
pub(crate) static MOD_VERSION: ModuleSpec = ModuleSpec {
    name: "mod_version",
    doc: "",
    since: "",
    options: &[option("show_os", Type::Bool, DefaultValue::Bool(true))],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
