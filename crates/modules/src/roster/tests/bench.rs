//! A server without network for tests: accounts, rosters, and clients that only collect.

use std::sync::Arc;
use std::time::SystemTime;

use ::store::testing::ScratchStore;
use jid::{BareJid, FullJid};
use kernel::hooks::{Flow, Outgoing, OwnPresence, SelfPresence, SessionClosed, UserSend};
use kernel::{
    Clock, ConnectionInfo, Delivery, Effect, Kernel, MailboxBounds, ModuleEntry, Parts, Route,
    Session, SessionHandle, entry,
};
use settings::{Config, Inputs, Source};
use stdx::Secret;
use xmpp_wire::{PresenceType, Stanza, StanzaKind};

use super::super::item::Item;
use super::super::state::State;
use super::super::{Rosters, store};

static LISTS: &[&[ModuleEntry]] = &[&[entry::<Rosters>()]];

/// A server with the accounts romeo, juliet and nurse.
pub(crate) struct Bench {
    pub(crate) kernel: Kernel,
    pub(crate) store: ScratchStore,
}

pub(crate) fn config(options: &str) -> Config {
    let text = format!("hosts: [example.org]\nmodules:\n  mod_roster: {{{options}}}\n");
    let source = Source::Text { name: "ejabberd.yml".into(), text };
    settings::load(&source, &Inputs::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config
}

pub(crate) fn random() -> [u8; 32] {
    kernel::random::bytes()
}

impl Bench {
    pub(crate) async fn new(options: &str) -> Self {
        let config = config(options);
        let mut sets = accounts::TABLES.to_vec();
        sets.push(&store::TABLES);
        let store = ScratchStore::open(&sets).unwrap();
        let accounts = accounts::Accounts::open(
            store.clone(),
            accounts::Options::from_config(&config),
            random,
        );
        let parts = Parts {
            store: store.clone(),
            accounts: accounts.await.unwrap(),
            certs: netio::CertStore::open(&netio::CertOptions::default(), SystemTime::UNIX_EPOCH).0,
            clock: Clock::system(),
            modules: LISTS,
            commands: Vec::new(),
            node: settings::NodeName::default(),
        };
        let kernel = Kernel::start(parts, config).unwrap_or_else(|problems| panic!("{problems:?}"));
        for user in ["romeo", "juliet", "nurse"] {
            let done =
                kernel.accounts().register(user, "example.org", &Secret::new("secret")).await;
            done.unwrap().into_inner();
        }
        Self { kernel, store }
    }

    pub(crate) fn rosters(&self) -> Arc<Rosters> {
        self.kernel.host("example.org").unwrap().generation().module("mod_roster").unwrap()
    }

    /// A bound session that has sent nothing.
    pub(crate) fn connect(&self, jid: &str) -> Client {
        let info =
            ConnectionInfo { kind: "c2s_tls", peer: None, since: self.kernel.clock().wall() };
        let jid = FullJid::new(jid).unwrap();
        let handle = Arc::new(SessionHandle::new(jid, MailboxBounds::default(), info));
        self.kernel.sessions().add(handle.clone());
        let host = self.kernel.host("example.org").unwrap();
        Client { session: Session::new(self.kernel.clone(), host, handle), sent: Vec::new() }
    }

    /// A session that has asked for its roster and is available.
    pub(crate) async fn login(&self, jid: &str) -> Client {
        let mut client = self.connect(jid);
        client.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").await;
        client.send("<presence/>").await;
        client.received();
        client
    }

    /// Makes two accounts see each other.
    pub(crate) async fn befriend(&self, one: &str, other: &str) {
        for (account, contact) in [(one, other), (other, one)] {
            let contact = contact.to_owned();
            let (rosters, account) = (self.rosters(), BareJid::new(account).unwrap());
            let done = rosters.change(&self.kernel, &account, move |tx, owner| {
                let state = State { to: true, from: true, ..State::default() };
                store::write_item(
                    tx,
                    owner,
                    &contact,
                    &Item { state, listed: true, ..Item::default() },
                )?;
                Ok(super::super::change::Outcome { value: (), pushes: Vec::new() })
            });
            done.await.unwrap().into_inner();
        }
    }

    pub(crate) async fn rows(&self) -> Vec<String> {
        let sql = "SELECT username || ' ' || jid || ' ' || subscription || ask || approved || ' ' || askmessage \
                   FROM rosterusers ORDER BY 1";
        self.store.read(move |query| query.query(sql, &[], |row| row.get(0))).await.unwrap()
    }

    /// What another server gets from this one.
    pub(crate) fn other_server(&self, domain: &str) -> Arc<OtherServer> {
        let server = Arc::new(OtherServer::default());
        self.kernel.routes().add(domain, server.clone());
        server
    }

    /// A stanza of another server.
    pub(crate) async fn outside(&self, xml: &str) {
        self.kernel.route(Stanza::parse(xml.as_bytes()).unwrap().into()).await;
    }
}

/// Keeps what it gets.
#[derive(Default)]
pub(crate) struct OtherServer(parking_lot::Mutex<Vec<String>>);

impl OtherServer {
    pub(crate) fn received(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Route for OtherServer {
    fn deliver(&self, _: &Kernel, delivery: Delivery) {
        self.0.lock().push(format!("{:?}", delivery.stanza));
    }
}

/// A client: what it sends goes the way of a client-to-server session.
pub(crate) struct Client {
    pub(crate) session: Session,
    sent: Vec<Stanza>,
}

impl Client {
    pub(crate) async fn send(&mut self, xml: &str) {
        let mut stanza = Stanza::parse(xml.as_bytes()).unwrap();
        stanza.set_from(Some(self.session.jid().clone().into()));
        let generation = self.session.generation();
        let mut event = Outgoing { stanza: &mut stanza, session: &mut self.session };
        if generation.chains().run::<UserSend>(&mut event).await == Flow::Continue {
            match (stanza.kind(), stanza.to()) {
                (StanzaKind::Presence(kind), None) => self.own_presence(kind, stanza).await,
                (_, None) => {
                    stanza.set_to(Some(self.session.account().clone().into()));
                    self.session.kernel().clone().route(stanza.into()).await;
                }
                _ => self.session.kernel().clone().route(stanza.into()).await,
            }
        }
        self.effects().await;
    }

    pub(crate) async fn own_presence(&mut self, kind: PresenceType, presence: Stanza) {
        let next = (kind == PresenceType::Available).then(|| (0, presence.clone()));
        let previous = self.session.handle().set_presence(next);
        let generation = self.session.generation();
        let mut event = OwnPresence { presence: &presence, previous, session: &mut self.session };
        generation.chains().run::<SelfPresence>(&mut event).await;
    }

    pub(crate) async fn effects(&mut self) {
        for effect in self.session.take_effects() {
            match effect {
                Effect::Send(stanza) => self.sent.push(stanza),
                Effect::Route(delivery) => self.session.kernel().clone().route(delivery).await,
                Effect::Close(reason) => panic!("closed: {reason:?}"),
            }
        }
    }

    /// The connection ends without a word.
    pub(crate) async fn vanish(mut self) {
        self.session.kernel().sessions().remove(self.session.handle());
        let generation = self.session.generation();
        let mut session = &mut self.session;
        generation.chains().run::<SessionClosed>(&mut session).await;
    }

    /// Everything that came, ids of pushes left out.
    pub(crate) fn received(&mut self) -> Vec<String> {
        let (mut control, mut mail) = (Vec::new(), Vec::new());
        self.session.handle().mailbox().take(usize::MAX, &mut control, &mut mail);
        let all = self.sent.drain(..).chain(mail.into_iter().map(|delivery| delivery.stanza));
        let text = |mut stanza: Stanza| {
            if stanza.kind() == StanzaKind::Iq(xmpp_wire::IqType::Set) {
                stanza.set_id(None);
            }
            format!("{stanza:?}")
        };
        all.map(text).collect()
    }

    /// What came, by the parts of it that matter here.
    pub(crate) fn summary(&mut self) -> Vec<String> {
        let parts = |xml: String| {
            let attr = |name: &str| {
                let (_, rest) = xml.split_once(&format!(" {name}='"))?;
                rest.split_once('\'').map(|(value, _)| value.replace("@example.org", ""))
            };
            let from = attr("from").unwrap_or_default();
            match (xml.starts_with("<iq"), attr("subscription")) {
                (false, _) => format!("{from}: {}", attr("type").unwrap_or("available".into())),
                (true, None) => format!("iq {}", attr("type").unwrap_or_default()),
                (true, Some(state)) => {
                    let ask = attr("ask").map(|_| "+ask").unwrap_or_default();
                    let approved = attr("approved").map(|_| "+approved").unwrap_or_default();
                    format!("push {} {state}{ask}{approved}", attr("jid").unwrap_or_default())
                }
            }
        };
        self.received().into_iter().map(parts).collect()
    }
}
