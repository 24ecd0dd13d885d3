//! The log as it happens, for somebody who watches: a bounded copy of its lines, which never holds the log up.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

/// Lines kept for the slowest watcher; it is told how many it missed beyond.
const LINES_KEPT: usize = 1024;

/// Where lines are copied to while anybody watches.
#[derive(Debug)]
pub(crate) struct Watched(broadcast::Sender<Arc<str>>);

impl Default for Watched {
    fn default() -> Self {
        Self(broadcast::Sender::new(LINES_KEPT))
    }
}

impl Watched {
    pub(crate) fn show(&self, line: &[u8]) {
        if self.0.receiver_count() > 0 {
            let line = String::from_utf8_lossy(line);
            // The last watcher may just have gone.
            drop(self.0.send(line.trim_end_matches('\n').into()));
        }
    }

    pub(crate) fn watch(&self) -> LogWatch {
        LogWatch(self.0.subscribe())
    }
}

/// A watcher of the log, from now on.
#[derive(Debug)]
pub struct LogWatch(broadcast::Receiver<Arc<str>>);

/// What a watcher is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A line as it is written, without its end.
    Line(Arc<str>),
    /// So many lines passed while the watcher was slow.
    Missed(u64),
}

impl LogWatch {
    /// Waits for the next line; `None` when the log has ended.
    pub async fn next(&mut self) -> Option<Shown> {
        match self.0.recv().await {
            Ok(line) => Some(Shown::Line(line)),
            Err(RecvError::Lagged(missed)) => Some(Shown::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_watcher_learns_how_much_it_missed() {
        let watched = Watched::default();
        watched.show(b"before\n");
        let mut watch = watched.watch();
        for number in 0..LINES_KEPT + 5 {
            watched.show(format!("line {number}\n").as_bytes());
        }
        assert_eq!(watch.next().await, Some(Shown::Missed(5)));
        assert_eq!(watch.next().await, Some(Shown::Line("line 5".into())));
        drop(watched);
        for _ in 1..LINES_KEPT {
            assert!(matches!(watch.next().await, Some(Shown::Line(_))));
        }
        assert_eq!(watch.next().await, None);
    }
}
