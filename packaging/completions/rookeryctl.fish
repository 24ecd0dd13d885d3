# Written from the command table; refresh with: UPDATE_DOCS=1 cargo test -p server
function __rookeryctl_arguments
    switch $argv[1]
        case change_password
            printf 'user\nhost\nnewpass\n'
        case check_account
            printf 'user\nhost\n'
        case check_password
            printf 'user\nhost\npassword\n'
        case connected_users_vhost
            printf 'host\n'
        case gen_html_doc_for_commands
            printf 'file\nregexp\nexamples\n'
        case gen_markdown_doc_for_commands
            printf 'file\nregexp\nexamples\n'
        case gen_markdown_doc_for_tags
            printf 'file\n'
        case kick_session
            printf 'user\nhost\nresource\nreason\n'
        case kick_user
            printf 'user\nhost\n'
        case num_resources
            printf 'user\nhost\n'
        case register
            printf 'user\nhost\npassword\n'
        case registered_users
            printf 'host\n'
        case set_loglevel
            printf 'loglevel\n'
        case unregister
            printf 'user\nhost\n'
        case user_resources
            printf 'user\nhost\n'
        case user_sessions_info
            printf 'user\nhost\n'
    end
end
function __rookeryctl_words
    # The words from the command on, without the one that is being typed.
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case -f --config -c --ctl-config -d --config-dir -s --spool -l --logs -n --node --version
                set -e words[1..2]
            case --auth
                set -e words[1..4]
            case '-*'
                set -e words[1]
            case '*'
                printf '%s\n' $words
                return
        end
    end
end
function __rookeryctl_own
    # The options that say which server is meant.
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[2]
        switch $words[1]
            case -f --config -c --ctl-config -d --config-dir -s --spool -l --logs
                printf '%s\n' $words[1..2]
                set -e words[1..2]
            case '*'
                set -e words[1]
        end
    end
end
function __rookeryctl_argument
    set -l words (__rookeryctl_words)
    set -q words[1]; or return 1
    set -l names (__rookeryctl_arguments (string replace -a - _ -- $words[1]))
    set -q names[(count $words)]; and echo $names[(count $words)]
end
function __rookeryctl_at_command
    test (count (__rookeryctl_words)) -eq 0
end
function __rookeryctl_after
    set -l words (__rookeryctl_words)
    test (count $words) -eq 1; and test $words[1] = $argv[1]
end
function __rookeryctl_hosts
    set -l tool (commandline -opc)[1]
    $tool (__rookeryctl_own) registered_vhosts 2>/dev/null </dev/null
end
for tool in rookeryctl ejabberdctl
    complete -c $tool -f
    complete -c $tool -n '__rookeryctl_argument | string match -qr "^(host|localhost|grouphost)\$"' -a '(__rookeryctl_hosts)'
    complete -c $tool -n '__rookeryctl_argument | string match -qr "^(file|in|out|dir)\$"' -F
    complete -c $tool -n '__rookeryctl_argument | string match -q loglevel' -a 'none emergency alert critical error warning notice info debug'
    complete -c $tool -n '__rookeryctl_after completion' -a 'bash zsh fish'
    complete -c $tool -n __rookeryctl_at_command -s f -l config -rF -d 'The configuration the server was started with'
    complete -c $tool -n __rookeryctl_at_command -s d -l config-dir -rF -d 'The folder of ejabberd.yml and ejabberdctl.cfg'
    complete -c $tool -n __rookeryctl_at_command -s c -l ctl-config -rF -d 'The ejabberdctl.cfg to read'
    complete -c $tool -n __rookeryctl_at_command -s s -l spool -rF -d 'The data folder'
    complete -c $tool -n __rookeryctl_at_command -s l -l logs -rF -d 'The log folder'
    complete -c $tool -n __rookeryctl_at_command -s n -l node -x -d 'The name of the server'
    complete -c $tool -n __rookeryctl_at_command -s t -l no-timeout -d 'Wait for ever'
    complete -c $tool -n __rookeryctl_at_command -l version -x -a '0 1 2 3' -d 'API version'
    complete -c $tool -n __rookeryctl_at_command -l auth -x -d 'USER HOST PASSWORD: use the rights of that account'
    complete -c $tool -n __rookeryctl_at_command -s h -l help -d 'How the tool is called'
