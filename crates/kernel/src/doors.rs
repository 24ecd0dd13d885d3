//! Doors: the kinds of listener, and the sockets that are open.

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use netio::{BindError, ConnectionLimit, Inherited, Link, ListenSpec, Listener, Local};
use parking_lot::Mutex;
use settings::{Config, Endpoint, ListenerConfig, Problem, Transport};
use tokio::sync::watch;

use crate::Kernel;

/// What a door gets to open.
pub struct Open<'a> {
    /// The server.
    pub kernel: &'a Kernel,
    /// The listener as configured.
    pub listener: &'a ListenerConfig,
    /// Its configuration as a whole; while reloading, the kernel still has the one before.
    pub config: &'a Config,
}

/// A kind of listener: one per protocol.
pub trait Door: Sized + Send + Sync + 'static {
    /// Its name in `ejabberd.yml`.
    const NAME: &'static str;
    /// The options it honours besides those common to all listeners.
    const OPTIONS: &'static [&'static str];

    /// Reads its options.
    ///
    /// # Errors
    /// What is wrong, where, and how to mend it.
    fn open(open: &Open<'_>) -> Result<Self, Vec<Problem>>;

    /// Serves one connection until it ends.
    fn serve(self: Arc<Self>, link: Link) -> impl Future<Output = ()> + Send;
}

trait AnyDoor: Send + Sync {
    fn serve(self: Arc<Self>, link: Link) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<D: Door> AnyDoor for D {
    fn serve(self: Arc<Self>, link: Link) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(D::serve(self, link))
    }
}

type Opened = Result<Arc<dyn AnyDoor>, Vec<Problem>>;

/// A door in the list of doors.
#[derive(Clone, Copy)]
pub struct DoorEntry {
    /// Its name in `ejabberd.yml`.
    pub name: &'static str,
    /// The options it honours.
    pub options: &'static [&'static str],
    open: fn(&Open<'_>) -> Opened,
}

/// Enters a door in a list.
pub const fn door<D: Door>() -> DoorEntry {
    DoorEntry { name: D::NAME, options: D::OPTIONS, open: |open| Ok(Arc::new(D::open(open)?)) }
}

/// Options that every listener honours because the kernel does.
pub const COMMON_OPTIONS: &[&str] = &[
    "accept_interval",
    "backlog",
    "ip",
    "module",
    "port",
    "send_timeout",
    "transport",
    "unix_socket",
    "use_proxy_protocol",
];

/// Connections that one server holds at most, over all listeners.
const CONNECTIONS_MAX: usize = 200_000;

type Serving = ArcSwap<Arc<dyn AnyDoor>>;

struct OpenListener {
    config: ListenerConfig,
    serving: Arc<Serving>,
    stop: watch::Sender<bool>,
    local: String,
    port: Option<u16>,
}

/// The open listeners.
pub struct Doors {
    entries: &'static [DoorEntry],
    spool: PathBuf,
    limit: ConnectionLimit,
    open: Mutex<HashMap<Endpoint, OpenListener>>,
}

/// Listeners that are ready to be put in force; dropping them leaves everything as it is.
pub struct Prepared(Vec<(ListenerConfig, Arc<dyn AnyDoor>, Option<Listener>)>);

/// Why listeners could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorsError {
    /// Options of a door are wrong.
    #[error("options of a listener are wrong")]
    Options(Vec<Problem>),
    /// A socket could not be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
}

impl Doors {
    /// No listener yet. Relative Unix socket paths are taken from `spool`.
    pub fn new(entries: &'static [DoorEntry], spool: &Path) -> Self {
        let limit = ConnectionLimit::new(CONNECTIONS_MAX);
        Self { entries, spool: spool.to_owned(), limit, open: Mutex::default() }
    }

