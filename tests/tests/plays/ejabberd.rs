//! Debian's ejabberd as the subject of the plays: one server for all whose settings a virtual host can have, and one
//! more for each set of global settings.

mod configuration;
mod process;

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use testkit::play::{self, Place, PlayError};

use self::process::Process;
use super::differences::{self, Differences};
use super::{Named, Verdict, run_all, say};

/// The list of differences.
const DIFFERENCES: &str = "tests/plays/ejabberd.txt";

/// Plays at the same time: they mostly wait.
const THREADS: usize = 12;

/// A group's server once it was needed, or why it does not run.
type Running = OnceLock<Result<Process, String>>;

/// Runs plays against ejabberd; how many were as expected, and what was not. `all`: no play is left out.
pub(super) fn run(root: &Path, plays: &[Named], all: bool) -> (usize, Vec<String>) {
    let began = Instant::now();
    let prepared = differences::read(&root.join(DIFFERENCES))
        .and_then(|differences| Ok((differences, process::installed()?)));
    let (differences, ejabberd) = match prepared {
        Ok(prepared) => prepared,
        Err(problem) => return (0, vec![problem]),
    };
    let refusals: Vec<Option<String>> = plays
        .iter()
        .map(|Named { name, play }| {
            differences::kept_out(&differences, name).or_else(|| Place::refuses(play))
        })
        .collect();
    let groups = match configuration::groups(plays, &refusals, &ejabberd) {
        Ok(groups) => groups,
        Err(problem) => return (0, vec![problem]),
    };
    let servers: Vec<Running> = groups.iter().map(|_| OnceLock::new()).collect();
    let verdicts = run_all(plays, THREADS, |number, play| {
        if let Some(reason) = refusals.get(number).cloned().flatten() {
            return Verdict::NotForThisSubject(reason);
        }
        let mut all = groups.iter().zip(&servers);
        let found =
            all.find_map(|(group, server)| Some((group, server, group.places.get(&number)?)));
        let (group, server, place) = found.expect("every play that is not refused has a place");
        let started = server.get_or_init(|| Process::start(&ejabberd, group));
        let result = match started {
            Ok(_) => testkit::run_in_real_time(play::run_at(place, play)),
            Err(why) => Err(PlayError {
                file: play.file.clone(),
                line: 1,
                text: format!("ejabberd does not start: {why}"),
            }),
        };
        result.map_or_else(Verdict::Failed, |()| Verdict::Passed)
    });
    drop(servers);
    let mut problems: Vec<String> = plays
        .iter()
        .zip(&verdicts)
        .filter_map(|(play, verdict)| differences::problem(&differences, &play.name, verdict))
        .collect();
    if all {
        problems.extend(differences::orphans(&differences, plays));
    }
    let passed = report(plays, &verdicts, &differences);
    say(&format!("{} servers, {} ms", groups.len(), began.elapsed().as_millis()));
    (passed, problems)
}

/// Says what became of the plays; how many are alike.
fn report(plays: &[Named], verdicts: &[Verdict], differences: &Differences) -> usize {
    let (mut alike, mut other, mut kept) = (0, Vec::new(), Vec::new());
    for (Named { name, .. }, verdict) in plays.iter().zip(verdicts) {
        match verdict {
            Verdict::Passed => alike += 1,
            Verdict::Failed(error) => {
                let reason = differences::reason(differences, name);
                other.push(format!("  {name}:{}: {reason}", error.line));
            }
            Verdict::NotForThisSubject(reason) => kept.push(format!("  {name}: {reason}")),
        }
    }
    say(&format!("\nnot for this subject: {}", kept.len()));
    kept.iter().for_each(|line| say(line));
    say(&format!("other than Rookery: {}", other.len()));
    other.iter().for_each(|line| say(line));
    say(&format!("alike: {alike}"));
    alike
}
