//! The nodes that are connected: one connection each.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// Who is connected.
#[derive(Debug, Default)]
pub(crate) struct Peers(Mutex<HashMap<String, Connected>>);

#[derive(Debug)]
struct Connected {
    number: u64,
    is_visible: bool,
    replaced: watch::Sender<bool>,
}

/// A node's place among the connected; it is free again when this goes.
#[derive(Debug)]
pub(crate) struct Place {
    peers: Arc<Peers>,
    name: String,
    number: u64,
    /// Becomes true when the node has connected anew.
    pub(crate) replaced: watch::Receiver<bool>,
}

impl Peers {
    /// Whether a node is connected.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.lock().contains_key(name)
    }

    /// Takes the place of a node; a connection that had it ends.
    pub(crate) fn enter(self: &Arc<Self>, name: &str, number: u64, is_visible: bool) -> Place {
        let (sender, replaced) = watch::channel(false);
        let connected = Connected { number, is_visible, replaced: sender };
        if let Some(old) = self.0.lock().insert(name.to_owned(), connected) {
            old.replaced.send_replace(true);
        }
        Place { peers: Arc::clone(self), name: name.to_owned(), number, replaced }
    }

    /// The connected nodes, sorted; hidden ones too, or visible ones alone.
    pub(crate) fn names(&self, hidden: bool, visible: bool) -> Vec<String> {
        let peers = self.0.lock();
        let wanted = peers
            .iter()
            .filter(|(_, peer)| if peer.is_visible { visible } else { hidden })
            .map(|(name, _)| name.clone());
        let mut names: Vec<String> = wanted.collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut peers = self.peers.0.lock();
        // The place may be another connection's by now.
        if peers.get(&self.name).is_some_and(|peer| peer.number == self.number) {
            peers.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_connects_anew_ends_its_old_connection() {
        let peers = Arc::new(Peers::default());
        let old = peers.enter("a@b", 1, true);
        let new = peers.enter("a@b", 2, false);
        assert!(*old.replaced.borrow() && !*new.replaced.borrow());
        drop(old);
        assert!(peers.has("a@b"));
        assert_eq!((peers.names(true, false).len(), peers.names(false, true).len()), (1, 0));
        drop(new);
        assert!(!peers.has("a@b"));
    }
}
