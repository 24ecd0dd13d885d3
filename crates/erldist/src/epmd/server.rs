//! An epmd of our own: names and ports of this machine's nodes, kept while their connections last.
//!
//! Anybody who can connect may ask; only this machine may register; nobody may end it or remove a node.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use erl_wire::epmd::{self, Node, Request};
use kernel::Tasks;
use netio::{BindError, ConnectionLimit, Inherited, Link, ListenSpec, Listener, Local};
use parking_lot::Mutex;
use tokio::io::AsyncReadExt;

use super::{EpmdOptions, Shared, creation};

/// Nodes that may be registered at once.
const NODES_MAX: usize = 256;
/// Connections at once: registered nodes have one each.
const CONNECTIONS_MAX: usize = 512;
/// How long a request may take to arrive, and its answer to leave.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open server that does not serve yet, and what it serves.
pub struct EpmdServer {
    listeners: Mutex<Vec<Listener>>,
    places: Vec<String>,
    port: u16,
}

/// A server that serves.
#[derive(Clone, Default)]
pub(crate) struct Served(Shared<BTreeMap<Box<str>, Entry>>);

struct Entry {
    node: Node,
    /// Names the registration, since a node may come back before its old connection is seen to end.
    number: u64,
}

impl EpmdServer {
    /// Opens the sockets; must run inside a tokio runtime. IPv6 is left out where the machine has none.
    ///
    /// # Errors
    /// The first address that cannot be opened.
    pub fn bind(options: &EpmdOptions) -> Result<Self, BindError> {
        let limit = ConnectionLimit::new(CONNECTIONS_MAX);
        let mut specs: Vec<ListenSpec> =
            options.addresses.iter().map(|ip| ListenSpec::tcp(*ip, options.port)).collect();
        for spec in &mut specs {
            spec.v6_only = true;
        }
        let mut listeners = Vec::new();
        for (spec, ip) in specs.into_iter().zip(&options.addresses) {
            match Listener::bind(spec, limit.clone(), &mut Inherited::default()) {
                Ok(listener) => listeners.push(listener),
                Err(error) if ip.is_ipv6() && !listeners.is_empty() => {
                    tracing::debug!(%error, "epmd is served without this address");
                }
                Err(error) => return Err(error),
            }
        }
        let places = listeners.iter().filter_map(|listener| match listener.local() {
            Local::Ip(address) => Some(address.to_string()),
            _ => None,
        });
        let places = places.collect();
        Ok(Self { listeners: Mutex::new(listeners), places, port: options.port })
    }

    /// The addresses it listens on.
    pub fn places(&self) -> &[String] {
        &self.places
    }

    /// Serves in tasks of its own until the server stops.
    pub fn start(&self, tasks: &Tasks) {
        drop(self.serve(tasks));
    }

    pub(super) fn serve(&self, tasks: &Tasks) -> Served {
        let served = Served::default();
        for listener in self.listeners.lock().drain(..) {
            tasks.spawn("epmd", accept(tasks.clone(), listener, served.clone(), self.port));
        }
        served
    }
}

async fn accept(tasks: Tasks, mut listener: Listener, served: Served, port: u16) {
    let mut stopping = tasks.stopping();
    loop {
        let link = tokio::select! {
            link = listener.accept() => link,
            () = stopping.wait() => return,
        };
        let (served, mut stopping) = (served.clone(), tasks.stopping());
        tasks.spawn("epmd connection", async move {
            tokio::select! {
                () = served.connection(link, port) => {}
                () = stopping.wait() => {}
            }
        });
    }
}

/// Whether the other end of a connection is on this machine.
fn is_local(link: &Link) -> bool {
    let peer = link.peer.ip();
    let own = match link.local {
        Local::Ip(address) => Some(SocketAddr::ip(&address)),
        _ => None,
    };
    peer.is_some_and(|peer: IpAddr| peer.is_loopback()) || (peer.is_some() && peer == own)
}

impl Served {
    /// Registers the node of this process.
    pub(super) fn register_own(&self, node: &Node) {
        let entry = Entry { node: node.clone(), number: kernel::random::number() };
        self.0.lock().insert(node.name.clone(), entry);
    }

