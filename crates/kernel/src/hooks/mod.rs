//! Hooks: where features that do not know each other meet on a stanza's way.

mod chain;
mod points;

pub use chain::{Chain, Chains, ChainsDraft, Flow, HookFn, HookPoint, Stage, Step, Subscription};
pub use points::*;
