//! ejabberd's commands that are not declared yet, with what each of them waits for.

/// A part of the server that does not exist yet, and the commands that will come with it.
#[derive(Clone, Copy, Debug)]
pub struct Awaited {
    /// What is waited for, in words that follow "it waits for".
    pub capability: &'static str,
    /// The commands, under their names in ejabberd.
    pub commands: &'static [&'static str],
}

/// All of them. A module that declares one of these in the command table has the precedence.
pub const AWAITED: &[Awaited] = &[
    Awaited {
        capability: "OAuth",
        commands: &[
            "oauth_add_client_implicit",
            "oauth_add_client_password",
            "oauth_issue_token",
            "oauth_list_tokens",
            "oauth_remove_client",
            "oauth_revoke_token",
        ],
    },
    Awaited {
        capability: "announcements (mod_announce)",
        commands: &[
            "announce_motd_delete",
            "announce_motd_get",
            "announce_motd_set_online",
            "announce_motd_update",
            "announce_send_all",
            "announce_send_online",
        ],
    },
    Awaited { capability: "banning of addresses (mod_fail2ban)", commands: &["unban_ip"] },
    Awaited {
        capability: "certificates by ACME",
        commands: &["request_certificate", "revoke_certificate"],
    },
    Awaited {
        capability: "clusters",
        commands: &[
            "get_master",
            "join_cluster",
            "join_cluster_here",
            "leave_cluster",
            "set_master",
        ],
    },
    Awaited {
        capability: "contributed modules",
        commands: &[
            "module_check",
            "module_install",
            "module_uninstall",
            "module_upgrade",
            "modules_available",
            "modules_installed",
            "modules_update_specs",
        ],
    },
    Awaited {
        capability: "group chat (mod_muc, mod_muc_admin)",
        commands: &[
            "change_room_option",
            "create_room",
            "create_room_with_opts",
            "create_rooms_file",
            "destroy_room",
            "destroy_rooms_file",
            "get_room_affiliation",
            "get_room_affiliations",
            "get_room_history",
            "get_room_occupants",
            "get_room_occupants_number",
            "get_room_options",
            "get_subscribers",
            "get_user_rooms",
            "get_user_subscriptions",
            "muc_get_registered_nick",
            "muc_get_registered_nicks",
            "muc_online_rooms",
            "muc_online_rooms_by_regex",
            "muc_online_rooms_count",
            "muc_register_nick",
            "muc_unregister_nick",
            "rooms_empty_destroy",
            "rooms_empty_list",
            "rooms_unused_destroy",
            "rooms_unused_destroy_skip_notifications",
            "rooms_unused_list",
            "send_direct_invitation",
            "set_room_affiliation",
            "subscribe_room",
            "subscribe_room_many",
            "unsubscribe_room",
        ],
    },
    Awaited {
        capability: "invitations (mod_invites)",
        commands: &[
            "cleanup_expired_invite_tokens",
            "delete_invite_by_token",
            "expire_invite_by_token",
            "expire_invite_tokens",
            "generate_invite",
            "generate_invite_with_username",
            "generate_reset_token",
            "list_invites",
        ],
    },
    Awaited {
        capability: "publish-subscribe (mod_pubsub)",
        commands: &["bookmarks_to_pep", "delete_expired_pubsub_items", "delete_old_pubsub_items"],
    },
    Awaited {
        capability: "push notifications (mod_push)",
        commands: &["delete_old_push_sessions"],
    },
    Awaited {
        capability: "server-to-server streams",
        commands: &["incoming_s2s_number", "outgoing_s2s_number", "stop_s2s_connections"],
    },
    Awaited { capability: "privacy lists (mod_privacy)", commands: &["privacy_set"] },
    Awaited {
        capability: "shared roster groups (mod_shared_roster)",
        commands: &[
            "srg_add",
            "srg_add_displayed",
            "srg_create",
            "srg_del_displayed",
            "srg_delete",
            "srg_get_displayed",
            "srg_get_info",
            "srg_get_members",
            "srg_list",
            "srg_set_info",
            "srg_user_add",
            "srg_user_del",
        ],
    },
    Awaited {
        capability: "the message archive (mod_mam)",
        commands: &[
            "abort_delete_old_mam_messages",
            "delete_old_mam_messages",
            "delete_old_mam_messages_batch",
            "delete_old_mam_messages_status",
            "get_mam_count",
            "remove_mam_for_user",
            "remove_mam_for_user_with_peer",
        ],
    },
    Awaited {
        capability: "the spam filter (mod_antispam)",
        commands: &[
            "add_blocked_domain",
            "add_to_spam_filter_cache",
            "drop_from_spam_filter_cache",
            "expire_spam_filter_cache",
            "get_blocked_domains",
            "get_spam_filter_cache",
            "reload_spam_filter_files",
            "remove_blocked_domain",
        ],
    },
    Awaited {
        capability: "the web admin pages",
        commands: &[
            "get_mam_messages",
            "webadmin_host_last_activity",
            "webadmin_host_srg",
            "webadmin_host_srg_group",
            "webadmin_host_user_queue",
            "webadmin_muc",
            "webadmin_node_contrib",
        ],
    },
];

/// Commands of ejabberd that will never be here.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    /// Why, in words that follow "has no counterpart here:".
    pub reason: &'static str,
    /// The commands, under their names in ejabberd.
    pub commands: &'static [&'static str],
}

/// All of them.
pub const REFUSED: &[Refused] = &[
    Refused {
        reason: "there is no Mnesia, everything is in one SQL database",
        commands: &[
            "delete_mnesia",
            "mnesia_change",
            "mnesia_change_nodename",
            "mnesia_info",
            "mnesia_info_ctl",
            "mnesia_list_tables",
            "mnesia_table_change_storage",
            "mnesia_table_clear",
            "mnesia_table_destroy",
            "mnesia_table_details",
            "mnesia_table_info",
            "webadmin_node_db",
            "webadmin_node_db_table",
            "webadmin_node_db_table_page",
        ],
    },
    Refused {
        reason: "no code is loaded into a running server; install the new version and use restart",
        commands: &["compile", "update", "update_list"],
    },
    Refused {
        reason: "modules have no code of their own to load again; reload_config starts all of them with the options \
                 of the file",
        commands: &["restart_module"],
    },
    Refused {
        reason: "the Erlang cookie is a secret; read it from the file .erlang.cookie as the user who may",
        commands: &["get_cookie"],
    },
    Refused {
        reason: "the server makes its tables, and brings those of ejabberd up to date, by itself at the start",
        commands: &["update_sql"],
    },
];

/// Why one of ejabberd's commands is not there, in words that follow its name.
pub(crate) fn absence(command: &str) -> Option<String> {
    let awaited = AWAITED.iter().find(|awaited| awaited.commands.contains(&command));
    let waits =
        awaited.map(|for_| format!("is not available yet: it waits for {}", for_.capability));
    waits.or_else(|| {
        let refused = REFUSED.iter().find(|refused| refused.commands.contains(&command))?;
        Some(format!("has no counterpart here: {}", refused.reason))
    })
}
