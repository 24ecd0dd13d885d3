//! `cargo xtask hot`: names the functions that run in every server, for the linker (`crates/server/build.rs`).
//!
//! Reads what `valgrind --tool=callgrind --demangle=no --compress-strings=no` wrote about runs of a release binary, and
//! the sizes of its functions from `nm`. bench/README.md says how the runs are made.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{fs, str};

/// Bytes of functions that do not run which one more name may bring along for each function that does: what the kernel
/// maps at a touch is no less.
const EXCESS_BYTES_MAX: u64 = 40 * 1024;
/// Bytes that a shared beginning may bring along in place of several names.
const SHARED_EXCESS_BYTES_MAX: u64 = 1024;
/// A shared beginning is at least this long, or it would say nothing.
const SHARED_BYTES_MIN: usize = 16;

const HEAD: &str = "\
# Functions in the order in which the linker places them (build.rs), as patterns of mangled names.
# Written by `cargo xtask hot`: first what every start runs, then what sessions run.
";

/// Size and whether it runs, by pattern.
type Patterns = BTreeMap<String, Size>;

#[derive(Clone, Copy, Default)]
struct Size {
    /// Bytes of all functions of this pattern.
    all: u64,
    /// Bytes and number of those that run.
    runs: u64,
    functions: u64,
}

impl Size {
    fn excess(self) -> u64 {
        self.all - self.runs
    }
}

/// Writes `crates/server/hot.txt`: `traces` of starts, `--`, traces of sessions.
pub(crate) fn write(root: &Path, binary: &str, traces: &[&str]) -> Result<(), String> {
    let sizes = sizes(binary)?;
    let mut groups = traces.split(|word| *word == "--");
    let (start, session) = (groups.next().unwrap_or_default(), groups.next().unwrap_or_default());
    let mut text = HEAD.to_owned();
    let mut placed = HashSet::new();
    for group in [start, session] {
        let ran = ran(group)?;
        let mut patterns = Patterns::new();
        for (name, bytes) in &sizes {
            let size = patterns.entry(pattern(name)).or_default();
            size.all += bytes;
            if ran.contains(name) {
                size.runs += bytes;
                size.functions += 1;
            }
        }
        let hot =
            |size: &Size| size.functions > 0 && size.excess() <= EXCESS_BYTES_MAX * size.functions;
        let mut all: Vec<(&str, u64, bool)> = Vec::new();
        for (name, size) in &patterns {
            if !placed.contains(name) {
                all.push((name, size.all, hot(size)));
            }
        }
        let mut names = Vec::new();
        shorten(&all, 0, &mut names);
        for name in names {
            writeln!(text, "{name}").map_err(|error| error.to_string())?;
        }
        let chosen: Vec<String> =
            all.iter().filter(|(.., hot)| *hot).map(|(name, ..)| (*name).to_owned()).collect();
        placed.extend(chosen);
    }
    let file = root.join("crates/server/hot.txt");
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Bytes of each function of a binary, by mangled name.
fn sizes(binary: &str) -> Result<HashMap<String, u64>, String> {
    let output = Command::new("nm").args(["-S", "--defined-only", binary]).output();
    let output = output.map_err(|error| format!("nm: {error}"))?;
    let mut sizes = HashMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let [_, size, kind, name] = line.split(' ').collect::<Vec<_>>().as_slice()
            && matches!(*kind, "t" | "T" | "w" | "W")
            && let Ok(size) = u64::from_str_radix(size, 16)
        {
            sizes.insert((*name).to_owned(), size);
        }
    }
    if sizes.is_empty() { Err(format!("{binary}: no symbols")) } else { Ok(sizes) }
}

/// The functions that ran, by mangled name.
fn ran(traces: &[&str]) -> Result<HashSet<String>, String> {
    let mut ran = HashSet::new();
    for trace in traces {
        let text = fs::read(trace).map_err(|error| format!("{trace}: {error}"))?;
        let text = String::from_utf8_lossy(&text);
        let names = text.lines().filter_map(|line| line.strip_prefix("fn="));
        // Recursion is counted behind a quote.
        ran.extend(names.map(|name| name.split('\'').next().unwrap_or(name).to_owned()));
    }
    Ok(ran)
}

/// A name as another compilation will have it: without hashes and numbers of copies.
fn pattern(name: &str) -> String {
    if name.starts_with("_ZN") {
        // The last component of a legacy name is `17h`, sixteen digits, `E`.
        return name.rfind("17h").and_then(|at| name.get(..at + 3)).unwrap_or(name).to_owned()
            + "*";
    }
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    // Disambiguators of crates: `Cs`, base 62, `_`.
    let stem = name.split('.').next().unwrap_or(name);
    let mut parts = stem.split("Cs");
    let mut pattern = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('_') {
            Some((digits, rest)) if (9..=12).contains(&digits.len()) => {
                pattern.push_str("Cs*_");
                pattern.push_str(rest);
            }
            _ => {
                pattern.push_str("Cs");
                pattern.push_str(part);
            }
        }
    }
    pattern + "*"
}

/// One name for all of a range that begin alike, where next to nothing else does. The range is sorted, and its names have
/// `depth` bytes in common.
fn shorten(range: &[(&str, u64, bool)], depth: usize, names: &mut Vec<String>) {
    let hot = range.iter().filter(|(.., hot)| *hot).count();
    let (Some(first), Some(last)) = (range.first(), range.last()) else { return };
    if hot == 0 {
        return;
    }
    if range.len() == 1 {
        names.push(first.0.to_owned());
        return;
    }
    let pairs = first.0.bytes().zip(last.0.bytes());
    let alike = pairs.take_while(|(left, right)| left == right).count().max(depth);
    let cold: u64 = range.iter().filter(|(.., hot)| !hot).map(|(_, bytes, _)| bytes).sum();
    let beginning = first.0.get(..alike).unwrap_or_default();
    if hot > 1 && cold <= SHARED_EXCESS_BYTES_MAX && alike >= SHARED_BYTES_MIN {
        names.push(format!("{}*", beginning.trim_end_matches('*')));
        return;
    }
    let next = |name: &str| name.as_bytes().get(alike).copied();
    for part in range.chunk_by(|left, right| next(left.0) == next(right.0)) {
        shorten(part, alike + 1, names);
    }
}
