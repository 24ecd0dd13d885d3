//! The whole command table, modules included, against ejabberd's own.

use std::collections::BTreeSet;
use std::path::Path;

use kernel::commands::{Command, Example, Policy};
use serde_json::Value as Json;

use crate::lists;

/// One list of a file of facts.
pub(super) fn listed(file: &str, list: &str) -> Vec<Json> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/facts/ejabberd-26.07").join(file);
    let facts: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    facts[list].as_array().unwrap().clone()
}

fn facts() -> Vec<Json> {
    listed("commands.json", "commands")
}

pub(super) fn text(json: &Json) -> &str {
    json.as_str().unwrap()
}

pub(super) fn items(json: &Json) -> &[Json] {
    json.as_array().unwrap()
}

fn written(field: &Json) -> String {
    format!("{}::{}", text(&field["name"]), text(&field["type"]))
}

#[test]
fn declared_commands_are_those_of_ejabberd() {
    let facts = facts();
    for listed in lists::commands() {
        let command = &listed.command;
        let fact = facts.iter().find(|fact| fact["name"] == command.name).unwrap();
        let tags: Vec<&str> = items(&fact["tags"]).iter().map(text).collect();
        assert_eq!(command.tags, tags, "{}", command.name);
        if fact["needs_module"].is_null() || fact["needs_module"] == "mod_admin_extra" {
            assert_eq!(command.needs, fact["needs_module"].as_str(), "{}", command.name);
        }
        let versions = items(&fact["versions"]);
        assert_eq!(command.versions.len(), versions.len(), "{}", command.name);
        for (version, fact) in command.versions.iter().zip(versions) {
            assert_eq!(u64::from(version.since), fact["version"].as_u64().unwrap());
            let ours: Vec<String> = version.args.iter().map(admin::faces::typed).collect();
            let theirs: Vec<String> = items(&fact["args"]).iter().map(written).collect();
            assert_eq!(ours, theirs, "{}", command.name);
            let result = admin::faces::typed(&version.result);
            assert_eq!(result, written(&fact["result"]), "{}", command.name);
        }
        let policy = match command.policy {
            Policy::Open => "open",
            Policy::Restricted => "restricted",
            Policy::Admin => "admin",
            Policy::User => "user",
        };
        assert_eq!(policy, text(&fact["policy"]), "{}", command.name);
        secrets_are_marked(command);
    }
}

fn secrets_are_marked(command: &Command) {
    let has = |name: &str| {
        let mut fields = command.versions.iter().flat_map(|version| version.args);
        fields.any(|field| field.name == name)
    };
    for secret in command.secrets {
        assert!(has(secret), "{} has no argument {secret}", command.name);
    }
    for secret in ["password", "newpass"] {
        assert_eq!(has(secret), command.secrets.contains(&secret), "{}", command.name);
    }
}

/// The commands whose example prints something else than in ejabberd's manual, with the reason.
const OTHER_EXAMPLES: &[(&str, &str)] = &[("status", "the server has another name and version")];

/// All that are missing are shown at once, ready to be pasted.
#[test]
fn examples_are_those_of_the_manual() {
    let facts = facts();
    let mut missing = String::new();
    for listed in lists::commands() {
        let command = &listed.command;
        let fact = facts.iter().find(|fact| fact["name"] == command.name).unwrap();
        if OTHER_EXAMPLES.iter().any(|(name, _)| *name == command.name) {
            continue;
        }
        for (version, fact) in command.versions.iter().zip(items(&fact["versions"])) {
            let Example { args, prints } = version.example;
            let example = &fact["example"];
            let theirs: Vec<&str> =
                example["ctl_args"].as_array().into_iter().flatten().map(text).collect();
            let printed = example["ctl_stdout"].as_str().unwrap_or(prints);
            if args != theirs || prints != printed {
                missing.push_str(&format!(
                    "{} version {}: example: Example {{ args: &{theirs:?}, prints: {printed:?} }},\n",
                    command.name, version.since
                ));
            }
        }
    }
    assert!(missing.is_empty(), "\n{missing}");
}

#[test]
fn every_command_of_ejabberd_is_there_or_waits_for_something() {
    let facts = facts();
    let known: BTreeSet<&str> = facts.iter().map(|fact| text(&fact["name"])).collect();
    let mut ours: Vec<&str> =
        admin::AWAITED.iter().flat_map(|awaited| awaited.commands).copied().collect();
    let listed = lists::commands();
    ours.extend(admin::REFUSED.iter().flat_map(|refused| refused.commands).copied());
    ours.extend(listed.iter().map(|listed| listed.command.name));
    let unique: BTreeSet<&str> = ours.iter().copied().collect();
    assert_eq!(unique.len(), ours.len(), "a command is declared and awaited, or awaited twice");
    assert_eq!(unique, known);
}

#[test]
fn every_argument_is_explained() {
    for fact in facts() {
        for version in items(&fact["versions"]) {
            for argument in items(&version["args"]) {
                let name = text(&argument["name"]);
                assert!(!admin::faces::meaning(name).is_empty(), "{name} is not in the glossary");
            }
        }
    }
}
