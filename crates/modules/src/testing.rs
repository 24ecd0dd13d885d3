//! A server without doors, for tests of modules: stanzas are routed, and mailboxes looked into.

use std::sync::Arc;
use std::time::SystemTime;

use accounts::Accounts;
use jid::{FullJid, Jid};
use kernel::{
    Clock, ConnectionInfo, Host, Kernel, MailboxBounds, Parts, Session, SessionHandle, random,
};
use netio::{CertOptions, CertStore};
use settings::{Inputs, Source};
use store::TableSet;
use store::testing::ScratchStore;
use xmpp_wire::Stanza;

use crate::MODULES;

static LISTS: &[&[kernel::ModuleEntry]] = &[MODULES];

/// The server of `example.org`.
pub(crate) struct Server {
    pub(crate) kernel: Kernel,
    _store: ScratchStore,
}

impl Server {
    /// Starts one with some lines of the section `modules` and some accounts.
    pub(crate) async fn start(modules: &str, users: &[&str]) -> Self {
        let text = format!("hosts: [example.org]\nauth_method: sql\nmodules:\n  {modules}\n");
        let source = Source::Text { name: "test.yml".to_owned(), text };
        let config = settings::load(&source, &Inputs::default())
            .unwrap_or_else(|found| panic!("{}", found.render(false)))
            .config;
        let sets: Vec<&TableSet> = accounts::TABLES
            .iter()
            .chain(MODULES.iter().flat_map(|entry| entry.tables))
            .copied()
            .collect();
        let scratch = ScratchStore::open(&sets).unwrap();
        let accounts =
            Accounts::open(scratch.clone(), accounts::Options::from_config(&config), random::bytes)
                .await
                .unwrap();
        for user in users {
            accounts.register(user, "example.org", &stdx::Secret::new("secret")).await.unwrap();
        }
        let (certs, _) = CertStore::open(&CertOptions::default(), SystemTime::UNIX_EPOCH);
        let parts = Parts {
            store: scratch.clone(),
            accounts,
            certs,
            clock: Clock::starting_at(jiff::Timestamp::UNIX_EPOCH),
            modules: LISTS,
            commands: Vec::new(),
            node: settings::NodeName::default(),
        };
        let kernel = Kernel::start(parts, config).unwrap_or_else(|found| panic!("{found:?}"));
        Self { kernel, _store: scratch }
    }

    pub(crate) fn host(&self) -> Arc<Host> {
        self.kernel.host("example.org").unwrap()
    }

    /// A session without a client; what arrives stays in its mailbox.
    pub(crate) fn session(&self, jid: FullJid) -> Session {
        let info = ConnectionInfo { kind: "c2s", peer: None, since: jiff::Timestamp::UNIX_EPOCH };
        let handle = Arc::new(SessionHandle::new(jid, MailboxBounds::default(), info));
        self.kernel.sessions().add(handle.clone());
        Session::new(self.kernel.clone(), self.host(), handle)
    }
}

/// A chat message with some content, from somebody far away.
pub(crate) fn message(to: &str, inner: &str) -> Stanza {
    let text =
        format!("<message type='chat' from='juliet@example.org/balcony' id='1'>{inner}</message>");
    Stanza::parse(text.as_bytes()).unwrap().with_to(Jid::new(to).unwrap())
}
