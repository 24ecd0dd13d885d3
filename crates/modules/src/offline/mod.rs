//! XEP-0160: Offline Messages. Keeps messages for accounts without available session, and delivers them later.
//!
//! A message is acknowledged only when it is stored, and deleted only when it was delivered or stored elsewhere.

mod flexible;
mod flush;
mod queue;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::store::TableSet;
use access::{ShaperRef, Subject};
use jid::{BareJid, Jid};
use kernel::commands::Command;
use kernel::hooks::{
    AccountEvent, AccountRemoved, Age, Flow, Offline, OwnPresence, SelfPresence, SessionClosed,
    SessionRestored, SessionResumed, Stage, Step, Undelivered,
};
use kernel::{
    At, Delivery, Host, Kernel, Module, Panel, Register, Session, Start, Xep, xep, xmpp_stamp,
};
use settings::audit::{Check, Guide, Per, Severity};
use settings::{Problem, Section};
use xmpp_wire::payload::chat_states;
use xmpp_wire::payload::delay::Delay;
use xmpp_wire::payload::hints::Hints;
use xmpp_wire::{MessageType, Stanza, StanzaCondition, StanzaError, StanzaKind, ns};

use flush::{Spool, SpoolRow};
use store::Owner;

/// Messages of one account at most where no shaper rule says otherwise.
///
/// COMPAT: ejabberd has no limit then; a sender could fill the disk.
const MESSAGES_MAX: u64 = 5_000;

/// Keeps messages for those who are away.
pub(crate) struct OfflineMessages {
    limit: ShaperRef,
    store_groupchat: bool,
    bounce_groupchat: bool,
    empty_body: EmptyBody,
    spool: Arc<Spool>,
}

/// `store_empty_body`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EmptyBody {
    Store,
    Refuse,
    UnlessChatState,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    /// Nobody needs to know.
    Drop,
    SendBack,
}

impl Module for OfflineMessages {
    const NAME: &'static str = "mod_offline";
    const ABOUT: &'static str =
        "Keeps messages for accounts without available session (XEP-0160, XEP-0013)";
    const IMPLEMENTS: &'static [Xep] =
        &[xep(13, "1.3"), xep(160, "1.0.1"), xep(203, "2.0"), xep(334, "1.0.0")];
    const OPTIONS: &'static [&'static str] = &[
        "access_max_user_messages",
        "bounce_groupchat",
        "db_type",
        "store_empty_body",
        "store_groupchat",
    ];
    const TABLES: &'static [&'static TableSet] = &[&store::TABLES];
    const COMMANDS: &'static [Command] = queue::COMMANDS;
    const CHECKS: &'static [Check] = CHECKS;
    const PANELS: &'static [Panel] = queue::PANELS;

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        let options = start.options;
        Ok(Self {
            limit: limit(options),
            store_groupchat: options.bool("store_groupchat"),
            bounce_groupchat: options.bool("bounce_groupchat"),
            empty_body: match options.get("store_empty_body").as_bool() {
                Some(true) => EmptyBody::Store,
                Some(false) => EmptyBody::Refuse,
                None => EmptyBody::UnlessChatState,
            },
            spool: start.previous.map_or_else(Arc::default, |previous| previous.spool.clone()),
        })
    }

    fn register(on: &mut Register<'_, Self>) {
        on.hook::<Offline>(Stage::Archive, Self::undelivered);
        on.hook::<SelfPresence>(Stage::Observe, Self::presence);
        on.hook::<SessionRestored>(Stage::Observe, Self::is_back);
        on.hook::<SessionResumed>(Stage::Observe, Self::is_back);
        on.hook::<SessionClosed>(Stage::Observe, Self::closed);
        on.hook::<AccountRemoved>(Stage::Observe, Self::removed);
        on.feature(At::Server, ns::MSGOFFLINE);
        on.feature(At::Account, ns::MSGOFFLINE);
        on.feature(At::Server, ns::FLEXIBLE_OFFLINE);
        on.feature(At::Account, ns::FLEXIBLE_OFFLINE);
        on.iq_get(At::Account, ns::FLEXIBLE_OFFLINE, Self::retrieve);
        on.iq_set(At::Account, ns::FLEXIBLE_OFFLINE, Self::delete);
        on.disco_node(At::Account, ns::FLEXIBLE_OFFLINE, Self::node_info, Self::node_items);
    }
}

const CHECKS: &[Check] = &[Check {
    id: "offline-unlimited",
    about: "no bound on the messages that are kept for an account",
    why: "whoever writes to somebody who is away fills the disk",
    guide: Guide::Firewall,
    severity: Severity::Warning,
    per: Per::Module,
    judge: |view| {
        let access = access::Access::from_config(view.config, view.host());
        let account = view.host().and_then(|host| Jid::new(&format!("e3b0c442-98fc@{host}")).ok());
        let (Ok((access, _)), Some(account)) = (access, account) else { return Vec::new() };
        let most = access.shaper(&limit(view.options()), &Subject::of_jid(&account));
        view.when(
            most.limit(Some(MESSAGES_MAX)).is_none(),
            "access_max_user_messages",
            "any number of messages is kept for an ordinary account",
            "let the shaper rule give a number, such as 1000, to `all`",
        )
    },
}];

