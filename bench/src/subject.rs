//! The servers that are measured: where they are installed, how they are configured, started and stopped. All run on
//! loopback ports and in folders of their own; a server that the system runs is never touched.

mod ejabberd;
mod prosody;
mod rookery;

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::client::{Account, Address, Connection, KeyExchange, Tls};
use crate::error::{BenchError, Doing, subject_failed};
use crate::{interrupt, machine};

/// How long a server may take from exec to its first answer.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a server may take to end after SIGTERM.
const STOP_MAX: Duration = Duration::from_secs(20);
/// First port that is tried for the subjects, below the usual range of ephemeral ports.
const FIRST_PORT: u16 = 25_222;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Debian's ejabberd.
    Ejabberd,
    /// Debian's prosody.
    Prosody,
    /// The bare tokio-rustls relay of this crate.
    Relay,
    /// This project.
    Rookery,
}

impl Kind {
    /// Name for tables and messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ejabberd => "ejabberd",
            Self::Prosody => "prosody",
            Self::Relay => "relay",
            Self::Rookery => "Rookery",
        }
    }

    /// Whether it speaks XMPP at all.
    pub(crate) fn speaks_xmpp(self) -> bool {
        self != Self::Relay
    }
}

/// What all subjects of a run share.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// Folder of the run, 0700.
    pub(crate) dir: PathBuf,
    /// PEM file with private key and certificate.
    pub(crate) pem: PathBuf,
    /// Password of all accounts, made for this run.
    pub(crate) password: String,
    /// Processor that the server is pinned to.
    pub(crate) server_core: usize,
    /// Scheduling priority of the servers, 0 unless asked for.
    pub(crate) nice: i32,
    /// The server binary of this project.
    pub(crate) rookery: PathBuf,
    /// Its control binary.
    pub(crate) rookeryctl: PathBuf,
}

/// A server that is installed and configured.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Which one.
    pub(crate) kind: Kind,
    /// Its version in words.
    pub(crate) version: String,
    /// Where it listens.
    pub(crate) address: Address,
    site: Site,
    dir: PathBuf,
    accounts: u32,
}

/// A running server; it is stopped when dropped.
#[derive(Debug)]
pub(crate) struct Instance {
    child: Child,
    kind: Kind,
    log: PathBuf,
    /// When it was executed.
    pub(crate) started: Instant,
}

/// When a starting server showed signs of life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstSigns {
    /// Exec until a TCP connection was established.
    pub(crate) connected: Duration,
    /// Exec until a connection was answered: a stream header for XMPP, the handshake for the relay.
    pub(crate) answered: Duration,
}

impl Subject {
    /// Finds and configures a server; the error says what to install.
    pub(crate) fn new(kind: Kind, site: &Site) -> Result<Self, BenchError> {
        let version = match kind {
            Kind::Ejabberd => ejabberd::version()?,
            Kind::Prosody => prosody::version()?,
            Kind::Relay => "tokio-rustls, this crate".to_owned(),
            Kind::Rookery => rookery::version(site)?,
        };
        let dir = site.dir.join(kind.name());
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .doing(|| format!("create {}", dir.display()))?;
        let first = FIRST_PORT + 10 * kind as u16;
        let address = Address { starttls: free_port(first)?, direct: free_port(first + 1000)? };
        let subject = Self { kind, version, address, site: site.clone(), dir, accounts: 0 };
        match kind {
            Kind::Ejabberd => ejabberd::configure(&subject)?,
            Kind::Prosody => prosody::configure(&subject)?,
            Kind::Rookery => rookery::configure(&subject)?,
            Kind::Relay => {}
        }
        Ok(subject)
    }

    /// The account with the running number `number`, counted from 1.
    pub(crate) fn account(&self, number: u32, resource: &str) -> Account {
        let password = self.site.password.clone();
        Account { user: format!("u{number}"), password, resource: resource.to_owned() }
    }

    /// Makes sure that accounts 1 to `count` exist. The server must not be running.
    pub(crate) fn need_accounts(&mut self, count: u32) -> Result<(), BenchError> {
        if count > self.accounts && self.kind.speaks_xmpp() {
            machine::say(&format!("{}: making accounts up to {count}", self.kind.name()));
            let missing = self.accounts + 1..count + 1;
            match self.kind {
                Kind::Ejabberd => ejabberd::register(self, missing)?,
                Kind::Prosody => prosody::register(self, missing)?,
                Kind::Rookery => rookery::register(self, missing)?,
                Kind::Relay => {}
            }
            self.accounts = count;
        }
        Ok(())
    }

    /// Starts the server on its core and waits until it answers.
    pub(crate) fn start(&self) -> Result<Instance, BenchError> {
        let mut instance = self.execute()?;
        self.first_signs(&mut instance)?;
        Ok(instance)
    }

    /// The same, so that [`Self::control`] reaches it.
    pub(crate) fn start_for_control(&self) -> Result<Instance, BenchError> {
        let command = match self.kind {
            Kind::Ejabberd => ejabberd::node(self)?,
            _ => return self.start(),
        };
        let mut instance = self.spawn(command, "server.log")?;
        self.first_signs(&mut instance)?;
        Ok(instance)
    }

