//! `docs/options.md` is what the catalogue says.

use std::path::Path;

#[test]
fn options_page_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/options.md");
    let page = settings::docs::options_page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/options.md is not what the catalogue says; run: UPDATE_DOCS=1 cargo test -p settings"
    );
}

#[test]
fn every_option_has_a_row() {
    let page = settings::docs::options_page();
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    let modules =
        settings::catalogue::MODULES.iter().map(|module| module.options.len()).sum::<usize>();
    let listeners =
        settings::catalogue::LISTENERS.iter().map(|listener| listener.options.len()).sum::<usize>();
    let all = settings::catalogue::TOPLEVEL.len()
        + settings::catalogue::COMMON.len()
        + modules
        + listeners;
    assert_eq!(rows, all);
}
