//! What an operator sees of a running server: its log and its metrics.

mod audit;
mod checks;
mod line;
mod log_file;
mod log_queue;
mod log_watch;
mod logging;
mod metric_names;
mod metrics;
mod redacted;
mod serve_metrics;

pub use audit::AUDIT_TARGET;
pub use checks::CHECKS;
pub use log_file::LogFileError;
pub use log_watch::{LogWatch, Shown};
pub use logging::{LogError, LogFormat, LogLevel, LogOptions, Logging, OPTIONS};
pub use metric_names::{METRICS, Metric, MetricKind, names};
pub use metrics::{Metrics, MetricsError};
pub use redacted::Redacted;
pub use serve_metrics::{MetricsListener, ServeMetricsError};
