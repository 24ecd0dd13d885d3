//! People: roster, vCard, avatar, private storage, presence.

use super::shared::{
    APPEND_MODULE_CONFIG, CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, HOSTS, LDAP_BACKUPS,
    LDAP_BASE, LDAP_DEREF_ALIASES, LDAP_ENCRYPT, LDAP_FILTER, LDAP_PASSWORD, LDAP_PORT,
    LDAP_ROOTDN, LDAP_SERVERS, LDAP_TLS_CACERTFILE, LDAP_TLS_CERTFILE, LDAP_TLS_DEPTH,
    LDAP_TLS_VERIFY, LDAP_UIDS, USE_CACHE, VCARD,
};
use crate::catalogue::kinds::{
    DefaultValue, ModuleSpec, POSITIVE, POSITIVE_OR_INFINITY, SECONDS, TEXT, Type, list, map,
    option,
};

/// `mod_avatar`.
#[rustfmt::skip]
pub(crate) static MOD_AVATAR: ModuleSpec = ModuleSpec {
    name: "mod_avatar",
    doc: "Avatars carried between vCard and personal events (XEP-0398).",
    since: "",
    options: &[
        option(
            "convert",
            map(
                &Type::Enum(&["default", "jpeg", "png", "webp", "gif"]),
                &Type::Enum(&["jpeg", "png", "webp", "gif"]),
            ),
            DefaultValue::Map(&[]),
        )
            .doc("Image formats turned into others."),
        option("rate_limit", POSITIVE, DefaultValue::Int(10))
            .doc("Conversions of one client in a minute."),
    ],
    needs: &["mod_vcard", "mod_vcard_xupdate", "mod_pubsub"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_last`.
#[rustfmt::skip]
pub(crate) static MOD_LAST: ModuleSpec = ModuleSpec {
    name: "mod_last",
    doc: "Last activity (XEP-0012).",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_last"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_pres_counter`.
#[rustfmt::skip]
pub(crate) static MOD_PRES_COUNTER: ModuleSpec = ModuleSpec {
    name: "mod_pres_counter",
    doc: "Limit on subscription requests.",
    since: "",
    options: &[
        option("count", POSITIVE, DefaultValue::Int(5))
            .doc("Subscription presences allowed in an interval."),
        option("interval", SECONDS, DefaultValue::Millis(60000))
            .doc("Length of the interval."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_private`.
#[rustfmt::skip]
pub(crate) static MOD_PRIVATE: ModuleSpec = ModuleSpec {
    name: "mod_private",
    doc: "Private storage (XEP-0049).",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_private"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        USE_CACHE,
    ],
    needs: &[],
    wants: &["mod_pubsub"],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_roster`.
#[rustfmt::skip]
pub(crate) static MOD_ROSTER: ModuleSpec = ModuleSpec {
    name: "mod_roster",
    doc: "Contact lists (RFC 6121).",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("all"))
            .doc("Who may change the contact list."),
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_roster"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        option("store_current_id", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether the version of each list is stored."),
        USE_CACHE,
        option("versioning", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether unchanged lists are not sent again."),
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_shared_roster`.
#[rustfmt::skip]
pub(crate) static MOD_SHARED_ROSTER: ModuleSpec = ModuleSpec {
    name: "mod_shared_roster",
    doc: "Groups shared in contact lists.",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_shared_roster"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_shared_roster_ldap`.
#[rustfmt::skip]
pub(crate) static MOD_SHARED_ROSTER_LDAP: ModuleSpec = ModuleSpec {
    name: "mod_shared_roster_ldap",
    doc: "Groups shared in contact lists, from LDAP.",
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
        option("ldap_memberattr_format_re", Type::Regex, DefaultValue::Unset),
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
#[rustfmt::skip]
pub(crate) static MOD_SIC: ModuleSpec = ModuleSpec {
    name: "mod_sic",
    doc: "The client's own address told (XEP-0279).",
    since: "",
    options: &[],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_vcard`.
#[rustfmt::skip]
pub(crate) static MOD_VCARD: ModuleSpec = ModuleSpec {
    name: "mod_vcard",
    doc: "vCards and the user directory (XEP-0054, XEP-0055).",
    since: "",
    options: &[
        option("allow_return_all", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether an empty search gives everybody."),
        APPEND_MODULE_CONFIG,
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_vcard"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        option("host", Type::Host, DefaultValue::Text("vjud.@HOST@"))
            .doc("Domain of the service."),
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
                ("NICKNAME", DefaultValue::Map(&[("%u", DefaultValue::List(&[]))])),
                ("FN", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("displayName")]))])),
                ("FAMILY", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("sn")]))])),
                ("GIVEN", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("givenName")]))])),
                ("MIDDLE", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("initials")]))])),
                ("ORGNAME", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("o")]))])),
                ("ORGUNIT", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("ou")]))])),
                ("CTRY", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("c")]))])),
                ("LOCALITY", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("l")]))])),
                ("STREET", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("street")]))])),
                ("REGION", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("st")]))])),
                ("PCODE", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("postalCode")]))])),
                ("TITLE", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("title")]))])),
                ("URL", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("labeleduri")]))])),
                ("DESC", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("description")]))])),
                ("TEL", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("telephoneNumber")]))])),
                ("EMAIL", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("mail")]))])),
                ("BDAY", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("birthDay")]))])),
                ("ROLE", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("employeeType")]))])),
                ("PHOTO", DefaultValue::Map(&[("%s", DefaultValue::List(&[DefaultValue::Text("jpegPhoto")]))])),
            ]),
        )
        .backend("ldap"),
        option("matches", POSITIVE_OR_INFINITY, DefaultValue::Int(30))
            .doc("Most results of a search."),
        option("name", TEXT, DefaultValue::Text("vCard User Search"))
            .doc("Name of the service in listings."),
        option("search", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether the user directory is offered."),
        option("search_all_hosts", Type::Bool, DefaultValue::Bool(true)).backend("mnesia")
            .doc("Whether the search covers all hosts."),
        USE_CACHE,
        VCARD,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql", "ldap"],
    ram_db_types: &[],
};

/// `mod_vcard_xupdate`.
#[rustfmt::skip]
pub(crate) static MOD_VCARD_XUPDATE: ModuleSpec = ModuleSpec {
    name: "mod_vcard_xupdate",
    doc: "Hash of the avatar in presence (XEP-0153).",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        USE_CACHE,
    ],
    needs: &["mod_vcard"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
