//! The log: ejabberd's options, text or JSON lines, to a file or the terminal.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use settings::{Section, Value};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Dispatch, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Filter, Layer, SubscriberExt};

use crate::audit::{AUDIT_TARGET, Audit, AuditLayer, is_audit};

use crate::line::{LocalTime, TextLine};
use crate::log_file::{LogFile, LogFileError, Rotation};
use crate::log_queue::{BurstLimit, LogQueue, Sink};
use crate::log_watch::LogWatch;

/// How long the end of the process waits for the last lines.
const FLUSH_AT_END: Duration = Duration::from_secs(1);

/// Crates whose debug lines are part of this server; others speak up from warnings on.
const OUR_CRATES: &[&str] = &[
    "rookery",
    "server",
    "ctl",
    "stdx",
    "xmlstream",
    "xmpp_wire",
    "sasl",
    "settings",
    "observe",
    "netio",
    "store",
    "access",
    "accounts",
    "kernel",
    "xmpp",
    "erldist",
    "modules",
    "admin",
    "testkit",
];

/// The top-level options that the log honours, for the listing of options in force; `hide_sensitive_log_data` is
/// honoured where JIDs and addresses are logged, with [`Redacted`](crate::Redacted).
pub const OPTIONS: &[&str] = &[
    "loglevel",
    "log_burst_limit_count",
    "log_burst_limit_window_time",
    "log_rotate_size",
    "log_rotate_count",
    "log_modules_fully",
    "hide_sensitive_log_data",
];

/// `loglevel`: what is logged, and everything above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// Nothing at all (0).
    None,
    /// The system is unusable; nothing here is logged so high, so it shows errors.
    Emergency,
    /// Something must be done at once; shows errors.
    Alert,
    /// Something central has failed (1); shows errors.
    Critical,
    /// Something has failed (2).
    Error,
    /// Something should be looked at (3).
    Warning,
    /// Something unusual; shows warnings, because nothing here is logged between them and information.
    Notice,
    /// What the server does (4).
    #[default]
    Info,
    /// Everything (5).
    Debug,
}

impl LogLevel {
    const WORDS: [(&str, Self); 9] = [
        ("none", Self::None),
        ("emergency", Self::Emergency),
        ("alert", Self::Alert),
        ("critical", Self::Critical),
        ("error", Self::Error),
        ("warning", Self::Warning),
        ("notice", Self::Notice),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];

    /// The level's word.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, level)| *level == self).map_or("info", |(word, _)| word)
    }

    fn filter(self) -> LevelFilter {
        match self {
            Self::None => LevelFilter::OFF,
            Self::Emergency | Self::Alert | Self::Critical | Self::Error => LevelFilter::ERROR,
            Self::Warning | Self::Notice => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
        }
    }
}

impl FromStr for LogLevel {
    type Err = LogError;

    /// Reads a word or a number from 0 to 5.
    fn from_str(text: &str) -> Result<Self, LogError> {
        // COMPAT: the numbers of old configurations skip the levels that came later.
        let by_number = ["none", "critical", "error", "warning", "info", "debug"];
        let word = text
            .parse()
            .ok()
            .and_then(|number: usize| by_number.get(number).copied())
            .unwrap_or(text);
        let found = Self::WORDS.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, level)| level).ok_or_else(|| LogError::Level(text.to_owned()))
    }
}

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// The options of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// `loglevel`.
    pub level: LogLevel,
    /// Text or JSON.
    pub format: LogFormat,
    /// Where to; `None` is the terminal (standard error).
    pub file: Option<PathBuf>,
    /// The audit file, rotated as the log is; `None` writes none.
    pub audit: Option<PathBuf>,
    /// `log_rotate_size` in bytes; `None` (`infinity`) never rotates.
    pub rotate_size: Option<u64>,
    /// `log_rotate_count`.
    pub rotate_count: u32,
    /// `log_burst_limit_count` and `log_burst_limit_window_time`: lines that are taken in a time; `None` takes all.
    pub burst: Option<(u64, Duration)>,
    /// `log_modules_fully`: modules by ejabberd's names, of which everything is logged whatever the level.
    pub modules_fully: Vec<String>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            format: LogFormat::Text,
            file: None,
            audit: None,
            rotate_size: Some(10 << 20),
            rotate_count: 1,
            burst: None,
            modules_fully: Vec::new(),
        }
    }
}

