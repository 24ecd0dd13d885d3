//! SASL on a client's stream (RFC 6120 §6): which mechanisms are offered, and one attempt after the other.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Host, random};
use netio::ClientCertificate;
use sasl::{BindingType, ChannelBinding, Condition, Context, Failure, Mechanism, Negotiation, Offer};
use xmlstream::{Element, RawElement};
use xmpp_wire::{StreamError, ns};

use super::negotiate::{ATTEMPTS_MAX, Negotiating, Step, Stop};
use crate::carriers::Inbound;

impl Negotiating {
    /// The mechanisms for this stream, strongest first.
    pub(super) fn offer(&self, host: &Host) -> Vec<Mechanism> {
        let generation = host.generation();
        let ways = self.door.kernel.accounts().ways(host.name());
        let disabled: Vec<String> =
            generation.options().texts("disable_sasl_mechanisms").into_iter().map(str::to_owned).collect();
        Offer {
            anonymous: ways.anonymous,
            passwords: ways.passwords,
            scram_hashes: &ways.scram_hashes,
            encrypted: self.is_tls(),
            channel_binding: !self.bindings().is_empty(),
            // Only a listener without any TLS is asked to do it in clear.
            plain_unencrypted: !self.door.options.starttls && !self.door.options.direct_tls,
            certificate: !self.certified(host).is_empty(),
            disabled: &disabled,
        }
        .mechanisms()
    }

    /// Channel-binding data of this connection.
    pub(super) fn bindings(&self) -> Vec<ChannelBinding> {
        let Some(carrier) = &self.carrier else { return Vec::new() };
        let transport = carrier.transport();
        let exporter = transport.tls_exporter().map(|data| data.to_vec());
        let end_point = transport.tls_server_end_point();
        [(BindingType::TlsExporter, exporter), (BindingType::TlsServerEndPoint, end_point)]
            .into_iter()
            .filter_map(|(kind, data)| Some(ChannelBinding { kind, data: data? }))
            .collect()
    }

