//! To the client: hooks, stream management, one write a burst.

use kernel::hooks::{Flow, Incoming, UserReceive};
use kernel::{Delivery, Receipt, message_targets};
use tokio::time::Instant;
use xmpp_wire::sm::{Counter, Handled, SmReply};
use xmpp_wire::{
    MessageType, StanzaCondition, StanzaError, StanzaKind, StreamCondition, StreamError,
};

use super::session::{ClientSession, Ending, Next};
use super::sm::{JournalEntry, Kept, Sm};

impl ClientSession {
    /// Hands what was taken to the client, behind what is rendered already.
    pub(super) async fn deliver(&mut self, mut out: Vec<u8>) -> Next {
        self.filter().await;
        if let end @ Next::End(_) = self.effects(&mut out).await {
            return self.finish(out, end).await;
        }
        if self.sm.is_some() {
            return self.deliver_managed(out).await;
        }
        for delivery in &self.taken {
            delivery.stanza.write(&mut out);
        }
        if !self.write(&out).await {
            return Next::End(Ending::ByClient);
        }
        // The receipts go here: what was written to a client without acknowledgements counts as delivered.
        self.taken = Vec::new();
        self.passed = 0;
        Next::Go
    }

    async fn finish(&mut self, out: Vec<u8>, end: Next) -> Next {
        self.write(&out).await;
        end
    }

    /// Runs the hooks of receiving; what they stop is gone.
    ///
    /// They act in place: whatever a hook does, a panic included, the others stay with the session.
    async fn filter(&mut self) {
        let generation = self.session.generation();
        let Some(chain) = generation.chains().get::<UserReceive>() else { return };
        while let Some(delivery) = self.taken.get_mut(self.passed) {
            self.in_hand = true;
            let mut event = Incoming { stanza: &mut delivery.stanza, session: &mut self.session };
            if chain.run(&mut event).await == Flow::Continue {
                self.passed += 1;
            } else {
                self.taken.remove(self.passed);
            }
            self.in_hand = false;
        }
    }

    /// Renders stanzas that are already past the hooks, with stream management if it is on.
    pub(super) async fn render(&mut self, deliveries: Vec<Delivery>, out: &mut Vec<u8>) -> Next {
        if deliveries.is_empty() {
            return Next::Go;
        }
        if self.sm.is_none() {
            deliveries.iter().for_each(|delivery| delivery.stanza.write(out));
            return Next::Go;
        }
        self.enqueue(deliveries, out).await
    }

    /// Deals with what came before the session had a lower priority, or none. Newer messages may be stored elsewhere.
    ///
    /// What it can take is made durable at once: after a crash the senders would repeat these, and only these. What is
    /// held back for it waits for messages that are stored, of which it may get no more.
    pub(super) async fn hand_on_messages(&mut self, out: &mut Vec<u8>) -> Next {
        let handle = self.session.handle().clone();
        let mut next = Next::Go;
        if self.sm.is_some() {
            handle.mailbox().take_stanzas(&mut self.taken);
            self.filter().await;
            self.passed = 0;
            let deliveries = std::mem::take(&mut self.taken);
            next = self.enqueue(deliveries, out).await;
        }
        let kernel = self.session.kernel().clone();
        let others = kernel.sessions().of(self.session.account().as_str());
        if !message_targets(&others, false).is_empty() {
            // They may have the same, and nothing more is stored for later.
            return next;
        }
        let is_for_the_account = |delivery: &Delivery| {
            matches!(delivery.stanza.kind(), StanzaKind::Message(kind) if kind != MessageType::Error)
                && delivery.stanza.to().is_some_and(|to| to.resource().is_none())
        };
        let (mut held, own): (Vec<_>, Vec<_>) =
            handle.mailbox().take_held().into_iter().partition(is_for_the_account);
        held.extend(own.into_iter().filter_map(|one| Some(handle.mailbox().push(one).err()?.1)));
        let host = self.session.host().clone();
        kernel.bequeath(&host, Vec::new(), held).await;
        next
    }

    async fn deliver_managed(&mut self, mut out: Vec<u8>) -> Next {
        self.passed = 0;
        let deliveries = std::mem::take(&mut self.taken);
        if let end @ Next::End(_) = self.enqueue(deliveries, &mut out).await {
            return self.finish(out, end).await;
        }
        self.ask_for_ack(&mut out);
        if !self.write(&out).await && self.carrier.is_some() {
            return self.lost().await;
        }
        Next::Go
    }