impl LogOptions {
    /// The options of the log in a configuration; format and file come from elsewhere.
    pub fn from_section(global: &Section, format: LogFormat, file: Option<PathBuf>) -> Self {
        let level = match global.get("loglevel") {
            Value::Int(number) => number.to_string().parse(),
            value => value.as_str().unwrap_or("info").parse(),
        };
        Self {
            // The catalogue lets nothing else through.
            level: level.unwrap_or_default(),
            format,
            file,
            audit: None,
            rotate_size: global.limit("log_rotate_size").finite(),
            rotate_count: u32::try_from(global.int("log_rotate_count")).unwrap_or(u32::MAX),
            burst: burst(global),
            modules_fully: global
                .texts("log_modules_fully")
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }
    }

    fn burst_limit(&self) -> Option<BurstLimit> {
        self.burst.map(|(lines_max, window)| BurstLimit { lines_max, window })
    }

    fn rotation(&self) -> Rotation {
        Rotation { size: self.rotate_size, count: self.rotate_count }
    }
}

fn burst(global: &Section) -> Option<(u64, Duration)> {
    let count = u64::try_from(global.int("log_burst_limit_count")).ok()?;
    Some((count, global.duration("log_burst_limit_window_time").finite()?))
}

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Not a level.
    #[error(
        "loglevel: `{0}` is none of none, emergency, alert, critical, error, warning, notice, info, debug or 0 to 5"
    )]
    Level(String),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] LogFileError),
    /// The system gives no thread.
    #[error("cannot start the log's thread: {0}")]
    Thread(io::Error),
    /// The process has a log already.
    #[error("the log is already set up")]
    Installed,
}

/// What passes: decided per call site, and again when it changes.
struct Gate(Arc<ArcSwap<Passing>>);

struct Passing {
    level: LogLevel,
    fully: Vec<String>,
}

impl Passing {
    fn new(options: &LogOptions) -> Self {
        // ejabberd's `mod_offline` is `modules::offline` here, its `ejabberd_c2s` is `xmpp::c2s`.
        let own = |name: &String| {
            let bare = name.strip_prefix("mod_").or_else(|| name.strip_prefix("ejabberd_"));
            bare.unwrap_or(name).to_owned()
        };
        Self { level: options.level, fully: options.modules_fully.iter().map(own).collect() }
    }

    /// Whether anything at all becomes of an event.
    fn passes(&self, metadata: &Metadata<'_>) -> bool {
        is_audit(metadata) || self.is_logged(metadata)
    }

    fn is_logged(&self, metadata: &Metadata<'_>) -> bool {
        if self.fully.iter().any(|name| metadata.target().split("::").any(|part| part == name)) {
            return true;
        }
        let krate = metadata.target().split("::").next().unwrap_or_default();
        let most = if OUR_CRATES.contains(&krate) {
            self.level.filter()
        } else {
            self.level.filter().min(LevelFilter::WARN)
        };
        *metadata.level() <= most
    }
}

impl<S: Subscriber> Layer<S> for Gate {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.0.load().passes(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.0.load().passes(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let passing = self.0.load();
        // Audit records pass always.
        let most = passing.level.filter().max(LevelFilter::INFO);
        Some(if passing.fully.is_empty() { most } else { LevelFilter::TRACE })
    }
}

/// Keeps audit records that the level does not let through out of the log.
struct LogGate(Arc<ArcSwap<Passing>>);

impl<S> Filter<S> for LogGate {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        metadata.target() != AUDIT_TARGET || self.0.load().is_logged(metadata)
    }
}

/// Gives each event's line to the queue.
struct QueueWriter(Arc<LogQueue>);

struct LineWriter<'a>(&'a LogQueue);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for QueueWriter {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter(&self.0)
    }
}

/// The running log; when the last one goes, waiting lines are written, for a second at most.
pub struct Logging {
    queue: Arc<LogQueue>,
    passing: Arc<ArcSwap<Passing>>,
    audit: Option<Arc<Audit>>,
}

