//! After a restart: the sessions of the journal wait for their clients again.

use std::time::Duration;

use ::store::StoreError;
use jid::{BareJid, FullJid, NodePart, ResourcePart};
use kernel::{CloseReason, ConnectionInfo, Control, Kernel, MailboxBounds, Session, SessionHandle};
use std::sync::Arc;
use xmpp_wire::Stanza;
use xmpp_wire::ns;
use xmpp_wire::sm::{Counter, Ledger};

use super::store::{self, SessionRow};
use super::{Inbound, Kept, Row, Sm, SmId, StreamMgmt};
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
}

/// Brings back every session of the journal. To be called before the first connection is accepted.
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
                all.push(Journalled { id, row, queue, ahead });
            }
            Ok(all)
        })
        .await?;
    let count = kept.len();
    for one in kept {
        revive(kernel, one);
    }
    Ok(count)
}

fn revive(kernel: &Kernel, kept: Journalled) {
    let id = SmId::new(&kept.id);
    let Some((jid, session)) = session_of(kernel, &kept.row) else {
        tracing::warn!(
            user = kept.row.username,
            host = kept.row.host,
            "a journalled session has no host any more"
        );
        return;
    };
    let generation = session.generation();
    let Some(module) = StreamMgmt::of(&generation) else { return };
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
    let inbound = Inbound::new(id.clone(), ledger, handle.clone());
    let mut unconfirmed = Vec::new();
    for (row, text) in kept.queue {
        match Stanza::parse(text.as_bytes()) {
            Ok(stanza) => unconfirmed.push(Kept { stanza, row: Some(row) }),
            Err(error) => {
                tracing::error!(session = %jid, %error, "a journalled message cannot be read")
            }
        }
    }
    let wait = Duration::from_secs(u64::try_from(kept.row.resume_seconds).unwrap_or(0));
    let mut sm = Sm::new(kernel, id.clone(), module.policy(), ns::SM, inbound);
    sm.resume_for = (!wait.is_zero()).then_some(wait);
    sm.unconfirmed = Some(unconfirmed);
    for replaced in kernel.sessions().add(handle.clone()) {
        // The crash came while one session of this address took the place of another.
        drop(replaced.mailbox().control(Control::Close(CloseReason::Replaced)));
    }
    module.registry().add(&id, &handle);
    let waiting = ClientSession::waiting(session, SEND_TIMEOUT, sm, wait);
    kernel.tasks().spawn("session", Box::new(waiting).run());
}

fn session_of(kernel: &Kernel, row: &SessionRow) -> Option<(FullJid, Session)> {
    let host = kernel.host(&row.host)?;
    let node = NodePart::new(&row.username).ok()?;
    let resource = ResourcePart::new(&row.resource).ok()?;
    let account = BareJid::from_parts(Some(&node), host.bare().domain());
    let jid = account.with_resource(&resource);
    let info = ConnectionInfo { kind: "c2s_tls", peer: None, since: kernel.clock().wall() };
    let handle = Arc::new(SessionHandle::new(jid.clone(), MailboxBounds::default(), info));
    Some((jid, Session::new(kernel.clone(), host, handle)))
}
