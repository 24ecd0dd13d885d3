//! The way from a file to a [`Config`]: read, include, macros, old spellings, keywords, checks.

use std::path::{Path, PathBuf};

use crate::assemble;
use crate::config::Config;
use crate::include::Includer;
use crate::keywords::{self, Budget};
use crate::legacy;
use crate::problem::{Note, Problem, Problems};
use crate::source::Sources;

/// Where the settings come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file; its directory is where relative includes are looked for.
    File(PathBuf),
    /// A text under a name for messages.
    Text {
        /// Shown in messages.
        name: String,
        /// The YAML text.
        text: String,
    },
}

/// Whether files named in options are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileChecks {
    /// Files and directories that must exist are opened, as the server itself will.
    Disk,
    /// Nothing but the settings is read: for tests and for checking the settings of another machine.
    Skip,
}

/// What the settings may refer to and cannot know themselves.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The environment, of which `EJABBERD_MACRO_*` is used.
    pub env: Vec<(String, String)>,
    /// `@HOME@`: home directory of the user that runs the server.
    pub home: PathBuf,
    /// `@CONFIG_PATH@`: directory of the configuration.
    pub config_path: PathBuf,
    /// `@LOG_PATH@`: directory of the logs.
    pub log_path: PathBuf,
    /// `@DATABASE_PATH@`: spool directory.
    pub database_path: PathBuf,
    /// `@VERSION@`: version of the server.
    pub version: String,
    /// Whether files named in options are looked at.
    pub files: FileChecks,
}

impl Default for Inputs {
    /// No environment, everything in the current directory, no file is looked at.
    fn default() -> Self {
        let here = || Path::new(".").to_path_buf();
        Self {
            env: Vec::new(),
            home: here(),
            config_path: here(),
            log_path: here(),
            database_path: here(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            files: FileChecks::Skip,
        }
    }
}

/// An accepted configuration.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked configuration.
    pub config: Config,
    /// What the operator should know although it was accepted.
    pub notes: Vec<Note>,
    /// The texts read, to show places in.
    pub sources: Sources,
}

/// Reads and checks settings.
///
/// # Errors
/// Everything that is wrong, up to [`PROBLEMS_MAX`](crate::PROBLEMS_MAX) problems.
pub fn load(source: &Source, inputs: &Inputs) -> Result<Loaded, Problems> {
    let mut sources = Sources::none();
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    let mut budget = Budget::default();
    let mut includer = Includer::new(&mut sources, &mut problems, &mut notes);
    let entries = match source {
        Source::File(path) => includer.file(path, None),
        Source::Text { name, text } => includer.text(name, text, &inputs.config_path),
    };
    if !problems.is_empty() {
        // Half a file would only add problems that are none.
        return Err(all(problems, sources));
    }
    let entries = keywords::apply_macros(
        entries,
        &inputs.env,
        &mut sources,
        &mut budget,
        &mut problems,
        &mut notes,
    );
    let entries = legacy::rewrite(entries, &mut notes);
    let config = assemble::config(entries, inputs, budget, &mut problems, &mut notes);
    match problems.is_empty() {
        true => Ok(Loaded { config, notes, sources }),
        false => Err(all(problems, sources)),
    }
}

fn all(mut found: Vec<Problem>, sources: Sources) -> Problems {
    found.sort_by_key(|problem| (problem.pos().is_built_in(), problem.pos()));
    let mut problems = Problems::new(sources);
    problems.extend(found);
    problems
}
