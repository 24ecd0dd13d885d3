//! Guards: privacy, blocking, registration, spam, invitations.

use super::shared::{CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, USE_CACHE};
use crate::catalogue::kinds::{
    DefaultValue, FileUse, ModuleSpec, POSITIVE, POSITIVE_OR_INFINITY, SECONDS, TEXT, Type,
    WEB_URL, field, list, map, option, options,
};

/// `mod_antispam`.
#[rustfmt::skip]
pub(crate) static MOD_ANTISPAM: ModuleSpec = ModuleSpec {
    name: "mod_antispam",
    doc: "Spam filters and shared block lists.",
    since: "25.07",
    options: &[
        option("access_spam", Type::Access, DefaultValue::Text("none")).since("25.07"),
        option("cache_size", POSITIVE_OR_INFINITY, DefaultValue::Int(10000)).since("25.07")
            .doc("How many entries the cache holds."),
        option(
            "rtbl_services",
            list(&Type::Either(&[TEXT, map(&TEXT, &map(&Type::Enum(&["spam_source_domains_node"]), &TEXT))])),
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
#[rustfmt::skip]
pub(crate) static MOD_BLOCK_STRANGERS: ModuleSpec = ModuleSpec {
    name: "mod_block_strangers",
    doc: "Messages from strangers kept away.",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("none"))
            .doc("Strangers who may write all the same."),
        option("allow_local_users", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether users of this host are no strangers."),
        option("allow_transports", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether gateways of contacts are no strangers."),
        option("captcha", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether a stranger may pass a CAPTCHA instead."),
        option("drop", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether a stranger's message is dropped."),
        option("log", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether drops are logged."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_blocking`.
#[rustfmt::skip]
pub(crate) static MOD_BLOCKING: ModuleSpec = ModuleSpec {
    name: "mod_blocking",
    doc: "Blocking contacts (XEP-0191).",
    since: "",
    options: &[],
    needs: &["mod_privacy"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_fail2ban`.
#[rustfmt::skip]
pub(crate) static MOD_FAIL2BAN: ModuleSpec = ModuleSpec {
    name: "mod_fail2ban",
    doc: "Addresses banned after failed logins.",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("none"))
            .doc("Addresses never banned."),
        option("c2s_auth_ban_lifetime", SECONDS, DefaultValue::Millis(3600000))
            .doc("How long an address is banned."),
        option("c2s_max_auth_failures", POSITIVE, DefaultValue::Int(20))
            .doc("Failed logins of one address before it is banned."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_invites`.
#[rustfmt::skip]
pub(crate) static MOD_INVITES: ModuleSpec = ModuleSpec {
    name: "mod_invites",
    doc: "Invitations to new accounts and contacts (XEP-0379, XEP-0401).",
    since: "26.01",
    options: &[
        option("access_create_account", Type::Access, DefaultValue::Text("none")).since("26.01")
            .doc("Who may invite to new accounts."),
        option("db_type", Type::DbType("mod_invites"), DefaultValue::OfOr("default_db", "mnesia")).since("26.01")
            .doc("Where it keeps its data."),
        option("landing_page", Type::Either(&[Type::Enum(&["none", "auto"]), TEXT]), DefaultValue::Text("none"))
        .since("26.01")
            .doc("Page that an invitation leads to."),
        option("max_invites", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity")).since("26.01")
            .doc("Open invitations of one user."),
        option("site_name", TEXT, DefaultValue::Text("@HOST@")).since("26.01")
            .doc("Name shown on the page."),
        option("templates_dir", Type::Directory(FileUse::Read), DefaultValue::Text("@PRIV_DIR@/mod_invites"))
        .since("26.01")
            .doc("Directory of page templates."),
        option("token_expire_seconds", POSITIVE, DefaultValue::Int(432000)).since("26.01")
            .doc("Seconds an invitation is valid."),
        option(
            "webchat_url",
            Type::Either(&[Type::Enum(&["none", "auto"]), WEB_URL]),
            DefaultValue::Text("auto"),
        )
        .since("26.03")
            .doc("Web client offered on the page."),
    ],
    needs: &[],
    wants: &["mod_adhoc", "mod_register", "mod_roster"],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_privacy`.
#[rustfmt::skip]
pub(crate) static MOD_PRIVACY: ModuleSpec = ModuleSpec {
    name: "mod_privacy",
    doc: "Privacy lists (XEP-0016).",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_privacy"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_register`.
#[rustfmt::skip]
pub(crate) static MOD_REGISTER: ModuleSpec = ModuleSpec {
    name: "mod_register",
    doc: "Registration of accounts (XEP-0077).",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("all"))
            .doc("Which accounts may be made."),
        option("access_from", Type::Access, DefaultValue::Text("none"))
            .doc("Who may make accounts for others."),
        option("access_remove", Type::Access, DefaultValue::Text("all"))
            .doc("Who may remove the own account."),
        option(
            "allow_modules",
            Type::Either(&[Type::Enum(&["all"]), list(&Type::Word)]),
            DefaultValue::Text("all"),
        )
        .since("21.12")
            .doc("Which ways of registering are open."),
        option("captcha_protected", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether a CAPTCHA must be passed."),
        option("ip_access", Type::Access, DefaultValue::Text("all"))
            .doc("Addresses that may register."),
        option("password_strength", Type::NumberFromZero, DefaultValue::Int(0))
            .doc("Least strength of passwords in bits."),
        option("redirect_url", WEB_URL, DefaultValue::Unset)
            .doc("Page clients are sent to instead."),
        option("registration_watchers", list(&Type::Jid), DefaultValue::List(&[]))
            .doc("Who is told of new accounts."),
        option(
            "welcome_message",
            options(&[field("body", TEXT), field("subject", TEXT)]),
            DefaultValue::Map(&[("subject", DefaultValue::Text("")), ("body", DefaultValue::Text(""))]),
        )
            .doc("Message to new users."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_register_web`.
#[rustfmt::skip]
pub(crate) static MOD_REGISTER_WEB: ModuleSpec = ModuleSpec {
    name: "mod_register_web",
    doc: "Registration on a web page.",
    since: "",
    options: &[],
    needs: &["mod_register"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
