//! Bans, which ejabberd keeps in private storage under a namespace of its own.
//!
//! COMPAT: ejabberd stores a hash made with its Erlang cookie too, so that clients cannot forge a ban. Here clients
//! cannot write under the namespace at all; the hash is neither made nor looked at.

use ::store::StoreError;
use jid::BareJid;
use kernel::contracts::{Ban, Bans, RecordError};
use kernel::hooks::{Flow, Step};
use kernel::{Answering, CloseReason, Kernel, Session};
use xmlstream::Element;

use super::{PrivateStorage, store, text};

/// The namespace of bans.
pub(super) const NS: &str = "jabber:ejabberd:banned";

impl PrivateStorage {
    /// A ban may have come between the log-in and the entry of the session among those that the ban ends.
    pub(super) fn bound<'a>(&'a self, session: &'a mut &mut Session) -> Step<'a> {
        Step::Wait(Box::pin(async move {
            let kernel = session.kernel().clone();
            if let Ok(Some(ban)) = self.ban(&kernel, &session.account().clone()).await {
                session.close(CloseReason::Kicked(ban.reason));
            }
            Flow::Continue
        }))
    }
}

impl Bans for PrivateStorage {
    fn ban<'a>(
        &'a self,
        kernel: &'a Kernel,
        account: &'a BareJid,
    ) -> Answering<'a, Result<Option<Ban>, RecordError>> {
        Box::pin(async move {
            let stored =
                self.read(kernel, account, NS).await.map_err(|error| failed(account, &error))?;
            Ok(stored.map(|data| from_xml(&data)))
        })
    }

    fn set_ban<'a>(
        &'a self,
        kernel: &'a Kernel,
        account: &'a BareJid,
        ban: Option<Ban>,
    ) -> Answering<'a, Result<(), RecordError>> {
        Box::pin(async move {
            let key = account.clone();
            let data = ban.map(|ban| to_xml(&ban));
            // A ban is no wish of the account, so its limit of namespaces does not count.
            let write = kernel.store().write(move |tx| match data {
                Some(data) => store::replace(tx, &key, NS, &data),
                None => store::delete(tx, &key, NS),
            });
            let done = write.await;
            self.cache.forget(&(account.clone(), NS.into()));
            done.map_err(|error| failed(account, &error))?;
            Ok(())
        })
    }

    fn banned<'a>(
        &'a self,
        kernel: &'a Kernel,
        host: &'a str,
        after: &'a str,
        count_max: u32,
    ) -> Answering<'a, Result<Vec<String>, RecordError>> {
        Box::pin(async move {
            let (whose, from) = (host.to_owned(), after.to_owned());
            let read = kernel
                .store()
                .read(move |query| store::users_with(query, &whose, NS, &from, count_max));
            read.await.map_err(|error| {
                tracing::error!(host, %error, "bans could not be read");
                RecordError
            })
        })
    }
}

fn failed(account: &BareJid, error: &StoreError) -> RecordError {
    tracing::error!(%account, %error, "a ban could not be read or stored");
    RecordError
}

fn to_xml(ban: &Ban) -> String {
    let part = |name, text| Element::new(name, NS).with_text(text);
    text(&Element::new("banned", NS).with_children([
        part("reason", &ban.reason),
        part("lastdate", &ban.last_date),
        part("lastreason", &ban.last_status),
        part("bandate", &ban.banned_at),
    ]))
}

/// What is there and not understood is a ban nevertheless.
fn from_xml(data: &str) -> Ban {
    let Ok(element) = Element::parse(data.as_bytes(), "") else { return Ban::default() };
    let part = |name| element.child_text(name, NS).unwrap_or_default();
    Ban {
        reason: part("reason"),
        banned_at: part("bandate"),
        last_date: part("lastdate"),
        last_status: part("lastreason"),
    }
}
