//! The gate before PBKDF2: so many at once as there are processors, on blocking threads, and a
//! bounded queue.
//!
//! Async workers never hash, so a flood of log-ins delays other log-ins and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use crate::AccountError;

/// Pieces of work that may wait or run; beyond, callers are told to come back.
const WAITING_MAX: usize = 4096;

pub(crate) struct Hashing {
    gate: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// One piece of work that waits or runs.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hashing {
    pub(crate) fn new() -> Self {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        Self { gate: Arc::new(Semaphore::new(at_once)), waiting: Arc::default() }
    }

    /// Pieces of work that wait or run.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Runs `work` on a blocking thread when it is its turn. If the caller stops waiting, work that
    /// has begun goes on and keeps its place at the gate until it is done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        let ahead = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.waiting));
        if ahead >= WAITING_MAX {
            return Err(AccountError::Busy);
        }
        let permit =
            Arc::clone(&self.gate).acquire_owned().await.map_err(|_| AccountError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, permit);
            work()
        });
        match done.await {
            Ok(value) => Ok(value),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down.
                Err(_) => Err(AccountError::Busy),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_beyond_the_bound_is_refused_and_places_are_given_back() {
        let hashing = Hashing::new();
        let places: Vec<Place> = (0..WAITING_MAX)
            .map(|_| {
                hashing.waiting.fetch_add(1, Ordering::Relaxed);
                Place(Arc::clone(&hashing.waiting))
            })
            .collect();
        assert_eq!(hashing.run(|| 1).await, Err(AccountError::Busy));
        drop(places);
        assert_eq!(hashing.run(|| 1).await, Ok(1));
        assert_eq!(hashing.waiting(), 0);
    }
}