    /// Opens what `config` needs beside what is open; nothing changes for anybody yet.
    ///
    /// # Errors
    /// The first socket that cannot be opened, or every problem with options.
    pub fn prepare(
        &self,
        kernel: &Kernel,
        config: &Config,
        inherited: &mut Inherited,
    ) -> Result<Prepared, DoorsError> {
        let mut next = Vec::new();
        let mut problems = Vec::new();
        for listener in config.listeners() {
            let Some(entry) = self.entry(listener) else { continue };
            match (entry.open)(&Open { kernel, listener, config }) {
                Ok(door) => next.push((listener.clone(), door)),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(DoorsError::Options(problems));
        }
        let spec = |listener| ListenSpec::from_config(listener, &self.spool);
        let mut specs: Vec<_> = next.iter().map(|(listener, _)| spec(listener)).collect();
        netio::mark_v6_only(&mut specs);
        let open = self.open.lock();
        let mut prepared = Vec::new();
        for ((config, door), spec) in next.into_iter().zip(specs) {
            let listener = match open.contains_key(&config.endpoint) {
                true => None,
                false => Some(Listener::bind(spec, self.limit.clone(), inherited)?),
            };
            prepared.push((config, door, listener));
        }
        Ok(Prepared(prepared))
    }

    fn entry(&self, listener: &ListenerConfig) -> Option<&'static DoorEntry> {
        let served = listener.transport == Transport::Tcp;
        self.entries.iter().find(|entry| served && entry.name == listener.module.name)
    }

    /// Puts what was prepared in force, and closes listeners that are wanted no longer.
    ///
    /// A listener whose place stays keeps its socket and its connections; new connections get the new options.
    pub fn commit(&self, kernel: &Kernel, prepared: Prepared) {
        let mut open = self.open.lock();
        let mut present = std::mem::take(&mut *open);
        for (config, door, listener) in prepared.0 {
            let endpoint = config.endpoint.clone();
            let entry = match (listener, present.remove(&endpoint)) {
                (Some(listener), _) => start(kernel, config, door, listener),
                (None, Some(mut old)) => {
                    if !same_socket(&old.config, &config) {
                        tracing::warn!(
                            listener = old.local,
                            "changed options of the socket itself take effect at the next start"
                        );
                    }
                    old.serving.store(Arc::new(door));
                    old.config = config;
                    old
                }
                // Closed by the shutdown meanwhile.
                (None, None) => continue,
            };
            open.insert(endpoint, entry);
        }
        present.into_values().for_each(|old| {
            old.stop.send_replace(true);
        });
    }

    /// Where the server listens, with the kind of each listener, sorted.
    pub fn list(&self) -> Vec<(String, &'static str)> {
        let open = self.open.lock();
        let mut all: Vec<_> =
            open.values().map(|one| (one.local.clone(), one.config.module.name)).collect();
        all.sort();
        all
    }

    /// The ports of all listeners of a kind; tests ask for port 0 and find theirs here.
    pub fn ports(&self, name: &str) -> Vec<u16> {
        let open = self.open.lock();
        open.values()
            .filter(|one| one.config.module.name == name)
            .filter_map(|one| one.port)
            .collect()
    }

    /// Accepts nothing more; connections go on.
    pub fn close(&self) {
        for (_, old) in self.open.lock().drain() {
            old.stop.send_replace(true);
        }
    }
}

fn start(
    kernel: &Kernel,
    config: ListenerConfig,
    door: Arc<dyn AnyDoor>,
    listener: Listener,
) -> OpenListener {
    let serving = Arc::new(Serving::from_pointee(door));
    let (stop, stopped) = watch::channel(false);
    let (local, port) = (place(listener.local()), listener.port());
    kernel
        .tasks()
        .spawn("listener", accept_all(kernel.clone(), listener, serving.clone(), stopped));
    OpenListener { config, serving, stop, local, port }
}

async fn accept_all(
    kernel: Kernel,
    mut listener: Listener,
    serving: Arc<Serving>,
    mut stop: watch::Receiver<bool>,
) {
    let mut stopping = kernel.tasks().stopping();
    loop {
        let link = tokio::select! {
            link = listener.accept() => link,
            _ = stop.wait_for(|stop| *stop) => return,
            () = stopping.wait() => return,
        };
        let door: Arc<dyn AnyDoor> = Arc::clone(&**serving.load());
        kernel.tasks().spawn("connection", door.serve(link));
    }
}

fn place(local: &Local) -> String {
    match local {
        Local::Ip(address) => address.to_string(),
        Local::Unix(path) => format!("unix:{}", path.display()),
        Local::Memory => "memory".to_owned(),
    }
}

/// Whether a changed listener can keep its socket.
fn same_socket(old: &ListenerConfig, new: &ListenerConfig) -> bool {
    let same = |name: &str| old.options.get(name) == new.options.get(name);
    COMMON_OPTIONS.iter().all(|name| !old.options.has(name) || same(name))
}
