//! ACLs: named alternatives of conditions.

use std::collections::HashMap;

use crate::condition::{Condition, LocalHosts, Subject};
use crate::rules::AclName;

/// The ACLs in force for one host (or for the server as a whole).
#[derive(Debug, Clone, Default)]
pub struct Acls {
    by_name: HashMap<Box<str>, Vec<Condition>>,
    local: LocalHosts,
}

impl Acls {
    pub(crate) fn new(local: LocalHosts) -> Self {
        Self { by_name: HashMap::new(), local }
    }

    /// Adds alternatives to a name; the same name twice is the union.
    pub(crate) fn add(&mut self, name: &str, conditions: Vec<Condition>) {
        self.by_name.entry(name.into()).or_default().extend(conditions);
    }

    /// Any condition of the name holds; an undefined name matches nothing.
    pub(crate) fn matches(&self, name: &AclName, subject: &Subject<'_>) -> bool {
        match name {
            AclName::All => true,
            AclName::None => false,
            AclName::Named(name) => self
                .by_name
                .get(name)
                .is_some_and(|any| any.iter().any(|one| one.holds(subject, &self.local))),
        }
    }

    /// Whether the name is built in or defined.
    pub fn knows(&self, name: &str) -> bool {
        matches!(name, "all" | "none") || self.by_name.contains_key(name)
    }

    /// The defined names, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }

    pub(crate) fn local_hosts(&self) -> &LocalHosts {
        &self.local
    }
}
