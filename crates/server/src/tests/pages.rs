//! What is written from declarations is in the repository as they say now.

use std::path::Path;

use admin::faces::{Listed, completion, man, markdown};

use crate::lists;

type Write = fn(&[Listed]) -> String;

/// Files by their place in the repository, with what writes them.
const PAGES: &[(&str, Write)] = &[
    ("docs/commands.md", markdown::commands_page),
    ("docs/audit.md", |_| super::audit::page()),
    ("docs/pages.md", |_| super::panels::page()),
    ("packaging/man/rookeryctl.1", man::rookeryctl),
    ("packaging/man/rookery.1", |_| super::manual::page()),
    ("packaging/completions/rookeryctl.bash", completion::bash),
    ("packaging/completions/_rookeryctl", completion::zsh),
    ("packaging/completions/rookeryctl.fish", completion::fish),
];

#[test]
fn pages_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let commands = lists::commands();
    let mut stale = Vec::new();
    for (place, write) in PAGES {
        let (path, page) = (root.join(place), write(&commands));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &page).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != page {
            stale.push(place);
        }
    }
    assert!(stale.is_empty(), "{stale:?}: refresh with: UPDATE_DOCS=1 cargo test -p server");
}
