//! Every example of ejabberd's manual through the rendering.

use std::path::Path;

use kernel::commands::{Field, Shape, Value};
use serde_json::Value as Json;

use crate::ctl::result;

fn facts() -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/facts/ejabberd-26.07/commands.json");
    let facts: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    facts["commands"].as_array().unwrap().clone()
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap()
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
