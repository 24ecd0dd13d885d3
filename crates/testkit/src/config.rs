//! The configuration of a test server: a small base, over which a test lays what it is about.

use std::fmt::Write as _;

/// The base without its modules: one host, one listener in clear.
const BASE: &str = "\
hosts:
  - localhost
listen:
  - port: 5222
    module: ejabberd_c2s
auth_method: sql
sql_type: sqlite
default_db: sql
auth_stored_password_types:
  - plain
";

/// What writes into every presence is left to the plays that are about it.
const NOT_IN_BASE: &[&str] = &["mod_vcard_xupdate"];

/// The base: one host, one listener in clear, every module with its defaults but `mod_vcard_xupdate`.
pub fn base() -> String {
    let mut text = format!("{BASE}modules:\n");
    for module in crate::MODULES
        .iter()
        .copied()
        .flatten()
        .filter(|module| !NOT_IN_BASE.contains(&module.name))
    {
        writeln!(text, "  {}: {{}}", module.name).expect("a string takes all that is written");
    }
    text
}

/// The base with a test's settings over it.
///
/// A top-level key of `over` replaces that of the base; under `modules` each module replaces its own,
/// and `mod_x: absent` takes one out.
pub fn merged(over: &str) -> String {
    merged_over(&base(), over)
}

/// As [`merged`], over another base.
pub fn merged_over(base: &str, over: &str) -> String {
    let mut blocks = blocks_of(base, 0);
    for (key, text) in blocks_of(over, 0) {
        let place = blocks.iter().position(|(present, _)| *present == key);
        match place {
            Some(place) if key == "modules" => {
                blocks[place].1 = merged_modules(&blocks[place].1, &text)
            }
            Some(place) => blocks[place].1 = text,
            None => blocks.push((key, text)),
        }
    }
    blocks.into_iter().map(|(_, text)| text).collect()
}

fn merged_modules(base: &str, over: &str) -> String {
    let inner = |text: &str| {
        let rest = text.split_once('\n').map_or("", |(_, rest)| rest).to_owned();
        let indent = rest.lines().find(|line| !line.trim().is_empty()).map_or(0, indent_of);
        blocks_of(&rest, indent)
    };
    let mut modules = inner(base);
    for (key, text) in inner(over) {
        modules.retain(|(present, _)| *present != key);
        if !text.trim_end().ends_with(": absent") {
            modules.push((key, text));
        }
    }
    let body: String = modules.into_iter().map(|(_, text)| text).collect();
    match body.is_empty() {
        true => "modules: {}\n".to_owned(),
        false => format!("modules:\n{body}"),
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The entries of a YAML mapping at an indentation: the key and all its lines.
pub fn blocks_of(text: &str, indent: usize) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let starts = indent_of(line) == indent && !line.trim_start().starts_with('-');
        match blocks.last_mut() {
            Some((_, block)) if !starts => {
                block.push_str(line);
                block.push('\n');
            }
            _ => {
                let key = line.trim().split(':').next().unwrap_or_default().to_owned();
                blocks.push((key, format!("{line}\n")));
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_changes_single_keys_and_modules() {
        let text = merged(
            "auth_method: anonymous\nmodules:\n  mod_disco: absent\n  mod_offline:\n    use_mam_for_storage: false\n",
        );
        assert!(text.contains("hosts:\n  - localhost\n"));
        assert!(text.contains("auth_method: anonymous\n") && !text.contains("auth_method: sql"));
        assert!(!text.contains("mod_disco") && text.contains("mod_roster"));
        assert!(
            text.contains("  mod_offline:\n    use_mam_for_storage: false\n")
                && !text.contains("mod_offline: {}")
        );
    }
}
