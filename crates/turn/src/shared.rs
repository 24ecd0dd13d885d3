//! What all listeners share: who uses how much, ports, reservations, connections waiting to be bound.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use jid::BareJid;
use kernel::contracts::AccountWatch;
use parking_lot::{Mutex, MutexGuard};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::behaviour::Listeners;
use crate::ports::{PortSet, Relay};
use crate::sources::Sources;

/// Allocations of the whole server; each costs two descriptors at most.
pub(crate) const ALLOCATIONS_MAX: usize = 20_000;
/// Ports kept for a second allocation (RFC 8656 §7.2), over all clients.
const RESERVATIONS_MAX: usize = 1_024;
/// How long one is kept (RFC 8656 §7.2).
const RESERVATION_LIFETIME: Duration = Duration::from_secs(30);
/// Connections of peers that wait for their client, over all clients.
const CONNECTIONS_MAX: usize = 1_024;
/// How long one waits (RFC 6062 §5.2).
const CONNECTION_LIFETIME: Duration = Duration::from_secs(30);

/// What one account, or one address where nobody logs in, uses of the relay.
pub(crate) struct Use {
    name: String,
    account: Option<BareJid>,
    allocations: AtomicU32,
    ended: AtomicBool,
    /// When the bytes admitted so far will have passed at the rate, in nanoseconds since the start.
    busy_until: AtomicU64,
}

impl Use {
    /// Whether the account may be used no longer.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether `bytes` more may pass at `rate` bytes a second, with bursts of one second. No lock.
    pub(crate) fn admit(&self, since_start: Duration, bytes: usize, rate: u64) -> bool {
        const SECOND: u64 = 1_000_000_000;
        let now = u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX);
        let cost = (bytes as u64).saturating_mul(SECOND) / rate.max(1);
        let admitted =
            self.busy_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |until| {
                let until = until.max(now).saturating_add(cost);
                (until - now <= SECOND).then_some(until)
            });
        admitted.is_ok()
    }
}

/// One allocation's place in the quotas, free again when dropped.
pub(crate) struct Place {
    pub(crate) used: Arc<Use>,
    shared: Arc<Shared>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.allocations.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!(observe::names::TURN_ALLOCATIONS).decrement(1);
        let mut uses = self.shared.uses.lock();
        let left = self.used.allocations.fetch_sub(1, Ordering::Relaxed) - 1;
        let known = uses.get(&self.used.name).is_some_and(|known| Arc::ptr_eq(known, &self.used));
        if left == 0 && known {
            uses.remove(&self.used.name);
        }
    }
}

/// A port that was kept, and for whom.
struct Reservation {
    relay: Relay,
    user: String,
    until: Instant,
}

/// A connection to a peer whose client has yet to take it (RFC 6062 §4.3).
pub(crate) struct Waiting {
    pub(crate) stream: TcpStream,
    pub(crate) user: String,
    /// Set when the allocation ends.
    pub(crate) ended: Arc<AtomicBool>,
    until: Instant,
}

/// The state of all listeners; [`kernel::Kernel::shared`] keeps it.
pub(crate) struct Shared {
    pub(crate) ports_v4: Arc<PortSet>,
    pub(crate) ports_v6: Arc<PortSet>,
    pub(crate) tcp_ports: Arc<PortSet>,
    pub(crate) nonce_key: [u8; 32],
    pub(crate) started: Instant,
    pub(crate) listeners: Listeners,
    allocations: AtomicU32,
    uses: Mutex<HashMap<String, Arc<Use>>>,
    /// How often an account ended; written under the lock of `uses`.
    ends: AtomicU64,
    /// Asked for senders without allocation alone, over every transport.
    sources: Mutex<Sources>,
    reservations: Mutex<HashMap<[u8; 8], Reservation>>,
    connections: Mutex<HashMap<u32, Waiting>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            ports_v4: Arc::default(),
            ports_v6: Arc::default(),
            tcp_ports: Arc::default(),
            nonce_key: kernel::random::bytes(),
            started: Instant::now(),
            listeners: Listeners::default(),
            allocations: AtomicU32::new(0),
            uses: Mutex::default(),
            ends: AtomicU64::new(0),
            sources: Mutex::new(Sources::new(Instant::now())),
            reservations: Mutex::default(),
            connections: Mutex::default(),
        }
    }
}

