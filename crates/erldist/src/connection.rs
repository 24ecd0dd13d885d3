//! A connection with a node that knows the cookie: frames, ticks, signals between processes, and calls.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use erl_wire::control::{Control, ControlError, Message, SpawnRequest, Target};
use erl_wire::{Atom, Limits, Pid, Reference, Term, flags};
use netio::Transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::answers::Caller;
use crate::calls::{Apply, Outcome};
use crate::handshake::Peer;
use crate::node::Inner;
use crate::process::{Outgoing, Process, Processes};

/// Calls of one peer that run at once.
const CALLS_MAX: usize = 256;
/// Messages of calls that wait for the connection.
const OUTGOING_MAX: usize = 32;
/// Above so many unsent bytes nothing more is taken from calls or from the peer.
const UNSENT_BYTES_MAX: usize = 1 << 20;
/// How long calls under way may take when the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Ticks in `net_ticktime`, as in Erlang.
const TICKS: u32 = 4;
/// What one read takes, for as long as messages are small.
const RECEIVE_BYTES: usize = 8 << 10;
/// A frame of length 0: I am still here.
const TICK: [u8; 4] = [0; 4];

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("it was closed")]
    Closed,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Message(#[from] ControlError),
    #[error("a message of {0} bytes is longer than allowed")]
    Length(usize),
    #[error("the peer was silent for too long")]
    Silent,
    #[error("the node has connected anew")]
    Replaced,
    #[error("the server stops")]
    Stopping,
}

/// A connection.
pub(crate) struct Connection {
    inner: Arc<Inner>,
    caller: Arc<Caller>,
    peer_name: Atom,
    has_aliases: bool,
    number: u64,
    is_visible: bool,
    processes: Processes,
    outgoing: mpsc::Sender<Outgoing>,
    waiting: mpsc::Receiver<Outgoing>,
    unsent: BytesMut,
    received: BytesMut,
}

impl Connection {
    pub(crate) fn new(inner: Arc<Inner>, caller: Caller, peer: &Peer, number: u64) -> Self {
        let (outgoing, waiting) = mpsc::channel(OUTGOING_MAX);
        Self {
            inner,
            peer_name: Atom::new(peer.name.as_str()).expect("the handshake checks names"),
            caller: Arc::new(caller),
            has_aliases: peer.flags & flags::ALIAS != 0,
            number,
            is_visible: peer.flags & flags::PUBLISHED != 0,
            processes: Processes::default(),
            outgoing,
            waiting,
            unsent: BytesMut::new(),
            received: BytesMut::with_capacity(RECEIVE_BYTES),
        }
    }

    /// Serves the peer until the connection ends.
    pub(crate) async fn run(mut self, transport: Transport) {
        let place = self.inner.peers.enter(&self.caller.node, self.number, self.is_visible);
        tracing::info!(
            node = self.caller.node,
            address = self.caller.address,
            "an Erlang node is connected"
        );
        let (reader, writer) = tokio::io::split(transport);
        let end = self.serve(reader, writer, place.replaced.clone()).await;
        match &end {
            End::Closed | End::Stopping => {
                tracing::info!(node = self.caller.node, "an Erlang node is gone: {end}");
            }
            end => {
                tracing::warn!(node = self.caller.node, "an Erlang node was disconnected: {end}")
            }
        }
    }

