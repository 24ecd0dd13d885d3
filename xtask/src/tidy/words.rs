//! Rules about single files: their first line, names, comments, and what is done only by owners.

use super::Finding;
use super::source::{Piece, Source};

/// Something only its owners may do.
struct Owned {
    rule: &'static str,
    /// Fragments of code that do it.
    marks: &'static [&'static str],
    /// Path prefixes that own it.
    owners: &'static [&'static str],
    mend: &'static str,
    /// Whether test code may do it too.
    free_in_tests: bool,
}

/// Crates that drive a server from outside and are not part of it.
const DRIVERS: [&str; 4] = ["tests/", "bench/", "xtask/", "crates/testkit/"];

const OWNED: [Owned; 4] = [
    Owned {
        rule: "clock",
        marks: &[
            "Instant::now",
            "SystemTime::now",
            "Timestamp::now",
            "Zoned::now",
            "UNIX_EPOCH.elapsed",
        ],
        owners: &[
            "crates/kernel/src/clock.rs",
            "crates/netio/src/shaper.rs",
            "crates/observe/src/line.rs",
            "crates/observe/src/log_queue.rs",
            "crates/store/src/writer.rs",
        ],
        mend: "take the time as an argument, or from the kernel's clock",
        free_in_tests: true,
    },
    Owned {
        rule: "randomness",
        marks: &["getrandom::", "rand::", "OsRng", "thread_rng", "fastrand::"],
        owners: &["crates/kernel/src/random.rs"],
        mend: "take random bytes as an argument, or from the kernel's source",
        free_in_tests: true,
    },
    Owned {
        rule: "spawn",
        marks: &["tokio::spawn", "task::spawn", "spawn_local("],
        owners: &["crates/kernel/src/tasks.rs"],
        mend: "spawn through the kernel's tasks, which supervise and stop it",
        free_in_tests: true,
    },
    Owned {
        rule: "allow",
        marks: &["#[allow", "#![allow"],
        owners: &[],
        mend: "use #[expect(lint, reason = \"…\")], which fails when it is no longer needed",
        free_in_tests: false,
    },
];

/// Names that say nothing.
const EMPTY_WORDS: [&str; 5] = ["util", "common", "helper", "manager", "misc"];

/// Runs every rule of this file.
pub(crate) fn check(path: &str, text: &str, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        let mend = "start with `//!`: what it is, and which RFC or XEP";
        findings.push(Finding::new(path, 1, "doc", mend.into()));
    }
    owned(path, source, &mut findings);
    names(path, source, &mut findings);
    for comment in &source.comments {
        todo(path, comment, &mut findings);
    }
    if !path.starts_with("crates/store/") && !path.ends_with("store.rs") && !is_driver(path) {
        for string in &source.strings {
            if is_sql(&string.text) && !source.is_test_line(string.line) && !is_test_file(path) {
                let mend = "SQL stands in the store crate or in a file store.rs".to_owned();
                findings.push(Finding::new(path, string.line, "sql", mend));
            }
        }
    }
    findings
}

fn is_driver(path: &str) -> bool {
    DRIVERS.iter().any(|driver| path.starts_with(driver))
}

/// A file that holds only tests, examples or measurements.
pub(crate) fn is_test_file(path: &str) -> bool {
    let folders = ["/tests/", "/examples/", "/benches/"];
    path.ends_with("/tests.rs")
        || path.starts_with("tests/")
        || folders.iter().any(|folder| path.contains(folder))
}

fn owned(path: &str, source: &Source, findings: &mut Vec<Finding>) {
    // The runtime's own clock stands still in tests, so it may be read directly.
    let virtual_time =
        imports_instant(source, "tokio::time") && !imports_instant(source, "std::time");
    for rule in &OWNED {
        if rule.owners.iter().any(|owner| path.starts_with(owner)) {
            continue;
        }
        if rule.free_in_tests && (is_driver(path) || is_test_file(path)) {
            continue;
        }
        for (line, code) in source.lines() {
            if rule.free_in_tests && source.is_test_line(line) {
                continue;
            }
            let found = rule.marks.iter().find(|mark| has_word(code, mark));
            if let Some(mark) = found.filter(|mark| **mark != "Instant::now" || !virtual_time) {
                let message = format!("`{mark}` outside its owners: {}", rule.mend);
                findings.push(Finding::new(path, line, rule.rule, message));
            }
        }
    }
}