/// Why there is no place for another allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The account has as many as it may.
    Quota,
    /// The server has.
    Server,
    /// An account ended after the log-in was looked up: maybe this one.
    Ended,
}

/// A moment, in the order of accounts that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends(u64);

impl Shared {
    /// Now: to be remembered before an account is looked up, and shown when it wants a place.
    pub(crate) fn ends(&self) -> Ends {
        Ends(self.ends.load(Ordering::SeqCst))
    }

    /// Senders without allocation.
    pub(crate) fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock()
    }

    /// All locks, for the test that packets need none.
    #[cfg(test)]
    pub(crate) fn hold_everything(&self) -> impl Sized {
        let waiting = (self.reservations.lock(), self.connections.lock());
        (self.uses.lock(), self.sources.lock(), waiting)
    }

    /// The use of an account, or of `name` where there is none. It stays known while something is allocated.
    pub(crate) fn use_of(&self, name: &str, account: Option<&BareJid>) -> Arc<Use> {
        if let Some(known) = self.uses.lock().get(name) {
            return Arc::clone(known);
        }
        Arc::new(Use {
            name: name.to_owned(),
            account: account.cloned(),
            allocations: AtomicU32::new(0),
            ended: AtomicBool::new(false),
            busy_until: AtomicU64::new(0),
        })
    }

    /// Takes a place for one more allocation, for an account that was looked up after `since`.
    pub(crate) fn place(
        self: &Arc<Self>,
        used: &Arc<Use>,
        since: Ends,
        max: u64,
    ) -> Result<Place, NoPlace> {
        if self.allocations.fetch_add(1, Ordering::Relaxed) as usize >= ALLOCATIONS_MAX {
            self.allocations.fetch_sub(1, Ordering::Relaxed);
            return Err(NoPlace::Server);
        }
        let mut uses = self.uses.lock();
        if used.is_ended() || self.ends() != since {
            self.allocations.fetch_sub(1, Ordering::Relaxed);
            return Err(NoPlace::Ended);
        }
        // Another allocation of the same name may have been made since the log-in was looked up.
        let used = Arc::clone(uses.entry(used.name.clone()).or_insert_with(|| Arc::clone(used)));
        if u64::from(used.allocations.load(Ordering::Relaxed)) >= max {
            self.allocations.fetch_sub(1, Ordering::Relaxed);
            return Err(NoPlace::Quota);
        }
        used.allocations.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!(observe::names::TURN_ALLOCATIONS).increment(1);
        Ok(Place { used, shared: Arc::clone(self) })
    }

    /// How many allocations there are.
    pub(crate) fn allocations(&self) -> u32 {
        self.allocations.load(Ordering::Relaxed)
    }

    /// How many accounts, or addresses, have allocations.
    pub(crate) fn users(&self) -> usize {
        self.uses.lock().len()
    }

    /// Keeps a relay for a second allocation; the token is what the client shows for it.
    pub(crate) fn reserve(&self, relay: Relay, user: &str, now: Instant) -> Option<[u8; 8]> {
        let mut kept = self.reservations.lock();
        kept.retain(|_, kept| kept.until > now);
        if kept.len() >= RESERVATIONS_MAX {
            return None;
        }
        let token = kernel::random::bytes();
        let until = now + RESERVATION_LIFETIME;
        kept.insert(token, Reservation { relay, user: user.to_owned(), until });
        Some(token)
    }

    /// Takes a relay that was kept for this user.
    pub(crate) fn reserved(&self, token: [u8; 8], user: &str, now: Instant) -> Option<Relay> {
        let mut kept = self.reservations.lock();
        let right = kept.get(&token).is_some_and(|kept| kept.user == user && kept.until > now);
        right.then(|| kept.remove(&token)).flatten().map(|kept| kept.relay)
    }

    /// Keeps a connection until its client takes it.
    pub(crate) fn keep_connection(
        &self,
        stream: TcpStream,
        user: &str,
        ended: &Arc<AtomicBool>,
        now: Instant,
    ) -> Option<u32> {
        let mut waiting = self.connections.lock();
        waiting.retain(|_, one| one.until > now && !one.ended.load(Ordering::Relaxed));
        if waiting.len() >= CONNECTIONS_MAX {
            return None;
        }
        let id = u32::from_le_bytes(kernel::random::bytes());
        if waiting.contains_key(&id) {
            return None;
        }
        let (user, ended, until) = (user.to_owned(), Arc::clone(ended), now + CONNECTION_LIFETIME);
        waiting.insert(id, Waiting { stream, user, ended, until });
        Some(id)
    }

    /// Takes a connection that waits for this user.
    pub(crate) fn connection(&self, id: u32, user: &str, now: Instant) -> Option<Waiting> {
        let mut waiting = self.connections.lock();
        let right = waiting.get(&id).is_some_and(|one| one.user == user && one.until > now);
        right.then(|| waiting.remove(&id)).flatten()
    }

    /// Forgets what has waited too long. Whoever relays calls this, and waits for nobody: the next time will do.
    pub(crate) fn sweep(&self, now: Instant) {
        if let Some(mut reservations) = self.reservations.try_lock() {
            reservations.retain(|_, kept| kept.until > now);
        }
        let keep = |one: &Waiting| one.until > now && !one.ended.load(Ordering::Relaxed);
        if let Some(mut connections) = self.connections.try_lock() {
            connections.retain(|_, one| keep(one));
        }
        if let Some(mut sources) = self.sources.try_lock() {
            sources.sweep(now);
        }
    }

    /// Whether a relay of this server has the port of that family.
    pub(crate) fn is_relay_port(&self, ip: IpAddr, port: u16) -> bool {
        if ip.is_ipv4() { self.ports_v4.is_used(port) } else { self.ports_v6.is_used(port) }
    }
}

