//! The kernel's own state, and the reload that swaps it whole.

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock, Weak};

use accounts::Accounts;
use arc_swap::ArcSwap;
use jid::BareJid;
use netio::CertStore;
use parking_lot::Mutex;
use settings::{Config, NodeName, Problem};
use store::Store;

use crate::attempts::Attempts;
use crate::clock::Clock;
use crate::commands::{Command, CommandTable};
use crate::contracts::AccountWatch;
use crate::hooks::{
    AccountEvent, AccountRemoved, HookPoint, HostEvent, PasswordChanged, StoreReplaced,
};
use crate::host::{Generation, Host};
use crate::iq::PendingReplies;
use crate::jobs::Jobs;
use crate::mailbox::{CloseReason, Control};
use crate::module::ModuleEntry;
use crate::process::ServerControl;
use crate::router::Routes;
use crate::session::SessionHandle;
use crate::sessions::Sessions;
use crate::stats::Stats;
use crate::tasks::Tasks;

/// The server, for everything that runs in it: a cheap clone.
#[derive(Clone)]
pub struct Kernel(Arc<Inner>);

/// What a kernel is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The accounts.
    pub accounts: Accounts,
    /// The certificates.
    pub certs: Arc<CertStore>,
    /// The clocks.
    pub clock: Clock,
    /// The lists of known modules, in the order in which they run within a stage.
    pub modules: &'static [&'static [ModuleEntry]],
    /// The commands that need no module.
    pub commands: Vec<Command>,
    /// The name of the server where ejabberd has its Erlang node.
    pub node: NodeName,
}

struct Inner {
    parts: Parts,
    config: ArcSwap<Config>,
    hosts: ArcSwap<HashMap<String, Arc<Host>>>,
    /// Held by a reload from its first look at the present to its last change.
    reloading: Mutex<()>,
    commands: ArcSwap<CommandTable>,
    sessions: Sessions,
    routes: Routes,
    pending: PendingReplies,
    stats: Stats,
    tasks: Tasks,
    jobs: Jobs,
    control: OnceLock<Arc<dyn ServerControl>>,
    attempts: Attempts,
    shared: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    watches: Mutex<Vec<Weak<dyn AccountWatch>>>,
}

impl Kernel {
    /// Builds the server for a configuration.
    ///
    /// # Errors
    /// Every problem that access rules and modules found in their options.
    pub fn start(parts: Parts, config: Config) -> Result<Self, Vec<Problem>> {
        let kernel = Self(Arc::new(Inner {
            parts,
            config: ArcSwap::from_pointee(config.clone()),
            hosts: ArcSwap::default(),
            reloading: Mutex::new(()),
            commands: ArcSwap::default(),
            sessions: Sessions::default(),
            routes: Routes::default(),
            pending: PendingReplies::default(),
            stats: Stats::default(),
            tasks: Tasks::new(),
            jobs: Jobs::default(),
            control: OnceLock::new(),
            attempts: Attempts::default(),
            shared: Mutex::default(),
            watches: Mutex::default(),
        }));
        kernel.reload(config)?;
        Ok(kernel)
    }

    /// Puts another configuration in force, or leaves everything as it is.
    ///
    /// Sessions go on and meet their host's next generation at the next stanza; those of a host that is served no
    /// longer are told to end. Of two reloads at a time the second one waits.
    ///
    /// # Errors
    /// Every problem found; nothing has changed then.
    pub fn reload(&self, config: Config) -> Result<(), Vec<Problem>> {
        let _alone = self.0.reloading.lock();
        let present = self.0.hosts.load_full();
        let mut built = Vec::new();
        let mut problems = Vec::new();
        let accounts = accounts::Options::from_config(&config);
        for name in config.hosts() {
            let previous = present.get(name).map(|host| host.generation());
            match Generation::build(self, &config, name, self.0.parts.modules, previous.as_deref())
            {
                Ok(generation) => built.push((name.clone(), generation)),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut hosts = HashMap::new();
        for (name, generation) in built {
            let host = match present.get(&name) {
                Some(host) => {
                    host.swap(generation);
                    host.clone()
                }
                None => {
                    let jid =
                        BareJid::new(&name).expect("the configuration holds prepared domains only");
                    Arc::new(Host::new(jid, generation))
                }
            };
            hosts.insert(name, host);
        }
        self.0.commands.store(Arc::new(self.collect_commands(&hosts)));
        self.0.hosts.store(Arc::new(hosts));
        self.0.parts.accounts.reconfigure(accounts);
        self.0.config.store(Arc::new(config));
        for name in present.keys().filter(|name| self.host(name).is_none()) {
            for session in self.sessions().of_host(name) {
                // One that has ended already needs no telling.
                drop(session.mailbox().control(Control::Close(CloseReason::HostGone)));
            }
        }
        Ok(())
    }

    /// COMPAT: a module's commands exist while it runs on any host.
    fn collect_commands(&self, hosts: &HashMap<String, Arc<Host>>) -> CommandTable {
        let running: HashSet<&str> =
            hosts.values().flat_map(|host| host.generation().module_names()).collect();
        let runs = |module: &str| running.contains(module);
        let mut table = CommandTable::default();
        table.add(&self.0.parts.commands, runs);
        for entry in self.0.parts.modules.iter().copied().flatten() {
            if runs(entry.name) {
                table.add(entry.commands, runs);
            }
        }
        table
    }

    /// The host of a domain, if it is served here.
    pub fn host(&self, domain: &str) -> Option<Arc<Host>> {
        self.0.hosts.load().get(domain).cloned()
    }

    /// All served hosts in the order of the configuration.
    pub fn hosts(&self) -> Vec<Arc<Host>> {
        let hosts = self.0.hosts.load();
        self.config().hosts().iter().filter_map(|name| hosts.get(name).cloned()).collect()
    }

    /// The configuration in force.
    pub fn config(&self) -> Config {
        Config::clone(&self.0.config.load())
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.parts.store
    }

    /// The accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.0.parts.accounts
    }

    /// The certificates.
    pub fn certs(&self) -> &Arc<CertStore> {
        &self.0.parts.certs
    }

    /// The clocks.
    pub fn clock(&self) -> &Clock {
        &self.0.parts.clock
    }

    /// The name of the server where ejabberd has its Erlang node.
    pub fn node(&self) -> &NodeName {
        &self.0.parts.node
    }

    /// The known modules.
    pub fn modules(&self) -> &'static [&'static [ModuleEntry]] {
        self.0.parts.modules
    }

