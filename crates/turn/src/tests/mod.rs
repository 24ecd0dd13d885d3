//! The listener as clients meet it, in one process and on loopback.

mod behaviour;
mod client;
mod cost;
mod icmp;
mod listeners;
mod logins;

use std::net::SocketAddr;
use std::sync::Arc;

use accounts::{Accounts, RelaySeal};
use kernel::contracts::{RelayService, RelayServices};
use kernel::doors::{Door, DoorEntry, Doors, Open};
use kernel::{Clock, Kernel, Parts, random};
use netio::{CertOptions, CertStore, Inherited};
use settings::{Config, Inputs, Source};
use stdx::Secret;
use store::testing::ScratchStore;

use crate::shared::Shared;

/// A server with `ejabberd_stun` alone.
struct Lab {
    kernel: Kernel,
    doors: Doors,
    _store: ScratchStore,
}

/// The options of a listener, with those it does not name itself.
fn listener(options: &str) -> String {
    let defaults = "ip: 127.0.0.1, module: ejabberd_stun, use_turn: true, turn_ipv4_address: 127.0.0.1, \
                    turn_loopback_for_tests: true";
    let named = |option: &&str| {
        option.split_once(':').is_some_and(|(name, _)| options.contains(&format!("{name}: ")))
    };
    let missing = defaults.split(", ").filter(|option| !named(option));
    missing.chain([options]).collect::<Vec<_>>().join(", ")
}

fn config(options: &str, listeners: &[&str]) -> Config {
    let listen: String =
        listeners.iter().map(|options| format!("\n  - {{{}}}", listener(options))).collect();
    let listen = if listen.is_empty() { " []" } else { &listen };
    let text = format!(
        "hosts: [example.org]\nauth_method: sql\n{options}\nlisten:{listen}\nmodules: {{}}\n"
    );
    let source = Source::Text { name: "test.yml".to_owned(), text };
    let loaded = settings::load(&source, &Inputs::default());
    loaded.unwrap_or_else(|found| panic!("{}", found.render(false))).config
}

impl Lab {
    /// Starts one with the listeners that have these options beside those of [`listener`].
    async fn start(options: &str, listeners: &[&str]) -> Self {
        let config = config(options, listeners);
        let store = ScratchStore::open(&accounts::TABLES).unwrap();
        let options = accounts::Options::from_config(&config);
        let accounts = Accounts::open(store.clone(), options, random::bytes).await.unwrap();
        let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH);
        let (certs, _) = CertStore::open(&CertOptions::default(), clock.wall().into());
        let parts = Parts {
            store: store.clone(),
            accounts,
            certs,
            clock,
            modules: &[],
            commands: Vec::new(),
            node: settings::NodeName::default(),
        };
        let kernel = Kernel::start(parts, config.clone()).unwrap();
        static DOORS: &[&[DoorEntry]] = &[crate::DOORS];
        let doors = Doors::new(DOORS, store.directory());
        let seal = RelaySeal::open(&store.directory().join("relay.key"), random::bytes()).unwrap();
        kernel.accounts().keep_relay_keys(Some(seal), crate::realms(&config));
        let lab = Self { kernel, doors, _store: store };
        lab.put_in_force(&config).unwrap();
        lab
    }

    fn put_in_force(&self, config: &Config) -> Result<(), kernel::doors::DoorsError> {
        let prepared = self.doors.prepare(&self.kernel, config, &mut Inherited::default())?;
        self.doors.commit(&self.kernel, prepared);
        Ok(())
    }

    /// The address of the only listener.
    fn address(&self) -> SocketAddr {
        let [port] = self.doors.ports("ejabberd_stun")[..] else { panic!("not one listener") };
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn shared(&self) -> Arc<Shared> {
        self.kernel.shared()
    }

    /// What clients are told of.
    fn offered(&self) -> Vec<RelayService> {
        self.kernel.shared::<RelayServices>().list()
    }

    async fn register(&self, user: &str) {
        let password = Secret::new("secret");
        self.kernel.accounts().register(user, "example.org", &password).await.unwrap();
    }
}

impl Lab {
    /// A door with the options of the first listener, beside the one that serves.
    fn stun(&self) -> crate::Stun {
        let config = self.kernel.config();
        let listener = &config.listeners()[0];
        crate::Stun::open(&Open { kernel: &self.kernel, listener, config: &config })
            .unwrap_or_else(|found| panic!("{found:?}"))
    }
}
