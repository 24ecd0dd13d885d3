//! A server from its start to its end.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, RelaySeal};
use kernel::doors::{Doors, DoorsError, Prepared};
use kernel::{Clock, CloseReason, Control, Kernel, Parts, random};
use netio::{CertOptions, CertStore, Inherited, Severity};
use observe::{LogFormat, LogOptions, Logging, Metrics, MetricsListener};
use settings::exposure::Finding;
use settings::{Config, Loaded, Places, Problem, Problems, Sources};
use store::{OpenOptions, Store};

use crate::arguments::{Arguments, MetricsPlace};
use crate::audit::{self, Surroundings};
use crate::boot::{self, Boot};
use crate::control::{Request, Requests};
use crate::erlang;
use crate::files::{self, PidFile};
use crate::lists;
use crate::say;
use crate::signals::{Asked, Signals};

/// How long sessions may take to end at a shutdown.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// Time for the answer to whoever asks for an end at once.
const HALT_PAUSE: Duration = Duration::from_millis(100);
/// How often histograms are condensed, and metrics told what the kernel has counted.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How often certificates are looked at for change.
const CERTS_INTERVAL: Duration = Duration::from_secs(60);

/// Runs the server in the foreground.
pub(crate) fn serve(arguments: &Arguments) -> ExitCode {
    // Sockets are limited by descriptors first of all; a refusal leaves what there is.
    drop(rlimit::increase_nofile_limit(u64::MAX));
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let boot = match boot::boot(arguments) {
        Ok(boot) => boot,
        Err(boot::BootError::Config(problems)) => {
            return say::refused(&problems.render(say::is_terminal()));
        }
    };
    if boot.places.spool.metadata().is_ok_and(|data| !data.is_dir()) {
        // What would be told of its mode and its owner is not the point.
        let why = make_places(&boot.places).err().map_or_else(String::new, |why| why.to_string());
        return say::refused(&format!("rookery cannot start: {why}"));
    }
    let exposed = files::findings(&boot.places, &boot.loaded, rustix::process::geteuid().as_raw());
    let allowed = arguments.places().allow_exposed_files;
    if !exposed.is_empty() {
        let refusal = files::refusal(&exposed);
        if !allowed {
            return say::refused(&format!("rookery does not start: {refusal}"));
        }
        say::warned(&refusal);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return say::refused(&format!("no threads can be started: {error}")),
    };
    match runtime.block_on(run(arguments, boot, &exposed)) {
        Ok(End::Stop) => ExitCode::SUCCESS,
        Ok(End::Restart) => restart(),
        Ok(End::Halt) => {
            // Tasks and the store are left where they are.
            runtime.shutdown_background();
            ExitCode::FAILURE
        }
        Err(why) => say::refused(&format!("rookery cannot start: {why}")),
    }
}

/// Why a server ended well.
enum End {
    Stop,
    Restart,
    Halt,
}