end
for tool in rookeryctl ejabberdctl
    complete -c $tool -n __rookeryctl_at_command -a change_password -d 'Change the password of an account'
    complete -c $tool -n '__rookeryctl_after help' -a change_password -d 'Change the password of an account'
    complete -c $tool -n __rookeryctl_at_command -a check_account -d 'Check if an account exists or not'
    complete -c $tool -n '__rookeryctl_after help' -a check_account -d 'Check if an account exists or not'
    complete -c $tool -n __rookeryctl_at_command -a check_password -d 'Check if a password is correct'
    complete -c $tool -n '__rookeryctl_after help' -a check_password -d 'Check if a password is correct'
    complete -c $tool -n __rookeryctl_at_command -a completion -d 'Write what a shell needs to complete commands'
    complete -c $tool -n '__rookeryctl_after help' -a completion -d 'Write what a shell needs to complete commands'
    complete -c $tool -n __rookeryctl_at_command -a connected_users -d 'List all established sessions'
    complete -c $tool -n '__rookeryctl_after help' -a connected_users -d 'List all established sessions'
    complete -c $tool -n __rookeryctl_at_command -a connected_users_info -d 'List all established sessions and their information'
    complete -c $tool -n '__rookeryctl_after help' -a connected_users_info -d 'List all established sessions and their information'
    complete -c $tool -n __rookeryctl_at_command -a connected_users_number -d 'Get the number of established sessions'
    complete -c $tool -n '__rookeryctl_after help' -a connected_users_number -d 'Get the number of established sessions'
    complete -c $tool -n __rookeryctl_at_command -a connected_users_vhost -d 'Get the list of established sessions in a vhost'
    complete -c $tool -n '__rookeryctl_after help' -a connected_users_vhost -d 'Get the list of established sessions in a vhost'
    complete -c $tool -n __rookeryctl_at_command -a gen_html_doc_for_commands -d 'Write a page in HTML about the commands whose name or module matches'
    complete -c $tool -n '__rookeryctl_after help' -a gen_html_doc_for_commands -d 'Write a page in HTML about the commands whose name or module matches'
    complete -c $tool -n __rookeryctl_at_command -a gen_markdown_doc_for_commands -d 'Write a page in Markdown about the commands whose name or module matches'
    complete -c $tool -n '__rookeryctl_after help' -a gen_markdown_doc_for_commands -d 'Write a page in Markdown about the commands whose name or module matches'
    complete -c $tool -n __rookeryctl_at_command -a gen_markdown_doc_for_tags -d 'Write a page in Markdown with the commands of every tag'
    complete -c $tool -n '__rookeryctl_after help' -a gen_markdown_doc_for_tags -d 'Write a page in Markdown with the commands of every tag'
    complete -c $tool -n __rookeryctl_at_command -a get_loglevel -d 'Get the current loglevel'
    complete -c $tool -n '__rookeryctl_after help' -a get_loglevel -d 'Get the current loglevel'
    complete -c $tool -n __rookeryctl_at_command -a help -d 'Explain commands: help [tags | commands | TAG | COMMAND | GLOB]'
    complete -c $tool -n '__rookeryctl_after help' -a help -d 'Explain commands: help [tags | commands | TAG | COMMAND | GLOB]'
    complete -c $tool -n __rookeryctl_at_command -a kick_session -d 'Kick a user session'
    complete -c $tool -n '__rookeryctl_after help' -a kick_session -d 'Kick a user session'
    complete -c $tool -n __rookeryctl_at_command -a kick_user -d 'Disconnect user\'s active sessions'
    complete -c $tool -n '__rookeryctl_after help' -a kick_user -d 'Disconnect user\'s active sessions'
    complete -c $tool -n __rookeryctl_at_command -a live -d 'Show the log as it happens and take commands'
    complete -c $tool -n '__rookeryctl_after help' -a live -d 'Show the log as it happens and take commands'
    complete -c $tool -n __rookeryctl_at_command -a man -d 'Write the manual page rookeryctl.1 into the data folder'
    complete -c $tool -n '__rookeryctl_after help' -a man -d 'Write the manual page rookeryctl.1 into the data folder'
    complete -c $tool -n __rookeryctl_at_command -a num_resources -d 'Get the number of resources of a user'
    complete -c $tool -n '__rookeryctl_after help' -a num_resources -d 'Get the number of resources of a user'
    complete -c $tool -n __rookeryctl_at_command -a ping -d 'Say pong if the server answers'
    complete -c $tool -n '__rookeryctl_after help' -a ping -d 'Say pong if the server answers'
    complete -c $tool -n __rookeryctl_at_command -a register -d 'Register a user'
    complete -c $tool -n '__rookeryctl_after help' -a register -d 'Register a user'
    complete -c $tool -n __rookeryctl_at_command -a registered_users -d 'List all registered users in HOST'
    complete -c $tool -n '__rookeryctl_after help' -a registered_users -d 'List all registered users in HOST'
    complete -c $tool -n __rookeryctl_at_command -a registered_vhosts -d 'List all registered vhosts of the server'
    complete -c $tool -n '__rookeryctl_after help' -a registered_vhosts -d 'List all registered vhosts of the server'
    complete -c $tool -n __rookeryctl_at_command -a reload_config -d 'Put the configuration files in force as they are now, wholly or not at all'
    complete -c $tool -n '__rookeryctl_after help' -a reload_config -d 'Put the configuration files in force as they are now, wholly or not at all'
    complete -c $tool -n __rookeryctl_at_command -a reopen_log -d 'Open the log file anew after it was moved away'
    complete -c $tool -n '__rookeryctl_after help' -a reopen_log -d 'Open the log file anew after it was moved away'
    complete -c $tool -n __rookeryctl_at_command -a restart -d 'Stop the server in order and start it again'
    complete -c $tool -n '__rookeryctl_after help' -a restart -d 'Stop the server in order and start it again'
    complete -c $tool -n __rookeryctl_at_command -a rotate_log -d 'Move the log file away and begin another'
    complete -c $tool -n '__rookeryctl_after help' -a rotate_log -d 'Move the log file away and begin another'
    complete -c $tool -n __rookeryctl_at_command -a set_loglevel -d 'Set the loglevel: none, emergency, alert, critical, error, warning, notice, info or debug'
    complete -c $tool -n '__rookeryctl_after help' -a set_loglevel -d 'Set the loglevel: none, emergency, alert, critical, error, warning, notice, info or debug'
    complete -c $tool -n __rookeryctl_at_command -a started -d 'Wait until the server has started'
    complete -c $tool -n '__rookeryctl_after help' -a started -d 'Wait until the server has started'
    complete -c $tool -n __rookeryctl_at_command -a status -d 'Get the status of the server'
    complete -c $tool -n '__rookeryctl_after help' -a status -d 'Get the status of the server'
    complete -c $tool -n __rookeryctl_at_command -a stop -d 'Stop the server in order: clients are told, everything is stored'
    complete -c $tool -n '__rookeryctl_after help' -a stop -d 'Stop the server in order: clients are told, everything is stored'
    complete -c $tool -n __rookeryctl_at_command -a stopped -d 'Wait until the server has stopped'
    complete -c $tool -n '__rookeryctl_after help' -a stopped -d 'Wait until the server has stopped'
    complete -c $tool -n __rookeryctl_at_command -a unregister -d 'Unregister a user: the account, its sessions and everything kept for it'
    complete -c $tool -n '__rookeryctl_after help' -a unregister -d 'Unregister a user: the account, its sessions and everything kept for it'
    complete -c $tool -n __rookeryctl_at_command -a user_resources -d 'List user\'s connected resources'
    complete -c $tool -n '__rookeryctl_after help' -a user_resources -d 'List user\'s connected resources'
    complete -c $tool -n __rookeryctl_at_command -a user_sessions_info -d 'Get information about all sessions of a user'
    complete -c $tool -n '__rookeryctl_after help' -a user_sessions_info -d 'Get information about all sessions of a user'
    complete -c $tool -n '__rookeryctl_after help' -a accounts
    complete -c $tool -n '__rookeryctl_after help' -a config
    complete -c $tool -n '__rookeryctl_after help' -a documentation
    complete -c $tool -n '__rookeryctl_after help' -a ejabberdctl
    complete -c $tool -n '__rookeryctl_after help' -a logs
    complete -c $tool -n '__rookeryctl_after help' -a server
    complete -c $tool -n '__rookeryctl_after help' -a session
    complete -c $tool -n '__rookeryctl_after help' -a statistics
    complete -c $tool -n '__rookeryctl_after help' -a tags
    complete -c $tool -n '__rookeryctl_after help' -a commands
    complete -c $tool -n '__rookeryctl_after help' -a awaited
end
