//! Dead files: a source file that no `mod` line reaches is compiled by nobody.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::source::Source;

/// The files reached from a crate root, the root included.
pub(crate) fn reached(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> BTreeSet<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut open = vec![(root.to_owned(), true)];
    while let Some((file, is_root)) = open.pop() {
        let Some(text) = read(&file) else { continue };
        if !seen.insert(file.clone()) {
            continue;
        }
        let folder = file.parent().unwrap_or(Path::new(""));
        let own = match file.file_stem() {
            Some(stem) if !is_root && stem != "mod" => folder.join(stem),
            _ => folder.to_owned(),
        };
        for declared in declarations(&text) {
            let candidates = match &declared.path {
                Some(path) => vec![folder.join(path)],
                None => {
                    let within = declared.within.iter().fold(own.clone(), |at, name| at.join(name));
                    vec![
                        within.join(format!("{}.rs", declared.name)),
                        within.join(&declared.name).join("mod.rs"),
                    ]
                }
            };
            open.extend(candidates.into_iter().map(|path| (path, false)));
        }
    }
    seen
}

/// A `mod name;` line: its name, the inline modules around it, and its `#[path]`.
#[derive(Debug, PartialEq, Eq)]
struct Declaration {
    name: String,
    within: Vec<String>,
    path: Option<String>,
}

fn declarations(text: &str) -> Vec<Declaration> {
    let source = Source::new(text);
    let mut found = Vec::new();
    let mut within: Vec<(String, usize)> = Vec::new();
    let mut depth = 0_usize;
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in source.code.chars().chain([' ']) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        let module = match words.as_slice() {
            [.., keyword, name] if keyword == "mod" => Some(name.clone()),
            _ => None,
        };
        match c {
            '{' => {
                depth += 1;
                within.extend(module.map(|name| (name, depth)));
            }
            '}' => {
                within.retain(|(_, opened)| *opened < depth);
                depth = depth.saturating_sub(1);
            }
            ';' => found.extend(module.map(|name| Declaration {
                name,
                within: within.iter().map(|(name, _)| name.clone()).collect(),
                path: None,
            })),
            '#' => continue,
            _ if c.is_whitespace() => continue,
            _ => {}
        }
        words.clear();
    }
    add_paths(text, &mut found);
    found
}

/// Finds `#[path = "…"]` before `mod name;`.
fn add_paths(text: &str, found: &mut [Declaration]) {
    for part in text.split("#[path = \"").skip(1) {
        let Some((path, rest)) = part.split_once('"') else { continue };
        let after = rest.split("mod ").nth(1).unwrap_or_default();
        let name = after.split(';').next().unwrap_or_default().trim();
        if let Some(declared) = found.iter_mut().find(|declared| declared.name == name) {
            declared.path = Some(path.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_reached_through_mod_lines_only() {
        let files = [
            (
                "src/lib.rs",
                "mod a;\npub mod b;\n// mod dead;\nconst S: &str = \"mod dead;\";\nmod inline { mod deep; }\n#[path = \"odd/name.rs\"]\nmod named;",
            ),
            ("src/a.rs", "#[cfg(test)]\nmod tests;"),
            ("src/a/tests.rs", ""),
            ("src/b/mod.rs", "pub(crate) mod c;"),
            ("src/b/c.rs", ""),
            ("src/inline/deep.rs", ""),
            ("src/odd/name.rs", ""),
            ("src/dead.rs", ""),
        ];
        let read = |path: &Path| {
            files
                .iter()
                .find(|(name, _)| Path::new(name) == path)
                .map(|(_, text)| (*text).to_owned())
        };
        let reached = reached(Path::new("src/lib.rs"), &read);
        let dead: Vec<_> =
            files.iter().filter(|(name, _)| !reached.contains(Path::new(name))).collect();
        assert_eq!(dead.len(), 1, "{dead:?}");
        assert_eq!(dead[0].0, "src/dead.rs");
    }
}
