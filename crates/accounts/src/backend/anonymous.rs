//! Anonymous log-in: sessions without accounts, known only while they last.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Anonymous sessions that may be open at once in the server.
const SESSIONS_MAX: usize = 1_000_000;

/// How many anonymous sessions each address has open.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Arc<Mutex<HashMap<Box<str>, u32>>>,
}

impl Sessions {
    pub(crate) fn is_open(&self, address: &str) -> bool {
        self.open.lock().contains_key(address)
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
            Some(count) => *count = count.checked_add(1)?,
            None if full => return None,
            None => {
                open.insert(address.into(), 1);
            }
        }
        Some(AnonymousSession { open: Arc::clone(&self.open), address: address.into() })
    }
}

/// An anonymous session: its address exists until this is dropped.
#[derive(Debug)]
#[must_use = "the anonymous account exists only as long as this is kept"]
pub struct AnonymousSession {
    open: Arc<Mutex<HashMap<Box<str>, u32>>>,
    address: Box<str>,
}

impl Drop for AnonymousSession {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}
