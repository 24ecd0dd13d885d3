//! XEP-0013: Flexible Offline Message Retrieval. The node of a message is its `seq`.

use std::sync::Arc;

use ::store::{Committed, StoreError};
use kernel::{Answering, Delivery, GetAnswer, IqRequest, SessionHandle, SetAnswer, bare_str};
use xmlstream::Element;
use xmpp_wire::payload::disco::{Identity, Info, Item, Items};
use xmpp_wire::payload::forms::{Field, FieldType, Form, FormType};
use xmpp_wire::{Stanza, StanzaCondition, StanzaError, ns};

use super::store::{self, Owner, Row};
use super::{OfflineMessages, owner};

/// Messages that one request lists or fetches at most.
const COUNT_MAX: usize = 2_000;
/// Bytes of messages that one request lists or fetches at most, up to one message.
const BYTES_MAX: usize = 4 << 20;

impl OfflineMessages {
    pub(super) fn node_info<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            let owner = self.begin(request)?;
            let count = request.kernel.store().read(move |query| store::count(query, &owner)).await;
            let count = count.map_err(|error| failed(&error))?;
            let number = Field::new("number_of_messages", FieldType::TextSingle, count.to_string());
            let info = Info {
                node: Some(ns::FLEXIBLE_OFFLINE.to_owned()),
                identities: vec![Identity {
                    category: "automation".to_owned(),
                    kind: "message-list".to_owned(),
                    lang: None,
                    name: None,
                }],
                features: vec![ns::FLEXIBLE_OFFLINE.to_owned()],
                forms: vec![
                    Form::of_type(FormType::Result, ns::FLEXIBLE_OFFLINE).with_field(number),
                ],
            };
            Ok(Some(info.to_element()))
        })
    }

    pub(super) fn node_items<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            let owner = self.begin(request)?;
            let item = |row: Row| {
                let stanza = Stanza::parse(row.xml.as_bytes()).ok()?;
                let name = stanza.from().map(|from| from.as_str().to_owned());
                Some(Item {
                    jid: bare_str(&request.to).parse().ok()?,
                    node: Some(row.seq.to_string()),
                    name,
                })
            };
            let items = page(request, owner).await?.into_iter().filter_map(item).collect();
            let items = Items { node: Some(ns::FLEXIBLE_OFFLINE.to_owned()), items };
            Ok(Some(items.to_element()))
        })
    }

    /// `view` and `fetch`: the messages arrive before the result and stay stored.
    pub(super) fn retrieve<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            let owner = self.begin(request)?;
            let offline = offline(request)?;
            let session = session(request).ok_or(StanzaCondition::ServiceUnavailable)?;
            let rows = if offline.child("fetch", ns::FLEXIBLE_OFFLINE).is_some() {
                page(request, owner).await?
            } else {
                let nodes = nodes(offline, "view")?;
                let read = move |query: &mut ::store::Query<'_>| {
                    nodes.iter().map(|node| store::one(query, &owner, *node)).collect::<Result<
                        Option<Vec<_>>,
                        _,
                    >>(
                    )
                };
                let found =
                    request.kernel.store().read(read).await.map_err(|error| failed(&error))?;
                found.ok_or(StanzaCondition::ItemNotFound)?
            };
            for row in rows {
                send(&session, &row);
            }
            Ok(None)
        })
    }

    /// `remove` and `purge`.
    pub(super) fn delete<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, SetAnswer> {
        Box::pin(async move {
            let owner = self.begin(request)?;
            let offline = offline(request)?;
            let store = request.kernel.store();
            if offline.child("purge", ns::FLEXIBLE_OFFLINE).is_some() {
                let purged = store.write(move |tx| store::delete_all(tx, &owner)).await;
                return purged.map(|done| done.map(|()| None)).map_err(|error| failed(&error));
            }
            let nodes = nodes(offline, "remove")?;
            let remove = move |tx: &mut ::store::Tx<'_>| {
                nodes.iter().try_fold(true, |all, node| {
                    Ok::<_, StoreError>(store::delete(tx, &owner, *node)? && all)
                })
            };
            let removed: Committed<bool> =
                store.write(remove).await.map_err(|error| failed(&error))?;
            if *removed {
                Ok(removed.map(|_| None))
            } else {
                Err(StanzaCondition::ItemNotFound.into())
            }
        })
    }

    /// Only the account itself may ask; once it did, nothing is sent unasked to that session.
    fn begin(&self, request: &IqRequest) -> Result<Owner, StanzaError> {
        if !request.is_own() {
            return Err(StanzaError::new(StanzaCondition::Forbidden)
                .with_text("Query to another users is forbidden"));
        }
        if let Some(session) = session(request) {
            self.spool.set_flexible(&session);
        }
        owner(&request.to.to_bare()).ok_or_else(|| StanzaCondition::BadRequest.into())
    }
}

fn session(request: &IqRequest) -> Option<Arc<SessionHandle>> {
    let resource = request.from.resource()?;
    request.kernel.sessions().find(bare_str(&request.from), resource.as_str())
}

fn offline(request: &IqRequest) -> Result<&Element, StanzaError> {
    let offline = &request.payload;
    if offline.is("offline", ns::FLEXIBLE_OFFLINE) {
        Ok(offline)
    } else {
        Err(StanzaCondition::BadRequest.into())
    }
}

/// The nodes that an action is asked for; a node that is none cannot exist.
fn nodes(offline: &Element, action: &str) -> Result<Vec<i64>, StanzaError> {
    let items: Vec<_> =
        offline.children().filter(|child| child.is("item", ns::FLEXIBLE_OFFLINE)).collect();
    if items.is_empty()
        || items.len() > COUNT_MAX
        || items.iter().any(|item| item.attr("action") != Some(action))
    {
        return Err(StanzaCondition::BadRequest.into());
    }
    let node = |item: &&Element| item.attr("node").and_then(|node| node.parse().ok());
    let nodes: Option<Vec<_>> = items.iter().map(node).collect();
    nodes.ok_or_else(|| StanzaCondition::ItemNotFound.into())
}

async fn page(request: &IqRequest, owner: Owner) -> Result<Vec<Row>, StanzaError> {
    let read = request
        .kernel
        .store()
        .read(move |query| store::page(query, &owner, i64::MIN, COUNT_MAX, BYTES_MAX));
    read.await.map(|(rows, _)| rows).map_err(|error| failed(&error))
}

fn send(session: &SessionHandle, row: &Row) {
    let Ok(stanza) = Stanza::parse(row.xml.as_bytes()) else { return };
    let item = Element::new("item", ns::FLEXIBLE_OFFLINE).with_attr("node", row.seq.to_string());
    let stanza = stanza.with_child(&Element::new("offline", ns::FLEXIBLE_OFFLINE).with_child(item));
    // A session that has just ended asks again next time; the message stays stored.
    drop(session.mailbox().push(Delivery::new(stanza)));
}

fn failed(error: &StoreError) -> StanzaError {
    tracing::error!(%error, "offline messages could not be read or deleted");
    StanzaError::new(StanzaCondition::InternalServerError).with_text("Database failure")
}
