//! A virtual host and its generations: everything a reload may change, immutable, swapped whole.

use std::collections::HashMap;
use std::sync::Arc;

use access::Access;
use arc_swap::ArcSwap;
use jid::{BareJid, Jid};
use settings::{Config, Problem, Section};
use xmlstream::Element;

use crate::Kernel;
use crate::contracts::Contracts;
use crate::disco::Disco;
use crate::hooks::Chains;
use crate::iq::IqTables;
use crate::module::{Draft, ModuleEntry, Running, StartAny};

/// A served domain. It lives as long as the domain is served; its generation changes at reload.
pub struct Host {
    jid: BareJid,
    generation: ArcSwap<Generation>,
}

impl Host {
    pub(crate) fn new(jid: BareJid, generation: Generation) -> Self {
        Self { jid, generation: ArcSwap::from_pointee(generation) }
    }

    /// The domain, prepared.
    pub fn name(&self) -> &str {
        self.jid.as_str()
    }

    /// The domain as an address without node.
    pub fn bare(&self) -> &BareJid {
        &self.jid
    }

    /// The domain as an address.
    pub fn jid(&self) -> Jid {
        self.jid.clone().into()
    }

    /// The present generation.
    pub fn generation(&self) -> Arc<Generation> {
        self.generation.load_full()
    }

    pub(crate) fn swap(&self, next: Generation) {
        self.generation.store(Arc::new(next));
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Host({})", self.name())
    }
}

/// Everything of one host that a reload may change. It never changes after it is built.
pub struct Generation {
    number: u64,
    options: Section,
    access: Arc<Access>,
    chains: Chains,
    iq: IqTables,
    disco: Disco,
    contracts: Contracts,
    stream_features: Vec<Element>,
    modules: HashMap<&'static str, Running>,
}

impl Generation {
    /// Counts reloads, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The host's options: its own values, else the global ones, else the defaults.
    pub fn options(&self) -> &Section {
        &self.options
    }

    /// Its access rules and shapers.
    pub fn access(&self) -> &Arc<Access> {
        &self.access
    }

    /// Its hook chains.
    pub fn chains(&self) -> &Chains {
        &self.chains
    }

    /// Its IQ handlers.
    pub fn iq(&self) -> &IqTables {
        &self.iq
    }

    /// What it says about itself.
    pub fn disco(&self) -> &Disco {
        &self.disco
    }

    /// What a module offers to others, as `contract::<dyn Roster>()`.
    pub fn contract<C: ?Sized + Send + Sync + 'static>(&self) -> Option<Arc<C>> {
        self.contracts.get::<C>()
    }

    /// What modules add to the stream features after authentication.
    pub fn stream_features(&self) -> &[Element] {
        &self.stream_features
    }

    /// The names of the modules that run, sorted.
    pub fn module_names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.modules.keys().copied().collect();
        names.sort_unstable();
        names
    }

    /// A running module of a known type.
    pub fn module<M: Send + Sync + 'static>(&self, name: &str) -> Option<Arc<M>> {
        self.modules.get(name)?.clone().downcast().ok()
    }

    /// Builds the next generation of a host; nothing of the present one is touched.
    ///
    /// # Errors
    /// Every problem that its access rules and modules found in their options.
    pub(crate) fn build(
        kernel: &Kernel,
        config: &Config,
        host: &str,
        entries: &[&'static [ModuleEntry]],
        previous: Option<&Generation>,
    ) -> Result<Self, Vec<Problem>> {
        let options = config.host(host).clone();
        let (access, notes) = Access::from_config(config, Some(host))?;
        for note in &notes {
            tracing::warn!(host, "{}", note.problem.title());
        }
        let access = Arc::new(access);
        let mut draft = Draft::default();
        let mut modules = HashMap::new();
        let mut problems = Vec::new();
        // The order of the list, not of the file, decides the order within a stage.
        for entry in entries.iter().copied().flatten() {
            let Some(wanted) =
                config.modules(host).iter().find(|wanted| wanted.module.name == entry.name)
            else {
                continue;
            };
            let previous = previous.and_then(|previous| previous.modules.get(entry.name));
            let start = StartAny { kernel, host, options: &wanted.options, previous };
            match (entry.start)(&start, &mut draft) {
                Ok(running) => drop(modules.insert(entry.name, running)),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let number = previous.map_or(1, |previous| previous.number + 1);
        let (chains, iq, disco, contracts, stream_features) = draft.finish();
        Ok(Self { number, options, access, chains, iq, disco, contracts, stream_features, modules })
    }
}
