//! The security audit: every check that doors, modules and services declare, asked about the settings in force.
//!
//! `rookery check` shows what it finds, a start and a reload log it, and the command `security_audit` gives it anew.
//! `docs/audit.md` is written from the same declarations.

use kernel::Kernel;
use kernel::commands::{Command, CommandError, Field, Shape, Value, Version, field};
use netio::{CertOptions, CertProblem, CertReport, CertStore};
use parking_lot::Mutex;
use settings::audit::{Check, Declared, Facts, Finding, Findings, Guide, Per, Severity, judge};
use settings::{Config, Loaded, Places, Problem, Sources, exposure};

use crate::lists;

/// Files that others can get at, as a fact: told only where the start was allowed nevertheless.
struct ExposedFiles(Vec<exposure::Finding>);

/// What the server as a process declares.
const CHECKS: &[Check] = &[Check {
    id: "files-exposed",
    about: "files of the server that other users of the machine can read or change (docs/files.md)",
    why: "passwords, keys, the cookie, messages and addresses are in them",
    guide: Guide::Files,
    severity: Severity::Serious,
    per: Per::Server,
    judge: |view| {
        let exposed = view.fact::<ExposedFiles>().into_iter().flat_map(|files| &files.0);
        let told = |one: &exposure::Finding| {
            let title =
                format!("{}: {}", one.path.display().to_string().escape_debug(), one.reason);
            Problem::general(title).help(one.mend.clone())
        };
        exposed.map(told).collect()
    },
}];

/// Everything that is declared, services first, then doors and modules.
pub(crate) fn declared() -> Vec<Declared> {
    let mut all = vec![
        Declared { by: "files", checks: CHECKS },
        Declared { by: "TLS and certificates", checks: netio::CHECKS },
        Declared { by: "accounts", checks: accounts::CHECKS },
        Declared { by: "commands", checks: admin::CHECKS },
        Declared { by: "log", checks: observe::CHECKS },
        Declared { by: "Erlang nodes", checks: erldist::CHECKS },
    ];
    for door in lists::DOORS.iter().copied().flatten() {
        all.push(Declared { by: door.name, checks: netio::LISTENER_CHECKS });
        all.push(Declared { by: door.name, checks: door.checks });
    }
    let modules = lists::MODULES.iter().copied().flatten();
    all.extend(modules.map(|module| Declared { by: module.name, checks: module.checks }));
    all
}

/// What the settings do not say.
#[derive(Clone, Default)]
pub(crate) struct Surroundings {
    /// The Erlang door, if it is asked for.
    pub(crate) erlang: Option<erldist::Door>,
    /// What others can get at, where the start was allowed nevertheless.
    pub(crate) exposed: Vec<exposure::Finding>,
}

impl Surroundings {
    pub(crate) fn new(
        erlang: Option<&erldist::Options>,
        places: &Places,
        exposed: &[exposure::Finding],
    ) -> Self {
        let door = |options: &erldist::Options| {
            erldist::Door::gather(options.clone(), places.node.clone())
        };
        Self { erlang: erlang.map(door), exposed: exposed.to_vec() }
    }

    fn run(&self, config: &Config, certificates: Vec<CertProblem>) -> Findings {
        let mut facts = Facts::default()
            .with(CertReport(certificates))
            .with(ExposedFiles(self.exposed.clone()));
        if let Some(door) = &self.erlang {
            facts = facts.with(door.clone());
        }
        judge(config, &facts, &declared())
    }
}

/// The audit of a configuration that no server runs with. Certificates are read; none is made.
pub(crate) fn of_file(loaded: &Loaded, surroundings: &Surroundings) -> Findings {
    let options = CertOptions::from_config(&loaded.config, None);
    let (_, certificates) = CertStore::open(&options, kernel::Clock::system().wall().into());
    surroundings.run(&loaded.config, certificates)
}

/// What the command needs to repeat the audit.
#[derive(Default)]
struct Latest(Mutex<(Surroundings, Sources)>);

/// Keeps what the command needs; from then on it can be given.
pub(crate) fn keep(kernel: &Kernel, surroundings: Surroundings, sources: &Sources) {
    *kernel.shared::<Latest>().0.lock() = (surroundings, sources.without_texts());
}

/// Logs what is found in short.
pub(crate) fn log(kernel: &Kernel) {
    let (surroundings, sources) = kernel.shared::<Latest>().0.lock().clone();
    let findings = again(kernel, &surroundings);
    // What certificates and files have is logged as it is found.
    let logged = |finding: &&Finding| {
        !finding.check.id.starts_with("certificate-") && finding.check.id != "files-exposed"
    };
    for finding in findings.list().iter().filter(logged) {
        let (check, place) = (finding.check.id, place(finding, &sources));
        let (title, mend) = (finding.problem.title(), finding.mend());
        match finding.check.severity {
            Severity::Advice => tracing::debug!(check, place, mend, "{title}"),
            severity => tracing::warn!(check, %severity, place, mend, "{title}"),
        }
    }
}

/// The reload leaves the surroundings as they are.
pub(crate) fn log_reloaded(kernel: &Kernel, exposed: Vec<exposure::Finding>, sources: &Sources) {
    let erlang = kernel.shared::<Latest>().0.lock().0.erlang.clone();
    keep(kernel, Surroundings { erlang, exposed }, sources);
    log(kernel);
}

/// `file:line:column`, or a dash for what stands in no file.
fn place(finding: &Finding, sources: &Sources) -> String {
    let pos = finding.problem.pos();
    if pos.is_built_in() { "-".to_owned() } else { sources.place(pos) }
}

fn again(kernel: &Kernel, surroundings: &Surroundings) -> Findings {
    let certificates = kernel.certs().problems(kernel.clock().wall().into());
    surroundings.run(&kernel.config(), certificates)
}

/// The report of `rookery check`: each finding for people, and the sum of all in one line.
pub(crate) fn report(
    findings: &Findings,
    sources: &Sources,
    colour: bool,
) -> (Vec<String>, String) {
    let each = findings.list().iter().map(|finding| finding.render(sources, colour)).collect();
    let count = |severity| format!("{} {severity}", findings.count(severity));
    let all = [Severity::Serious, Severity::Warning, Severity::Advice].map(count).join(", ");
    let more = match findings.left_out() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (each, format!("Security audit: {all}{more} (see docs/audit.md)"))
}

const FINDING: Field = field(
    "finding",
    Shape::Tuple(&[
        field("severity", Shape::Word),
        field("check", Shape::Text),
        field("place", Shape::Text),
        field("what", Shape::Text),
        field("mend", Shape::Text),
    ]),
);

/// The commands of this crate; ejabberd has none of this name.
pub(crate) const COMMANDS: &[Command] = &[Command {
    name: "security_audit",
    tags: &["config"],
    about: "Judge the settings in force: what is exposed, where, and how to mend it",
    detail: "The worst first. `docs/audit.md` lists every check.",
    versions: &[Version {
        result: field("findings", Shape::List(&FINDING)),
        run: |call| {
            Box::pin(async move {
                let latest = call.kernel.shared::<Latest>();
                let (surroundings, sources) = latest.0.lock().clone();
                let findings = again(call.kernel, &surroundings);
                let told = |finding: &Finding| {
                    Value::Tuple(vec![
                        Value::text(finding.check.severity.to_string()),
                        Value::text(finding.check.id),
                        Value::text(place(finding, &sources)),
                        Value::text(finding.problem.title()),
                        Value::text(finding.mend()),
                    ])
                };
                Ok::<_, CommandError>(Value::List(findings.list().iter().map(told).collect()))
            })
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
}];
