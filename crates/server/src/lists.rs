//! THE lists of doors and modules, and what is in force because of them.

use kernel::ModuleEntry;
use kernel::commands::Command;
use kernel::doors::{COMMON_OPTIONS, DoorEntry};
use settings::{Config, InForce};

use crate::audit;

/// Every kind of listener.
pub(crate) static DOORS: &[&[DoorEntry]] = &[xmpp::DOORS, turn::DOORS];

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
    in_force
        .toplevel(SERVER_OPTIONS)
        .toplevel(xmpp::OPTIONS)
        .toplevel(accounts::OPTIONS)
        .toplevel(observe::OPTIONS)
        .toplevel(modules::OPTIONS);
    for door in DOORS.iter().copied().flatten() {
        in_force.listener(door.name, COMMON_OPTIONS).listener(door.name, door.options);
    }
    for module in MODULES.iter().copied().flatten() {
        in_force.module(module.name, module.options);
    }
    in_force
}

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
