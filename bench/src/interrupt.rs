//! An interrupted run leaves nothing behind: on SIGINT or SIGTERM the running servers are killed and the folder is removed.

use std::path::PathBuf;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{BenchError, Doing};

/// Servers that run now.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Remembers a server.
pub(crate) fn remember(pid: Pid) {
    RUNNING.lock().push(pid);
}

/// Forgets a server that has ended.
pub(crate) fn forget(pid: Pid) {
    RUNNING.lock().retain(|running| *running != pid);
}

/// Starts the thread that waits for the signals; `dir` is removed unless it is to be kept.
pub(crate) fn clean_up_when_interrupted(dir: Option<PathBuf>) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .doing(|| "start tokio".to_owned())?;
    let listening = || "listen to signals".to_owned();
    let guard = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).doing(listening)?;
    let mut terminate = signal(SignalKind::terminate()).doing(listening)?;
    drop(guard);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // Kept locked, so that no server is started from here on.
        let running = RUNNING.lock();
        for pid in running.iter() {
            // A server that has just ended by itself is as good.
            kill_process(*pid, Signal::KILL).ok();
        }
        if let Some(dir) = dir {
            drop(std::fs::remove_dir_all(dir));
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the measuring threads block in reads; everything that they own has just been ended or removed"
        )]
        std::process::exit(130);
    });
    Ok(())
}
