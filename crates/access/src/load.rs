//! Reading the sections `acl`, `access_rules`, `shaper` and `shaper_rules`.
//!
//! The configuration writes maps in two ways, as a map or as a list of maps, and many values as
//! one or as a list; [`flatten`] makes one shape of all of them.

use std::collections::HashMap;

use jid::{DomainPart, NodePart, ResourcePart};
use settings::{Note, NoteKind, Pos, Problem};

use crate::acl::Acls;
use crate::condition::{CONDITION_NAMES, Condition, UserServer};
use crate::item::{Item, Part, flatten};
use crate::network::Network;
use crate::pattern::Text;
use crate::rules::{AclName, Rule, RuleRef, Term, Verdict};
use crate::shapers::{Rate, ShaperRef, ShaperRule, ShaperValue, Shapers, reserved};

/// Where problems go while reading continues, so that one run shows all of them.
pub(crate) struct Loader {
    pub(crate) errors: Vec<Problem>,
    pub(crate) notes: Vec<Note>,
    /// ACL names that rules mention, with their places; checked when all ACLs are known.
    mentioned: Vec<(Box<str>, Pos)>,
}

impl Loader {
    pub(crate) fn new() -> Self {
        Self { errors: Vec::new(), notes: Vec::new(), mentioned: Vec::new() }
    }

    pub(crate) fn refuse(&mut self, item: Item<'_>, message: impl Into<String>) {
        self.errors.push(item.problem(message));
    }

