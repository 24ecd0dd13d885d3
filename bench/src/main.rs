//! Measures this project's server, two other XMPP servers and a bare TLS relay side by side in one run.

mod client;
mod error;
mod figures;
mod interrupt;
mod machine;
mod procfs;
mod relay;
mod results;
mod scram;
mod subject;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine as _;
use clap::{Parser, Subcommand};

use crate::client::Security;
use crate::error::{BenchError, Doing};
use crate::figures::Effort;
use crate::results::{Figure, Results};
use crate::subject::{Kind, Site, Subject};

#[derive(Debug, Parser)]
#[command(about = "Measures XMPP servers side by side; see bench/README.md")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All figures; writes bench/RESULTS.md unless --quick is given
    All(Options),
    /// Processor time and latency of a chat message
    Chat(Options),
    /// Time of a command of the control tool
    Ctl(Options),
    /// Memory of an idle session
    Idle(Options),
    /// Processor time of a log-in
    Login(Options),
    /// Time from exec to first accept, memory of an empty server
    Start(Options),
    /// The bare relay; started by the benchmark itself
    #[command(hide = true)]
    Relay(relay::RelayOptions),
}

#[derive(Clone, Debug, clap::Args)]
struct Options {
    /// This project's server binary
    #[arg(long, default_value = "target/release/rookery")]
    rookery: PathBuf,
    /// Its control binary [default: rookeryctl beside the server]
    #[arg(long)]
    rookeryctl: Option<PathBuf>,
    /// Servers to measure
    #[arg(long, value_delimiter = ',', default_value = "ejabberd,prosody,relay,rookery")]
    subjects: Vec<Kind>,
    /// Rounds over all servers
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// A smoke test of a minute: one short round
    #[arg(long)]
    quick: bool,
    /// Seconds of one chat measurement
    #[arg(long, default_value_t = 3.0)]
    chat_seconds: f64,
    /// Log-ins in one measurement
    #[arg(long, default_value_t = 200)]
    logins: u32,
    /// Calls of the control tool in one measurement
    #[arg(long, default_value_t = 100)]
    calls: u32,
    /// Idle sessions of every server
    #[arg(long, default_value_t = 1000)]
    idle_sessions: u32,
    /// Idle sessions of the relay and Rookery in one more round; 0 for none
    #[arg(long, default_value_t = 15_000)]
    idle_many: u32,
    /// TLS from the first byte instead of STARTTLS
    #[arg(long)]
    direct_tls: bool,
    /// Let chat clients sleep while they wait, so that servers pay for waking them
    #[arg(long)]
    sleeping_clients: bool,
    /// Processor for the servers
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Processor for the load generator
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Priority of servers and load generator, for machines with other work
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    nice: i32,
    /// File for the results, instead of bench/RESULTS.md or none
    #[arg(long)]
    out: Option<PathBuf>,
    /// Exit with 1 if a target is missed
    #[arg(long)]
    check: bool,
    /// Keep configuration, data and output of the servers
    #[arg(long)]
    keep: bool,
}

/// Which figures are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Selection {
    start: bool,
    login: bool,
    chat: bool,
    ctl: bool,
    idle: bool,
}

impl Selection {
    const ALL: Self = Self { start: true, login: true, chat: true, ctl: true, idle: true };
}

