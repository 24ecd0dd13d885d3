//! One command of the control tool, from exec to exit.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::Effort;
use crate::error::{BenchError, Doing};
use crate::results::{Figure, Results, percentile};
use crate::subject::{Kind, Subject};

/// Takes the figures of one round: `register` for new accounts, and `status`, which shows what a call costs at least.
pub(crate) fn round(
    subject: &Subject,
    effort: &Effort,
    round: u32,
    results: &mut Results,
) -> Result<(), BenchError> {
    if !matches!(subject.kind, Kind::Ejabberd | Kind::Rookery) {
        return Ok(());
    }
    let instance = subject.start_for_control()?;
    // The call that finds nothing in memory does not count.
    call(subject, &["status"])?;
    let mut take = |figure, words: &dyn Fn(u32) -> Vec<String>| {
        let mut times = Vec::new();
        for number in 0..effort.calls {
            let words = words(number);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            times.push(call(subject, &words)?);
        }
        times.sort_by(f64::total_cmp);
        results.add(figure, subject.kind, percentile(&times, 0.5));
        Ok::<(), BenchError>(())
    };
    take(Figure::ControlStatus, &|_| vec!["status".to_owned()])?;
    take(Figure::ControlRegister, &|number| {
        let account = format!("r{round}n{number}");
        ["register", &account, crate::client::HOST, "a-password"].map(str::to_owned).to_vec()
    })?;
    instance.stop()
}

/// Milliseconds of one call, which must succeed.
fn call(subject: &Subject, words: &[&str]) -> Result<f64, BenchError> {
    let mut command: Command = subject.control()?;
    command.args(words).stdin(Stdio::null());
    let program = command.get_program().to_owned();
    let begin = Instant::now();
    let output = command.output().doing(|| format!("execute {}", program.display()))?;
    let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
    if output.status.success() {
        return Ok(milliseconds);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Err(BenchError::Usage(format!("{}: `{}` failed: {said}", subject.kind.name(), words.join(" "))))
}
