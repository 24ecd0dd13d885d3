//! THE lists of doors and modules, and what is in force because of them.

use kernel::ModuleEntry;
use kernel::commands::Command;
use kernel::doors::{COMMON_OPTIONS, DoorEntry};
use settings::{Config, InForce, Section};

use crate::audit;

use crate::http;

/// Every kind of listener.
pub(crate) static DOORS: &[&[DoorEntry]] = &[xmpp::DOORS, turn::DOORS, http::DOORS];

/// Every module; their order is the order within a stage of a hook.
pub(crate) static MODULES: &[&[ModuleEntry]] = &[admin::MODULES, modules::MODULES, xmpp::MODULES];

/// The commands that need no module.
pub(crate) static OWN_COMMANDS: &[&[Command]] = &[admin::COMMANDS, turn::COMMANDS, audit::COMMANDS];

/// Top-level options that the server itself honours.
const SERVER_OPTIONS: &[&str] = &[
    "acl",
    "access_rules",
    "api_permissions",
    "append_host_config",
    "certfiles",
    "define_keyword",
    "define_macro",
    "host_config",
    "hosts",
    "include_config_file",
    "listen",
    "modules",
    "shaper",
    "shaper_rules",
    "sql_database",
    "version",
];

/// Everything that this build honours of a configuration; the rest of the catalogue is reported as not in force.
pub(crate) fn in_force(config: &Config) -> InForce {
    let mut in_force = InForce::new();
    // One engine and one layout are there; another one asked for is not silently replaced by them.
    if config.global().text("sql_type") == Some("sqlite") {
        in_force.toplevel(&["sql_type"]);
    }
    if config.global().bool("sql_schema_multihost") {
        in_force.toplevel(&["sql_schema_multihost"]);
    }
    let hosts: Vec<&Section> = config.hosts().iter().map(|host| config.host(host)).collect();
    if hosts.iter().all(|host| host.text("queue_type") == Some("ram")) {
        in_force.toplevel(&["queue_type"]);
    }
    if hosts.iter().all(|host| host.bool("sql_prepared_statements")) {
        in_force.toplevel(&["sql_prepared_statements"]);
    }
    if config.global().bool("update_sql_schema") {
        in_force.toplevel(&["update_sql_schema"]);
    }
    let managed = config.hosts().iter().filter_map(|host| config.module(host, "mod_stream_mgmt"));
    if managed.into_iter().all(|module| module.options.text("queue_type") == Some("ram")) {
        in_force.module("mod_stream_mgmt", &["queue_type"]);
    }
    let cards = config.hosts().iter().filter_map(|host| config.module(host, "mod_vcard"));
    if !cards.into_iter().any(|module| module.options.bool("search")) {
        in_force.module("mod_vcard", &["search"]);
    }
    in_force
        .because(ABSENT)
        .toplevel(SERVER_OPTIONS)
        .toplevel(erldist::OPTIONS)
        .toplevel(xmpp::OPTIONS)
        .toplevel(accounts::OPTIONS)
        .toplevel(observe::OPTIONS)
        .toplevel(modules::OPTIONS);
    for door in DOORS.iter().copied().flatten() {
        in_force.listener(door.name, COMMON_OPTIONS).listener(door.name, door.options);
    }
    for handler in http::HANDLERS {
        in_force.handler(handler.name, handler.unix_only);
    }
    for module in MODULES.iter().copied().flatten() {
        in_force.module(module.name, module.options);
    }
    in_force
}

