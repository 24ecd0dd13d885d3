//! What commands may ask of the process that the kernel runs in.

use std::future::Future;
use std::pin::Pin;

use observe::{LogLevel, LogWatch};

/// An answer of the process: a value, or why it could not be done, for people.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// The process around the kernel: its end, its configuration files, its log.
///
/// The binary implements it and gives it to the kernel with [`Kernel::set_control`](crate::Kernel::set_control).
pub trait ServerControl: Send + Sync + 'static {
    /// Begins an orderly end; the answer comes before the end.
    fn stop(&self) -> Asking<'_, ()>;
    /// Like [`Self::stop`], and begins anew with the same arguments.
    fn restart(&self) -> Asking<'_, ()>;
    /// Ends the process at once, with exit status 1: clients are not told, and find what they were promised at the
    /// next start.
    fn halt(&self) -> Asking<'_, ()>;
    /// Accepts no new connections until the next reload; those that are there go on.
    fn close_doors(&self) -> Asking<'_, ()>;
    /// Puts the configuration files in force as they are now: wholly, or not at all. The value holds notes, one a
    /// line; it may be empty.
    fn reload(&self) -> Asking<'_, String>;
    /// What is logged.
    fn log_level(&self) -> Asking<'_, LogLevel>;
    /// Changes what is logged, until the next reload.
    fn set_log_level(&self, level: LogLevel) -> Asking<'_, ()>;
    /// Opens the log file anew, after somebody moved it away.
    fn reopen_log(&self) -> Asking<'_, ()>;
    /// Moves the log file away and begins another.
    fn rotate_log(&self) -> Asking<'_, ()>;
    /// Shows what is logged from now on.
    fn watch_log(&self) -> Asking<'_, LogWatch> {
        Box::pin(async { Err("this process has no log".to_owned()) })
    }
}