    /// Numbers stanzas, makes messages durable, keeps all until the client has acknowledged them.
    pub(super) async fn enqueue(&mut self, deliveries: Vec<Delivery>, out: &mut Vec<u8>) -> Next {
        let Some(sm) = &mut self.sm else { return Next::Go };
        let mut entries = Vec::new();
        let mut numbered = Vec::with_capacity(deliveries.len());
        // A sender that repeats a message after a crash means those who did not get it before.
        let has_it = |receipt: &Receipt| receipt.has_reached(sm.id.as_str());
        let fresh = deliveries
            .into_iter()
            .filter(|delivery| !delivery.receipt.as_ref().is_some_and(has_it));
        for (ahead, delivery) in (0..).zip(fresh) {
            let Delivery { stanza, receipt } = delivery;
            let row = is_kept(stanza.kind()).then(|| sm.next_row(ahead));
            if let Some(row) = row {
                entries.push(JournalEntry { row, stanza: stanza.clone(), receipt });
            }
            numbered.push(Kept { stanza, row });
        }
        let mut refused = Vec::new();
        if !entries.is_empty() {
            let acked = std::mem::take(&mut sm.acked_rows);
            if let Err(entries) = sm.journal.append(entries, acked).await {
                numbered.retain(|kept| kept.row.is_none());
                refused = entries;
            }
        }
        let connected = self.carrier.is_some();
        let mut full = false;
        for kept in numbered {
            let start = out.len();
            if connected {
                kept.stanza.write(out);
            }
            if !sm.keep(kept) {
                // It goes elsewhere when the session has ended, so the client must not see it here.
                out.truncate(start);
                full = true;
            }
        }
        self.refuse_unstored(refused).await;
        if full {
            let error = StreamError::new(StreamCondition::PolicyViolation)
                .with_text("Too many unacked stanzas");
            return Next::End(Ending::WithError(error));
        }
        Next::Go
    }

    /// The disk does not take messages: their senders hear of it, the session goes on without them.
    async fn refuse_unstored(&mut self, entries: Vec<JournalEntry>) {
        let error = StanzaError::new(StanzaCondition::ResourceConstraint)
            .with_text("The message could not be stored");
        let kernel = self.session.kernel().clone();
        for entry in entries {
            kernel.bounce(Delivery { stanza: entry.stanza, receipt: entry.receipt }, &error).await;
        }
    }

    /// Requests an acknowledgement when something is unacknowledged and none is under way.
    fn ask_for_ack(&mut self, out: &mut Vec<u8>) {
        let Some(sm) = &mut self.sm else { return };
        if sm.queue.is_empty() || sm.asked.is_some() || self.carrier.is_none() {
            return;
        }
        sm.asked = Some(sm.policy.ack_timeout.map(|timeout| Instant::now() + timeout));
        SmReply::Ask.write(out, sm.ns);
    }

    /// Answers the client's request, as soon as everything it sent has been handled for good.
    pub(super) async fn acknowledge(&mut self, out: &mut Vec<u8>) {
        let Some(sm) = &mut self.sm else { return };
        if sm.owes_ack.is_some()
            && let Some(handled) = sm.inbound.handled_all()
            && tell(sm, handled, out).await
        {
            let others = sm.requests.saturating_sub(1);
            (0..others).for_each(|_| SmReply::Ack(handled).write(out, sm.ns));
            sm.requests = 0;
            sm.owes_ack = None;
        }
    }

    /// Answers with what is handled so far: a recipient that is slow must not make the client think that we are gone.
    pub(super) async fn acknowledge_part(&mut self, out: &mut Vec<u8>) {
        let Some(sm) = &mut self.sm else { return };
        sm.owes_ack = Some(None);
        let handled = sm.inbound.handled();
        tell(sm, handled, out).await;
    }

    /// The client acknowledges (XEP-0198 §4).
    pub(super) fn acknowledged(&mut self, h: Counter) -> Next {
        let Some(sm) = &mut self.sm else { return Next::Go };
        match sm.acknowledged(h) {
            Ok(()) => Next::Go,
            Err(too_high) => Next::End(Ending::WithError(too_high.to_stream_error())),
        }
    }
}

/// Acknowledges, once the journal has the count too; says whether it has.
async fn tell(sm: &Sm, handled: Handled, out: &mut Vec<u8>) -> bool {
    if let Err(error) = sm.settle(handled).await {
        tracing::error!(%error, "stanzas cannot be acknowledged");
        return false;
    }
    SmReply::Ack(handled).write(out, sm.ns);
    true
}

/// Messages are kept until the client has them; presence and IQ are of the moment.
fn is_kept(kind: StanzaKind) -> bool {
    matches!(kind, StanzaKind::Message(kind) if kind != MessageType::Error)
}
