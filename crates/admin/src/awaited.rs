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
            "oauth_add_client_implicit", "oauth_add_client_password", "oauth_issue_token",
            "oauth_list_tokens", "oauth_remove_client", "oauth_revoke_token",
        ],
    },
    Awaited {
        capability: "a counterpart of Erlang's tools",
        commands: &[
            "compile", "delete_mnesia", "get_cookie", "mnesia_change", "mnesia_change_nodename",
            "mnesia_info", "mnesia_info_ctl", "mnesia_list_tables",
            "mnesia_table_change_storage", "mnesia_table_info", "restart_module", "update",
            "update_list",
        ],
    },
    Awaited {
        capability: "account maintenance (mod_admin_extra)",
        commands: &[
            "ban_account", "check_password_hash", "count_banned", "delete_old_users",
            "delete_old_users_vhost", "get_ban_details", "list_banned", "unban_account",
        ],
    },
    Awaited {
        capability: "announcements (mod_announce)",
        commands: &[
            "announce_motd_delete", "announce_motd_get", "announce_motd_set_online",
            "announce_motd_update", "announce_send_all", "announce_send_online",
        ],
    },
    Awaited {
        capability: "backup and migration of databases",
        commands: &[
            "backup", "convert_to_scram", "dump", "dump_table", "export2sql", "export_db",
            "export_db_abort", "export_db_ext", "export_db_status", "export_piefxis",
            "export_piefxis_host", "import_db", "import_db_abort", "import_db_status",
            "import_dir", "import_file", "import_piefxis", "import_prosody", "install_fallback",
            "load", "print_sql_schema", "restore", "update_sql",
        ],
    },
    Awaited {
        capability: "banning of addresses (mod_fail2ban)",
        commands: &[
            "unban_ip",
        ],
    },
    Awaited {
        capability: "certificates by ACME",
        commands: &[
            "list_certificates", "request_certificate", "revoke_certificate",
        ],
    },
    Awaited {
        capability: "clusters",
        commands: &[
            "evacuate_kindly", "get_master", "join_cluster", "join_cluster_here",
            "leave_cluster", "list_cluster", "list_cluster_detailed", "set_master",
        ],
    },
    Awaited {
        capability: "configuration tools",
        commands: &[
            "convert_to_yaml", "dump_config",
        ],
    },
    Awaited {
        capability: "contributed modules",
        commands: &[
            "module_check", "module_install", "module_uninstall", "module_upgrade",
            "modules_available", "modules_installed", "modules_update_specs",
        ],
    },
    Awaited {
        capability: "generated command documentation",
        commands: &[
            "gen_html_doc_for_commands", "gen_markdown_doc_for_commands",
            "gen_markdown_doc_for_tags", "man",
        ],
    },
    Awaited {
        capability: "group chat (mod_muc, mod_muc_admin)",
        commands: &[
            "change_room_option", "create_room", "create_room_with_opts", "create_rooms_file",
            "destroy_room", "destroy_rooms_file", "get_room_affiliation",
            "get_room_affiliations", "get_room_history", "get_room_occupants",
            "get_room_occupants_number", "get_room_options", "get_subscribers",
            "get_user_rooms", "get_user_subscriptions", "muc_get_registered_nick",
            "muc_get_registered_nicks", "muc_online_rooms", "muc_online_rooms_by_regex",
            "muc_online_rooms_count", "muc_register_nick", "muc_unregister_nick",
            "rooms_empty_destroy", "rooms_empty_list", "rooms_unused_destroy",
            "rooms_unused_destroy_skip_notifications", "rooms_unused_list",
            "send_direct_invitation", "set_room_affiliation", "subscribe_room",
            "subscribe_room_many", "unsubscribe_room",
        ],
    },
    Awaited {
        capability: "invitations (mod_invites)",
        commands: &[
            "cleanup_expired_invite_tokens", "delete_invite_by_token", "expire_invite_by_token",
            "expire_invite_tokens", "generate_invite", "generate_invite_with_username",
            "generate_reset_token", "list_invites",
        ],
    },
    Awaited {
        capability: "last activity (mod_last)",
        commands: &[
            "get_last", "set_last",
        ],
    },
    Awaited {
        capability: "offline messages (mod_offline)",
        commands: &[
            "abort_delete_old_messages", "delete_expired_messages", "delete_old_messages",
            "delete_old_messages_batch", "delete_old_messages_status", "get_offline_count",
        ],
    },
    Awaited {
        capability: "private storage (mod_private)",
        commands: &[
            "private_get", "private_set",
        ],
    },
    Awaited {
        capability: "publish-subscribe (mod_pubsub)",
        commands: &[
            "bookmarks_to_pep", "delete_expired_pubsub_items", "delete_old_pubsub_items",
        ],
    },
    Awaited {
        capability: "push notifications (mod_push)",
        commands: &[
            "delete_old_push_sessions",
        ],
    },
    Awaited {
        capability: "roster commands (mod_roster)",
        commands: &[
            "add_rosteritem", "delete_rosteritem", "get_roster", "get_roster_count",
            "process_rosteritems", "push_alltoall", "push_roster", "push_roster_all",
        ],
    },
    Awaited {
        capability: "server maintenance",
        commands: &[
            "clear_cache", "gc", "halt", "restart_kindly", "stop_kindly",
        ],
    },
    Awaited {
        capability: "server-to-server streams",
        commands: &[
            "incoming_s2s_number", "outgoing_s2s_number", "stop_s2s_connections",
        ],
    },
    Awaited {
        capability: "session and stanza commands (mod_admin_extra)",
        commands: &[
            "get_presence", "kick_users", "privacy_set", "resource_num", "send_message",
            "send_stanza", "send_stanza_c2s", "set_presence", "stats", "stats_host",
            "status_list", "status_list_host", "status_num", "status_num_host",
        ],
    },
    Awaited {
        capability: "shared roster groups (mod_shared_roster)",
        commands: &[
            "srg_add", "srg_add_displayed", "srg_create", "srg_del_displayed", "srg_delete",
            "srg_get_displayed", "srg_get_info", "srg_get_members", "srg_list", "srg_set_info",
            "srg_user_add", "srg_user_del",
        ],
    },
    Awaited {
        capability: "the command test suite",
        commands: &[
            "echo", "echo3",
        ],
    },
    Awaited {
        capability: "the message archive (mod_mam)",
        commands: &[
            "abort_delete_old_mam_messages", "delete_old_mam_messages",
            "delete_old_mam_messages_batch", "delete_old_mam_messages_status", "get_mam_count",
            "remove_mam_for_user", "remove_mam_for_user_with_peer",
        ],
    },
    Awaited {
        capability: "the spam filter (mod_antispam)",
        commands: &[
            "add_blocked_domain", "add_to_spam_filter_cache", "drop_from_spam_filter_cache",
            "expire_spam_filter_cache", "get_blocked_domains", "get_spam_filter_cache",
            "reload_spam_filter_files", "remove_blocked_domain",
        ],
    },
    Awaited {
        capability: "the web admin pages",
        commands: &[
            "get_mam_messages", "get_offline_messages", "mnesia_table_clear",
            "mnesia_table_destroy", "mnesia_table_details", "webadmin_host_last_activity",
            "webadmin_host_srg", "webadmin_host_srg_group", "webadmin_host_user_queue",
            "webadmin_muc", "webadmin_node_contrib", "webadmin_node_db",
            "webadmin_node_db_table", "webadmin_node_db_table_page",
        ],
    },
    Awaited {
        capability: "vCards (mod_vcard)",
        commands: &[
            "get_vcard", "get_vcard2", "get_vcard2_multi", "set_nickname", "set_vcard",
            "set_vcard2", "set_vcard2_multi",
        ],
    },
];

/// What a command waits for, if it is one of ejabberd's that are not there yet.
pub(crate) fn capability(command: &str) -> Option<&'static str> {
    AWAITED.iter().find(|awaited| awaited.commands.contains(&command)).map(|awaited| awaited.capability)
}
