//! A runtime whose time moves only when it is told to.

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;

/// How long threads that still work may hold up the end of a test.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Runs a test on the calling thread, under a paused clock that does not advance by itself.
///
/// # Panics
/// When the system gives no runtime.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("the system gives a runtime");
    let (end, ended) = mpsc::sync_channel::<()>(1);
    // While blocking work is under way a paused clock does not jump to the next timer, which it would otherwise
    // do whenever every task waits for a thread of the store.
    let _inhibitor = runtime.spawn_blocking(move || ended.recv().is_err());
    let result = runtime.block_on(test);
    drop(end);
    runtime.shutdown_timeout(END_PATIENCE);
    result
}

/// Runs a test on the calling thread, in real time: for servers that are elsewhere.
///
/// # Panics
/// When the system gives no runtime.
pub fn run_in_real_time<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system gives a runtime");
    runtime.block_on(test)
}