    /// Refuses a name that is none of `known`, with the nearest one as a remedy.
    pub(crate) fn refuse_name<'k>(
        &mut self,
        item: Item<'_>,
        message: String,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        self.errors.push(with_hint(item.problem(message), item.text().unwrap_or_default(), known));
    }

    /// Notes something that is accepted and probably not meant.
    pub(crate) fn suspect(&mut self, problem: Problem) {
        self.notes.push(Note::new(NoteKind::Suspicious, problem));
    }

    /// The parts of a value that must be a map (or a list of maps).
    pub(crate) fn pairs<'a>(&mut self, item: Item<'a>, what: &str) -> Vec<(Item<'a>, Item<'a>)> {
        let mut pairs = Vec::new();
        for part in flatten(item) {
            match part {
                Part::Pair(key, value) => pairs.push((key, value)),
                Part::Bare(bare) => self.refuse(bare, format!("{what} must be a map")),
            }
        }
        pairs
    }

    /// A string scalar.
    pub(crate) fn text<'a>(&mut self, item: Item<'a>, what: &str) -> Option<&'a str> {
        let text = item.text();
        if text.is_none() {
            self.refuse(item, format!("{what} must be a string; put a number in quotes"));
        }
        text
    }

    /// String scalars, one or a list.
    pub(crate) fn texts<'a>(&mut self, item: Item<'a>, what: &str) -> Vec<(Item<'a>, &'a str)> {
        let mut texts = Vec::new();
        for part in flatten(item) {
            match part {
                Part::Bare(bare) => {
                    if let Some(text) = self.text(bare, what) {
                        texts.push((bare, text));
                    }
                }
                Part::Pair(key, _) => {
                    self.refuse(key, format!("{what} must be a string or a list of strings"));
                }
            }
        }
        texts
    }

    /// The value and its notes, or everything that was wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<(T, Vec<Note>), Vec<Problem>> {
        if self.errors.is_empty() { Ok((value, self.notes)) } else { Err(self.errors) }
    }

    /// Notes names that are not defined although a similar one is.
    ///
    /// COMPAT: an undefined name is no error: the sample configuration denies `blocked` and allows
    /// `admin` without defining either. It matches nobody, and only a near miss is worth a word.
    pub(crate) fn check_acl_names(&mut self, acls: &Acls) {
        for (name, pos) in std::mem::take(&mut self.mentioned) {
            if !acls.knows(&name) && nearest(&name, acls.names()).is_some() {
                let problem = Problem::new(pos, format!("the ACL `{name}` is not defined"));
                let problem = problem.label("matches nobody");
                self.suspect(with_hint(problem, &name, acls.names()));
            }
        }
    }

    /// Notes that an option names a rule which is not defined, and what it comes to.
    pub(crate) fn suspect_name<'k>(
        &mut self,
        item: Item<'_>,
        (kind, effect): (&str, &str),
        name: &str,
        known: impl Iterator<Item = &'k Box<str>>,
    ) {
        let problem = item.problem(format!("the {kind} `{name}` is not defined")).label(effect);
        self.suspect(with_hint(problem, name, known.map(|known| &**known)));
    }

    /// The term for an ACL name, remembered for [`Loader::check_acl_names`].
    pub(crate) fn acl_term(&mut self, item: Item<'_>, name: &str) -> Term {
        self.mentioned.push((name.into(), item.0.pos()));
        Term::Acl(AclName::new(name))
    }

    /// Keeps the value of a result, or its error as a problem at `item`.
    fn take<T>(&mut self, item: Item<'_>, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.refuse(item, message)).ok()
    }

    /// The section `acl`.
    pub(crate) fn acls(&mut self, section: Item<'_>, acls: &mut Acls) {
        for (key, value) in self.pairs(section, "acl") {
            let Some(name) = self.text(key, "the name of an ACL") else { continue };
            if matches!(name, "all" | "none") {
                self.refuse(key, format!("the ACL `{name}` is built in and cannot be defined"));
                continue;
            }
            let mut conditions = Vec::new();
            let before = self.errors.len();
            let pairs = self.pairs(value, "an ACL");
            if pairs.is_empty() && self.errors.len() == before {
                self.refuse(key, format!("the ACL `{name}` has no condition"));
            }
            for (condition, value) in pairs {
                if condition.text() == Some("acl") {
                    self.refuse(condition, "an ACL cannot refer to another ACL");
                    continue;
                }
                conditions.extend(self.condition(condition, value));
            }
            acls.add(name, conditions);
        }
    }

    /// One condition with all its values.
    pub(crate) fn condition(&mut self, key: Item<'_>, value: Item<'_>) -> Vec<Condition> {
        let Some(name) = self.text(key, "the name of a condition") else { return Vec::new() };
        let before = self.errors.len();
        let found = match name {
            "user" => self.users(value, prepared_user),
            "user_regexp" => self.users(value, Text::regexp),
            "user_glob" => self.users(value, Text::glob),
            "server" => self.simple(value, name, prepared_domain, Condition::Server),
            "server_regexp" => self.simple(value, name, Text::regexp, Condition::Server),
            "server_glob" => self.simple(value, name, Text::glob, Condition::Server),
            "resource" => self.simple(value, name, prepared_resource, Condition::Resource),
            "resource_regexp" => self.simple(value, name, Text::regexp, Condition::Resource),
            "resource_glob" => self.simple(value, name, Text::glob, Condition::Resource),
            "node_regexp" => self.nodes(value, Text::regexp),
            "node_glob" => self.nodes(value, Text::glob),
            "ip" => self.simple(value, name, Network::parse, Condition::Ip),
            "shared_group" => self.simple(value, name, shared_group, |group| group),
            unknown => {
                self.refuse_name(key, format!("unknown condition `{unknown}`"), CONDITION_NAMES);
                return Vec::new();
            }
        };
        if found.is_empty() && self.errors.len() == before {
            self.refuse(key, format!("the condition `{name}` has no value"));
        }
        found
    }

    fn simple<T>(
        &mut self,
        value: Item<'_>,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
        wrap: impl Fn(T) -> Condition,
    ) -> Vec<Condition> {
        let what = format!("the value of `{name}`");
        let texts = self.texts(value, &what);
        texts.into_iter().filter_map(|(item, text)| self.take(item, read(text))).map(wrap).collect()
    }

    /// `user`, `user@server`, a list of these, or a map from user to server.
    fn users(
        &mut self,
        value: Item<'_>,
        read: impl Fn(&str) -> Result<Text, String>,
    ) -> Vec<Condition> {
        let mut found = Vec::new();
        for part in flatten(value) {
            let (item, user, server) = match part {
                Part::Bare(item) => match self.text(item, "a user") {
                    None => continue,
                    Some(text) => match text.rsplit_once('@') {
                        None => (item, text, None),
                        Some((user, server)) => (item, user, Some((item, server))),
                    },
                },
                Part::Pair(key, value) => {
                    let user = self.text(key, "a user");
                    let server = self.text(value, "the server of a user");
                    let (Some(user), Some(server)) = (user, server) else { continue };
                    (key, user, Some((value, server)))
                }
            };
            let user = self.take(item, read(user));
            let server = match server {
                None => Some(UserServer::AnyLocal),
                Some((item, server)) => self.take(item, domain(server)).map(UserServer::Domain),
            };
            if let (Some(user), Some(server)) = (user, server) {
                found.push(Condition::User { user, server });
            }
        }
        found
    }

    /// A list of maps from a pattern of users to a pattern of servers.
    fn nodes(
        &mut self,
        value: Item<'_>,
        read: impl Fn(&str) -> Result<Text, String>,
    ) -> Vec<Condition> {
        let mut found = Vec::new();
        for (key, value) in self.pairs(value, "the value (user pattern: server pattern)") {
            let user = self.text(key, "the pattern of users");
            let server = self.text(value, "the pattern of servers");
            let (Some(user), Some(server)) = (user, server) else { continue };
            let user = self.take(key, read(user));
            let server = self.take(value, read(server));
            if let (Some(user), Some(server)) = (user, server) {
                found.push(Condition::Node { user, server });
            }
        }
        found
    }

    /// The terms of one rule: ACL names and condition maps.
    pub(crate) fn terms(&mut self, value: Item<'_>) -> Vec<Term> {
        let before = self.errors.len();
        let mut terms = Vec::new();
        for part in flatten(value) {
            match part {
                Part::Bare(item) => {
                    if let Some(name) = self.text(item, "the name of an ACL") {
                        terms.push(self.acl_term(item, name));
                    }
                }
                Part::Pair(key, value) if key.text() == Some("acl") => {
                    let names = self.texts(value, "the name of an ACL");
                    terms.extend(names.into_iter().map(|(item, name)| self.acl_term(item, name)));
                }
                Part::Pair(key, value) => {
                    terms.extend(self.condition(key, value).into_iter().map(Term::Condition));
                }
            }
        }
        if terms.is_empty() && self.errors.len() == before {
            // An empty conjunction would hold for everybody, which nobody means by writing nothing.
            self.refuse(value, "no condition here; write `all` for everybody, `none` for nobody");
        }
        terms
    }

    /// The section `access_rules`.
    pub(crate) fn access_rules(&mut self, section: Item<'_>, rules: &mut HashMap<Box<str>, Rule>) {
        for (key, value) in self.pairs(section, "access_rules") {
            let Some(name) = self.text(key, "the name of an access rule") else { continue };
            if matches!(name, "all" | "none") {
                self.refuse(
                    key,
                    format!("the access rule `{name}` is built in and cannot be defined"),
                );
                continue;
            }
            let rule = self.rule(value);
            rules.entry(name.into()).or_default().lines.extend(rule.lines);
        }
    }

    /// One access rule: a list of `allow` and `deny` lines.
    pub(crate) fn rule(&mut self, value: Item<'_>) -> Rule {
        let mut lines = Vec::new();
        for part in flatten(value) {
            let (key, conditions) = match part {
                Part::Bare(word) => (word, None),
                Part::Pair(key, conditions) => (key, Some(conditions)),
            };
            let verdict = match key.text() {
                Some("allow") => Verdict::Allow,
                Some("deny") => Verdict::Deny,
                _ => {
                    let message = format!("expected `allow` or `deny`, found {}", key.describe());
                    self.refuse_name(key, message, ["allow", "deny"]);
                    continue;
                }
            };
            let terms = match conditions {
                None => vec![Term::Acl(AclName::All)],
                Some(conditions) => self.terms(conditions),
            };
            lines.push((verdict, terms));
        }
        Rule { lines }
    }

    /// The value of an option of type access.
    pub(crate) fn rule_ref(&mut self, value: Item<'_>) -> RuleRef {
        match value.text() {
            Some(name) => RuleRef::named(name),
            None if value.is_scalar() => {
                self.refuse(value, "expected the name of an access rule or a list of rules");
                RuleRef::None
            }
            None => RuleRef::Inline(self.rule(value).into()),
        }
    }

    /// The section `shaper`.
    pub(crate) fn shapers(&mut self, section: Item<'_>, shapers: &mut Shapers) {
        for (key, value) in self.pairs(section, "shaper") {
            let Some(name) = self.text(key, "the name of a shaper") else { continue };
            if reserved(name).is_some() {
                self.refuse(key, format!("the shaper name `{name}` is reserved"));
                continue;
            }
            if let Some(value) = self.shaper(value) {
                shapers.by_name.insert(name.into(), value);
            }
        }
    }

    fn shaper(&mut self, value: Item<'_>) -> Option<ShaperValue> {
        if let Some(rate) = value.int() {
            let bytes_per_second = self.positive(value, rate)?;
            let burst_bytes = bytes_per_second;
            return Some(ShaperValue::Rate(Rate { bytes_per_second, burst_bytes }));
        }
        if value.is_scalar() {
            let unlimited = value.text().and_then(reserved);
            if unlimited == Some(ShaperValue::Infinity) {
                return unlimited;
            }
            self.refuse(value, "a shaper is bytes per second, `infinity`, or {rate, burst_size}");
            return None;
        }
        let (mut rate, mut burst) = (None, None);
        for (key, value) in self.pairs(value, "a shaper") {
            let slot = match key.text() {
                Some("rate") => &mut rate,
                Some("burst_size") => &mut burst,
                _ => {
                    let message = format!("a shaper has no option {}", key.describe());
                    self.refuse_name(key, message, ["rate", "burst_size"]);
                    continue;
                }
            };
            match value.int() {
                Some(number) => *slot = self.positive(value, number),
                None => self.refuse(value, "expected a positive integer"),
            }
        }
        let Some(bytes_per_second) = rate else {
            self.refuse(value, "a shaper needs `rate`, in bytes per second");
            return None;
        };
        let burst_bytes = burst.unwrap_or(bytes_per_second);
        Some(ShaperValue::Rate(Rate { bytes_per_second, burst_bytes }))
    }

    fn positive(&mut self, item: Item<'_>, number: i64) -> Option<u64> {
        let positive = u64::try_from(number).ok().filter(|number| *number > 0);
        if positive.is_none() {
            self.refuse(item, "must be greater than 0");
        }
        positive
    }

    /// The section `shaper_rules`.
    pub(crate) fn shaper_rules(
        &mut self,
        section: Item<'_>,
        shapers: &Shapers,
        rules: &mut HashMap<Box<str>, ShaperRule>,
    ) {
        for (key, value) in self.pairs(section, "shaper_rules") {
            let Some(name) = self.text(key, "the name of a shaper rule") else { continue };
            let rule = self.shaper_rule(value, shapers);
            rules.entry(name.into()).or_default().lines.extend(rule.lines);
        }
    }

    /// One shaper rule: values with their conditions.
    pub(crate) fn shaper_rule(&mut self, value: Item<'_>, shapers: &Shapers) -> ShaperRule {
        let mut lines = Vec::new();
        for part in flatten(value) {
            let (key, conditions) = match part {
                Part::Bare(word) => (word, None),
                Part::Pair(key, conditions) => (key, Some(conditions)),
            };
            let value = self.shaper_value(key, shapers);
            let terms = match conditions {
                None => vec![Term::Acl(AclName::All)],
                Some(conditions) => self.terms(conditions),
            };
            lines.extend(value.map(|value| (value, terms)));
        }
        ShaperRule { lines }
    }

    /// A shaper name, a positive integer or a reserved word.
    ///
    /// COMPAT: a line that names an unknown shaper is dropped with a warning.
    fn shaper_value(&mut self, key: Item<'_>, shapers: &Shapers) -> Option<ShaperValue> {
        if let Some(number) = key.int() {
            return self.positive(key, number).map(ShaperValue::Number);
        }
        let name = self.text(key, "a shaper")?;
        let value = shapers.get(name);
        if value.is_none() {
            let problem = key.problem(format!("the shaper `{name}` is not defined"));
            let problem = problem.label("this line has no effect");
            self.suspect(with_hint(problem, name, shapers.by_name.keys().map(|name| &**name)));
        }
        value
    }

    /// The value of an option of type shaper.
    pub(crate) fn shaper_ref(&mut self, value: Item<'_>, shapers: &Shapers) -> ShaperRef {
        match value.text() {
            Some(name) => ShaperRef::named(name),
            None => ShaperRef::Inline(self.shaper_rule(value, shapers).into()),
        }
    }
}

