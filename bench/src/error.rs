//! The one error type of the benchmark: what failed, on which subject or file, and how to mend it.

use std::path::{Path, PathBuf};

/// Why a measurement could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path, address or process.
        what: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// TLS could not be set up or broke.
    #[error("TLS with {peer}: {source}")]
    Tls {
        /// The other end.
        peer: String,
        /// What rustls said.
        source: rustls::Error,
    },
    /// A server answered something that the client of the benchmark did not expect.
    #[error("{peer} answered unexpectedly while {doing}: {answer}")]
    Protocol {
        /// The other end.
        peer: String,
        /// The step of the negotiation.
        doing: &'static str,
        /// The start of the answer.
        answer: String,
    },
    /// A server did not start or a command of it failed.
    #[error("{subject} failed to {doing}; its output is in {}:\n{tail}", log.display())]
    Subject {
        /// Name of the server.
        subject: &'static str,
        /// What it should have done.
        doing: String,
        /// File with the output.
        log: PathBuf,
        /// The last lines of that file.
        tail: String,
    },
    /// The command line or the machine does not allow the run.
    #[error("{0}")]
    Usage(String),
}

/// Adds to an operating system error what was being done.
pub(crate) trait Doing<T> {
    /// Wraps the error with `what`, which is only built in case of failure.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, BenchError>;
}

impl<T, E: Into<std::io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, BenchError> {
        self.map_err(|source| BenchError::Io { what: what(), source: source.into() })
    }
}

/// The failure of a subject, with the last lines of its output.
pub(crate) fn subject_failed(subject: &'static str, doing: &str, log: &Path) -> BenchError {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(15)..].join("\n");
    BenchError::Subject { subject, doing: doing.to_owned(), log: log.to_owned(), tail }
}
