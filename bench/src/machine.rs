//! Facts about the machine, processor affinity, priority, limits, and progress messages.

use std::fs;
use std::io::Write;

use rustix::process::{Resource, Rlimit};
use rustix::thread::CpuSet;

use crate::error::{BenchError, Doing};

/// Writes a line about the progress to standard error.
pub(crate) fn say(line: &str) {
    // Nobody may be reading; the measurement goes on.
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Pins the calling thread, and what it starts, to one processor.
pub(crate) fn pin_to(core: usize) -> Result<(), BenchError> {
    let mut set = CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set).doing(|| format!("use only processor {core}"))
}

/// Sets the priority of the calling thread and of what it starts; 0 leaves it alone.
pub(crate) fn set_nice(nice: i32) -> Result<(), BenchError> {
    if nice == 0 {
        return Ok(());
    }
    rustix::process::setpriority_process(None, nice).doing(|| format!("set the priority to {nice}"))
}

/// Raises the descriptor limit of this process and its children as far as allowed, and returns it.
pub(crate) fn raise_descriptor_limit() -> Result<u64, BenchError> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(Resource::Nofile, raised)
        .doing(|| "raise the descriptor limit".to_owned())?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Number of processors that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// One-minute load average.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(f64::NAN)
}

/// Model of the processor.
pub(crate) fn processor() -> String {
    field_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned())
}

/// Memory of the machine in GiB.
pub(crate) fn memory_gib() -> u64 {
    let kib = field_of("/proc/meminfo", "MemTotal");
    kib.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib.div_ceil(1 << 20))
}

/// Release of the kernel.
pub(crate) fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// Today in UTC as `YYYY-MM-DD` (the civil calendar from days, by eras of 400 years).
pub(crate) fn today() -> String {
    let since = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(since / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn field_of(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_454), (2026, 1, 1));
    }
}
