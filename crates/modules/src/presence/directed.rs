//! Who got a session's presence outside of the roster (RFC 6121 §4.6).

use std::collections::HashSet;

use jid::Jid;
use kernel::hooks::{Flow, Outgoing};
use xmpp_wire::{PresenceType, StanzaCondition, StanzaError};

/// Addresses of one session at most: rooms, gateways, strangers.
const DIRECTED_MAX: usize = 1_000;

/// The addresses that believe a session to be available.
#[derive(Debug, Default)]
pub(super) struct Directed(HashSet<Jid>);

/// There are too many already.
#[derive(Debug, PartialEq, Eq)]
struct Full;

impl Directed {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes all out.
    pub(super) fn take(&mut self) -> HashSet<Jid> {
        std::mem::take(&mut self.0)
    }

    fn sent(&mut self, to: &Jid, available: bool) -> Result<(), Full> {
        if !available {
            self.0.remove(to);
            if self.0.is_empty() {
                // Most sessions never send any, so none keeps memory for it.
                self.0 = HashSet::new();
            }
        } else if !self.0.contains(to) {
            if self.0.len() >= DIRECTED_MAX {
                return Err(Full);
            }
            self.0.insert(to.clone());
        }
        Ok(())
    }
}

/// Remembers to whom a client sends its presence, since the server must tell them when it goes.
pub(crate) fn watch_directed(event: &mut Outgoing<'_>, kind: PresenceType) -> Flow {
    let available = match kind {
        PresenceType::Available => true,
        PresenceType::Unavailable => false,
        _ => return Flow::Continue,
    };
    let Some(to) = event.stanza.to() else { return Flow::Continue };
    // The account's own resources hear of everything anyway.
    if event.session.is_own_account(Some(to)) {
        return Flow::Continue;
    }
    if event.session.slot::<Directed>().sent(to, available).is_ok() {
        return Flow::Continue;
    }
    let error = StanzaError::new(StanzaCondition::ResourceConstraint)
        .with_text("Presence was sent to too many addresses; leave some first");
    if let Some(reply) = event.stanza.error_reply(&error) {
        event.session.send(reply);
    }
    Flow::Stop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directed_presence_is_remembered_up_to_a_bound() {
        let mut directed = Directed::default();
        let jid = |number: usize| Jid::new(&format!("room{number}@rooms.example/me")).unwrap();
        for number in 0..DIRECTED_MAX {
            assert_eq!(directed.sent(&jid(number), true), Ok(()));
        }
        assert_eq!(directed.sent(&jid(DIRECTED_MAX), true), Err(Full));
        assert_eq!(directed.sent(&jid(0), true), Ok(()), "a known address needs no room");
        assert_eq!(directed.sent(&jid(1), false), Ok(()));
        assert_eq!(directed.sent(&jid(DIRECTED_MAX), true), Ok(()));
        let all = directed.take();
        assert!(!all.contains(&jid(1)) && all.contains(&jid(DIRECTED_MAX)));
        assert!(directed.is_empty());
    }
}
