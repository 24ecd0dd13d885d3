//! Work in the background that commands start, ask about and end: one job at a time for each name.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Jobs that are remembered at most, ended ones included.
const JOBS_MAX: usize = 1024;

/// How far a job is. It is kept in memory: after a restart nothing runs, and a job can be started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It goes on.
    Working,
    /// It did all there was to do.
    Completed,
    /// Somebody ended it.
    Aborted,
    /// It could not go on.
    Failed(String),
}

/// A job: who runs it counts its steps, others look on.
#[derive(Debug)]
pub struct Job {
    steps: AtomicU64,
    told: Mutex<String>,
    state: watch::Sender<JobState>,
}

/// Why a job was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobRefused {
    /// One of that name goes on.
    #[error("Operation in progress")]
    InProgress,
    /// Too many are remembered.
    #[error("too many operations run in the background")]
    TooMany,
}

/// All jobs by name.
#[derive(Debug, Default)]
pub struct Jobs(Mutex<HashMap<String, Arc<Job>>>);

impl Jobs {
    /// Begins a job; what was known of an ended one of that name is forgotten. The caller runs it.
    ///
    /// # Errors
    /// [`JobRefused`].
    pub fn begin(&self, name: &str) -> Result<Arc<Job>, JobRefused> {
        let mut jobs = self.0.lock();
        if jobs.get(name).is_some_and(|job| job.state() == JobState::Working) {
            return Err(JobRefused::InProgress);
        }
        if jobs.len() >= JOBS_MAX {
            jobs.retain(|_, job| job.state() == JobState::Working);
        }
        if jobs.len() >= JOBS_MAX {
            return Err(JobRefused::TooMany);
        }
        let job = Arc::new(Job {
            steps: AtomicU64::new(0),
            told: Mutex::default(),
            state: watch::Sender::new(JobState::Working),
        });
        jobs.insert(name.to_owned(), job.clone());
        Ok(job)
    }

    /// The job of a name, going on or ended.
    pub fn find(&self, name: &str) -> Option<Arc<Job>> {
        self.0.lock().get(name).cloned()
    }
}

impl Job {
    /// How far it is.
    pub fn state(&self) -> JobState {
        self.state.borrow().clone()
    }

    /// How many steps are done.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Counts steps that are done.
    pub fn count(&self, steps: u64) {
        self.steps.fetch_add(steps, Ordering::Relaxed);
    }

    /// What it does now, or what it did, in the words of who runs it.
    pub fn told(&self) -> String {
        self.told.lock().clone()
    }

    /// Says what it does now.
    pub fn tell(&self, what: impl Into<String>) {
        *self.told.lock() = what.into();
    }

    /// Says how it ended; one that has ended already stays so. Says whether it was going on.
    pub fn end(&self, state: JobState) -> bool {
        self.state.send_if_modified(|present| {
            let working = *present == JobState::Working;
            if working {
                *present = state;
            }
            working
        })
    }

    /// Waits until it has ended, so that whoever runs it hears of an abort while it waits.
    pub async fn ended(&self) {
        let mut state = self.state.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        drop(state.wait_for(|state| *state != JobState::Working).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_job_of_a_name_at_a_time_and_the_first_end_counts() {
        let jobs = Jobs::default();
        let job = jobs.begin("a").unwrap();
        assert_eq!(jobs.begin("a").unwrap_err(), JobRefused::InProgress);
        jobs.begin("b").unwrap();
        job.count(3);
        job.tell("busy");
        assert!(job.end(JobState::Aborted));
        assert!(!job.end(JobState::Completed));
        job.ended().await;
        let found = jobs.find("a").unwrap();
        assert_eq!((found.state(), found.steps()), (JobState::Aborted, 3));
        assert_eq!(found.told(), "busy");
        assert_eq!(jobs.begin("a").unwrap().steps(), 0);
        assert!(jobs.find("c").is_none());
    }

    #[test]
    fn ended_jobs_make_room_for_others() {
        let jobs = Jobs::default();
        let all: Vec<_> = (0..JOBS_MAX).map(|n| jobs.begin(&n.to_string()).unwrap()).collect();
        assert_eq!(jobs.begin("more").unwrap_err(), JobRefused::TooMany);
        all[0].end(JobState::Completed);
        jobs.begin("more").unwrap();
        assert!(jobs.find("0").is_none());
    }
}
