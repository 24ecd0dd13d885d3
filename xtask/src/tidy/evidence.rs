//! The tests that `docs/attacks.md` names exist: what is promised there is tried.

use super::Finding;

const MAP: &str = "docs/attacks.md";

/// Every `` `path::test` `` and `` `path` `` of a table row has to lead to something.
pub(super) fn check(files: &[(String, String)]) -> Vec<Finding> {
    let Some((_, map)) = files.iter().find(|(path, _)| path == MAP) else { return Vec::new() };
    let mut findings = Vec::new();
    for (number, line) in map.lines().enumerate().filter(|(_, line)| line.starts_with("| ")) {
        let quoted = line.split('`').skip(1).step_by(2);
        for named in quoted.filter(|named| named.contains('/')) {
            if let Some(wrong) = fault(files, named) {
                findings.push(Finding::new(MAP, number + 1, "evidence", wrong));
            }
        }
    }
    findings
}

fn fault(files: &[(String, String)], named: &str) -> Option<String> {
    let (path, test) = named.split_once("::").unwrap_or((named, ""));
    let Some((_, text)) = files.iter().find(|(file, _)| file == path) else {
        return Some(format!("there is no {path}"));
    };
    let is_there = test.is_empty()
        || ["fn ", "def "].iter().any(|word| text.contains(&format!("{word}{test}(")));
    (!is_there).then(|| format!("{path} has no test {test}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_nowhere_is_found() {
        let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let map = "`a/none.rs`\n| x | `a/b.rs::one` `a/b.rs::two` `a/c.py::test_x`; `words` |\n| y | `a/none.rs` |\n";
        let files = [
            file(MAP, map),
            file("a/b.rs", "async fn one() {}\n// two"),
            file("a/c.py", "def test_x(lab):"),
        ];
        let found: Vec<_> = check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/attacks.md:2: [evidence] a/b.rs has no test two",
                "docs/attacks.md:3: [evidence] there is no a/none.rs"
            ]
        );
    }
}