/// Adds the known name nearest to a misspelt one.
pub(crate) fn with_hint<'k>(
    problem: Problem,
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Problem {
    match nearest(name, known) {
        Some(known) => problem.help(format!("did you mean `{known}`?")),
        None => problem,
    }
}

/// The known name nearest to a misspelt one, if any is near.
fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    const SIMILARITY_MIN: f64 = 0.8;
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

fn domain(text: &str) -> Result<Box<str>, String> {
    DomainPart::new(text)
        .map(|part| part.as_str().into())
        .map_err(|_| format!("`{text}` is not a domain name"))
}

fn prepared_domain(text: &str) -> Result<Text, String> {
    domain(text).map(Text::Exact)
}

fn prepared_user(text: &str) -> Result<Text, String> {
    // COMPAT: Debian's configuration names the empty user as its administrator until somebody is chosen; no account
    // has that name, so it matches nobody.
    if text.is_empty() {
        return Ok(Text::Exact(text.into()));
    }
    NodePart::new(text)
        .map(|part| Text::Exact(part.as_str().into()))
        .map_err(|_| format!("`{text}` is not a valid user name"))
}

fn prepared_resource(text: &str) -> Result<Text, String> {
    ResourcePart::new(text)
        .map(|part| Text::Exact(part.as_str().into()))
        .map_err(|_| format!("`{text}` is not a valid resource"))
}

/// `group`, which means the group of the JID's own host, or `group@host`.
fn shared_group(text: &str) -> Result<Condition, String> {
    let (group, host) = match text.rsplit_once('@') {
        Some((group, host)) => (group, Some(domain(host)?)),
        None => (text, None),
    };
    if group.is_empty() {
        return Err(format!("`{text}` names no group"));
    }
    Ok(Condition::SharedGroup { group: group.into(), host })
}