/// Why options are not in force although there is something that they could act on, or what they wait for.
#[rustfmt::skip]
const ABSENT: &[(&str, &str)] = &[
    ("acme", "no certificate is fetched here: let certbot or its like put it where `certfiles` says"),
    ("allow_contrib_modules", "no code is loaded at run time"),
    ("auth_external_user_exists_check", "it waits for external authentication"),
    ("auth_opts", "it waits for authentication back-ends that take options"),
    ("captcha_*", "it waits for CAPTCHAs"),
    ("cluster_*", "it waits for clusters: one server serves alone"),
    ("default_ram_db", "what lives in memory lives in this process"),
    ("domain_balancing", "it waits for components"),
    ("ext_api_*", "it waits for authentication and OAuth over HTTP"),
    ("extauth_*", "it waits for external authentication"),
    ("fqdn", "only SASL DIGEST-MD5 used it, which is not offered (RFC 6331)"),
    ("hosts_alias", "it waits for HTTP"),
    ("install_contrib_modules", "no code is loaded at run time"),
    ("jwt_*", "it waits for log-in with tokens (JWT)"),
    ("ldap_*", "it waits for LDAP"),
    ("oauth_*", "it waits for OAuth"),
    ("oom_*", "every queue has a bound in bytes, so none has to be emptied when memory is short"),
    ("outgoing_s2s_*", "it waits for connections to other servers"),
    ("pam_*", "it waits for PAM"),
    ("pgsql_users_number_estimate", "it waits for PostgreSQL"),
    ("queue_dir", "queues are in memory; what must not be lost is in the database as well"),
    ("queue_type", "queues are in memory; what must not be lost is in the database as well"),
    ("redis_*", "it waits for Redis"),
    ("registration_timeout", "it waits for registration by clients"),
    ("replaced_connection_timeout", "a new session has the place of the old one at once, and waits for nothing"),
    ("rest_proxy*", "it waits for calls over HTTP"),
    ("router_*", "routes are in this process: there is nothing to cache and no database to choose"),
    ("rpc_timeout", "it waits for clusters: one server serves alone"),
    ("s2s_*", "it waits for connections to other servers"),
    ("sm_*", "sessions are in this process: there is nothing to cache and no database to choose"),
    ("sql_*", "SQLite is the one engine here: there is no connection to open, to secure or to keep alive"),
    ("sql_prepared_statements", "statements are always prepared"),
    ("sql_query_timeout", "queries run inside this process, on bounded numbers of rows"),
    ("sql_schema_multihost", "tables have a column for the host always"),
    ("sql_type", "SQLite is the one engine here"),
    ("trusted_proxies", "it waits for HTTP; for other listeners see `use_proxy_protocol`"),
    ("update_sql_schema", "tables are brought up to date at each start, or the start is refused"),
    ("update_sql_schema_timeout", "tables are brought up to date at each start, however long it takes"),
    ("validate_stream", "the content of stanzas is passed on as it came; only who owns a namespace looks into it"),
    ("websocket_*", "it waits for WebSocket"),
    ("ejabberd_c2s/supervisor", "what fails in one connection ends that connection alone, always"),
    ("ejabberd_http/supervisor", "what fails in one connection ends that connection alone, always"),
    ("ejabberd_http/*", "it waits for HTTP over TCP: only commands on Unix sockets are served by HTTP yet"),
    ("ejabberd_stun/supervisor", "what fails in one connection ends that connection alone, always"),
    ("mod_caps/*", "capabilities of clients are not looked at yet: there is nothing to keep"),
    ("mod_disco/*", "it waits for components and user directories"),
    ("mod_offline/use_mam_for_storage", "it waits for archives"),
    ("mod_offline/*", "stored messages are read from the database: there is nothing to cache"),
    ("mod_stream_mgmt/queue_type", "queues are in memory and in the database, so that they outlive a crash"),
    ("mod_vcard/*", "it waits for the search of users"),
];

/// Every command that there is, by name.
#[cfg(test)]
pub(crate) fn commands() -> Vec<admin::faces::Listed> {
    use admin::faces::Listed;
    let mut commands: Vec<Listed> = Vec::new();
    commands
        .extend(admin::COMMANDS.iter().map(|command| Listed { command: *command, module: None }));
    for module in MODULES.iter().copied().flatten() {
        let of_module = |command| Listed { command, module: Some(module.name) };
        commands.extend(module.commands.iter().copied().map(of_module));
    }
    commands.sort_by_key(|listed| listed.command.name);
    commands
}

#[cfg(test)]
mod tests {
    use admin::faces::Listed;
    use settings::catalogue;

    use super::*;

    /// Whoever sets an option learns that it acts, or why it does not.
    #[test]
    fn every_option_is_honoured_or_has_a_reason() {
        let source = settings::Source::Text {
            name: "t".to_owned(),
            text: "hosts: [a.test]\nsql_type: sqlite\nsql_schema_multihost: true\n".to_owned(),
        };
        let config = settings::load(&source, &settings::Inputs::default()).unwrap().config;
        let in_force = in_force(&config);
        let mut missing = Vec::new();
        let mut ask = |owner: &str, name: &str| {
            let full = if owner.is_empty() { name.to_owned() } else { format!("{owner}/{name}") };
            if in_force.reason(&full).is_none() && !in_force.honours(owner, name) {
                missing.push(full);
            }
        };
        for spec in catalogue::TOPLEVEL {
            ask("", spec.name);
        }
        for door in DOORS.iter().copied().flatten() {
            let spec = catalogue::listener(door.name).unwrap();
            spec.options.iter().for_each(|option| ask(door.name, option.name));
            catalogue::COMMON.iter().for_each(|option| ask(door.name, option.name));
        }
        for module in MODULES.iter().copied().flatten() {
            let spec = catalogue::module(module.name).unwrap();
            spec.options.iter().for_each(|option| ask(module.name, option.name));
        }
        assert!(missing.is_empty(), "{missing:?}");
        // A reason for an option that does not exist is a slip of the pen.
        for (pattern, _) in ABSENT.iter().filter(|(pattern, _)| !pattern.contains(['*', '/'])) {
            assert!(catalogue::toplevel(pattern).is_some(), "{pattern}");
        }
    }

    /// The control tool reads secrets before it talks to the server, so it has to know where they are.
    #[test]
    fn the_control_tool_knows_every_secret_argument() {
        let mut declared = Vec::new();
        for Listed { command, .. } in super::commands() {
            let newest = command.versions.last().unwrap();
            for secret in command.secrets {
                let place = newest.args.iter().position(|field| field.name == *secret).unwrap();
                declared.push((command.name, place));
            }
        }
        assert_eq!(ctl::SECRET_PLACES, declared);
    }
}
