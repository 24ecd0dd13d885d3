//! What a migration did, what it left out, and why it ended.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use store::StoreError;

/// Different things that are counted apart; a hostile file could invent any number.
const KINDS_MAX: usize = 200;

/// Why a migration ended early.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The content of a file is not what it should be.
    #[error("{}: {what}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where and what.
        what: String,
    },
    /// Something that was asked for does not exist.
    #[error("{0}")]
    Unknown(String),
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

impl MigrateError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn format(path: &Path, what: impl fmt::Display) -> Self {
        Self::Format { path: path.to_owned(), what: what.to_string() }
    }
}

/// What was read, by kind, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was stored.
    pub stored: BTreeMap<String, u64>,
    /// What was left out, with the reason in its name.
    pub skipped: BTreeMap<String, u64>,
}

impl Report {
    pub(crate) fn stored(&mut self, what: &str) {
        count(&mut self.stored, what);
    }

    pub(crate) fn skipped(&mut self, what: &str) {
        count(&mut self.skipped, what);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, what: &str) {
    if counts.len() >= KINDS_MAX && !counts.contains_key(what) {
        return count(counts, "others");
    }
    *counts.entry(what.to_owned()).or_default() += 1;
}

impl fmt::Display for Report {
    /// One line for what was stored, and one for each thing left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: Vec<String> =
            self.stored.iter().map(|(what, number)| format!("{what}: {number}")).collect();
        write!(
            f,
            "Stored {}",
            if list.is_empty() { "nothing".to_owned() } else { list.join(", ") }
        )?;
        self.skipped.iter().try_for_each(|(what, number)| write!(f, "\nSkipped {what}: {number}"))
    }
}
