//! What commands ask of the process itself, brought to the loop that runs it.

use observe::{LogLevel, Logging};
use tokio::sync::{mpsc, oneshot};

/// Requests that wait at most; each is dealt with at once.
const WAITING_MAX: usize = 16;

/// A request to the process.
pub(crate) enum Request {
    /// End.
    Stop,
    /// End, and begin anew.
    Restart,
    /// Read the configuration again; the answer holds notes, or why nothing has changed.
    Reload(Option<oneshot::Sender<Result<String, String>>>),
    /// Change the log.
    Log(LogChange),
}

/// A change of the log.
pub(crate) enum LogChange {
    Level(LogLevel),
    Reopen,
    Rotate,
}

impl LogChange {
    pub(crate) fn apply(self, logging: &Logging) {
        match self {
            Self::Level(level) => logging.set_level(level),
            Self::Reopen => logging.reopen(),
            Self::Rotate => logging.rotate(),
        }
    }
}

/// The way for commands to reach the process.
pub(crate) struct Requests(mpsc::Sender<Request>);

/// The other end.
pub(crate) struct Asked(mpsc::Receiver<Request>);

impl Requests {
    pub(crate) fn new() -> (Self, Asked) {
        let (requests, asked) = mpsc::channel(WAITING_MAX);
        (Self(requests), Asked(asked))
    }
}

impl Asked {
    /// Waits for the next request.
    pub(crate) async fn next(&mut self) -> Request {
        match self.0.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}
