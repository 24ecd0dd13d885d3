//! The XMPP doors: client connections now; servers and components follow.

mod c2s;
mod carriers;

use kernel::ModuleEntry;
use kernel::doors::{DoorEntry, door};

pub use c2s::{C2s, restore_sessions};

/// The doors of this crate.
pub static DOORS: &[DoorEntry] = &[door::<C2s>()];

/// Modules that are part of a session and have only their policy outside.
pub static MODULES: &[ModuleEntry] = &[kernel::entry::<c2s::StreamMgmt>()];

/// The top-level options that client sessions honour.
pub static OPTIONS: &[&str] = c2s::TOP_LEVEL_OPTIONS;