/// Why a server cannot start; each says what to do about it.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("{what} {} cannot be made or used: {source}; name another one with {option} DIR", path.display())]
    Folder { what: &'static str, path: PathBuf, option: &'static str, source: io::Error },
    #[error(transparent)]
    Log(#[from] observe::LogError),
    #[error(transparent)]
    Store(#[from] store::OpenError),
    #[error("the database cannot be read: {0}")]
    Read(#[from] store::StoreError),
    #[error("the configuration is wrong:\n{}", .0.render(false))]
    Config(Problems),
    #[error(transparent)]
    Listen(#[from] netio::BindError),
    #[error("{0}")]
    Erlang(String),
    #[error(transparent)]
    ErlangDoor(#[from] erldist::StartError),
    #[error("the control socket cannot be opened: {0}")]
    Control(io::Error),
    #[error("the pid file cannot be written: {0}")]
    Pid(io::Error),
}

/// A running server.
struct Server {
    places: Places,
    kernel: Kernel,
    doors: Doors,
    logging: Arc<Logging>,
    log_format: LogFormat,
    /// Whether files that others can get at are refused.
    guard: bool,
}

/// Opens the log and serves. What keeps the server from starting is in a log file, too: nobody may look at the terminal.
async fn run(arguments: &Arguments, boot: Boot, exposed: &[Finding]) -> Result<End, StartError> {
    let _pid_file = make_places(&boot.places)?;
    let log_format = if arguments.places().log_json { LogFormat::Json } else { LogFormat::Text };
    let log_file = boot.places.log_file();
    let in_file = log_file.is_some();
    let log_options = LogOptions {
        audit: Some(boot.places.audit_file()),
        ..LogOptions::from_section(boot.loaded.config.global(), log_format, log_file)
    };
    let logging = Arc::new(Logging::install(&log_options)?);
    let end = serve_until_end(arguments, boot, exposed, (logging.clone(), log_format)).await;
    if let Err(why) = &end
        && in_file
    {
        tracing::error!("the server cannot start: {why}");
        logging.flush(Duration::from_secs(1));
    }
    end
}

async fn serve_until_end(
    arguments: &Arguments,
    boot: Boot,
    exposed: &[Finding],
    (logging, log_format): (Arc<Logging>, LogFormat),
) -> Result<End, StartError> {
    let Boot { places, loaded } = boot;
    files::complain(exposed);
    // Nobody can mend the embedded defaults.
    let own = if places.config.is_some() { loaded.notes.as_slice() } else { &[] };
    for note in
        own.iter().chain(&loaded.config.set_but_not_in_force(&lists::in_force(&loaded.config)))
    {
        tracing::warn!("{}: {}", loaded.sources.place(note.problem.pos()), note.problem.title());
    }
    for note in boot::ctl_notes(&places, false) {
        tracing::warn!("{}", note.lines().next().unwrap_or_default());
    }
    let mut signals = Signals::install().map_err(StartError::Control)?;
    let (requests, mut asked) = Requests::new();
    let kernel =
        start_kernel(&places, loaded.config.clone(), &loaded.sources, exposed.is_empty()).await?;
    let restored = xmpp::restore_sessions(&kernel).await?;
    if restored > 0 {
        tracing::info!(restored, "sessions wait for their clients since before the restart");
    }
    let erlang = erlang::options(arguments, &places, &loaded.config).map_err(StartError::Erlang)?;
    audit::keep(&kernel, Surroundings::new(erlang.as_ref(), &places, exposed), &loaded.sources);
    let doors = Doors::new(lists::DOORS, &places.spool);
    let guard = !arguments.places().allow_exposed_files;
    let server = Server { places, kernel, doors, logging, log_format, guard };
    let running = server.places.running_commands();
    if let Err(error) = admin::tell_cut_off(&server.kernel, &running) {
        tracing::warn!(file = %running.display(), %error, "a crash during a command could not be told");
    }
    // Before the first command and the first client: what comes earlier is neither counted nor kept.
    server.serve_metrics(arguments.places().metrics).await;
    server.keep_relay_keys(&loaded.config);
    // Before the doors, so that whoever sees a port open can give commands.
    server.open_control(requests, arguments)?;
    let mut inherited = Inherited::from_environment();
    let prepared = server.prepare_doors(&loaded.config, &loaded.sources, &mut inherited)?;
    server.doors.commit(&server.kernel, prepared);
    let node = match &erlang {
        Some(options) => Some(erlang::open(&server.kernel, options.clone()).await?),
        None => None,
    };
    server.watch_certificates();
    server.announce(&loaded.config, node.as_ref()).await;
    audit::log(&server.kernel);
    let end = loop {
        let request = tokio::select! {
            signal = signals.next() => match signal {
                Asked::Stop => Request::Stop,
                Asked::Reload => Request::Reload(None),
            },
            request = asked.next() => request,
        };
        if let Some(end) = server.deal_with(request).await {
            break end;
        }
    };
    match end {
        End::Stop | End::Restart => server.stop().await,
        End::Halt => server.halt().await,
    }
    Ok(end)
}

/// The folders, and the pid file for as long as the server runs.
fn make_places(places: &Places) -> Result<Option<PidFile>, StartError> {
    make_folder("the data folder", &places.spool, "--spool")?;
    if let Some(logs) = &places.logs {
        make_folder("the log folder", logs, "--logs")?;
    }
    places.pid_file.as_deref().map(PidFile::write).transpose().map_err(StartError::Pid)
}

fn make_folder(what: &'static str, path: &Path, option: &'static str) -> Result<(), StartError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| {
        let source = match source.kind() {
            io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
            _ => source,
        };
        StartError::Folder { what, path: path.to_owned(), option, source }
    })
}

async fn start_kernel(
    places: &Places,
    config: Config,
    sources: &Sources,
    guard: bool,
) -> Result<Kernel, StartError> {
    let mut tables: Vec<&store::TableSet> = accounts::TABLES.to_vec();
    tables.extend(
        lists::MODULES.iter().copied().flatten().flat_map(|module| module.tables.iter().copied()),
    );
    let mut database = OpenOptions::new(database(places, &config));
    // What is wrong otherwise was told, and allowed.
    database.refuse_exposed = guard;
    let store = Store::open(&database, &tables)?;
    let options = accounts::Options::from_config(&config);
    let accounts = Accounts::open(store.clone(), options, random::bytes).await?;
    let clock = Clock::system();
    let options = CertOptions::from_config(&config, Some(places.certificates()));
    let (certs, problems) = CertStore::open(&options, clock.wall().into());
    say_certificates(&problems);
    let commands = lists::OWN_COMMANDS.concat();
    let parts = Parts {
        store,
        accounts,
        certs,
        clock,
        modules: lists::MODULES,
        commands,
        node: places.node.clone(),
    };
    Kernel::start(parts, config).map_err(|found| wrong(found, sources))
}

/// `sql_database` where it is a file, else the file of the data folder.
pub(crate) fn database(places: &Places, config: &Config) -> PathBuf {
    let named = config.global().text("sql_database").filter(|name| name.contains('/'));
    named.map_or_else(|| places.database(), |name| places.spool.join(name))
}

fn wrong(found: Vec<Problem>, sources: &Sources) -> StartError {
    let mut problems = Problems::new(sources.clone());
    problems.extend(found);
    StartError::Config(problems)
}

fn say_certificates(problems: &[netio::CertProblem]) {
    for problem in problems {
        match problem.severity() {
            Severity::Warning => tracing::warn!("{problem}"),
            _ => tracing::error!("{problem}"),
        }
    }
}

impl Server {
    /// Does what is asked of the process; says whether it is to end.
    async fn deal_with(&self, request: Request) -> Option<End> {
        match request {
            Request::Stop => return Some(End::Stop),
            Request::Restart => return Some(End::Restart),
            Request::Halt => return Some(End::Halt),
            Request::CloseDoors(answer) => {
                self.doors.close();
                if answer.send(()).is_err() {
                    tracing::debug!("whoever closed the doors is gone");
                }
            }
            Request::Reload(answer) => {
                self.logging.reopen();
                let result = self.reload().await;
                if let Err(why) = &result {
                    tracing::error!(
                        "the configuration was not reloaded and nothing has changed:\n{why}"
                    );
                }
                if let Some(answer) = answer {
                    // The one who asked may be gone.
                    drop(answer.send(result));
                }
            }
            Request::Log(change) => change.apply(&self.logging),
        }
        None
    }

    /// Keeps keys of passwords while a listener wants them.
    fn keep_relay_keys(&self, config: &Config) {
        let realms = turn::realms(config);
        let seal = || RelaySeal::open(&self.places.relay_key(), random::bytes());
        let seal = (!realms.is_empty()).then(seal).transpose().unwrap_or_else(|error| {
            tracing::error!(%error, "accounts without clear text cannot log in to relays");
            None
        });
        self.kernel.accounts().keep_relay_keys(seal, realms);
    }

    fn prepare_doors(
        &self,
        config: &Config,
        sources: &Sources,
        inherited: &mut Inherited,
    ) -> Result<Prepared, StartError> {
        self.doors.prepare(&self.kernel, config, inherited).map_err(|error| match error {
            DoorsError::Options(found) => wrong(found, sources),
            DoorsError::Bind(error) => StartError::Listen(error),
        })
    }

    fn open_control(&self, requests: Requests, arguments: &Arguments) -> Result<(), StartError> {
        let path = self.places.control_socket();
        let group = boot::control_group(arguments, &self.places).map_err(StartError::Control)?;
        let socket = admin::control::bind(&path, group).map_err(StartError::Control)?;
        let serving = admin::control::serve(self.kernel.clone(), socket, Arc::new(requests));
        self.kernel.tasks().spawn("control", serving);
        Ok(())
    }

    /// Metrics are a help, not a duty: a taken port is said and no reason to stop.
    async fn serve_metrics(&self, place: MetricsPlace) {
        let MetricsPlace::At(address) = place else { return };
        let metrics = match Metrics::install() {
            Ok(metrics) => metrics,
            Err(error) => return tracing::warn!(%error, "no metrics are collected"),
        };
        let listener = match MetricsListener::bind(address, false).await {
            Ok(listener) => listener,
            Err(error) => return tracing::warn!(%error, "metrics are not served"),
        };
        let mut stopping = self.kernel.tasks().stopping();
        let kernel = self.kernel.clone();
        self.kernel.tasks().spawn("metrics", async move {
            let upkeep = async {
                loop {
                    kernel.report_metrics();
                    tokio::time::sleep(UPKEEP_INTERVAL).await;
                    metrics.upkeep();
                }
            };
            tokio::select! {
                never = listener.serve(metrics.clone()) => match never {},
                () = upkeep => {}
                () = stopping.wait() => {}
            }
        });
    }

    /// Takes renewed certificates into use without being asked.
    fn watch_certificates(&self) {
        let kernel = self.kernel.clone();
        let mut stopping = kernel.tasks().stopping();
        self.kernel.tasks().spawn("certificates", async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(CERTS_INTERVAL) => {}
                    () = stopping.wait() => return,
                }
                let now = kernel.clock().wall().into();
                if kernel.certs().changed(now) {
                    tracing::info!("certificate files have changed and are read again");
                    say_certificates(&kernel.certs().reload(&kernel.certs().options(), now));
                }
            }
        });
    }

    async fn announce(&self, config: &Config, node: Option<&erldist::Node>) {
        let mut has_accounts = false;
        for host in config.hosts() {
            has_accounts |=
                self.kernel.accounts().count(host, "").await.is_ok_and(|count| count > 0);
        }
        let mut listening = self.doors.list();
        listening.extend(node.into_iter().flat_map(|node| node.places().iter().cloned()));
        say::started(&self.places, &listening, config.first_host(), has_accounts);
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            hosts = config.hosts().len(),
            "started"
        );
        // Without a service manager there is nobody to notify.
        drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
    }

    /// Puts the configuration as it is now in force, wholly or not at all.
    async fn reload(&self) -> Result<String, String> {
        let loaded = boot::load(&self.places).map_err(|problems| problems.render(false))?;
        let own = rustix::process::geteuid().as_raw();
        let exposed = files::findings(&self.places, &loaded, own);
        if self.guard && !exposed.is_empty() {
            return Err(files::refusal(&exposed));
        }
        let Loaded { config, sources, notes } = loaded;
        // Whatever can be wrong is found before anything is changed.
        let prepared = self
            .prepare_doors(&config, &sources, &mut Inherited::default())
            .map_err(|error| error.to_string())?;
        self.kernel.reload(config.clone()).map_err(|found| wrong(found, &sources).to_string())?;
        self.keep_relay_keys(&config);
        self.doors.commit(&self.kernel, prepared);
        let log_options =
            LogOptions::from_section(config.global(), self.log_format, self.places.log_file());
        self.logging.reconfigure(&log_options);
        let options = CertOptions::from_config(&config, Some(self.places.certificates()));
        say_certificates(&self.kernel.certs().reload(&options, self.kernel.clock().wall().into()));
        audit::log_reloaded(&self.kernel, exposed, &sources);
        let notes = notes.into_iter().chain(config.set_but_not_in_force(&lists::in_force(&config)));
        let notes: Vec<String> = notes.map(|note| note.render(&sources, false)).collect();
        tracing::info!("the configuration was reloaded");
        Ok(notes.join("\n"))
    }

    /// Nothing more than what whoever looks on must see.
    async fn halt(&self) {
        tracing::warn!("halting: an administrator asked for an end at once");
        tokio::time::sleep(HALT_PAUSE).await;
        self.logging.flush(Duration::from_secs(1));
    }

    /// No new connections, every client told, everything stored.
    async fn stop(&self) {
        drop(sd_notify::notify(&[sd_notify::NotifyState::Stopping]));
        tracing::info!("stopping");
        self.doors.close();
        for session in self.kernel.sessions().all() {
            drop(session.mailbox().control(Control::Close(CloseReason::Shutdown)));
        }
        let left = self.kernel.tasks().stop(STOP_PATIENCE).await;
        if left > 0 {
            tracing::warn!(left, "some tasks did not end in time");
        }
        if let Err(error) = self.kernel.store().close().await {
            tracing::error!(%error, "the database was not closed in order; nothing acknowledged is lost");
        }
        tracing::info!("stopped");
        self.logging.flush(Duration::from_secs(2));
    }
}

/// Becomes a new process of the same program, with the same arguments.
fn restart() -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = match std::env::current_exe() {
        Ok(program) => std::process::Command::new(program).args(std::env::args_os().skip(1)).exec(),
        Err(error) => error,
    };
    say::refused(&format!("rookery cannot be started again: {error}"))
}
