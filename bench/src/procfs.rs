//! Processor time and resident memory of a process with all its threads and descendants, from procfs.

use std::collections::HashMap;
use std::fs;

use crate::error::{BenchError, Doing};

/// Length of the clock tick of `/proc/PID/stat` on Linux, in nanoseconds.
const TICK_NS: u64 = 10_000_000;
/// Where the user time stands in `/proc/PID/stat`, counted from the field behind the command's name.
const STAT_UTIME: usize = 11;

/// Processor time used so far, by process.
#[derive(Debug, Default)]
pub(crate) struct CpuTime(HashMap<u32, ProcessTime>);

/// Processor time of one process.
#[derive(Debug, Default)]
struct ProcessTime {
    /// Nanoseconds on a processor by thread, from `schedstat`: exact, but a thread that ends takes its share with it.
    threads: HashMap<u32, u64>,
    /// Nanoseconds from `stat`, user and system, with ended threads, in steps of a tick. Children are left out: what an
    /// ended one has used all its life would fall into the window in which it ends.
    whole: u64,
}

impl CpuTime {
    /// Nanoseconds from `self` to the later reading `end`.
    pub(crate) fn until(&self, end: &Self) -> u64 {
        let new = ProcessTime::default();
        let used = |(pid, time): (&u32, &ProcessTime)| self.0.get(pid).unwrap_or(&new).until(time);
        end.0.iter().map(used).sum()
    }
}

impl ProcessTime {
    fn until(&self, end: &Self) -> u64 {
        let run = |(tid, ns): (&u32, &u64)| {
            ns.saturating_sub(self.threads.get(tid).copied().unwrap_or(0))
        };
        let exact: u64 = end.threads.iter().map(run).sum();
        let thread_ended = self.threads.keys().any(|tid| !end.threads.contains_key(tid));
        let coarse = end.whole.saturating_sub(self.whole);
        // A thread can also begin and end in between: then the coarse reading is larger by more than its own error.
        if thread_ended || coarse > exact + exact / 20 + 3 * TICK_NS {
            coarse.max(exact)
        } else {
            exact
        }
    }
}

/// Reads the processor time of `root` and its descendants.
pub(crate) fn cpu_time(root: u32) -> Result<CpuTime, BenchError> {
    let processes = descendants(root)?;
    let times = processes.into_iter().map(|pid| (pid, process_time(pid)));
    Ok(CpuTime(times.collect()))
}

fn process_time(pid: u32) -> ProcessTime {
    let mut time = ProcessTime::default();
    for tid in threads(pid) {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")) else {
            continue;
        };
        let ns = text.split_whitespace().next().and_then(|field| field.parse().ok());
        time.threads.insert(tid, ns.unwrap_or(0));
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks = fields.skip(STAT_UTIME).take(2).filter_map(|field| field.parse::<u64>().ok());
    time.whole = ticks.sum::<u64>() * TICK_NS;
    time
}

/// Resident bytes of `root` and its descendants, shared pages counted in each.
pub(crate) fn resident_bytes(root: u32) -> Result<u64, BenchError> {
    let mut sum = 0;
    for pid in descendants(root)? {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).doing(|| format!("read {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        sum += kib.unwrap_or(0) * 1024;
    }
    Ok(sum)
}

fn descendants(root: u32) -> Result<Vec<u32>, BenchError> {
    if !fs::exists(format!("/proc/{root}/stat")).unwrap_or(false) {
        return Err(BenchError::Usage(format!("process {root} has ended during the measurement")));
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        next += 1;
        for tid in threads(pid) {
            let path = format!("/proc/{pid}/task/{tid}/children");
            let children = fs::read_to_string(path).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    Ok(found)
}

fn threads(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_thread_falls_back_to_ticks() {
        let time = |threads: &[(u32, u64)], ticks| ProcessTime {
            threads: threads.iter().copied().collect(),
            whole: ticks * TICK_NS,
        };
        let start = CpuTime(HashMap::from([(1, time(&[(1, 5), (2, 7)], 0))]));
        let same = CpuTime(HashMap::from([
            (1, time(&[(1, 15), (2, 8), (3, 4)], 1)),
            (9, time(&[(9, 100)], 0)),
        ]));
        assert_eq!(start.until(&same), 115);
        let fewer = CpuTime(HashMap::from([(1, time(&[(1, 15)], 2))]));
        assert_eq!(start.until(&fewer), 2 * TICK_NS);
    }

    #[test]
    fn own_process_can_be_read() {
        let own = std::process::id();
        assert!(resident_bytes(own).unwrap() > 100_000);
        assert!(!cpu_time(own).unwrap().0[&own].threads.is_empty());
    }
}
