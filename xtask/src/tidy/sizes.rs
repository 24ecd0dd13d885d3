//! Length of functions and files, and the ratchet that lets today's exceptions only shrink.

use std::collections::BTreeMap;

use super::Finding;
use super::source::{Source, item_end, line_of};

/// Longest function, in lines from `fn` to its closing brace.
pub(crate) const FUNCTION_LINES_MAX: usize = 70;
/// Longest file, in lines.
pub(crate) const FILE_LINES_MAX: usize = 600;
/// The file that lists the exceptions.
pub(crate) const RATCHET: &str = "xtask/ratchet.txt";

/// Something that is too long: what it is (as the ratchet writes it), where, how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    pub(crate) key: String,
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
    pub(crate) lines_max: usize,
}

/// Every function of a file: name, first line, number of lines.
pub(crate) fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = code.get(at + 3..).unwrap_or_default().trim_start();
        let name: String =
            rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '#')).collect();
        if name.is_empty() {
            continue; // A function type, `fn(u8)` written with a blank.
        }
        if let Some(end) = item_end(code, at) {
            let (first, last) = (line_of(code, at), line_of(code, end));
            found.push((name, first, last - first + 1));
        }
    }
    found
}

/// What is too long in a file.
pub(crate) fn excesses(path: &str, text: &str, source: &Source) -> Vec<Excess> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        let key = format!("file {path}");
        found.push(Excess { key, path: path.into(), line: 1, lines, lines_max: FILE_LINES_MAX });
    }
    for (name, line, lines) in functions(&source.code) {
        if lines > FUNCTION_LINES_MAX {
            let key = format!("function {path} {name}");
            let lines_max = FUNCTION_LINES_MAX;
            found.push(Excess { key, path: path.into(), line, lines, lines_max });
        }
    }
    found
}

/// The exceptions of a ratchet file: key and exact number of lines, with the line they stand on.
pub(crate) fn read_ratchet(text: &str) -> BTreeMap<String, (usize, usize)> {
    let entries = text.lines().enumerate().filter_map(|(index, line)| {
        let (key, number) = line.trim().rsplit_once(' ')?;
        (!key.starts_with('#')).then_some((key.to_owned(), (number.parse().ok()?, index + 1)))
    });
    entries.collect()
}

/// Compares what is too long with the ratchet, and the ratchet with the one committed before.
pub(crate) fn check(found: &[Excess], ratchet: &str, before: Option<&str>) -> Vec<Finding> {
    let allowed = read_ratchet(ratchet);
    let mut findings = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for excess in found {
        // Two functions of one name in one file share an exception: the longer one counts.
        let longest = seen.entry(&excess.key).or_default();
        *longest = (*longest).max(excess.lines);
        let limit = allowed.get(&excess.key).map_or(excess.lines_max, |(lines, _)| *lines);
        if excess.lines > limit {
            findings.push(Finding::new(
                &excess.path,
                excess.line,
                "length",
                format!("{} lines, at most {limit}: split it", excess.lines),
            ));
        }
    }
    for (key, (lines, line)) in &allowed {
        let mend = match seen.get(key.as_str()) {
            None => "is not too long any more: remove this line".to_owned(),
            Some(actual) if actual < lines => format!("is {actual} lines now: lower the number"),
            Some(_) => continue,
        };
        findings.push(Finding::new(RATCHET, *line, "ratchet", format!("`{key}` {mend}")));
    }
    if let Some(before) = before {
        let before = read_ratchet(before);
        for (key, (lines, line)) in &allowed {
            if before.get(key).is_none_or(|(earlier, _)| earlier < lines) {
                let mend = format!("`{key}`: exceptions only shrink: split it instead");
                findings.push(Finding::new(RATCHET, *line, "ratchet", mend));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long_function(lines: usize) -> String {
        format!("//! x\nfn long() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    fn found(text: &str) -> Vec<Excess> {
        excesses("a.rs", text, &Source::new(text))
    }

    #[test]
    fn functions_are_measured_by_their_braces() {
        let code = Source::new(
            "impl A {\n fn a(x: [u8; 2]) -> B {\n  if c { d(\"}\") }\n }\n}\ntrait T {\n fn b();\n}\ntype F = fn (u8);\n",
        );
        assert_eq!(functions(&code.code), [("a".into(), 2, 3), ("b".into(), 7, 1)]);
    }

    #[test]
    fn a_function_of_71_lines_is_too_long() {
        assert_eq!(found(&long_function(70)), []);
        let findings = check(&found(&long_function(71)), "", None);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].line, findings[0].rule), (2, "length"));
    }

    #[test]
    fn a_file_of_601_lines_is_too_long() {
        let text = "//! x\n".repeat(601);
        assert_eq!(check(&found(&text), "", None).len(), 1);
        assert_eq!(check(&found(&"//! x\n".repeat(600)), "", None), []);
    }

    #[test]
    fn the_ratchet_allows_exactly_and_only_shrinks() {
        let found = found(&long_function(80));
        assert_eq!(check(&found, "function a.rs long 80\n", None), []);
        assert_eq!(check(&found, "function a.rs long 79\n", None).len(), 1);
        assert_eq!(check(&found, "function a.rs long 81\n", None).len(), 1, "must be lowered");
        assert_eq!(check(&[], "function a.rs long 80\n", None).len(), 1, "must be removed");
        let line = "function a.rs long 80\n";
        assert_eq!(check(&found, line, Some("# nothing\n")).len(), 1, "new exception");
        assert_eq!(check(&found, line, Some("function a.rs long 75\n")).len(), 1, "raised");
        assert_eq!(check(&found, line, Some("function a.rs long 85\n")), []);
    }
}
