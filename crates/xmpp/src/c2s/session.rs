//! A bound session: one task that waits for its client, its mailbox and its timers, and acts in bursts.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use accounts::AnonymousSession;
use kernel::hooks::{SessionPending, SessionResumed};
use kernel::{CloseReason, Control, Delivery, Effect, Session};
use observe::names;
use tokio::time::{Instant, Sleep};
use xmpp_wire::{Stanza, StreamCondition, StreamError};

use super::panics::Survive;
use super::sm::{Resumption, Sm};
use crate::carriers::{Carrier, Inbound};

/// Stanzas taken from the mailbox for one write at most; more wait for the next one.
const BURST_STANZAS_MAX: usize = 64;

/// A session with its connection, as its task holds it.
pub(crate) struct ClientSession {
    pub(super) session: Session,
    /// How long the client may take to read what is written at once.
    pub(super) send_timeout: Duration,
    /// The connection; none while the session waits for its resumption.
    pub(super) carrier: Option<Carrier>,
    pub(super) sm: Option<Box<Sm>>,
    /// The stream's language, for stanzas that name none (RFC 6120 §4.7.4).
    pub(super) lang: Option<Box<str>>,
    /// Keeps an anonymous account alive.
    pub(super) anonymous: Option<Box<AnonymousSession>>,
    /// A resumption that waits until everything the client sent has been handled.
    pub(super) waiting: Option<Box<Resumption>>,
    /// When waiting for resumption ends.
    pub(super) resume_deadline: Option<Instant>,
    /// What the session took and has not handed to its client; it goes back to the account at the end.
    pub(super) taken: Vec<Delivery>,
    /// How many of those the hooks of receiving have let pass.
    pub(super) passed: usize,
    /// Whether a hook has the next one at the moment.
    pub(super) in_hand: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What woke the task.
#[derive(Default)]
struct Woken {
    control: Vec<Control>,
    /// The burst before did not come to its end.
    panic: bool,
    input: bool,
    timer: bool,
}

/// Whether the session goes on.
pub(super) enum Next {
    /// It does.
    Go,
    /// It is over.
    End(Ending),
}

/// How a session ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The client closed the stream or is gone.
    ByClient,
    /// The server ends it with a stream error.
    WithError(StreamError),
}

impl ClientSession {
    pub(super) fn new(
        session: Session,
        send_timeout: Duration,
        carrier: Option<Carrier>,
        lang: Option<Box<str>>,
    ) -> Self {
        Self {
            session,
            send_timeout,
            carrier,
            sm: None,
            lang,
            anonymous: None,
            waiting: None,
            resume_deadline: None,
            taken: Vec::new(),
            passed: 0,
            in_hand: false,
            timer: None,
        }
    }

    /// A session of before a restart that waits for its client.
    pub(super) fn waiting(
        session: Session,
        send_timeout: Duration,
        sm: Sm,
        wait: Duration,
    ) -> Self {
        let mut waiting = Self::new(session, send_timeout, None, None);
        waiting.sm = Some(Box::new(sm));
        waiting.resume_deadline = Some(Instant::now() + wait);
        waiting.session.handle().set_detached(true);
        waiting
    }

