//! epmd: the programme that knows which node of a machine listens where. The node registers with the one that runs, or
//! serves the protocol itself when none does.

mod client;
mod server;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use erl_wire::epmd::{self, Node};
use kernel::Tasks;

use crate::options::OptionError;
pub use server::EpmdServer;
use server::Served;

/// Variables that say where epmd is, in the order of [`EpmdOptions::read`].
pub const EPMD_VARIABLES: [&str; 2] = ["ERL_EPMD_ADDRESS", "ERL_EPMD_PORT"];

/// How long to wait before asking again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How often a refused name is tried again at the start: the node of the last run may just be ending.
const START_ATTEMPTS: u32 = 6;

/// Where epmd is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpmdOptions {
    /// Addresses that a server of our own listens on; loopback is always among them.
    pub addresses: Vec<IpAddr>,
    /// Its port.
    pub port: u16,
}

impl EpmdOptions {
    /// Reads `ERL_EPMD_ADDRESS` (addresses divided by commas) and `ERL_EPMD_PORT`.
    ///
    /// # Errors
    /// When one has no meaning.
    pub fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, OptionError> {
        let [address, port] = EPMD_VARIABLES;
        let mut addresses: Vec<IpAddr> =
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for text in get(address).unwrap_or_default().split(',').map(str::trim) {
            if text.is_empty() {
                continue;
            }
            let parsed: IpAddr = text.parse().map_err(|_| OptionError::Value {
                variable: address,
                value: text.to_owned(),
                wanted: "an IP address",
            })?;
            if !addresses.contains(&parsed) {
                addresses.push(parsed);
            }
        }
        let port =
            match get(port) {
                None => epmd::PORT,
                Some(value) => value.trim().parse().ok().filter(|port| *port != 0).ok_or(
                    OptionError::Value { variable: port, value, wanted: "a port from 1 to 65535" },
                )?,
            };
        Ok(Self { addresses, port })
    }
}

/// A registration that lasts until the server stops.
pub(crate) struct Registration {
    tasks: Tasks,
    options: EpmdOptions,
    node: Node,
    /// Our own server, once there is one.
    own: Option<(Served, EpmdServer)>,
}

/// How a node is registered now.
enum Registered {
    /// With another programme, as long as this connection lasts.
    There(tokio::net::TcpStream),
    /// With our own server.
    Here,
}

impl Registration {
    /// Registers a node, and keeps it registered.
    ///
    /// # Errors
    /// When another node has the name, or when there is neither an epmd nor a place for one.
    pub(crate) async fn begin(
        tasks: &Tasks,
        options: EpmdOptions,
        node: Node,
    ) -> Result<Option<Vec<String>>, String> {
        let mut registration = Self { tasks: tasks.clone(), options, node, own: None };
        let mut attempt = 1;
        let registered = loop {
            match registration.register().await {
                Ok(registered) => break registered,
                Err(why) if attempt == START_ATTEMPTS => return Err(why),
                Err(_) => attempt += 1,
            }
            tokio::time::sleep(PAUSES.0).await;
        };
        let places = registration.own.as_ref().map(|(_, server)| server.places().to_vec());
        tasks.spawn("epmd registration", registration.keep(registered));
        Ok(places)
    }

    async fn register(&mut self) -> Result<Registered, String> {
        if let Some((served, _)) = &self.own {
            served.register_own(&self.node);
            return Ok(Registered::Here);
        }
        let port = self.options.port;
        match client::register(port, &self.node).await {
            Ok(connection) => return Ok(Registered::There(connection)),
            Err(client::ClientError::Absent) => {}
            Err(error) => return Err(error.to_string()),
        }
        let server = EpmdServer::bind(&self.options).map_err(|error| error.to_string())?;
        tracing::info!(port, "no epmd runs on this machine, so this server does its work");
        let served = server.serve(&self.tasks);
        served.register_own(&self.node);
        self.own = Some((served, server));
        Ok(Registered::Here)
    }

    async fn keep(mut self, mut registered: Registered) {
        let mut stopping = self.tasks.stopping();
        loop {
            let Registered::There(connection) = registered else { return stopping.wait().await };
            tokio::select! {
                () = client::wait_for_end(connection) => {}
                () = stopping.wait() => return,
            }
            tracing::warn!(name = %self.node.name, "epmd has ended or forgotten this node; registering again");
            let mut pause = PAUSES.0;
            registered = loop {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stopping.wait() => return,
                }
                match self.register().await {
                    Ok(registered) => break registered,
                    Err(why) => tracing::warn!(why, "the node is not registered with epmd"),
                }
                pause = (pause * 2).min(PAUSES.1);
            };
        }
    }
}

/// A creation that no node had lately: 32 bits, and not one of the small numbers of old nodes.
pub(crate) fn creation() -> u32 {
    u32::from_le_bytes(kernel::random::bytes()).max(4)
}

type Shared<T> = Arc<parking_lot::Mutex<T>>;
