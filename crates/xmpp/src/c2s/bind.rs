//! Resource binding (RFC 6120 §7) and what happens when the resource is taken.

use std::sync::Arc;

use access::{ShaperRef, Subject};
use jid::{BareJid, FullJid, Jid, ResourcePart};
use kernel::hooks::SessionBound;
use kernel::{
    CloseReason, ConnectionInfo, Control, Generation, Host, MailboxBounds, Session, SessionHandle,
    random,
};
use xmpp_wire::negotiation::Bind;
use xmpp_wire::{Stanza, StanzaCondition, StanzaError};

use super::negotiate::{Negotiating, Step, Stop, WRITE_PATIENCE};
use super::sasl2::Welcome;
use super::session::{ClientSession, Ending};
use super::socket_of;

/// A mailbox holds at least so many stanzas, whatever `max_fsm_queue` says: about as many come with one read of a sender,
/// before the session had its turn, and a client that reads must not be cut off by that.
pub(super) const MAILBOX_COUNT_MIN: usize = 256;

/// A session that has begun, and what its client is to be told of it.
pub(super) struct Bound {
    pub(super) session: Box<ClientSession>,
    pub(super) greeting: Greeting,
}

/// The first words to a client that has a session.
pub(super) enum Greeting {
    /// The answer to its request for a resource.
    Reply(Vec<u8>),
    /// It authenticated and bound a resource at once.
    Welcome(Box<Welcome>),
}

impl Bound {
    /// Tells the client that it has a session; none if it is not there any more.
    pub(super) async fn greet(self) -> Option<Box<ClientSession>> {
        let Self { mut session, greeting } = self;
        let out = match greeting {
            Greeting::Reply(out) => out,
            // Boxed, as below, so that nobody carries around what few need.
            Greeting::Welcome(welcome) => Box::pin(session.welcome(*welcome)).await,
        };
        let carrier = session.carrier.as_mut()?;
        if carrier.write(&out, WRITE_PATIENCE).await.is_err() {
            // Stream management may have made promises in the journal, which end with the session.
            session.carrier = None;
            Box::pin(session.end(Ending::ByClient)).await;
            return None;
        }
        let generation = session.session.generation();
        let mut running = &mut session.session;
        generation.chains().run::<SessionBound>(&mut running).await;
        Some(session)
    }
}

impl Negotiating {
    /// Binds a resource (RFC 6120 §7) and lets the session begin.
    pub(super) async fn bind(
        &mut self,
        host: &Arc<Host>,
        request: &Stanza,
        resource: Option<String>,
    ) -> Result<Step, Stop> {
        let Some(account) = self.account.clone() else { return Err(Stop::Quietly) };
        let jid = self.full_jid(host, &account, resource);
        match jid.and_then(|jid| self.open_session(host, jid)) {
            Ok(session) => {
                let jid = session.session.jid();
                let mut out = Vec::new();
                if let Some(reply) = request.result_reply(Some(&Bind::result(jid))) {
                    reply.write(&mut out);
                }
                let greeting = Greeting::Reply(out);
                Err(Stop::Done(Some(Bound { session, greeting })))
            }
            Err(error) => self.refused(request, &error).await,
        }
    }

    /// Enters a session if the listener's rule lets it in, and gives it this connection.
    pub(super) fn open_session(
        &mut self,
        host: &Arc<Host>,
        jid: FullJid,
    ) -> Result<Box<ClientSession>, StanzaError> {
        let generation = host.generation();
        let full = Jid::from(jid.clone());
        let subject = Subject::of_jid(&full).with_ip(self.peer.ip());
        if !generation.access().allows(&self.door.options.access, &subject) {
            tracing::info!(session = %jid, peer = %self.peer, "access denied by the rule of the listener");
            return Err(StanzaError::new(StanzaCondition::NotAllowed)
                .with_text("Access denied by service policy"));
        }
        let info = self.connection();
        let Some(mut carrier) = self.carrier.take() else {
            return Err(StanzaError::new(StanzaCondition::InternalServerError));
        };
        let shaper = generation.access().shaper(&self.door.options.shaper, &subject).rate();
        carrier.set_shaper(
            shaper.map(|rate| netio::Shaper::new(rate.bytes_per_second, Some(rate.burst_bytes))),
        );
        let handle = self.register(&generation, jid, info);
        if self.door.kernel.host(host.name()).is_none() {
            // A reload removed the host, and may have told its sessions to end before this one was among them.
            drop(handle.mailbox().control(Control::Close(CloseReason::HostGone)));
        }
        let session = Session::new(self.door.kernel.clone(), host.clone(), handle);
        // From here on the session leaves the table when it is dropped, also if it never gets to run.
        let mut session = Box::new(ClientSession::new(
            session,
            self.door.options.send_timeout,
            Some(carrier),
            self.lang.take(),
        ));
        session.anonymous = self.anonymous.take();
        Ok(session)
    }

