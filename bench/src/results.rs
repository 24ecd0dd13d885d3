//! The figures: their definition in one table, the samples of a run, the judgement, and the page that shows them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::subject::Kind;

/// What this project promises about a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// Information only.
    None,
    /// At most so much, in the figure's unit.
    AtMost(f64),
    /// At most so many times the relay's figure of the same run.
    TimesRelay(f64),
}

/// One line of the result table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    ChatOne,
    ChatFour,
    ChatOneManaged,
    ChatFourManaged,
    LatencyOneP50,
    LatencyOneP99,
    LatencyFourP50,
    LatencyFourP99,
    LoginScram,
    LoginPlain,
    Handshake,
    LoginScramHybrid,
    HandshakeHybrid,
    Idle,
    IdleMany,
    Empty,
    StartAccept,
    StartAnswer,
    ControlStatus,
    ControlRegister,
}

/// All figures in the order of the table.
const FIGURES: [Figure; 20] = [
    Figure::ChatOne,
    Figure::ChatFour,
    Figure::ChatOneManaged,
    Figure::ChatFourManaged,
    Figure::LatencyOneP50,
    Figure::LatencyOneP99,
    Figure::LatencyFourP50,
    Figure::LatencyFourP99,
    Figure::LoginScram,
    Figure::LoginPlain,
    Figure::Handshake,
    Figure::LoginScramHybrid,
    Figure::HandshakeHybrid,
    Figure::Idle,
    Figure::IdleMany,
    Figure::Empty,
    Figure::StartAccept,
    Figure::StartAnswer,
    Figure::ControlStatus,
    Figure::ControlRegister,
];

impl Figure {
    /// Name, unit and target.
    pub(crate) fn definition(self) -> (&'static str, &'static str, Target) {
        use Target::{AtMost, None, TimesRelay};
        match self {
            Self::ChatOne => ("Chat, 1 outstanding", "µs CPU/message", TimesRelay(2.0)),
            Self::ChatFour => ("Chat, 4 outstanding", "µs CPU/message", TimesRelay(4.0)),
            Self::ChatOneManaged => ("Chat, 1 outstanding, XEP-0198", "µs CPU/message", None),
            Self::ChatFourManaged => ("Chat, 4 outstanding, XEP-0198", "µs CPU/message", None),
            Self::LatencyOneP50 => ("Latency p50, 1 outstanding", "µs", None),
            Self::LatencyOneP99 => ("Latency p99, 1 outstanding", "µs", None),
            Self::LatencyFourP50 => ("Latency p50, 4 outstanding", "µs", None),
            Self::LatencyFourP99 => ("Latency p99, 4 outstanding", "µs", None),
            Self::LoginScram => ("Log-in, SCRAM-SHA-1, X25519", "ms CPU", AtMost(0.8)),
            Self::LoginPlain => ("Log-in, PLAIN, X25519", "ms CPU", AtMost(3.0)),
            Self::Handshake => ("TLS handshake alone, X25519", "ms CPU", None),
            Self::LoginScramHybrid => {
                ("Log-in, SCRAM-SHA-1, X25519MLKEM768", "ms CPU", AtMost(0.8))
            }
            Self::HandshakeHybrid => ("TLS handshake alone, X25519MLKEM768", "ms CPU", None),
            Self::Idle => ("Idle session", "KiB", AtMost(14.0)),
            Self::IdleMany => ("Idle session, many", "KiB", AtMost(14.0)),
            Self::Empty => ("Empty server, resident", "MiB", AtMost(12.0)),
            Self::StartAccept => ("Exec to first TCP connection", "ms", AtMost(50.0)),
            Self::StartAnswer => ("Exec to first answer", "ms", None),
            Self::ControlStatus => ("Control tool, `status`", "ms/call", AtMost(10.0)),
            Self::ControlRegister => ("Control tool, `register`", "ms/call", AtMost(10.0)),
        }
    }
}

/// All samples of a run.
#[derive(Debug, Default)]
pub(crate) struct Results {
    samples: BTreeMap<(Figure, Kind), Vec<f64>>,
    /// Facts in the order in which they were learnt.
    facts: Vec<(String, String)>,
}

