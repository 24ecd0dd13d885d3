//! After a restart: the sessions of the journal wait for their clients again.

use std::time::Duration;

use ::store::StoreError;
use jid::{BareJid, NodePart, ResourcePart};
use kernel::hooks::SessionRestored;
use kernel::{CloseReason, ConnectionInfo, Control, Kernel, MailboxBounds, Session, SessionHandle};
use std::sync::Arc;
use tokio::time::Instant;
use xmpp_wire::sm::{Counter, Ledger};
use xmpp_wire::{Stanza, StanzaCondition, ns};

use super::store::{self, Reached, SessionRow};
use super::{Inbound, Journal, Kept, Row, Sm, SmId, StreamMgmt};
use crate::c2s::inbound::priority;
use crate::c2s::session::ClientSession;

/// For writing to a client that has come back: the default of `send_timeout`.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);

/// What a session needs to go on.
struct Journalled {
    id: String,
    row: SessionRow,
    queue: Vec<(Row, String)>,
    ahead: Vec<u32>,
    reached: Vec<Reached>,
}

/// Brings back every session of the journal, and says how many. To be called before the first connection is accepted.
///
/// # Errors
/// Those of the store.
pub async fn restore(kernel: &Kernel) -> Result<usize, StoreError> {
    let kept = kernel
        .store()
        .read(|query| {
            let mut all = Vec::new();
            for (id, row) in store::sessions(query)? {
                let queue = store::queue(query, &id)?;
                let ahead = store::ahead(query, &id)?;
                let reached = store::reached(query, &id)?;
                all.push(Journalled { id, row, queue, ahead, reached });
            }
            Ok(all)
        })
        .await?;
    let count = kept.len();
    let mut homeless = Vec::new();
    for one in kept {
        homeless.extend(revive(kernel, one).await);
    }
    let revived = count - homeless.len();
    // Once everybody who may hear of it is there.
    for one in homeless {
        kernel.tasks().spawn("journal", wind_up(kernel.clone(), one));
    }
    Ok(revived)
}

/// Deals with the messages of a session that cannot go on, as its host is served no longer or without stream
/// management: they go to the account, or back to their senders, and leave the journal.
async fn wind_up(kernel: Kernel, kept: Journalled) {
    let SessionRow { username, host, resource, .. } = &kept.row;
    let messages = kept.queue.len();
    tracing::warn!(username, host, resource, messages, "a session of before the restart is ended");
    let journal = Journal::new(kernel.clone(), SmId::new(&kept.id)).with_reached(kept.reached);
    let ending = journal.end();
    let hand_over = |(row, text): (Row, String)| {
        Some(journal.hand_over(&ending, row, readable(&kept.id, &text)?))
    };
    let messages: Vec<_> = kept.queue.into_iter().filter_map(hand_over).collect();
    if let Some(host) = kernel.host(host) {
        return kernel.bequeath(&host, messages, Vec::new()).await;
    }
    for message in messages {
        kernel.refuse(message, StanzaCondition::RemoteServerNotFound).await;
    }
}

fn readable(id: &str, text: &str) -> Option<Stanza> {
    Stanza::parse(text.as_bytes())
        .inspect_err(|error| tracing::error!(id, %error, "a journalled message cannot be read"))
        .ok()
}

/// Lets a session wait for its client; gives back what has no place here any more.
async fn revive(kernel: &Kernel, kept: Journalled) -> Option<Journalled> {
    let id = SmId::new(&kept.id);
    let Some(mut session) = session_of(kernel, &kept.row) else { return Some(kept) };
    let generation = session.generation();
    let Some(module) = StreamMgmt::of(&generation) else { return Some(kept) };
    let handle = session.handle().clone();
    if let Some(presence) =
        kept.row.presence.as_deref().and_then(|text| Stanza::parse(text.as_bytes()).ok())
    {
        handle.set_presence(Some((priority(&presence), presence)));
    }
    if kept.row.interested {
        handle.set_interested();
    }
    let ledger =
        Ledger::resumed(Counter::new(kept.row.handled), kept.ahead.into_iter().map(Counter::new));
    let (sent, left) = kept.reached.into_iter().partition(|one| one.seq >= 0);
    let inbound = Inbound::resumed(id.clone(), ledger, sent, handle.clone());
    let mut unconfirmed = Vec::new();
    for (row, text) in kept.queue {
        let stanza = readable(&kept.id, &text);
        unconfirmed.extend(stanza.map(|stanza| Kept { stanza, row: Some(row) }));
    }
    let wait = Duration::from_secs(u64::try_from(kept.row.resume_seconds).unwrap_or(0));
    let mut sm = Sm::new(kernel, id.clone(), module.policy(), ns::SM, inbound);
    sm.journal = sm.journal.with_reached(left);
    sm.resume_for = (!wait.is_zero()).then_some(wait);
    sm.unconfirmed = Some(unconfirmed);
    for replaced in kernel.sessions().add(handle.clone()) {
        // The crash came while one session of this address took the place of another.
        drop(replaced.mailbox().control(Control::Close(CloseReason::Replaced)));
    }
    if wait.is_zero() {
        // It ends at once. If it could be resumed before, its client learns what to repeat.
        let handled = sm.inbound.handled();
        module.registry().end(&id, session.account(), handled, Instant::now());
    } else {
        module.registry().add(&id, &handle);
        let mut restored = &mut session;
        generation.chains().run::<SessionRestored>(&mut restored).await;
    }
    let waiting = ClientSession::waiting(session, SEND_TIMEOUT, sm, wait);
    kernel.tasks().spawn("session", Box::new(waiting).run());
    None
}

fn session_of(kernel: &Kernel, row: &SessionRow) -> Option<Session> {
    let host = kernel.host(&row.host)?;
    let node = NodePart::new(&row.username).ok()?;
    let resource = ResourcePart::new(&row.resource).ok()?;
    let account = BareJid::from_parts(Some(&node), host.bare().domain());
    let jid = account.with_resource(&resource);
    let info = ConnectionInfo { kind: "c2s_tls", peer: None, since: kernel.clock().wall() };
    let handle = Arc::new(SessionHandle::new(jid, MailboxBounds::default(), info));
    Some(Session::new(kernel.clone(), host, handle))
}
