# Written from the command table; refresh with: UPDATE_DOCS=1 cargo test -p server
_rookeryctl_options='--auth --config --config-dir --ctl-config --help --logs --no-timeout --node --spool --version'
_rookeryctl_words='abort_delete_old_messages add_rosteritem backup ban_account change_password check_account check_password check_password_hash clear_cache completion connected_users connected_users_info connected_users_number connected_users_vhost convert_to_scram convert_to_yaml count_banned delete_expired_messages delete_old_messages delete_old_messages_batch delete_old_messages_status delete_old_users delete_old_users_vhost delete_rosteritem dump dump_config dump_table echo echo3 evacuate_kindly export2sql export_db export_db_abort export_db_ext export_db_status export_piefxis export_piefxis_host foreground foreground-quiet gc gen_html_doc_for_commands gen_markdown_doc_for_commands gen_markdown_doc_for_tags get_ban_details get_last get_loglevel get_offline_count get_offline_messages get_presence get_roster get_roster_count get_vcard get_vcard2 get_vcard2_multi halt help import_db import_db_abort import_db_status import_dir import_file import_piefxis import_prosody install_fallback kick_session kick_user kick_users list_banned list_certificates list_cluster list_cluster_detailed live load man num_resources ping print_sql_schema private_get private_set process_rosteritems push_alltoall push_roster push_roster_all register registered_users registered_vhosts reload_config reopen_log resource_num restart restart_kindly restore rotate_log send_message send_stanza send_stanza_c2s set_last set_loglevel set_nickname set_presence set_vcard set_vcard2 set_vcard2_multi start started stats stats_host status status_list status_list_host status_num status_num_host stop stop_kindly stopped unban_account unregister user_resources user_sessions_info'
_rookeryctl_tags='accounts acme async cluster config db documentation ejabberdctl internal last logs mnesia offline private purge roster server session sql stanza statistics vcard'
_rookeryctl_arguments() {
    case $1 in
        abort_delete_old_messages) REPLY='host' ;;
        add_rosteritem) REPLY='localuser localhost user host nick groups subs' ;;
        backup) REPLY='file' ;;
        ban_account) REPLY='user host reason' ;;
        change_password) REPLY='user host newpass' ;;
        check_account) REPLY='user host' ;;
        check_password) REPLY='user host password' ;;
        check_password_hash) REPLY='user host passwordhash hashmethod' ;;
        connected_users_vhost) REPLY='host' ;;
        convert_to_scram) REPLY='host' ;;
        convert_to_yaml) REPLY='in out' ;;
        count_banned) REPLY='host' ;;
        delete_old_messages) REPLY='days' ;;
        delete_old_messages_batch) REPLY='host days batch_size rate' ;;
        delete_old_messages_status) REPLY='host' ;;
        delete_old_users) REPLY='days' ;;
        delete_old_users_vhost) REPLY='host days' ;;
        delete_rosteritem) REPLY='localuser localhost user host' ;;
        dump) REPLY='file' ;;
        dump_config) REPLY='out' ;;
        dump_table) REPLY='file table' ;;
        echo) REPLY='sentence' ;;
        echo3) REPLY='first second sentence' ;;
        evacuate_kindly) REPLY='delay announcement' ;;
        export2sql) REPLY='host file' ;;
        export_db) REPLY='host dir' ;;
        export_db_abort) REPLY='host' ;;
        export_db_ext) REPLY='host dir modules type' ;;
        export_db_status) REPLY='host' ;;
        export_piefxis) REPLY='dir' ;;
        export_piefxis_host) REPLY='dir host' ;;
        gen_html_doc_for_commands) REPLY='file regexp examples' ;;
        gen_markdown_doc_for_commands) REPLY='file regexp examples' ;;
        gen_markdown_doc_for_tags) REPLY='file' ;;
        get_ban_details) REPLY='user host' ;;
        get_last) REPLY='user host' ;;
        get_offline_count) REPLY='user host' ;;
        get_offline_messages) REPLY='user host' ;;
        get_presence) REPLY='user host' ;;
        get_roster) REPLY='user host' ;;
        get_roster_count) REPLY='user host' ;;
        get_vcard) REPLY='user host name' ;;
        get_vcard2) REPLY='user host name subname' ;;
        get_vcard2_multi) REPLY='user host name subname' ;;
        import_db) REPLY='host dir' ;;
        import_db_abort) REPLY='host' ;;
        import_db_status) REPLY='host' ;;
        import_dir) REPLY='file' ;;
        import_file) REPLY='file' ;;
        import_piefxis) REPLY='file' ;;
        import_prosody) REPLY='dir' ;;
        install_fallback) REPLY='file' ;;
        kick_session) REPLY='user host resource reason' ;;
        kick_user) REPLY='user host' ;;
        kick_users) REPLY='host' ;;
        list_banned) REPLY='host' ;;
        load) REPLY='file' ;;
        num_resources) REPLY='user host' ;;
        print_sql_schema) REPLY='db_type db_version multihost_schema' ;;
        private_get) REPLY='user host element ns' ;;
        private_set) REPLY='user host element' ;;
        process_rosteritems) REPLY='action subs asks users contacts' ;;
        push_alltoall) REPLY='host group' ;;
        push_roster) REPLY='file user host' ;;
        push_roster_all) REPLY='file' ;;
        register) REPLY='user host password' ;;
        registered_users) REPLY='host' ;;
        resource_num) REPLY='user host num' ;;
        restart_kindly) REPLY='delay announcement' ;;
        restore) REPLY='file' ;;
        send_message) REPLY='type from to subject body' ;;
        send_stanza) REPLY='from to stanza' ;;
        send_stanza_c2s) REPLY='user host resource stanza' ;;
        set_last) REPLY='user host timestamp status' ;;
        set_loglevel) REPLY='loglevel' ;;
        set_nickname) REPLY='user host nickname' ;;
        set_presence) REPLY='user host resource type show status priority' ;;
        set_vcard) REPLY='user host name content' ;;
        set_vcard2) REPLY='user host name subname content' ;;
        set_vcard2_multi) REPLY='user host name subname contents' ;;
        stats) REPLY='name' ;;
        stats_host) REPLY='name host' ;;
        status_list) REPLY='status' ;;
        status_list_host) REPLY='host status' ;;
        status_num) REPLY='status' ;;
        status_num_host) REPLY='host status' ;;
        stop_kindly) REPLY='delay announcement' ;;
        unban_account) REPLY='user host' ;;
        unregister) REPLY='user host' ;;
        user_resources) REPLY='user host' ;;
        user_sessions_info) REPLY='user host' ;;
        *) REPLY= ;;
    esac
}
_rookeryctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} at=1 word command="" own=() candidates="" argument
    COMPREPLY=()
    while ((at < COMP_CWORD)); do
        word=${COMP_WORDS[at]}
        case $word in
            -f|--config|-c|--ctl-config|-d|--config-dir|-s|--spool|-l|--logs)
                if ((at + 1 == COMP_CWORD)); then
                    compopt -o filenames 2>/dev/null
                    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                    return
                fi
                own+=("$word" "${COMP_WORDS[at + 1]}")
                at=$((at + 2)) ;;
            -n|--node|--version) at=$((at + 2)) ;;
            --auth) at=$((at + 4)) ;;
            -*) at=$((at + 1)) ;;
            *) command=${word//-/_}; break ;;
        esac
    done
    if [[ -z $command ]]; then
        ((at > COMP_CWORD)) && return
        if [[ $cur == -* ]]; then candidates=$_rookeryctl_options; else candidates=$_rookeryctl_words; fi
    else
        argument=$((COMP_CWORD - at - 1))
        case $command in
            help) ((argument == 0)) && candidates="tags commands awaited $_rookeryctl_tags $_rookeryctl_words" ;;
            completion) ((argument == 0)) && candidates="bash zsh fish" ;;
            *)
                _rookeryctl_arguments "$command"
                set -- $REPLY
                shift "$argument" 2>/dev/null || return
                case ${1-} in
                    host|localhost|grouphost)
                        candidates=$("${COMP_WORDS[0]}" "${own[@]}" registered_vhosts 2>/dev/null </dev/null) || return ;;
                    loglevel) candidates="none emergency alert critical error warning notice info debug" ;;
                    file|in|out|dir)
                        compopt -o filenames 2>/dev/null
                        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                        return ;;
                esac ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$cur")
}
complete -F _rookeryctl rookeryctl ejabberdctl