fn main() -> ExitCode {
    let none = Selection::default();
    let outcome = match Cli::parse().command {
        Command::Relay(options) => relay::serve(&options).map(|()| true),
        Command::All(options) => run(&options, Selection::ALL),
        Command::Ctl(options) => run(&options, Selection { ctl: true, ..none }),
        Command::Chat(options) => run(&options, Selection { chat: true, ..none }),
        Command::Idle(options) => run(&options, Selection { idle: true, ..none }),
        Command::Login(options) => run(&options, Selection { login: true, ..none }),
        Command::Start(options) => run(&options, Selection { start: true, ..none }),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            machine::say(&format!("bench: {error}"));
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options, selection: Selection) -> Result<bool, BenchError> {
    if machine::cores() < 2 || options.server_core == options.load_core {
        return Err(BenchError::Usage(
            "the servers and the load generator need a processor each".to_owned(),
        ));
    }
    let descriptors = machine::raise_descriptor_limit()?;
    let mut results = Results::default();
    machine_facts(&mut results, options, descriptors);
    machine::set_nice(options.nice)?;
    machine::pin_to(options.load_core)?;

    let site = site(options)?;
    interrupt::clean_up_when_interrupted((!options.keep).then(|| site.dir.clone()))?;
    let outcome = measure(options, selection, &site, descriptors, &mut results);
    if options.keep {
        machine::say(&format!("kept {}", site.dir.display()));
    } else {
        fs::remove_dir_all(&site.dir).doing(|| format!("remove {}", site.dir.display()))?;
    }
    let absent = outcome?;

    let page = results.page(&options.subjects, &absent);
    // A closed pipe is no failure of the measurement.
    drop(std::io::stdout().write_all(page.as_bytes()));
    if let Some(path) = results_path(options, selection) {
        fs::write(&path, page).doing(|| format!("write {}", path.display()))?;
    }
    Ok(!options.check || results.targets_met())
}

/// Takes all selected figures; returns the subjects that could not take part, with the reason.
fn measure(
    options: &Options,
    selection: Selection,
    site: &Site,
    descriptors: u64,
    results: &mut Results,
) -> Result<Vec<(Kind, String)>, BenchError> {
    let effort = effort(options);
    let (mut subjects, absent) = subjects(options, site, results);
    if subjects.is_empty() {
        return Err(BenchError::Usage("no server to measure".to_owned()));
    }
    if selection.start || selection.login || selection.chat {
        for subject in &mut subjects {
            subject.need_accounts(figures::login::ACCOUNTS)?;
            // The start that does not count.
            subject.start()?.stop()?;
        }
    }
    for round in 1..=effort.rounds {
        for subject in &subjects {
            machine::say(&format!("round {round} of {}: {}", effort.rounds, subject.kind.name()));
            if selection.start {
                figures::start::round(subject, &effort, results)?;
            }
            if selection.login {
                figures::login::round(subject, &effort, results)?;
            }
            if selection.chat {
                figures::chat::round(subject, &effort, results)?;
            }
            if selection.ctl {
                figures::ctl::round(subject, &effort, round, results)?;
            }
        }
    }
    if selection.idle {
        idle(&mut subjects, &effort, descriptors, results)?;
    }
    results.fact("Load average at the end", format!("{:.1}", machine::load_average()));
    Ok(absent)
}

fn idle(
    subjects: &mut [Subject],
    effort: &Effort,
    descriptors: u64,
    results: &mut Results,
) -> Result<(), BenchError> {
    // Memory varies little from run to run, and half of the subjects take long to log everybody in.
    let rounds = effort.rounds.div_ceil(2);
    for subject in &mut *subjects {
        subject.need_accounts(effort.idle)?;
    }
    for round in 1..=rounds {
        machine::say(&format!("idle round {round} of {rounds}"));
        for subject in &*subjects {
            figures::idle::round(subject, effort, Figure::Idle, effort.idle, results)?;
        }
    }
    let many = u64::from(effort.idle_many).min(descriptors.saturating_sub(500));
    let many = u32::try_from(many).unwrap_or(u32::MAX);
    if many > 0 {
        results.fact("Idle sessions, many", many.to_string());
        let fit = |subject: &&mut Subject| matches!(subject.kind, Kind::Relay | Kind::Rookery);
        for subject in subjects.iter_mut().filter(fit) {
            subject.need_accounts(many)?;
            figures::idle::round(subject, effort, Figure::IdleMany, many, results)?;
        }
    }
    Ok(())
}

/// Finds and configures the subjects; those that are not installed are named and left out.
fn subjects(
    options: &Options,
    site: &Site,
    results: &mut Results,
) -> (Vec<Subject>, Vec<(Kind, String)>) {
    let (mut found, mut absent) = (Vec::new(), Vec::new());
    for kind in options.subjects.iter().copied() {
        match Subject::new(kind, site) {
            Ok(subject) => {
                results.fact(kind.name(), subject.version.clone());
                found.push(subject);
            }
            Err(error) => {
                machine::say(&format!("{}: left out: {error}", kind.name()));
                absent.push((kind, error.to_string()));
            }
        }
    }
    (found, absent)
}

fn effort(options: &Options) -> Effort {
    let security = if options.direct_tls { Security::Direct } else { Security::StartTls };
    let sleeping_clients = options.sleeping_clients;
    if options.quick {
        let chat = Duration::from_millis(300);
        return Effort {
            rounds: 1,
            chat,
            logins: 20,
            calls: 5,
            idle: 50,
            idle_many: 0,
            security,
            sleeping_clients,
        };
    }
    Effort {
        rounds: options.rounds.max(1),
        chat: Duration::from_secs_f64(options.chat_seconds.clamp(0.1, 600.0)),
        logins: options.logins.max(1),
        calls: options.calls.max(1),
        idle: options.idle_sessions.max(1),
        idle_many: options.idle_many,
        security,
        sleeping_clients,
    }
}

fn machine_facts(results: &mut Results, options: &Options, descriptors: u64) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    results.fact("Date", machine::today());
    results.fact("Command", format!("`cargo run --release -p bench -- {}`", arguments.join(" ")));
    results.fact(
        "Machine",
        format!("{} × {}, {} GiB", machine::cores(), machine::processor(), machine::memory_gib()),
    );
    results.fact("Kernel", machine::kernel());
    results.fact("Descriptor limit", descriptors.to_string());
    results.fact(
        "Pinning",
        format!(
            "servers on processor {}, load generator on {}",
            options.server_core, options.load_core
        ),
    );
    if options.nice != 0 {
        results.fact("Priority", options.nice.to_string());
    }
    let waiting = if options.sleeping_clients { "sleeping" } else { "by polling" };
    results.fact("Clients wait", waiting);
    results.fact(
        "TLS begins",
        if options.direct_tls { "directly" } else { "by STARTTLS (relay: directly)" },
    );
    results.fact("Load average at the start", format!("{:.1}", machine::load_average()));
}

