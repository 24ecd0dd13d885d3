//! One attempt to authenticate: the state machine around the mechanisms.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::{BareJid, NodePart};
use stdx::{Secret, SecretBytes};

use crate::{
    Condition, Failure, Mechanism, ScramHash, ScramVerifier, anonymous, external, plain, scram,
};

/// The longest message of a mechanism, in bytes after base64; longer ones are malformed.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// The longest user name, in bytes (RFC 7622 §3.3).
pub const NAME_BYTES_MAX: usize = 1023;

/// The longest password of PLAIN, in bytes; RFC 4616 §2 asks for at least 255.
pub const PASSWORD_BYTES_MAX: usize = 1023;

/// A channel-binding type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindingType {
    /// RFC 9266: keying material exported from TLS 1.3 (or 1.2 with extended master secret).
    TlsExporter,
    /// RFC 5929 §4: the hash of the server's certificate.
    TlsServerEndPoint,
}

impl BindingType {
    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter",
            Self::TlsServerEndPoint => "tls-server-end-point",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::TlsExporter, Self::TlsServerEndPoint].into_iter().find(|kind| kind.name() == name)
    }
}

/// A channel-binding type with this connection's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelBinding {
    /// The type.
    pub kind: BindingType,
    /// The connection's data of that type.
    pub data: Vec<u8>,
}

/// What an attempt may rely on: the facts of the stream and of its host.
#[derive(Clone)]
pub struct Context {
    /// The host, as an address without node.
    pub host: BareJid,
    /// The mechanisms that were offered on this stream in the profile the client uses.
    pub offered: Vec<Mechanism>,
    /// Channel-binding data of this connection; empty without TLS.
    pub bindings: Vec<ChannelBinding>,
    /// The types of `bindings` were listed in the stream features (XEP-0440).
    pub bindings_advertised: bool,
    /// Send the hash of the offer (XEP-0474); off by `disable_sasl_scram_downgrade_protection`.
    pub downgrade_protection: bool,
    /// Fresh random bytes for this attempt: the server's part of the SCRAM nonce.
    pub nonce: [u8; 18],
    /// The server's key for inventing verifiers of unknown accounts. It has to stay the same for as
    /// long as possible.
    pub decoy_key: Arc<SecretBytes>,
    /// The iteration count of invented verifiers: that of newly stored ones.
    pub decoy_iterations: u32,
    /// The identities that the client's verified certificate proves on this host.
    pub certified: Vec<BareJid>,
    /// A fresh node for an anonymous session, if those are allowed.
    pub anonymous: Option<NodePart>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("host", &self.host)
            .field("offered", &self.offered)
            .finish_non_exhaustive()
    }
}

/// What the attempt needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Send this to the client (base64 is the stream's business) and give its answer to
    /// [`Negotiation::respond`].
    Challenge(Vec<u8>),
    /// Look up the account's verifier and call [`Negotiation::verifier`], with `None` if there is
    /// no such account or it has no verifier of that hash.
    NeedsVerifier {
        /// The account, prepared.
        user: BareJid,
        /// The hash the verifier has to have.
        hash: ScramHash,
    },
    /// Check the password and call [`Negotiation::password_checked`].
    NeedsPlainCheck {
        /// The account, prepared.
        user: BareJid,
        /// The password, prepared with SASLprep.
        password: Secret,
    },
    /// See whether the account exists (XEP-0178 §2) and call [`Negotiation::account_checked`].
    NeedsAccount {
        /// The account that the certificate proves.
        user: BareJid,
    },
    /// The attempt succeeded.
    Success {
        /// The proven identity; the session's address has to be made from it and nothing else.
        identity: BareJid,
        /// Data to send inside `<success/>`.
        additional_data: Option<Vec<u8>>,
    },
    /// The attempt failed.
    Failure(Failure),
}

/// One attempt. After [`Step::Success`] or [`Step::Failure`] it answers every call with a failure.
pub struct Negotiation {
    mechanism: Mechanism,
    context: Context,
    state: State,
}

enum State {
    Started,
    AwaitsFirst,
    AwaitsVerifier(Box<scram::First>, ScramHash),
    AwaitsFinal(Box<scram::Challenged>),
    AwaitsPassword(BareJid),
    AwaitsAccount(BareJid),
    Done,
}

impl Negotiation {
    /// An attempt with a mechanism. Nothing happens before [`Self::start`].
    pub fn new(mechanism: Mechanism, context: Context) -> Self {
        Self { mechanism, context, state: State::Started }
    }

