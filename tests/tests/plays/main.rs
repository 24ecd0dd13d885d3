//! Runs every play of the project as a test of its own name: `*.play` beside the modules and in `tests/plays`.
//!
//! `cargo test -p tests --test plays [part of a name ...]`; `--list` prints the names. With `SUBJECT=ejabberd` in the
//! environment the same plays run against Debian's ejabberd instead, in real time.

mod differences;
mod ejabberd;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use testkit::play::{self, Play, PlayError};

/// A play and its path below the project's folder, by which it is known.
struct Named {
    name: String,
    play: Play,
}

/// What became of a play.
#[derive(Debug, Clone)]
enum Verdict {
    Passed,
    /// It cannot run against this subject; the reason.
    NotForThisSubject(String),
    Failed(PlayError),
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
    let subject = std::env::var("SUBJECT").unwrap_or_default();
    let (passed, problems) = match (subject.as_str(), read_all(files)) {
        ("" | "rookery", plays) => against_rookery(plays),
        ("ejabberd", Ok(plays)) => ejabberd::run(&root, &plays, wanted.is_empty()),
        ("ejabberd", Err(problems)) => (0, problems),
        (other, _) => {
            (0, vec![format!("SUBJECT is {other:?}; there are `rookery` and `ejabberd`")])
        }
    };
    for problem in &problems {
        say(&format!("\n{problem}"));
    }
    // No play at all means that they were not found, not that all is well; a filter may leave none.
    match problems.is_empty() && (passed > 0 || !wanted.is_empty()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Reads the plays; what is none is a problem.
fn read_all(files: Vec<(String, PathBuf)>) -> Result<Vec<Named>, Vec<String>> {
    let (mut plays, mut problems) = (Vec::new(), Vec::new());
    for (name, file) in files {
        let read = std::fs::read_to_string(&file)
            .map_err(|error| format!("{name}: {error}"))
            .and_then(|text| Play::parse(&file, &text).map_err(|error| error.to_string()));
        match read {
            Ok(play) => plays.push(Named { name, play }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(plays) } else { Err(problems) }
}

/// Every play in a server of this process; how many passed, and what failed.
fn against_rookery(plays: Result<Vec<Named>, Vec<String>>) -> (usize, Vec<String>) {
    let plays = match plays {
        Ok(plays) => plays,
        Err(problems) => return (0, problems),
    };
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    let verdicts = run_all(&plays, threads, |_, play| match testkit::run(play::run(play)) {
        Ok(()) => Verdict::Passed,
        Err(error) => Verdict::Failed(error),
    });
    let problems: Vec<String> = verdicts
        .iter()
        .filter_map(|verdict| match verdict {
            Verdict::Failed(error) => Some(error.to_string()),
            Verdict::Passed | Verdict::NotForThisSubject(_) => None,
        })
        .collect();
    let passed = verdicts.len() - problems.len();
    let millis = began.elapsed().as_millis();
    say(&format!("\n{passed} plays passed, {} failed, in {millis} ms", problems.len()));
    (passed, problems)
}

/// Runs plays on several threads; the verdicts are in the order of the plays.
fn run_all(
    plays: &[Named],
    threads: usize,
    run: impl Fn(usize, &Play) -> Verdict + Sync,
) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut verdicts = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(Named { name, play }) = plays.get(place) else { return verdicts };
            let began = Instant::now();
            let run = std::panic::AssertUnwindSafe(|| run(place, play));
            let verdict = std::panic::catch_unwind(run).unwrap_or_else(|_| {
                let file = play.file.clone();
                Verdict::Failed(PlayError { file, line: 1, text: "panicked".to_owned() })
            });
            let word = match &verdict {
                Verdict::Passed => "ok",
                Verdict::NotForThisSubject(_) => "not for this subject",
                Verdict::Failed(_) => "FAILED",
            };
            if !matches!(verdict, Verdict::NotForThisSubject(_)) {
                say(&format!("play {name} ... {word} ({} ms)", began.elapsed().as_millis()));
            }
            verdicts.push((place, verdict));
        }
    };
    let mut verdicts: Vec<(usize, Verdict)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    verdicts.sort_by_key(|(place, _)| *place);
    verdicts.into_iter().map(|(_, verdict)| verdict).collect()
}

fn say(line: &str) {
    // A closed terminal is no reason to stop a test run.
    drop(writeln!(std::io::stdout(), "{line}"));
}