/// The shaper rule that gives the limit; the settings have checked its grammar.
fn limit(options: &Section) -> ShaperRef {
    let node = options.node("access_max_user_messages");
    let read = node.and_then(|node| access::Access::default().shaper_ref(node).ok());
    read.map_or_else(|| ShaperRef::named("max_user_offline_messages"), |(limit, _)| limit)
}

impl OfflineMessages {
    fn undelivered<'a>(&'a self, event: &'a mut Undelivered<'_>) -> Step<'a> {
        let Some(delivery) = event.delivery.as_ref() else { return Step::CONTINUE };
        if event.age == Age::Oldest
            && let Some(seq) = SpoolRow::out_of_place(delivery)
        {
            return Step::Wait(Box::pin(self.back_to_its_place(event, seq)));
        }
        if SpoolRow::keep(delivery) {
            // It came from here, its session died, and it is stored still.
            *event.delivery = None;
            if let Some(owner) = owner(event.account) {
                self.spool.flush(event.kernel, &owner);
            }
            return Step::STOP;
        }
        match self.verdict(&delivery.stanza) {
            Verdict::SendBack => Step::CONTINUE,
            Verdict::Drop => Step::Wait(Box::pin(async move {
                // An account that does not exist must look like any other.
                if matches!(exists(event.kernel, event.account).await, Ok(true)) {
                    *event.delivery = None;
                }
                Flow::Continue
            })),
            Verdict::Keep => Step::Wait(Box::pin(async move {
                match exists(event.kernel, event.account).await {
                    Ok(false) => return Flow::Continue,
                    Ok(true) => {}
                    Err(error) => {
                        if let Some(delivery) = event.delivery.take() {
                            event.kernel.bounce(delivery, &error).await;
                        }
                        return Flow::Stop;
                    }
                }
                if let Some(delivery) = event.delivery.take() {
                    self.keep(event, delivery).await;
                }
                Flow::Stop
            })),
        }
    }

    /// Whether a message is worth keeping (XEP-0160 §3, XEP-0334).
    fn verdict(&self, message: &Stanza) -> Verdict {
        let StanzaKind::Message(kind) = message.kind() else { return Verdict::SendBack };
        if kind == MessageType::Error || message.child("offline", ns::FLEXIBLE_OFFLINE).is_some() {
            return Verdict::Drop;
        }
        let unwanted = match kind {
            MessageType::GroupChat if self.bounce_groupchat => Verdict::SendBack,
            MessageType::GroupChat | MessageType::Headline => Verdict::Drop,
            _ => Verdict::SendBack,
        };
        let hints = Hints::of(message);
        if hints.store {
            return Verdict::Keep;
        }
        // `no-permanent-store` is about archives; XEP-0334 §4.1 allows keeping until delivery.
        if hints.no_store
            || kind == MessageType::Headline
            || (kind == MessageType::GroupChat && !self.store_groupchat)
        {
            return unwanted;
        }
        let keep = match self.empty_body {
            EmptyBody::Store => true,
            EmptyBody::Refuse => message.child("body", ns::CLIENT).is_some(),
            EmptyBody::UnlessChatState => !chat_states::is_standalone(message),
        };
        if keep { Verdict::Keep } else { unwanted }
    }

    /// A message that is stored still, and newer ones of the same ended session have been put before it.
    async fn back_to_its_place(&self, event: &mut Undelivered<'_>, seq: i64) -> Flow {
        let (Some(delivery), Some(owner)) = (event.delivery.take(), owner(event.account)) else {
            return Flow::Continue;
        };
        let whose = owner.clone();
        let moved = event.kernel.store().write(move |tx| store::move_first(tx, &whose, seq)).await;
        match moved {
            Ok(first) => self.spool.put_first(&owner, *first),
            Err(error) => {
                tracing::error!(account = %event.account, seq, %error, "an offline message could not be moved before newer ones; it stays stored");
            }
        }
        SpoolRow::keep(&delivery);
        drop(delivery);
        self.spool.flush(event.kernel, &owner);
        Flow::Stop
    }

    async fn keep(&self, event: &Undelivered<'_>, delivery: Delivery) {
        let Undelivered { kernel, host, account, age, .. } = *event;
        let Some(owner) = owner(account) else { return };
        let xml = stored_form(&delivery.stanza, host, xmpp_stamp(kernel.clock().wall()));
        let subject = Jid::from(account.clone());
        let limit = host
            .generation()
            .access()
            .shaper(&self.limit, &Subject::of_jid(&subject))
            .limit(Some(MESSAGES_MAX));
        let Delivery { stanza, receipt } = delivery;
        let receipt = Arc::new(receipt);
        let (shared, whose, spool) = (receipt.clone(), owner.clone(), self.spool.clone());
        let write = kernel.store().write(move |tx| {
            if let Some(limit) = limit
                && store::has(tx, &whose, limit)?
            {
                return Ok((false, shared));
            }
            match age {
                Age::Newest => store::insert(tx, &whose, &xml)?,
                Age::Oldest => spool.put_first(&whose, store::insert_first(tx, &whose, &xml)?),
            }
            if let Some(receipt) = shared.as_ref() {
                receipt.record(tx)?;
            }
            // The receipt leaves the closure with the commit, so that it cannot be completed before.
            Ok((true, shared))
        });
        let error = match write.await {
            Ok(committed) if committed.0 => {
                // Dropping the receipt completes it. Somebody may have come online meanwhile.
                drop((committed, receipt));
                let host = host.name().to_owned();
                metrics::counter!(observe::names::OFFLINE_STORED, "host" => host).increment(1);
                self.spool.flush(kernel, &owner);
                return;
            }
            Ok(full) => {
                drop(full);
                StanzaError::new(StanzaCondition::ResourceConstraint).with_text(
                    "Your contact offline message queue is full. The message has been discarded.",
                )
            }
            Err(error) => {
                tracing::error!(%account, %error, "an offline message could not be stored");
                StanzaError::new(StanzaCondition::InternalServerError).with_text("Database failure")
            }
        };
        let receipt = Arc::into_inner(receipt).flatten();
        kernel.bounce(Delivery { stanza, receipt }, &error).await;
    }

    /// The first presence that is not negative brings what was kept (XEP-0160 §3).
    fn presence<'a>(&'a self, event: &'a mut OwnPresence<'_>) -> Step<'a> {
        let handle = event.session.handle();
        let ready = handle.priority().is_some_and(|priority| priority >= 0);
        let was_ready = event.previous.as_ref().is_some_and(|previous| priority(previous) >= 0);
        if ready
            && !was_ready
            && let Some(owner) = owner(event.session.account())
        {
            self.spool.flush(event.session.kernel(), &owner);
        }
        Step::CONTINUE
    }

    /// A crash may have come between the storing of a message and its delivery. The session goes on without a new
    /// presence then, so what is left must be looked for here, before it gets anything new.
    fn is_back<'a>(&'a self, session: &'a mut &mut Session) -> Step<'a> {
        if let Some(owner) = owner(session.account()) {
            self.spool.flush(session.kernel(), &owner);
        }
        Step::CONTINUE
    }

    fn closed<'a>(&'a self, session: &'a mut &mut Session) -> Step<'a> {
        self.spool.forget_session(session.handle());
        Step::CONTINUE
    }

    fn removed<'a>(&'a self, event: &'a mut AccountEvent<'_>) -> Step<'a> {
        let Some(owner) = owner(event.account) else { return Step::CONTINUE };
        Step::Wait(Box::pin(async move {
            let account = event.account;
            if let Err(error) =
                event.kernel.store().write(move |tx| store::delete_all(tx, &owner)).await
            {
                tracing::error!(%account, %error, "the offline messages of a removed account could not be deleted");
            }
            Flow::Continue
        }))
    }
}

