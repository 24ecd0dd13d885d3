//! Messages between connected nodes: a control tuple, and sometimes a payload (DIST, "Protocol between Connected Nodes").
//!
//! Only the pass-through form exists here (`p`, then terms with their version byte): the form with an atom cache is
//! used by peers only when both sides offer it.

use crate::decode::{DecodeError, Limits, decode_prefix};
use crate::encode::encode;
use crate::term::{Atom, Pid, Reference, Term};

/// The first byte of a message in pass-through form.
const PASS_THROUGH: u8 = b'p';

/// Why a message cannot be understood; the connection is of no more use then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A form that was not agreed on: the atom cache, fragments.
    #[error("the peer sent a message of form {0}, which was not agreed on")]
    Form(u8),
    /// The message is empty.
    #[error("the peer sent an empty message")]
    Empty,
    /// A term of it is not accepted.
    #[error(transparent)]
    Term(#[from] DecodeError),
    /// The control tuple is none.
    #[error("the peer sent a control message without meaning")]
    Tuple,
    /// A payload is missing or one is too many.
    #[error("the peer sent a control message with the wrong number of terms")]
    Payload,
}

/// What a process or a name refers to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A process.
    Pid(Pid),
    /// A registered name.
    Name(Atom),
}

impl From<Target> for Term {
    fn from(target: Target) -> Self {
        match target {
            Target::Pid(pid) => pid.into(),
            Target::Name(name) => name.into(),
        }
    }
}

/// A request to start a process (`SPAWN_REQUEST`).
#[derive(Clone, Debug, PartialEq)]
pub struct SpawnRequest {
    /// Names the request, and the monitor if one is asked for.
    pub id: Reference,
    /// Who asks.
    pub from: Pid,
    /// Where output goes.
    pub group_leader: Pid,
    /// Module, function and number of arguments.
    pub entry: (Atom, Atom, i64),
    /// Whether a link is asked for.
    pub link: bool,
    /// Whether a monitor is asked for.
    pub monitor: bool,
}

/// A control message. Forms with a trace token are read as those without.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// `FromPid` links itself to `ToPid`.
    Link(Pid, Pid),
    /// A message to a process; the sender is not known in the oldest form.
    Send(Option<Pid>, Pid),
    /// An exit signal from a process to another, with its reason: of a link that broke, or sent on purpose.
    Exit(Pid, Pid, Term),
    /// A link is undone in the old way.
    Unlink(Pid, Pid),
    /// A message to a registered name.
    RegSend(Pid, Atom),
    /// A process gets a group leader.
    GroupLeader(Pid, Pid),
    /// A process watches another.
    Monitor(Pid, Target, Reference),
    /// It watches no longer.
    Demonitor(Pid, Target, Reference),
    /// What was watched has ended: what, who watched, under which reference, and why.
    MonitorExit(Target, Pid, Reference, Term),
    /// A process is to be started.
    Spawn(Box<SpawnRequest>),
    /// The answer: the request, who asked, flags (1: linked, 2: monitored), and a process or an atom that says why not.
    SpawnReply(Reference, Pid, u8, Term),
    /// A message to an alias.
    AliasSend(Pid, Reference),
    /// A link is undone: number, from, to.
    UnlinkId(u64, Pid, Pid),
    /// The acknowledgement.
    UnlinkIdAck(u64, Pid, Pid),
    /// Without effect.
    NodeLink,
}

/// A control message with its payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The control tuple.
    pub control: Control,
    /// What is sent, if the kind of message has something.
    pub payload: Option<Term>,
}

impl Message {
    /// Reads a message without its length.
    ///
    /// # Errors
    /// Why it is none, or more than `limits` allow.
    pub fn parse(bytes: &[u8], limits: Limits) -> Result<Self, ControlError> {
        let rest = match bytes.split_first() {
            Some((&PASS_THROUGH, rest)) => rest,
            // 131 and the tags 68, 69 and 70 begin forms with an atom cache.
            Some((other, _)) => return Err(ControlError::Form(*other)),
            None => return Err(ControlError::Empty),
        };
        let (tuple, rest) = decode_prefix(rest, limits)?;
        let payload = match rest {
            [] => None,
            rest => {
                let (term, rest) = decode_prefix(rest, limits)?;
                if !rest.is_empty() {
                    return Err(DecodeError::Trailing.into());
                }
                Some(term)
            }
        };
        let Term::Tuple(parts) = tuple else { return Err(ControlError::Tuple) };
        let mut parts = Parts(parts.into_iter());
        let kind = parts.integer()?;
        let (control, payload) = parts.control(kind, payload)?;
        Ok(Self { control, payload })
    }

