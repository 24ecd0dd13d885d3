//! Access rules: who may do what, decided by the first rule that holds.

use std::sync::Arc;

use crate::acl::Acls;
use crate::condition::{Condition, Subject};

/// What a rule gives when its conditions hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    Deny,
}

/// A name with a built-in meaning, or one that the administrator defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AclName {
    All,
    None,
    Named(Box<str>),
}

impl AclName {
    pub(crate) fn new(name: &str) -> Self {
        match name {
            "all" => Self::All,
            "none" => Self::None,
            other => Self::Named(other.into()),
        }
    }
}

/// One term of a rule's conjunction.
#[derive(Debug, Clone)]
pub(crate) enum Term {
    Acl(AclName),
    Condition(Condition),
}

impl Term {
    pub(crate) fn holds(&self, acls: &Acls, subject: &Subject<'_>) -> bool {
        match self {
            Self::Acl(name) => acls.matches(name, subject),
            Self::Condition(condition) => condition.holds(subject, acls.local_hosts()),
        }
    }
}

/// All terms hold (an empty conjunction holds).
///
/// COMPAT: values of one inline condition are a conjunction too, so `user: [a, b]` in a rule can
/// never hold, while the same text inside `acl` means either.
pub(crate) fn all_hold(terms: &[Term], acls: &Acls, subject: &Subject<'_>) -> bool {
    terms.iter().all(|term| term.holds(acls, subject))
}

/// An ordered list of `allow` and `deny` lines.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    pub(crate) lines: Vec<(Verdict, Vec<Term>)>,
}

impl Rule {
    /// The first line that holds decides; none holds means denied.
    pub(crate) fn allows(&self, acls: &Acls, subject: &Subject<'_>) -> bool {
        self.lines
            .iter()
            .find(|(_, terms)| all_hold(terms, acls, subject))
            .is_some_and(|(verdict, _)| *verdict == Verdict::Allow)
    }
}

/// The value of an option of type access: the name of a rule, or a rule in place.
#[derive(Debug, Clone)]
pub enum RuleRef {
    /// `all`: everybody.
    All,
    /// `none`: nobody.
    None,
    /// A rule of `access_rules`; an undefined one denies.
    Named(Box<str>),
    /// A rule written in place.
    Inline(Arc<Rule>),
}

impl RuleRef {
    /// The reference a bare word stands for.
    pub fn named(name: &str) -> Self {
        match name {
            "all" => Self::All,
            "none" => Self::None,
            other => Self::Named(other.into()),
        }
    }
}
