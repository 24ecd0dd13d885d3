# Written from the command table; refresh with: UPDATE_DOCS=1 cargo test -p server
_rookeryctl_options='--auth --config --config-dir --ctl-config --help --logs --no-timeout --node --spool --version'
_rookeryctl_words='change_password check_account check_password completion connected_users connected_users_info connected_users_number connected_users_vhost gen_html_doc_for_commands gen_markdown_doc_for_commands gen_markdown_doc_for_tags get_loglevel help kick_session kick_user live man num_resources ping register registered_users registered_vhosts reload_config reopen_log restart rotate_log set_loglevel started status stop stopped unregister user_resources user_sessions_info'
_rookeryctl_tags='accounts config documentation ejabberdctl logs server session statistics'
_rookeryctl_arguments() {
    case $1 in
        change_password) REPLY='user host newpass' ;;
        check_account) REPLY='user host' ;;
        check_password) REPLY='user host password' ;;
        connected_users_vhost) REPLY='host' ;;
        gen_html_doc_for_commands) REPLY='file regexp examples' ;;
        gen_markdown_doc_for_commands) REPLY='file regexp examples' ;;
        gen_markdown_doc_for_tags) REPLY='file' ;;
        kick_session) REPLY='user host resource reason' ;;
        kick_user) REPLY='user host' ;;
        num_resources) REPLY='user host' ;;
        register) REPLY='user host password' ;;
        registered_users) REPLY='host' ;;
        set_loglevel) REPLY='loglevel' ;;
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
