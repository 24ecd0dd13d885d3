//! `cargo xtask tidy`: the house rules that neither the compiler nor clippy can check.

mod dependencies;
mod evidence;
mod floors;
mod modules;
mod sizes;
mod source;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run;
use dependencies::{Outside, Policy, outsiders};
use floors::Member;
use sizes::RATCHET;
use source::Source;

/// Budgets in lines, all files of a crate's `src` together, with the reason shown when broken.
const BUDGETS: [(&str, usize, &str); 2] = [
    ("crates/kernel/src/", 8_000, "split it into `hosting` (no stanza) under `routing`"),
    ("crates/stdx/src/", 1_000, "words with a domain belong to that domain's crate"),
];

/// One broken rule at one place, with the way to mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, rule: &'static str, message: String) -> Self {
        Self { path: path.to_owned(), line, rule, message }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: [{}] {}", self.path, self.line, self.rule, self.message)
    }
}

/// Everything the rules look at.
struct Tree {
    /// Tracked or about to be tracked text files: path from the root, text.
    files: Vec<(String, String)>,
    members: Vec<Member>,
    outside: Outside,
    /// The ratchet as committed before, if there is one.
    ratchet_before: Option<String>,
}

/// Checks the workspace at `root`.
pub(crate) fn tidy(root: &Path) -> Result<Vec<Finding>, String> {
    let tree = Tree {
        files: read_files(root)?,
        members: floors::members(&metadata(root)?, root),
        outside: outside(root)?,
        ratchet_before: ratchet_before(root),
    };
    Ok(check(&tree))
}

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = floors::check(&tree.members);
    let text_of = |path: &str| {
        tree.files.iter().find(|(name, _)| name == path).map(|(_, text)| text.as_str())
    };
    let mut excesses = Vec::new();
    for (path, text) in &tree.files {
        findings.extend(words::machine_paths(path, text));
        if path.ends_with(".rs") {
            let source = Source::new(text);
            findings.extend(words::check(path, text, &source));
            excesses.extend(sizes::excesses(path, text, &source));
        }
    }
    let ratchet = text_of(RATCHET).unwrap_or_default();
    findings.extend(sizes::check(&excesses, ratchet, tree.ratchet_before.as_deref()));
    findings.extend(budgets(&tree.files));
    findings.extend(evidence::check(&tree.files));
    findings.extend(dead_files(tree));
    findings.extend(map_names_every_crate(tree, text_of("ARCHITECTURE.md")));
    let policy = Policy::read(text_of("deny.toml").unwrap_or_default());
    findings.extend(dependencies::check(&tree.outside, &policy));
    findings.sort();
    findings.dedup();
    findings
}

fn budgets(files: &[(String, String)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (folder, lines_max, mend) in BUDGETS {
        let own = files.iter().filter(|(path, _)| path.starts_with(folder));
        let lines: usize = own.map(|(_, text)| text.lines().count()).sum();
        if lines > lines_max {
            let message = format!("{lines} lines, the budget is {lines_max}: {mend}");
            findings.push(Finding::new(folder, 1, "budget", message));
        }
    }
    findings
}

fn dead_files(tree: &Tree) -> Vec<Finding> {
    let read = |path: &Path| {
        tree.files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| text.clone())
    };
    let roots = tree.members.iter().flat_map(|member| &member.roots);
    let reached: BTreeSet<PathBuf> = roots.flat_map(|root| modules::reached(root, &read)).collect();
    let sources = tree.files.iter().filter(|(path, _)| path.ends_with(".rs"));
    sources
        .filter(|(path, _)| !reached.contains(Path::new(path)) && !path.starts_with("fuzz/"))
        .map(|(path, _)| {
            let mend = "no `mod` line reaches this file: add one or delete it".to_owned();
            Finding::new(path, 1, "dead", mend)
        })
        .collect()
}

/// The map of the project shows every crate.
fn map_names_every_crate(tree: &Tree, map: Option<&str>) -> Vec<Finding> {
    let Some(map) = map else {
        let mend = "write the map of the project".to_owned();
        return vec![Finding::new("ARCHITECTURE.md", 1, "docs", mend)];
    };
    let is_named = |name: &str| {
        map.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').any(|word| word == name)
    };
    let missing = tree.members.iter().filter(|member| !is_named(&member.name));
    missing
        .map(|member| {
            let mend = format!("say where the crate `{}` stands and what it is for", member.name);
            Finding::new("ARCHITECTURE.md", 1, "docs", mend)
        })
        .collect()
}

