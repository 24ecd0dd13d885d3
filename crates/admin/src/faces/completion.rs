//! Shell completion for the control tool: bash, zsh and fish.
//!
//! The scripts know the whole table; the names of virtual hosts they ask of the running server.

use kernel::commands::Version;

use super::{Listed, quoted, tags};

/// What is written in front of each script, as a comment.
const HEAD: &str =
    "# Written from the command table; refresh with: UPDATE_DOCS=1 cargo test -p server\n";

/// Words of the tool itself, with what they do.
const OWN_WORDS: &[(&str, &str)] = &[
    ("completion", "Write what a shell needs to complete commands"),
    ("foreground", "Become the server"),
    ("foreground-quiet", "Become the server and show nothing on standard output"),
    ("live", "Show the log as it happens and take commands"),
    ("ping", "Say pong if the server answers"),
    ("start", "Start the server, which runs on without this terminal"),
    ("started", "Wait until the server has started"),
    ("stopped", "Wait until the server has stopped"),
];

/// The tool's options, with the number of their values.
const OPTIONS: &str =
    "--auth --config --config-dir --ctl-config --help --logs --no-timeout --node --spool --version";

const BASH: &str = r#"_rookeryctl() {
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
"#;

/// Writes the script for bash.
pub fn bash(commands: &[Listed]) -> String {
    let names: Vec<&str> = names(commands);
    let tags: Vec<&str> = tags(commands).into_keys().collect();
    let mut script = HEAD.to_owned();
    script.push_str(&format!("_rookeryctl_options={}\n", quoted(OPTIONS)));
    script.push_str(&format!("_rookeryctl_words={}\n", quoted(&names.join(" "))));
    script.push_str(&format!("_rookeryctl_tags={}\n", quoted(&tags.join(" "))));
    script.push_str("_rookeryctl_arguments() {\n    case $1 in\n");
    for listed in commands {
        if let Some(arguments) = arguments(listed) {
            script.push_str(&format!("        {}) REPLY='{arguments}' ;;\n", listed.command.name));
        }
    }
    script.push_str("        *) REPLY= ;;\n    esac\n}\n");
    script.push_str(BASH);
    script
}

const ZSH: &str = r#"_rookeryctl() {
    local -a own candidates
    local at=2 command=""
    while ((at < CURRENT)); do
        case $words[at] in
            -f|--config|-c|--ctl-config|-d|--config-dir|-s|--spool|-l|--logs)
                if ((at + 1 == CURRENT)); then _files; return; fi
                own+=("$words[at]" "$words[at + 1]")
                ((at += 2)) ;;
            -n|--node|--version) ((at += 2)) ;;
            --auth) ((at += 4)) ;;
            -*) ((at += 1)) ;;
            *) command=${words[at]//-/_}; break ;;
        esac
    done
    if [[ -z $command ]]; then
        ((at > CURRENT)) && return
        if [[ $words[CURRENT] == -* ]]; then
            compadd -- ${=_rookeryctl_options}
        else
            _describe -t commands command _rookeryctl_words
        fi
        return
    fi
    case $command in
        help)
            ((CURRENT == at + 1)) || return
            compadd -- tags commands awaited ${=_rookeryctl_tags}
            _describe -t commands command _rookeryctl_words ;;
        completion) ((CURRENT == at + 1)) && compadd -- bash zsh fish ;;
        *)
            local -a names=(${=_rookeryctl_arguments[$command]})
            case ${names[CURRENT - at]} in
                host|localhost|grouphost)
                    candidates=(${(f)"$($words[1] $own registered_vhosts 2>/dev/null </dev/null)"})
                    compadd -- $candidates ;;
                loglevel) compadd -- none emergency alert critical error warning notice info debug ;;
                file|in|out|dir) _files ;;
                ?*) _message "${names[CURRENT - at]}" ;;
            esac ;;
    esac
}
if [[ $funcstack[1] == _rookeryctl ]]; then
    _rookeryctl "$@"
else
    compdef _rookeryctl rookeryctl ejabberdctl
fi
"#;

/// Writes the script for zsh; as a file of `$fpath` it is called `_rookeryctl`.
pub fn zsh(commands: &[Listed]) -> String {
    let tags: Vec<&str> = tags(commands).into_keys().collect();
    let mut script = format!("#compdef rookeryctl ejabberdctl\n{HEAD}");
    script.push_str(&format!("typeset -g _rookeryctl_options={}\n", quoted(OPTIONS)));
    script.push_str(&format!("typeset -g _rookeryctl_tags={}\n", quoted(&tags.join(" "))));
    script.push_str("typeset -ga _rookeryctl_words=(\n");
    for (name, about) in described(commands) {
        let item = format!("{name}:{}", about.replace(':', "\\:"));
        script.push_str(&format!("    {}\n", quoted(&item)));
    }
    script.push_str(")\ntypeset -gA _rookeryctl_arguments=(\n");
    for listed in commands {
        if let Some(arguments) = arguments(listed) {
            script.push_str(&format!("    {} '{arguments}'\n", listed.command.name));
        }
    }
    script.push_str(")\n");
    script.push_str(ZSH);
    script
}

const FISH: &str = r#"function __rookeryctl_words
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
"#;

/// Writes the script for fish.
pub fn fish(commands: &[Listed]) -> String {
    let mut script = format!("{HEAD}function __rookeryctl_arguments\n    switch $argv[1]\n");
    for listed in commands {
        if let Some(arguments) = arguments(listed) {
            let lines = arguments.replace(' ', "\\n");
            let name = listed.command.name;
            script.push_str(&format!("        case {name}\n            printf '{lines}\\n'\n"));
        }
    }
    script.push_str("    end\nend\n");
    script.push_str(FISH);
    script.push_str("for tool in rookeryctl ejabberdctl\n");
    for (name, about) in described(commands) {
        let about = about.replace('\\', "\\\\").replace('\'', "\\'");
        script.push_str(&format!(
            "    complete -c $tool -n __rookeryctl_at_command -a {name} -d '{about}'\n"
        ));
        script.push_str(&format!(
            "    complete -c $tool -n '__rookeryctl_after help' -a {name} -d '{about}'\n"
        ));
    }
    for tag in tags(commands).into_keys().chain(["tags", "commands", "awaited"]) {
        script.push_str(&format!("    complete -c $tool -n '__rookeryctl_after help' -a {tag}\n"));
    }
    script.push_str("end\n");
    script
}

/// All words that may stand where a command stands.
fn names(commands: &[Listed]) -> Vec<&str> {
    described(commands).into_iter().map(|(name, _)| name).collect()
}

fn described(commands: &[Listed]) -> Vec<(&str, &str)> {
    let mut words: Vec<(&str, &str)> = OWN_WORDS.to_vec();
    words.extend(commands.iter().map(|listed| (listed.command.name, listed.command.about)));
    words.sort_unstable();
    words
}

/// The names of the arguments of the newest version; `None` without arguments.
fn arguments(listed: &Listed) -> Option<String> {
    let newest: &Version = listed.command.versions.last()?;
    let names: Vec<&str> = newest.args.iter().map(|field| field.name).collect();
    (!names.is_empty()).then(|| names.join(" "))
}
