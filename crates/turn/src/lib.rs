//! STUN and TURN: `module: ejabberd_stun` (RFC 8489, RFC 8656, RFC 6062).
//!
//! Clients over UDP are served by one task a socket, which owns their allocations ([`datagrams`]); those over TCP and
//! TLS by one task a connection ([`stream`]). Whose requests are done is decided in [`login`], what they may do in
//! [`requests`], and whom they may talk to in [`peers`].
//!
//! Own state machine rather than a crate: the surveyed one takes users pushed in beforehand, has neither quotas nor
//! a deny list, and allocates for each packet; nearly all that this crate does would have stood around it.

mod allocation;
mod batch;
mod behaviour;
mod checks;
mod commands;
mod datagrams;
mod icmp;
mod login;
mod options;
mod peers;
mod poller;
mod ports;
mod requests;
mod shared;
mod sources;
mod stream;
mod tcp_relay;
#[cfg(test)]
mod tests;

use std::net::UdpSocket;
use std::sync::Arc;

use accounts::RelayRealm;
use arc_swap::ArcSwap;
use kernel::contracts::{AccountWatch, RelayService, RelayServices};
use kernel::doors::{Door, DoorEntry, Open, Stop, door};
use kernel::{Kernel, Panel};
use netio::Link;
use settings::audit::Check;
use settings::{Config, Endpoint, ListenerConfig, Problem, Transport};
use stun_wire::{Message, MessageWriter};

use options::Settings;
use shared::Shared;

pub use commands::COMMANDS;

/// The doors of this crate.
pub static DOORS: &[DoorEntry] = &[door::<Stun>()];

/// The realms in which accounts log in to relays with their own passwords, as the listeners of a configuration name
/// them: of those, keys have to be kept.
pub fn realms(config: &Config) -> Vec<RelayRealm> {
    options::realms(config)
}

/// A listener for STUN and TURN.
pub struct Stun {
    kernel: Kernel,
    shared: Arc<Shared>,
    settings: ArcSwap<Settings>,
    place: Place,
}

/// Where it listens, as the configuration says it.
struct Place {
    endpoint: Endpoint,
    transport: Transport,
}

impl Door for Stun {
    const NAME: &'static str = "ejabberd_stun";
    const OPTIONS: &'static [&'static str] = options::LISTENER_OPTIONS;
    const CHECKS: &'static [Check] = checks::CHECKS;
    const PANELS: &'static [Panel] = commands::PANELS;
    const DATAGRAMS: bool = true;

    fn open(open: &Open<'_>) -> Result<Self, Vec<Problem>> {
        let settings = Settings::read(open)?;
        let kernel = open.kernel.clone();
        let shared: Arc<Shared> = kernel.shared();
        let ListenerConfig { endpoint, transport, .. } = open.listener;
        let place = Place { endpoint: endpoint.clone(), transport: *transport };
        Ok(Self { kernel, shared, settings: ArcSwap::from_pointee(settings), place })
    }

    async fn serve(self: Arc<Self>, link: Link) {
        Box::pin(stream::serve(self, link)).await;
    }

    async fn serve_datagrams(self: Arc<Self>, sockets: Vec<UdpSocket>, stop: Stop) {
        for socket in sockets {
            let serving = datagrams::serve(Arc::clone(&self), socket, stop.clone());
            self.kernel.tasks().spawn("STUN", serving);
        }
    }

    fn replace(&self, next: &Self) {
        self.settings.store(next.settings.load_full());
    }

    fn in_force(&self, port: Option<u16>) {
        let watch: Arc<dyn AccountWatch> = self.shared.clone();
        self.kernel.watch_accounts(Arc::downgrade(&watch));
        let services = port.map_or_else(Vec::new, |port| self.services(port));
        self.kernel.shared::<RelayServices>().announce(&self.place.name(), services);
    }

    fn closed(&self) {
        self.kernel.shared::<RelayServices>().announce(&self.place.name(), Vec::new());
    }
}

impl Place {
    /// What tells listeners apart.
    fn name(&self) -> String {
        format!("{:?} {:?}", self.endpoint, self.transport)
    }
}

impl Stun {
    /// What is offered here, for clients that ask which services there are.
    fn services(&self, port: u16) -> Vec<RelayService> {
        let settings = self.settings.load();
        let udp = self.place.transport == Transport::Udp;
        let address = settings.relay_v4.map(|at| at.told);
        let tls = settings.tls.is_some();
        let service = |relays| RelayService { relays, tls, udp, port, address };
        let kinds = if settings.use_turn { &[false, true][..] } else { &[false] };
        kinds.iter().map(|relays| service(*relays)).collect()
    }
}

/// An error answer to somebody who has not logged in.
fn refused(message: &Message<'_>, code: u16) -> Vec<u8> {
    login::finish(MessageWriter::error(message, code), message)
}
