//! Checks of the security of settings: what is exposed, where, why it matters, and how to mend it.
//!
//! Whoever honours an option declares in `CHECKS`, beside its `OPTIONS`, what a careful administrator would not set.
//! A judge is pure: it sees the settings in force and the facts that somebody else has gathered.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;

use annotate_snippets::Level;

use crate::config::{Config, ListenerConfig, ModuleConfig};
use crate::problem::Problem;
use crate::section::Section;
use crate::source::{Pos, Sources};

/// Findings that one audit reports; the rest is counted.
pub const FINDINGS_MAX: usize = 100;

/// How bad it is. The order is from harmless to bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Could be tighter; many run it so for good reasons.
    Advice,
    /// Somebody who tries can do harm.
    Warning,
    /// Open to whoever comes by.
    Serious,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Serious => "serious",
        })
    }
}

/// The sections of ejabberd's guide on securing a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Guide {
    /// Firewall Settings: which ports are open, and to whom.
    Firewall,
    /// epmd: Erlang's port mapper and the ports of nodes.
    Epmd,
    /// Erlang Cookie.
    Cookie,
    /// Erlang Node Name.
    NodeName,
    /// Securing Sensitive Files.
    Files,
}

impl Guide {
    /// Every section in the guide's order.
    pub const ALL: [Self; 5] =
        [Self::Firewall, Self::Epmd, Self::Cookie, Self::NodeName, Self::Files];

    /// The title in the guide.
    pub fn title(self) -> &'static str {
        match self {
            Self::Firewall => "Firewall Settings",
            Self::Epmd => "epmd",
            Self::Cookie => "Erlang Cookie",
            Self::NodeName => "Erlang Node Name",
            Self::Files => "Securing Sensitive Files",
        }
    }
}

/// What a judge is asked about, one at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Per {
    /// The server as a whole.
    Server,
    /// Each host.
    Host,
    /// Each listener of the door that declares the check.
    Listener,
    /// The module that declares the check, on each host.
    Module,
}

/// A check, declared by whoever honours the options that it judges.
#[derive(Clone, Copy)]
pub struct Check {
    /// Its name, unique in the server: lower-case words with hyphens.
    pub id: &'static str,
    /// What it looks for: a clause without a full stop.
    pub about: &'static str,
    /// Why that matters: a clause without a full stop.
    pub why: &'static str,
    /// The section of the guide that it serves.
    pub guide: Guide,
    /// How bad it is where it finds something.
    pub severity: Severity,
    /// What it is asked about.
    pub per: Per,
    /// Says what is exposed, each with its place and a help line that mends it. No I/O.
    pub judge: fn(&View<'_>) -> Vec<Problem>,
}

impl Check {
    /// What declarations begin with: nothing said, and nothing found.
    pub const PLAIN: Self = Self {
        id: "",
        about: "",
        why: "",
        guide: Guide::Firewall,
        severity: Severity::Warning,
        per: Per::Server,
        judge: |_| Vec::new(),
    };
}

/// What is known besides the settings: at most one value of a type.
#[derive(Default)]
pub struct Facts(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl Facts {
    /// Adds a fact; one of the same type is replaced.
    #[must_use]
    pub fn with<T: Any + Send + Sync>(mut self, fact: T) -> Self {
        self.0.insert(TypeId::of::<T>(), Box::new(fact));
        self
    }
}

/// The thing that is judged.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    /// The server as a whole.
    Server,
    /// A host.
    Host(&'a str),
    /// A listener.
    Listener(&'a ListenerConfig),
    /// A module of a host.
    Module(&'a str, &'a ModuleConfig),
}

/// What a judge sees.
pub struct View<'a> {
    /// The settings as a whole.
    pub config: &'a Config,
    /// The thing that is judged.
    pub subject: Subject<'a>,
    facts: &'a Facts,
}

impl<'a> View<'a> {
    /// The options of the thing that is judged.
    pub fn options(&self) -> &'a Section {
        match self.subject {
            Subject::Server => self.config.global(),
            Subject::Host(host) => self.config.host(host),
            Subject::Listener(listener) => &listener.options,
            Subject::Module(_, module) => &module.options,
        }
    }

    /// The listener that is judged. Panics in a check that is not per listener.
    pub fn listener(&self) -> &'a ListenerConfig {
        match self.subject {
            Subject::Listener(listener) => listener,
            _ => panic!("a check that asks for its listener is declared per listener"),
        }
    }

