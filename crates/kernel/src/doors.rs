//! Doors: the kinds of listener, and the sockets that are open.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use netio::{BindError, ConnectionLimit, Inherited, Link, ListenSpec, Listener, Local};
use parking_lot::Mutex;
use settings::audit::Check;
use settings::{Config, Endpoint, ListenerConfig, Problem, Transport};
use tokio::sync::watch;

use crate::Kernel;
use crate::panel::Panel;

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
    /// What a security audit asks of each of its listeners, besides [`netio::LISTENER_CHECKS`].
    const CHECKS: &'static [Check];
    /// What it shows on pages for administrators.
    const PANELS: &'static [Panel] = &[];

    /// Reads its options.
    ///
    /// # Errors
    /// What is wrong, where, and how to mend it.
    fn open(open: &Open<'_>) -> Result<Self, Vec<Problem>>;

    /// Whether there is something behind a listener; the socket of any other is not opened.
    fn is_wanted(listener: &ListenerConfig) -> bool {
        let _ = listener;
        true
    }

    /// Whether listeners with `transport: udp` are opened, and given to [`Self::serve_datagrams`].
    const DATAGRAMS: bool = false;

    /// Serves one connection until it ends.
    fn serve(self: Arc<Self>, link: Link) -> impl Future<Output = ()> + Send;

    /// Serves the sockets of one address until `stop`. There are several so that each has a task of its own; the
    /// system gives all datagrams of one sender to one of them.
    fn serve_datagrams(
        self: Arc<Self>,
        sockets: Vec<UdpSocket>,
        stop: Stop,
    ) -> impl Future<Output = ()> + Send {
        drop((sockets, stop));
        async {}
    }

    /// Takes over the options of `next` after a reload, for a door that goes on serving the same datagram sockets.
    fn replace(&self, next: &Self) {
        let _ = next;
    }

    /// From now on it serves, or serves with the options that it took over: the moment to tell others what it offers.
    /// `port` is the one that is open, none of a Unix socket. Called before the first connection or datagram.
    fn in_force(&self, port: Option<u16>) {
        let _ = port;
    }

    /// Its listener was closed, and the place where it listened is nobody's or another door's.
    fn closed(&self) {}
}

/// Tells a door that its listener is closed, or that the server ends.
#[derive(Clone)]
pub struct Stop {
    closed: watch::Receiver<bool>,
    stopping: crate::Stopping,
}

impl Stop {
    /// Waits for the end.
    pub async fn wait(&mut self) {
        tokio::select! {
            // An error means that the listener is gone, which is its end too.
            _ = self.closed.wait_for(|closed| *closed) => {}
            () = self.stopping.wait() => {}
        }
    }
}

trait AnyDoor: Any + Send + Sync {
    fn serve(self: Arc<Self>, link: Link) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    fn serve_datagrams(
        self: Arc<Self>,
        sockets: Vec<UdpSocket>,
        stop: Stop,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    fn replace(&self, next: &dyn Any);
    fn in_force(&self, port: Option<u16>);
    fn closed(&self);
    fn as_any(&self) -> &dyn Any;
}

impl<D: Door> AnyDoor for D {
    fn serve(self: Arc<Self>, link: Link) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(D::serve(self, link))
    }

    fn serve_datagrams(
        self: Arc<Self>,
        sockets: Vec<UdpSocket>,
        stop: Stop,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(D::serve_datagrams(self, sockets, stop))
    }

    fn replace(&self, next: &dyn Any) {
        if let Some(next) = next.downcast_ref::<D>() {
            D::replace(self, next);
        }
    }

    fn in_force(&self, port: Option<u16>) {
        D::in_force(self, port);
    }

    fn closed(&self) {
        D::closed(self);
    }