fn results_path(options: &Options, selection: Selection) -> Option<PathBuf> {
    let all = selection == Selection::ALL;
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    options.out.clone().or_else(|| (all && !options.quick).then(usual))
}

/// Makes the folder of the run with a key, a certificate and a password that are used nowhere else.
fn site(options: &Options) -> Result<Site, BenchError> {
    let dir = std::env::temp_dir().join(format!("rookery-bench-{}", std::process::id()));
    fs::DirBuilder::new().mode(0o700).create(&dir).doing(|| format!("create {}", dir.display()))?;
    let (key, certificate) = certificate()
        .map_err(|error| BenchError::Usage(format!("no certificate could be made: {error}")))?;
    let pem = dir.join("localhost.pem");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&pem)
        .doing(|| format!("create {}", pem.display()))?;
    file.write_all(key.as_bytes())
        .and_then(|()| file.write_all(certificate.as_bytes()))
        .doing(|| format!("write {}", pem.display()))?;
    let mut random = [0_u8; 12];
    aws_lc_rs::rand::fill(&mut random).expect("the kernel's random source works");
    let absolute =
        |path: &Path| std::path::absolute(path).doing(|| format!("resolve {}", path.display()));
    let rookery = absolute(&options.rookery)?;
    let rookeryctl = match &options.rookeryctl {
        Some(path) => absolute(path)?,
        None => rookery.with_file_name("rookeryctl"),
    };
    Ok(Site {
        dir,
        pem,
        password: base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random),
        server_core: options.server_core,
        nice: options.nice,
        rookery,
        rookeryctl,
    })
}

/// An ECDSA P-256 key and a certificate signed by it, both in PEM.
fn certificate() -> Result<(String, String), rcgen::Error> {
    let key = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::new(vec![client::HOST.to_owned()])?;
    // rcgen's usual years, 1975 to 4096, are too many for the certificate handling of ejabberd.
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 1, 1);
    let certificate = params.self_signed(&key)?;
    Ok((key.serialize_pem(), certificate.pem()))
}
