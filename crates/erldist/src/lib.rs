//! The Erlang door: a node that answers what ejabberd's own node answers to `ejabberdctl` and to scripts.
//!
//! It speaks the distribution protocol with real Erlang nodes, hidden among them, in clear or over TLS, and knows or
//! serves epmd. It answers a fixed set of calls (see [`Answers`]); there is no evaluator, so nobody can run code here.
//! `docs/erlang.md` is what operators read.

mod answers;
mod calls;
mod checks;
mod connection;
mod cookie;
mod epmd;
mod erl_options;
mod handshake;
mod io_output;
mod limiter;
mod node;
mod options;
mod peers;
mod process;
mod values;

/// The top-level options that the door honours, at its start.
pub const OPTIONS: &[&str] = &["net_ticktime"];

pub use answers::{Answering, Answers, Caller, Printed};
pub use checks::{CHECKS, Door};
pub use cookie::CookieError;
pub use epmd::{EPMD_VARIABLES, EpmdOptions, EpmdServer};
pub use node::{Node, StartError};
pub use options::{Asked, CookieSource, OptionError, Options, TlsFiles, Variables};
