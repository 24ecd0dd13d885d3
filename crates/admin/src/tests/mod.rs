//! Commands on a kernel in this process, and the table against ejabberd's facts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use accounts::Accounts;
use kernel::{
    Asking, Clock, ConnectionInfo, Kernel, MailboxBounds, Parts, ServerControl, SessionHandle,
    random,
};
use netio::{CertOptions, CertStore};
use observe::LogLevel;
use settings::{Inputs, Source};
use store::testing::ScratchStore;

use crate::ctl::{self, Reply};

mod commands;
mod examples;
mod socket;

const CONFIG: &str = "
hosts: [talk.test, few.test]
acl:
  admin:
    user: chief@talk.test
access_rules:
  configure:
    allow: admin
";

/// A kernel with a store of its own and a process that only counts.
struct Bench {
    kernel: Kernel,
    process: Arc<Process>,
    store: ScratchStore,
}

#[derive(Default)]
struct Process {
    stops: AtomicUsize,
}

impl ServerControl for Process {
    fn stop(&self) -> Asking<'_, ()> {
        self.stops.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }
    fn restart(&self) -> Asking<'_, ()> {
        Box::pin(async { Err("not here".to_owned()) })
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
        Box::pin(async { Ok(()) })
    }
    fn rotate_log(&self) -> Asking<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl Bench {
    async fn new() -> Self {
        Self::with(CONFIG).await
    }

    async fn with(text: &str) -> Self {
        let source = Source::Text { name: "test".to_owned(), text: text.to_owned() };
        let config = settings::load(&source, &Inputs::default()).unwrap().config;
        let store = ScratchStore::open(&accounts::TABLES).unwrap();
        let options = accounts::Options::from_config(&config);
        let accounts = Accounts::open(store.clone(), options, random::bytes).await.unwrap();
        let clock = Clock::system();
        let (certs, _) = CertStore::open(&CertOptions::default(), clock.wall().into());
        let commands = crate::COMMANDS.to_vec();
        let parts = Parts {
            store: store.clone(),
            accounts,
            certs,
            clock,
            modules: &[],
            commands,
            node: settings::NodeName::default(),
        };
        let kernel = Kernel::start(parts, config).map_err(|found| found.len()).unwrap();
        Self { kernel, process: Arc::default(), store }
    }

    fn folder(&self) -> &Path {
        self.store.directory()
    }

    async fn run(&self, line: &str) -> Reply {
        let words: Vec<String> =
            line.split_whitespace().map(|word| word.replace("_empty_", "")).collect();
        ctl::run(&self.kernel, &words).await
    }

    /// Exit status and standard output.
    async fn says(&self, line: &str) -> (u8, String) {
        let reply = self.run(line).await;
        assert_eq!(reply.stderr, "");
        (reply.status, reply.stdout)
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