/// Text files that are tracked, or new and not ignored.
fn read_files(root: &Path) -> Result<Vec<(String, String)>, String> {
    let listed = run::output(
        root,
        "git",
        &["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    )?;
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        // A deleted file is still listed until the deletion is committed; a file that is not
        // UTF-8 is no text of ours.
        if let Ok(text) = std::fs::read_to_string(root.join(path)) {
            files.push((path.to_owned(), text));
        }
    }
    Ok(files)
}

fn metadata(root: &Path) -> Result<Value, String> {
    let all = ["metadata", "--format-version", "1", "--no-deps"];
    let text = run::output(root, &run::cargo(), &all)?;
    serde_json::from_str(&text).map_err(|error| format!("cargo metadata answered: {error}"))
}

fn outside(root: &Path) -> Result<Outside, String> {
    let tree = |which: &[&str]| {
        let mut all = vec!["tree", "--locked", "--prefix", "none", "--format", "{p}|{l}"];
        all.extend(which);
        Ok::<_, String>(outsiders(&run::output(root, &run::cargo(), &all)?))
    };
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))
        .map_err(|error| format!("cannot read Cargo.lock: {error}"))?;
    Ok(Outside {
        built: tree(&["--workspace", "--edges", "normal,build,dev"])?,
        shipped: tree(&["--package", "server", "--package", "ctl", "--edges", "normal"])?,
        lock,
    })
}

/// The ratchet of the last commit, or of the one before when the tree has no change.
///
/// None in a shallow clone or before the first commit of the ratchet: nothing to compare with.
fn ratchet_before(root: &Path) -> Option<String> {
    let show =
        |revision: &str| run::output(root, "git", &["show", &format!("{revision}:{RATCHET}")]).ok();
    let committed = show("HEAD")?;
    let current = std::fs::read_to_string(root.join(RATCHET)).unwrap_or_default();
    if current == committed { show("HEAD^") } else { Some(committed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let member = Member {
            name: "kernel".into(),
            manifest: "crates/kernel/Cargo.toml".into(),
            floor: Some(3),
            roots: vec!["crates/kernel/src/lib.rs".into()],
            ..Member::default()
        };
        let mut all = vec![
            ("ARCHITECTURE.md".to_owned(), "The kernel routes.".to_owned()),
            ("crates/kernel/src/lib.rs".to_owned(), "//! Routes.\nmod live;\n".to_owned()),
            ("crates/kernel/src/live.rs".to_owned(), "//! Lives.\n".to_owned()),
        ];
        all.extend(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        Tree {
            files: all,
            members: vec![member],
            outside: Outside::default(),
            ratchet_before: None,
        }
    }

    fn rules(tree: &Tree) -> Vec<&'static str> {
        check(tree).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_tidy_tree_has_no_finding() {
        assert_eq!(rules(&tree(&[])), [""; 0]);
    }

    #[test]
    fn each_rule_about_the_whole_tree_fires() {
        assert_eq!(rules(&tree(&[("crates/kernel/src/dead.rs", "//! Dead.\n")])), ["dead"]);
        assert_eq!(rules(&tree(&[("fuzz/a.rs", "//! A fuzz target.\n")])), [""; 0]);
        let long = "//! x\n".repeat(600);
        let names: Vec<String> =
            (0..14).map(|n| format!("crates/kernel/src/live/a{n}.rs")).collect();
        let mods: String = (0..14).map(|n| format!("mod a{n};\n")).collect();
        let live = format!("//! Lives.\n{mods}");
        let mut big = tree(&[]);
        big.files.retain(|(path, _)| !path.ends_with("live.rs"));
        big.files.push(("crates/kernel/src/live.rs".into(), live));
        big.files.extend(names.into_iter().map(|name| (name, long.clone())));
        assert_eq!(rules(&big), ["budget"]);
        let mut unmapped = tree(&[]);
        unmapped.files[0].1 = "The kernels route.".into();
        assert_eq!(rules(&unmapped), ["docs"]);
        unmapped.files.remove(0);
        assert_eq!(rules(&unmapped), ["docs"]);
    }

    #[test]
    fn findings_say_where_and_how() {
        let shown = check(&tree(&[("crates/kernel/src/live/x.rs", "")]))[0].to_string();
        assert!(
            shown.starts_with("crates/kernel/src/live/x.rs:1: [dead] no `mod` line"),
            "{shown}"
        );
    }
}