    /// The mechanism of this attempt.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Starts with the initial response: `None` if there was none, `Some(b"")` for `=` (RFC 6120
    /// §6.4.2).
    pub fn start(&mut self, initial_response: Option<&[u8]>) -> Step {
        let State::Started = std::mem::replace(&mut self.state, State::Done) else {
            return Step::Failure(OUT_OF_ORDER);
        };
        if !self.context.offered.contains(&self.mechanism) {
            return Step::Failure(Failure::new(
                Condition::InvalidMechanism,
                "This mechanism was not offered",
            ));
        }
        match initial_response {
            Some(message) => self.first(message),
            None if self.mechanism == Mechanism::Anonymous => self.first(b""),
            None => {
                self.state = State::AwaitsFirst;
                Step::Challenge(Vec::new())
            }
        }
    }

    /// Takes the client's answer to a challenge.
    pub fn respond(&mut self, message: &[u8]) -> Step {
        match std::mem::replace(&mut self.state, State::Done) {
            State::AwaitsFirst => self.first(message),
            State::AwaitsFinal(_) if message.len() > MESSAGE_BYTES_MAX => Step::Failure(TOO_LONG),
            State::AwaitsFinal(challenged) => match challenged.finish(message) {
                Ok((identity, data)) => Step::Success { identity, additional_data: Some(data) },
                Err(failure) => Step::Failure(failure),
            },
            _ => Step::Failure(OUT_OF_ORDER),
        }
    }

    /// Answers [`Step::NeedsVerifier`]. A verifier of another hash counts as none.
    pub fn verifier(&mut self, found: Option<ScramVerifier>) -> Step {
        let State::AwaitsVerifier(first, hash) = std::mem::replace(&mut self.state, State::Done)
        else {
            return Step::Failure(OUT_OF_ORDER);
        };
        let (challenged, challenge) =
            first.challenge(hash, found, &self.context, &STANDARD.encode(self.context.nonce));
        self.state = State::AwaitsFinal(Box::new(challenged));
        Step::Challenge(challenge)
    }

    /// Answers [`Step::NeedsPlainCheck`].
    pub fn password_checked(&mut self, right: bool) -> Step {
        let State::AwaitsPassword(identity) = std::mem::replace(&mut self.state, State::Done)
        else {
            return Step::Failure(OUT_OF_ORDER);
        };
        if right {
            Step::Success { identity, additional_data: None }
        } else {
            Step::Failure(Failure::CREDENTIALS)
        }
    }

    /// Answers [`Step::NeedsAccount`].
    pub fn account_checked(&mut self, exists: bool) -> Step {
        let State::AwaitsAccount(identity) = std::mem::replace(&mut self.state, State::Done) else {
            return Step::Failure(OUT_OF_ORDER);
        };
        if exists {
            Step::Success { identity, additional_data: None }
        } else {
            Step::Failure(Failure::CREDENTIALS)
        }
    }

    fn first(&mut self, message: &[u8]) -> Step {
        if message.len() > MESSAGE_BYTES_MAX {
            return Step::Failure(TOO_LONG);
        }
        match self.read_first(message) {
            Ok(step) => step,
            Err(failure) => Step::Failure(failure),
        }
    }

    fn read_first(&mut self, message: &[u8]) -> Result<Step, Failure> {
        let context = &self.context;
        match self.mechanism {
            Mechanism::Anonymous => {
                anonymous::message(message, &context.host, context.anonymous.as_ref())
            }
            Mechanism::Plain => {
                let (user, password) = plain::message(message, &context.host)?;
                self.state = State::AwaitsPassword(user.clone());
                Ok(Step::NeedsPlainCheck { user, password })
            }
            Mechanism::External => {
                let user = external::message(message, &context.certified)?;
                self.state = State::AwaitsAccount(user.clone());
                Ok(Step::NeedsAccount { user })
            }
            Mechanism::Scram(hash) | Mechanism::ScramPlus(hash) => {
                let first = scram::first(message, self.mechanism.is_plus(), context)?;
                let user = first.user.clone();
                self.state = State::AwaitsVerifier(Box::new(first), hash);
                Ok(Step::NeedsVerifier { user, hash })
            }
        }
    }
}

const TOO_LONG: Failure = Failure::malformed("The message is too long");
const OUT_OF_ORDER: Failure = Failure::malformed("This message is out of order");

impl fmt::Debug for Negotiation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiation").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}
