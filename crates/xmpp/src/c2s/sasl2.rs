//! What follows success in the extensible profile: the same stream goes on, with what the client asked for along with
//! authentication (XEP-0388 §2.6.1, XEP-0386, XEP-0198 §9).

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use jid::{BareJid, FullJid, ResourcePart};
use kernel::{Host, random};
use sha2::Sha256;
use stdx::SecretBytes;
use xmlstream::Element;
use xmpp_wire::negotiation::{Bind2, Inline, authorization_identifier, write_in_stream};
use xmpp_wire::ns;
use xmpp_wire::sm::{SmReply, SmRequest};

use super::bind::{Bound, Greeting, close};
use super::features;
use super::negotiate::{Negotiating, Step, Stop};
use super::session::ClientSession;

/// Says what a value made with the server's key is for, so that it is good for nothing else.
const PURPOSE: &[u8] = b"resource of a client\0";

/// What a client hears that authenticated and bound a resource at once.
pub(super) struct Welcome {
    success: Element,
    /// What else it asked for and got, or did not get.
    results: Vec<Element>,
    enable: Option<SmRequest>,
}

impl Negotiating {
    /// Does what was asked for inline, and tells the client that it is in.
    ///
    /// A resumption comes first; if it fails, the request for a resource counts (XEP-0198 §9.2).
    pub(super) async fn go_on(
        &mut self,
        host: &Arc<Host>,
        success: Element,
        inline: Inline,
    ) -> Result<Step, Stop> {
        let Some(account) = self.account.clone() else { return Err(Stop::Quietly) };
        let mut results = Vec::new();
        if let Some(request) = inline.resume {
            match self.take_up(host, request, ns::SM, Some(&success)) {
                Ok(()) => return Err(Stop::Done(None)),
                Err(refusal) => results.push(SmReply::Failed(refusal).to_element(ns::SM)),
            }
        }
        if let Some(Bind2 { tag, enable }) = inline.bind {
            let key = self.door.kernel.accounts().decoy_key();
            let client = inline.client_id.map(|id| client_name(&key, &account, &id));
            let jid = address(&account, tag.as_deref(), client.as_deref());
            // COMPAT: a client that may not have a session is told so when it asks again, by IQ.
            if let Ok(session) = self.open_session(host, jid.clone()) {
                if let Some(client) = client {
                    self.replace(&jid, &client);
                }
                let greeting = Greeting::Welcome(Box::new(Welcome { success, results, enable }));
                return Err(Stop::Done(Some(Bound { session, greeting })));
            }
        }
        let success =
            success.with_child(authorization_identifier(account.as_str())).with_children(results);
        let mut out = success.to_bytes("");
        write_in_stream(&self.features(host), &mut out);
        self.write(&out).await?;
        Ok(Step::Continue)
    }

    /// Ends the earlier sessions of the same client, whatever their tags were (XEP-0386 §3.2).
    fn replace(&self, jid: &FullJid, client: &str) {
        let sessions = self.door.kernel.sessions().of(jid.to_bare().as_str());
        let earlier = sessions.iter().filter(|session| {
            let resource = session.jid().resource().as_str();
            session.jid() != jid
                && resource
                    .strip_suffix(client)
                    .is_some_and(|tag| tag.is_empty() || tag.ends_with('/'))
        });
        earlier.for_each(|session| close(session));
    }
}

impl ClientSession {
    /// Begins stream management if the client asked for it, and says all that it is to hear first.
    pub(super) async fn welcome(&mut self, welcome: Welcome) -> Vec<u8> {
        let Welcome { success, results, enable } = welcome;
        let enabled = match enable {
            Some(SmRequest::Enable { resume, max_seconds }) => {
                Some(self.enable_sm(resume, max_seconds, ns::SM).await.to_element(ns::SM))
            }
            _ => None,
        };
        let success = success
            .with_child(authorization_identifier(self.session.jid().as_str()))
            .with_children(results)
            .with_child(Bind2::bound(enabled));
        let mut out = success.to_bytes("");
        let generation = self.session.generation();
        let left = features::after_bind(generation.stream_features(), self.sm.is_some());
        write_in_stream(&left, &mut out);
        out
    }
}

/// The address of a session: `TAG/NAME`, or the name alone where there is no tag or none that can stand in an address
/// (XEP-0386 §3.2.1). The name is the client's own, the same each time, or else a new one.
fn address(account: &BareJid, tag: Option<&str>, client: Option<&str>) -> FullJid {
    let name = client.map_or_else(random::token, str::to_owned);
    let tagged = tag
        .and_then(|tag| ResourcePart::new(&format!("{tag}/{name}")).ok().map(|it| it.into_owned()));
    let resource = tagged
        .unwrap_or_else(|| ResourcePart::new(&name).expect("a token is a resource").into_owned());
    account.with_resource(&resource)
}

/// What a client of an account is called, from which nobody learns what it calls itself.
fn client_name(key: &SecretBytes, account: &BareJid, id: &str) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose())
        .expect("HMAC takes keys of any length");
    // An address has no zero byte.
    [PURPOSE, account.as_str().as_bytes(), b"\0", id.as_bytes()]
        .into_iter()
        .for_each(|part| mac.update(part));
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(mac.finalize().into_bytes());
    format!("{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}
