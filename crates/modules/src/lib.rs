//! Extensions: one folder or file each, one line to register it.

mod offline;
mod presence;
mod roster;
mod time;

use kernel::{ModuleEntry, entry};

/// Every module of this crate, in the order in which they run within a stage of a hook.
pub static MODULES: &[ModuleEntry] = &[
    entry::<offline::OfflineMessages>(),
    entry::<roster::Rosters>(),
    entry::<time::EntityTime>(),
];

/// Top-level options that modules honour through the defaults of their own.
pub static OPTIONS: &[&str] = &["cache_life_time", "cache_missed", "cache_size", "default_db", "use_cache"];
