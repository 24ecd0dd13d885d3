//! What commands ask of the process itself, brought to the loop that runs it.

use admin::ServerControl;
use kernel::Asking;
use observe::{LogLevel, LogWatch, Logging};
use tokio::sync::{mpsc, oneshot};

/// Requests that wait at most; each is dealt with at once.
const WAITING_MAX: usize = 16;

/// A request to the process.
pub(crate) enum Request {
    /// End.
    Stop,
    /// End, and begin anew.
    Restart,
    /// End at once.
    Halt,
    /// Accept no new connections.
    CloseDoors(oneshot::Sender<()>),
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
    /// Nothing: says what the level is.
    Ask(oneshot::Sender<LogLevel>),
    /// Nothing: shows what is logged.
    Watch(oneshot::Sender<LogWatch>),
}

impl LogChange {
    pub(crate) fn apply(self, logging: &Logging) {
        match self {
            Self::Level(level) => logging.set_level(level),
            Self::Reopen => logging.reopen(),
            Self::Rotate => logging.rotate(),
            // The one who asked may be gone.
            Self::Ask(answer) => drop(answer.send(logging.level())),
            Self::Watch(answer) => drop(answer.send(logging.watch())),
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

    async fn send(&self, request: Request) -> Result<(), String> {
        self.0.send(request).await.map_err(|_| STOPPING.to_owned())
    }

    /// Sends a request that is made with the place for its answer, and waits for the answer.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, String> {
        let (answer, answered) = oneshot::channel();
        self.send(request(answer)).await?;
        answered.await.map_err(|_| STOPPING.to_owned())
    }
}

/// The answer to whoever comes too late.
const STOPPING: &str = "the server is stopping";

impl ServerControl for Requests {
    fn stop(&self) -> Asking<'_, ()> {
        Box::pin(self.send(Request::Stop))
    }

    fn restart(&self) -> Asking<'_, ()> {
        Box::pin(self.send(Request::Restart))
    }

    fn halt(&self) -> Asking<'_, ()> {
        Box::pin(self.send(Request::Halt))
    }

    fn close_doors(&self) -> Asking<'_, ()> {
        Box::pin(self.ask(Request::CloseDoors))
    }

    fn reload(&self) -> Asking<'_, String> {
        Box::pin(async { self.ask(|answer| Request::Reload(Some(answer))).await? })
    }

    fn log_level(&self) -> Asking<'_, LogLevel> {
        Box::pin(self.ask(|answer| Request::Log(LogChange::Ask(answer))))
    }

    fn set_log_level(&self, level: LogLevel) -> Asking<'_, ()> {
        Box::pin(self.send(Request::Log(LogChange::Level(level))))
    }

    fn reopen_log(&self) -> Asking<'_, ()> {
        Box::pin(self.send(Request::Log(LogChange::Reopen)))
    }

    fn rotate_log(&self) -> Asking<'_, ()> {
        Box::pin(self.send(Request::Log(LogChange::Rotate)))
    }

    fn watch_log(&self) -> Asking<'_, LogWatch> {
        Box::pin(self.ask(|answer| Request::Log(LogChange::Watch(answer))))
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
