//! Processes of this node, as peers see them: one for each call, with a mailbox, monitors and links.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use erl_wire::control::{Control, Message, Target};
use erl_wire::{Atom, Pid, Reference, Term};
use tokio::sync::mpsc;

/// Messages that wait for a process; it reads one answer at a time.
const MAIL_MAX: usize = 4;
/// Monitors and links of one process.
const WATCHERS_MAX: usize = 16;
/// Process numbers are below this, so that old peers could read them too.
const ID_END: u32 = 1 << 27;

/// What makes identifiers of this node.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: Atom,
    pub(crate) creation: u32,
    next: AtomicU32,
}

impl Identity {
    pub(crate) fn new(name: Atom, creation: u32) -> Self {
        Self { name, creation, next: AtomicU32::new(1) }
    }

    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed) % ID_END
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid { node: self.name.clone(), id: self.number(), serial: 0, creation: self.creation }
    }

    pub(crate) fn reference(&self) -> Reference {
        // The first word has 18 bits in every version of the protocol.
        let words = vec![self.number() & 0x3_ffff, self.number(), 0];
        Reference { node: self.name.clone(), creation: self.creation, words }
    }
}

/// What a call sends to the connection's task.
pub(crate) enum Outgoing {
    /// A message to the peer.
    Message(Message),
    /// A process has ended, with the reason that those who watch it are told.
    Ended(u32, Term),
}

/// The inside of a process.
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) mail: mpsc::Receiver<Term>,
    pub(crate) out: mpsc::Sender<Outgoing>,
}

impl Process {
    /// Sends a message; `false` when the peer is gone.
    pub(crate) async fn send(&self, control: Control, payload: Option<Term>) -> bool {
        self.out.send(Outgoing::Message(Message { control, payload })).await.is_ok()
    }

    /// Ends the process.
    pub(crate) async fn end(self, reason: Term) {
        // Without a connection nobody watches.
        drop(self.out.send(Outgoing::Ended(self.pid.id, reason)).await);
    }
}

struct Entry {
    pid: Pid,
    mail: mpsc::Sender<Term>,
    monitors: Vec<(Target, Pid, Reference)>,
    links: Vec<Pid>,
}

/// The processes that one connection has started.
#[derive(Default)]
pub(crate) struct Processes(HashMap<u32, Entry>);

impl Processes {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Starts a process.
    pub(crate) fn start(&mut self, identity: &Identity, out: mpsc::Sender<Outgoing>) -> Process {
        let pid = identity.pid();
        let (sender, mail) = mpsc::channel(MAIL_MAX);
        let entry =
            Entry { pid: pid.clone(), mail: sender, monitors: Vec::new(), links: Vec::new() };
        self.0.insert(pid.id, entry);
        Process { pid, mail, out }
    }

    fn find(&mut self, pid: &Pid) -> Option<&mut Entry> {
        self.0.get_mut(&pid.id).filter(|entry| entry.pid == *pid)
    }

    /// A message for a process; what nobody waits for is dropped.
    pub(crate) fn deliver(&mut self, to: &Pid, message: Term) {
        if let Some(entry) = self.find(to) {
            drop(entry.mail.try_send(message));
        }
    }

    /// Watches a process; `false` when there is none.
    pub(crate) fn monitor(&mut self, what: &Pid, who: Pid, id: Reference) -> bool {
        let Some(entry) = self.find(what) else { return false };
        if entry.monitors.len() < WATCHERS_MAX {
            entry.monitors.push((Target::Pid(what.clone()), who, id));
        }
        true
    }

    /// Watches no longer.
    pub(crate) fn demonitor(&mut self, what: &Pid, id: &Reference) {
        if let Some(entry) = self.find(what) {
            entry.monitors.retain(|(_, _, known)| known != id);
        }
    }

    /// Links a process to another; `false` when there is none.
    pub(crate) fn link(&mut self, what: &Pid, who: Pid) -> bool {
        let Some(entry) = self.find(what) else { return false };
        if entry.links.len() < WATCHERS_MAX && !entry.links.contains(&who) {
            entry.links.push(who);
        }
        true
    }

    /// Undoes a link.
    pub(crate) fn unlink(&mut self, what: &Pid, who: &Pid) {
        if let Some(entry) = self.find(what) {
            entry.links.retain(|known| known != who);
        }
    }

    /// A process has ended: what those who watched it are told.
    pub(crate) fn ended(&mut self, id: u32, reason: &Term) -> Vec<Message> {
        let Some(entry) = self.0.remove(&id) else { return Vec::new() };
        let told = entry.monitors.into_iter();
        let told = told.map(|(what, who, id)| Control::MonitorExit(what, who, id, reason.clone()));
        let pid = entry.pid;
        let broken = entry.links.into_iter();
        let broken = broken.map(|who| Control::Exit(pid.clone(), who, reason.clone()));
        told.chain(broken).map(|control| Message { control, payload: None }).collect()
    }
}
