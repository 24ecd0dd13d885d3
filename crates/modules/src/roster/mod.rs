//! `mod_roster`: contact lists and presence subscriptions (RFC 6121 §2, §3; XEP-0237), and with them presence (§4).

mod change;
mod commands;
mod file;
mod iq;
mod item;
mod process;
mod shelf;
mod state;
mod store;
mod subscription;
#[cfg(test)]
pub(crate) mod tests;
use std::sync::Arc;

use ::store::StoreError;
use access::{Access, RuleRef, Subject};
use jid::{BareJid, Jid};
use kernel::commands::Command;
use kernel::contracts::{Roster, RosterError, RosterView};
use kernel::hooks::{
    AccountRemoved, Delivering, HostEvent, SelfPresence, SessionClosed, Stage, Step, StoreReplaced,
    UserSend,
};
use kernel::{Answering, At, Host, Module, Panel, Register, Start, Xep, xep};
use settings::Problem;
use xmlstream::Element;
use xmpp_wire::{StanzaCondition, StanzaError, ns};

pub(crate) use self::item::Book;
use self::shelf::{Bounds, Shelf};

/// How rosters are versioned (RFC 6121 §2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versioning {
    /// Not at all.
    Off,
    /// By a hash of what clients see.
    Hash,
    /// By an identifier that is stored with every change (`store_current_id`).
    Stored,
}

/// The rosters of one host.
pub(crate) struct Rosters {
    store: ::store::Store,
    shelf: Arc<Shelf>,
    versioning: Versioning,
    access: RuleRef,
}

impl Module for Rosters {
    const NAME: &'static str = "mod_roster";
    const ABOUT: &'static str = "Keeps contact lists and tells contacts of presence (RFC 6121)";
    const IMPLEMENTS: &'static [Xep] = &[xep(237, "1.3")];
    const OPTIONS: &'static [&'static str] = &[
        "access",
        "cache_life_time",
        "cache_missed",
        "cache_size",
        // Both of its values mean the database of the server.
        "db_type",
        "store_current_id",
        "use_cache",
        "versioning",
    ];
    const TABLES: &'static [&'static ::store::TableSet] = &[&store::TABLES];
    const COMMANDS: &'static [Command] = commands::COMMANDS;
    const PANELS: &'static [Panel] = commands::PANELS;

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        let options = start.options;
        let access = match options.node("access") {
            None => RuleRef::All,
            Some(node) => match Access::default().rule_ref(node) {
                Ok((rule, _notes)) => rule,
                Err(problems) => {
                    let first = problems.into_iter().next();
                    return Err(first
                        .unwrap_or_else(|| options.problem("access", "This is no access rule")));
                }
            },
        };
        let bounds = options.bool("use_cache").then(|| Bounds {
            books_max: options.limit("cache_size").finite(),
            life_time: options.duration("cache_life_time").finite(),
            keeps_empty: options.bool("cache_missed"),
        });
        // Changes of the generation before may still be under way, and they must reach the cache of this one.
        let shelf = start.previous.map_or_else(Arc::default, |previous| previous.shelf.clone());
        shelf.set_bounds(bounds);
        let versioning = match (options.bool("versioning"), options.bool("store_current_id")) {
            (false, _) => Versioning::Off,
            (true, false) => Versioning::Hash,
            (true, true) => Versioning::Stored,
        };
        Ok(Self { store: start.kernel.store().clone(), shelf, versioning, access })
    }

    fn register(on: &mut Register<'_, Self>) {
        on.iq_get(At::Account, ns::ROSTER, Self::answer_get);
        on.iq_set(At::Account, ns::ROSTER, Self::answer_set);
        on.hook::<UserSend>(Stage::Annotate, Self::on_user_send);
        on.hook::<Delivering>(Stage::Annotate, Self::on_delivering);
        on.hook::<SelfPresence>(Stage::Copy, Self::on_self_presence);
        on.hook::<SessionClosed>(Stage::Copy, Self::on_session_closed);
        on.hook::<AccountRemoved>(Stage::Archive, Self::on_account_removed);
        on.hook::<StoreReplaced>(Stage::Observe, Self::replaced);
        on.provide::<dyn Roster>(|module| module);
        if on.module().versioning != Versioning::Off {
            on.stream_feature(Element::new("ver", ns::ROSTER_VERSIONING));
        }
        on.stream_feature(Element::new("sub", ns::PRE_APPROVAL));
    }
}

impl Rosters {
    fn replaced<'a>(&'a self, _: &'a mut HostEvent<'_>) -> Step<'a> {
        self.shelf.forget_all();
        Step::CONTINUE
    }

    /// The roster of an account, from the cache where possible.
    pub(crate) async fn book(&self, account: &BareJid) -> Result<Arc<Book>, StoreError> {
        if let Some(book) = self.shelf.get(account.as_str()) {
            return Ok(book);
        }
        let epoch = self.shelf.epoch(account.as_str());
        let owner = store::Owner::new(account);
        let book = Arc::new(self.store.read(move |query| store::read_book(query, &owner)).await?);
        self.shelf.keep(account.as_str(), epoch, &book);
        Ok(book)
    }

    /// Whether an account may change its roster and ask for subscriptions (option `access`).
    pub(crate) fn allows(&self, host: &Host, account: &Jid) -> bool {
        host.generation().access().allows(&self.access, &Subject::of_jid(account))
    }
}

impl Roster for Rosters {
    fn contacts<'a>(
        &'a self,
        account: &'a BareJid,
    ) -> Answering<'a, Result<RosterView, RosterError>> {
        Box::pin(async move {
            match self.book(account).await {
                Ok(book) => Ok(book.view()),
                Err(error) => {
                    tracing::error!(%account, %error, "the roster could not be read");
                    Err(RosterError)
                }
            }
        })
    }
}

/// What the sender of a stanza is told when the store failed.
pub(crate) fn stanza_error(account: &BareJid, error: &StoreError) -> StanzaError {
    if let StoreError::Rejected(text) = error {
        return StanzaError::new(StanzaCondition::PolicyViolation).with_text(text);
    }
    tracing::error!(%account, %error, "the roster could not be read or changed");
    let temporary = error.is_temporary();
    let condition = if temporary {
        StanzaCondition::ResourceConstraint
    } else {
        StanzaCondition::InternalServerError
    };
    condition.into()
}