    async fn serve(
        &mut self,
        mut reader: ReadHalf<Transport>,
        mut writer: WriteHalf<Transport>,
        mut replaced: tokio::sync::watch::Receiver<bool>,
    ) -> End {
        let mut stopping = self.inner.kernel.tasks().stopping();
        let mut ticks = tokio::time::interval(self.inner.tick_time / TICKS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut silent_ticks, mut has_written) = (0, false);
        let mut dirty = false;
        let mut stop_at: Option<Instant> = None;
        loop {
            let room = self.unsent.len() < UNSENT_BYTES_MAX;
            let idle = self.unsent.is_empty() && !dirty && self.processes.count() == 0;
            if stop_at.is_some() && idle {
                return End::Stopping;
            }
            tokio::select! {
                read = reader.read_buf(&mut self.received), if room => match read {
                    Ok(0) => return End::Closed,
                    Ok(_) => {
                        silent_ticks = 0;
                        if let Err(end) = self.take_frames() {
                            return end;
                        }
                    }
                    Err(error) => return lost(error),
                },
                written = push(&mut writer, &self.unsent), if !self.unsent.is_empty() || dirty => {
                    match written {
                        Ok(0) => dirty = false,
                        Ok(count) => {
                            self.unsent.advance(count);
                            (has_written, dirty) = (true, true);
                        }
                        Err(error) => return lost(error),
                    }
                }
                Some(outgoing) = self.waiting.recv(), if room => self.send(outgoing),
                _ = ticks.tick() => {
                    silent_ticks += 1;
                    if silent_ticks > TICKS + 1 {
                        return End::Silent;
                    }
                    if !has_written && self.unsent.is_empty() {
                        self.unsent.extend_from_slice(&TICK);
                    }
                    has_written = false;
                }
                _ = replaced.wait_for(|replaced| *replaced) => return End::Replaced,
                () = stopping.wait(), if stop_at.is_none() => {
                    stop_at = Some(self.inner.kernel.clock().now() + STOP_PATIENCE);
                }
                () = wait_until(stop_at) => return End::Stopping,
            }
        }
    }

    fn send(&mut self, outgoing: Outgoing) {
        let messages = match outgoing {
            Outgoing::Message(message) => vec![message],
            Outgoing::Ended(id, reason) => self.processes.ended(id, &reason),
        };
        for message in messages {
            self.unsent.extend_from_slice(&message.to_frame());
        }
    }

    fn reply(&mut self, control: Control) {
        let frame = Message { control, payload: None }.to_frame();
        self.unsent.extend_from_slice(&frame);
    }

    /// Deals with every complete frame. A length is refused before anything is allocated for it.
    fn take_frames(&mut self) -> Result<(), End> {
        loop {
            let Some(length) = self.received.first_chunk::<4>() else { return Ok(()) };
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > Limits::MESSAGE.bytes_max {
                return Err(End::Length(length));
            }
            if self.received.len() < 4 + length {
                return Ok(());
            }
            self.received.advance(4);
            let frame = self.received.split_to(length);
            if !frame.is_empty() {
                let message = Message::parse(&frame, Limits::MESSAGE)?;
                self.take(message);
            }
        }
    }

    fn take(&mut self, message: Message) {
        let payload = message.payload;
        match (message.control, payload) {
            (Control::RegSend(_, name), Some(message)) => self.registered(&name, message),
            (Control::Send(_, to), Some(message)) => self.processes.deliver(&to, message),
            (Control::Spawn(request), Some(arguments)) => self.spawn(*request, arguments),
            (Control::Monitor(from, what, id), _) => self.monitor(from, what, id),
            (Control::Demonitor(_, Target::Pid(pid), id), _) => self.processes.demonitor(&pid, &id),
            (Control::Link(from, to), _) => self.link(from, to),
            (Control::Unlink(from, to), _) => self.processes.unlink(&to, &from),
            (Control::UnlinkId(number, from, to), _) => {
                self.processes.unlink(&to, &from);
                self.reply(Control::UnlinkIdAck(number, to, from));
            }
            // Nobody here has asked for anything else, and a call that runs is not stopped halfway by a signal.
            _ => {}
        }
    }

    fn link(&mut self, from: Pid, to: Pid) {
        if !self.processes.link(&to, from.clone()) {
            self.reply(Control::Exit(to, from, Term::word("noproc")));
        }
    }

    /// Names live as long as the node; processes as long as their call.
    fn monitor(&mut self, from: Pid, what: Target, id: Reference) {
        let exists = match &what {
            Target::Name(name) => matches!(name.as_str(), "net_kernel" | "rex"),
            Target::Pid(pid) => self.processes.monitor(pid, from.clone(), id.clone()),
        };
        if !exists {
            self.reply(Control::MonitorExit(what, from, id, Term::word("noproc")));
        }
    }

