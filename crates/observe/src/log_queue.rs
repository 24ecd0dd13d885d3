//! Log lines on their way to a file or terminal: a bounded buffer and one thread, so that a full disk or a stopped
//! terminal loses lines but never stops the server.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::log_file::{LogFile, Rotation};
use crate::log_watch::{LogWatch, Watched};
use crate::metric_names::names;

/// Bytes of lines that wait at most; lines beyond are dropped and counted.
pub(crate) const QUEUE_BYTES_MAX: usize = 1 << 20;

/// A buffer larger than this is given back after use.
const BUFFER_KEPT_BYTES: usize = 16 << 10;

/// What else the writing thread is asked to do, between lines.
#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Lines dropped since the last that was written.
    dropped: u64,
    reopen: bool,
    rotate: bool,
    rotation: Option<Rotation>,
    stop: bool,
}

impl Waiting {
    fn is_idle(&self) -> bool {
        self.lines.is_empty()
            && self.dropped == 0
            && !self.reopen
            && !self.rotate
            && self.rotation.is_none()
            && !self.stop
    }
}

/// How many lines a log takes in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BurstLimit {
    /// `log_burst_limit_count`.
    pub(crate) lines_max: u64,
    /// `log_burst_limit_window_time`.
    pub(crate) window: Duration,
}

/// The present stretch of time.
#[derive(Default)]
struct Burst {
    limit: Option<BurstLimit>,
    begun: Option<Instant>,
    lines: u64,
    lost: u64,
}

impl Burst {
    /// Whether one line more is taken at `now`; at the first one of a new stretch, how many the last one lost.
    fn take(&mut self, now: Instant) -> Option<u64> {
        let Some(limit) = self.limit else { return Some(std::mem::take(&mut self.lost)) };
        if self.begun.is_none_or(|begun| now.duration_since(begun) >= limit.window) {
            (self.begun, self.lines) = (Some(now), 0);
        }
        if self.lines >= limit.lines_max {
            self.lost += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.lost))
    }
}

#[derive(Default)]
struct State {
    waiting: Waiting,
    burst: Burst,
    /// Rises with everything that is handed in, and with everything that is done.
    asked: u64,
    done: u64,
}

/// Where lines go in, and what counts them.
#[derive(Default)]
pub(crate) struct LogQueue {
    state: Mutex<State>,
    work: Condvar,
    rest: Condvar,
    dropped: AtomicU64,
    failures: AtomicU64,
    watched: Watched,
}

/// Where lines come out.
pub(crate) enum Sink {
    Terminal,
    File(LogFile),
    #[cfg(test)]
    Test(Box<dyn Write + Send>),
}

impl Sink {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Terminal => io::stderr().write_all(lines),
            Self::File(file) => file.append(lines),
            #[cfg(test)]
            Self::Test(write) => write.write_all(lines),
        }
    }
}

