//! The server of a test: everything a real one has except sockets and the passing of time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use accounts::Accounts;
use jiff::Timestamp;
use kernel::doors::{Door, Open};
use kernel::{Clock, Kernel, ModuleEntry, Parts, random};
use netio::{CertOptions, CertStore, Link, Transport};
use settings::{Config, Inputs, Problems, Source};
use stdx::Secret;
use store::{OpenOptions, Store};
use tempfile::TempDir;
use xmpp::C2s;

use crate::client::{Client, Failure};

/// Every module, in the order of the real server.
pub static MODULES: &[&[ModuleEntry]] = &[admin::MODULES, modules::MODULES, xmpp::MODULES];

/// The host of the base configuration.
pub const HOST: &str = "localhost";

/// When every world begins: 2026-01-02 03:04:05 UTC.
const BEGINNING_SECONDS: i64 = 1_767_323_045;

/// Bytes that are under way in one direction of a connection at most.
const LINK_BYTES: usize = 64 * 1024;

/// Steps in which time advances, so that timers set by timers come at their time.
const ADVANCE_STEPS_MAX: u32 = 64;

/// How long, in real time, the server may keep working before it counts as never resting.
const SETTLE_PATIENCE: Duration = Duration::from_secs(10);

/// The password that [`World::register`] gives to a user.
pub fn password_of(user: &str) -> String {
    format!("the password of {user}")
}

/// Lets every task run, and the store's threads for a moment of real time.
pub(crate) async fn breathe() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    std::thread::sleep(Duration::from_micros(100));
    tokio::task::yield_now().await;
}

/// A server in this process, on data of its own.
pub struct World {
    folder: TempDir,
    config_text: String,
    server: Server,
    /// Counts restarts, for the name of the database.
    life: u32,
}

struct Server {
    kernel: Kernel,
    doors: Vec<Arc<C2s>>,
}

impl World {
    /// A server with the base configuration and a test's settings over it; see [`crate::merged`].
    ///
    /// # Errors
    /// What is wrong with the configuration or the place for the data.
    pub async fn new(over: &str) -> Result<Self, Failure> {
        Self::of_config(&crate::merged(over)).await
    }

    /// A server with exactly this configuration.
    ///
    /// # Errors
    /// As [`World::new`].
    pub async fn of_config(text: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()
            .map_err(|error| Failure(format!("no folder for the data: {error}")))?;
        let beginning = Timestamp::from_second(BEGINNING_SECONDS).unwrap_or_default();
        let server = Server::start(&folder, text, 0, beginning).await?;
        Ok(Self { folder, config_text: text.to_owned(), server, life: 0 })
    }

    /// The kernel of the running server.
    pub fn kernel(&self) -> &Kernel {
        &self.server.kernel
    }

    /// Creates an account with the password of [`password_of`]; one that exists is left alone.
    ///
    /// # Errors
    /// Those of the accounts.
    pub async fn register(&self, user: &str) -> Result<(), Failure> {
        let secret = Secret::new(password_of(user));
        match self.kernel().accounts().register(user, HOST, &secret).await {
            Ok(_) | Err(accounts::AccountError::Exists) => Ok(()),
            Err(error) => Err(Failure(format!("{user} cannot be registered: {error}"))),
        }
    }

    /// A new connection to the first listener.
    pub fn connect(&self) -> Client {
        self.connect_to(0)
    }

    /// A new connection to a listener for clients, counted from 0 in the order of the configuration.
    ///
    /// # Panics
    /// When there is no such listener.
    pub fn connect_to(&self, listener: usize) -> Client {
        Client::over(self.transport_to(listener))
    }

    /// The client's end of a new connection, for tests of TLS.
    ///
    /// # Panics
    /// When there is no such listener.
    pub fn transport_to(&self, listener: usize) -> Transport {
        let (ours, theirs) = Transport::pair(LINK_BYTES);
        let door = self
            .server
            .doors
            .get(listener)
            .expect("the test names a listener it configured")
            .clone();
        self.kernel().tasks().spawn("connection", door.serve(Link::memory(theirs)));
        ours
    }

    /// A new session of a user, without presence.
    ///
    /// # Errors
    /// A step of the login was refused.
    pub async fn login(&self, user: &str, resource: Option<&str>) -> Result<Client, Failure> {
        let mut client = self.connect();
        client.authenticate(user, HOST, &password_of(user)).await?;
        client.bind(resource).await?;
        Ok(client)
    }