    /// The server's control tool, ready for its words. Only ejabberd and this project have one that is measured.
    pub(crate) fn control(&self) -> Result<Command, BenchError> {
        match self.kind {
            Kind::Ejabberd => Ok(ejabberd::control(self)),
            Kind::Rookery => Ok(rookery::control(self)),
            Kind::Prosody | Kind::Relay => {
                Err(BenchError::Usage(format!("{} has no control tool here", self.kind.name())))
            }
        }
    }

    /// Executes the server without waiting.
    pub(crate) fn execute(&self) -> Result<Instance, BenchError> {
        let command = match self.kind {
            Kind::Ejabberd => ejabberd::command(self)?,
            Kind::Prosody => prosody::command(self),
            Kind::Rookery => rookery::command(self),
            Kind::Relay => self.relay_command()?,
        };
        self.spawn(command, "server.log")
    }

    /// Waits for the first connection and the first answer.
    pub(crate) fn first_signs(&self, instance: &mut Instance) -> Result<FirstSigns, BenchError> {
        let tls = Tls::new(KeyExchange::Classic);
        let mut connected = None;
        loop {
            match Connection::open(self.address.starttls, None) {
                Ok(mut connection) => {
                    let connected = *connected.get_or_insert_with(|| instance.started.elapsed());
                    let answered = if self.kind.speaks_xmpp() {
                        connection.send_header().and_then(|()| connection.fill())
                    } else {
                        connection.handshake(&tls)
                    };
                    if answered.is_ok() {
                        let answered = instance.started.elapsed();
                        connection.close();
                        return Ok(FirstSigns { connected, answered });
                    }
                }
                Err(_) if instance.started.elapsed() < START_MAX => {}
                Err(error) => return Err(error),
            }
            if instance.has_ended() {
                return Err(subject_failed(self.kind.name(), "start", &instance.log));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Runs a command of the server to its end.
    fn run(&self, command: Command, doing: &str, log_name: &str) -> Result<(), BenchError> {
        let mut instance = self.spawn(command, log_name)?;
        let status = instance.child.wait().doing(|| format!("wait for {}", self.kind.name()))?;
        if status.success() {
            Ok(())
        } else {
            Err(subject_failed(self.kind.name(), doing, &instance.log))
        }
    }

    fn spawn(&self, mut command: Command, log_name: &str) -> Result<Instance, BenchError> {
        let log = self.dir.join(log_name);
        let output = File::create(&log).doing(|| format!("create {}", log.display()))?;
        let errors = output.try_clone().doing(|| "duplicate a descriptor".to_owned())?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        command.current_dir(&self.dir).env("HOME", &self.dir);
        let (core, nice) = (self.site.server_core, self.site.nice);
        // Affinity and priority are inherited, so a thread takes them on and becomes the parent.
        let spawned = std::thread::scope(|scope| {
            let spawner = scope.spawn(|| {
                machine::pin_to(core)?;
                machine::set_nice(nice)?;
                let started = Instant::now();
                let child =
                    command.spawn().doing(|| format!("execute {:?}", command.get_program()))?;
                Ok((child, started))
            });
            spawner.join().expect("the spawning thread does not panic")
        });
        let (child, started) = spawned?;
        interrupt::remember(Pid::from_child(&child));
        Ok(Instance { child, kind: self.kind, log, started })
    }

    fn relay_command(&self) -> Result<Command, BenchError> {
        let own = std::env::current_exe().doing(|| "find the own binary".to_owned())?;
        let mut command = Command::new(own);
        command.arg("relay").arg("--listen").arg(format!("127.0.0.1:{}", self.address.starttls));
        command.arg("--pem").arg(&self.site.pem);
        Ok(command)
    }
}

impl Instance {
    /// Process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the server with SIGTERM, or SIGKILL if that does not help.
    pub(crate) fn stop(mut self) -> Result<(), BenchError> {
        self.end().doing(|| format!("stop {}", self.kind.name()))
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn end(&mut self) -> std::io::Result<()> {
        if self.has_ended() {
            return Ok(());
        }
        rustix::process::kill_process(Pid::from_child(&self.child), rustix::process::Signal::TERM)?;
        let asked = Instant::now();
        while asked.elapsed() < STOP_MAX {
            if self.has_ended() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.end());
        interrupt::forget(Pid::from_child(&self.child));
    }
}

/// Version of an installed Debian package.
fn package_version(package: &str) -> Result<String, BenchError> {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output();
    match output {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        _ => Err(BenchError::Usage(format!(
            "{package} is not installed; install it with: apt-get install {package}"
        ))),
    }
}

fn free_port(first: u16) -> Result<u16, BenchError> {
    (first..first + 10)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| BenchError::Usage(format!("no free port in {first}..{}", first + 10)))
}

fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    fs::write(path, text).doing(|| format!("write {}", path.display()))
}

/// The numbers of accounts to be made.
type Numbers = Range<u32>;
