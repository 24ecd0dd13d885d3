//! Who may do what, and how fast: ACLs, access rules, shapers, shaper rules and API permissions,
//! in ejabberd's grammar and evaluation order.
//!
//! Everything is read, checked and compiled once ([`Access::from_sections`]); asking allocates
//! nothing unless a shared roster group is involved.

mod acl;
mod api;
mod api_load;
mod condition;
mod item;
mod load;
mod network;
mod pattern;
mod rules;
mod shapers;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use settings::catalogue::Type;
use settings::{Config, Node, Note, Problem, Section};

use crate::item::Item;
use crate::load::Loader;

pub use crate::acl::Acls;
pub use crate::api::{ApiDoor, ApiPermissions, Call, Caller};
pub use crate::condition::{CONDITION_NAMES, LocalHosts, SharedGroups, Subject};
pub use crate::network::Network;
pub use crate::pattern::Glob;
pub use crate::rules::{Rule, RuleRef};
pub use crate::shapers::{Rate, ShaperRef, ShaperRule, ShaperValue, Shapers};

/// The sections that [`Access`] is made of, as they hold for one host.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sections<'a> {
    /// `acl`.
    pub acl: Option<&'a Node>,
    /// `access_rules`.
    pub access_rules: Option<&'a Node>,
    /// `shaper`, which hosts cannot change.
    pub shaper: Option<&'a Node>,
    /// `shaper_rules`.
    pub shaper_rules: Option<&'a Node>,
}

impl<'a> Sections<'a> {
    /// Takes the sections from the options of a host (or from the top-level ones) and the shapers
    /// from the top level.
    pub fn of(host: &'a Section, global: &'a Section) -> Self {
        Self {
            acl: host.node("acl"),
            access_rules: host.node("access_rules"),
            shaper: global.node("shaper"),
            shaper_rules: host.node("shaper_rules"),
        }
    }
}

/// The rules in force for one virtual host, or for the server as a whole.
#[derive(Debug, Clone, Default)]
pub struct Access {
    pub(crate) acls: Acls,
    rules: HashMap<Box<str>, Rule>,
    shapers: Shapers,
    shaper_rules: HashMap<Box<str>, ShaperRule>,
}

impl Access {
    /// Reads and checks the sections.
    ///
    /// Notes name what is accepted and probably not meant: an unknown shaper, and a name that is
    /// not defined while a similar one is.
    ///
    /// # Errors
    ///
    /// Every mistake at its place.
    pub fn from_sections(
        sections: &Sections<'_>,
        local: &LocalHosts,
    ) -> Result<(Self, Vec<Note>), Vec<Problem>> {
        let mut loader = Loader::new();
        let mut access = Self { acls: Acls::new(local.clone()), ..Self::default() };
        if let Some(section) = sections.acl {
            loader.acls(Item(section), &mut access.acls);
        }
        if let Some(section) = sections.access_rules {
            loader.access_rules(Item(section), &mut access.rules);
        }
        if let Some(section) = sections.shaper {
            loader.shapers(Item(section), &mut access.shapers);
        }
        if let Some(section) = sections.shaper_rules {
            loader.shaper_rules(Item(section), &access.shapers, &mut access.shaper_rules);
        }
        loader.check_acl_names(&access.acls);
        loader.finish(access)
    }

    /// The rules of a virtual host, or those of the server as a whole for `None`.
    ///
    /// COMPAT: a host that has its own `acl` or `access_rules` does not fall back to the top-level
    /// ones; the settings have replaced or appended already.
    ///
    /// # Errors
    ///
    /// Every mistake at its place.
    pub fn from_config(
        config: &Config,
        host: Option<&str>,
    ) -> Result<(Self, Vec<Note>), Vec<Problem>> {
        let local = LocalHosts::new(config.hosts().iter().map(String::as_str));
        let section = host.map_or(config.global(), |host| config.host(host));
        Self::from_sections(&Sections::of(section, config.global()), &local)
    }