    /// The sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Destinations beside the hosts.
    pub fn routes(&self) -> &Routes {
        &self.0.routes
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.0.stats
    }

    /// Replies that the server itself waits for.
    pub fn pending_replies(&self) -> &PendingReplies {
        &self.0.pending
    }

    /// The tasks.
    pub fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// Work in the background that commands began.
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// Forgets everything that is kept in memory of the database, after its content was replaced or added to by
    /// other ways than the modules' own.
    pub async fn forget_stored(&self) {
        self.accounts().forget_all();
        for host in self.hosts() {
            let generation = host.generation();
            let mut event = HostEvent { kernel: self, host: &host };
            generation.chains().run::<StoreReplaced>(&mut event).await;
        }
    }

    /// Says what runs this kernel; the first one stays.
    pub fn set_control(&self, control: Arc<dyn ServerControl>) {
        if self.0.control.set(control).is_err() {
            tracing::error!("a kernel runs in one process only; the second one is not taken");
        }
    }

    /// The process around the kernel; `None` where there is none, in tests.
    pub fn control(&self) -> Option<&dyn ServerControl> {
        self.0.control.get().map(|control| &**control)
    }

    /// The wrong passwords of late.
    pub fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    /// The commands that can be called now.
    pub fn commands(&self) -> Arc<CommandTable> {
        self.0.commands.load_full()
    }

    /// The sessions of an account.
    pub fn account_sessions(&self, account: &BareJid) -> Vec<Arc<SessionHandle>> {
        self.sessions().of(account.as_str()).into_vec()
    }

    /// The one value of a type that a door's listeners share and that outlives reloads; made when first asked for.
    pub fn shared<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut all = self.0.shared.lock();
        let value = all.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::clone(value).downcast().expect("a value is kept under its own type")
    }

    /// Tells `watch`, for as long as it lives, of accounts that may be used no longer: once, however often it asks.
    pub fn watch_accounts(&self, watch: Weak<dyn AccountWatch>) {
        let mut watches = self.0.watches.lock();
        watches.retain(|known| known.strong_count() > 0 && !known.ptr_eq(&watch));
        watches.push(watch);
    }

    /// Ends what doors other than XMPP keep for an account, such as relays: to be called by whoever bans one.
    /// Removal and a change of password call it through [`Self::announce`].
    pub fn end_account_use(&self, account: &BareJid) {
        let watches = self.0.watches.lock().clone();
        watches.iter().filter_map(Weak::upgrade).for_each(|watch| watch.ended(account));
    }

    /// Tells the modules of a host what happened to an account.
    pub async fn announce<P>(&self, account: &BareJid)
    where
        P: for<'e> HookPoint<Event<'e> = AccountEvent<'e>>,
    {
        if [TypeId::of::<AccountRemoved>(), TypeId::of::<PasswordChanged>()]
            .contains(&TypeId::of::<P>())
        {
            self.end_account_use(account);
        }
        let Some(host) = self.host(account.domain().as_str()) else { return };
        let generation = host.generation();
        let mut event = AccountEvent { kernel: self, host: &host, account };
        generation.chains().run::<P>(&mut event).await;
    }
}
