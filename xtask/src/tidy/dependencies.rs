//! Rules about crates from outside: licence, source, a second TLS stack, duplicate versions.
//!
//! `deny.toml` is the one list of what is allowed; `cargo deny` reads the same file where it is
//! installed and adds the advisories.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;

/// The lists of `deny.toml` that are enforced here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) licences: Vec<String>,
    pub(crate) banned: Vec<String>,
    pub(crate) duplicates: Vec<String>,
    pub(crate) registries: Vec<String>,
}

impl Policy {
    /// Reads the lists; only arrays of strings and of inline tables are understood.
    pub(crate) fn read(text: &str) -> Self {
        let mut policy = Self::default();
        let mut section = String::new();
        let mut key = String::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.to_owned();
                continue;
            }
            let rest = match line.split_once(" = [") {
                Some((name, rest)) if !name.contains('{') => {
                    key = name.to_owned();
                    rest
                }
                _ => line,
            };
            let list = match (section.as_str(), key.as_str()) {
                ("licenses", "allow") => &mut policy.licences,
                ("bans", "deny") => &mut policy.banned,
                ("bans", "skip") => &mut policy.duplicates,
                ("sources", "allow-registry") => &mut policy.registries,
                _ => continue,
            };
            list.extend(values(rest));
            if line.ends_with(']') {
                key.clear();
            }
        }
        policy
    }
}

/// The crate of an inline table, or every string of a plain list.
fn values(text: &str) -> Vec<String> {
    let quoted =
        |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<String>>();
    match text.split_once("crate = ") {
        Some((_, rest)) => quoted(rest).into_iter().take(1).collect(),
        None => quoted(text),
    }
}

/// A crate from outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outsider {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: String,
}

/// Reads `cargo tree --prefix none --format "{p}|{l}"`; our own crates, which have a path, are left
/// out.
pub(crate) fn outsiders(tree: &str) -> BTreeSet<Outsider> {
    let lines = tree.lines().filter_map(|line| {
        let (package, licence) = line.split_once('|')?;
        let mut words = package.split_whitespace();
        let (name, version) = (words.next()?, words.next()?.trim_start_matches('v'));
        let is_ours = words.any(|word| word.starts_with("(/"));
        (!is_ours).then(|| Outsider {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: licence.trim_end_matches(" (*)").to_owned(),
        })
    });
    lines.collect()
}

/// What is built from outside, and the lock file that says where it comes from.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// Everything the workspace builds, tests included.
    pub(crate) built: BTreeSet<Outsider>,
    /// What ends up in the two binaries.
    pub(crate) shipped: BTreeSet<Outsider>,
    pub(crate) lock: String,
}

/// Checks what is built from outside.
pub(crate) fn check(outside: &Outside, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse = |line: usize, rule: &'static str, message: String| {
        findings.push(Finding::new("Cargo.lock", line, rule, message));
    };
    for Outsider { name, version, licence } in &outside.built {
        if policy.banned.contains(name) {
            refuse(1, "ban", format!("{name} is banned: deny.toml says why"));
        }
        if !licence_fits(licence, &policy.licences) {
            let message = format!("{name} {version} has the licence `{licence}`");
            let mend = format!("{message}: choose another crate, or argue in deny.toml");
            refuse(1, "licence", mend);
        }
    }
    for (index, line) in outside.lock.lines().enumerate() {
        let Some(source) = line.strip_prefix("source = ") else { continue };
        let source = source.trim_matches('"');
        if !policy.registries.iter().any(|it| source.strip_prefix("registry+") == Some(it)) {
            refuse(index + 1, "source", format!("a crate comes from {source}: use the registry"));
        }
    }
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for outsider in &outside.shipped {
        versions.entry(&outsider.name).or_default().push(&outsider.version);
    }
    for (name, versions) in versions {
        let unargued = versions.iter().filter(|version| {
            !policy.duplicates.iter().any(|skip| *skip == format!("{name}@{version}"))
        });
        if unargued.count() > 1 {
            let message = format!("{name} is built as {}", versions.join(" and "));
            let mend = format!("{message}: agree on one, or add a reasoned skip to deny.toml");
            refuse(1, "duplicate", mend);
        }
    }
    findings
}

/// Whether the terms of an SPDX expression can be met with the allowed licences.
fn licence_fits(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Expression { words: &words, at: 0, allowed };
    let fits = parser.either();
    fits && parser.at == words.len()
}

struct Expression<'a> {
    words: &'a [&'a str],
    at: usize,
    allowed: &'a [String],
}