    /// The message behind its length of 32 bits.
    pub fn to_frame(&self) -> Vec<u8> {
        let mut out = vec![0, 0, 0, 0, PASS_THROUGH];
        encode(&self.control.to_term(), &mut out);
        if let Some(payload) = &self.payload {
            encode(payload, &mut out);
        }
        let length = u32::try_from(out.len() - 4).unwrap_or(u32::MAX);
        for (place, byte) in out.iter_mut().zip(length.to_be_bytes()) {
            *place = byte;
        }
        out
    }
}

/// The rest of a control tuple.
struct Parts(std::vec::IntoIter<Term>);

impl Parts {
    fn term(&mut self) -> Result<Term, ControlError> {
        self.0.next().ok_or(ControlError::Tuple)
    }

    fn integer(&mut self) -> Result<i64, ControlError> {
        self.term()?.as_integer().ok_or(ControlError::Tuple)
    }

    /// The number of an unlink: 64 bits without sign.
    fn number(&mut self) -> Result<u64, ControlError> {
        match self.term()? {
            Term::Integer(number) => u64::try_from(number).map_err(|_| ControlError::Tuple),
            Term::Big(big) if !big.negative => {
                let bytes: Result<[u8; 8], _> = big.magnitude.try_into();
                bytes.map(u64::from_le_bytes).map_err(|_| ControlError::Tuple)
            }
            _ => Err(ControlError::Tuple),
        }
    }

    fn pid(&mut self) -> Result<Pid, ControlError> {
        match self.term()? {
            Term::Pid(pid) => Ok(*pid),
            _ => Err(ControlError::Tuple),
        }
    }

    fn atom(&mut self) -> Result<Atom, ControlError> {
        match self.term()? {
            Term::Atom(atom) => Ok(atom),
            _ => Err(ControlError::Tuple),
        }
    }

    fn reference(&mut self) -> Result<Reference, ControlError> {
        match self.term()? {
            Term::Reference(reference) => Ok(*reference),
            _ => Err(ControlError::Tuple),
        }
    }

    fn target(&mut self) -> Result<Target, ControlError> {
        match self.term()? {
            Term::Pid(pid) => Ok(Target::Pid(*pid)),
            Term::Atom(atom) => Ok(Target::Name(atom)),
            _ => Err(ControlError::Tuple),
        }
    }

    fn control(
        &mut self,
        kind: i64,
        payload: Option<Term>,
    ) -> Result<(Control, Option<Term>), ControlError> {
        let sends = matches!(kind, 2 | 6 | 12 | 16 | 22 | 23 | 29 | 30 | 33 | 34);
        // The kinds from 24 to 28 have their reason behind the tuple.
        let reasons = matches!(kind, 24..=28);
        if (sends || reasons) != payload.is_some() {
            return Err(ControlError::Payload);
        }
        if reasons {
            return Ok((self.ended(kind, payload)?, None));
        }
        let control = match kind {
            1 => Control::Link(self.pid()?, self.pid()?),
            2 | 12 => {
                self.term()?;
                Control::Send(None, self.pid()?)
            }
            3 | 8 | 13 | 18 | 21 => self.ended(kind, None)?,
            4 => Control::Unlink(self.pid()?, self.pid()?),
            5 => Control::NodeLink,
            6 | 16 => {
                let from = self.pid()?;
                self.term()?;
                Control::RegSend(from, self.atom()?)
            }
            7 => Control::GroupLeader(self.pid()?, self.pid()?),
            19 => Control::Monitor(self.pid()?, self.target()?, self.reference()?),
            20 => Control::Demonitor(self.pid()?, self.target()?, self.reference()?),
            22 | 23 => Control::Send(Some(self.pid()?), self.pid()?),
            29 | 30 => self.spawn()?,
            31 | 32 => {
                let (id, to) = (self.reference()?, self.pid()?);
                let flags = u8::try_from(self.integer()?).map_err(|_| ControlError::Tuple)?;
                Control::SpawnReply(id, to, flags, self.term()?)
            }
            33 | 34 => Control::AliasSend(self.pid()?, self.reference()?),
            35 => Control::UnlinkId(self.number()?, self.pid()?, self.pid()?),
            36 => Control::UnlinkIdAck(self.number()?, self.pid()?, self.pid()?),
            _ => return Err(ControlError::Tuple),
        };
        Ok((control, payload))
    }

