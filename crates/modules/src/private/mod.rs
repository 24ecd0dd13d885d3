//! XEP-0049: Private XML Storage. Clients keep elements of their own, by namespace.

mod bans;
mod commands;
mod store;

use ::store::{Committed, Query, StoreError, TableSet, Tx};
use jid::BareJid;
use kernel::commands::Command;
use kernel::contracts::Bans;
use kernel::hooks::{
    AccountEvent, AccountRemoved, Flow, HostEvent, SessionBound, Stage, Step, StoreReplaced,
};
use kernel::{
    Answering, At, GetAnswer, IqRequest, Kernel, Module, Panel, Register, SetAnswer, Start, Xep,
    xep,
};
use settings::Problem;
use xmlstream::Element;
use xmpp_wire::{StanzaCondition, StanzaError, ns};

use crate::cache::Cache;

/// Namespaces that an account may use. ejabberd has no limit, so that anybody could fill the disk with small ones.
const NAMESPACES_MAX: i64 = 1_000;
/// Elements in one request.
const ELEMENTS_MAX: usize = 100;

/// The account and the namespace.
type Key = (BareJid, Box<str>);

/// Keeps private elements.
pub(crate) struct PrivateStorage {
    cache: Cache<Key, String>,
}

impl Module for PrivateStorage {
    const NAME: &'static str = "mod_private";
    const ABOUT: &'static str = "Keeps private data of clients (XEP-0049)";
    const IMPLEMENTS: &'static [Xep] = &[xep(49, "1.2")];
    const OPTIONS: &'static [&'static str] =
        &["cache_life_time", "cache_missed", "cache_size", "db_type", "use_cache"];
    const TABLES: &'static [&'static TableSet] = &[&store::TABLES];
    const COMMANDS: &'static [Command] = commands::COMMANDS;
    const PANELS: &'static [Panel] = commands::PANELS;

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        Ok(Self {
            cache: Cache::start(start.options, start.previous.map(|previous| &previous.cache)),
        })
    }

    fn register(on: &mut Register<'_, Self>) {
        on.iq_get(At::Account, ns::PRIVATE, Self::get);
        on.iq_set(At::Account, ns::PRIVATE, Self::set);
        on.hook::<AccountRemoved>(Stage::Observe, Self::removed);
        on.hook::<SessionBound>(Stage::Guard, Self::bound);
        on.provide::<dyn Bans>(|module| module);
        on.hook::<StoreReplaced>(Stage::Observe, Self::replaced);
    }
}

impl PrivateStorage {
    fn get<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            let account = own(request)?;
            let mut answer = Element::new("query", ns::PRIVATE);
            for element in elements(&request.payload)? {
                let stored = self
                    .read(&request.kernel, &account, element.ns())
                    .await
                    .map_err(|error| failed(&error))?;
                let stored = stored.and_then(|data| Element::parse(data.as_bytes(), "").ok());
                // What was never stored comes back as it was asked for.
                answer.push(stored.unwrap_or_else(|| element.clone()));
            }
            Ok(Some(answer))
        })
    }

    async fn read(
        &self,
        kernel: &Kernel,
        account: &BareJid,
        ns: &str,
    ) -> Result<Option<String>, StoreError> {
        let key: Key = (account.clone(), ns.into());
        if let Some(known) = self.cache.get(&key) {
            return Ok(known);
        }
        let ticket = self.cache.ticket();
        let (account, ns) = key.clone();
        let read = move |query: &mut Query<'_>| store::read(query, &account, &ns);
        let data = kernel.store().read(read).await?;
        self.cache.put(ticket, key, data.clone());
        Ok(data)
    }

    fn set<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, SetAnswer> {
        Box::pin(async move {
            let account = own(request)?;
            let data: Vec<(Box<str>, String)> = elements(&request.payload)?
                .into_iter()
                .map(|element| (element.ns().into(), text(element)))
                .collect();
            if data.iter().any(|(ns, _)| **ns == *bans::NS) {
                // The server keeps something of its own there.
                return Err(StanzaCondition::Forbidden.into());
            }
            let stored = self
                .write(&request.kernel, &account, data)
                .await
                .map_err(|error| failed(&error))?;
            if !*stored {
                return Err(StanzaError::new(StanzaCondition::ResourceConstraint)
                    .with_text("Too many namespaces in private storage"));
            }
            Ok(stored.map(|_| None))
        })
    }

    /// Stores elements by namespace; says false, and stores nothing, when the account would have too many.
    async fn write(
        &self,
        kernel: &Kernel,
        account: &BareJid,
        data: Vec<(Box<str>, String)>,
    ) -> Result<Committed<bool>, StoreError> {
        let keys: Vec<Key> = data.iter().map(|(ns, _)| (account.clone(), ns.clone())).collect();
        let account = account.clone();
        let write = move |tx: &mut Tx<'_>| {
            let fresh = data.iter().try_fold(0, |fresh, (ns, _)| {
                Ok::<_, StoreError>(fresh + i64::from(store::read(tx, &account, ns)?.is_none()))
            })?;
            if fresh > 0 && store::count(tx, &account)? + fresh > NAMESPACES_MAX {
                return Ok(false);
            }
            data.iter().try_for_each(|(ns, xml)| store::replace(tx, &account, ns, xml))?;
            Ok(true)
        };
        let stored = kernel.store().write(write).await;
        keys.iter().for_each(|key| self.cache.forget(key));
        stored
    }

    fn removed<'a>(&'a self, event: &'a mut AccountEvent<'_>) -> Step<'a> {
        Step::Wait(Box::pin(async move {
            let account = event.account.clone();
            if let Err(error) =
                event.kernel.store().write(move |tx| store::delete_all(tx, &account)).await
            {
                tracing::error!(account = %event.account, %error, "the private data of a removed account could not be deleted");
            }
            self.cache.forget_if(|(account, _)| account == event.account);
            Flow::Continue
        }))
    }

    fn replaced<'a>(&'a self, _: &'a mut HostEvent<'_>) -> Step<'a> {
        self.cache.forget_all();
        Step::CONTINUE
    }
}

fn own(request: &IqRequest) -> Result<BareJid, StanzaError> {
    if request.is_own() {
        return Ok(request.to.to_bare());
    }
    Err(StanzaError::new(StanzaCondition::Forbidden)
        .with_text("Query to another users is forbidden"))
}

/// What is asked for or given: elements in a namespace of their own.
fn elements(query: &Element) -> Result<Vec<&Element>, StanzaError> {
    let elements: Vec<_> = query
        .children()
        .filter(|child| !child.ns().is_empty() && child.ns() != ns::PRIVATE)
        .collect();
    if query.name() != "query" || elements.is_empty() || elements.len() > ELEMENTS_MAX {
        return Err(StanzaError::new(StanzaCondition::BadRequest)
            .with_text("No private data found in this query"));
    }
    Ok(elements)
}

fn text(element: &Element) -> String {
    String::from_utf8(element.to_bytes("")).expect("an element is made of checked text")
}

fn failed(error: &StoreError) -> StanzaError {
    tracing::error!(%error, "private data could not be read or stored");
    StanzaError::new(StanzaCondition::InternalServerError).with_text("Database failure")
}
