//! SASL on a client's stream (RFC 6120 §6): which mechanisms are offered, and one attempt after the other.

use std::sync::Arc;

use accounts::{Check, Method};
use jid::BareJid;
use kernel::contracts::Bans;
use kernel::{Host, random};
use netio::ClientCertificate;
use observe::names;
use sasl::{
    BindingType, ChannelBinding, Condition, Context, Failure, Mechanism, Negotiation, Offer,
};
use xmlstream::RawElement;
use xmpp_wire::negotiation::{SaslCondition, SaslFailure, SaslRequest, SaslResponse};
use xmpp_wire::{StreamCondition, StreamError};

use super::negotiate::{ATTEMPTS_MAX, Negotiating, Step, Stop};
use crate::carriers::Inbound;

impl Negotiating {
    /// The mechanisms for this stream, strongest first.
    pub(super) fn offer(&self, host: &Host) -> Vec<Mechanism> {
        let Ok(accounts) = self.door.kernel.accounts().host_options(host.name()) else {
            return Vec::new();
        };
        Offer {
            anonymous: accounts.offers_anonymous(),
            passwords: accounts.offers_passwords(),
            scram_hashes: &accounts.offers_scram_in_sasl1(),
            encrypted: self.is_tls(),
            channel_binding: !self.bindings().is_empty(),
            // Only a listener without any TLS is asked to do it in clear.
            plain_unencrypted: !self.door.options.starttls && !self.door.options.direct_tls,
            certificate: !self.certified(host).is_empty(),
            disabled: &accounts.disabled_mechanisms,
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
    fn certified(&self, host: &Host) -> Vec<BareJid> {
        let Some(carrier) = &self.carrier else { return Vec::new() };
        let now = self.door.kernel.clock().wall();
        let transport = carrier.transport();
        match transport.client_certificate(&self.door.tls, host.name(), now.into()) {
            ClientCertificate::Verified { identities } => identities
                .iter()
                .filter_map(|identity| BareJid::new(identity).ok())
                .filter(|identity| {
                    identity.domain().as_str() == host.name() && identity.node().is_some()
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// One attempt, from `<auth/>` to `<success/>` or `<failure/>`.
    pub(super) async fn authenticate(
        &mut self,
        host: &Arc<Host>,
        auth: &RawElement,
    ) -> Result<Step, Stop> {
        if self.door.options.starttls_required && !self.is_tls() {
            return self.failed(SaslCondition::EncryptionRequired.into()).await;
        }
        let (name, initial) = match SaslRequest::from_raw(auth) {
            Some(Ok(SaslRequest::Auth { mechanism, initial })) => (mechanism, initial),
            Some(Err(failure)) => return self.failed(failure).await,
            _ => return Err(StreamError::new(StreamCondition::NotAuthorized).into()),
        };
        let offered = self.offer(host);
        let Some(mechanism) =
            Mechanism::from_name(&name).filter(|mechanism| offered.contains(mechanism))
        else {
            metrics::counter!(names::AUTHENTICATIONS, "mechanism" => "none", "result" => "failed")
                .increment(1);
            return self.failed(SaslCondition::InvalidMechanism.into()).await;
        };
        let mut negotiation = Negotiation::new(mechanism, self.context(host, offered));
        let mut step = negotiation.start(initial.as_deref());
        loop {
            step = match step {
                sasl::Step::Challenge(challenge) => {
                    self.send(&SaslResponse::Challenge(challenge).to_element()).await?;
                    match self.response().await? {
                        Ok(response) => negotiation.respond(&response),
                        Err(failure) => return self.failed(failure).await,
                    }
                }
                sasl::Step::Success { identity, additional_data } => {
                    return self.succeeded(mechanism, identity, additional_data).await;
                }
                sasl::Step::Failure(failure) => {
                    tracing::info!(peer = %self.peer, %mechanism, host = host.name(), %failure, "authentication failed");
                    count(mechanism, "failed");
                    return self.failed(said(&failure)).await;
                }
                asked => self.look_up(&mut negotiation, asked).await,
            };
        }
    }

    /// Asks the accounts what the mechanism wants to know.
    async fn look_up(&mut self, negotiation: &mut Negotiation, asked: sasl::Step) -> sasl::Step {
        let accounts = self.door.kernel.accounts();
        let failed = || {
            sasl::Step::Failure(Failure {
                condition: Condition::TemporaryAuthFailure,
                text: "The accounts cannot be asked now",
            })
        };
        match asked {
            sasl::Step::NeedsVerifier { user, hash } => {
                match accounts.verifier(node(&user), user.domain().as_str(), hash).await {
                    Ok(found) => negotiation.verifier(found),
                    Err(_) => failed(),
                }
            }
            sasl::Step::NeedsPlainCheck { user, password } => {
                let checked =
                    accounts.check_password(node(&user), user.domain().as_str(), &password).await;
                self.is_guest = checked == Ok(Check::Right(Method::Anonymous));
                match checked {
                    Ok(check) => negotiation.password_checked(check.is_right()),
                    Err(_) => failed(),
                }
            }
            sasl::Step::NeedsAccount { user } => {
                match accounts.exists(node(&user), user.domain().as_str()).await {
                    Ok(exists) => negotiation.account_checked(exists),
                    Err(_) => failed(),
                }
            }
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
            downgrade_protection: !generation
                .options()
                .bool("disable_sasl_scram_downgrade_protection"),
            nonce: random::bytes(),
            decoy_key: accounts.decoy_key(),
            decoy_iterations: sasl::DEFAULT_ITERATIONS,
            certified: self.certified(host),
            anonymous: offered.contains(&Mechanism::Anonymous).then(|| accounts.anonymous_node()),
            offered,
        }
    }

    /// Waits for `<response/>`; anything else ends the attempt or the stream.
    async fn response(&mut self) -> Result<Result<Vec<u8>, SaslFailure>, Stop> {
        let Some(carrier) = &mut self.carrier else { return Err(Stop::Quietly) };
        let element = match carrier.next().await {
            Inbound::Element(element) => element,
            Inbound::Broken(error) => return Err(error.into()),
            Inbound::Opened(_) => return Err(StreamError::new(StreamCondition::InvalidXml).into()),
            Inbound::Closed | Inbound::Gone => return Err(Stop::Quietly),
        };
        match SaslRequest::from_raw(&element) {
            Some(Ok(SaslRequest::Response(response))) => Ok(Ok(response)),
            Some(Ok(SaslRequest::Abort)) => Ok(Err(SaslCondition::Aborted.into())),
            Some(Err(failure)) => Ok(Err(failure)),
            _ => Err(StreamError::new(StreamCondition::NotAuthorized).into()),
        }
    }

    async fn failed(&mut self, failure: SaslFailure) -> Result<Step, Stop> {
        self.send(&SaslResponse::Failure(failure).to_element()).await?;
        self.attempts += 1;
        if self.attempts >= ATTEMPTS_MAX {
            let error = StreamError::new(StreamCondition::PolicyViolation);
            return Err(error.with_text("Too many failed attempts to authenticate").into());
        }
        Ok(Step::Continue)
    }

    async fn succeeded(
        &mut self,
        mechanism: Mechanism,
        identity: BareJid,
        data: Option<Vec<u8>>,
    ) -> Result<Step, Stop> {
        tracing::info!(peer = %self.peer, %mechanism, account = %identity, "authenticated");
        if let Some(failure) = self.ban(&identity).await {
            return self.failed(failure).await;
        }
        count(mechanism, "ok");
        if mechanism == Mechanism::Anonymous || self.is_guest {
            // The account exists as long as this value does.
            let opened = self
                .door
                .kernel
                .accounts()
                .open_anonymous(node(&identity), identity.domain().as_str())
                .await;
            match opened {
                Ok(session) => self.anonymous = Some(Box::new(session)),
                Err(_) => return self.failed(SaslCondition::NotAuthorized.into()).await,
            }
        }
        self.account = Some(identity);
        if let Some(carrier) = &mut self.carrier {
            carrier.set_limits(self.door.options.limits);
            carrier.restart();
        }
        self.send(&SaslResponse::Success(data).to_element()).await?;
        Ok(Step::Restart)
    }
}

impl Negotiating {
    /// Why an account may not come in although it has proved who it is; only then may it know.
    async fn ban(&self, account: &BareJid) -> Option<SaslFailure> {
        let kernel = &self.door.kernel;
        let host = kernel.host(account.domain().as_str())?;
        let bans = host.generation().contract::<dyn Bans>()?;
        match bans.ban(kernel, account).await {
            Ok(None) => None,
            Ok(Some(ban)) => {
                tracing::info!(peer = %self.peer, %account, "the account is banned");
                let text = Some(format!("Account is banned: {}", ban.reason));
                Some(SaslFailure { condition: SaslCondition::AccountDisabled, text })
            }
            Err(_) => Some(SaslCondition::TemporaryAuthFailure.into()),
        }
    }
}

fn count(mechanism: Mechanism, result: &'static str) {
    metrics::counter!(names::AUTHENTICATIONS, "mechanism" => mechanism.name(), "result" => result)
        .increment(1);
}

/// The node of an identity; a mechanism proves no identity without one.
fn node(identity: &BareJid) -> &str {
    identity.node().map_or("", |node| node.as_str())
}

/// A mechanism's failure in the words of the stream.
fn said(failure: &Failure) -> SaslFailure {
    let condition = SaslCondition::from_name(failure.condition.as_str())
        .unwrap_or(SaslCondition::NotAuthorized);
    SaslFailure { condition, text: Some(failure.text.to_owned()) }
}