/// Whether a `use` line brings `Instant` from a module.
fn imports_instant(source: &Source, module: &str) -> bool {
    source.code.split(';').any(|statement| {
        statement.trim_start().starts_with("use ")
            && statement.contains(module)
            && statement.contains("Instant")
    })
}

/// Whether `mark` occurs and is not a part of a longer name.
fn has_word(code: &str, mark: &str) -> bool {
    let continues = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let open_end = mark.ends_with([':', '(']);
    code.match_indices(mark).any(|(at, _)| {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        let after = code.get(at + mark.len()..).and_then(|after| after.chars().next());
        !continues(before) && (open_end || !continues(after))
    })
}

fn names(path: &str, source: &Source, findings: &mut Vec<Finding>) {
    let mut refuse = |line: usize, name: &str| {
        let message = format!("the name `{name}` says nothing: name what it holds or does");
        findings.push(Finding::new(path, line, "name", message));
    };
    for part in path.trim_end_matches(".rs").split('/') {
        if is_empty_word(part) {
            refuse(1, part);
        }
    }
    for (line, code) in source.lines() {
        for (keyword, name) in declared(code) {
            let bad = match keyword {
                "mod" => is_empty_word(name),
                "fn" => is_empty_word(name) || ends_in_empty_word(&name.to_lowercase(), "_"),
                _ => ends_in_empty_word(name, ""),
            };
            if bad {
                refuse(line, name);
            }
        }
    }
}

/// The names a line declares, each with its keyword.
fn declared(code: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut words =
        code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    std::iter::from_fn(move || {
        loop {
            let keyword = words.next()?;
            if matches!(keyword, "mod" | "fn" | "struct" | "enum" | "trait" | "type" | "union") {
                return Some((keyword, words.next()?));
            }
        }
    })
}

fn is_empty_word(name: &str) -> bool {
    let name = name.to_lowercase();
    EMPTY_WORDS.iter().any(|word| name == *word || name.strip_suffix('s') == Some(word))
}

/// Whether the last word of a name is empty: `RoomManager`, `read_helper`.
fn ends_in_empty_word(name: &str, separator: &str) -> bool {
    let singular = name.strip_suffix('s').unwrap_or(name);
    EMPTY_WORDS.iter().any(|word| {
        let mut word = (*word).to_owned();
        if separator.is_empty() {
            // The last word of a type starts with a capital.
            word.get_mut(..1).map(str::make_ascii_uppercase).unwrap_or_default();
        }
        singular.ends_with(&format!("{separator}{word}"))
    })
}

fn todo(path: &str, comment: &Piece, findings: &mut Vec<Finding>) {
    for (index, line) in comment.text.lines().enumerate() {
        let words = line.split(|c: char| !c.is_alphanumeric() && !matches!(c, '(' | '#' | ')'));
        for word in words {
            let unowned = matches!(word, "FIXME" | "XXX" | "HACK")
                || (word.starts_with("TODO") && !names_issue(word));
            if unowned {
                let message = format!("`{word}`: write TODO(#issue), or do it");
                findings.push(Finding::new(path, comment.line + index, "todo", message));
            }
        }
    }
}

