//! XEP-0012: Last Activity. Remembers when an account was last available.

mod commands;
mod store;

use ::store::{Committed, StoreError, TableSet};
use jid::BareJid;
use kernel::commands::Command;
use kernel::contracts::{Activities, LastSeen, RecordError};
use kernel::hooks::{
    AccountCreated, AccountEvent, AccountRemoved, Flow, HostEvent, OwnPresence, SelfPresence,
    Stage, Step, StoreReplaced,
};
use kernel::{
    Answering, At, GetAnswer, IqRequest, Kernel, Module, Panel, Register, Start, Xep, bare_str, xep,
};
use settings::Problem;
use xmlstream::Element;
use xmpp_wire::{PresenceType, StanzaCondition, StanzaError, StanzaKind, ns};

use crate::cache::Cache;
use crate::disco::sees_presence;
use store::Activity;

/// Bytes of a status text that are kept.
const STATUS_BYTES_MAX: usize = 1_024;

/// Remembers last activity.
pub(crate) struct LastActivity {
    cache: Cache<BareJid, Activity>,
}

impl Module for LastActivity {
    const NAME: &'static str = "mod_last";
    const ABOUT: &'static str = "Remembers when an account was last available (XEP-0012)";
    const IMPLEMENTS: &'static [Xep] = &[xep(12, "2.0")];
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
        on.iq_get(At::Server, ns::LAST, Self::uptime);
        on.iq_get(At::Account, ns::LAST, Self::last);
        on.feature(At::Account, ns::LAST);
        on.hook::<SelfPresence>(Stage::Observe, Self::presence);
        on.hook::<AccountCreated>(Stage::Observe, Self::created);
        on.hook::<AccountRemoved>(Stage::Observe, Self::removed);
        on.provide::<dyn Activities>(|module| module);
        on.hook::<StoreReplaced>(Stage::Observe, Self::replaced);
    }
}

impl LastActivity {
    fn uptime<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            check(&request.payload)?;
            Ok(Some(answer(request.kernel.clock().uptime().as_secs(), "")))
        })
    }

    fn last<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            check(&request.payload)?;
            if !request.is_own() && !sees_presence(request).await? {
                return Err(StanzaCondition::Forbidden.into());
            }
            if !request.kernel.sessions().of(bare_str(&request.to)).is_empty() {
                return Ok(Some(answer(0, "")));
            }
            let activity = self.read(&request.kernel, &request.to.to_bare()).await;
            let activity = activity.map_err(|error| {
                tracing::error!(%error, "last activity could not be read");
                StanzaError::new(StanzaCondition::InternalServerError).with_text("Database failure")
            })?;
            let Some(activity) = activity else {
                return Err(StanzaError::new(StanzaCondition::ServiceUnavailable)
                    .with_text("No info about last activity found"));
            };
            let ago = request.kernel.clock().unix_seconds().saturating_sub(activity.at);
            Ok(Some(answer(u64::try_from(ago).unwrap_or(0), &activity.status)))
        })
    }

    async fn read(
        &self,
        kernel: &Kernel,
        account: &BareJid,
    ) -> Result<Option<Activity>, StoreError> {
        if let Some(known) = self.cache.get(account) {
            return Ok(known);
        }
        let ticket = self.cache.ticket();
        let key = account.clone();
        let activity = kernel.store().read(move |query| store::read(query, &key)).await?;
        self.cache.put(ticket, account.clone(), activity.clone());
        Ok(activity)
    }

    fn presence<'a>(&'a self, event: &'a mut OwnPresence<'_>) -> Step<'a> {
        if event.presence.kind() == StanzaKind::Presence(PresenceType::Unavailable) {
            let status =
                event.presence.child("status", ns::CLIENT).map(|child| child.parse().text());
            let mut status = status.unwrap_or_default();
            status.truncate(status.floor_char_boundary(STATUS_BYTES_MAX));
            self.remember(event.session.kernel(), event.session.account(), status);
        }
        Step::CONTINUE
    }

    fn created<'a>(&'a self, event: &'a mut AccountEvent<'_>) -> Step<'a> {
        self.remember(event.kernel, event.account, "Registered but didn't login".to_owned());
        Step::CONTINUE
    }

    /// Nobody waits for this: a crash loses at most what the next log-in replaces.
    fn remember(&self, kernel: &Kernel, account: &BareJid, status: String) {
        let activity = Activity { at: kernel.clock().unix_seconds(), status };
        let (cache, key, account) = (self.cache.clone(), account.clone(), account.clone());
        // Who learns of the log-out by presence may ask before the commit.
        cache.set(key.clone(), activity.clone());
        let done = move |result: Result<Committed<()>, StoreError>| {
            if let Err(error) = result {
                cache.forget(&key);
                tracing::error!(account = %key, %error, "last activity could not be stored");
            }
        };
        let write =
            kernel.store().write_then(move |tx| store::replace(tx, &account, &activity), done);
        if let Err(error) = write {
            self.cache.forget_all();
            tracing::warn!(%error, "last activity could not be stored");
        }
    }

    fn removed<'a>(&'a self, event: &'a mut AccountEvent<'_>) -> Step<'a> {
        Step::Wait(Box::pin(async move {
            let account = event.account.clone();
            if let Err(error) =
                event.kernel.store().write(move |tx| store::delete(tx, &account)).await
            {
                tracing::error!(account = %event.account, %error, "the last activity of a removed account could not be deleted");
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

impl Activities for LastActivity {
    fn last_seen<'a>(
        &'a self,
        kernel: &'a Kernel,
        account: &'a BareJid,
    ) -> Answering<'a, Result<Option<LastSeen>, RecordError>> {
        Box::pin(async move {
            let activity = self.read(kernel, account).await.map_err(|error| {
                tracing::error!(%account, %error, "last activity could not be read");
                RecordError
            })?;
            Ok(activity.map(|Activity { at, status }| LastSeen { at, status }))
        })
    }
}

fn check(payload: &Element) -> Result<(), StanzaError> {
    if payload.name() == "query" { Ok(()) } else { Err(StanzaCondition::BadRequest.into()) }
}

fn answer(seconds: u64, status: &str) -> Element {
    Element::new("query", ns::LAST).with_attr("seconds", seconds.to_string()).with_text(status)
}
