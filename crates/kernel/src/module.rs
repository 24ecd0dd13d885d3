//! What a module is, and how it declares itself.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use settings::audit::Check;
use settings::{Problem, Section};
use store::TableSet;
use xmlstream::Element;
use xmpp_wire::payload::forms::Form;

use crate::Kernel;
use crate::commands::Command;
use crate::contracts::Contracts;
use crate::disco::{Disco, Identity, Item};
use crate::hooks::{Chains, ChainsDraft, HookFn, HookPoint, Stage};
use crate::iq::{At, GetFn, IqTables, SetFn};
use crate::panel::Panel;

/// A protocol extension that a module implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xep {
    /// Its number.
    pub number: u16,
    /// The version that was followed.
    pub version: &'static str,
}

/// Shorthand for [`Xep`] in declarations.
pub const fn xep(number: u16, version: &'static str) -> Xep {
    Xep { number, version }
}

/// What a module gets to start from.
pub struct Start<'a, M> {
    /// The server.
    pub kernel: &'a Kernel,
    /// The host it starts for.
    pub host: &'a str,
    /// Its options, checked and with defaults.
    pub options: &'a Section,
    /// The same module in the generation before, from which caches and timers may be taken over.
    pub previous: Option<&'a M>,
}

/// A module of one host. Declaring is all it does in [`register`](Module::register); the kernel does the rest.
///
/// There is no stop: a generation owns its modules, and what it owned goes with it.
pub trait Module: Sized + Send + Sync + 'static {
    /// Its name in `ejabberd.yml`.
    const NAME: &'static str;
    /// One line: what it is for.
    const ABOUT: &'static str;
    /// What it implements.
    const IMPLEMENTS: &'static [Xep] = &[];
    /// The options it honours; the catalogue's others are reported as not in force.
    const OPTIONS: &'static [&'static str] = &[];
    /// Its tables.
    const TABLES: &'static [&'static TableSet] = &[];
    /// Its commands.
    const COMMANDS: &'static [Command] = &[];
    /// What a security audit asks of its options.
    const CHECKS: &'static [Check] = &[];
    /// What it shows on pages for administrators.
    const PANELS: &'static [Panel] = &[];

    /// Reads its options.
    ///
    /// # Errors
    /// What is wrong with an option, where, and how to mend it.
    fn start(start: &Start<'_, Self>) -> Result<Self, Problem>;

    /// Declares what it takes part in. No logic belongs here.
    fn register(on: &mut Register<'_, Self>);
}

/// Takes the declarations of one module.
pub struct Register<'r, M> {
    module: Arc<M>,
    draft: &'r mut Draft,
}

/// A generation under construction.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) chains: ChainsDraft,
    pub(crate) iq: IqTables,
    pub(crate) disco: Disco,
    pub(crate) contracts: Contracts,
    pub(crate) stream_features: Vec<Element>,
    disco_features: Vec<fn(&Disco) -> Option<Element>>,
}

impl Draft {
    pub(crate) fn finish(mut self) -> (Chains, IqTables, Disco, Contracts, Vec<Element>) {
        self.disco.finish(&self.iq);
        self.stream_features
            .extend(self.disco_features.iter().filter_map(|feature| feature(&self.disco)));
        (self.chains.finish(), self.iq, self.disco, self.contracts, self.stream_features)
    }
}

impl<M: Module> Register<'_, M> {
    /// Subscribes to a hook point.
    pub fn hook<P: HookPoint>(&mut self, stage: Stage, function: HookFn<P, M>) {
        self.draft.chains.add::<P, M>(M::NAME, stage, self.module.clone(), function);
    }

    /// Answers `get` requests of a namespace.
    pub fn iq_get(&mut self, at: At, ns: &'static str, function: GetFn<M>) {
        self.draft.iq.on_get(at, ns, self.module.clone(), function);
    }

    /// Answers `set` requests of a namespace.
    pub fn iq_set(&mut self, at: At, ns: &'static str, function: SetFn<M>) {
        self.draft.iq.on_set(at, ns, self.module.clone(), function);
    }

    /// Adds a disco feature.
    pub fn feature(&mut self, at: At, var: &'static str) {
        self.draft.disco.feature(at, var);
    }

    /// Adds a disco identity.
    pub fn identity(
        &mut self,
        at: At,
        category: &'static str,
        kind: &'static str,
        name: impl Into<Cow<'static, str>>,
    ) {
        self.draft.disco.identity(at, Identity { category, kind, name: name.into() });
    }

    /// Answers service discovery at a node: information, and items.
    pub fn disco_node(&mut self, at: At, node: &'static str, info: GetFn<M>, items: GetFn<M>) {
        self.draft.disco.node(at, node, self.module.clone(), info, items);
    }

    /// Adds a form to service discovery (XEP-0128).
    pub fn form(&mut self, at: At, form: Form) {
        self.draft.disco.form(at, form);
    }

    /// Adds a disco item of the server.
    pub fn item(&mut self, item: Item) {
        self.draft.disco.item(item);
    }

    /// Adds an element to the stream features offered after authentication (RFC 6120 §4.3.2).
    pub fn stream_feature(&mut self, feature: Element) {
        self.draft.stream_features.push(feature);
    }

    /// Adds a stream feature that tells of service discovery, made when everybody has declared.
    pub fn stream_feature_of_disco(&mut self, feature: fn(&Disco) -> Option<Element>) {
        self.draft.disco_features.push(feature);
    }

    /// Offers a contract to other modules.
    pub fn provide<C: ?Sized + Send + Sync + 'static>(&mut self, cast: fn(Arc<M>) -> Arc<C>) {
        self.draft.contracts.provide(cast(self.module.clone()));
    }

    /// The started module, for declarations that follow from its options.
    pub fn module(&self) -> &M {
        &self.module
    }
}

/// A running module without its type.
pub(crate) type Running = Arc<dyn Any + Send + Sync>;

pub(crate) struct StartAny<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) host: &'a str,
    pub(crate) options: &'a Section,
    pub(crate) previous: Option<&'a Running>,
}

/// A module in the list of modules.
#[derive(Clone, Copy)]
pub struct ModuleEntry {
    /// Its name in `ejabberd.yml`.
    pub name: &'static str,
    /// One line: what it is for.
    pub about: &'static str,
    /// What it implements.
    pub implements: &'static [Xep],
    /// The options it honours.
    pub options: &'static [&'static str],
    /// Its tables.
    pub tables: &'static [&'static TableSet],
    /// Its commands.
    pub commands: &'static [Command],
    /// Its checks.
    pub checks: &'static [Check],
    /// Its panels.
    pub panels: &'static [Panel],
    pub(crate) start: fn(&StartAny<'_>, &mut Draft) -> Result<Running, Problem>,
}

/// Enters a module in a list.
pub const fn entry<M: Module>() -> ModuleEntry {
    ModuleEntry {
        name: M::NAME,
        about: M::ABOUT,
        implements: M::IMPLEMENTS,
        options: M::OPTIONS,
        tables: M::TABLES,
        commands: M::COMMANDS,
        checks: M::CHECKS,
        panels: M::PANELS,
        start: start::<M>,
    }
}

fn start<M: Module>(start: &StartAny<'_>, draft: &mut Draft) -> Result<Running, Problem> {
    let previous = start.previous.and_then(|previous| previous.downcast_ref::<M>());
    let start = Start { kernel: start.kernel, host: start.host, options: start.options, previous };
    let module = Arc::new(M::start(&start)?);
    M::register(&mut Register { module: module.clone(), draft });
    Ok(module)
}