    async fn connection(&self, mut link: Link, port: u16) {
        let Ok(Ok(message)) = tokio::time::timeout(PATIENCE, read_request(&mut link)).await else {
            return;
        };
        let local = is_local(&link);
        let request = match Request::parse(&message) {
            Ok(request) => request,
            Err(error) => {
                return tracing::debug!(peer = %link.peer, %error, "not a request to epmd");
            }
        };
        let answer = match request {
            Request::Alive(node) if local => return self.alive(link, node).await,
            Request::Alive(node) => {
                tracing::warn!(peer = %link.peer, name = %node.name, "epmd registers nodes of this machine only");
                epmd::alive_answer(&node, false, 0)
            }
            Request::PortPlease(name) => {
                epmd::port_answer(self.0.lock().get(&name).map(|entry| &entry.node))
            }
            Request::Names => {
                epmd::names_answer(port, self.0.lock().values().map(|entry| &entry.node))
            }
            Request::Dump if local => {
                epmd::dump_answer(port, self.0.lock().values().map(|entry| &entry.node))
            }
            Request::Dump => return,
            // `epmd -kill` understands this word; it ends with the server it belongs to.
            Request::Kill => b"NO".to_vec(),
            Request::Stop(_) => b"NOEXIST".to_vec(),
        };
        send(&mut link, &answer).await;
    }

    /// A node is registered until its connection ends.
    async fn alive(&self, mut link: Link, node: Node) {
        let number = kernel::random::number();
        let name = node.name.clone();
        let accepted = {
            let mut nodes = self.0.lock();
            let free = nodes.len() < NODES_MAX && !nodes.contains_key(&name);
            if free {
                nodes.insert(name.clone(), Entry { node: node.clone(), number });
            }
            free
        };
        let _registered = accepted.then(|| Registered { served: self.clone(), name, number });
        send(&mut link, &epmd::alive_answer(&node, accepted, creation())).await;
        let mut ignored = [0; 64];
        while accepted && matches!(link.transport.read(&mut ignored).await, Ok(1..)) {}
    }
}

/// Forgets a node when its connection goes, however it goes.
struct Registered {
    served: Served,
    name: Box<str>,
    number: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut nodes = self.served.0.lock();
        if nodes.get(&self.name).is_some_and(|entry| entry.number == self.number) {
            nodes.remove(&self.name);
        }
    }
}

async fn read_request(link: &mut Link) -> std::io::Result<Vec<u8>> {
    let length = usize::from(link.transport.read_u16().await?);
    if length > epmd::REQUEST_BYTES_MAX {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    link.transport.read_exact(&mut message).await?;
    Ok(message)
}

async fn send(link: &mut Link, answer: &[u8]) {
    let sending = link.transport.write_all(answer);
    match tokio::time::timeout(PATIENCE, sending).await {
        Ok(Ok(())) => {}
        _ => tracing::debug!(peer = %link.peer, "nobody took an answer of epmd"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn nodes_are_known_while_their_connection_lasts() {
        let tasks = Tasks::new();
        let loopback: IpAddr = std::net::Ipv4Addr::LOCALHOST.into();
        let probe = std::net::TcpListener::bind((loopback, 0)).unwrap();
        let port = probe.local_addr().unwrap().port();
        drop(probe);
        let options = EpmdOptions { addresses: vec![loopback], port };
        EpmdServer::bind(&options).unwrap().start(&tasks);
        let node = Node::hidden("one", 4711);
        let held = super::super::client::register(port, &node).await.unwrap();
        let refused = super::super::client::register(port, &node).await.unwrap_err();
        assert!(refused.to_string().contains("running already"), "{refused}");
        let ask = async |request: Request| {
            let mut stream = tokio::net::TcpStream::connect((loopback, port)).await.unwrap();
            stream.write_all(&request.to_frame()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let found = epmd::parse_port_answer(&ask(Request::PortPlease("one".into())).await);
        assert_eq!(found.unwrap().unwrap().port, 4711);
        assert!(ask(Request::Names).await.ends_with(b"name one at port 4711\n"));
        assert_eq!(ask(Request::Kill).await, b"NO");
        drop(held);
        for _ in 0..100 {
            if epmd::parse_port_answer(&ask(Request::PortPlease("one".into())).await) == Ok(None) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a node whose connection has ended is still known");
    }
}
