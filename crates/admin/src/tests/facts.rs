//! The table against ejabberd's own, and every example of ejabberd's manual through the rendering.

use std::collections::BTreeSet;
use std::path::Path;

use kernel::commands::{Field, Shape, Value};
use serde_json::Value as Json;

use crate::ctl::{result, typed};
use crate::{AWAITED, REFUSED, every_command};

fn facts() -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/facts/ejabberd-26.07/commands.json");
    let facts: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    facts["commands"].as_array().unwrap().clone()
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap()
}

fn written(field: &Json) -> String {
    format!("{}::{}", text(&field["name"]), text(&field["type"]))
}

#[test]
fn declared_commands_are_those_of_ejabberd() {
    let facts = facts();
    for command in every_command() {
        let fact = facts.iter().find(|fact| fact["name"] == command.name).unwrap();
        let tags: Vec<&str> = fact["tags"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(command.tags, tags, "{}", command.name);
        if fact["needs_module"].is_null() || fact["needs_module"] == "mod_admin_extra" {
            assert_eq!(command.needs, fact["needs_module"].as_str(), "{}", command.name);
        }
        let versions = fact["versions"].as_array().unwrap();
        assert_eq!(command.versions.len(), versions.len(), "{}", command.name);
        for (version, fact) in command.versions.iter().zip(versions) {
            assert_eq!(u64::from(version.since), fact["version"].as_u64().unwrap());
            let ours: Vec<String> = version.args.iter().map(typed).collect();
            let theirs: Vec<String> =
                fact["args"].as_array().unwrap().iter().map(written).collect();
            assert_eq!(ours, theirs, "{}", command.name);
            assert_eq!(typed(&version.result), written(&fact["result"]), "{}", command.name);
        }
        for secret in command.secrets {
            assert!(
                command
                    .versions
                    .iter()
                    .any(|version| version.args.iter().any(|field| field.name == *secret))
            );
        }
        for secret in ["password", "newpass"] {
            let has = command.versions[0].args.iter().any(|field| field.name == secret);
            assert_eq!(has, command.secrets.contains(&secret), "{}", command.name);
        }
    }
}

#[test]
fn every_command_of_ejabberd_is_there_or_waits_for_something() {
    let facts = facts();
    let known: BTreeSet<&str> = facts.iter().map(|fact| text(&fact["name"])).collect();
    let mut ours: Vec<&str> =
        AWAITED.iter().flat_map(|awaited| awaited.commands).copied().collect();
    ours.extend(REFUSED.iter().flat_map(|refused| refused.commands).copied());
    ours.extend(every_command().map(|command| command.name));
    // The rendering answers it itself.
    ours.push("help");
    let unique: BTreeSet<&str> = ours.iter().copied().collect();
    assert_eq!(unique.len(), ours.len(), "a command is declared and awaited, or awaited twice");
    assert_eq!(unique, known);
}

/// The shape of a field of the facts, which must live as long as the test.
fn shape(field: &Json) -> Shape {
    let of =
        |field: &Json| Field { name: text(&field["name"]).to_owned().leak(), shape: shape(field) };
    let tree = field.get("tree").unwrap_or(&field["type"]);
    match tree {
        Json::String(name) => match name.as_str() {
            "integer" => Shape::Integer,
            "atom" => Shape::Word,
            "rescode" => Shape::Rescode,
            "restuple" => Shape::Restuple,
            _ => Shape::Text,
        },
        tree => match (tree.get("list"), tree.get("tuple")) {
            (Some(item), _) => Shape::List(Box::leak(Box::new(of(item)))),
            (_, Some(parts)) => {
                Shape::Tuple(parts.as_array().unwrap().iter().map(of).collect::<Vec<_>>().leak())
            }
            _ => panic!("no shape: {field}"),
        },
    }
}

/// The value that the HTTP interface shows as `body`; `None` for what it shows in a lossy way.
fn value(shape: &Shape, body: &Json) -> Option<Value> {
    Some(match (shape, body) {
        (Shape::Integer, body) => Value::Integer(body.as_i64()?),
        (Shape::Text | Shape::Word, Json::String(text)) => Value::text(text),
        (Shape::Rescode, body) => Value::Rescode(body.as_i64()? == 0),
        (Shape::Restuple, Json::String(text)) => Value::Restuple(true, text.clone()),
        (Shape::List(item), Json::Array(items)) => {
            Value::List(items.iter().map(|body| value(&item.shape, body)).collect::<Option<_>>()?)
        }
        (Shape::Tuple(fields), Json::Object(parts)) => Value::Tuple(
            fields
                .iter()
                .map(|field| value(&field.shape, parts.get(field.name)?))
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn examples_are_rendered_as_in_the_manual() {
    let mut compared = 0;
    for fact in facts() {
        for version in fact["versions"].as_array().unwrap() {
            let example = &version["example"];
            let (Some(stdout), Some(body)) =
                (example["ctl_stdout"].as_str(), example.get("http_body"))
            else {
                continue;
            };
            let shape = shape(&version["result"]);
            let Some(value) = value(&shape, body) else { continue };
            let newest = fact["versions"].as_array().unwrap().len() == 1 || version["version"] != 0;
            let reply = result(&value, &shape, if newest { ',' } else { ';' });
            // HTTP sorts lists, the control tool does not.
            assert_eq!(sorted(&reply.stdout), sorted(stdout), "{}", fact["name"]);
            assert_eq!(reply.status, 0);
            compared += 1;
        }
    }
    assert!(compared > 80, "only {compared} examples were compared");
}

#[test]
fn commands_page_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    let page = crate::docs::commands_page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/commands.md is not what the table says; run: UPDATE_DOCS=1 cargo test -p admin"
    );
}