    fn as_any(&self) -> &dyn Any {
        self
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
    /// Its checks.
    pub checks: &'static [Check],
    /// Its panels.
    pub panels: &'static [Panel],
    datagrams: bool,
    is_wanted: fn(&ListenerConfig) -> bool,
    open: fn(&Open<'_>) -> Opened,
}

/// Enters a door in a list.
pub const fn door<D: Door>() -> DoorEntry {
    DoorEntry {
        name: D::NAME,
        options: D::OPTIONS,
        checks: D::CHECKS,
        panels: D::PANELS,
        datagrams: D::DATAGRAMS,
        is_wanted: D::is_wanted,
        open: |open| Ok(Arc::new(D::open(open)?)),
    }
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

/// Sockets of one datagram listener, each with a task: more would not share the load better.
const DATAGRAM_SOCKETS_MAX: usize = 4;

/// Connections that one server holds at most, over all listeners.
const CONNECTIONS_MAX: usize = 200_000;

type Serving = ArcSwap<Arc<dyn AnyDoor>>;

struct OpenListener {
    config: ListenerConfig,
    /// Its TCP socket, with whether it leaves IPv4 to another one.
    socket: Option<(OwnedFd, bool)>,
    serving: Arc<Serving>,
    stop: watch::Sender<bool>,
    local: String,
    port: Option<u16>,
}

/// The place of a listener: the same port may be open for both transports.
type Place = (Endpoint, Transport);

fn place_of(config: &ListenerConfig) -> Place {
    (config.endpoint.clone(), config.transport)
}

/// Sockets that nobody serves yet.
enum Bound {
    Connections(Listener),
    Datagrams(Vec<UdpSocket>),
}

/// The open listeners.
pub struct Doors {
    entries: &'static [&'static [DoorEntry]],
    spool: PathBuf,
    limit: ConnectionLimit,
    open: Mutex<HashMap<Place, OpenListener>>,
}

/// Listeners that are ready to be put in force; dropping them leaves everything as it is.
pub struct Prepared(Vec<(ListenerConfig, Arc<dyn AnyDoor>, Option<Bound>)>);

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
    pub fn new(entries: &'static [&'static [DoorEntry]], spool: &Path) -> Self {
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
        for transport in [Transport::Tcp, Transport::Udp] {
            let all = next.iter().zip(&mut specs);
            let of_it = all.filter(|((config, _), _)| config.transport == transport);
            netio::mark_v6_only(of_it.map(|(_, spec)| spec));
        }
        let open = self.open.lock();
        let staying: HashSet<Place> = next
            .iter()
            .zip(&specs)
            .map(|((config, _), spec)| (config, spec))
            .filter(|(config, spec)| {
                open.get(&place_of(config)).is_some_and(|old| old.fits(config, spec))
            })
            .map(|(config, _)| place_of(config))
            .collect();
        let leaving = |port: Option<u16>, transport: Transport| {
            let others = open.iter().filter(|(place, _)| !staying.contains(*place));
            let others = others.map(|(_, old)| old);
            others.filter(move |old| old.port == port && old.config.transport == transport)
        };
        let mut prepared = Vec::new();
        for ((config, door), spec) in next.into_iter().zip(specs) {
            let port = spec.port();
            let listener = match config.transport {
                _ if staying.contains(&place_of(&config)) => None,
                Transport::Tcp => {
                    let sockets = leaving(port, Transport::Tcp).filter_map(OpenListener::socket);
                    let sockets: Vec<OwnedFd> = sockets.collect();
                    let limit = self.limit.clone();
                    Some(Bound::Connections(match sockets.is_empty() {
                        true => Listener::bind(spec, limit, inherited)?,
                        false => Listener::bind_in_place_of(&sockets, spec, limit)?,
                    }))
                }
                Transport::Udp => {
                    let cores = std::thread::available_parallelism().map_or(1, |count| count.get());
                    let count = cores.min(DATAGRAM_SOCKETS_MAX);
                    let in_place = leaving(port, Transport::Udp).next().is_some();
                    Some(Bound::Datagrams(netio::bind_datagrams(&spec, count, in_place)?))
                }
            };
            prepared.push((config, door, listener));
        }
        Ok(Prepared(prepared))
    }

