//! People: roster, vCard, avatar, private storage, presence.

use super::shared::{
    APPEND_MODULE_CONFIG, CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, HOSTS, LDAP_BACKUPS,
    LDAP_BASE, LDAP_DEREF_ALIASES, LDAP_ENCRYPT, LDAP_FILTER, LDAP_PASSWORD, LDAP_PORT,
    LDAP_ROOTDN, LDAP_SERVERS, LDAP_TLS_CACERTFILE, LDAP_TLS_CERTFILE, LDAP_TLS_DEPTH,
    LDAP_TLS_VERIFY, LDAP_UIDS, USE_CACHE, VCARD,
};
use crate::catalogue::kinds::{
    DefaultValue, ModuleSpec, POSITIVE, POSITIVE_OR_INFINITY, SECONDS, TEXT, Type, list, map,
    option, options,
};

/// `mod_avatar`.
pub(crate) static MOD_AVATAR: ModuleSpec = ModuleSpec {
    name: "mod_avatar",
    doc: "",
    since: "",
    options: &[
        option(
            "convert",
            map(
                &Type::Enum(&["default", "jpeg", "png", "webp", "gif"]),
                &Type::Enum(&["jpeg", "png", "webp", "gif"]),
            ),
            DefaultValue::Map(&[]),
        ),
        option("rate_limit", POSITIVE, DefaultValue::Int(10)),
    ],
    needs: &["mod_vcard", "mod_vcard_xupdate", "mod_pubsub"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_last`.
pub(crate) static MOD_LAST: ModuleSpec = ModuleSpec {
    name: "mod_last",
    doc: "",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option(
            "db_type",
            Type::DbType("mod_last"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_pres_counter`.
pub(crate) static MOD_PRES_COUNTER: ModuleSpec = ModuleSpec {
    name: "mod_pres_counter",
    doc: "",
    since: "",
    options: &[
        option("count", POSITIVE, DefaultValue::Int(5)),
        option("interval", SECONDS, DefaultValue::Millis(60000)),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_private`.
pub(crate) static MOD_PRIVATE: ModuleSpec = ModuleSpec {
    name: "mod_private",
    doc: "",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option(
            "db_type",
            Type::DbType("mod_private"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        USE_CACHE,
    ],
    needs: &[],
    wants: &["mod_pubsub"],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_roster`.
pub(crate) static MOD_ROSTER: ModuleSpec = ModuleSpec {
    name: "mod_roster",
    doc: "",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("all")),
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option(
            "db_type",
            Type::DbType("mod_roster"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        option("store_current_id", Type::Bool, DefaultValue::Bool(false)),
        USE_CACHE,
        option("versioning", Type::Bool, DefaultValue::Bool(false)),
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_shared_roster`.
pub(crate) static MOD_SHARED_ROSTER: ModuleSpec = ModuleSpec {
    name: "mod_shared_roster",
    doc: "",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option(
            "db_type",
            Type::DbType("mod_shared_roster"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_shared_roster_ldap`.
pub(crate) static MOD_SHARED_ROSTER_LDAP: ModuleSpec = ModuleSpec {
    name: "mod_shared_roster_ldap",
    doc: "",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("ldap_auth_check", Type::Bool, DefaultValue::Bool(true)),
        LDAP_BACKUPS,
        LDAP_BASE,
        LDAP_DEREF_ALIASES,
        LDAP_ENCRYPT,
        LDAP_FILTER,
        option("ldap_gfilter", Type::LdapFilter, DefaultValue::Text("")),
        option("ldap_groupattr", TEXT, DefaultValue::Text("cn")),
        option("ldap_groupdesc", TEXT, DefaultValue::Unset),
        option("ldap_memberattr", TEXT, DefaultValue::Text("memberUid")),
        option("ldap_memberattr_format", TEXT, DefaultValue::Text("%u")),
        option(
            "ldap_memberattr_format_re",
            Type::Regex,
            DefaultValue::Unset,
        ),
        LDAP_PASSWORD,
        LDAP_PORT,
        option("ldap_rfilter", Type::LdapFilter, DefaultValue::Text("")),
        LDAP_ROOTDN,
        LDAP_SERVERS,
        LDAP_TLS_CACERTFILE,
        LDAP_TLS_CERTFILE,
        LDAP_TLS_DEPTH,
        LDAP_TLS_VERIFY,
        option("ldap_ufilter", Type::LdapFilter, DefaultValue::Text("")),
        LDAP_UIDS,
        option("ldap_userdesc", TEXT, DefaultValue::Text("cn")),
        option("ldap_userjidattr", TEXT, DefaultValue::Text("")).since("21.01"),
        option("ldap_useruid", TEXT, DefaultValue::Text("cn")),
        USE_CACHE,
    ],
    needs: &["mod_roster"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_sic`.
pub(crate) static MOD_SIC: ModuleSpec = ModuleSpec {
    name: "mod_sic",
    doc: "",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_vcard`.
pub(crate) static MOD_VCARD: ModuleSpec = ModuleSpec {
    name: "mod_vcard",
    doc: "",
    since: "",
    options: &[
        option("allow_return_all", Type::Bool, DefaultValue::Bool(false)),
        APPEND_MODULE_CONFIG,
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option(
            "db_type",
            Type::DbType("mod_vcard"),
            DefaultValue::OfOr("default_db", "mnesia"),
        ),
        option("host", Type::Host, DefaultValue::Text("vjud.@HOST@")),
        HOSTS,
        LDAP_BACKUPS.backend("ldap"),
        LDAP_BASE.backend("ldap"),
        LDAP_DEREF_ALIASES.backend("ldap"),
        LDAP_ENCRYPT.backend("ldap"),
        LDAP_FILTER.backend("ldap"),
        LDAP_PASSWORD.backend("ldap"),
        LDAP_PORT.backend("ldap"),
        LDAP_ROOTDN.backend("ldap"),
        option(
            "ldap_search_fields",
            map(&TEXT, &TEXT),
            DefaultValue::Map(&[
                ("User", DefaultValue::Text("%u")),
                ("Full Name", DefaultValue::Text("displayName")),
                ("Given Name", DefaultValue::Text("givenName")),
                ("Middle Name", DefaultValue::Text("initials")),
                ("Family Name", DefaultValue::Text("sn")),
                ("Nickname", DefaultValue::Text("%u")),
                ("Birthday", DefaultValue::Text("birthDay")),
                ("Country", DefaultValue::Text("c")),
                ("City", DefaultValue::Text("l")),
                ("Email", DefaultValue::Text("mail")),
                ("Organization Name", DefaultValue::Text("o")),
                ("Organization Unit", DefaultValue::Text("ou")),
            ]),
        )
        .backend("ldap"),
        option(
            "ldap_search_reported",
            map(&TEXT, &TEXT),
            DefaultValue::Map(&[
                ("Full Name", DefaultValue::Text("FN")),
                ("Given Name", DefaultValue::Text("FIRST")),
                ("Middle Name", DefaultValue::Text("MIDDLE")),
                ("Family Name", DefaultValue::Text("LAST")),
                ("Nickname", DefaultValue::Text("NICK")),
                ("Birthday", DefaultValue::Text("BDAY")),
                ("Country", DefaultValue::Text("CTRY")),
                ("City", DefaultValue::Text("LOCALITY")),
                ("Email", DefaultValue::Text("EMAIL")),
                ("Organization Name", DefaultValue::Text("ORGNAME")),
                ("Organization Unit", DefaultValue::Text("ORGUNIT")),
            ]),
        )
        .backend("ldap"),
        LDAP_SERVERS.backend("ldap"),
        LDAP_TLS_CACERTFILE.backend("ldap"),
        LDAP_TLS_CERTFILE.backend("ldap"),
        LDAP_TLS_DEPTH.backend("ldap"),
        LDAP_TLS_VERIFY.backend("ldap"),
        LDAP_UIDS.backend("ldap"),
        option(
            "ldap_vcard_map",
            map(&TEXT, &map(&TEXT, &list(&TEXT))),
            DefaultValue::Map(&[
                (
                    "NICKNAME",
                    DefaultValue::Map(&[("%u", DefaultValue::List(&[]))]),
                ),
                (
                    "FN",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("displayName")]),
                    )]),
                ),
                (
                    "FAMILY",
                    DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("sn")]))]),
                ),
                (
                    "GIVEN",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("givenName")]),
                    )]),
                ),
                (
                    "MIDDLE",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("initials")]),
                    )]),
                ),
                (
                    "ORGNAME",
                    DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("o")]))]),
                ),
                (
                    "ORGUNIT",
                    DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("ou")]))]),
                ),
                (
                    "CTRY",
                    DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("c")]))]),
                ),
                (
                    "LOCALITY",
                    DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("l")]))]),
                ),
                (
                    "STREET",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("street")]),
                    )]),
                ),
                (
                    "REGION",
                    DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("st")]))]),
                ),
                (
                    "PCODE",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("postalCode")]),
                    )]),
                ),
                (
                    "TITLE",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("title")]),
                    )]),
                ),
                (
                    "URL",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("labeleduri")]),
                    )]),
                ),
                (
                    "DESC",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("description")]),
                    )]),
                ),
                (
                    "TEL",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("telephoneNumber")]),
                    )]),
                ),
                (
                    "EMAIL",
                    DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("mail")]))]),
                ),
                (
                    "BDAY",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("birthDay")]),
                    )]),
                ),
                (
                    "ROLE",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("employeeType")]),
                    )]),
                ),
                (
                    "PHOTO",
                    DefaultValue::Map(&[(
                        "%s",
                        DefaultValue::List(&[DefaultValue::Text("jpegPhoto")]),
                    )]),
                ),
            ]),
        )
        .backend("ldap"),
        option("matches", POSITIVE_OR_INFINITY, DefaultValue::Int(30)),
        option("name", TEXT, DefaultValue::Text("vCard User Search")),
        option("search", Type::Bool, DefaultValue::Bool(false)),
        option("search_all_hosts", Type::Bool, DefaultValue::Bool(true)).backend("mnesia"),
        USE_CACHE,
        VCARD,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql", "ldap"],
    ram_db_types: &[],
};

/// `mod_vcard_xupdate`.
pub(crate) static MOD_VCARD_XUPDATE: ModuleSpec = ModuleSpec {
    name: "mod_vcard_xupdate",
    doc: "",
    since: "",
    options: &[CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, USE_CACHE],
    needs: &["mod_vcard"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