impl LogQueue {
    /// Starts the thread that writes; it ends when [`Self::stop`] is called.
    pub(crate) fn start(sink: Sink) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self::default());
        let theirs = Arc::clone(&queue);
        // A thread of its own and no task: it blocks, and it must outlive the runtime to say how that ended.
        thread::Builder::new()
            .name("log".to_owned())
            .stack_size(128 << 10)
            .spawn(move || theirs.run(sink))?;
        Ok(queue)
    }

    /// Shows every line from now on, those too that the file or terminal loses.
    pub(crate) fn watch(&self) -> LogWatch {
        self.watched.watch()
    }

    /// Hands in one line with its line end; drops it when too much is waiting.
    pub(crate) fn push(&self, line: &[u8]) {
        self.watched.show(line);
        let mut state = self.state.lock();
        if state.waiting.stop || state.waiting.lines.len() + line.len() > QUEUE_BYTES_MAX {
            state.waiting.dropped += 1;
            drop(state);
            return self.count_dropped();
        }
        let Some(lost) = state.burst.take(Instant::now()) else {
            drop(state);
            return self.count_dropped();
        };
        if lost > 0 {
            let note =
                format!("... {lost} log lines were left out here: see log_burst_limit_count\n");
            state.waiting.lines.extend_from_slice(note.as_bytes());
        }
        state.waiting.lines.extend_from_slice(line);
        state.asked += 1;
        self.work.notify_one();
    }

    fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(names::LOG_LINES_DROPPED).increment(1);
    }

    /// Takes so many lines and no more from now on.
    pub(crate) fn set_burst(&self, limit: Option<BurstLimit>) {
        self.state.lock().burst.limit = limit;
    }

    fn ask(&self, change: impl FnOnce(&mut Waiting)) {
        let mut state = self.state.lock();
        change(&mut state.waiting);
        state.asked += 1;
        self.work.notify_one();
    }

    pub(crate) fn reopen(&self) {
        self.ask(|waiting| waiting.reopen = true);
    }

    pub(crate) fn rotate(&self) {
        self.ask(|waiting| waiting.rotate = true);
    }

    pub(crate) fn set_rotation(&self, rotation: Rotation) {
        self.ask(|waiting| waiting.rotation = Some(rotation));
    }

    pub(crate) fn stop(&self) {
        self.ask(|waiting| waiting.stop = true);
    }

    /// Waits until everything handed in so far is written, for `limit` at most; says whether it is.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.state.lock();
        let asked = state.asked;
        while state.done < asked {
            if self.rest.wait_until(&mut state, until).timed_out() {
                return state.done >= asked;
            }
        }
        true
    }

    /// Lines dropped so far because the writer could not keep up, or because too many came at once.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Writes that failed so far, as on a full disk.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    fn run(&self, mut sink: Sink) {
        loop {
            let (work, asked) = {
                let mut state = self.state.lock();
                while state.waiting.is_idle() {
                    self.work.wait(&mut state);
                }
                (std::mem::take(&mut state.waiting), state.asked)
            };
            let stop = work.stop;
            let buffer = self.carry_out(&mut sink, work);
            let mut state = self.state.lock();
            state.done = asked;
            // The buffer goes round, so that a quiet log allocates nothing.
            if state.waiting.lines.capacity() == 0 && buffer.capacity() <= BUFFER_KEPT_BYTES {
                state.waiting.lines = buffer;
            }
            state.waiting.stop |= stop;
            self.rest.notify_all();
            if stop {
                return;
            }
        }
    }

    fn carry_out(&self, sink: &mut Sink, mut work: Waiting) -> Vec<u8> {
        if let Sink::File(file) = sink {
            if let Some(rotation) = work.rotation {
                file.set_rotation(rotation);
            }
            if work.reopen {
                self.count_failure(file.reopen());
            }
        }
        if work.dropped > 0 {
            let note = format!(
                "... {} log lines were lost here: the log could not keep up\n",
                work.dropped
            );
            work.lines.extend_from_slice(note.as_bytes());
        }
        if !work.lines.is_empty() {
            self.count_failure(sink.append(&work.lines));
        }
        // After the lines, so that what was said before the command is in the old file.
        if let (true, Sink::File(file)) = (work.rotate, sink) {
            self.count_failure(file.rotate());
        }
        work.lines.clear();
        work.lines
    }

    /// A record that is not in the audit file counts as a failed write of the log too.
    pub(crate) fn count_lost_audit(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// A failed write loses its lines: there is nowhere to report it but a counter.
    fn count_failure(&self, result: io::Result<()>) {
        if result.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_burst_is_cut_and_counted_where_it_was() {
        let limit = BurstLimit { lines_max: 2, window: Duration::from_secs(1) };
        let mut burst = Burst { limit: Some(limit), ..Burst::default() };
        let begun = Instant::now();
        let at = |milliseconds| begun + Duration::from_millis(milliseconds);
        let taken: Vec<_> =
            [0, 10, 20, 999, 1000, 1010, 1020, 5000].map(|time| burst.take(at(time))).into();
        let none = None;
        assert_eq!(taken, [Some(0), Some(0), none, none, Some(2), Some(0), none, Some(1)]);
        burst.limit = None;
        assert_eq!(burst.take(at(5001)), Some(0));
    }

    /// Blocks in each write until it is let go.
    struct Stuck {
        gate: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.gate.recv().ok();
            self.written.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_writer_costs_lines_and_no_time() {
        let (open, gate) = mpsc::sync_channel(1);
        let written = Arc::new(Mutex::new(Vec::new()));
        let queue =
            LogQueue::start(Sink::Test(Box::new(Stuck { gate, written: Arc::clone(&written) })))
                .unwrap();
        let line = [b'x'; 1024];
        let begin = Instant::now();
        for _ in 0..4096 {
            queue.push(&line);
        }
        assert!(begin.elapsed() < Duration::from_secs(2));
        assert!(queue.dropped() >= 4096 - 2 * 1024 - 1, "{}", queue.dropped());
        assert!(!queue.flush(Duration::from_millis(20)));
        drop(open);
        assert!(queue.flush(Duration::from_secs(5)));
        let written = String::from_utf8(written.lock().clone()).unwrap();
        assert!(written.contains(&format!("... {} log lines were lost here", queue.dropped())));
        assert!(written.len() <= 2 * QUEUE_BYTES_MAX + 200);
        queue.stop();
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_counted_and_survived() {
        let queue = LogQueue::start(Sink::Test(Box::new(Full))).unwrap();
        for _ in 0..3 {
            queue.push(b"line\n");
            assert!(queue.flush(Duration::from_secs(5)));
        }
        assert_eq!(queue.failures(), 3);
        queue.stop();
        assert!(queue.flush(Duration::from_secs(5)));
    }
}
