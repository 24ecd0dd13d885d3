//! Plays: tests in the notation of `PLAYS.md`.

mod parse;
mod pattern;
mod run;
mod stage;

use std::fmt;
use std::path::{Path, PathBuf};

pub use parse::{Action, Deed, Play, Statement};
pub use pattern::Pattern;
pub use run::{run, run_at};
pub use stage::Place;

/// Why a play failed: where, and what came instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PlayError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for PlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.text)
    }
}

/// Every `*.play` in a folder and the folders in it, sorted; a folder that cannot be read has none.
pub fn find(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        match path.is_dir() {
            true => found.extend(find(&path)),
            false if path.extension().is_some_and(|extension| extension == "play") => {
                found.push(path)
            }
            false => {}
        }
    }
    found.sort();
    found
}