impl AccountWatch for Shared {
    fn ended(&self, account: &BareJid) {
        let mut uses = self.uses.lock();
        self.ends.fetch_add(1, Ordering::SeqCst);
        uses.retain(|_, used| {
            let ends = used.account.as_ref() == Some(account);
            if ends {
                used.ended.store(true, Ordering::Relaxed);
            }
            !ends
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_counts_places_and_an_ended_account_keeps_none() {
        let shared = Arc::new(Shared::default());
        let account = BareJid::new("romeo@example.org").unwrap();
        let since = shared.ends();
        let used = shared.use_of("romeo@example.org", Some(&account));
        let first = shared.place(&used, since, 2).unwrap();
        let second = shared.place(&used, since, 2).unwrap();
        assert_eq!(shared.place(&used, since, 2).err(), Some(NoPlace::Quota));
        drop(second);
        let again = shared.place(&used, since, 2).unwrap();
        shared.ended(&account);
        assert!(first.used.is_ended() && again.used.is_ended());
        drop((first, again));
        assert_eq!(shared.allocations(), 0);
        assert!(shared.uses.lock().is_empty());
        assert!(!shared.use_of("romeo@example.org", Some(&account)).is_ended());
    }

    /// Whoever was looked up before an account ended gets nothing, whether there was a use of it then or not.
    #[test]
    fn no_place_for_an_account_that_ended_after_it_was_looked_up() {
        let shared = Arc::new(Shared::default());
        let (name, account) = ("romeo@example.org", BareJid::new("romeo@example.org").unwrap());
        let since = shared.ends();
        let used = shared.use_of(name, Some(&account));
        let place = shared.place(&used, since, 9).unwrap();
        let second = shared.use_of(name, Some(&account));
        shared.ended(&account);
        let fresh = shared.use_of(name, Some(&account));
        for used in [&used, &second, &fresh] {
            assert_eq!(shared.place(used, since, 9).err(), Some(NoPlace::Ended));
        }
        assert_eq!(shared.place(&used, shared.ends(), 9).err(), Some(NoPlace::Ended));
        drop(place);
        assert_eq!(shared.allocations(), 0);
        assert!(shared.place(&fresh, shared.ends(), 9).is_ok(), "looked up anew");
    }

    #[test]
    fn the_rate_holds_over_time() {
        let used = Shared::default().use_of("x", None);
        let at = |ms| Duration::from_millis(ms);
        let mut passed = 0;
        for ms in 0..10_000 {
            passed += u64::from(used.admit(at(ms), 100, 10_000)) * 100;
        }
        assert!((100_000..=120_000).contains(&passed), "{passed}");
        assert!(!used.admit(at(10_000), 20_000, 10_000));
    }
}
