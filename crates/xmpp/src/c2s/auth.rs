//! SASL on a client's stream (RFC 6120 §6, XEP-0388): which mechanisms are offered, and one attempt after the other.

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
use xmpp_wire::negotiation::{
    Inline, SaslCondition, SaslFailure, SaslProfile, SaslRequest, SaslResponse,
};
use xmpp_wire::{StreamCondition, StreamError};

use super::negotiate::{ATTEMPTS_MAX, Negotiating, Step, Stop};
use crate::carriers::Inbound;

/// What a stream is offered to authenticate with; strongest first.
#[derive(Default)]
pub(super) struct Offered {
    pub(super) rfc6120: Vec<Mechanism>,
    pub(super) extensible: Vec<Mechanism>,
    /// Channel-binding data of the connection.
    pub(super) bindings: Vec<ChannelBinding>,
    /// The accounts of the host that the client's certificate proves.
    certified: Vec<BareJid>,
}

impl Offered {
    fn of(&self, profile: SaslProfile) -> &[Mechanism] {
        match profile {
            SaslProfile::Rfc6120 => &self.rfc6120,
            SaslProfile::Extensible => &self.extensible,
        }
    }

    /// Whether the types of `bindings` are listed in the features (XEP-0440), which both profiles share.
    pub(super) fn lists_bindings(&self) -> bool {
        self.rfc6120.iter().chain(&self.extensible).any(|mechanism| mechanism.is_plus())
    }
}

/// How an attempt ends without success.
enum Refusal {
    Failure(SaslFailure),
    Stop(Stop),
}

impl From<SaslFailure> for Refusal {
    fn from(failure: SaslFailure) -> Self {
        Self::Failure(failure)
    }
}

impl From<SaslCondition> for Refusal {
    fn from(condition: SaslCondition) -> Self {
        Self::Failure(condition.into())
    }
}

