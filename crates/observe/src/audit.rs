//! The audit file: every event of the target [`AUDIT_TARGET`] as one JSON object a line, whatever the level of the log.
//!
//! Records are written before the event's macro returns, not queued: a record that could not be written is told in the
//! log at once. Names are added to the numbers of users and processes.

use std::fmt::{self, Write as _};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::line::{Escaped, LocalTime};
use crate::log_file::{LogFile, LogFileError, Rotation};
use crate::log_queue::LogQueue;

/// Who gives a command says so to `tracing` under this target; `uid`, `pid`, `command` and `status` are usual fields.
pub const AUDIT_TARGET: &str = "admin::audit";

/// Whether an event belongs into the audit file.
pub(crate) fn is_audit(metadata: &Metadata<'_>) -> bool {
    metadata.target() == AUDIT_TARGET && *metadata.level() <= tracing::Level::INFO
}

/// The open audit file.
pub(crate) struct Audit {
    file: Mutex<LogFile>,
    log: Arc<LogQueue>,
}

impl Audit {
    pub(crate) fn open(
        path: &Path,
        rotation: Rotation,
        log: Arc<LogQueue>,
    ) -> Result<Self, LogFileError> {
        Ok(Self { file: Mutex::new(LogFile::open(path, rotation)?), log })
    }

    /// Does something with the file and tells in the log when it fails.
    pub(crate) fn with(&self, act: impl FnOnce(&mut LogFile) -> std::io::Result<()>) {
        if let Err(error) = act(&mut self.file.lock()) {
            self.log.count_lost_audit();
            let mut line = String::new();
            // Writing to a string cannot fail.
            write_time(&mut line).ok();
            line.push_str(" [error] observe::audit: the audit file could not be written: ");
            write!(Escaped(&mut line), "{error}; make room, or let the server's user write there")
                .ok();
            line.push('\n');
            self.log.push(line.as_bytes());
        }
    }
}

fn write_time(line: &mut String) -> fmt::Result {
    use tracing_subscriber::fmt::format::Writer;
    use tracing_subscriber::fmt::time::FormatTime;
    LocalTime.format_time(&mut Writer::new(line))
}

/// Writes audit events to the file.
pub(crate) struct AuditLayer(pub(crate) Option<Arc<Audit>>);

impl<S: Subscriber> Layer<S> for AuditLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some(audit) = self.0.as_deref().filter(|_| is_audit(event.metadata())) else { return };
        let mut time = String::new();
        write_time(&mut time).ok();
        let mut record = Record(Map::from_iter([("time".to_owned(), Value::from(time))]));
        event.record(&mut record);
        let line = format!("{}\n", Value::from(record.0));
        audit.with(|file| file.append(line.as_bytes()));
    }
}

/// The fields of an event; texts have control characters and direction overrides escaped.
struct Record(Map<String, Value>);

impl Record {
    fn add(&mut self, name: &str, value: impl Into<Value>) {
        let name = if name == "message" { "event" } else { name };
        self.0.insert(name.to_owned(), value.into());
    }

    fn add_number(&mut self, name: &str, number: i128) {
        match i64::try_from(number) {
            Ok(number) => self.add(name, number),
            Err(_) => self.add(name, number.to_string()),
        }
        match (name, u32::try_from(number)) {
            ("uid", Ok(uid)) => self.add("user", settings::users::user_name(uid)),
            ("pid", Ok(pid)) => self.add("program", program(pid)),
            _ => {}
        }
    }
}

impl Visit for Record {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        write!(Escaped(&mut text), "{value:?}").ok();
        self.add(field.name(), text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let mut text = String::new();
        write!(Escaped(&mut text), "{value}").ok();
        self.add(field.name(), text);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add_number(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add_number(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value);
    }
}

/// What a process calls itself; it may lie, and it may be gone.
fn program(pid: u32) -> Option<String> {
    let mut name = String::new();
    let file = std::fs::File::open(format!("/proc/{pid}/comm")).ok()?;
    file.take(64).read_to_string(&mut name).ok()?;
    let mut shown = String::new();
    write!(Escaped(&mut shown), "{}", name.trim_end_matches('\n')).ok()?;
    Some(shown)
}
