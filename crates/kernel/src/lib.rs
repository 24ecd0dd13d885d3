//! The kernel: hosts and their generations, hooks, contracts, the router, sessions, commands.
//!
//! Doors (protocols) and modules (extensions) meet here and know nothing of each other.
//! The kernel speaks stanzas and names no extension, no table and no other protocol.

mod acceptance;
mod attempts;
mod clock;
pub mod commands;
pub mod contracts;
mod disco;
pub mod doors;
mod estate;
pub mod hooks;
mod host;
mod iq;
mod jobs;
mod mailbox;
mod module;
mod panel;
mod process;
pub mod random;
mod router;
mod server;
mod session;
mod sessions;
mod stats;
mod tasks;
#[cfg(test)]
mod tests;

pub use acceptance::{Acceptance, Receipt};
pub use attempts::Attempts;
pub use clock::{Clock, xmpp_stamp};
pub use disco::{Disco, Identity, Item};
pub use estate::Probate;
pub use host::{Generation, Host};
pub use iq::{
    Answering, At, GetAnswer, GetFn, IqRequest, IqTables, PendingReplies, SetAnswer, SetFn,
};
pub use jobs::{Job, JobRefused, JobState, Jobs};
pub use mailbox::{CloseReason, Control, Delivery, Left, Mailbox, MailboxBounds, Refused};
pub use module::{Module, ModuleEntry, Register, Start, Xep, entry, xep};
pub use panel::{Panel, Place};
pub use process::{Asking, ServerControl};
pub use router::{Route, Routes};
pub use server::{Kernel, Parts};
pub use session::{ConnectionInfo, Effect, MessagesHeld, Session, SessionHandle};
pub use sessions::{AccountSessions, Sessions, bare_str, message_targets};
pub use tasks::{Stopping, Tasks};
