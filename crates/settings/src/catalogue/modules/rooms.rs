//! Rooms and nodes: MUC, MIX, publish-subscribe.

use super::shared::{
    APPEND_MODULE_CONFIG, CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, HOSTS, QUEUE_TYPE, USE_CACHE,
    VCARD,
};
use crate::catalogue::kinds::{
    DefaultValue, FROM_ZERO, FROM_ZERO_OR_INFINITY, FileUse, INT, ModuleSpec, POSITIVE,
    POSITIVE_OR_INFINITY, SECONDS_OR_INFINITY, TEXT, Type, WEB_URL, field, list, map, option,
    options,
};

/// `mod_mix`.
#[rustfmt::skip]
pub(crate) static MOD_MIX: ModuleSpec = ModuleSpec {
    name: "mod_mix",
    doc: "MIX channels (XEP-0369).",
    since: "16.03",
    options: &[
        option("access_create", Type::Access, DefaultValue::Text("all")),
        option("db_type", Type::DbType("mod_mix"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        option("host", Type::Host, DefaultValue::Text("mix.@HOST@"))
            .doc("Domain of the service."),
        HOSTS,
        option("name", TEXT, DefaultValue::Text("Channels"))
            .doc("Name of the service in listings."),
    ],
    needs: &["mod_mam"],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_mix_pam`.
#[rustfmt::skip]
pub(crate) static MOD_MIX_PAM: ModuleSpec = ModuleSpec {
    name: "mod_mix_pam",
    doc: "MIX membership of accounts (XEP-0405).",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("db_type", Type::DbType("mod_mix_pam"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_muc`.
#[rustfmt::skip]
pub(crate) static MOD_MUC: ModuleSpec = ModuleSpec {
    name: "mod_muc",
    doc: "Chat rooms (XEP-0045).",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("all"))
            .doc("Who may use the rooms."),
        option("access_admin", Type::Access, DefaultValue::Text("none"))
            .doc("Who owns all rooms."),
        option("access_create", Type::Access, DefaultValue::Text("all"))
            .doc("Who may make rooms."),
        option("access_mam", Type::Access, DefaultValue::Text("all"))
            .doc("Who may switch a room's archive."),
        option("access_persistent", Type::Access, DefaultValue::Text("all"))
            .doc("Who may make rooms that stay."),
        option("access_register", Type::Access, DefaultValue::Text("all"))
            .doc("Who may register a nickname."),
        APPEND_MODULE_CONFIG,
        option("cleanup_affiliations_on_start", Type::Bool, DefaultValue::Bool(false)).since("22.05")
            .doc("Whether affiliations of gone accounts are removed at start."),
        option("db_type", Type::DbType("mod_muc"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        option(
            "default_room_options",
            options(&[
                field("allow_change_subj", Type::Bool),
                field("allow_private_messages_from_visitors", Type::Enum(&["anyone", "moderators", "nobody"])),
                field("allow_query_users", Type::Bool),
                field("allow_subscription", Type::Bool),
                field("allow_user_invites", Type::Bool),
                field("allow_visitor_nickchange", Type::Bool),
                field("allow_visitor_status", Type::Bool),
                field("allow_voice_requests", Type::Bool),
                field("allowpm", Type::Enum(&["anyone", "participants", "moderators", "none"])),
                field("anonymous", Type::Bool),
                field("captcha_protected", Type::Bool),
                field("description", TEXT),
                field("enable_hats", Type::Bool),
                field("lang", Type::Lang),
                field("logging", Type::Bool),
                field("mam", Type::Bool),
                field("max_users", POSITIVE),
                field("members_by_default", Type::Bool),
                field("members_only", Type::Bool),
                field("moderated", Type::Bool),
                field("password", TEXT).secret(),
                field("password_protected", Type::Bool),
                field("persistent", Type::Bool),
                field("presence_broadcast", list(&Type::Enum(&["moderator", "participant", "visitor"]))),
                field("public", Type::Bool),
                field("public_list", Type::Bool),
                field("pubsub", TEXT),
                field("title", TEXT),
                field("vcard", Type::Vcard),
                field("vcard_xupdate", TEXT),
                field("voice_request_min_interval", POSITIVE),
            ]),
            DefaultValue::Map(&[
                ("allow_change_subj", DefaultValue::Bool(true)),
                ("allowpm", DefaultValue::Text("anyone")),
                ("allow_query_users", DefaultValue::Bool(true)),
                ("allow_user_invites", DefaultValue::Bool(false)),
                ("allow_visitor_nickchange", DefaultValue::Bool(true)),
                ("allow_visitor_status", DefaultValue::Bool(true)),
                ("anonymous", DefaultValue::Bool(true)),
                ("captcha_protected", DefaultValue::Bool(false)),
                ("lang", DefaultValue::Text("")),
                ("logging", DefaultValue::Bool(false)),
                ("members_by_default", DefaultValue::Bool(true)),
                ("members_only", DefaultValue::Bool(false)),
                ("moderated", DefaultValue::Bool(true)),
                ("password_protected", DefaultValue::Bool(false)),
                ("persistent", DefaultValue::Bool(false)),
                ("public", DefaultValue::Bool(true)),
                ("public_list", DefaultValue::Bool(true)),
                ("mam", DefaultValue::Bool(false)),
                ("allow_subscription", DefaultValue::Bool(false)),
                ("password", DefaultValue::Text("")),
                ("title", DefaultValue::Text("")),
                ("allow_private_messages_from_visitors", DefaultValue::Text("anyone")),
                ("max_users", DefaultValue::Int(200)),
                (
                    "presence_broadcast",
                    DefaultValue::List(&[
                        DefaultValue::Text("moderator"),
                        DefaultValue::Text("participant"),
                        DefaultValue::Text("visitor"),
                    ]),
                ),
            ]),
        )
            .doc("Options of new rooms."),
        option("hibernation_timeout", SECONDS_OR_INFINITY, DefaultValue::Text("infinity"))
            .doc("Idle time after which a room leaves the memory."),
        option("history_size", FROM_ZERO, DefaultValue::Int(20))
            .doc("Old messages shown to who joins."),
        option("host", Type::Host, DefaultValue::Text("conference.@HOST@"))
            .doc("Domain of the service."),
        HOSTS,
        option("max_captcha_whitelist", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity")).since("21.01")
            .doc("Most addresses excused from the CAPTCHA."),
        option("max_password", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity")).since("21.01")
            .doc("Longest room password in characters."),
        option("max_room_desc", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity"))
            .doc("Longest description in characters."),
        option("max_room_id", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity"))
            .doc("Longest room address in characters."),
        option("max_room_name", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity"))
            .doc("Longest room name in characters."),
        option("max_rooms_discoitems", FROM_ZERO, DefaultValue::Int(100))
            .doc("Rooms from which the list is no longer shown in full."),
        option("max_user_conferences", POSITIVE, DefaultValue::Int(100))
            .doc("Rooms one user may be in."),
        option("max_users", POSITIVE, DefaultValue::Int(200))
            .doc("Most users of a room."),
        option("max_users_admin_threshold", POSITIVE, DefaultValue::Int(5))
            .doc("Places kept free for owners and admins."),
        option("max_users_presence", INT, DefaultValue::Int(1000))
            .doc("Users from which presence is no longer sent to all."),
        option("min_message_interval", Type::NumberFromZero, DefaultValue::Int(0))
            .doc("Seconds between two messages of one user."),
        option("min_presence_interval", Type::NumberFromZero, DefaultValue::Int(0))
            .doc("Seconds between two presences of one user."),
        option("name", TEXT, DefaultValue::Text("Chatrooms"))
            .doc("Name of the service in listings."),
        option("preload_rooms", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether rooms are loaded at start."),
        QUEUE_TYPE,
        option("ram_db_type", Type::DbType("mod_muc"), DefaultValue::OfOr("default_ram_db", "mnesia"))
            .doc("Where it keeps short-lived data."),
        option("regexp_room_id", Type::Regex, DefaultValue::Text(""))
            .doc("Expression that room addresses must match."),
        option("room_shaper", Type::Word, DefaultValue::Text("none"))
            .doc("Rate limit of a whole room."),
        option("user_message_shaper", Type::Word, DefaultValue::Text("none"))
            .doc("Rate limit of a user's messages."),
        option("user_presence_shaper", Type::Word, DefaultValue::Text("none"))
            .doc("Rate limit of a user's presences."),
        VCARD,
    ],
    needs: &[],
    wants: &["mod_mam"],
    db_types: &["mnesia", "sql"],
    ram_db_types: &["mnesia", "sql"],
};

/// `mod_muc_admin`.
#[rustfmt::skip]
pub(crate) static MOD_MUC_ADMIN: ModuleSpec = ModuleSpec {
    name: "mod_muc_admin",
    doc: "Commands for chat rooms.",
    since: "",
    options: &[
        option("subscribe_room_many_max_users", INT, DefaultValue::Int(50)).since("22.05"),
    ],
    needs: &["mod_muc"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_muc_log`.
#[rustfmt::skip]
pub(crate) static MOD_MUC_LOG: ModuleSpec = ModuleSpec {
    name: "mod_muc_log",
    doc: "Public logs of chat rooms.",
    since: "",
    options: &[
        option("access_log", Type::Access, DefaultValue::Text("muc_admin")),
        option("cssfile", Type::UrlOrFile, DefaultValue::Text("@CSS_DIR@/muc.css")),
        option("dirname", Type::Enum(&["room_jid", "room_name"]), DefaultValue::Text("room_jid")),
        option("dirtype", Type::Enum(&["subdirs", "plain"]), DefaultValue::Text("subdirs")),
        option("file_format", Type::Enum(&["html", "plaintext"]), DefaultValue::Text("html")),
        option(
            "file_permissions",
            options(&[field("group", FROM_ZERO), field("mode", FROM_ZERO)]),
            DefaultValue::Map(&[("mode", DefaultValue::Int(644)), ("group", DefaultValue::Int(33))]),
        ),
        option("outdir", Type::Directory(FileUse::Write), DefaultValue::Text("www/muc")),
        option("spam_prevention", Type::Bool, DefaultValue::Bool(true)),
        option("timezone", Type::Enum(&["local", "universal"]), DefaultValue::Text("local")),
        option("top_link", map(&TEXT, &TEXT).non_empty(), DefaultValue::Map(&[("/", DefaultValue::Text("Home"))])),
        option("url", WEB_URL, DefaultValue::Unset),
    ],
    needs: &["mod_muc"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_muc_rtbl`.
#[rustfmt::skip]
pub(crate) static MOD_MUC_RTBL: ModuleSpec = ModuleSpec {
    name: "mod_muc_rtbl",
    doc: "Users of a shared list banned from rooms.",
    since: "23.04",
    options: &[
        option("rtbl_node", TEXT, DefaultValue::Text("muc_bans_sha256")).since("23.04"),
        option("rtbl_server", Type::Domain, DefaultValue::Text("xmppbl.org")).since("23.04"),
    ],
    needs: &["mod_muc"],
    wants: &["mod_pubsub"],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_pubsub`.
#[rustfmt::skip]
pub(crate) static MOD_PUBSUB: ModuleSpec = ModuleSpec {
    name: "mod_pubsub",
    doc: "Publish-subscribe and personal events (XEP-0060, XEP-0163).",
    since: "",
    options: &[
        option("access_createnode", Type::Access, DefaultValue::Text("all"))
            .doc("Who may make nodes."),
        APPEND_MODULE_CONFIG,
        option("db_type", Type::DbType("mod_pubsub"), DefaultValue::OfOr("default_db", "mnesia"))
            .doc("Where it keeps its data."),
        option(
            "default_node_config",
            map(&Type::Word, &Type::Either(&[INT, Type::Word])).unique(),
            DefaultValue::Map(&[]),
        )
            .doc("Options of new nodes."),
        option(
            "force_node_config",
            map(&Type::Glob, &map(&Type::Word, &Type::Either(&[INT, Type::Word])).unique()),
            DefaultValue::Map(&[]),
        )
            .doc("Options that nodes of a name always have."),
        option("host", Type::Host, DefaultValue::Text("pubsub.@HOST@"))
            .doc("Domain of the service."),
        HOSTS,
        option("ignore_pep_from_offline", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether events of offline contacts are left out."),
        option("last_item_cache", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether the newest item of each node stays in memory."),
        option("max_item_expire_node", SECONDS_OR_INFINITY, DefaultValue::Text("infinity")).since("21.12")
            .doc("Longest life of an item."),
        option("max_items_node", FROM_ZERO_OR_INFINITY, DefaultValue::Int(1000))
            .doc("Most items of a node."),
        option("max_nodes_discoitems", FROM_ZERO_OR_INFINITY, DefaultValue::Int(100))
            .doc("Most nodes listed."),
        option("max_subscriptions_node", FROM_ZERO, DefaultValue::Unset)
            .doc("Most subscriptions of a node."),
        option("name", TEXT, DefaultValue::Text("Publish-Subscribe"))
            .doc("Name of the service in listings."),
        option("nodetree", TEXT, DefaultValue::Text("tree"))
            .doc("How nodes are kept."),
        option("pep_mapping", map(&TEXT, &TEXT), DefaultValue::Map(&[]))
            .doc("Node types by namespace of the event."),
        option(
            "plugins",
            list(&Type::Enum(&["flat", "pep"])).unique(),
            DefaultValue::List(&[DefaultValue::Text("flat")]),
        )
            .doc("Kinds of nodes offered, the usual one first."),
        VCARD,
    ],
    needs: &[],
    wants: &[],
    db_types: &["mnesia", "sql"],
    ram_db_types: &[],
};

/// `mod_pubsub_serverinfo`.
#[rustfmt::skip]
pub(crate) static MOD_PUBSUB_SERVERINFO: ModuleSpec = ModuleSpec {
    name: "mod_pubsub_serverinfo",
    doc: "Facts about the server as a published node (XEP-0485).",
    since: "25.07",
    options: &[
        option("pubsub_host", Type::Host, DefaultValue::AtStart("first service host of mod_pubsub")).since("25.07"),
    ],
    needs: &["mod_pubsub"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
