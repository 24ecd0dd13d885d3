//! Service discovery data (XEP-0030), collected from declarations.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use xmpp_wire::payload::disco::Info;
use xmpp_wire::payload::forms::Form;

use crate::iq::{At, GetAnswer, GetFn, IqRequest, IqTables};

/// An identity of the server or of an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The category, for instance `server`.
    pub category: &'static str,
    /// The type, for instance `im`.
    pub kind: &'static str,
    /// A name for people; empty for none.
    pub name: Cow<'static, str>,
}

/// An item of the server: a service under a name of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Its address.
    pub jid: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Its node.
    pub node: Option<String>,
}

/// What one generation of a host says about itself and its accounts.
#[derive(Default)]
pub struct Disco {
    server: BTreeSet<&'static str>,
    account: BTreeSet<&'static str>,
    identities: Vec<(At, Identity)>,
    items: Vec<Item>,
    forms: Vec<(At, Form)>,
    info_nodes: IqTables,
    items_nodes: IqTables,
}

impl Disco {
    pub(crate) fn node<M: Send + Sync + 'static>(
        &mut self,
        at: At,
        node: &'static str,
        module: Arc<M>,
        info: GetFn<M>,
        items: GetFn<M>,
    ) {
        self.info_nodes.on_get(at, node, module.clone(), info);
        self.items_nodes.on_get(at, node, module, items);
    }

    /// What the owner of a node says about it.
    ///
    /// # Errors
    /// `item-not-found` for a node that nobody owns, and whatever the owner says.
    pub async fn node_info(&self, at: At, node: &str, request: &IqRequest) -> GetAnswer {
        self.info_nodes.answer_key(at, node, request).await
    }

    /// What the owner of a node says that belongs to it.
    ///
    /// # Errors
    /// See [`Disco::node_info`].
    pub async fn node_items(&self, at: At, node: &str, request: &IqRequest) -> GetAnswer {
        self.items_nodes.answer_key(at, node, request).await
    }

    pub(crate) fn feature(&mut self, at: At, var: &'static str) {
        match at {
            At::Server => self.server.insert(var),
            At::Account => self.account.insert(var),
        };
    }

    pub(crate) fn identity(&mut self, at: At, identity: Identity) {
        self.identities.push((at, identity));
    }

    pub(crate) fn form(&mut self, at: At, form: Form) {
        self.forms.push((at, form));
    }

    pub(crate) fn item(&mut self, item: Item) {
        self.items.push(item);
    }

    /// Adds what follows from the IQ tables: COMPAT: every namespace with a handler at the server is a feature,
    /// and so are the words `iq` and `presence`, as in ejabberd.
    pub(crate) fn finish(&mut self, iq: &IqTables) {
        self.server.extend(iq.namespaces(At::Server));
        self.server.extend(["iq", "presence"]);
        self.identities.sort_unstable();
        self.items.sort_unstable();
    }

    /// Features at a place, sorted.
    pub fn features(&self, at: At) -> impl Iterator<Item = &'static str> + '_ {
        match at {
            At::Server => self.server.iter().copied(),
            At::Account => self.account.iter().copied(),
        }
    }

    /// Identities at a place.
    pub fn identities(&self, at: At) -> impl Iterator<Item = &Identity> {
        self.identities.iter().filter(move |(place, _)| *place == at).map(|(_, identity)| identity)
    }

    /// All that is said at a place without node.
    pub fn info(&self, at: At) -> Info {
        let identity = |known: &Identity| xmpp_wire::payload::disco::Identity {
            category: known.category.to_owned(),
            kind: known.kind.to_owned(),
            lang: None,
            name: Some(known.name.clone().into_owned()).filter(|name| !name.is_empty()),
        };
        Info {
            node: None,
            identities: self.identities(at).map(identity).collect(),
            features: self.features(at).map(str::to_owned).collect(),
            forms: self
                .forms
                .iter()
                .filter(|(place, _)| *place == at)
                .map(|(_, form)| form.clone())
                .collect(),
        }
    }

    /// Items of the server.
    pub fn items(&self) -> &[Item] {
        &self.items
    }
}