    /// The accounts of the host that the client's certificate proves (XEP-0178).
    fn certified(&self, host: &Host) -> Vec<jid::BareJid> {
        let Some(carrier) = &self.carrier else { return Vec::new() };
        let now = self.door.kernel.clock().wall();
        match carrier.transport().client_certificate(now.into()) {
            ClientCertificate::Valid { identities } => identities
                .iter()
                .filter_map(|identity| jid::BareJid::new(identity).ok())
                .filter(|identity| identity.domain().as_str() == host.name() && identity.node().is_some())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// One attempt, from `<auth/>` to `<success/>` or `<failure/>`.
    pub(super) async fn authenticate(&mut self, host: &Arc<Host>, auth: &RawElement) -> Result<Step, Stop> {
        if self.door.options.starttls_required && !self.is_tls() {
            return self.failed(&Failure::new(Condition::EncryptionRequired)).await;
        }
        let offered = self.offer(host);
        let mechanism = auth.attr("mechanism").and_then(Mechanism::from_name);
        let Some(mechanism) = mechanism.filter(|mechanism| offered.contains(mechanism)) else {
            return self.failed(&Failure::new(Condition::InvalidMechanism)).await;
        };
        let mut negotiation = Negotiation::new(mechanism, self.context(host, offered));
        let text = auth.text();
        let initial = match text.as_str() {
            "" => None,
            // RFC 6120 §6.4.2: a single equals sign is an empty response.
            "=" => Some(Vec::new()),
            encoded => match STANDARD.decode(encoded) {
                Ok(bytes) => Some(bytes),
                Err(_) => return self.failed(&Failure::new(Condition::IncorrectEncoding)).await,
            },
        };
        let mut step = negotiation.start(initial.as_deref());
        loop {
            step = match step {
                sasl::Step::Challenge(challenge) => {
                    self.send(&Element::new("challenge", ns::SASL).with_text(encoded(&challenge))).await?;
                    match self.response().await? {
                        Ok(response) => negotiation.respond(&response),
                        Err(failure) => return self.failed(&failure).await,
                    }
                }
                sasl::Step::Success { identity, additional_data } => {
                    return self.succeeded(mechanism, identity, additional_data).await;
                }
                sasl::Step::Failure(failure) => {
                    tracing::info!(peer = %self.peer, %mechanism, host = host.name(), %failure, "authentication failed");
                    return self.failed(&failure).await;
                }
                asked => self.look_up(&mut negotiation, asked).await,
            };
        }
    }

    /// Asks the accounts what the mechanism wants to know.
    async fn look_up(&self, negotiation: &mut Negotiation, asked: sasl::Step) -> sasl::Step {
        let accounts = self.door.kernel.accounts();
        let failed = || sasl::Step::Failure(Failure::new(Condition::TemporaryAuthFailure));
        match asked {
            sasl::Step::NeedsVerifier { user, hash } => match accounts.verifier(&user, hash).await {
                Ok(found) => negotiation.verifier(found),
                Err(_) => failed(),
            },
            sasl::Step::NeedsPlainCheck { user, password } => match accounts.check_password(&user, &password).await {
                Ok(right) => negotiation.password_checked(right),
                Err(_) => failed(),
            },
            sasl::Step::NeedsAccount { user } => match accounts.exists(&user).await {
                Ok(exists) => negotiation.account_checked(exists),
                Err(_) => failed(),
            },
            other => other,
        }
    }

    fn context(&self, host: &Host, offered: Vec<Mechanism>) -> Context {
        let generation = host.generation();
        let accounts = self.door.kernel.accounts();
        Context {
            host: host.bare().clone(),
            bindings: self.bindings(),
            bindings_advertised: offered.iter().any(|mechanism| mechanism.is_plus()),
            downgrade_protection: !generation.options().bool("disable_sasl_scram_downgrade_protection"),
            nonce: random::bytes(),
            decoy_key: accounts.decoy_key(),
            decoy_iterations: accounts.iterations(),
            certified: self.certified(host),
            anonymous: offered.contains(&Mechanism::Anonymous).then(anonymous_node),
            offered,
        }
    }

    /// Waits for `<response/>`; anything else ends the attempt or the stream.
    async fn response(&mut self) -> Result<Result<Vec<u8>, Failure>, Stop> {
        let Some(carrier) = &mut self.carrier else { return Err(Stop::Quietly) };
        let element = match carrier.next().await {
            Inbound::Element(element) => element,
            Inbound::Broken(error) => return Err(error.into()),
            Inbound::Opened(_) => return Err(StreamError::invalid_xml().into()),
            Inbound::Closed | Inbound::Gone => return Err(Stop::Quietly),
        };
        if element.is("abort", ns::SASL) {
            return Ok(Err(Failure::new(Condition::Aborted)));
        }
        if !element.is("response", ns::SASL) {
            return Err(StreamError::not_authorized().into());
        }
        let text = element.text();
        let text = if text == "=" { "" } else { text.as_str() };
        Ok(STANDARD.decode(text).map_err(|_| Failure::new(Condition::IncorrectEncoding)))
    }

    async fn failed(&mut self, failure: &Failure) -> Result<Step, Stop> {
        metrics::counter!("rookery_c2s_auth_failures_total").increment(1);
        let mut element =
            Element::new("failure", ns::SASL).with_child(Element::new(failure.condition.as_str(), ns::SASL));
        if let Some(text) = &failure.text {
            element.push(Element::new("text", ns::SASL).with_text(text));
        }
        self.send(&element).await?;
        self.attempts += 1;
        if self.attempts >= ATTEMPTS_MAX {
            return Err(StreamError::policy_violation().with_text("Too many failed attempts to authenticate").into());
        }
        Ok(Step::Continue)
    }

    async fn succeeded(
        &mut self,
        mechanism: Mechanism,
        identity: jid::BareJid,
        data: Option<Vec<u8>>,
    ) -> Result<Step, Stop> {
        tracing::info!(peer = %self.peer, %mechanism, account = %identity, "authenticated");
        let text = data.map(|data| encoded(&data)).unwrap_or_default();
        self.account = Some(identity);
        if let Some(carrier) = &mut self.carrier {
            carrier.set_limits(self.door.options.limits);
            carrier.restart();
        }
        self.send(&Element::new("success", ns::SASL).with_text(text)).await?;
        Ok(Step::Restart)
    }
}

/// RFC 6120 §6.4.5: data that is there and empty is a single equals sign.
fn encoded(data: &[u8]) -> String {
    if data.is_empty() { "=".to_owned() } else { STANDARD.encode(data) }
}

fn anonymous_node() -> jid::NodePart {
    let name: String = random::bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    jid::NodePart::new(&name).expect("hexadecimal digits are a node").into_owned()
}