    /// Runs until the session is over.
    pub(super) async fn run(mut self: Box<Self>) {
        // The first turn does what the hooks of binding asked for.
        let mut woken = Woken::default();
        let ending = loop {
            // Boxed, so that a task which only waits holds nothing of what a burst needs.
            match Survive(Box::pin(self.burst(woken))).await {
                Some(Next::Go) => {}
                Some(Next::End(ending)) => break ending,
                None => {
                    woken = Woken { panic: true, ..Woken::default() };
                    continue;
                }
            }
            woken = poll_fn(|cx| self.poll_wake(cx)).await;
        };
        Box::pin(self.end(ending)).await;
    }

    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<Woken> {
        let mut woken = Woken::default();
        let mailbox = self.session.handle().mailbox();
        let mail = mailbox.poll_take(cx, BURST_STANZAS_MAX, &mut woken.control, &mut self.taken);
        if let Some(carrier) = &mut self.carrier
            && carrier.paused_until().is_none()
        {
            woken.input = carrier.poll_fill(cx).is_ready();
        }
        woken.timer = self.poll_timer(cx).is_ready();
        if mail.is_ready() || woken.input || woken.timer {
            Poll::Ready(woken)
        } else {
            Poll::Pending
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ack = self.sm.as_ref().and_then(|sm| sm.ack_deadline());
        let answer = self.sm.as_ref().and_then(|sm| sm.answer_deadline());
        let paused = self.carrier.as_ref().and_then(Carrier::paused_until);
        let Some(deadline) =
            [self.resume_deadline, ack, answer, paused].into_iter().flatten().min()
        else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }

    /// Everything that one wake-up brought, ended by one write.
    async fn burst(&mut self, woken: Woken) -> Next {
        if woken.panic {
            return Box::pin(self.after_panic()).await;
        }
        let mut out = Vec::new();
        match self.act(woken.control, woken.timer, woken.input, &mut out).await {
            Next::Go => self.output(out).await,
            end @ Next::End(_) => self.written(out, end).await,
        }
    }

    async fn act(
        &mut self,
        control: Vec<Control>,
        timer: bool,
        input: bool,
        out: &mut Vec<u8>,
    ) -> Next {
        for control in control {
            if let end @ Next::End(_) = self.control(control, out).await {
                return end;
            }
        }
        if timer && let end @ Next::End(_) = self.timers(out).await {
            return end;
        }
        if input { self.input(out).await } else { Next::Go }
    }

    async fn input(&mut self, out: &mut Vec<u8>) -> Next {
        self.session.handle().touch(self.session.kernel().clock());
        while let Some(item) = self.carrier.as_mut().and_then(Carrier::take) {
            let next = match item {
                Inbound::Element(element) => self.element(element, out).await,
                Inbound::Opened(_) => {
                    Next::End(Ending::WithError(StreamError::new(StreamCondition::InvalidXml)))
                }
                Inbound::Broken(error) => Next::End(Ending::WithError(error)),
                Inbound::Closed => Next::End(Ending::ByClient),
                Inbound::Gone => self.lost().await,
            };
            if let end @ Next::End(_) = next {
                return end;
            }
            if let end @ Next::End(_) = self.effects(out).await {
                return end;
            }
        }
        Next::Go
    }

    /// Takes what came for the client meanwhile, and writes everything at once.
    async fn output(&mut self, mut out: Vec<u8>) -> Next {
        let mut control = Vec::new();
        let room = BURST_STANZAS_MAX.saturating_sub(self.taken.len());
        // Replies of the server to what was just read go out with the same write.
        self.session.handle().mailbox().take(room, &mut control, &mut self.taken);
        for control in control {
            if let end @ Next::End(_) = self.control(control, &mut out).await {
                return self.written(out, end).await;
            }
        }
        self.deliver(out).await
    }

    /// Writes what has been rendered before a burst ends the session.
    async fn written(&mut self, out: Vec<u8>, end: Next) -> Next {
        self.write(&out).await;
        end
    }

    /// Writes to the client; a connection that does not take it is given up, at once when the client has another one or
    /// others wait for the session.
    pub(super) async fn write(&mut self, out: &[u8]) -> bool {
        if out.is_empty() {
            return true;
        }
        let Some(carrier) = &mut self.carrier else { return false };
        let mailbox = self.session.handle().mailbox();
        let mut writing = pin!(carrier.write(out, self.send_timeout));
        let write = |cx: &mut Context<'_>| match writing.as_mut().poll(cx) {
            Poll::Ready(written) => Poll::Ready(written.is_ok()),
            Poll::Pending => mailbox.poll_given_up(cx).map(|()| false),
        };
        poll_fn(write).await
    }

    async fn control(&mut self, control: Control, out: &mut Vec<u8>) -> Next {
        match control {
            Control::Close(CloseReason::Stalled) => {
                let next = self.lost().await;
                if matches!(next, Next::Go) {
                    // What it has not taken yet is written to the journal without waiting for anybody.
                    self.session.kernel().sessions().has_room(self.session.handle());
                }
                next
            }
            Control::Close(reason) => Next::End(Ending::WithError(stream_error(&reason))),
            // The count itself is in the ledger; this says that an acknowledgement is due.
            Control::Wake => match self.waiting.take() {
                Some(resumption) => self.attach(*resumption, out).await,
                None if self.sm.as_ref().is_some_and(|sm| sm.inbound.has_abandoned()) => {
                    self.interrupt().await
                }
                None => {
                    self.acknowledge(out).await;
                    Next::Go
                }
            },
            Control::RepeatPresence => match self.session.handle().presence() {
                Some(presence) => self.in_the_name_of_the_client(presence, out).await,
                None => Next::Go,
            },
            Control::Presence(presence) => self.in_the_name_of_the_client(*presence, out).await,
            Control::Attach(resumption) => match resumption.downcast::<Resumption>() {
                Ok(resumption) => self.attach(*resumption, out).await,
                Err(_) => Next::Go,
            },
        }
    }