    /// Reads the value of an option of type access: a rule name or a rule in place.
    ///
    /// # Errors
    ///
    /// Every mistake at its place.
    pub fn rule_ref(&self, value: &Node) -> Result<(RuleRef, Vec<Note>), Vec<Problem>> {
        let mut loader = Loader::new();
        let rule = loader.rule_ref(Item(value));
        if let RuleRef::Named(name) = &rule
            && !self.rules.contains_key(name)
        {
            let what = ("access rule", "denies everybody");
            loader.suspect_name(Item(value), what, name, self.rules.keys());
        }
        loader.check_acl_names(&self.acls);
        loader.finish(rule)
    }

    /// Reads the value of an option of type shaper: a shaper rule name or a rule in place.
    ///
    /// # Errors
    ///
    /// Every mistake at its place.
    pub fn shaper_ref(&self, value: &Node) -> Result<(ShaperRef, Vec<Note>), Vec<Problem>> {
        let mut loader = Loader::new();
        let rule = loader.shaper_ref(Item(value), &self.shapers);
        if let ShaperRef::Named(name) = &rule
            && &**name != "none"
            && !self.shaper_rules.contains_key(name)
        {
            let what = ("shaper rule", "limits nothing");
            loader.suspect_name(Item(value), what, name, self.shaper_rules.keys());
        }
        loader.check_acl_names(&self.acls);
        loader.finish(rule)
    }

    /// Reads every rule that the written options of a section hold or name, and notes the names that none of `scopes`
    /// defines: a listener serves several hosts, each with rules of its own.
    ///
    /// # Errors
    ///
    /// Every mistake at its place.
    pub fn check_options(scopes: &[&Self], options: &Section) -> Result<Vec<Note>, Vec<Problem>> {
        let mut notes = Vec::new();
        let mut problems = Vec::new();
        for (spec, _) in options.written() {
            let Some(node) = options.get(spec.name).as_node() else { continue };
            let read = |scope: &&Self| match spec.kind {
                Type::Access => Some(scope.rule_ref(node).map(|(_, notes)| notes)),
                Type::Shaper => Some(scope.shaper_ref(node).map(|(_, notes)| notes)),
                _ => None,
            };
            let mut all: Vec<_> = scopes.iter().filter_map(read).collect();
            if all.is_empty() || all.iter().any(|one| one.as_ref().is_ok_and(Vec::is_empty)) {
                continue;
            }
            match all.swap_remove(0) {
                Ok(found) => notes.extend(found),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(notes) } else { Err(problems) }
    }

    /// Whether the rule allows the subject. An undefined rule denies.
    pub fn allows(&self, rule: &RuleRef, subject: &Subject<'_>) -> bool {
        match rule {
            RuleRef::All => true,
            RuleRef::None => false,
            RuleRef::Named(name) => {
                self.rules.get(name).is_some_and(|rule| rule.allows(&self.acls, subject))
            }
            RuleRef::Inline(rule) => rule.allows(&self.acls, subject),
        }
    }

    /// What the shaper rule gives the subject; an undefined rule gives [`ShaperValue::None`].
    pub fn shaper(&self, rule: &ShaperRef, subject: &Subject<'_>) -> ShaperValue {
        match rule {
            ShaperRef::Named(name) => self
                .shaper_rules
                .get(name)
                .map_or(ShaperValue::None, |rule| rule.value(&self.acls, subject)),
            ShaperRef::Inline(rule) => rule.value(&self.acls, subject),
        }
    }

    /// Whether the named ACL fits the subject; an undefined one fits nobody.
    pub fn acl_fits(&self, name: &str, subject: &Subject<'_>) -> bool {
        self.acls.matches(&rules::AclName::new(name), subject)
    }

    /// The named shapers, for options that name a shaper and not a rule.
    pub fn shapers(&self) -> &Shapers {
        &self.shapers
    }

    /// Whether an access rule of that name exists, built-in ones included.
    pub fn knows_rule(&self, name: &str) -> bool {
        matches!(name, "all" | "none") || self.rules.contains_key(name)
    }
}