impl From<StreamError> for Refusal {
    fn from(error: StreamError) -> Self {
        Self::Stop(error.into())
    }
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl Negotiating {
    /// What this stream is offered now, in both profiles.
    pub(super) fn offered(&self, host: &Host) -> Offered {
        let Ok(accounts) = self.door.kernel.accounts().host_options(host.name()) else {
            return Offered::default();
        };
        let bindings = self.bindings();
        let certified = self.certified(host);
        let shown = accounts.offers_scram_in_sasl1();
        let offer = Offer {
            anonymous: accounts.offers_anonymous(),
            passwords: accounts.offers_passwords(),
            scram_hashes: &shown,
            encrypted: self.is_tls(),
            channel_binding: !bindings.is_empty(),
            // Only a listener without any TLS is asked to do it in clear.
            plain_unencrypted: !self.door.options.starttls && !self.door.options.direct_tls,
            certificate: !certified.is_empty(),
            disabled: &accounts.disabled_mechanisms,
        };
        let rfc6120 = offer.mechanisms();
        let extensible = match self.may_use_sasl2(accounts.offers_anonymous()) {
            true => Offer { scram_hashes: &accounts.offers_scram(), ..offer }.mechanisms(),
            false => Vec::new(),
        };
        Offered { rfc6120, extensible, bindings, certified }
    }

    /// COMPAT: like ejabberd's, a client has to say in its stream header who it is (XEP-0388 §2.1); one that only knows
    /// the older profile gets shorter features. Where there is anonymous log-in, a client cannot know who it will be.
    fn may_use_sasl2(&self, anonymous: bool) -> bool {
        (self.is_tls() || self.allows_sasl2_in_clear()) && (self.claimed.is_some() || anonymous)
    }

    fn allows_sasl2_in_clear(&self) -> bool {
        self.door.options.unencrypted_sasl2 && !self.door.options.starttls_required
    }

    /// Channel-binding data of this connection.
    fn bindings(&self) -> Vec<ChannelBinding> {
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

    /// One attempt, from `<auth/>` or `<authenticate/>` to `<success/>` or `<failure/>`.
    pub(super) async fn authenticate(
        &mut self,
        host: &Arc<Host>,
        profile: SaslProfile,
        auth: &RawElement,
    ) -> Result<Step, Stop> {
        match self.attempt(host, profile, auth).await {
            Ok((data, inline)) => self.succeeded(host, profile, data, inline).await,
            Err(Refusal::Failure(failure)) => self.failed(profile, failure).await,
            Err(Refusal::Stop(stop)) => Err(stop),
        }
    }

    /// Lets an account in that proves itself; returns what the mechanism has to say about it, and what else is asked for.
    async fn attempt(
        &mut self,
        host: &Arc<Host>,
        profile: SaslProfile,
        auth: &RawElement,
    ) -> Result<(Option<Vec<u8>>, Inline), Refusal> {
        let may_be_clear = match profile {
            SaslProfile::Rfc6120 => !self.door.options.starttls_required,
            SaslProfile::Extensible => self.allows_sasl2_in_clear(),
        };
        if !self.is_tls() && !may_be_clear {
            return Err(SaslCondition::EncryptionRequired.into());
        }
        let Some(SaslRequest::Auth { mechanism: name, initial }) =
            SaslRequest::from_raw(auth).transpose()?
        else {
            return Err(StreamError::new(StreamCondition::NotAuthorized).into());
        };
        let inline = match profile {
            SaslProfile::Rfc6120 => Inline::default(),
            SaslProfile::Extensible => Inline::from_raw(auth)?,
        };
        let offered = self.offered(host);
        let known = Mechanism::from_name(&name);
        let Some(mechanism) = known.filter(|known| offered.of(profile).contains(known)) else {
            metrics::counter!(names::AUTHENTICATIONS, "mechanism" => "none", "result" => "failed")
                .increment(1);
            return Err(SaslCondition::InvalidMechanism.into());
        };
        let mut negotiation = Negotiation::new(mechanism, self.context(host, profile, offered));
        let start = negotiation.start(initial.as_deref());
        let mut is_guest = mechanism == Mechanism::Anonymous;
        let (identity, data) =
            self.prove(host, profile, &mut negotiation, start, &mut is_guest).await?;
        self.admit(mechanism, identity, is_guest).await?;
        Ok((data, inline))
    }

    /// Runs a mechanism from its first step to its end; `is_guest` becomes true when any password opens the account.
    async fn prove(
        &mut self,
        host: &Host,
        profile: SaslProfile,
        negotiation: &mut Negotiation,
        mut step: sasl::Step,
        is_guest: &mut bool,
    ) -> Result<(BareJid, Option<Vec<u8>>), Refusal> {
        let mechanism = negotiation.mechanism();
        loop {
            step = match step {
                sasl::Step::Challenge(challenge) => {
                    self.send(&SaslResponse::Challenge(challenge).to_element(profile)).await?;
                    negotiation.respond(&self.response(profile).await?)
                }
                // XEP-0388 §2.3: whoever says who it is has to be that.
                sasl::Step::Success { identity, .. }
                    if profile == SaslProfile::Extensible
                        && self.claimed.as_ref().is_some_and(|claimed| *claimed != identity) =>
                {
                    sasl::Step::Failure(Failure {
                        condition: Condition::NotAuthorized,
                        text: "The stream header names somebody else",
                    })
                }
                sasl::Step::Success { identity, additional_data } => {
                    return Ok((identity, additional_data));
                }
                sasl::Step::Failure(failure) => {
                    tracing::info!(peer = %self.peer, %mechanism, host = host.name(), %failure, "authentication failed");
                    count(mechanism, "failed");
                    return Err(said(&failure).into());
                }
                asked => self.look_up(negotiation, asked, is_guest).await,
            };
        }
    }

    /// Asks the accounts what the mechanism wants to know.
    async fn look_up(
        &self,
        negotiation: &mut Negotiation,
        asked: sasl::Step,
        is_guest: &mut bool,
    ) -> sasl::Step {
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
                *is_guest = checked == Ok(Check::Right(Method::Anonymous));
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

    fn context(&self, host: &Host, profile: SaslProfile, offered: Offered) -> Context {
        let generation = host.generation();
        let accounts = self.door.kernel.accounts();
        let anonymous = offered.of(profile).contains(&Mechanism::Anonymous);
        Context {
            host: host.bare().clone(),
            bindings_advertised: offered.lists_bindings(),
            downgrade_protection: !generation
                .options()
                .bool("disable_sasl_scram_downgrade_protection"),
            nonce: random::bytes(),
            decoy_key: accounts.decoy_key(),
            decoy_iterations: sasl::DEFAULT_ITERATIONS,
            anonymous: anonymous.then(|| accounts.anonymous_node()),
            // XEP-0474 §5.1: of the profile that the client uses.
            offered: match profile {
                SaslProfile::Rfc6120 => offered.rfc6120,
                SaslProfile::Extensible => offered.extensible,
            },
            bindings: offered.bindings,
            certified: offered.certified,
        }
    }

    /// Waits for `<response/>`; anything else ends the attempt or the stream.
    async fn response(&mut self, profile: SaslProfile) -> Result<Vec<u8>, Refusal> {
        let element = match self.next().await? {
            Inbound::Element(element) => element,
            Inbound::Broken(error) => return Err(error.into()),
            Inbound::Opened(_) => return Err(StreamError::new(StreamCondition::InvalidXml).into()),
            Inbound::Closed | Inbound::Gone => return Err(Stop::Quietly.into()),
        };
        let request = match SaslProfile::from_ns(element.ns()) == Some(profile) {
            true => SaslRequest::from_raw(&element).transpose()?,
            false => None,
        };
        match request {
            Some(SaslRequest::Response(response)) => Ok(response),
            Some(SaslRequest::Abort) => Err(SaslCondition::Aborted.into()),
            _ => Err(StreamError::new(StreamCondition::NotAuthorized).into()),
        }
    }

    async fn failed(&mut self, profile: SaslProfile, failure: SaslFailure) -> Result<Step, Stop> {
        self.send(&SaslResponse::Failure(failure).to_element(profile)).await?;
        self.attempts += 1;
        if self.attempts >= ATTEMPTS_MAX {
            let error = StreamError::new(StreamCondition::PolicyViolation);
            return Err(error.with_text("Too many failed attempts to authenticate").into());
        }
        Ok(Step::Continue)
    }

    /// From here on the stream is that of an account, unless the account may not come in.
    async fn admit(
        &mut self,
        mechanism: Mechanism,
        identity: BareJid,
        is_guest: bool,
    ) -> Result<(), Refusal> {
        tracing::info!(peer = %self.peer, %mechanism, account = %identity, "authenticated");
        if let Some(failure) = self.ban(&identity).await {
            return Err(failure.into());
        }
        count(mechanism, "ok");
        if is_guest {
            // The account exists as long as this value does.
            let opened = self
                .door
                .kernel
                .accounts()
                .open_anonymous(node(&identity), identity.domain().as_str())
                .await;
            let opened = opened.map_err(|_| SaslCondition::NotAuthorized)?;
            self.anonymous = Some(Box::new(opened));
        }
        self.account = Some(identity);
        Ok(())
    }

    async fn succeeded(
        &mut self,
        host: &Arc<Host>,
        profile: SaslProfile,
        data: Option<Vec<u8>>,
        inline: Inline,
    ) -> Result<Step, Stop> {
        let success = SaslResponse::Success(data).to_element(profile);
        let Some(carrier) = &mut self.carrier else { return Err(Stop::Quietly) };
        carrier.set_limits(self.door.options.limits);
        match profile {
            SaslProfile::Rfc6120 => {
                carrier.restart();
                self.send(&success).await?;
                Ok(Step::Restart)
            }
            // XEP-0388 §2.4: nothing else may have come meanwhile. The stream goes on, and it would be taken for
            // something that the account said.
            SaslProfile::Extensible if carrier.has_input() => {
                let error = StreamError::new(StreamCondition::PolicyViolation);
                Err(error.with_text("Nothing may be sent until authentication is over").into())
            }
            SaslProfile::Extensible => Box::pin(self.go_on(host, success, inline)).await,
        }
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