    async fn in_the_name_of_the_client(&mut self, presence: Stanza, out: &mut Vec<u8>) -> Next {
        match self.stanza(presence, None, out).await {
            Next::Go => self.effects(out).await,
            end @ Next::End(_) => end,
        }
    }

    async fn timers(&mut self, out: &mut Vec<u8>) -> Next {
        let now = Instant::now();
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if let Some(carrier) = &mut self.carrier
            && due(carrier.paused_until())
        {
            carrier.resume_reading();
        }
        if due(self.resume_deadline) {
            return Next::End(Ending::ByClient);
        }
        if due(self.sm.as_ref().and_then(|sm| sm.ack_deadline())) {
            // A client that does not acknowledge is taken for gone; it may still resume.
            return match self.lost().await {
                Next::Go => Next::Go,
                Next::End(_) => Next::End(Ending::WithError(StreamError::new(
                    StreamCondition::ConnectionTimeout,
                ))),
            };
        }
        if due(self.sm.as_ref().and_then(|sm| sm.answer_deadline())) {
            self.acknowledge_part(out).await;
        }
        Next::Go
    }

    /// The connection is gone: wait for a resumption, or end.
    pub(super) async fn lost(&mut self) -> Next {
        if self.carrier.is_none() && self.resume_deadline.is_some() {
            // It was lost before, and waits.
            return Next::Go;
        }
        let Some(next) = self.detach() else { return Next::End(Ending::ByClient) };
        let generation = self.session.generation();
        let mut session = &mut self.session;
        generation.chains().run::<SessionPending>(&mut session).await;
        next
    }

    fn detach(&mut self) -> Option<Next> {
        let sm = self.sm.as_mut()?;
        let wait = sm.resume_for.filter(|wait| !wait.is_zero())?;
        sm.asked = None;
        sm.owes_ack = None;
        sm.requests = 0;
        self.carrier = None;
        self.resume_deadline = Some(Instant::now() + wait);
        self.session.handle().set_detached(true);
        tracing::debug!(session = %self.session.jid(), wait_s = wait.as_secs(), "waiting for resumption");
        Some(Next::Go)
    }

    /// Runs the hooks of a resumption that has succeeded.
    pub(super) async fn resumed(&mut self) {
        self.resume_deadline = None;
        self.session.handle().set_detached(false);
        let host = self.session.host().name().to_owned();
        metrics::counter!(names::SESSIONS_RESUMED, "host" => host).increment(1);
        let generation = self.session.generation();
        let mut session = &mut self.session;
        generation.chains().run::<SessionResumed>(&mut session).await;
    }

    /// Does what hooks asked for while they ran.
    pub(super) async fn effects(&mut self, out: &mut Vec<u8>) -> Next {
        loop {
            let effects = self.session.take_effects();
            if effects.is_empty() {
                return Next::Go;
            }
            let mut own = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Send(stanza) => own.push(Delivery::new(stanza)),
                    Effect::Route(delivery) => self.session.kernel().clone().route(delivery).await,
                    Effect::Close(reason) => {
                        return Next::End(Ending::WithError(stream_error(&reason)));
                    }
                }
            }
            if let end @ Next::End(_) = self.render(own, out).await {
                return end;
            }
        }
    }
}

/// How long closing a connection may take.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

fn stream_error(reason: &CloseReason) -> StreamError {
    match reason {
        CloseReason::Replaced => {
            StreamError::new(StreamCondition::Conflict).with_text("Replaced by new connection")
        }
        CloseReason::Kicked(text) => {
            StreamError::new(StreamCondition::PolicyViolation).with_text(text)
        }
        CloseReason::AccountGone => {
            StreamError::new(StreamCondition::NotAuthorized).with_text("User removed")
        }
        CloseReason::Shutdown => StreamError::new(StreamCondition::SystemShutdown),
        CloseReason::HostGone => StreamError::new(StreamCondition::HostGone),
        CloseReason::Stalled => StreamError::new(StreamCondition::ResourceConstraint),
    }
}