    /// The host that is judged, or whose module is.
    pub fn host(&self) -> Option<&'a str> {
        match self.subject {
            Subject::Host(host) | Subject::Module(host, _) => Some(host),
            Subject::Server | Subject::Listener(_) => None,
        }
    }

    /// What somebody has gathered, if anybody has.
    pub fn fact<T: Any>(&self) -> Option<&'a T> {
        self.facts.0.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// A problem at an option: where its value was written, else where the listener or module was.
    pub fn at(&self, option: &str, what: impl Into<String>) -> Problem {
        let options = self.options();
        if options.is_set(option) {
            return options.problem(option, what);
        }
        let pos = match self.subject {
            Subject::Listener(listener) => listener.pos,
            Subject::Module(_, module) => module.pos,
            Subject::Server | Subject::Host(_) => Pos::BUILT_IN,
        };
        let label = match options.title() {
            "" => format!("`{option}` is not set"),
            title => format!("`{option}` of {title} is not set"),
        };
        Problem::new(pos, what).label(label)
    }

    /// What most judges say: one problem at an option, if something holds.
    pub fn when(
        &self,
        holds: bool,
        option: &str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Vec<Problem> {
        if holds { vec![self.at(option, what).help(mend)] } else { Vec::new() }
    }
}

/// Something that a check has found.
#[derive(Clone)]
pub struct Finding {
    /// The check.
    pub check: &'static Check,
    /// Where, what is exposed, and how to mend it.
    pub problem: Problem,
}

impl Finding {
    /// The finding for people, with the lines of the file.
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        let Check { id, why, guide, severity, .. } = self.check;
        let level = match severity {
            Severity::Advice => Level::INFO.with_name("advice"),
            Severity::Warning => Level::WARNING.with_name("warning"),
            Severity::Serious => Level::ERROR.with_name("serious"),
        };
        let why = format!("{why} ({id}; guide: {})", guide.title());
        self.problem.clone().note(why).render(&level, sources, colour)
    }

    /// The help lines in one.
    pub fn mend(&self) -> String {
        self.problem.helps().join("; ")
    }
}

/// What an audit has found.
#[derive(Clone, Default)]
pub struct Findings {
    list: Vec<Finding>,
    left_out: usize,
}

impl Findings {
    /// The findings, the worst first; at most [`FINDINGS_MAX`].
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// How many more there were.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// How many are of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|finding| finding.check.severity == severity).count()
    }

    /// The names of the checks that found something, each once.
    pub fn ids(&self) -> Vec<&'static str> {
        let mut ids: Vec<_> = self.list.iter().map(|finding| finding.check.id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn add(&mut self, check: &'static Check, problem: Problem) {
        // What stands at one place of the file is one finding, however many hosts share it.
        let same = |known: &Finding| {
            let old = &known.problem;
            known.check.id == check.id
                && (old.pos(), old.title()) == (problem.pos(), problem.title())
        };
        if self.list.iter().any(same) {
            return;
        }
        if self.list.len() == FINDINGS_MAX {
            self.left_out += 1;
            return;
        }
        self.list.push(Finding { check, problem });
    }
}

/// The checks of a door or module, or of whatever else honours options.
#[derive(Clone, Copy)]
pub struct Declared {
    /// The listener or module in `ejabberd.yml`; for others, what people call it.
    pub by: &'static str,
    /// Its checks.
    pub checks: &'static [Check],
}

