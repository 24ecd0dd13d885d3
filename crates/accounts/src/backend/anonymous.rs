//! Anonymous log-in: sessions without accounts, known only while they last.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Anonymous sessions that may be open at once in the server.
const SESSIONS_MAX: usize = 1_000_000;

/// The anonymous sessions of an address.
#[derive(Debug, Default)]
struct Counts {
    /// Those that hold the address.
    open: u32,
    /// Those of them that have not said that they end.
    staying: u32,
}

type Open = Arc<Mutex<HashMap<Box<str>, Counts>>>;

/// How many anonymous sessions each address has open.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Open,
}

impl Sessions {
    /// Whether somebody has the address, or what is left of the last one is still being removed.
    pub(crate) fn is_open(&self, address: &str) -> bool {
        self.open.lock().contains_key(address)
    }

    /// Whether somebody has the address and stays.
    pub(crate) fn exists(&self, address: &str) -> bool {
        self.open.lock().get(address).is_some_and(|counts| counts.staying > 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.open.lock().len()
    }

    /// Opens a session; not if the address is in use and `shared` is off, nor beyond the bound.
    pub(crate) fn open(&self, address: &str, shared: bool) -> Option<AnonymousSession> {
        let mut open = self.open.lock();
        let full = open.len() >= SESSIONS_MAX;
        match open.get_mut(address) {
            Some(_) if !shared => return None,
            Some(counts) => {
                counts.open = counts.open.checked_add(1)?;
                counts.staying += 1;
            }
            None if full => return None,
            None => {
                open.insert(address.into(), Counts { open: 1, staying: 1 });
            }
        }
        Some(AnonymousSession {
            open: Arc::clone(&self.open),
            address: address.into(),
            stays: true,
        })
    }
}

/// An anonymous session: its address exists until this is dropped.
#[derive(Debug)]
#[must_use = "the anonymous account exists only as long as this is kept"]
pub struct AnonymousSession {
    open: Open,
    address: Box<str>,
    stays: bool,
}

impl AnonymousSession {
    /// Says that the session ends, and whether it was the last of its address: what is kept for the account then goes
    /// with it, before this is dropped and somebody else may have the name.
    pub fn leave(&mut self) -> bool {
        let mut open = self.open.lock();
        let Some(counts) = open.get_mut(&self.address).filter(|_| self.stays) else { return false };
        self.stays = false;
        counts.staying -= 1;
        counts.staying == 0
    }
}

impl Drop for AnonymousSession {
    fn drop(&mut self) {
        self.leave();
        let mut open = self.open.lock();
        if let Some(counts) = open.get_mut(&self.address) {
            counts.open -= 1;
            if counts.open == 0 {
                open.remove(&self.address);
            }
        }
    }
}
