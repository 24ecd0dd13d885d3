//! IQ handlers of modules, and replies that the server itself waits for (RFC 6120 §8.2.3).

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jid::Jid;
use parking_lot::Mutex;
use store::Committed;
use tokio::sync::oneshot;
use xmlstream::Element;
use xmpp_wire::{Stanza, StanzaCondition, StanzaError};

use crate::Kernel;
use crate::host::Host;

/// Where an IQ is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum At {
    /// The server itself: `host`.
    Server,
    /// A local account's bare JID, or no address at all.
    Account,
}

/// A request to a handler.
pub struct IqRequest {
    /// The server.
    pub kernel: Kernel,
    /// The host that was asked.
    pub host: Arc<Host>,
    /// Who asks.
    pub from: Jid,
    /// Who was asked; for an account the bare JID, even when the client left it out.
    pub to: Jid,
    /// The language of the request.
    pub lang: Option<String>,
    /// The payload.
    pub payload: Element,
}

impl IqRequest {
    /// Whether an account asks itself.
    pub fn is_own(&self) -> bool {
        crate::sessions::bare_str(&self.from) == crate::sessions::bare_str(&self.to)
    }
}

/// What reads give back: a payload or none.
pub type GetAnswer = Result<Option<Element>, StanzaError>;
/// What changes give back: a payload or none, with the proof that the change is durable.
pub type SetAnswer = Result<Committed<Option<Element>>, StanzaError>;
/// A future a handler returns.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A module's function for `get`.
pub type GetFn<M> = for<'a> fn(&'a M, &'a IqRequest) -> Answering<'a, GetAnswer>;
/// A module's function for `set`.
pub type SetFn<M> = for<'a> fn(&'a M, &'a IqRequest) -> Answering<'a, SetAnswer>;

trait Handler<A>: Send + Sync {
    fn answer<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, A>;
}

struct Bound<M, A> {
    module: Arc<M>,
    function: for<'a> fn(&'a M, &'a IqRequest) -> Answering<'a, A>,
}

impl<M: Send + Sync, A> Handler<A> for Bound<M, A> {
    fn answer<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, A> {
        (self.function)(&self.module, request)
    }
}

#[derive(Default)]
struct Pair {
    get: Option<Box<dyn Handler<GetAnswer>>>,
    set: Option<Box<dyn Handler<SetAnswer>>>,
}

/// The IQ handlers of one generation of a host.
#[derive(Default)]
pub struct IqTables(HashMap<(At, &'static str), Pair>);

impl IqTables {
    pub(crate) fn on_get<M: Send + Sync + 'static>(
        &mut self,
        at: At,
        ns: &'static str,
        module: Arc<M>,
        function: GetFn<M>,
    ) {
        self.0.entry((at, ns)).or_default().get = Some(Box::new(Bound { module, function }));
    }

    pub(crate) fn on_set<M: Send + Sync + 'static>(
        &mut self,
        at: At,
        ns: &'static str,
        module: Arc<M>,
        function: SetFn<M>,
    ) {
        self.0.entry((at, ns)).or_default().set = Some(Box::new(Bound { module, function }));
    }

    /// Namespaces with a handler at a place, sorted; they are disco features too.
    pub fn namespaces(&self, at: At) -> Vec<&'static str> {
        let mut names: Vec<_> =
            self.0.keys().filter(|(place, _)| *place == at).map(|(_, ns)| *ns).collect();
        names.sort_unstable();
        names
    }

    /// Answers a `get` request by the handler of a key that is not the namespace of its payload.
    ///
    /// # Errors
    /// `item-not-found` for a key without handler, and whatever the handler says.
    pub(crate) async fn answer_key(&self, at: At, key: &str, request: &IqRequest) -> GetAnswer {
        let handler = self.0.iter().find(|((place, name), _)| *place == at && *name == key);
        match handler.and_then(|(_, pair)| pair.get.as_ref()) {
            Some(handler) => handler.answer(request).await,
            None => Err(StanzaCondition::ItemNotFound.into()),
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// `service-unavailable` for a namespace without handler, `not-allowed` for one that has none for this type,
    /// and whatever the handler says.
    pub async fn answer(
        &self,
        at: At,
        set: bool,
        request: &IqRequest,
    ) -> Result<Option<Element>, StanzaError> {
        let Some(pair) = self.0.get(&(at, request.payload.ns())) else {
            return Err(StanzaCondition::ServiceUnavailable.into());
        };
        match (set, &pair.get, &pair.set) {
            (false, Some(handler), _) => handler.answer(request).await,
            // The reply is built from the committed value, so it cannot leave before the commit.
            (true, _, Some(handler)) => handler.answer(request).await.map(Committed::into_inner),
            _ => Err(StanzaCondition::NotAllowed.into()),
        }
    }
}

/// Replies that the server waits for, by the id it gave to the request.
#[derive(Default)]
pub struct PendingReplies(Mutex<HashMap<String, Waiting>>);

struct Waiting {
    from: Jid,
    reply: oneshot::Sender<Stanza>,
}

/// How many replies the server waits for at most.
const PENDING_MAX: usize = 100_000;

impl PendingReplies {
    /// Hands a reply to whoever waits for it; gives it back when nobody does.
    ///
    /// Only the entity that was asked may answer.
    pub fn resolve(&self, reply: Stanza) -> Option<Stanza> {
        let mut waiting = self.0.lock();
        let id = reply.id()?.to_owned();
        let expected = waiting.get(&id).is_some_and(|entry| reply.from() == Some(&entry.from));
        if !expected {
            return Some(reply);
        }
        let entry = waiting.remove(&id)?;
        drop(waiting);
        // The one who asked may have given up in the meantime.
        drop(entry.reply.send(reply));
        None
    }

    /// Sends an IQ request and waits for its reply.
    ///
    /// Returns `None` when none came within `patience`, or too many are awaited already.
    pub async fn request(
        &self,
        kernel: &Kernel,
        mut request: Stanza,
        patience: Duration,
    ) -> Option<Stanza> {
        let id = crate::random::token();
        let from = request.to()?.clone();
        request.set_id(Some(&id));
        let (reply, answer) = oneshot::channel();
        {
            let mut waiting = self.0.lock();
            if waiting.len() >= PENDING_MAX {
                return None;
            }
            waiting.insert(id.clone(), Waiting { from, reply });
        }
        let _forget = Forget(self, id);
        kernel.route(request.into()).await;
        tokio::time::timeout(patience, answer).await.ok()?.ok()
    }
}

struct Forget<'a>(&'a PendingReplies, String);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.0.0.lock().remove(&self.1);
    }
}