/// The message as it is stored: with the time at which it came, unless it was kept here before.
fn stored_form(message: &Stanza, host: &Host, stamp: String) -> String {
    let mut message = message.clone();
    let from_here = |child: xmpp_wire::ChildRef<'_>| {
        child.is("delay", ns::DELAY) && child.parse().attr("from") == Some(host.name())
    };
    if !message.children().any(from_here) {
        let delay =
            Delay { from: Some(host.jid()), stamp, reason: Some("Offline storage".to_owned()) };
        message.push(&delay.to_element());
    }
    String::from_utf8(message.to_bytes()).expect("a stanza is made of checked text")
}

fn owner(account: &BareJid) -> Option<Owner> {
    let user = account.node()?.as_str().into();
    Some(Owner { user, host: account.domain().as_str().into() })
}

async fn exists(kernel: &Kernel, account: &BareJid) -> Result<bool, StanzaError> {
    let Some(user) = account.node() else { return Ok(false) };
    kernel.accounts().exists(user.as_str(), account.domain().as_str()).await.map_err(|error| {
        tracing::error!(%account, %error, "whether an account exists could not be found out");
        StanzaError::new(StanzaCondition::InternalServerError)
    })
}

/// The priority of a presence; what is no number from -128 to 127 counts as 0 (RFC 6121 §4.7.2.3).
fn priority(presence: &Stanza) -> i8 {
    let text = presence.child("priority", ns::CLIENT).map(|child| child.parse().text());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
