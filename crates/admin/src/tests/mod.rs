//! Commands on a kernel in this process, and the table against ejabberd's facts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use accounts::Accounts;
use kernel::commands::{Call, Command, CommandError, Shape, Value, Version, field};
use kernel::{
    Asking, Clock, ConnectionInfo, Kernel, MailboxBounds, Parts, ServerControl, SessionHandle,
    random,
};
use netio::{CertOptions, CertStore};
use observe::{LogLevel, LogOptions, LogWatch, Logging};
use parking_lot::Mutex;
use settings::{Inputs, Source};
use store::TableSet;
use store::testing::ScratchStore;
use tokio::sync::Notify;

use crate::ctl::{self, Manner, Reply};
use crate::{Caller, Process as CallingProcess};

mod commands;
mod examples;
mod over_http;
mod people;
mod records;
mod rosters;
mod sessions;
mod socket;

const CONFIG: &str = "
hosts: [talk.test, few.test]
acl:
  admin:
    user: chief@talk.test
access_rules:
  configure:
    allow: admin
modules:
  mod_admin_extra: {}
  mod_last: {}
  mod_offline: {}
  mod_private: {}
  mod_roster: {}
  mod_vcard: {}
";

/// The modules whose commands are tried.
const LISTS: &[&[kernel::ModuleEntry]] = &[crate::MODULES, modules::MODULES];

/// A kernel with a store of its own and a process that only counts.
pub(crate) struct Bench {
    pub(crate) kernel: Kernel,
    process: Arc<Process>,
    store: ScratchStore,
}

#[derive(Default)]
struct Process {
    stops: AtomicUsize,
    halts: AtomicUsize,
    closes: AtomicUsize,
    /// The log that is watched, if any.
    logging: Mutex<Option<Logging>>,
    /// Told when the log is reopened.
    reopened: Notify,
}

/// A long command: it tells how far it is, and reopens the log at its end.
const COUNT: Command = Command {
    name: "count",
    versions: &[Version {
        result: field("number", Shape::Integer),
        run: |Call { kernel, progress, .. }| {
            Box::pin(async move {
                for number in 1..=3 {
                    progress.tell(format!("{number} of 3"));
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                if let Some(process) = kernel.control() {
                    process.reopen_log().await.map_err(CommandError::failed)?;
                }
                Ok(Value::Integer(3))
            })
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

impl ServerControl for Process {
    fn stop(&self) -> Asking<'_, ()> {
        self.stops.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }
    fn restart(&self) -> Asking<'_, ()> {
        Box::pin(async { Err("not here".to_owned()) })
    }
    fn halt(&self) -> Asking<'_, ()> {
        self.halts.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }
    fn close_doors(&self) -> Asking<'_, ()> {
        self.closes.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }
    fn reload(&self) -> Asking<'_, String> {
        Box::pin(async { Err("ejabberd.yml:3:1: unknown option\n  | no_such_option\n".to_owned()) })
    }
    fn log_level(&self) -> Asking<'_, LogLevel> {
        Box::pin(async { Ok(LogLevel::Warning) })
    }
    fn set_log_level(&self, _: LogLevel) -> Asking<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn reopen_log(&self) -> Asking<'_, ()> {
        self.reopened.notify_one();
        Box::pin(async { Ok(()) })
    }
    fn rotate_log(&self) -> Asking<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn watch_log(&self) -> Asking<'_, LogWatch> {
        let logging = self.logging.lock();
        let watch = logging.as_ref().map(Logging::watch).ok_or_else(|| "no log".to_owned());
        Box::pin(async move { watch })
    }
}

pub(crate) fn root() -> Caller {
    Caller::Process(CallingProcess::default())
}

/// What is written down while `work` is done.
pub(crate) async fn audited<T>(work: impl Future<Output = T>) -> (T, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let options = LogOptions {
        level: LogLevel::None,
        file: Some(folder.path().join("log")),
        audit: Some(file.clone()),
        ..LogOptions::default()
    };
    let (_logging, dispatch) = Logging::build(&options).unwrap();
    let guard = tracing::dispatcher::set_default(&dispatch);
    let done = work.await;
    drop(guard);
    (done, std::fs::read_to_string(file).unwrap())
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(CONFIG).await
    }

    async fn with(text: &str) -> Self {
        let source = Source::Text { name: "test".to_owned(), text: text.to_owned() };
        let config = settings::load(&source, &Inputs::default()).unwrap().config;
        let tables = LISTS.iter().copied().flatten().flat_map(|module| module.tables);
        let sets: Vec<&TableSet> = accounts::TABLES.iter().chain(tables).copied().collect();
        let store = ScratchStore::open(&sets).unwrap();
        let options = accounts::Options::from_config(&config);
        let accounts = Accounts::open(store.clone(), options, random::bytes).await.unwrap();
        let clock = Clock::system();
        let (certs, _) = CertStore::open(&CertOptions::default(), clock.wall().into());
        let mut commands = crate::COMMANDS.to_vec();
        commands.push(COUNT);
        let parts = Parts {
            store: store.clone(),
            accounts,
            certs,
            clock,
            modules: LISTS,
            commands,
            node: settings::NodeName::default(),
        };
        let kernel = Kernel::start(parts, config).map_err(|found| found.len()).unwrap();
        Self { kernel, process: Arc::default(), store }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.store.directory()
    }

    /// Runs the words of a line; in a word `_empty_` stands for nothing and a no-break space for a blank.
    async fn run(&self, line: &str) -> Reply {
        let words: Vec<String> = line
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| word.replace("_empty_", "").replace('\u{a0}', " "))
            .collect();
        ctl::run(&self.kernel, &root(), &words, Manner::default()).await
    }

    /// Exit status and standard output.
    pub(crate) async fn says(&self, line: &str) -> (u8, String) {
        let reply = self.run(line).await;
        assert_eq!(reply.stderr, "");
        (reply.status, reply.stdout)
    }

    /// Takes the last activity of a user of talk.test away, as if it had never logged in.
    async fn forget_last(&self, user: &'static str) {
        let delete = self
            .store
            .write(move |tx| tx.execute("DELETE FROM last WHERE username = ?1", &[&user]));
        delete.await.unwrap();
        self.kernel.forget_stored().await;
    }

    fn session(&self, jid: &str) -> Arc<SessionHandle> {
        let info =
            ConnectionInfo { kind: "c2s_tls", peer: None, since: self.kernel.clock().wall() };
        let jid = jid::FullJid::new(jid).unwrap();
        let handle = Arc::new(SessionHandle::new(jid, MailboxBounds::default(), info));
        self.kernel.sessions().add(Arc::clone(&handle));
        handle
    }
}
