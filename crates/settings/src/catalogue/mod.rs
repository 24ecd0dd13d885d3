//! The catalogue: the one table of every option, its type, default, scope and history.
//!
//! Whatever an operator may write is here and nowhere else; the checks, the messages and
//! `docs/options.md` are made from it.

pub(crate) mod kinds;
mod listeners;
mod modules;
pub(crate) mod notation;
mod toplevel;

pub use kinds::{DefaultValue, FileUse, ListenerSpec, ModuleSpec, OptionSpec, Scope, Type, Unit};
pub use listeners::{COMMON, HANDLERS, LISTENERS};
pub use modules::MODULES;
pub use toplevel::TOPLEVEL;

/// The top-level option of a name.
pub fn toplevel(name: &str) -> Option<&'static OptionSpec> {
    find(TOPLEVEL, name)
}

/// The module of a name, `mod_mam`.
pub fn module(name: &str) -> Option<&'static ModuleSpec> {
    MODULES.iter().find(|module| module.name == name).copied()
}

/// The listener module of a name, `ejabberd_c2s`.
pub fn listener(name: &str) -> Option<&'static ListenerSpec> {
    LISTENERS.iter().find(|listener| listener.name == name).copied()
}

pub(crate) fn find(options: &'static [OptionSpec], name: &str) -> Option<&'static OptionSpec> {
    options.iter().find(|option| option.name == name)
}

impl ModuleSpec {
    /// The module's option of a name.
    pub fn option(&self, name: &str) -> Option<&'static OptionSpec> {
        find(self.options, name)
    }
}

impl ListenerSpec {
    /// The listener's option of a name, own or common.
    pub fn option(&self, name: &str) -> Option<&'static OptionSpec> {
        find(self.options, name).or_else(|| find(COMMON, name))
    }
}
