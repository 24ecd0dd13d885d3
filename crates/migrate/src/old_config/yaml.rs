//! Nodes as YAML in block style, so that people can go on with the file.

use std::fmt::Write as _;

use settings::{Kind, Node, Scalar};

use super::{Left, is_empty};

/// A whole file: what should be known as comments in front, then the options.
pub(super) fn document(head: &str, left: &Left, entries: &[(Node, Node)]) -> String {
    let mut out = String::new();
    comment(&mut out, head);
    comment(
        &mut out,
        "Comments of the old file are not in it, and its macros are replaced by their values.",
    );
    if !left.said.is_empty() {
        comment(&mut out, "");
        comment(&mut out, "What is read otherwise than before:");
        for line in &left.said {
            comment(&mut out, &format!("- {line}"));
        }
    }
    for (key, value) in entries {
        out.push('\n');
        put_entry(&mut out, 0, key, value);
    }
    if !left.out.is_empty() {
        out.push('\n');
        comment(&mut out, "What has no place any more:");
        for (why, text) in &left.out {
            comment(&mut out, "");
            comment(&mut out, &format!("{why}:"));
            text.lines().for_each(|line| comment(&mut out, &format!("    {line}")));
        }
    }
    out
}

fn comment(out: &mut String, text: &str) {
    for line in text.split('\n') {
        // A file could bring characters that end a line of YAML.
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        out.push_str(format!("# {line}").trim_end());
        out.push('\n');
    }
}

/// One entry of a map.
pub(super) fn entry(key: &Node, value: &Node) -> String {
    let mut out = String::new();
    put_entry(&mut out, 0, key, value);
    out
}

/// Any node.
pub(super) fn text(node: &Node) -> String {
    let mut out = String::new();
    put(&mut out, 0, node);
    out
}

fn put_entry(out: &mut String, depth: usize, key: &Node, value: &Node) {
    indent(out, depth);
    put_scalar(out, key.scalar());
    out.push(':');
    put_after(out, depth, value);
}

/// A value behind a colon.
fn put_after(out: &mut String, depth: usize, value: &Node) {
    match value.kind() {
        Kind::Map(_) | Kind::Seq(_) if !is_empty(value) => {
            out.push('\n');
            put(out, depth + 1, value);
        }
        _ => {
            out.push(' ');
            put_flat(out, value);
            out.push('\n');
        }
    }
}

fn put(out: &mut String, depth: usize, node: &Node) {
    match node.kind() {
        Kind::Map(entries) if !entries.is_empty() => {
            entries.iter().for_each(|(key, value)| put_entry(out, depth, key, value));
        }
        Kind::Seq(items) if !items.is_empty() => {
            for item in items {
                indent(out, depth);
                out.push('-');
                put_item(out, depth, item);
            }
        }
        _ => {
            indent(out, depth);
            put_flat(out, node);
            out.push('\n');
        }
    }
}

/// An item behind its dash; the first entry of a map stands on the same line.
fn put_item(out: &mut String, depth: usize, item: &Node) {
    match item.kind() {
        Kind::Map(entries) if !entries.is_empty() => {
            let start = out.len();
            entries.iter().for_each(|(key, value)| put_entry(out, depth + 1, key, value));
            // The blanks before the first entry: the dash takes the place of one of them.
            let blanks = 2 * (depth + 1);
            out.replace_range(start..start + blanks, " ");
        }
        _ => put_after(out, depth, item),
    }
}

fn put_flat(out: &mut String, node: &Node) {
    match node.kind() {
        Kind::Null => out.push_str("null"),
        Kind::Scalar(scalar) => put_scalar(out, Some(scalar)),
        Kind::Seq(_) => out.push_str("[]"),
        Kind::Map(_) => out.push_str("{}"),
    }
}

fn put_scalar(out: &mut String, scalar: Option<&Scalar>) {
    let Some(scalar) = scalar else { return out.push_str("null") };
    match !scalar.quoted && is_plain(&scalar.text) {
        true => out.push_str(&scalar.text),
        // JSON, which YAML understands.
        false => write!(out, "{}", serde_json::Value::from(&*scalar.text))
            .expect("writing to a text does not fail"),
    }
}

/// Whether a word stays one without quotes.
fn is_plain(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|first| first.is_ascii_alphanumeric() || first == '-' || first == '_')
        && text != "-"
        && !text.starts_with("--")
        && text != "null"
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@".contains(c))
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n(' ', depth * 2));
}