    /// A message to a registered name: requests in the form of `gen_server`, and what `rpc` sends besides.
    fn registered(&mut self, name: &Atom, message: Term) {
        let Term::Tuple(parts) = message else { return };
        let mut parts = parts.into_iter();
        let (head, second, third) = (parts.next(), parts.next(), parts.next());
        let head_word = head.as_ref().and_then(Term::as_atom);
        match (name.as_str(), head_word, head.as_ref(), second, third) {
            ("net_kernel", Some("$gen_call"), _, Some(from), Some(request)) => {
                let is_auth = matches!(request.as_tuple(), Some([word, _]) if word.as_atom() == Some("is_auth"));
                if is_auth {
                    self.answer(from, Term::word("yes"));
                }
            }
            ("rex", Some("$gen_call"), _, Some(from), Some(request)) => {
                self.rex(Some(from), request);
            }
            ("rex", Some("$gen_cast"), _, Some(request), None) => self.rex(None, request),
            ("rex", None, Some(Term::Pid(from)), Some(word), None)
                if word.as_atom() == Some("features_request") =>
            {
                let node = self.inner.identity.name.clone().into();
                let features = Term::List(vec![Term::word("erpc")]);
                let reply = Term::tuple([Term::word("features_reply"), node, features]);
                let control = Control::Send(None, Pid::clone(from));
                self.unsent
                    .extend_from_slice(&Message { control, payload: Some(reply) }.to_frame());
            }
            _ => {}
        }
    }

    fn answer(&mut self, from: Term, value: Term) {
        if let Some(message) = reply_to(&self.inner, self.has_aliases, from, value) {
            self.unsent.extend_from_slice(&message.to_frame());
        }
    }

    /// `{call, M, F, A, GroupLeader}`, `{block_call, …}` and `{cast, …}` of `rpc`.
    fn rex(&mut self, from: Option<Term>, request: Term) {
        let apply = match request {
            Term::Tuple(parts) => apply_of(parts, &self.peer_name),
            _ => None,
        };
        let Some(apply) = apply else { return };
        if self.processes.count() >= CALLS_MAX {
            let why = Term::tuple([Term::word("EXIT"), Term::word("system_limit")]);
            if let Some(from) = from {
                self.answer(from, Term::tuple([Term::word("badrpc"), why]));
            }
            return;
        }
        let mut process = self.processes.start(&self.inner.identity, self.outgoing.clone());
        let (inner, caller) = (Arc::clone(&self.inner), Arc::clone(&self.caller));
        let has_aliases = self.has_aliases;
        self.inner.kernel.tasks().spawn("erlang call", async move {
            let outcome = apply.run(&inner, &caller, &mut process).await;
            let value = match outcome {
                Outcome::Return(value) => value,
                Outcome::Error(reason) => {
                    let reason = Term::tuple([Term::word(reason), apply.stack()]);
                    let exit = Term::tuple([Term::word("EXIT"), reason]);
                    Term::tuple([Term::word("badrpc"), exit])
                }
            };
            if let Some(from) = from
                && let Some(Message { control, payload }) =
                    reply_to(&inner, has_aliases, from, value)
            {
                process.send(control, payload).await;
            }
            process.end(Term::word("normal")).await;
        });
    }

    /// A process is asked for: `erpc` runs its calls so, and `spawn/4` any function.
    fn spawn(&mut self, request: SpawnRequest, arguments: Term) {
        let arguments = arguments
            .items()
            .filter(|items| i64::try_from(items.len()).is_ok_and(|count| count == request.entry.2));
        let refused = match &arguments {
            None => Some("badarg"),
            Some(_) if self.processes.count() >= CALLS_MAX => Some("system_limit"),
            Some(_) => None,
        };
        let (id, from) = (request.id.clone(), request.from.clone());
        let (Some(arguments), None) = (arguments, refused) else {
            let why = Term::word(refused.unwrap_or("badarg"));
            return self.reply(Control::SpawnReply(id, from, 0, why));
        };
        let process = self.processes.start(&self.inner.identity, self.outgoing.clone());
        let pid = process.pid.clone();
        if request.link {
            self.processes.link(&pid, from.clone());
        }
        if request.monitor {
            self.processes.monitor(&pid, from.clone(), id.clone());
        }
        let flags = u8::from(request.link) | u8::from(request.monitor) << 1;
        self.reply(Control::SpawnReply(id, from, flags, pid.into()));
        let task = Spawned {
            inner: Arc::clone(&self.inner),
            caller: Arc::clone(&self.caller),
            group_leader: local_to(&self.peer_name, request.group_leader),
            process,
        };
        let (module, function, _) = request.entry;
        self.inner.kernel.tasks().spawn("erlang call", task.run(module, function, arguments));
    }
}

