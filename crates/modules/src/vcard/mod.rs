//! XEP-0054: vcard-temp. The cards of accounts, and that of the server.

mod commands;
mod fields;
mod store;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ::store::{Committed, StoreError, TableSet};
use jid::BareJid;
use kernel::commands::Command;
use kernel::contracts::{Photo, PhotoWatch, VCards};
use kernel::hooks::{AccountEvent, AccountRemoved, Flow, HostEvent, Stage, Step, StoreReplaced};
use kernel::{
    Answering, At, GetAnswer, Host, IqRequest, Kernel, Module, Panel, Register, SetAnswer, Start,
    Xep, xep,
};
use settings::Problem;
use xmlstream::Element;
use xmpp_wire::{StanzaCondition, StanzaError, ns};

use crate::cache::Cache;

/// Keeps vCards.
pub(crate) struct VCardTemp {
    server: Element,
    cache: Cache<BareJid, Arc<str>>,
}

impl Module for VCardTemp {
    const NAME: &'static str = "mod_vcard";
    const ABOUT: &'static str = "Keeps the vCards of accounts (XEP-0054)";
    const IMPLEMENTS: &'static [Xep] = &[xep(54, "1.3.0")];
    const OPTIONS: &'static [&'static str] =
        &["cache_life_time", "cache_missed", "cache_size", "db_type", "use_cache", "vcard"];
    const TABLES: &'static [&'static TableSet] = &[&store::TABLES];
    const COMMANDS: &'static [Command] = commands::COMMANDS;
    const PANELS: &'static [Panel] = commands::PANELS;

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        let options = start.options;
        if options.text("db_type") == Some("ldap") {
            return Err(options
                .problem("db_type", "vCards cannot be read from LDAP yet")
                .help("use `db_type: sql`"));
        }
        Ok(Self {
            server: fields::of_option(options.get("vcard")).unwrap_or_else(fields::of_server),
            cache: Cache::start(options, start.previous.map(|previous| &previous.cache)),
        })
    }

    fn register(on: &mut Register<'_, Self>) {
        on.iq_get(At::Server, ns::VCARD, Self::of_server);
        on.iq_get(At::Account, ns::VCARD, Self::get);
        on.iq_set(At::Account, ns::VCARD, Self::set);
        on.feature(At::Account, ns::VCARD);
        on.hook::<AccountRemoved>(Stage::Observe, Self::removed);
        on.hook::<StoreReplaced>(Stage::Observe, Self::replaced);
        on.provide::<dyn VCards>(|module| module);
    }
}

impl VCardTemp {
    fn of_server<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            check(&request.payload)?;
            Ok(Some(self.server.clone()))
        })
    }

    /// Anybody may read; an account without card, or no account, has an empty one.
    fn get<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            check(&request.payload)?;
            let stored = self
                .read(&request.kernel, &request.to.to_bare())
                .await
                .map_err(|error| failed(&error))?;
            let card = stored.and_then(|card| parse(&card));
            Ok(Some(card.unwrap_or_else(|| Element::new("vCard", ns::VCARD))))
        })
    }

    async fn read(
        &self,
        kernel: &Kernel,
        account: &BareJid,
    ) -> Result<Option<Arc<str>>, StoreError> {
        if let Some(known) = self.cache.get(account) {
            return Ok(known);
        }
        let ticket = self.cache.ticket();
        let whose = account.clone();
        let card: Option<Arc<str>> =
            kernel.store().read(move |query| store::read(query, &whose)).await?.map(Into::into);
        self.cache.put(ticket, account.clone(), card.clone());
        Ok(card)
    }

    fn set<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, SetAnswer> {
        Box::pin(async move {
            check(&request.payload)?;
            if !request.is_own() {
                return Err(StanzaCondition::Forbidden.into());
            }
            let account = request.to.to_bare();
            let stored = self
                .store(&request.kernel, &request.host, &account, &request.payload)
                .await
                .map_err(|error| failed(&error))?;
            Ok(stored.map(|()| None))
        })
    }

    /// Stores a card and tells whoever watches photos.
    async fn store(
        &self,
        kernel: &Kernel,
        host: &Host,
        account: &BareJid,
        card: &Element,
    ) -> Result<Committed<()>, StoreError> {
        let photo = fields::photo(card);
        let searchable = xmpp_wire::payload::vcard::searchable(card);
        let text =
            String::from_utf8(card.to_bytes("")).expect("an element is made of checked text");
        let whose = account.clone();
        let write = kernel.store().write(move |tx| store::replace(tx, &whose, &text, &searchable));
        let stored = write.await?;
        self.cache.forget(account);
        if let Some(watch) = host.generation().contract::<dyn PhotoWatch>() {
            watch.stored(kernel, account, photo);
        }
        Ok(stored)
    }

    fn removed<'a>(&'a self, event: &'a mut AccountEvent<'_>) -> Step<'a> {
        Step::Wait(Box::pin(async move {
            let account = event.account.clone();
            if let Err(error) =
                event.kernel.store().write(move |tx| store::delete(tx, &account)).await
            {
                tracing::error!(account = %event.account, %error, "the vCard of a removed account could not be deleted");
            }
            self.cache.forget(event.account);
            Flow::Continue
        }))
    }

    fn replaced<'a>(&'a self, _: &'a mut HostEvent<'_>) -> Step<'a> {
        self.cache.forget_all();
        Step::CONTINUE
    }
}

impl VCards for VCardTemp {
    fn photo<'a>(
        &'a self,
        kernel: &'a Kernel,
        account: &'a BareJid,
    ) -> Pin<Box<dyn Future<Output = Option<Photo>> + Send + 'a>> {
        Box::pin(async move {
            match self.read(kernel, account).await {
                Ok(None) => Some(Photo::NoCard),
                Ok(Some(card)) => {
                    Some(parse(&card).map_or(Photo::NoCard, |card| fields::photo(&card)))
                }
                Err(error) => {
                    tracing::error!(%account, %error, "a vCard could not be read");
                    None
                }
            }
        })
    }
}

fn parse(card: &str) -> Option<Element> {
    Element::parse(card.as_bytes(), ns::VCARD).ok().filter(|card| card.is("vCard", ns::VCARD))
}

fn check(payload: &Element) -> Result<(), StanzaError> {
    if payload.name() == "vCard" { Ok(()) } else { Err(StanzaCondition::BadRequest.into()) }
}

fn failed(error: &StoreError) -> StanzaError {
    tracing::error!(%error, "a vCard could not be read or stored");
    StanzaError::new(StanzaCondition::InternalServerError).with_text("Database failure")
}
