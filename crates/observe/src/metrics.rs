//! Counting: the recorder behind `metrics::counter!` and its kin, rendered as text for Prometheus.

use std::fs;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::metric_names::{METRICS, Metric, MetricKind, names};

/// Upper bounds of the ranges of every histogram, in seconds.
const SECONDS_BOUNDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Why metrics cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The process counts already.
    #[error("metrics are already set up")]
    Installed,
    /// A bound is wrong in the code.
    #[error("metrics: {0}")]
    Bounds(String),
}

/// What has been counted so far; clones show the same.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Sets up counting for this process and describes [`METRICS`].
    ///
    /// # Errors
    /// When the process counts already.
    pub fn install() -> Result<Self, MetricsError> {
        let builder = PrometheusBuilder::new()
            .set_buckets(SECONDS_BOUNDS)
            .map_err(|error| MetricsError::Bounds(error.to_string()))?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        ::metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Installed)?;
        Self::describe(METRICS);
        Ok(Self { handle })
    }

    /// Counts nothing itself; renders what a recorder of its own has, which is nothing.
    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        Self { handle: PrometheusBuilder::new().build_recorder().handle() }
    }

    /// Adds the descriptions of a module's own metrics.
    pub fn describe(table: &'static [Metric]) {
        for metric in table {
            match metric.kind {
                MetricKind::Counter => ::metrics::describe_counter!(metric.name, metric.help),
                MetricKind::Gauge => ::metrics::describe_gauge!(metric.name, metric.help),
                MetricKind::Histogram => ::metrics::describe_histogram!(metric.name, metric.help),
            }
        }
    }

    /// Everything counted so far, in the text format of Prometheus.
    pub fn render(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            ::metrics::gauge!(names::RESIDENT_BYTES).set(bytes);
        }
        if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
            // The listing holds a descriptor itself.
            let count = u32::try_from(descriptors.count().saturating_sub(1)).unwrap_or(u32::MAX);
            ::metrics::gauge!(names::OPEN_FDS).set(f64::from(count));
        }
        self.handle.render()
    }

    /// Sorts what histograms have collected into their ranges; to be called every few seconds, because without it
    /// they grow until somebody asks for the metrics.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Resident memory of this process, from the system.
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered_with_its_description() {
        let metrics = Metrics::install().unwrap();
        assert!(matches!(Metrics::install(), Err(MetricsError::Installed)));
        ::metrics::counter!(names::STANZAS, "kind" => "message").increment(3);
        ::metrics::histogram!(names::STORE_COMMIT_SECONDS).record(0.002);
        metrics.upkeep();
        let text = metrics.render();
        assert!(text.contains("# HELP rookery_stanzas_total Stanzas routed"), "{text}");
        assert!(text.contains("rookery_stanzas_total{kind=\"message\"} 3"), "{text}");
        assert!(text.contains("rookery_store_commit_seconds_bucket{le=\"0.0025\"} 1"), "{text}");
        let resident = text
            .lines()
            .find_map(|line| line.strip_prefix("process_resident_memory_bytes "))
            .unwrap();
        assert!(resident.parse::<f64>().unwrap() > 100_000.0, "{resident}");
    }

    #[test]
    fn names_carry_their_kind_and_are_unique() {
        for (at, metric) in METRICS.iter().enumerate() {
            let total = metric.name.ends_with("_total");
            assert_eq!(total, metric.kind == MetricKind::Counter, "{}", metric.name);
            assert!(
                METRICS[at + 1..].iter().all(|other| other.name != metric.name),
                "{}",
                metric.name
            );
        }
    }
}