/// Erlang's machine ends without a word to its connections, in clear as over TLS.
fn lost(error: io::Error) -> End {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionReset | UnexpectedEof => End::Closed,
        _ => End::Io(error),
    }
}

/// Hands some bytes over, or, when there are none, sees those leave that were handed over before (0).
async fn push(writer: &mut WriteHalf<Transport>, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(bytes).await {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        result => result,
    }
}

async fn wait_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// A group leader on a third node cannot be reached, because this node connects to nobody.
fn local_to(peer: &Atom, group_leader: Pid) -> Option<Pid> {
    (group_leader.node == *peer).then_some(group_leader)
}

fn apply_of(parts: Vec<Term>, peer: &Atom) -> Option<Apply> {
    let mut parts = parts.into_iter();
    let kind = parts.next()?;
    if !matches!(kind.as_atom()?, "call" | "block_call" | "cast" | "block_cast") {
        return None;
    }
    let (Term::Atom(module), Term::Atom(function)) = (parts.next()?, parts.next()?) else {
        return None;
    };
    let arguments = parts.next()?.items()?;
    let group_leader = match parts.next()? {
        Term::Pid(pid) => local_to(peer, *pid),
        _ => None,
    };
    Some(Apply { module, function, arguments, group_leader })
}

/// The answer to a request of `gen_server`: to the alias in the tag where there is one, so that it cannot come late.
fn reply_to(inner: &Inner, has_aliases: bool, from: Term, value: Term) -> Option<Message> {
    let Term::Tuple(parts) = from else { return None };
    let mut parts = parts.into_iter();
    let (Some(Term::Pid(pid)), Some(tag), None) = (parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let alias = match &tag {
        Term::Improper(items, tail) if has_aliases => match (items.as_slice(), tail.as_ref()) {
            ([word], Term::Reference(alias)) if word.as_atom() == Some("alias") => {
                Some(Reference::clone(alias))
            }
            _ => None,
        },
        _ => None,
    };
    let control = match alias {
        Some(alias) => Control::AliasSend(inner.identity.pid(), alias),
        None => Control::Send(None, *pid),
    };
    Some(Message { control, payload: Some(Term::tuple([tag, value])) })
}

/// A process that a peer has started.
struct Spawned {
    inner: Arc<Inner>,
    caller: Arc<Caller>,
    group_leader: Option<Pid>,
    process: Process,
}

impl Spawned {
    /// Runs its function. `erpc:execute_call/4` exits with the result, which is how the caller gets it.
    async fn run(mut self, module: Atom, function: Atom, arguments: Vec<Term>) {
        let is_erpc = module.as_str() == "erpc";
        let (tag, arguments) = match (is_erpc, function.as_str(), arguments.len()) {
            (true, "execute_call", 4) => {
                let mut arguments = arguments.into_iter();
                (arguments.next(), arguments.collect())
            }
            (true, "execute_call" | "execute_cast", 3) => (None, arguments),
            _ => {
                let apply =
                    Apply { module, function, arguments, group_leader: self.group_leader.take() };
                let reason = self.plain(&apply).await;
                return self.process.end(reason).await;
            }
        };
        let mut parts: std::vec::IntoIter<Term> = arguments.into_iter();
        let apply = match (parts.next(), parts.next(), parts.next().and_then(Term::items)) {
            (Some(Term::Atom(module)), Some(Term::Atom(function)), Some(arguments)) => {
                Apply { module, function, arguments, group_leader: self.group_leader.take() }
            }
            _ => return self.process.end(Term::word("badarg")).await,
        };
        let Some(tag) = tag else {
            let reason = self.plain(&apply).await;
            return self.process.end(reason).await;
        };
        let reason = match apply.run(&self.inner, &self.caller, &mut self.process).await {
            Outcome::Return(value) => Term::tuple([tag, Term::word("return"), value]),
            Outcome::Error(reason) => {
                Term::tuple([tag, Term::word("error"), Term::word(reason), apply.stack()])
            }
        };
        self.process.end(reason).await;
    }

    /// Why a process that nobody expects a value from has ended.
    async fn plain(&mut self, apply: &Apply) -> Term {
        match apply.run(&self.inner, &self.caller, &mut self.process).await {
            Outcome::Return(_) => Term::word("normal"),
            Outcome::Error(reason) => Term::tuple([Term::word(reason), apply.stack()]),
        }
    }
}
