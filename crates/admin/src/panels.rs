//! What administrators see of the server itself, host by host and account by account; modules declare their own.

use kernel::{Panel, Place};
use observe::names;

/// The panels that need no module, in the order of ejabberd's menu.
pub const PANELS: &[Panel] = &[
    Panel {
        place: Place::Server,
        page: "",
        title: "welcome page",
        commands: &["stats"],
        metrics: &[names::SESSIONS_OPEN, names::STANZAS],
    },
    Panel {
        place: Place::Server,
        page: "vhosts",
        title: "Virtual Hosts",
        commands: &["registered_vhosts", "stats_host"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Server,
        page: "nodes",
        title: "Nodes",
        commands: &["list_cluster"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Server,
        page: "purge",
        title: "Purge",
        commands: &[
            "clear_cache",
            "gc",
            "delete_old_users",
            "delete_expired_messages",
            "delete_old_messages",
            "delete_old_messages_batch",
            "delete_old_messages_status",
        ],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Server,
        page: "stanza",
        title: "Stanza",
        commands: &["send_message", "send_stanza", "send_stanza_c2s"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Server,
        page: "stats",
        title: "Statistics",
        commands: &["stats_host", "stats"],
        metrics: &[
            names::AUTHENTICATIONS,
            names::STANZAS,
            names::STANZAS_BOUNCED,
            names::MAILBOX_OVERFLOWS,
        ],
    },
    Panel {
        place: Place::Node,
        page: "backup",
        title: "Backup of <node>",
        commands: &[
            "backup",
            "restore",
            "install_fallback",
            "dump",
            "load",
            "import_piefxis",
            "import_file",
            "import_dir",
            "import_prosody",
            "export_piefxis",
            "export_piefxis_host",
            "export2sql",
        ],
        metrics: &[names::STORE_COMMITS, names::STORE_COMMIT_SECONDS],
    },
    Panel {
        place: Place::Node,
        page: "acme",
        title: "ACME Certificates",
        commands: &["list_certificates"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Node,
        page: "cluster",
        title: "Clustering",
        commands: &["list_cluster_detailed"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Node,
        page: "config-file",
        title: "Configuration File",
        commands: &["convert_to_yaml", "dump_config", "reload_config"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Node,
        page: "stop",
        title: "Stop Node",
        commands: &["restart", "stop_kindly", "stop", "halt"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Node,
        page: "logs",
        title: "Logs",
        commands: &["set_loglevel", "get_loglevel", "reopen_log", "rotate_log"],
        metrics: &[names::LOG_LINES_DROPPED],
    },
    Panel {
        place: Place::Node,
        page: "stats",
        title: "Statistics",
        commands: &["stats"],
        metrics: &[names::TASK_PANICS],
    },
    Panel {
        place: Place::Host,
        page: "users",
        title: "Users",
        commands: &["register", "registered_users"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Host,
        page: "online-users",
        title: "Online Users",
        commands: &["kick_users", "connected_users_vhost"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Host,
        page: "nodes",
        title: "Nodes",
        commands: &["list_cluster"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Host,
        page: "purge",
        title: "Purge",
        commands: &["delete_old_users_vhost"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::Host,
        page: "stats",
        title: "Statistics",
        commands: &["stats_host"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::User,
        page: "",
        title: "User <jid>",
        commands: &["user_sessions_info", "change_password", "unregister"],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::User,
        page: "auth",
        title: "Authentication",
        commands: &[
            "ban_account",
            "unban_account",
            "register",
            "check_account",
            "check_password",
            "check_password_hash",
            "change_password",
            "get_ban_details",
            "unregister",
        ],
        ..Panel::PLAIN
    },
    Panel {
        place: Place::User,
        page: "session",
        title: "Sessions",
        commands: &[
            "resource_num",
            "set_presence",
            "kick_user",
            "kick_session",
            "user_sessions_info",
            "user_resources",
            "get_presence",
            "num_resources",
        ],
        ..Panel::PLAIN
    },
];
