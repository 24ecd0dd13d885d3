//! Where another subject does otherwise than a play says: `tests/plays/ejabberd.txt`, a line for each.
//!
//! `path:line reason` is the line of the play that does not hold there; `path:- reason` keeps a play from it.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Named, Verdict};

/// What is known of one play.
pub(super) struct Difference {
    /// The line that does not hold; without one the play is not run.
    line: Option<usize>,
    reason: String,
}

/// The differences by the play's path.
pub(super) type Differences = BTreeMap<String, Difference>;

/// Reads the list.
///
/// # Errors
/// It cannot be read, or a line is none.
pub(super) fn read(file: &Path) -> Result<Differences, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut found = Differences::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, difference) = entry(line)
            .ok_or_else(|| format!("{}:{number}: not `path:line reason`", file.display()))?;
        if found.insert(name, difference).is_some() {
            return Err(format!("{}:{number}: this play is listed already", file.display()));
        }
    }
    Ok(found)
}

fn entry(line: &str) -> Option<(String, Difference)> {
    let (place, reason) = line.split_once(' ')?;
    let (name, line) = place.rsplit_once(':')?;
    let line = match line {
        "-" => None,
        number => Some(number.parse().ok()?),
    };
    Some((name.to_owned(), Difference { line, reason: reason.trim().to_owned() }))
}

/// Why a play is kept from the subject, if it is.
pub(super) fn kept_out(differences: &Differences, name: &str) -> Option<String> {
    let difference = differences.get(name).filter(|difference| difference.line.is_none())?;
    Some(difference.reason.clone())
}

/// Entries of plays that do not exist (`all` of them are given), which a play moved or deleted left behind.
pub(super) fn orphans(differences: &Differences, all: &[Named]) -> Vec<String> {
    let known = |name: &String| all.iter().any(|play| play.name == *name);
    let orphans = differences.keys().filter(|name| !known(name));
    orphans.map(|name| format!("{name} is in the list of differences, and is no play")).collect()
}

/// What is wrong with a verdict in the light of the list.
pub(super) fn problem(differences: &Differences, name: &str, verdict: &Verdict) -> Option<String> {
    let listed = differences.get(name).and_then(|difference| difference.line);
    match (verdict, listed) {
        (Verdict::Failed(error), Some(line)) if error.line == line => None,
        (Verdict::Failed(error), Some(line)) => {
            Some(format!("{error}\n  the listed difference is in line {line}"))
        }
        (Verdict::Failed(error), None) => Some(format!("{error}\n  this difference is not listed")),
        (Verdict::Passed, Some(line)) => Some(format!(
            "{name}:{line}: the listed difference has vanished; take it out of the list"
        )),
        (Verdict::NotForThisSubject(reason), Some(line)) => Some(format!(
            "{name}:{line}: a difference is listed, but the play is not run: {reason}"
        )),
        (Verdict::Passed | Verdict::NotForThisSubject(_), None) => None,
    }
}

/// The listed reason of a play that failed.
pub(super) fn reason<'a>(differences: &'a Differences, name: &str) -> &'a str {
    differences.get(name).map_or("not listed", |difference| &difference.reason)
}