impl<'a> Expression<'a> {
    fn next_is(&mut self, word: &str) -> bool {
        let found = self.words.get(self.at) == Some(&word);
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> bool {
        let mut fits = self.both();
        while self.next_is("OR") {
            fits |= self.both();
        }
        fits
    }

    fn both(&mut self) -> bool {
        let mut fits = self.single();
        while self.next_is("AND") {
            fits &= self.single();
        }
        fits
    }

    fn single(&mut self) -> bool {
        if self.next_is("(") {
            let fits = self.either();
            return self.next_is(")") && fits;
        }
        let Some(name) = self.words.get(self.at) else { return false };
        self.at += 1;
        let mut full = (*name).to_owned();
        if self.next_is("WITH") {
            let exception: &'a str = self.words.get(self.at).copied().unwrap_or_default();
            self.at += 1;
            full = format!("{name} WITH {exception}");
        }
        self.allowed.contains(&full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = r#"
[licenses]
allow = [
    "MIT", # the usual one
    "Apache-2.0 WITH LLVM-exception",
]
[bans]
multiple-versions = "deny"
deny = [
    { crate = "openssl", reason = "one TLS stack" },
]
skip = [
    { crate = "base64@0.21.7", reason = "an \"old\" friend" },
]
[sources]
allow-registry = ["https://example.org/index"]
"#;

    fn one(name: &str, version: &str, licence: &str) -> Outsider {
        Outsider { name: name.into(), version: version.into(), licence: licence.into() }
    }

    fn findings(built: &[Outsider]) -> Vec<&'static str> {
        let built: BTreeSet<Outsider> = built.iter().cloned().collect();
        let shipped = built.clone();
        let lock = "source = \"registry+https://example.org/index\"\n".to_owned();
        let outside = Outside { built, shipped, lock };
        check(&outside, &Policy::read(DENY)).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn the_lists_of_deny_toml_are_read() {
        let policy = Policy::read(DENY);
        assert_eq!(policy.licences, ["MIT", "Apache-2.0 WITH LLVM-exception"]);
        assert_eq!(policy.banned, ["openssl"]);
        assert_eq!(policy.duplicates, ["base64@0.21.7"]);
        assert_eq!(policy.registries, ["https://example.org/index"]);
    }

    #[test]
    fn a_foreign_licence_or_a_second_tls_stack_is_found() {
        assert_eq!(findings(&[one("a", "1.0.0", "MIT")]), [""; 0]);
        assert_eq!(findings(&[one("a", "1.0.0", "GPL-3.0")]), ["licence"]);
        assert_eq!(findings(&[one("a", "1.0.0", "")]), ["licence"]);
        assert_eq!(findings(&[one("openssl", "1.0.0", "MIT")]), ["ban"]);
    }

    #[test]
    fn a_foreign_source_is_found_where_it_stands() {
        let lock = "source = \"registry+https://example.org/index\"\nsource = \"git+https://x\"";
        let outside = Outside { lock: lock.into(), ..Outside::default() };
        let found = check(&outside, &Policy::read(DENY));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rule, found[0].line), ("source", 2));
    }

    #[test]
    fn duplicates_need_a_skip() {
        let two = |name: &str| [one(name, "0.21.7", "MIT"), one(name, "0.22.1", "MIT")];
        assert_eq!(findings(&two("itoa")), ["duplicate"]);
        assert_eq!(findings(&two("base64")), [""; 0]);
        let mut outside = Outside { built: two("itoa").into(), ..Outside::default() };
        assert_eq!(check(&outside, &Policy::read(DENY)), [], "only what ships counts");
        outside.shipped = two("itoa").into();
        assert_eq!(check(&outside, &Policy::read(DENY)).len(), 1);
    }

    #[test]
    fn the_tree_of_cargo_is_read() {
        let tree = "server v0.1.0 (/x/server)|MIT\nserde v1.0.1|MIT OR Apache-2.0\nserde v1.0.1|MIT OR Apache-2.0 (*)\nderive v2.0.0 (proc-macro)|MIT\n";
        let read: Vec<Outsider> = outsiders(tree).into_iter().collect();
        assert_eq!(
            read,
            [one("derive", "2.0.0", "MIT"), one("serde", "1.0.1", "MIT OR Apache-2.0")]
        );
    }

    #[test]
    fn licence_expressions_are_weighed() {
        let allowed = ["MIT".to_owned(), "ISC".to_owned(), "A WITH E".to_owned()];
        for fits in ["MIT", "GPL OR MIT", "MIT/GPL", "(GPL OR MIT) AND ISC", "A WITH E"] {
            assert!(licence_fits(fits, &allowed), "{fits}");
        }
        for fails in
            ["", "GPL", "MIT AND GPL", "(MIT", "MIT)", "A", "MIT WITH E", "GPL AND ISC OR A"]
        {
            assert!(!licence_fits(fails, &allowed), "{fails}");
        }
    }
}
