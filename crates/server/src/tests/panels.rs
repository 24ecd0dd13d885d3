//! Panels against the commands, the metrics and ejabberd's pages; and `docs/pages.md`, written from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use kernel::Panel;
use serde_json::Value as Json;

use super::facts::{items, listed, text};
use crate::lists;

/// Pages that ejabberd has not.
const OURS: &[&str] = &["/node/<node>/relays/"];

/// Pages of ejabberd that are another view of one that is declared.
const SAME: &[&str] =
    &["/server/<host>/users/diapason/<first>-<last>/", "/server/<host>/users/top/<attribute>/"];

/// Every panel, with what declares it.
fn panels() -> Vec<(&'static str, &'static Panel)> {
    let mut all: Vec<_> = admin::PANELS.iter().map(|panel| ("server", panel)).collect();
    for door in lists::DOORS.iter().copied().flatten() {
        all.extend(door.panels.iter().map(|panel| (door.name, panel)));
    }
    for module in lists::MODULES.iter().copied().flatten() {
        all.extend(module.panels.iter().map(|panel| (module.name, panel)));
    }
    all
}

fn commands() -> BTreeSet<&'static str> {
    let of_modules = lists::MODULES.iter().copied().flatten().flat_map(|module| module.commands);
    let own = lists::OWN_COMMANDS.iter().copied().flatten();
    own.chain(of_modules).map(|command| command.name).collect()
}

#[test]
fn what_panels_name_exists() {
    let commands = commands();
    for (by, panel) in panels() {
        let at = format!("{by}: {}", panel.path());
        assert!(!panel.title.is_empty() && panel.commands.len() + panel.metrics.len() > 0, "{at}");
        for command in panel.commands {
            assert!(commands.contains(command), "{at}: no command {command}");
        }
        for metric in panel.metrics {
            assert!(observe::METRICS.iter().any(|known| known.name == *metric), "{at}: {metric}");
        }
        // A module shows what it declares itself, and nothing of others.
        let module = lists::MODULES.iter().copied().flatten().find(|module| module.name == by);
        for command in module.iter().flat_map(|_| panel.commands) {
            let own = module.unwrap().commands.iter().any(|known| known.name == *command);
            assert!(own, "{at}: {command} is declared by somebody else");
        }
    }
}

#[test]
fn panels_are_on_ejabberds_pages_with_all_commands_that_exist() {
    let existing = commands();
    let mut ours: BTreeMap<String, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for (_, panel) in panels() {
        let (titles, commands) = ours.entry(panel.path()).or_default();
        titles.insert(panel.title);
        commands.extend(panel.commands);
    }
    for path in OURS {
        assert!(ours.remove(*path).is_some(), "{path} is not declared any more");
    }
    let facts = listed("webadmin.json", "pages");
    for fact in facts.iter().filter(|fact| !SAME.contains(&text(&fact["path"]))) {
        let offered = fact["commands"].as_array().map(Vec::as_slice).unwrap_or_default();
        let name = |command: &Json| text(&command["command"]).to_owned();
        let theirs: BTreeSet<String> = offered.iter().map(name).collect();
        let theirs: BTreeSet<&str> =
            existing.iter().copied().filter(|name| theirs.contains(*name)).collect();
        let path = text(&fact["path"]);
        match ours.remove(path) {
            Some((titles, commands)) => {
                assert_eq!(
                    titles.into_iter().collect::<Vec<_>>(),
                    [text(&fact["title"])],
                    "{path}"
                );
                assert_eq!(commands, theirs, "{path}");
            }
            None => assert!(theirs.is_empty(), "{path} is not declared: {theirs:?}"),
        }
    }
    assert!(ours.is_empty(), "ejabberd has no such page: {ours:?}");
    assert!(!items(&facts[0]["commands"]).is_empty());
}

/// `docs/pages.md`.
pub(super) fn page() -> String {
    let mut out = String::from(
        "# Pages for administrators\n\n<!-- Written from the declarations: UPDATE_DOCS=1 cargo test -p server -->\n\n\
         What doors, modules and the server itself declare to show on pages for administrators: commands to give and \
         metrics to\nsee, on the pages that ejabberd's Web Admin has. No page is served yet; \
         a script or tool\nfinds here which commands belong together, and what each needs to know of host and user.\n",
    );
    let mut pages: BTreeMap<(kernel::Place, String), Vec<(&str, &Panel)>> = BTreeMap::new();
    for (by, panel) in panels() {
        pages.entry((panel.place, panel.path())).or_default().push((by, panel));
    }
    for ((_, path), panels) in pages {
        let title = panels.first().map_or("", |(_, panel)| panel.title);
        let title = title.replace('<', "\\<");
        write!(out, "\n## {title}\n\n`{path}`\n\n| of | commands | metrics |\n|---|---|---|\n")
            .unwrap();
        for (by, panel) in panels {
            let code = |names: &[&str]| -> String {
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                names.join(", ")
            };
            writeln!(out, "| {by} | {} | {} |", code(panel.commands), code(panel.metrics)).unwrap();
        }
    }
    out
}
