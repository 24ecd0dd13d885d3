//! XEP-0030: Service Discovery of the server and of accounts, and XEP-0157: addresses for questions and complaints.

use std::sync::Arc;

use jid::Jid;
use kernel::contracts::Roster;
use kernel::{
    Answering, At, GetAnswer, IqRequest, Item, Module, Register, Start, Xep, bare_str, xep,
};
use settings::{Problem, Section};
use xmlstream::Element;
use xmpp_wire::payload::disco;
use xmpp_wire::payload::forms::{Field, FieldType, Form, FormType};
use xmpp_wire::{StanzaCondition, StanzaError, ns};

use crate::caps;

/// The type of the form with addresses (XEP-0157 §2).
const SERVER_INFO: &str = "http://jabber.org/network/serverinfo";

/// Says what the server and its accounts are.
pub(crate) struct ServiceDiscovery {
    name: String,
    extra_domains: Vec<String>,
    server_info: Option<Form>,
}

impl Module for ServiceDiscovery {
    const NAME: &'static str = "mod_disco";
    const ABOUT: &'static str = "Says what the server and its accounts can do (XEP-0030, XEP-0157)";
    const IMPLEMENTS: &'static [Xep] = &[xep(30, "2.5.0"), xep(157, "1.1.1")];
    const OPTIONS: &'static [&'static str] = &["extra_domains", "name", "server_info"];

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        let options = start.options;
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        Ok(Self {
            name: options.text("name").unwrap_or_default().to_owned(),
            extra_domains: owned(options.texts("extra_domains")),
            server_info: server_info(options),
        })
    }

    fn register(on: &mut Register<'_, Self>) {
        on.iq_get(At::Server, ns::DISCO_INFO, Self::server_info);
        on.iq_get(At::Server, ns::DISCO_ITEMS, Self::server_items);
        on.iq_get(At::Account, ns::DISCO_INFO, Self::account_info);
        on.iq_get(At::Account, ns::DISCO_ITEMS, Self::account_items);
        on.feature(At::Account, ns::DISCO_INFO);
        on.feature(At::Account, ns::DISCO_ITEMS);
        let (name, domains) = (on.module().name.clone(), on.module().extra_domains.clone());
        on.identity(At::Server, "server", "im", name);
        on.identity(At::Account, "account", "registered", "");
        for jid in domains {
            on.item(Item { jid, name: None, node: None });
        }
        if let Some(form) = on.module().server_info.clone() {
            on.form(At::Server, form);
        }
    }
}

/// The form of `server_info`: the addresses that are for this module.
fn server_info(options: &Section) -> Option<Form> {
    let fields = options.list("server_info").iter().filter_map(|entry| {
        let entry = entry.as_section()?;
        let modules = entry.get("modules");
        let here = modules.as_str() == Some("all")
            || entry_names(modules).any(|name| name == ServiceDiscovery::NAME);
        let values = entry.texts("urls").into_iter().map(str::to_owned).collect();
        let name = entry.text("name").unwrap_or_default();
        here.then(|| Field { values, ..Field::empty(name, FieldType::ListMulti) })
    });
    let form = fields.fold(Form::of_type(FormType::Result, SERVER_INFO), Form::with_field);
    (form.fields.len() > 1).then_some(form)
}

fn entry_names(modules: &settings::Value) -> impl Iterator<Item = &str> {
    modules.as_list().unwrap_or_default().iter().filter_map(settings::Value::as_str)
}

impl ServiceDiscovery {
    fn server_info<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            let generation = request.host.generation();
            let disco = generation.disco();
            let info = disco.info(At::Server);
            match node(request)? {
                None => Ok(Some(info.to_element())),
                // XEP-0115 §6.2: the node of the announced hash stands for the same answer.
                Some(node) if caps::node(&info).as_deref() == Some(node) => {
                    Ok(Some(disco::Info { node: Some(node.to_owned()), ..info }.to_element()))
                }
                Some(node) => disco.node_info(At::Server, node, request).await,
            }
        })
    }

    fn server_items<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            let generation = request.host.generation();
            if let Some(node) = node(request)? {
                return generation.disco().node_items(At::Server, node, request).await;
            }
            let item = |item: &Item| {
                let jid = Jid::new(&item.jid).ok()?;
                Some(disco::Item { jid, node: item.node.clone(), name: item.name.clone() })
            };
            let items = generation.disco().items().iter().filter_map(item).collect();
            Ok(Some(disco::Items { node: None, items }.to_element()))
        })
    }

    fn account_info<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            check_subscription(request).await?;
            let generation = request.host.generation();
            match node(request)? {
                None => Ok(Some(generation.disco().info(At::Account).to_element())),
                Some(node) => generation.disco().node_info(At::Account, node, request).await,
            }
        })
    }

    /// The items of an account are its connected resources.
    fn account_items<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            check_subscription(request).await?;
            if let Some(node) = node(request)? {
                return request
                    .host
                    .generation()
                    .disco()
                    .node_items(At::Account, node, request)
                    .await;
            }
            let sessions = request.kernel.sessions().of(bare_str(&request.to));
            let item = |jid: Jid| disco::Item { jid, node: None, name: None };
            let items = sessions.iter().map(|session| item(session.jid().clone().into())).collect();
            Ok(Some(disco::Items { node: None, items }.to_element()))
        })
    }
}

fn node(request: &IqRequest) -> Result<Option<&str>, StanzaError> {
    let query: &Element = &request.payload;
    if query.name() != "query" {
        return Err(StanzaCondition::BadRequest.into());
    }
    Ok(query.attr("node").filter(|node| !node.is_empty()))
}

/// Whether somebody may know what an account is: itself, and who sees its presence (XEP-0030 §8).
///
/// The answer is the same for an account that does not exist.
async fn check_subscription(request: &IqRequest) -> Result<(), StanzaError> {
    if request.is_own() || sees_presence(request).await? {
        return Ok(());
    }
    Err(StanzaError::new(StanzaCondition::SubscriptionRequired).with_text("Not subscribed"))
}

/// Whether the one who asks is subscribed to the presence of the account that is asked.
pub(crate) async fn sees_presence(request: &IqRequest) -> Result<bool, StanzaError> {
    let roster: Option<Arc<dyn Roster>> = request.host.generation().contract::<dyn Roster>();
    let Some(roster) = roster else { return Ok(false) };
    let account = request.to.to_bare();
    let contacts = roster.contacts(&account).await.map_err(|error| {
        StanzaError::new(StanzaCondition::InternalServerError).with_text(&error.to_string())
    })?;
    let from = bare_str(&request.from);
    Ok(contacts.iter().any(|contact| contact.subscription.from() && contact.jid.as_str() == from))
}
