//! Runs every play of the project as a test of its own name: `*.play` beside the modules and in `tests/plays`.
//!
//! `cargo test -p tests --test plays [part of a name ...]`; `--list` prints the names.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use testkit::play::{self, Play, PlayError};

/// What became of one play.
struct Outcome {
    name: String,
    failure: Option<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().unwrap_or(here).to_owned();
    let wanted: Vec<&String> =
        arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let mut files: Vec<(String, PathBuf)> = ["crates", "tests/plays"]
        .iter()
        .flat_map(|folder| play::find(&root.join(folder)))
        .map(|file| (file.strip_prefix(&root).unwrap_or(&file).display().to_string(), file))
        .collect();
    files.retain(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(*part)));
    if arguments.iter().any(|argument| argument == "--list") {
        files.iter().for_each(|(name, _)| say(&format!("{name}: test")));
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    let outcomes = run_all(&files);
    let failures: Vec<&Outcome> =
        outcomes.iter().filter(|outcome| outcome.failure.is_some()).collect();
    for outcome in &failures {
        say(&format!("\n{}", outcome.failure.as_deref().unwrap_or_default()));
    }
    let passed = outcomes.len() - failures.len();
    say(&format!(
        "\n{passed} plays passed, {} failed, in {} ms",
        failures.len(),
        began.elapsed().as_millis()
    ));
    // No play at all means that they were not found, not that all is well; a filter may leave none.
    match failures.is_empty() && (passed > 0 || !wanted.is_empty()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn run_all(files: &[(String, PathBuf)]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    let work = || {
        let mut outcomes = Vec::new();
        while let Some((name, file)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let began = Instant::now();
            let result = std::panic::catch_unwind(|| run_one(file));
            let failure = match result {
                Ok(result) => result.err(),
                Err(_) => Some(format!("{name}: panicked")),
            };
            let verdict = if failure.is_none() { "ok" } else { "FAILED" };
            let millis = began.elapsed().as_millis();
            say(&format!("play {name} ... {verdict} ({millis} ms)"));
            outcomes.push(Outcome { name: name.clone(), failure });
        }
        outcomes
    };
    let mut outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    outcomes.sort_by(|one, other| one.name.cmp(&other.name));
    outcomes
}

fn run_one(file: &Path) -> Result<(), String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let words = |error: PlayError| error.to_string();
    let play = Play::parse(file, &text).map_err(words)?;
    testkit::run(play::run(&play)).map_err(words)
}

fn say(line: &str) {
    // A closed terminal is no reason to stop a test run.
    drop(writeln!(std::io::stdout(), "{line}"));
}
