//! "Did you mean": the nearest known name, and where a known name belongs.

use crate::catalogue::notation::quoted_list;
use crate::catalogue::{self, LISTENERS, MODULES};
use crate::node::Node;
use crate::problem::Problem;

/// Longest wrong name that is compared; a longer one is no misspelling.
const NAME_BYTES_MAX: usize = 80;

/// Adds "did you mean" to a problem when a candidate is near what was written.
pub(crate) fn name(problem: Problem, written: &Node, candidates: &[&str]) -> Problem {
    match nearest(written.as_str().unwrap_or_default(), candidates) {
        Some(candidate) => problem.help(format!("did you mean `{candidate}`?")),
        None => problem,
    }
}

/// The candidate nearest to a written name, when it is near enough to be meant.
pub(crate) fn nearest<'a>(written: &str, candidates: &[&'a str]) -> Option<&'a str> {
    if written.is_empty() || written.len() > NAME_BYTES_MAX {
        return None;
    }
    let written = written.to_ascii_lowercase().replace('-', "_");
    let bound = (written.chars().count() / 3).clamp(1, 4);
    let scored = candidates
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&written, &name.to_ascii_lowercase()), *name));
    scored.filter(|(distance, _)| *distance <= bound).min().map(|(_, name)| name)
}

/// The place of an unknown option, for the hint where it does belong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    Toplevel,
    Module(&'a str),
    Listener(&'a str),
    Field,
}

/// Completes the problem of an unknown option: the nearest name there, or the section it belongs to.
pub(crate) fn option(
    problem: Problem,
    written: &str,
    place: Place<'_>,
    candidates: &[&str],
) -> Problem {
    let problem = problem.alone();
    let is_toplevel = catalogue::toplevel(written).is_some();
    if place != Place::Toplevel && place != Place::Field && is_toplevel {
        return problem
            .help(format!("`{written}` is a top-level option; write it without indentation"));
    }
    if catalogue::module(written).is_some() {
        return problem.help(format!("`{written}` is a module; write it below `modules:`"));
    }
    if let Some(candidate) = nearest(written, candidates) {
        return problem.help(format!("did you mean `{candidate}`?"));
    }
    let modules =
        MODULES.iter().filter(|module| module.option(written).is_some()).map(|module| module.name);
    let listeners = LISTENERS
        .iter()
        .filter(|listener| listener.option(written).is_some())
        .map(|listener| listener.name);
    let mut owners: Vec<&str> = modules.chain(listeners).collect();
    owners.dedup();
    match owners.len() {
        0 => list_candidates(problem, candidates),
        1..=4 => {
            problem.help(format!("`{written}` is an option of {}", quoted_list(&owners, "and")))
        }
        more => {
            owners.truncate(3);
            problem.help(format!(
                "`{written}` is an option of {} and {} more",
                quoted_list(&owners, "and"),
                more - 3
            ))
        }
    }
}

/// Names the known options when there are few.
fn list_candidates(problem: Problem, candidates: &[&str]) -> Problem {
    match candidates.len() {
        0 => problem.help("there are no options here; write `{}`"),
        1..=14 => problem.help(format!("known here: {}", quoted_list(candidates, "and"))),
        _ => problem,
    }
}