    /// Waits, in real time, until nothing in the server moves any more.
    ///
    /// What `clients` receive meanwhile is read, so that nobody waits for them.
    ///
    /// # Errors
    /// The server does not come to rest, or its database is closed.
    pub async fn settle(&self, clients: &mut [&mut Client]) -> Result<(), Failure> {
        let began = Instant::now();
        let mut quiet = 0;
        while quiet < 3 {
            if began.elapsed() > SETTLE_PATIENCE {
                return Err(Failure("the server does not come to rest".to_owned()));
            }
            let before = self.kernel().store().stats();
            breathe().await;
            // Whatever was queued for the writer before this is stored after it.
            let barrier = self.kernel().store().write(|_| Ok(())).await;
            barrier.map_err(|error| Failure(format!("the store failed: {error}")))?;
            breathe().await;
            let after = self.kernel().store().stats();
            let mut moved =
                after.changes != before.changes + 1 || after.reads > 0 || after.waiting > 0;
            for client in clients.iter_mut() {
                moved |= client.pump().await;
            }
            quiet = if moved { 0 } else { quiet + 1 };
        }
        Ok(())
    }

    /// Lets time pass for the server, and comes to rest in between.
    ///
    /// # Errors
    /// As [`World::settle`].
    pub async fn advance(&self, by: Duration, clients: &mut [&mut Client]) -> Result<(), Failure> {
        let steps =
            u32::try_from(by.as_millis() / 500).unwrap_or(u32::MAX).clamp(1, ADVANCE_STEPS_MAX);
        for _ in 0..steps {
            self.settle(clients).await?;
            tokio::time::advance(by / steps).await;
        }
        self.settle(clients).await
    }

    /// Puts another configuration in force, as a reload does.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub fn reload(&mut self, over: &str) -> Result<(), Failure> {
        let text = crate::merged(over);
        let config = read_config(&text)?;
        self.kernel().reload(config.clone()).map_err(|found| problems(&found))?;
        self.server.doors = open_doors(self.kernel(), &config)?;
        self.config_text = text;
        Ok(())
    }

    /// Ends the server as a crash does and starts another one on the data that was stored by then.
    ///
    /// The data is copied first, so nothing that the old server still does reaches the new one. The connections of the
    /// old server are of no use any more: the caller drops their clients.
    ///
    /// # Errors
    /// The data cannot be copied, or the server does not start from it.
    pub async fn restart(&mut self) -> Result<(), Failure> {
        let next = self.folder.path().join(format!("life-{}.db", self.life + 1));
        let copied = self.kernel().store().backup_to(next).await;
        copied.map_err(|error| Failure(format!("the data cannot be copied: {error}")))?;
        let now = self.kernel().clock().wall();
        self.life += 1;
        self.server = Server::start(&self.folder, &self.config_text, self.life, now).await?;
        Ok(())
    }
}

impl Server {
    async fn start(
        folder: &TempDir,
        text: &str,
        life: u32,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let config = read_config(text)?;
        let mut tables: Vec<&store::TableSet> = accounts::TABLES.to_vec();
        tables.extend(
            MODULES.iter().copied().flatten().flat_map(|module| module.tables.iter().copied()),
        );
        let database = folder.path().join(format!("life-{life}.db"));
        let store = Store::open(&OpenOptions::new(database), &tables).map_err(failure)?;
        let accounts =
            Accounts::open(store.clone(), accounts::Options::from_config(&config), random::bytes);
        let accounts = accounts.await.map_err(failure)?;
        let clock = Clock::starting_at(now);
        let options = CertOptions::from_config(&config, Some(folder.path().join("certificates")));
        let (certs, _) = CertStore::open(&options, clock.wall().into());
        let parts = Parts {
            store,
            accounts,
            certs,
            clock,
            modules: MODULES,
            commands: admin::COMMANDS.to_vec(),
            node: settings::NodeName::default(),
        };
        let kernel = Kernel::start(parts, config.clone()).map_err(|found| problems(&found))?;
        xmpp::restore_sessions(&kernel).await.map_err(failure)?;
        let doors = open_doors(&kernel, &config)?;
        Ok(Self { kernel, doors })
    }
}

fn open_doors(kernel: &Kernel, config: &Config) -> Result<Vec<Arc<C2s>>, Failure> {
    let clients = config.listeners().iter().filter(|listener| listener.module.name == C2s::NAME);
    let open = |listener| C2s::open(&Open { kernel, listener, config }).map(Arc::new);
    clients.map(|listener| open(listener).map_err(|found| problems(&found))).collect()
}

fn read_config(text: &str) -> Result<Config, Failure> {
    let source =
        Source::Text { name: "the test's configuration".to_owned(), text: text.to_owned() };
    let loaded = settings::load(&source, &Inputs::default());
    loaded.map(|loaded| loaded.config).map_err(|problems: Problems| Failure(problems.render(false)))
}

fn problems(found: &[settings::Problem]) -> Failure {
    Failure(found.iter().map(|problem| problem.title().to_owned()).collect::<Vec<_>>().join("\n"))
}

fn failure(error: impl std::fmt::Display) -> Failure {
    Failure(error.to_string())
}