    /// Exits of links, sent exits and ends of what is watched; the reason is the last part or comes from outside.
    fn ended(&mut self, kind: i64, reason: Option<Term>) -> Result<Control, ControlError> {
        if matches!(kind, 21 | 28) {
            let (from, to, id) = (self.target()?, self.pid()?, self.reference()?);
            let reason = reason.map_or_else(|| self.term(), Ok)?;
            return Ok(Control::MonitorExit(from, to, id, reason));
        }
        let (from, to) = (self.pid()?, self.pid()?);
        if matches!(kind, 13 | 18) {
            self.term()?;
        }
        let reason = reason.map_or_else(|| self.term(), Ok)?;
        Ok(Control::Exit(from, to, reason))
    }

    fn spawn(&mut self) -> Result<Control, ControlError> {
        let (id, from, group_leader) = (self.reference()?, self.pid()?, self.pid()?);
        let Term::Tuple(entry) = self.term()? else { return Err(ControlError::Tuple) };
        let mut entry = Parts(entry.into_iter());
        let entry = (entry.atom()?, entry.atom()?, entry.integer()?);
        let options = self.term()?.items().ok_or(ControlError::Tuple)?;
        // An option stands alone or, with its own options, in a pair.
        let asked = |name: &str| {
            options.iter().any(|option| {
                let head = option.as_tuple().and_then(<[Term]>::first).unwrap_or(option);
                head.as_atom() == Some(name)
            })
        };
        let (link, monitor) = (asked("link"), asked("monitor"));
        Ok(Control::Spawn(Box::new(SpawnRequest { id, from, group_leader, entry, link, monitor })))
    }
}

impl Control {
    /// The control tuple.
    pub fn to_term(&self) -> Term {
        let empty = || Term::word("");
        let parts: Vec<Term> = match self.clone() {
            Self::Link(from, to) => vec![1.into(), from.into(), to.into()],
            Self::Send(None, to) => vec![2.into(), empty(), to.into()],
            Self::Send(Some(from), to) => vec![22.into(), from.into(), to.into()],
            Self::Exit(from, to, reason) => vec![3.into(), from.into(), to.into(), reason],
            Self::Unlink(from, to) => vec![4.into(), from.into(), to.into()],
            Self::NodeLink => vec![5.into()],
            Self::RegSend(from, name) => vec![6.into(), from.into(), empty(), name.into()],
            Self::GroupLeader(from, to) => vec![7.into(), from.into(), to.into()],
            Self::Monitor(from, what, id) => vec![19.into(), from.into(), what.into(), id.into()],
            Self::Demonitor(from, what, id) => {
                vec![20.into(), from.into(), what.into(), id.into()]
            }
            Self::MonitorExit(from, to, id, reason) => {
                vec![21.into(), from.into(), to.into(), id.into(), reason]
            }
            Self::Spawn(request) => {
                let SpawnRequest { id, from, group_leader, entry, link, monitor } = *request;
                let (module, function, arity) = entry;
                let entry = Term::tuple([module.into(), function.into(), arity.into()]);
                let options = [(link, "link"), (monitor, "monitor")];
                let options = options.into_iter().filter(|(asked, _)| *asked);
                let options = options.map(|(_, word)| Term::word(word)).collect();
                vec![
                    29.into(),
                    id.into(),
                    from.into(),
                    group_leader.into(),
                    entry,
                    Term::List(options),
                ]
            }
            Self::SpawnReply(id, to, flags, result) => {
                vec![31.into(), id.into(), to.into(), i64::from(flags).into(), result]
            }
            Self::AliasSend(from, alias) => vec![33.into(), from.into(), alias.into()],
            Self::UnlinkId(number, from, to) => {
                vec![35.into(), unsigned(number), from.into(), to.into()]
            }
            Self::UnlinkIdAck(number, from, to) => {
                vec![36.into(), unsigned(number), from.into(), to.into()]
            }
        };
        Term::Tuple(parts)
    }
}

fn unsigned(number: u64) -> Term {
    crate::term::BigInteger::normalised(false, number.to_le_bytes().to_vec())
}
