//! Debian's ejabberd as the subject of the plays: one server for all whose settings a virtual host can have, and one
//! more for each set of global settings.

mod configuration;
mod process;

use std::path::Path;
use std::time::Instant;

use testkit::play::{self, Place};

use self::process::{Installed, Process};
use super::differences::{self, Differences};
use super::{Named, Verdict, run_all, say};

/// The list of differences.
const DIFFERENCES: &str = "tests/plays/ejabberd.txt";

/// Plays at the same time: they mostly wait.
const THREADS: usize = 12;

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
    let mut verdicts = match perform(plays, &refusals, &ejabberd, THREADS) {
        Ok(verdicts) => verdicts,
        Err(problem) => return (0, vec![problem]),
    };
    let found = |verdicts: &[Verdict]| -> Vec<Option<String>> {
        let told = plays.iter().zip(verdicts);
        told.map(|(play, verdict)| differences::problem(&differences, &play.name, verdict))
            .collect()
    };
    let unexpected = found(&verdicts);
    if unexpected.iter().any(Option::is_some) {
        // In real time, on a busy machine, a play may go wrong by itself: what is true is true the second time, alone.
        say("\nonce more:");
        let again: Vec<Option<String>> = refusals
            .iter()
            .zip(&unexpected)
            .map(|(refusal, problem)| match problem {
                Some(_) => refusal.clone(),
                None => Some("it was as expected".to_owned()),
            })
            .collect();
        let second = match perform(plays, &again, &ejabberd, 1) {
            Ok(second) => second,
            Err(problem) => return (0, vec![problem]),
        };
        let places = verdicts.iter_mut().zip(second).zip(&unexpected);
        for ((verdict, second), _) in places.filter(|(_, problem)| problem.is_some()) {
            *verdict = second;
        }
    }
    let mut problems: Vec<String> = found(&verdicts).into_iter().flatten().collect();
    if all {
        problems.extend(differences::orphans(&differences, plays));
    }
    let passed = report(plays, &verdicts, &differences);
    say(&format!("{} ms", began.elapsed().as_millis()));
    (passed, problems)
}

/// Runs the plays that nothing keeps out, on servers of their own.
fn perform(
    plays: &[Named],
    refusals: &[Option<String>],
    ejabberd: &Installed,
    threads: usize,
) -> Result<Vec<Verdict>, String> {
    let groups = configuration::groups(plays, refusals, ejabberd)?;
    let servers: Vec<Result<Process, String>> = std::thread::scope(|scope| {
        let starts = groups.iter().map(|group| scope.spawn(|| Process::start(ejabberd, group)));
        let starts: Vec<_> = starts.collect();
        starts.into_iter().map(|start| start.join().expect("a start does not panic")).collect()
    });
    if let Some(why) = servers.iter().find_map(|server| server.as_ref().err()) {
        let hint = "a play with settings that it does not know is kept from it by `path:- reason`";
        return Err(format!("ejabberd does not start; {hint} in {DIFFERENCES}:\n{why}"));
    }
    Ok(run_all(plays, threads, |number, play| {
        if let Some(reason) = refusals.get(number).cloned().flatten() {
            return Verdict::NotForThisSubject(reason);
        }
        let place = groups.iter().find_map(|group| group.places.get(&number));
        let place = place.expect("every play that is not refused has a place");
        let result = testkit::run_in_real_time(play::run_at(place, play));
        result.map_or_else(Verdict::Failed, |()| Verdict::Passed)
    }))
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