    fn entry(&self, listener: &ListenerConfig) -> Option<&'static DoorEntry> {
        let served = |entry: &DoorEntry| {
            (listener.transport == Transport::Tcp || entry.datagrams) && (entry.is_wanted)(listener)
        };
        self.entries
            .iter()
            .copied()
            .flatten()
            .find(|entry| entry.name == listener.module.name && served(entry))
    }

    /// Puts what was prepared in force, and closes listeners that are wanted no longer.
    ///
    /// A listener whose place stays keeps its socket and its connections; new connections get the new options.
    pub fn commit(&self, kernel: &Kernel, prepared: Prepared) {
        let mut open = self.open.lock();
        let mut present = std::mem::take(&mut *open);
        for (config, door, listener) in prepared.0 {
            let place = place_of(&config);
            let entry = match (listener, present.remove(&place)) {
                (Some(Bound::Connections(listener)), old) => {
                    // Its socket had other options; the new one has listened since it was prepared.
                    old.into_iter().for_each(OpenListener::close);
                    start(kernel, config, door, listener)
                }
                (Some(Bound::Datagrams(sockets)), _) => {
                    start_datagrams(kernel, config, door, sockets)
                }
                (None, Some(mut old)) => {
                    if !same_socket(&old.config, &config) {
                        tracing::warn!(
                            listener = old.local,
                            "changed options of the socket itself take effect at the next start"
                        );
                    }
                    if config.module.name != old.config.module.name {
                        old.serving.load().closed();
                    }
                    if config.transport == Transport::Udp {
                        old.serving.load().replace(door.as_any());
                    } else {
                        old.serving.store(Arc::new(door));
                    }
                    old.serving.load().in_force(old.port);
                    old.config = config;
                    old
                }
                // Closed by the shutdown meanwhile.
                (None, None) => continue,
            };
            open.insert(place, entry);
        }
        present.into_values().for_each(OpenListener::close);
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
        self.open.lock().drain().for_each(|(_, old)| old.close());
    }
}

impl OpenListener {
    /// Whether its socket can serve a changed listener. Those of TCP are opened anew when their own options change.
    fn fits(&self, config: &ListenerConfig, spec: &ListenSpec) -> bool {
        let Some((_, v6_only)) = self.socket else { return true };
        same_socket(&self.config, config) && v6_only == spec.v6_only
    }

    fn socket(&self) -> Option<OwnedFd> {
        self.socket.as_ref().and_then(|(socket, _)| socket.try_clone().ok())
    }

    fn close(self) {
        self.stop.send_replace(true);
        self.serving.load().closed();
    }
}

fn start(
    kernel: &Kernel,
    config: ListenerConfig,
    door: Arc<dyn AnyDoor>,
    listener: Listener,
) -> OpenListener {
    let (stop, stopped) = watch::channel(false);
    let (local, port) = (place(listener.local()), listener.port());
    let socket = listener.socket().map(|socket| (socket, listener.spec().v6_only));
    door.in_force(port);
    let serving = Arc::new(Serving::from_pointee(door));
    kernel
        .tasks()
        .spawn("listener", accept_all(kernel.clone(), listener, serving.clone(), stopped));
    OpenListener { config, socket, serving, stop, local, port }
}

fn start_datagrams(
    kernel: &Kernel,
    config: ListenerConfig,
    door: Arc<dyn AnyDoor>,
    sockets: Vec<UdpSocket>,
) -> OpenListener {
    let address = sockets.first().and_then(|socket| socket.local_addr().ok());
    let local = address.map_or_else(String::new, |address| format!("{address} (udp)"));
    let (stop, closed) = watch::channel(false);
    let stopping = Stop { closed, stopping: kernel.tasks().stopping() };
    let port = address.map(|address| address.port());
    door.in_force(port);
    kernel.tasks().spawn("datagrams", Arc::clone(&door).serve_datagrams(sockets, stopping));
    let serving = Arc::new(Serving::from_pointee(door));
    OpenListener { config, socket: None, serving, stop, local, port }
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

/// Whether a listener has the same options of the socket itself.
fn same_socket(old: &ListenerConfig, new: &ListenerConfig) -> bool {
    let same = |name: &str| old.options.get(name) == new.options.get(name);
    COMMON_OPTIONS.iter().all(|name| !old.options.has(name) || same(name))
}
