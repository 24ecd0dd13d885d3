//! The only place that spawns. Every task belongs to the server, is counted, and hears of its end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Spawns tasks and waits for them at shutdown.
#[derive(Clone)]
pub struct Tasks(Arc<Inner>);

struct Inner {
    stopping: watch::Sender<bool>,
    running: watch::Sender<usize>,
}

/// Resolves when the server begins to stop.
#[derive(Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Waits for the beginning of the shutdown.
    pub async fn wait(&mut self) {
        // An error means that the server is gone altogether, which is a shutdown too.
        drop(self.0.wait_for(|stopping| *stopping).await);
    }

    /// Whether the shutdown has begun.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }
}

struct Counted(Arc<Inner>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.running.send_modify(|count| *count -= 1);
    }
}

impl Tasks {
    /// A task set without tasks.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            stopping: watch::Sender::new(false),
            running: watch::Sender::new(0),
        }))
    }

    /// Starts a task. A panic inside it ends this task alone and is logged with its `name`.
    #[expect(clippy::disallowed_methods, reason = "this is the owner of spawning")]
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.0.running.send_modify(|count| *count += 1);
        let counted = Counted(self.0.clone());
        tokio::spawn(async move {
            let _counted = counted;
            let _report = PanicReport(name);
            future.await;
        });
    }

    /// A signal for tasks that must end at shutdown.
    pub fn stopping(&self) -> Stopping {
        Stopping(self.0.stopping.subscribe())
    }

    /// How many tasks run.
    pub fn count(&self) -> usize {
        *self.0.running.borrow()
    }

    /// Begins the shutdown and waits until all tasks ended, or `patience` is over.
    ///
    /// Returns how many tasks were still running then.
    pub async fn stop(&self, patience: Duration) -> usize {
        self.0.stopping.send_replace(true);
        let mut running = self.0.running.subscribe();
        match tokio::time::timeout(patience, running.wait_for(|count| *count == 0)).await {
            Ok(_) => 0,
            Err(_) => self.count(),
        }
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

/// Logs when it is dropped by a panic, and is silent when a task ends well.
struct PanicReport(&'static str);

impl Drop for PanicReport {
    fn drop(&mut self) {
        if std::thread::panicking() {
            metrics::counter!(observe::names::TASK_PANICS).increment(1);
            tracing::error!(
                task = self.0,
                "a task panicked and was ended; this is a bug in the server"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stop_signals_tasks_and_counts_the_stubborn() {
        let tasks = Tasks::new();
        let mut stopping = tasks.stopping();
        tasks.spawn("obedient", async move { stopping.wait().await });
        tasks.spawn("stubborn", std::future::pending());
        assert_eq!(tasks.stop(Duration::from_secs(1)).await, 1);
    }

    #[tokio::test]
    async fn a_panic_ends_one_task_only() {
        let tasks = Tasks::new();
        tasks.spawn("faulty", async { panic!("on purpose") });
        assert_eq!(tasks.stop(Duration::from_secs(5)).await, 0);
    }
}
