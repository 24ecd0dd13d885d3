//! Relays for media (TURN): what whoever hands out log-ins offers to the door that relays, and back.

use std::net::IpAddr;

use jid::BareJid;
use stdx::Secret;

/// For whom a user name of a relay stands, and its password.
pub struct RelayLogin {
    /// The account it was given to.
    pub account: BareJid,
    /// The password that belongs to the user name.
    pub password: Secret,
}

/// Hands out time-limited log-ins for relays, and knows them again.
pub trait RelayCredentials: Send + Sync {
    /// The log-in of a user name that this host handed out and that is valid at `now` (seconds since 1970).
    fn login(&self, user: &str, now: i64) -> Option<RelayLogin>;
}

/// A service that a door offers and that clients may be told of (XEP-0215).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayService {
    /// Whether it relays (`turn`), or tells addresses only (`stun`).
    pub relays: bool,
    /// Whether under TLS.
    pub tls: bool,
    /// Whether over UDP, else TCP.
    pub udp: bool,
    /// The port.
    pub port: u16,
    /// The public address, if the configuration or the listener names one.
    pub address: Option<IpAddr>,
}

/// The services of all doors that listen now; shared through [`Kernel::shared`](crate::Kernel::shared).
#[derive(Default)]
pub struct RelayServices(parking_lot::Mutex<Vec<(String, Vec<RelayService>)>>);

impl RelayServices {
    /// Says what the listener called `listener` offers; an empty list when it is closed.
    pub fn announce(&self, listener: &str, services: Vec<RelayService>) {
        let mut all = self.0.lock();
        all.retain(|(name, _)| name != listener);
        if !services.is_empty() {
            all.push((listener.to_owned(), services));
        }
    }

    /// All of them.
    pub fn list(&self) -> Vec<RelayService> {
        self.0.lock().iter().flat_map(|(_, services)| services.clone()).collect()
    }
}

/// Wants to know when an account may be used no longer: removed, banned, or its password changed.
pub trait AccountWatch: Send + Sync {
    /// Whatever lives on behalf of the account must end within a second.
    fn ended(&self, account: &BareJid);
}
