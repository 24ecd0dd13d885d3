# Written from the command table; refresh with: UPDATE_DOCS=1 cargo test -p server
function __rookeryctl_arguments
    switch $argv[1]
        case abort_delete_old_messages
            printf 'host\n'
        case add_rosteritem
            printf 'localuser\nlocalhost\nuser\nhost\nnick\ngroups\nsubs\n'
        case backup
            printf 'file\n'
        case ban_account
            printf 'user\nhost\nreason\n'
        case change_password
            printf 'user\nhost\nnewpass\n'
        case check_account
            printf 'user\nhost\n'
        case check_password
            printf 'user\nhost\npassword\n'
        case check_password_hash
            printf 'user\nhost\npasswordhash\nhashmethod\n'
        case connected_users_vhost
            printf 'host\n'
        case convert_to_scram
            printf 'host\n'
        case convert_to_yaml
            printf 'in\nout\n'
        case count_banned
            printf 'host\n'
        case delete_old_messages
            printf 'days\n'
        case delete_old_messages_batch
            printf 'host\ndays\nbatch_size\nrate\n'
        case delete_old_messages_status
            printf 'host\n'
        case delete_old_users
            printf 'days\n'
        case delete_old_users_vhost
            printf 'host\ndays\n'
        case delete_rosteritem
            printf 'localuser\nlocalhost\nuser\nhost\n'
        case dump
            printf 'file\n'
        case dump_config
            printf 'out\n'
        case dump_table
            printf 'file\ntable\n'
        case echo
            printf 'sentence\n'
        case echo3
            printf 'first\nsecond\nsentence\n'
        case evacuate_kindly
            printf 'delay\nannouncement\n'
        case export2sql
            printf 'host\nfile\n'
        case export_db
            printf 'host\ndir\n'
        case export_db_abort
            printf 'host\n'
        case export_db_ext
            printf 'host\ndir\nmodules\ntype\n'
        case export_db_status
            printf 'host\n'
        case export_piefxis
            printf 'dir\n'
        case export_piefxis_host
            printf 'dir\nhost\n'
        case gen_html_doc_for_commands
            printf 'file\nregexp\nexamples\n'
        case gen_markdown_doc_for_commands
            printf 'file\nregexp\nexamples\n'
        case gen_markdown_doc_for_tags
            printf 'file\n'
        case get_ban_details
            printf 'user\nhost\n'
        case get_last
            printf 'user\nhost\n'
        case get_offline_count
            printf 'user\nhost\n'
        case get_offline_messages
            printf 'user\nhost\n'
        case get_presence
            printf 'user\nhost\n'
        case get_roster
            printf 'user\nhost\n'
        case get_roster_count
            printf 'user\nhost\n'
        case get_vcard
            printf 'user\nhost\nname\n'
        case get_vcard2
            printf 'user\nhost\nname\nsubname\n'
        case get_vcard2_multi
            printf 'user\nhost\nname\nsubname\n'
        case import_db
            printf 'host\ndir\n'
        case import_db_abort
            printf 'host\n'
        case import_db_status
            printf 'host\n'
        case import_dir
            printf 'file\n'
        case import_file
            printf 'file\n'
        case import_piefxis
            printf 'file\n'
        case import_prosody
            printf 'dir\n'
        case install_fallback
            printf 'file\n'
        case kick_session
            printf 'user\nhost\nresource\nreason\n'
        case kick_user
            printf 'user\nhost\n'
        case kick_users
            printf 'host\n'
        case list_banned
            printf 'host\n'
        case load
            printf 'file\n'
        case num_resources
            printf 'user\nhost\n'
        case print_sql_schema
            printf 'db_type\ndb_version\nmultihost_schema\n'
        case private_get
            printf 'user\nhost\nelement\nns\n'
        case private_set
            printf 'user\nhost\nelement\n'
        case process_rosteritems
            printf 'action\nsubs\nasks\nusers\ncontacts\n'
        case push_alltoall
            printf 'host\ngroup\n'
        case push_roster
            printf 'file\nuser\nhost\n'
        case push_roster_all
            printf 'file\n'
        case register
            printf 'user\nhost\npassword\n'
        case registered_users
            printf 'host\n'
        case resource_num
            printf 'user\nhost\nnum\n'
        case restart_kindly
            printf 'delay\nannouncement\n'
        case restore
            printf 'file\n'
        case send_message
            printf 'type\nfrom\nto\nsubject\nbody\n'
        case send_stanza
            printf 'from\nto\nstanza\n'
        case send_stanza_c2s
            printf 'user\nhost\nresource\nstanza\n'
        case set_last
            printf 'user\nhost\ntimestamp\nstatus\n'
        case set_loglevel
            printf 'loglevel\n'
        case set_nickname
            printf 'user\nhost\nnickname\n'
        case set_presence
            printf 'user\nhost\nresource\ntype\nshow\nstatus\npriority\n'
        case set_vcard
            printf 'user\nhost\nname\ncontent\n'
        case set_vcard2
            printf 'user\nhost\nname\nsubname\ncontent\n'
        case set_vcard2_multi
            printf 'user\nhost\nname\nsubname\ncontents\n'
        case stats
            printf 'name\n'
        case stats_host
            printf 'name\nhost\n'
        case status_list
            printf 'status\n'
        case status_list_host
            printf 'host\nstatus\n'
        case status_num
            printf 'status\n'
        case status_num_host
            printf 'host\nstatus\n'
        case stop_kindly
            printf 'delay\nannouncement\n'
        case unban_account
            printf 'user\nhost\n'
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
    complete -c $tool -n __rookeryctl_at_command -a abort_delete_old_messages -d 'End the deletion of old offline messages'
    complete -c $tool -n '__rookeryctl_after help' -a abort_delete_old_messages -d 'End the deletion of old offline messages'
    complete -c $tool -n __rookeryctl_at_command -a add_rosteritem -d 'Add a contact to the roster of an account'
    complete -c $tool -n '__rookeryctl_after help' -a add_rosteritem -d 'Add a contact to the roster of an account'
    complete -c $tool -n __rookeryctl_at_command -a backup -d 'Back up the whole database to a file while the server runs'
    complete -c $tool -n '__rookeryctl_after help' -a backup -d 'Back up the whole database to a file while the server runs'
    complete -c $tool -n __rookeryctl_at_command -a ban_account -d 'Ban an account: its sessions end, and nobody can log in until the ban is lifted'
    complete -c $tool -n '__rookeryctl_after help' -a ban_account -d 'Ban an account: its sessions end, and nobody can log in until the ban is lifted'
    complete -c $tool -n __rookeryctl_at_command -a change_password -d 'Change the password of an account'
    complete -c $tool -n '__rookeryctl_after help' -a change_password -d 'Change the password of an account'
    complete -c $tool -n __rookeryctl_at_command -a check_account -d 'Check if an account exists or not'
    complete -c $tool -n '__rookeryctl_after help' -a check_account -d 'Check if an account exists or not'
    complete -c $tool -n __rookeryctl_at_command -a check_password -d 'Check if a password is correct'
    complete -c $tool -n '__rookeryctl_after help' -a check_password -d 'Check if a password is correct'
    complete -c $tool -n __rookeryctl_at_command -a check_password_hash -d 'Check whether a hash is that of the password; only where passwords are stored in clear'
    complete -c $tool -n '__rookeryctl_after help' -a check_password_hash -d 'Check whether a hash is that of the password; only where passwords are stored in clear'
    complete -c $tool -n __rookeryctl_at_command -a clear_cache -d 'Empty all caches, so that everything is read from the database again'
    complete -c $tool -n '__rookeryctl_after help' -a clear_cache -d 'Empty all caches, so that everything is read from the database again'
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
    complete -c $tool -n __rookeryctl_at_command -a convert_to_scram -d 'Replace the passwords of a host that are stored in clear by SCRAM verifiers'
    complete -c $tool -n '__rookeryctl_after help' -a convert_to_scram -d 'Replace the passwords of a host that are stored in clear by SCRAM verifiers'
    complete -c $tool -n __rookeryctl_at_command -a convert_to_yaml -d 'Make a new ejabberd.yml from an old ejabberd.cfg of Erlang terms'
    complete -c $tool -n '__rookeryctl_after help' -a convert_to_yaml -d 'Make a new ejabberd.yml from an old ejabberd.cfg of Erlang terms'
    complete -c $tool -n __rookeryctl_at_command -a count_banned -d 'Count the banned accounts of a host, or of all'
    complete -c $tool -n '__rookeryctl_after help' -a count_banned -d 'Count the banned accounts of a host, or of all'
    complete -c $tool -n __rookeryctl_at_command -a delete_expired_messages -d 'Delete offline messages whose own time limit (XEP-0023) is over'
    complete -c $tool -n '__rookeryctl_after help' -a delete_expired_messages -d 'Delete offline messages whose own time limit (XEP-0023) is over'
    complete -c $tool -n __rookeryctl_at_command -a delete_old_messages -d 'Delete offline messages older than a number of days, on all hosts'
    complete -c $tool -n '__rookeryctl_after help' -a delete_old_messages -d 'Delete offline messages older than a number of days, on all hosts'
    complete -c $tool -n __rookeryctl_at_command -a delete_old_messages_batch -d 'Delete offline messages older than a number of days, little by little in the background'
    complete -c $tool -n '__rookeryctl_after help' -a delete_old_messages_batch -d 'Delete offline messages older than a number of days, little by little in the background'
    complete -c $tool -n __rookeryctl_at_command -a delete_old_messages_status -d 'How far the deletion of old offline messages is'
    complete -c $tool -n '__rookeryctl_after help' -a delete_old_messages_status -d 'How far the deletion of old offline messages is'
    complete -c $tool -n __rookeryctl_at_command -a delete_old_users -d 'Delete the accounts of all hosts that were not available for so many days'
    complete -c $tool -n '__rookeryctl_after help' -a delete_old_users -d 'Delete the accounts of all hosts that were not available for so many days'
    complete -c $tool -n __rookeryctl_at_command -a delete_old_users_vhost -d 'Delete the accounts of a host that were not available for so many days'
    complete -c $tool -n '__rookeryctl_after help' -a delete_old_users_vhost -d 'Delete the accounts of a host that were not available for so many days'
    complete -c $tool -n __rookeryctl_at_command -a delete_rosteritem -d 'Remove a contact from the roster of an account; both subscriptions end'
    complete -c $tool -n '__rookeryctl_after help' -a delete_rosteritem -d 'Remove a contact from the roster of an account; both subscriptions end'
    complete -c $tool -n __rookeryctl_at_command -a dump -d 'Write all tables as text to a file'
    complete -c $tool -n '__rookeryctl_after help' -a dump -d 'Write all tables as text to a file'
    complete -c $tool -n __rookeryctl_at_command -a dump_config -d 'Write the configuration in force into a new file on the machine of the server'
    complete -c $tool -n '__rookeryctl_after help' -a dump_config -d 'Write the configuration in force into a new file on the machine of the server'
    complete -c $tool -n __rookeryctl_at_command -a dump_table -d 'Write one table as text to a file'
    complete -c $tool -n '__rookeryctl_after help' -a dump_table -d 'Write one table as text to a file'
    complete -c $tool -n __rookeryctl_at_command -a echo -d 'Give a sentence back, to test a front end'
    complete -c $tool -n '__rookeryctl_after help' -a echo -d 'Give a sentence back, to test a front end'
    complete -c $tool -n __rookeryctl_at_command -a echo3 -d 'Give the last of three words back, to test a front end'
    complete -c $tool -n '__rookeryctl_after help' -a echo3 -d 'Give the last of three words back, to test a front end'
    complete -c $tool -n __rookeryctl_at_command -a evacuate_kindly -d 'Announce to everybody that they must leave, wait DELAY seconds, then end all sessions'
    complete -c $tool -n '__rookeryctl_after help' -a evacuate_kindly -d 'Announce to everybody that they must leave, wait DELAY seconds, then end all sessions'
    complete -c $tool -n __rookeryctl_at_command -a export2sql -d 'Write the data of a host as SQL for ejabberd\'s tables'
    complete -c $tool -n '__rookeryctl_after help' -a export2sql -d 'Write the data of a host as SQL for ejabberd\'s tables'
    complete -c $tool -n __rookeryctl_at_command -a export_db -d 'Write the data of a host into files that import_db reads, in the background'
    complete -c $tool -n '__rookeryctl_after help' -a export_db -d 'Write the data of a host into files that import_db reads, in the background'
    complete -c $tool -n __rookeryctl_at_command -a export_db_abort -d 'End the export of a host\'s data'
    complete -c $tool -n '__rookeryctl_after help' -a export_db_abort -d 'End the export of a host\'s data'
    complete -c $tool -n __rookeryctl_at_command -a export_db_ext -d 'Write the data of chosen modules of a host into files, as terms or as JSON, in the background'
    complete -c $tool -n '__rookeryctl_after help' -a export_db_ext -d 'Write the data of chosen modules of a host into files, as terms or as JSON, in the background'
    complete -c $tool -n __rookeryctl_at_command -a export_db_status -d 'How far the export of a host\'s data is'
    complete -c $tool -n '__rookeryctl_after help' -a export_db_status -d 'How far the export of a host\'s data is'
    complete -c $tool -n __rookeryctl_at_command -a export_piefxis -d 'Export the accounts of all hosts to files of XEP-0227 in a folder'
    complete -c $tool -n '__rookeryctl_after help' -a export_piefxis -d 'Export the accounts of all hosts to files of XEP-0227 in a folder'
    complete -c $tool -n __rookeryctl_at_command -a export_piefxis_host -d 'Export the accounts of a host to files of XEP-0227 in a folder'
    complete -c $tool -n '__rookeryctl_after help' -a export_piefxis_host -d 'Export the accounts of a host to files of XEP-0227 in a folder'
    complete -c $tool -n __rookeryctl_at_command -a foreground -d 'Become the server'
    complete -c $tool -n '__rookeryctl_after help' -a foreground -d 'Become the server'
    complete -c $tool -n __rookeryctl_at_command -a foreground-quiet -d 'Become the server and show nothing on standard output'
    complete -c $tool -n '__rookeryctl_after help' -a foreground-quiet -d 'Become the server and show nothing on standard output'
    complete -c $tool -n __rookeryctl_at_command -a gc -d 'Succeed: memory is given back when its last user is gone, there is nothing to collect'
    complete -c $tool -n '__rookeryctl_after help' -a gc -d 'Succeed: memory is given back when its last user is gone, there is nothing to collect'
    complete -c $tool -n __rookeryctl_at_command -a gen_html_doc_for_commands -d 'Write a page in HTML about the commands whose name or module matches'
    complete -c $tool -n '__rookeryctl_after help' -a gen_html_doc_for_commands -d 'Write a page in HTML about the commands whose name or module matches'
    complete -c $tool -n __rookeryctl_at_command -a gen_markdown_doc_for_commands -d 'Write a page in Markdown about the commands whose name or module matches'
    complete -c $tool -n '__rookeryctl_after help' -a gen_markdown_doc_for_commands -d 'Write a page in Markdown about the commands whose name or module matches'
    complete -c $tool -n __rookeryctl_at_command -a gen_markdown_doc_for_tags -d 'Write a page in Markdown with the commands of every tag'
    complete -c $tool -n '__rookeryctl_after help' -a gen_markdown_doc_for_tags -d 'Write a page in Markdown with the commands of every tag'
    complete -c $tool -n __rookeryctl_at_command -a get_ban_details -d 'Tell about the ban of an account; nothing for one that is not banned'
    complete -c $tool -n '__rookeryctl_after help' -a get_ban_details -d 'Tell about the ban of an account; nothing for one that is not banned'
    complete -c $tool -n __rookeryctl_at_command -a get_last -d 'Tell when an account was last available, and what it said then'
    complete -c $tool -n '__rookeryctl_after help' -a get_last -d 'Tell when an account was last available, and what it said then'
    complete -c $tool -n __rookeryctl_at_command -a get_loglevel -d 'Get the current loglevel'
    complete -c $tool -n '__rookeryctl_after help' -a get_loglevel -d 'Get the current loglevel'
    complete -c $tool -n __rookeryctl_at_command -a get_offline_count -d 'Count the messages that wait for an account'
    complete -c $tool -n '__rookeryctl_after help' -a get_offline_count -d 'Count the messages that wait for an account'
    complete -c $tool -n __rookeryctl_at_command -a get_offline_messages -d 'Show the messages that wait for an account, the oldest first'
    complete -c $tool -n '__rookeryctl_after help' -a get_offline_messages -d 'Show the messages that wait for an account, the oldest first'
    complete -c $tool -n __rookeryctl_at_command -a get_presence -d 'Presence of a user: the session with the highest priority, what it shows and what it says'
    complete -c $tool -n '__rookeryctl_after help' -a get_presence -d 'Presence of a user: the session with the highest priority, what it shows and what it says'
    complete -c $tool -n __rookeryctl_at_command -a get_roster -d 'List the contacts of an account'
    complete -c $tool -n '__rookeryctl_after help' -a get_roster -d 'List the contacts of an account'
    complete -c $tool -n __rookeryctl_at_command -a get_roster_count -d 'Count the contacts of an account'
    complete -c $tool -n '__rookeryctl_after help' -a get_roster_count -d 'Count the contacts of an account'
    complete -c $tool -n __rookeryctl_at_command -a get_vcard -d 'Tell a field of the vCard of an account'
    complete -c $tool -n '__rookeryctl_after help' -a get_vcard -d 'Tell a field of the vCard of an account'
    complete -c $tool -n __rookeryctl_at_command -a get_vcard2 -d 'Tell a field inside a field of the vCard of an account'
    complete -c $tool -n '__rookeryctl_after help' -a get_vcard2 -d 'Tell a field inside a field of the vCard of an account'
    complete -c $tool -n __rookeryctl_at_command -a get_vcard2_multi -d 'Tell all values of a field inside a field of the vCard of an account'
    complete -c $tool -n '__rookeryctl_after help' -a get_vcard2_multi -d 'Tell all values of a field inside a field of the vCard of an account'
    complete -c $tool -n __rookeryctl_at_command -a halt -d 'End the server at once, with exit status 1; clients are not told'
    complete -c $tool -n '__rookeryctl_after help' -a halt -d 'End the server at once, with exit status 1; clients are not told'
    complete -c $tool -n __rookeryctl_at_command -a help -d 'Explain commands: help [tags | commands | TAG | COMMAND | GLOB]'
    complete -c $tool -n '__rookeryctl_after help' -a help -d 'Explain commands: help [tags | commands | TAG | COMMAND | GLOB]'
    complete -c $tool -n __rookeryctl_at_command -a import_db -d 'Read the files of export_db, of this server or of ejabberd, into a host, in the background'
    complete -c $tool -n '__rookeryctl_after help' -a import_db -d 'Read the files of export_db, of this server or of ejabberd, into a host, in the background'
    complete -c $tool -n __rookeryctl_at_command -a import_db_abort -d 'End the import of a host\'s data'
    complete -c $tool -n '__rookeryctl_after help' -a import_db_abort -d 'End the import of a host\'s data'
    complete -c $tool -n __rookeryctl_at_command -a import_db_status -d 'How far the import of a host\'s data is'
    complete -c $tool -n '__rookeryctl_after help' -a import_db_status -d 'How far the import of a host\'s data is'
    complete -c $tool -n __rookeryctl_at_command -a import_dir -d 'Import the accounts of a host from a spool folder of jabberd 1.4'
    complete -c $tool -n '__rookeryctl_after help' -a import_dir -d 'Import the accounts of a host from a spool folder of jabberd 1.4'
    complete -c $tool -n __rookeryctl_at_command -a import_file -d 'Import an account from a spool file of jabberd 1.4'
    complete -c $tool -n '__rookeryctl_after help' -a import_file -d 'Import an account from a spool file of jabberd 1.4'
    complete -c $tool -n __rookeryctl_at_command -a import_piefxis -d 'Import accounts from a file of XEP-0227 and the files that it includes'
    complete -c $tool -n '__rookeryctl_after help' -a import_piefxis -d 'Import accounts from a file of XEP-0227 and the files that it includes'
    complete -c $tool -n __rookeryctl_at_command -a import_prosody -d 'Import accounts from the data folder of Prosody'
    complete -c $tool -n '__rookeryctl_after help' -a import_prosody -d 'Import accounts from the data folder of Prosody'
    complete -c $tool -n __rookeryctl_at_command -a install_fallback -d 'Replace all data by that of a backup at the next start'
    complete -c $tool -n '__rookeryctl_after help' -a install_fallback -d 'Replace all data by that of a backup at the next start'
    complete -c $tool -n __rookeryctl_at_command -a kick_session -d 'Kick a user session'
    complete -c $tool -n '__rookeryctl_after help' -a kick_session -d 'Kick a user session'
    complete -c $tool -n __rookeryctl_at_command -a kick_user -d 'Disconnect user\'s active sessions'
    complete -c $tool -n '__rookeryctl_after help' -a kick_user -d 'Disconnect user\'s active sessions'
    complete -c $tool -n __rookeryctl_at_command -a kick_users -d 'Disconnect all sessions of a vhost'
    complete -c $tool -n '__rookeryctl_after help' -a kick_users -d 'Disconnect all sessions of a vhost'
    complete -c $tool -n __rookeryctl_at_command -a list_banned -d 'List the banned accounts of a host, or of all'
    complete -c $tool -n '__rookeryctl_after help' -a list_banned -d 'List the banned accounts of a host, or of all'
    complete -c $tool -n __rookeryctl_at_command -a list_certificates -d 'List the certificates by domain and file, and whether a served host uses them'
    complete -c $tool -n '__rookeryctl_after help' -a list_certificates -d 'List the certificates by domain and file, and whether a served host uses them'
    complete -c $tool -n __rookeryctl_at_command -a list_cluster -d 'List the nodes of the cluster: this one'
    complete -c $tool -n '__rookeryctl_after help' -a list_cluster -d 'List the nodes of the cluster: this one'
    complete -c $tool -n __rookeryctl_at_command -a list_cluster_detailed -d 'List the nodes of the cluster, which is this one, with some numbers'
    complete -c $tool -n '__rookeryctl_after help' -a list_cluster_detailed -d 'List the nodes of the cluster, which is this one, with some numbers'
    complete -c $tool -n __rookeryctl_at_command -a live -d 'Show the log as it happens and take commands'
    complete -c $tool -n '__rookeryctl_after help' -a live -d 'Show the log as it happens and take commands'
    complete -c $tool -n __rookeryctl_at_command -a load -d 'Read a text dump of this server or of ejabberd into the database'
    complete -c $tool -n '__rookeryctl_after help' -a load -d 'Read a text dump of this server or of ejabberd into the database'
    complete -c $tool -n __rookeryctl_at_command -a man -d 'Write the manual page rookeryctl.1 into the data folder'
    complete -c $tool -n '__rookeryctl_after help' -a man -d 'Write the manual page rookeryctl.1 into the data folder'
    complete -c $tool -n __rookeryctl_at_command -a num_resources -d 'Get the number of resources of a user'
    complete -c $tool -n '__rookeryctl_after help' -a num_resources -d 'Get the number of resources of a user'
    complete -c $tool -n __rookeryctl_at_command -a ping -d 'Say pong if the server answers'
    complete -c $tool -n '__rookeryctl_after help' -a ping -d 'Say pong if the server answers'
    complete -c $tool -n __rookeryctl_at_command -a print_sql_schema -d 'Print the statements that make ejabberd\'s tables'
    complete -c $tool -n '__rookeryctl_after help' -a print_sql_schema -d 'Print the statements that make ejabberd\'s tables'
    complete -c $tool -n __rookeryctl_at_command -a private_get -d 'Show what an account keeps in private storage under a namespace'
    complete -c $tool -n '__rookeryctl_after help' -a private_get -d 'Show what an account keeps in private storage under a namespace'
    complete -c $tool -n __rookeryctl_at_command -a private_set -d 'Put an element into the private storage of an account, under its namespace'
    complete -c $tool -n '__rookeryctl_after help' -a private_set -d 'Put an element into the private storage of an account, under its namespace'
    complete -c $tool -n __rookeryctl_at_command -a process_rosteritems -d 'List or delete the roster items of all accounts that fit'
    complete -c $tool -n '__rookeryctl_after help' -a process_rosteritems -d 'List or delete the roster items of all accounts that fit'
    complete -c $tool -n __rookeryctl_at_command -a push_alltoall -d 'Put all accounts of a host into the rosters of each other, in a group'
    complete -c $tool -n '__rookeryctl_after help' -a push_alltoall -d 'Put all accounts of a host into the rosters of each other, in a group'
    complete -c $tool -n __rookeryctl_at_command -a push_roster -d 'Put the contacts of a file into the roster of an account'
    complete -c $tool -n '__rookeryctl_after help' -a push_roster -d 'Put the contacts of a file into the roster of an account'
    complete -c $tool -n __rookeryctl_at_command -a push_roster_all -d 'Put everybody of a file into the roster of everybody else there'
    complete -c $tool -n '__rookeryctl_after help' -a push_roster_all -d 'Put everybody of a file into the roster of everybody else there'
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
    complete -c $tool -n __rookeryctl_at_command -a resource_num -d 'Tell the resource of a user\'s session by its number, from 1; the oldest session comes first'
    complete -c $tool -n '__rookeryctl_after help' -a resource_num -d 'Tell the resource of a user\'s session by its number, from 1; the oldest session comes first'
    complete -c $tool -n __rookeryctl_at_command -a restart -d 'Stop the server in order and start it again'
    complete -c $tool -n '__rookeryctl_after help' -a restart -d 'Stop the server in order and start it again'
    complete -c $tool -n __rookeryctl_at_command -a restart_kindly -d 'Announce the restart of the server to everybody, wait DELAY seconds, then restart it'
    complete -c $tool -n '__rookeryctl_after help' -a restart_kindly -d 'Announce the restart of the server to everybody, wait DELAY seconds, then restart it'
    complete -c $tool -n __rookeryctl_at_command -a restore -d 'Replace all data by that of a backup, at once'
    complete -c $tool -n '__rookeryctl_after help' -a restore -d 'Replace all data by that of a backup, at once'
    complete -c $tool -n __rookeryctl_at_command -a rotate_log -d 'Move the log file away and begin another'
    complete -c $tool -n '__rookeryctl_after help' -a rotate_log -d 'Move the log file away and begin another'
    complete -c $tool -n __rookeryctl_at_command -a send_message -d 'Send a message in the name of anybody'
    complete -c $tool -n '__rookeryctl_after help' -a send_message -d 'Send a message in the name of anybody'
    complete -c $tool -n __rookeryctl_at_command -a send_stanza -d 'Send a stanza in the name of anybody'
    complete -c $tool -n '__rookeryctl_after help' -a send_stanza -d 'Send a stanza in the name of anybody'
    complete -c $tool -n __rookeryctl_at_command -a send_stanza_c2s -d 'Hand a stanza to the client of a session, as it is'
    complete -c $tool -n '__rookeryctl_after help' -a send_stanza_c2s -d 'Hand a stanza to the client of a session, as it is'
    complete -c $tool -n __rookeryctl_at_command -a set_last -d 'Say when an account was last available, and what it said then'
    complete -c $tool -n '__rookeryctl_after help' -a set_last -d 'Say when an account was last available, and what it said then'
    complete -c $tool -n __rookeryctl_at_command -a set_loglevel -d 'Set the loglevel: none, emergency, alert, critical, error, warning, notice, info or debug'
    complete -c $tool -n '__rookeryctl_after help' -a set_loglevel -d 'Set the loglevel: none, emergency, alert, critical, error, warning, notice, info or debug'
    complete -c $tool -n __rookeryctl_at_command -a set_nickname -d 'Change the nickname in the vCard of an account'
    complete -c $tool -n '__rookeryctl_after help' -a set_nickname -d 'Change the nickname in the vCard of an account'
    complete -c $tool -n __rookeryctl_at_command -a set_presence -d 'Change the presence of a session in the name of its client'
    complete -c $tool -n '__rookeryctl_after help' -a set_presence -d 'Change the presence of a session in the name of its client'
    complete -c $tool -n __rookeryctl_at_command -a set_vcard -d 'Change a field of the vCard of an account'
    complete -c $tool -n '__rookeryctl_after help' -a set_vcard -d 'Change a field of the vCard of an account'
    complete -c $tool -n __rookeryctl_at_command -a set_vcard2 -d 'Change a field inside a field of the vCard of an account'
    complete -c $tool -n '__rookeryctl_after help' -a set_vcard2 -d 'Change a field inside a field of the vCard of an account'
    complete -c $tool -n __rookeryctl_at_command -a set_vcard2_multi -d 'Give a field inside a field of the vCard of an account several values'
    complete -c $tool -n '__rookeryctl_after help' -a set_vcard2_multi -d 'Give a field inside a field of the vCard of an account several values'
    complete -c $tool -n __rookeryctl_at_command -a start -d 'Start the server, which runs on without this terminal'
    complete -c $tool -n '__rookeryctl_after help' -a start -d 'Start the server, which runs on without this terminal'
    complete -c $tool -n __rookeryctl_at_command -a started -d 'Wait until the server has started'
    complete -c $tool -n '__rookeryctl_after help' -a started -d 'Wait until the server has started'
    complete -c $tool -n __rookeryctl_at_command -a stats -d 'Tell a number about the server'
    complete -c $tool -n '__rookeryctl_after help' -a stats -d 'Tell a number about the server'
    complete -c $tool -n __rookeryctl_at_command -a stats_host -d 'Tell a number about a host: registeredusers or onlineusers'
    complete -c $tool -n '__rookeryctl_after help' -a stats_host -d 'Tell a number about a host: registeredusers or onlineusers'
    complete -c $tool -n __rookeryctl_at_command -a status -d 'Get the status of the server'
    complete -c $tool -n '__rookeryctl_after help' -a status -d 'Get the status of the server'
    complete -c $tool -n __rookeryctl_at_command -a status_list -d 'List the sessions that show STATUS, or all for any'
    complete -c $tool -n '__rookeryctl_after help' -a status_list -d 'List the sessions that show STATUS, or all for any'
    complete -c $tool -n __rookeryctl_at_command -a status_list_host -d 'List the sessions of HOST that show STATUS, or all for any'
    complete -c $tool -n '__rookeryctl_after help' -a status_list_host -d 'List the sessions of HOST that show STATUS, or all for any'
    complete -c $tool -n __rookeryctl_at_command -a status_num -d 'Count the sessions that show STATUS, or all for any'
    complete -c $tool -n '__rookeryctl_after help' -a status_num -d 'Count the sessions that show STATUS, or all for any'
    complete -c $tool -n __rookeryctl_at_command -a status_num_host -d 'Count the sessions of HOST that show STATUS, or all for any'
    complete -c $tool -n '__rookeryctl_after help' -a status_num_host -d 'Count the sessions of HOST that show STATUS, or all for any'
    complete -c $tool -n __rookeryctl_at_command -a stop -d 'Stop the server in order: clients are told, everything is stored'
    complete -c $tool -n '__rookeryctl_after help' -a stop -d 'Stop the server in order: clients are told, everything is stored'
    complete -c $tool -n __rookeryctl_at_command -a stop_kindly -d 'Announce the end of the server to everybody, wait DELAY seconds, then stop it'
    complete -c $tool -n '__rookeryctl_after help' -a stop_kindly -d 'Announce the end of the server to everybody, wait DELAY seconds, then stop it'
    complete -c $tool -n __rookeryctl_at_command -a stopped -d 'Wait until the server has stopped'
    complete -c $tool -n '__rookeryctl_after help' -a stopped -d 'Wait until the server has stopped'
    complete -c $tool -n __rookeryctl_at_command -a unban_account -d 'Lift the ban of an account; its password is what it was'
    complete -c $tool -n '__rookeryctl_after help' -a unban_account -d 'Lift the ban of an account; its password is what it was'
    complete -c $tool -n __rookeryctl_at_command -a unregister -d 'Unregister a user: the account, its sessions and everything kept for it'
    complete -c $tool -n '__rookeryctl_after help' -a unregister -d 'Unregister a user: the account, its sessions and everything kept for it'
    complete -c $tool -n __rookeryctl_at_command -a user_resources -d 'List user\'s connected resources'
    complete -c $tool -n '__rookeryctl_after help' -a user_resources -d 'List user\'s connected resources'
    complete -c $tool -n __rookeryctl_at_command -a user_sessions_info -d 'Get information about all sessions of a user'
    complete -c $tool -n '__rookeryctl_after help' -a user_sessions_info -d 'Get information about all sessions of a user'
    complete -c $tool -n '__rookeryctl_after help' -a accounts
    complete -c $tool -n '__rookeryctl_after help' -a acme
    complete -c $tool -n '__rookeryctl_after help' -a async
    complete -c $tool -n '__rookeryctl_after help' -a cluster
    complete -c $tool -n '__rookeryctl_after help' -a config
    complete -c $tool -n '__rookeryctl_after help' -a db
    complete -c $tool -n '__rookeryctl_after help' -a documentation
    complete -c $tool -n '__rookeryctl_after help' -a ejabberdctl
    complete -c $tool -n '__rookeryctl_after help' -a internal
    complete -c $tool -n '__rookeryctl_after help' -a last
    complete -c $tool -n '__rookeryctl_after help' -a logs
    complete -c $tool -n '__rookeryctl_after help' -a mnesia
    complete -c $tool -n '__rookeryctl_after help' -a offline
    complete -c $tool -n '__rookeryctl_after help' -a private
    complete -c $tool -n '__rookeryctl_after help' -a purge
    complete -c $tool -n '__rookeryctl_after help' -a roster
    complete -c $tool -n '__rookeryctl_after help' -a server
    complete -c $tool -n '__rookeryctl_after help' -a session
    complete -c $tool -n '__rookeryctl_after help' -a sql
    complete -c $tool -n '__rookeryctl_after help' -a stanza
    complete -c $tool -n '__rookeryctl_after help' -a statistics
    complete -c $tool -n '__rookeryctl_after help' -a vcard
    complete -c $tool -n '__rookeryctl_after help' -a tags
    complete -c $tool -n '__rookeryctl_after help' -a commands
    complete -c $tool -n '__rookeryctl_after help' -a awaited
end