    async fn refused(&mut self, request: &Stanza, error: &StanzaError) -> Result<Step, Stop> {
        let Some(reply) = request.error_reply(error) else { return Ok(Step::Continue) };
        let mut out = Vec::new();
        reply.write(&mut out);
        self.write(&out).await?;
        Ok(Step::Continue)
    }

    /// The address to bind (RFC 6120 §7.6, §7.7), after the host's `resource_conflict`.
    fn full_jid(
        &self,
        host: &Host,
        account: &BareJid,
        resource: Option<String>,
    ) -> Result<FullJid, StanzaError> {
        let wanted = match resource.filter(|resource| !resource.is_empty()) {
            None => None,
            Some(resource) => Some(
                ResourcePart::new(&resource)
                    .map_err(|_| StanzaError::new(StanzaCondition::BadRequest))?
                    .into_owned(),
            ),
        };
        let generated =
            || ResourcePart::new(&random::token()).expect("a token is a resource").into_owned();
        let Some(wanted) = wanted else { return Ok(account.with_resource(&generated())) };
        let taken = self.door.kernel.sessions().find(account.as_str(), wanted.as_str()).is_some();
        let generation = host.generation();
        match generation.options().text("resource_conflict") {
            Some("setresource") if taken => Ok(account.with_resource(&generated())),
            Some("closenew") if taken => Err(StanzaError::new(StanzaCondition::Conflict)),
            // COMPAT: acceptnew closes the old session too, as in ejabberd.
            _ => Ok(account.with_resource(&wanted)),
        }
    }

    /// What others see of this connection.
    pub(super) fn connection(&self) -> ConnectionInfo {
        ConnectionInfo {
            kind: if self.is_tls() { "c2s_tls" } else { "c2s" },
            peer: socket_of(&self.peer),
            since: self.door.kernel.clock().wall(),
        }
    }

    /// Enters the session; those it replaces, and the oldest ones over `max_user_sessions`, are told to end.
    fn register(
        &self,
        generation: &Generation,
        jid: FullJid,
        info: ConnectionInfo,
    ) -> Arc<SessionHandle> {
        let top_level = generation
            .options()
            .int_if_set("max_fsm_queue")
            .and_then(|count| usize::try_from(count).ok());
        let bounds = mailbox_bounds(self.door.options.max_fsm_queue.or(top_level));
        let handle = Arc::new(SessionHandle::new(jid.clone(), bounds, info));
        let sessions = self.door.kernel.sessions();
        for replaced in sessions.add(handle.clone()) {
            close(&replaced);
        }
        let full = Jid::from(jid.clone());
        let subject = Subject::of_jid(&full).with_ip(self.peer.ip());
        let rule = ShaperRef::named("max_user_sessions");
        // COMPAT: without such a rule there is no limit.
        if let Some(limit) = generation.access().shaper(&rule, &subject).limit(None) {
            let all = sessions.of(jid.to_bare().as_str());
            let over = all.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
            all.iter().take(over).for_each(|oldest| close(oldest));
        }
        handle
    }
}

pub(super) fn close(session: &SessionHandle) {
    // One that has ended already needs no telling.
    drop(session.mailbox().control(Control::Close(CloseReason::Replaced)));
}

/// `max_fsm_queue`, if it is set.
fn mailbox_bounds(count_max: Option<usize>) -> MailboxBounds {
    let mut bounds = MailboxBounds::default();
    if let Some(count) = count_max {
        bounds.count_max = count.max(MAILBOX_COUNT_MIN);
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_queue_still_holds_what_comes_in_one_turn() {
        let bounds = [None, Some(1), Some(20_000)].map(|count| mailbox_bounds(count).count_max);
        assert_eq!(bounds, [MailboxBounds::default().count_max, MAILBOX_COUNT_MIN, 20_000]);
    }
}