/// Asks every check about everything that it is for; the findings are sorted, the worst first, then in file order.
pub fn judge(config: &Config, facts: &Facts, declared: &[Declared]) -> Findings {
    let mut findings = Findings::default();
    for Declared { by, checks } in declared {
        for check in *checks {
            for subject in subjects(config, check.per, by) {
                for problem in (check.judge)(&View { config, subject, facts }) {
                    findings.add(check, problem);
                }
            }
        }
    }
    let order = |finding: &Finding| {
        let pos = finding.problem.pos();
        (std::cmp::Reverse(finding.check.severity), pos.is_built_in(), pos)
    };
    findings.list.sort_by_key(order);
    findings
}

fn subjects<'a>(config: &'a Config, per: Per, by: &str) -> Vec<Subject<'a>> {
    let hosts = config.hosts().iter().map(String::as_str);
    match per {
        Per::Server => vec![Subject::Server],
        Per::Host => hosts.map(Subject::Host).collect(),
        Per::Listener => {
            let own = config.listeners().iter().filter(|listener| listener.module.name == by);
            own.map(Subject::Listener).collect()
        }
        Per::Module => {
            hosts.filter_map(|host| Some(Subject::Module(host, config.module(host, by)?))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Inputs, Source, load};

    const LISTENERS: Check = Check {
        id: "low-port",
        about: "",
        why: "ports below 5223 are too popular",
        guide: Guide::Firewall,
        severity: Severity::Serious,
        per: Per::Listener,
        judge: |view| {
            let low = view.options().int("port") < 5223;
            view.when(low, "port", "the port is low", "choose a higher one")
        },
    };
    const MODULES: Check = Check {
        id: "short-cache",
        severity: Severity::Advice,
        per: Per::Module,
        judge: |view| view.when(true, "cache_size", "the cache is small", "make it larger"),
        ..LISTENERS
    };
    const HOSTS: Check = Check {
        id: "told",
        severity: Severity::Warning,
        per: Per::Host,
        judge: |view| match (view.fact::<&'static str>(), view.host()) {
            (Some(fact), Some(host)) => vec![Problem::general(format!("{fact} {host}"))],
            _ => Vec::new(),
        },
        ..LISTENERS
    };

    fn audit(facts: &Facts) -> (Findings, Sources) {
        let text = "hosts: [a.test, b.test]\nlisten:\n  -\n    port: 5222\n    module: ejabberd_c2s\n  -\n    \
                    port: 5223\n    module: ejabberd_c2s\n  -\n    port: 1024\n    module: ejabberd_http\n\
                    modules:\n  mod_last: {}\n";
        let source = Source::Text { name: "x.yml".to_owned(), text: text.to_owned() };
        let loaded = load(&source, &Inputs::default()).unwrap();
        let declared = [
            Declared { by: "mod_last", checks: &[MODULES] },
            Declared { by: "hosts", checks: &[HOSTS] },
            Declared { by: "ejabberd_c2s", checks: &[LISTENERS] },
        ];
        (judge(&loaded.config, facts, &declared), loaded.sources)
    }

    #[test]
    fn each_thing_is_judged_and_each_place_told_once_the_worst_first() {
        let (findings, sources) = audit(&Facts::default().with("here is"));
        let told: Vec<_> = findings
            .list()
            .iter()
            .map(|it| (it.check.id, sources.place(it.problem.pos()), it.problem.title()))
            .collect();
        let place = |line: &str| format!("x.yml:{line}");
        assert_eq!(
            told,
            [
                ("low-port", place("4:11"), "the port is low"),
                ("told", "built-in default".to_owned(), "here is a.test"),
                ("told", "built-in default".to_owned(), "here is b.test"),
                // Both hosts have the module from the same line.
                ("short-cache", place("13:3"), "the cache is small"),
            ]
        );
        assert_eq!((findings.count(Severity::Warning), findings.left_out()), (2, 0));
        assert_eq!(audit(&Facts::default()).0.ids(), ["low-port", "short-cache"]);
    }

    #[test]
    fn people_see_place_remedy_and_reason() {
        let (findings, sources) = audit(&Facts::default());
        let text = findings.list()[0].render(&sources, false);
        for word in [
            "serious: the port is low",
            "x.yml:4:11",
            "port: 5222",
            "help: choose a higher one",
            "note: ports below 5223 are too popular (low-port; guide: Firewall Settings)",
        ] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}
