//! `docs/options.md` and `docs/ejabberdctl.cfg.md` are what the tables say.

use std::path::Path;

#[test]
fn pages_are_fresh() {
    is_fresh("options.md", settings::docs::options_page());
    is_fresh("ejabberdctl.cfg.md", settings::ctlcfg::variables_page());
}

fn is_fresh(name: &str, page: String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/{name} is not what the table says; run: UPDATE_DOCS=1 cargo test -p settings"
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