/// `TODO(#123)`.
fn names_issue(word: &str) -> bool {
    let number = word.strip_prefix("TODO(#").and_then(|rest| rest.strip_suffix(')'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a string literal is an SQL statement.
fn is_sql(text: &str) -> bool {
    let text = text.trim_start().to_lowercase();
    let has = |word: &str| text.split_whitespace().any(|found| found == word);
    let starts = |head: &str| text.starts_with(head);
    (starts("select ") && has("from"))
        || (starts("update ") && has("set"))
        || ["insert into ", "insert or ", "delete from ", "drop table ", "alter table "]
            .iter()
            .any(|head| starts(head))
        || ["create table ", "create index ", "create unique ", "pragma ", "begin immediate"]
            .iter()
            .any(|head| starts(head))
}

/// Paths of the machine a file was written on, in any tracked text file.
pub(crate) fn machine_paths(path: &str, text: &str) -> Vec<Finding> {
    // Written in halves so that this file passes its own rule.
    let marks = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for mark in marks {
            let found = line.match_indices(mark).any(|(at, _)| {
                let before = line.get(..at).and_then(|before| before.chars().next_back());
                !before.is_some_and(|c| c.is_alphanumeric() || "._-*}".contains(c))
            });
            if found {
                let message = format!("`{mark}…` exists on one machine only: use a relative path");
                findings.push(Finding::new(path, index + 1, "path", message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(usize, &'static str)> {
        let findings = check(path, text, &Source::new(text));
        findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    const FILE: &str = "crates/xmpp/src/c2s.rs";

    #[test]
    fn a_file_says_what_it_is() {
        assert_eq!(rules(FILE, "fn a() {}"), [(1, "doc")]);
        assert_eq!(rules(FILE, "//! What it is.\nfn a() {}"), []);
    }

    #[test]
    fn clock_randomness_and_spawning_have_owners() {
        for (code, rule) in [
            ("let a = Instant::now();", "clock"),
            ("let a = std::time::SystemTime::now();", "clock"),
            ("getrandom::fill(&mut a);", "randomness"),
            ("let a = rand::random();", "randomness"),
            ("tokio::spawn(a());", "spawn"),
            ("tokio::task::spawn(a());", "spawn"),
        ] {
            let text = format!("//! x\nfn a() {{ {code} }}");
            assert_eq!(rules(FILE, &text), [(2, rule)], "{code}");
            let test = format!("//! x\n#[cfg(test)]\nmod tests {{ fn a() {{ {code} }} }}");
            assert_eq!(rules(FILE, &test), [], "{code} in a test");
            assert_eq!(rules("bench/src/main.rs", &text), [], "{code} in the bench");
            let told = format!("//! x\n// {code}\nfn a() {{ \"{code}\"; }}");
            assert_eq!(rules(FILE, &told), [], "{code} in a comment or string");
        }
        for code in ["operand::b();", "tokio::task::spawn_blocking(a);"] {
            let text = format!("//! x\nfn a() {{ {code} }}");
            assert_eq!(rules(FILE, &text), [], "{code} is a longer name");
        }
        let paused = "//! x\nuse tokio::time::{Instant, Sleep};\nfn a() { Instant::now(); }";
        assert_eq!(rules(FILE, paused), [], "tokio's clock stands still in tests");
        let both = paused.replace("use tokio", "use std::time::Instant as Real;\nuse tokio");
        assert_eq!(rules(FILE, &both), [(4, "clock")]);
        let spawn = "//! x\nfn a() { tokio::spawn(a()); }";
        assert_eq!(rules("crates/kernel/src/tasks.rs", spawn), []);
    }

    #[test]
    fn allow_is_refused_even_in_tests() {
        assert_eq!(rules(FILE, "//! x\n#[allow(dead_code)]\nfn a() {}"), [(2, "allow")]);
        let test = "//! x\n#[cfg(test)]\nmod tests {\n#![allow(dead_code)]\n}";
        assert_eq!(rules(FILE, test), [(4, "allow")]);
    }

    #[test]
    fn names_that_say_nothing_are_refused() {
        assert_eq!(rules("crates/xmpp/src/utils.rs", "//! x\n"), [(1, "name")]);
        assert_eq!(rules("crates/common/src/lib.rs", "//! x\n"), [(1, "name")]);
        for code in ["mod helper;", "struct RoomManager;", "fn read_helper() {}", "enum Misc {}"] {
            assert_eq!(rules(FILE, &format!("//! x\n{code}")), [(2, "name")], "{code}");
        }
        for code in ["fn common_prefix() {}", "struct Commonality;", "let manager = 1;"] {
            assert_eq!(rules(FILE, &format!("//! x\n{code}")), [], "{code}");
        }
    }

    #[test]
    fn a_todo_names_its_issue() {
        assert_eq!(rules(FILE, "//! x\n// TODO: later"), [(2, "todo")]);
        assert_eq!(rules(FILE, "//! x\n/* a\n FIXME b */"), [(3, "todo")]);
        assert_eq!(rules(FILE, "//! x\n// TODO(#12): later"), []);
        assert_eq!(rules(FILE, "//! x\nconst A: &str = \"TODO\";"), []);
    }

    #[test]
    fn sql_stays_in_the_store() {
        let text = "//! x\nconst A: &str = \"SELECT a FROM b\";";
        assert_eq!(rules(FILE, text), [(2, "sql")]);
        assert_eq!(rules("crates/modules/src/last/store.rs", text), []);
        assert_eq!(rules("crates/store/src/users.rs", text), []);
        assert_eq!(rules(FILE, "//! x\nconst A: &str = \"select a stanza\";"), []);
    }

    #[test]
    fn machine_paths_are_refused_in_any_file() {
        let mark = concat!("/wo", "rk/");
        assert_eq!(machine_paths("README.md", &format!("a\nsee {mark}main")).len(), 1);
        assert_eq!(machine_paths("README.md", &format!("see ./frame{mark}main")), []);
    }
}