/// Median and extremes of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Results {
    /// Adds one sample.
    pub(crate) fn add(&mut self, figure: Figure, kind: Kind, value: f64) {
        let (name, unit, _) = figure.definition();
        crate::machine::say(&format!("  {:<9} {name}: {} {unit}", kind.name(), number(value)));
        self.samples.entry((figure, kind)).or_default().push(value);
    }

    /// Adds a fact for the head of the page; a repeated one is ignored.
    pub(crate) fn fact(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let fact = (name.into(), value.into());
        if !self.facts.contains(&fact) {
            self.facts.push(fact);
        }
    }

    /// Whether every target that could be judged was met.
    pub(crate) fn targets_met(&self) -> bool {
        FIGURES.iter().all(|figure| self.judge(*figure) != Some(false))
    }

    /// The page in Markdown; `absent` says why a subject has no figures.
    pub(crate) fn page(&self, kinds: &[Kind], absent: &[(Kind, String)]) -> String {
        let mut page = String::from(
            "# Results\n\nWritten by the benchmark itself; how each figure is defined stands in [README.md](README.md).\n\
             Median of all rounds, least and most in brackets.\n\n| | |\n|---|---|\n",
        );
        for (name, value) in &self.facts {
            line(&mut page, format_args!("| {name} | {value} |"));
        }
        page.push_str("\n| figure | unit |");
        kinds.iter().for_each(|kind| page.push_str(&format!(" {} |", kind.name())));
        page.push_str(" target for Rookery | met |\n|---|---|");
        kinds.iter().for_each(|_| page.push_str("---:|"));
        page.push_str("---|---|\n");
        for figure in FIGURES {
            self.row(&mut page, figure, kinds);
        }
        for (kind, reason) in absent {
            line(&mut page, format_args!("\n{}: not measured: {reason}", kind.name()));
        }
        page
    }

    fn row(&self, page: &mut String, figure: Figure, kinds: &[Kind]) {
        let cells: Vec<_> = kinds.iter().map(|kind| self.spread(figure, *kind)).collect();
        if cells.iter().all(Option::is_none) {
            return;
        }
        let (name, unit, target) = figure.definition();
        page.push_str(&format!("| {name} | {unit} |"));
        for cell in cells {
            let text = cell.map_or("–".to_owned(), |cell| {
                format!("{} ({}–{})", number(cell.median), number(cell.least), number(cell.most))
            });
            page.push_str(&format!(" {text} |"));
        }
        let target = match (target, self.limit(figure)) {
            (Target::None, _) => "–".to_owned(),
            (Target::AtMost(limit), _) => format!("≤ {limit}"),
            (Target::TimesRelay(times), None) => format!("≤ {times} × relay"),
            (Target::TimesRelay(times), Some(limit)) => {
                format!("≤ {times} × relay = {}", number(limit))
            }
        };
        let met = match (target.as_str(), self.judge(figure)) {
            ("–", _) => "–",
            (_, None) => "pending",
            (_, Some(true)) => "yes",
            (_, Some(false)) => "**no**",
        };
        line(page, format_args!(" {target} | {met} |"));
    }

    fn limit(&self, figure: Figure) -> Option<f64> {
        match figure.definition().2 {
            Target::None => None,
            Target::AtMost(limit) => Some(limit),
            Target::TimesRelay(times) => Some(times * self.spread(figure, Kind::Relay)?.median),
        }
    }

    fn judge(&self, figure: Figure) -> Option<bool> {
        let rookery = self.spread(figure, Kind::Rookery)?;
        Some(rookery.median <= self.limit(figure)?)
    }

    fn spread(&self, figure: Figure, kind: Kind) -> Option<Spread> {
        let mut sorted = self.samples.get(&(figure, kind))?.clone();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Spread { median, least, most })
    }
}

/// The value below which `share` of the samples lie; 0 if there are none.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of a few million"
    )]
    let index = ((sorted.len() as f64) * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// Three significant digits.
fn number(value: f64) -> String {
    let size = value.abs();
    if size < 1.0 {
        format!("{value:.3}")
    } else if size < 10.0 {
        format!("{value:.2}")
    } else if size < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_follows_the_relay_of_the_same_run() {
        let mut results = Results::default();
        for value in [10.0, 30.0, 20.0] {
            results.add(Figure::ChatOne, Kind::Relay, value);
        }
        assert_eq!(results.judge(Figure::ChatOne), None);
        results.add(Figure::ChatOne, Kind::Rookery, 40.0);
        assert_eq!(results.judge(Figure::ChatOne), Some(true));
        results.add(Figure::ChatOne, Kind::Rookery, 40.4);
        assert_eq!(results.judge(Figure::ChatOne), Some(false));
        assert!(!results.targets_met());
    }

    #[test]
    fn page_marks_what_is_pending() {
        let mut results = Results::default();
        results.add(Figure::Idle, Kind::Ejabberd, 80.0);
        let page = results.page(&[Kind::Ejabberd, Kind::Rookery], &[]);
        assert!(
            page.contains("| Idle session | KiB | 80.0 (80.0–80.0) | – | ≤ 14 | pending |"),
            "{page}"
        );
    }

    #[test]
    fn percentiles() {
        let sorted: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 0.5).to_bits(), 50.0_f64.to_bits());
        assert_eq!(percentile(&sorted, 0.99).to_bits(), 99.0_f64.to_bits());
        assert_eq!(percentile(&[], 0.5).to_bits(), 0.0_f64.to_bits());
    }
}
