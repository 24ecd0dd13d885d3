//! What becomes of a session when a part of the server panics in its task: a bug must not cost a message.
//!
//! The stanza that a hook had goes back to its sender with an error, as it would only panic again; everything else
//! goes on its way. What the panic took of the client's own stanzas is not acknowledged (see `Ledger::abandon`).

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use xmpp_wire::negotiation::write_close;
use xmpp_wire::{StanzaCondition, StanzaError, StreamCondition, StreamError};

use super::end::Estate;
use super::session::{CLOSE_PATIENCE, ClientSession, Ending, Next};

/// Runs a future to its end; `None` when it panicked.
pub(super) struct Survive<F>(pub(super) Pin<Box<F>>);

impl<F: Future> Future for Survive<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A future that panicked is never polled again, and what the session is left with is judged by `after_panic`.
        let poll = catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)));
        poll.map_or(Poll::Ready(None), |poll| poll.map(Some))
    }
}

impl ClientSession {
    /// Goes on after a panic as if the connection had been lost, if one stanza was the cause and the client can come
    /// back for the rest; otherwise ends.
    pub(super) async fn after_panic(&mut self) -> Next {
        metrics::counter!(observe::names::TASK_PANICS).increment(1);
        tracing::error!(session = %self.session.jid(), "a session panicked; this is a bug in the server");
        if !std::mem::take(&mut self.in_hand) {
            return Next::End(broken());
        }
        let culprit = self.taken.remove(self.passed);
        let error = StanzaError::new(StanzaCondition::InternalServerError);
        self.session.kernel().clone().bounce(culprit, &error).await;
        if let end @ Next::End(_) = self.interrupt().await {
            return end;
        }
        // Nobody is connected now, so this writes to the journal only.
        self.deliver(Vec::new()).await
    }

    /// Closes the connection with an error. A client that can resume does, and sends again what was not acknowledged.
    pub(super) async fn interrupt(&mut self) -> Next {
        let Some(carrier) = self.carrier.take() else { return Next::Go };
        if self.sm.as_ref().is_none_or(|sm| sm.resume_for.is_none()) {
            self.carrier = Some(carrier);
            return Next::End(broken());
        }
        let mut bye = Vec::new();
        StreamError::new(StreamCondition::InternalServerError).write(&mut bye);
        write_close(&mut bye);
        carrier.finish(&bye, CLOSE_PATIENCE).await;
        self.lost().await
    }
}

fn broken() -> Ending {
    Ending::WithError(StreamError::new(StreamCondition::InternalServerError))
}

impl Drop for ClientSession {
    /// However the task ends, nobody must find the session any more, and what it was sent must go elsewhere. After an
    /// orderly end there is nothing left to do; here it is for a panic on the way to that end.
    fn drop(&mut self) {
        let kernel = self.session.kernel().clone();
        let probate = kernel.open_probate(self.session.handle());
        let mut estate = Estate::of(self);
        if !std::thread::panicking() {
            // The journal outlives the task: the server stops, or the session never ran.
            estate = estate.without_journal();
        }
        if estate.is_empty()
            || kernel.tasks().stopping().has_begun()
            || Handle::try_current().is_err()
        {
            return;
        }
        kernel.tasks().spawn("give back", async move {
            estate.give_back().await;
            drop(probate);
        });
    }
}
