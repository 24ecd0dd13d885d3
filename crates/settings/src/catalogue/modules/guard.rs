//! Guards: privacy, blocking, registration, spam, invitations.

use super::shared::{CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, USE_CACHE};
use crate::catalogue::kinds::{
    DefaultValue, FileUse, ModuleSpec, POSITIVE, POSITIVE_OR_INFINITY, SECONDS, TEXT, Type,
    WEB_URL, field, list, map, option, options,
};

/// `mod_antispam`.
pub(crate) static MOD_ANTISPAM: ModuleSpec = ModuleSpec {
    name: "mod_antispam",
    doc: "",
    since: "25.07",
    options: &[
        option("access_spam", Type::Access, DefaultValue::Text("none")).since("25.07"),
        option("cache_size", POSITIVE_OR_INFINITY, DefaultValue::Int(10000)).since("25.07"),
        option(
            "rtbl_services",
            list(&Type::Either(&[
                TEXT,
                map(
                    &TEXT,
                    &map(&Type::Enum(&["spam_source_domains_node"]), &TEXT),
                ),
            ])),
            DefaultValue::List(&[]),
        )
        .since("25.07"),
        option(
            "spam_domains_file",
            Type::Either(&[Type::Enum(&["none"]), Type::File(FileUse::Read)]),
            DefaultValue::Text("none"),
        )
        .since("25.07"),
        option(
            "spam_dump_file",
            Type::Either(&[Type::Bool, Type::File(FileUse::Write)]),
            DefaultValue::Bool(false),
        )
        .since("25.07"),
        option(
            "spam_jids_file",
            Type::Either(&[Type::Enum(&["none"]), Type::File(FileUse::Read)]),
            DefaultValue::Text("none"),
        )
        .since("25.07"),
        option(
            "spam_urls_file",
            Type::Either(&[Type::Enum(&["none"]), Type::File(FileUse::Read)]),
            DefaultValue::Text("none"),
        )
        .since("25.07"),
        option(
            "whitelist_domains_file",
            Type::Either(&[Type::Enum(&["none"]), Type::File(FileUse::Read)]),
            DefaultValue::Text("none"),
        )
        .since("25.07"),
    ],
    needs: &[],
    wants: &["mod_pubsub"],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_block_strangers`.
pub(crate) static MOD_BLOCK_STRANGERS: ModuleSpec = ModuleSpec {
    name: "mod_block_strangers",
    doc: "",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("none")),
        option("allow_local_users", Type::Bool, DefaultValue::Bool(true)),
        option("allow_transports", Type::Bool, DefaultValue::Bool(true)),
        option("captcha", Type::Bool, DefaultValue::Bool(false)),
        option("drop", Type::Bool, DefaultValue::Bool(true)),
        option("log", Type::Bool, DefaultValue::Bool(false)),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_blocking`.
pub(crate) static MOD_BLOCKING: ModuleSpec = ModuleSpec {
    name: "mod_blocking",
    doc: "",
    since: "",
    options: &[],
    needs: &["mod_privacy"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_fail2ban`.
pub(crate) static MOD_FAIL2BAN: ModuleSpec = ModuleSpec {
    name: "mod_fail2ban",
    doc: "",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("none")),
        option(
            "c2s_auth_ban_lifetime",
            SECONDS,
            DefaultValue::Millis(3600000),
        ),
        option("c2s_max_auth_failures", POSITIVE, DefaultValue::Int(20)),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_invites`.
pub(crate) static MOD_INVITES: ModuleSpec = ModuleSpec {
    name: "mod_invites",
    doc: "",
    since: "26.01",
    options: &[
        option(
            "access_create_account",
            Type::Access,
            DefaultValue::Text("none"),
        )
        .since("26.01"),
        option(
            "db_type",
            Type::DbType("mod_invites"),
            DefaultValue::OfOr("default_db", "mnesia"),
        )
        .since("26.01"),
        option(
            "landing_page",
            Type::Either(&[Type::Enum(&["none", "auto"]), TEXT]),
            DefaultValue::Text("none"),
        )
        .since("26.01"),
        option(
            "max_invites",
            POSITIVE_OR_INFINITY,
            DefaultValue::Text("infinity"),
        )
        .since("26.01"),
        option("site_name", TEXT, DefaultValue::Text("@HOST@")).since("26.01"),
        option(
            "templates_dir",
            Type::Directory(FileUse::Read),
            DefaultValue::Text("@PRIV_DIR@/mod_invites"),
        )
        .since("26.01"),
        option("token_expire_seconds", POSITIVE, DefaultValue::Int(432000)).since("26.01"),
        option(
            "webchat_url",
            Type::Either(&[Type::Enum(&["none", "auto"]), WEB_URL]),
            DefaultValue::Text("auto"),
        )
        .since("26.03"),
    ],
    needs: &[],
    wants: &["mod_adhoc", "mod_register", "mod_roster"],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_privacy`.
pub(crate) static MOD_PRIVACY: ModuleSpec = ModuleSpec {
    name: "mod_privacy",
    doc: "",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option(
            "db_type",
            Type::DbType("mod_privacy"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_register`.
pub(crate) static MOD_REGISTER: ModuleSpec = ModuleSpec {
    name: "mod_register",
    doc: "",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("all")),
        option("access_from", Type::Access, DefaultValue::Text("none")),
        option("access_remove", Type::Access, DefaultValue::Text("all")),
        option(
            "allow_modules",
            Type::Either(&[Type::Enum(&["all"]), list(&Type::Word)]),
            DefaultValue::Text("all"),
        )
        .since("21.12"),
        option("captcha_protected", Type::Bool, DefaultValue::Bool(false)),
        option("ip_access", Type::Access, DefaultValue::Text("all")),
        option(
            "password_strength",
            Type::NumberFromZero,
            DefaultValue::Int(0),
        ),
        option("redirect_url", WEB_URL, DefaultValue::Unset),
        option(
            "registration_watchers",
            list(&Type::Jid),
            DefaultValue::List(&[]),
        ),
        option(
            "welcome_message",
            options(&[field("body", TEXT), field("subject", TEXT)]),
            DefaultValue::Map(&[
                ("subject", DefaultValue::Text("")),
                ("body", DefaultValue::Text("")),
            ]),
        ),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_register_web`.
pub(crate) static MOD_REGISTER_WEB: ModuleSpec = ModuleSpec {
    name: "mod_register_web",
    doc: "",
    since: "",
    options: &[],
    needs: &["mod_register"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
