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
mod checks;
mod commands;
mod datagrams;
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

use std::net::UdpSocket;
use std::sync::Arc;

use arc_swap::ArcSwap;
use kernel::contracts::{AccountWatch, RelayService, RelayServices};
use kernel::doors::{Door, DoorEntry, Open, Stop, door};
use kernel::{Kernel, Panel};
use netio::Link;
use settings::audit::Check;
use settings::{Endpoint, ListenerConfig, Problem, Transport};
use stun_wire::{Message, MessageWriter};

use options::Settings;
use shared::Shared;

pub use commands::COMMANDS;

/// The doors of this crate.
pub static DOORS: &[DoorEntry] = &[door::<Stun>()];

/// A listener for STUN and TURN.
pub struct Stun {
    kernel: Kernel,
    shared: Arc<Shared>,
    settings: ArcSwap<Settings>,
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
        let watch: Arc<dyn AccountWatch> = shared.clone();
        kernel.watch_accounts(Arc::downgrade(&watch));
        announce(&kernel, open.listener, &settings);
        Ok(Self { kernel, shared, settings: ArcSwap::from_pointee(settings) })
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
}

/// Says what is offered here, for clients that ask which services there are.
fn announce(kernel: &Kernel, listener: &ListenerConfig, settings: &Settings) {
    let Endpoint::Inet { ip, port } = listener.endpoint else { return };
    let service = |relays| RelayService {
        relays,
        tls: settings.tls.is_some(),
        udp: listener.transport == Transport::Udp,
        port,
        address: settings.relay_v4.map(|at| at.told),
    };
    let mut services = vec![service(false)];
    if settings.use_turn {
        services.push(service(true));
    }
    let name = format!("{ip} {port} {:?}", listener.transport);
    kernel.shared::<RelayServices>().announce(&name, services);
}

/// An error answer to somebody who has not logged in.
fn refused(message: &Message<'_>, code: u16) -> Vec<u8> {
    login::finish(MessageWriter::error(message, code), message)
}
