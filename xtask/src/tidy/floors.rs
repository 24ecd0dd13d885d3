//! Floors: a crate uses lower floors only, read from `[package.metadata] floor`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Finding;

/// On this floor crates may use each other, in this order: each only those before it.
const ORDERED_FLOOR: u64 = 2;
const ORDER: [&str; 8] =
    ["settings", "observe", "netio", "store", "access", "accounts", "cluster", "httpd"];

/// Floors that are words and wire formats: no runtime, no clock, no randomness.
const PURE_FLOOR_MAX: u64 = 1;
const IMPURE: [&str; 8] =
    ["tokio", "rand", "fastrand", "mio", "rustix", "rusqlite", "tracing-subscriber", "getrandom"];
/// Words may wrap the operating system's randomness once, for everybody.
const RANDOMNESS_OWNER: &str = "stdx";

/// Crates that stand outside the building: tests, tools and measurements of the whole.
const OUTSIDE: [&str; 5] = ["tests", "bench", "xtask", "fuzz", "testkit"];

/// A crate of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The manifest, relative to the workspace.
    pub(crate) manifest: PathBuf,
    pub(crate) floor: Option<u64>,
    /// Normal and build dependencies.
    pub(crate) uses: Vec<String>,
    /// Development dependencies.
    pub(crate) tested_with: Vec<String>,
    /// Crate roots, relative to the workspace.
    pub(crate) roots: Vec<PathBuf>,
}

/// Reads the members from the answer of `cargo metadata --no-deps`.
pub(crate) fn members(metadata: &Value, workspace: &Path) -> Vec<Member> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let relative = |value: &Value| {
        let path = Path::new(value.as_str().unwrap_or_default());
        path.strip_prefix(workspace).unwrap_or(path).to_owned()
    };
    let packages = list(&metadata["packages"]);
    let members = packages.iter().map(|package| {
        let mut member = Member {
            name: package["name"].as_str().unwrap_or_default().to_owned(),
            manifest: relative(&package["manifest_path"]),
            floor: package["metadata"]["floor"].as_u64(),
            roots: list(&package["targets"]).iter().map(|it| relative(&it["src_path"])).collect(),
            ..Member::default()
        };
        for dependency in list(&package["dependencies"]) {
            let name = dependency["name"].as_str().unwrap_or_default().to_owned();
            match dependency["kind"].as_str() {
                Some("dev") => member.tested_with.push(name),
                _ => member.uses.push(name),
            }
        }
        member
    });
    members.collect()
}

/// Checks every dependency between members, and what the pure floors use from outside.
pub(crate) fn check(members: &[Member]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members {
        let manifest = member.manifest.to_string_lossy().into_owned();
        let mut refuse = |message: String| {
            findings.push(Finding::new(&manifest, 1, "floor", message));
        };
        let Some(floor) = member.floor else {
            refuse("write `floor` into [package.metadata]; ARCHITECTURE.md has the list".into());
            continue;
        };
        for name in &member.uses {
            if floor <= PURE_FLOOR_MAX && is_impure(&member.name, name) {
                refuse(format!("floor {floor} is pure: it cannot use {name}"));
            }
            let Some(used) = members.iter().find(|other| other.name == *name) else { continue };
            let allowed = used.floor.is_some_and(|lower| is_allowed(member, floor, used, lower));
            if !allowed {
                let lower = used.floor.unwrap_or_default();
                refuse(format!(
                    "floor {floor} cannot use {name} of floor {lower}: move the shared part down"
                ));
            }
        }
        for name in &member.tested_with {
            let Some(used) = members.iter().find(|other| other.name == *name) else { continue };
            let allowed = name == "testkit"
                || used.floor.is_some_and(|lower| is_allowed(member, floor, used, lower));
            if !allowed {
                refuse(format!("tests on floor {floor} cannot use {name}, which stands above"));
            }
        }
    }
    findings
}

fn is_impure(member: &str, dependency: &str) -> bool {
    IMPURE.contains(&dependency) && !(member == RANDOMNESS_OWNER && dependency == "getrandom")
}

fn is_allowed(member: &Member, floor: u64, used: &Member, lower: u64) -> bool {
    if OUTSIDE.contains(&member.name.as_str()) || lower < floor {
        return true;
    }
    let place = |name: &str| ORDER.iter().position(|it| *it == name);
    lower == floor
        && floor == ORDERED_FLOOR
        && matches!((place(&used.name), place(&member.name)), (Some(a), Some(b)) if a < b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, floor: u64, uses: &[&str]) -> Member {
        Member {
            name: name.into(),
            floor: Some(floor),
            uses: uses.iter().map(|name| (*name).into()).collect(),
            ..Member::default()
        }
    }

    fn building(extra: Member) -> Vec<Finding> {
        let mut members = vec![
            member("stdx", 0, &["getrandom"]),
            member("settings", 2, &["stdx"]),
            member("access", 2, &["settings", "stdx"]),
            member("kernel", 3, &["access", "tokio"]),
        ];
        members.push(extra);
        check(&members)
    }

    #[test]
    fn lower_floors_only() {
        assert_eq!(building(member("xmpp", 4, &["kernel", "stdx"])), []);
        assert_eq!(building(member("sasl", 1, &["kernel"])).len(), 1);
        assert_eq!(building(member("other", 3, &["kernel"])).len(), 1, "strangers on one floor");
        assert_eq!(building(member("tests", 3, &["kernel"])), [], "outside the building");
    }

    #[test]
    fn the_second_floor_has_an_order() {
        assert_eq!(building(member("accounts", 2, &["access"])), []);
        assert_eq!(building(member("observe", 2, &["access"])).len(), 1);
        assert_eq!(building(member("stranger", 2, &["settings"])).len(), 1);
    }

    #[test]
    fn words_and_wires_are_pure() {
        assert_eq!(building(member("sasl", 1, &["tokio"])).len(), 1);
        assert_eq!(building(member("sasl", 1, &["getrandom"])).len(), 1);
        assert_eq!(building(member("sasl", 1, &["sha2"])), []);
    }

    #[test]
    fn every_crate_names_its_floor_and_tests_keep_to_it() {
        assert_eq!(building(Member { floor: None, ..member("a", 0, &[]) }).len(), 1);
        let tested =
            |with: &str| Member { tested_with: vec![with.into()], ..member("modules", 1, &[]) };
        assert_eq!(building(tested("kernel")).len(), 1);
        assert_eq!(building(tested("stdx")), []);
    }
}