impl std::fmt::Debug for Logging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logging").field("level", &self.level()).finish_non_exhaustive()
    }
}

impl Logging {
    /// Sets up the log of this process.
    ///
    /// # Errors
    /// When the file cannot be written, and when the process has a log already.
    pub fn install(options: &LogOptions) -> Result<Self, LogError> {
        let (logging, dispatch) = Self::build(options)?;
        tracing::dispatcher::set_global_default(dispatch).map_err(|_| LogError::Installed)?;
        Ok(logging)
    }

    /// A log that is not yet anybody's, for tests: use it with `tracing::dispatcher::with_default`.
    pub fn build(options: &LogOptions) -> Result<(Self, Dispatch), LogError> {
        let (sink, colours) = match &options.file {
            Some(path) => (Sink::File(LogFile::open(path, options.rotation())?), false),
            None => (Sink::Terminal, io::stderr().is_terminal()),
        };
        let queue = LogQueue::start(sink).map_err(LogError::Thread)?;
        queue.set_burst(options.burst_limit());
        let passing = Arc::new(ArcSwap::from_pointee(Passing::new(options)));
        let writer = QueueWriter(Arc::clone(&queue));
        let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
        let gate = Gate(Arc::clone(&passing));
        let audit = match &options.audit {
            Some(path) => {
                let log = Arc::clone(&queue);
                Some(Arc::new(Audit::open(path, options.rotation(), log)?))
            }
            None => None,
        };
        let registry = tracing_subscriber::registry().with(AuditLayer(audit.clone()));
        let shown = LogGate(Arc::clone(&passing));
        let dispatch = match options.format {
            LogFormat::Text => Dispatch::new(
                registry.with(lines.event_format(TextLine).with_filter(shown)).with(gate),
            ),
            LogFormat::Json => {
                let lines =
                    lines.json().flatten_event(true).with_span_list(false).with_timer(LocalTime);
                Dispatch::new(registry.with(lines.with_filter(shown)).with(gate))
            }
        };
        Ok((Self { queue, passing, audit }, dispatch))
    }

    /// What is logged now.
    pub fn level(&self) -> LogLevel {
        self.passing.load().level
    }

    /// Changes what is logged (`set_loglevel`).
    pub fn set_level(&self, level: LogLevel) {
        let fully = self.passing.load().fully.clone();
        self.passing.store(Arc::new(Passing { level, fully }));
        tracing::callsite::rebuild_interest_cache();
    }

    /// Takes over the options that can change while the server runs: level, modules, rotation, bursts. The file and the format
    /// stay.
    pub fn reconfigure(&self, options: &LogOptions) {
        self.passing.store(Arc::new(Passing::new(options)));
        self.queue.set_burst(options.burst_limit());
        self.queue.set_rotation(options.rotation());
        self.audit(|file| {
            file.set_rotation(options.rotation());
            Ok(())
        });
        tracing::callsite::rebuild_interest_cache();
    }

    /// Opens the file by its name again (`reopen_log`, SIGHUP), after something else has moved it.
    pub fn reopen(&self) {
        self.queue.reopen();
        self.audit(LogFile::reopen);
    }

    /// Begins a new file now (`rotate_log`).
    pub fn rotate(&self) {
        self.queue.rotate();
        self.audit(LogFile::rotate);
    }

    fn audit(&self, act: impl FnOnce(&mut LogFile) -> io::Result<()>) {
        if let Some(audit) = &self.audit {
            audit.with(act);
        }
    }

    /// Shows what is logged from now on.
    pub fn watch(&self) -> LogWatch {
        self.queue.watch()
    }

    /// Waits until everything logged so far is written, `limit` at most; says whether it is.
    pub fn flush(&self, limit: Duration) -> bool {
        self.queue.flush(limit)
    }

    /// Lines dropped so far because file or terminal could not keep up.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// Writes that failed so far.
    pub fn failures(&self) -> u64 {
        self.queue.failures()
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.queue.stop();
        self.queue.flush(FLUSH_AT_END);
    }
}

#[cfg(test)]
mod tests;
