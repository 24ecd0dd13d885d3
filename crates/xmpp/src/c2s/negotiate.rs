//! From an accepted connection to a bound or resumed session (RFC 6120 §4.3, §5, §6, §7; XEP-0388, XEP-0386).

use std::sync::Arc;
use std::time::Duration;

use accounts::AnonymousSession;
use jid::{BareJid, Jid};
use kernel::{Host, random};
use netio::{Link, PeerAddr};
use tokio::time::Instant;
use xmlstream::{Element, RawElement, StreamHeader};
use xmpp_wire::negotiation::{
    Bind, Compression, SaslProfile, StartTls, StreamOpen, Version, write_close, write_in_stream,
};
use xmpp_wire::{
    EnvelopeError, IqType, Stanza, StanzaCondition, StanzaError, StanzaKind, StreamCondition,
    StreamError, ns,
};

use super::auth::Offered;
use super::bind::Bound;
use super::inbound::failed;
use super::session::{CLOSE_PATIENCE, ClientSession};
use super::sm::StreamMgmt;
use super::{C2s, features};
use crate::carriers::{Carrier, Inbound};

/// Writes before authentication have to be taken this soon.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(15);

/// Room for a stream header and the features behind it.
const HEADER_BYTES: usize = 1024;

/// Failed attempts to authenticate on one connection (RFC 6120 §6.4.4 asks for 2 to 5).
pub(super) const ATTEMPTS_MAX: u8 = 5;

/// A connection on its way to a session.
pub(super) struct Negotiating {
    pub(super) door: Arc<C2s>,
    /// None only while a TLS handshake has it, or when it went to a session.
    pub(super) carrier: Option<Carrier>,
    pub(super) peer: PeerAddr,
    pub(super) lang: Option<Box<str>>,
    /// Who the client says in its stream header it is; not proved.
    pub(super) claimed: Option<BareJid>,
    pub(super) account: Option<BareJid>,
    pub(super) attempts: u8,
    /// Keeps an anonymous account alive.
    pub(super) anonymous: Option<Box<AnonymousSession>>,
    /// The host of the first stream header; later ones must name it again.
    host: Option<Arc<Host>>,
    /// Our header of the present stream.
    header_sent: bool,
}

/// Why a negotiation is over.
pub(super) enum Stop {
    /// The client is gone.
    Quietly,
    /// The session, or another task that has it, takes over.
    Done(Option<Bound>),
    /// The client is told why.
    Error(StreamError),
}

impl From<StreamError> for Stop {
    fn from(error: StreamError) -> Self {
        Self::Error(error)
    }
}

/// What an element before the session leads to.
pub(super) enum Step {
    /// The next element of the same stream.
    Continue,
    /// A new stream header.
    Restart,
}

/// Negotiates within `negotiation_timeout`. Returns the session to run, if this connection becomes one.
pub(super) async fn negotiate(door: Arc<C2s>, link: Link) -> Option<Box<ClientSession>> {
    let deadline = Instant::now() + door.options.negotiation_timeout;
    let Link { transport, peer, .. } = link;
    let transport = if door.options.direct_tls {
        let patience = netio::HANDSHAKE_TIMEOUT.min(door.options.negotiation_timeout);
        match transport.start_tls(&door.tls, None, patience).await {
            Ok(transport) => transport,
            Err(error) => {
                tracing::debug!(%peer, %error, "TLS handshake failed");
                return None;
            }
        }
    } else {
        transport
    };
    let carrier = Some(Carrier::new(transport, door.options.limits_before_auth));
    let mut negotiating = Negotiating {
        door,
        carrier,
        peer,
        lang: None,
        claimed: None,
        account: None,
        attempts: 0,
        anonymous: None,
        host: None,
        header_sent: false,
    };
    let mut stopping = negotiating.door.kernel.tasks().stopping();
    let stop = tokio::select! {
        stop = negotiating.streams() => stop,
        () = tokio::time::sleep_until(deadline) => StreamError::new(StreamCondition::ConnectionTimeout).into(),
        () = stopping.wait() => StreamError::new(StreamCondition::SystemShutdown).into(),
    };
    match stop {
        Stop::Done(Some(bound)) => bound.greet().await,
        Stop::Done(None) | Stop::Quietly => None,
        Stop::Error(error) => {
            negotiating.refuse(&error).await;
            None
        }
    }
}

impl Negotiating {
    /// One stream after the other, until something ends the negotiation.
    async fn streams(&mut self) -> Stop {
        loop {
            match self.stream().await {
                Ok(()) => {}
                Err(stop) => return stop,
            }
        }
    }

    /// One stream up to its restart.
    async fn stream(&mut self) -> Result<(), Stop> {
        self.header_sent = false;
        let header = match self.next().await? {
            Inbound::Opened(header) => header,
            Inbound::Broken(error) => return Err(error.into()),
            _ => return Err(Stop::Quietly),
        };
        let (host, client) = self.accept_header(&header)?;
        let mut out = self.header(&host, client);
        write_in_stream(&self.features(&host), &mut out);
        self.write(&out).await?;
        loop {
            let step = match self.next().await? {
                Inbound::Element(element) => self.element(&host, element).await?,
                Inbound::Broken(error) => return Err(error.into()),
                Inbound::Opened(_) => {
                    return Err(StreamError::new(StreamCondition::InvalidXml).into());
                }
                Inbound::Closed => {
                    let mut out = Vec::new();
                    write_close(&mut out);
                    self.write(&out).await?;
                    return Err(Stop::Quietly);
                }
                Inbound::Gone => return Err(Stop::Quietly),
            };
            if matches!(step, Step::Restart) {
                return Ok(());
            }
        }
    }

    pub(super) async fn next(&mut self) -> Result<Inbound, Stop> {
        match &mut self.carrier {
            Some(carrier) => Ok(carrier.next().await),
            None => Err(Stop::Quietly),
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let Some(carrier) = &mut self.carrier else { return Err(Stop::Quietly) };
        carrier.write(bytes, WRITE_PATIENCE).await.map_err(|_| Stop::Quietly)
    }

    pub(super) async fn send(&mut self, element: &Element) -> Result<(), Stop> {
        self.write(&element.to_bytes("")).await
    }

    pub(super) fn is_tls(&self) -> bool {
        self.carrier.as_ref().is_some_and(|carrier| carrier.transport().is_tls())
    }

    /// RFC 6120 §4.7, §4.8: checks what the client opens.
    fn accept_header(
        &mut self,
        header: &StreamHeader,
    ) -> Result<(Arc<Host>, Option<Jid>), StreamError> {
        let open = StreamOpen::from_header(header, ns::CLIENT)?;
        if open.version.is_none_or(|version| version < Version::V1_0) {
            return Err(StreamError::new(StreamCondition::UnsupportedVersion));
        }
        let to = open.to.ok_or_else(|| StreamError::new(StreamCondition::ImproperAddressing))?;
        let from = open.from.as_ref().filter(|from| from.node().is_some());
        if from.is_some_and(|from| from.domain() != to.domain()) {
            return Err(StreamError::new(StreamCondition::InvalidFrom));
        }
        let unknown = || StreamError::new(StreamCondition::HostUnknown);
        let host = self.door.kernel.host(to.as_str()).ok_or_else(unknown)?;
        // Nothing that was agreed for one host may be used for another.
        if self.host.as_ref().is_some_and(|first| first.name() != host.name()) {
            return Err(unknown());
        }
        let carrier = self.carrier.as_ref();
        if carrier.is_some_and(|it| !it.transport().is_allowed(&self.door.tls, host.name())) {
            let text = "this host wants a newer TLS version or another cipher: name it in the TLS handshake too";
            return Err(StreamError::new(StreamCondition::PolicyViolation).with_text(text));
        }
        self.host = Some(host.clone());
        self.claimed = from.filter(|_| self.account.is_none()).map(Jid::to_bare);
        self.lang = open.lang.map(Into::into);
        Ok((host, open.from))
    }

    fn header(&mut self, host: &Host, client: Option<Jid>) -> Vec<u8> {
        let lang = host.generation().options().text("language").unwrap_or("en").to_owned();
        let open = StreamOpen {
            from: Some(host.jid()),
            to: client,
            id: Some(random::token()),
            version: Some(Version::V1_0),
            lang: Some(lang),
            dialback: false,
        };
        let mut out = Vec::with_capacity(HEADER_BYTES);
        open.write(&mut out, ns::CLIENT);
        self.header_sent = true;
        out
    }

    pub(super) fn features(&self, host: &Arc<Host>) -> Element {
        let generation = host.generation();
        if self.account.is_some() {
            let compression = self.offers_compression().then(Compression::offer);
            return features::after_auth(compression, generation.stream_features());
        }
        let may_start_tls = self.door.options.starttls && !self.is_tls();
        let starttls = may_start_tls.then(|| StartTls::offer(self.door.options.starttls_required));
        if may_start_tls && self.door.options.starttls_required {
            return features::before_auth(starttls, &Offered::default(), false);
        }
        let managed = StreamMgmt::of(&generation).is_some();
        features::before_auth(starttls, &self.offered(host), managed)
    }

    async fn element(&mut self, host: &Arc<Host>, element: RawElement) -> Result<Step, Stop> {
        match (element.ns(), element.name(), self.account.is_some()) {
            (ns::TLS, "starttls", false) => self.start_tls().await,
            // Boxed: a stranger who never gets so far costs no room for it.
            (ns::SASL, "auth", false) => {
                Box::pin(self.authenticate(host, SaslProfile::Rfc6120, &element)).await
            }
            (ns::SASL2, "authenticate", false) => {
                Box::pin(self.authenticate(host, SaslProfile::Extensible, &element)).await
            }
            (ns::COMPRESS, "compress", true) => self.compress(&element).await,
            (ns::SM | ns::SM_2, "resume", true) => self.resume(host, &element).await,
            (ns::SM | ns::SM_2, _, true) => {
                self.sm_failed(&element, failed(StanzaCondition::UnexpectedRequest)).await
            }
            (ns::CLIENT, "iq", true) => self.bind_request(host, element).await,
            // RFC 6120 §4.9.3.12: stanzas before authentication; §7.1: stanzas before binding.
            (ns::CLIENT, "iq" | "message" | "presence", _) => {
                Err(StreamError::new(StreamCondition::NotAuthorized).into())
            }
            (ns::TLS | ns::SASL | ns::SASL2, ..) => {
                Err(StreamError::new(StreamCondition::PolicyViolation).into())
            }
            _ => Err(StreamError::new(StreamCondition::UnsupportedStanzaType).into()),
        }
    }

    async fn start_tls(&mut self) -> Result<Step, Stop> {
        if !self.door.options.starttls || self.is_tls() {
            self.send(&StartTls::Failure.to_element()).await?;
            return Err(Stop::Quietly);
        }
        self.send(&StartTls::Proceed.to_element()).await?;
        let Some(carrier) = self.carrier.take() else { return Err(Stop::Quietly) };
        let host = self.host.take();
        let name = host.as_deref().map(Host::name);
        match carrier.start_tls(&self.door.tls, name, netio::HANDSHAKE_TIMEOUT).await {
            Ok(carrier) => {
                // RFC 6120 §5.4.3.3: nothing learnt in clear counts any more.
                self.lang = None;
                self.carrier = Some(carrier);
                Ok(Step::Restart)
            }
            Err(error) => {
                tracing::debug!(peer = %self.peer, %error, "TLS handshake failed");
                Err(Stop::Quietly)
            }
        }
    }

    /// COMPAT: compression is offered after authentication only, as in ejabberd; before it, it would help attackers.
    fn offers_compression(&self) -> bool {
        let compressed = self.carrier.as_ref().is_some_and(Carrier::is_compressed);
        self.door.options.zlib && !compressed
    }

    /// XEP-0138 §4: compresses the stream from here on, which begins anew.
    async fn compress(&mut self, request: &RawElement) -> Result<Step, Stop> {
        let refusal = match Compression::from_raw(request) {
            _ if !self.offers_compression() => Compression::SetupFailed,
            Some(Compression::Request) if !Carrier::may_compress() => Compression::SetupFailed,
            Some(Compression::Request) => {
                self.send(&Compression::Compressed.to_element()).await?;
                let Some(carrier) = &mut self.carrier else { return Err(Stop::Quietly) };
                return if carrier.compress() { Ok(Step::Restart) } else { Err(Stop::Quietly) };
            }
            _ => Compression::UnsupportedMethod,
        };
        self.send(&refusal.to_element()).await?;
        Ok(Step::Continue)
    }

    async fn bind_request(&mut self, host: &Arc<Host>, element: RawElement) -> Result<Step, Stop> {
        let stanza = match Stanza::from_raw(element) {
            Ok(stanza) => stanza,
            Err(EnvelopeError::Rejected(rejected)) => {
                let mut out = Vec::new();
                rejected.reply().into_iter().for_each(|reply| reply.write(&mut out));
                self.write(&out).await?;
                return Ok(Step::Continue);
            }
            Err(error) => return Err(StreamError::from(error).into()),
        };
        let bind = stanza.payload().and_then(|payload| Bind::from_element(&payload.parse()));
        match bind {
            Some(bind) if stanza.kind() == StanzaKind::Iq(IqType::Set) => {
                self.bind(host, &stanza, bind.resource).await
            }
            _ => {
                // RFC 6120 §7.1: nothing but binding before binding.
                let refusal = stanza.error_reply(&StanzaError::new(StanzaCondition::NotAllowed));
                let Some(refusal) = refusal else { return Ok(Step::Continue) };
                let mut out = Vec::new();
                refusal.write(&mut out);
                self.write(&out).await?;
                Ok(Step::Continue)
            }
        }
    }

    /// Tells the client why there will be no session (RFC 6120 §4.9).
    async fn refuse(&mut self, error: &StreamError) {
        let Some(carrier) = self.carrier.take() else { return };
        let mut out = Vec::new();
        if !self.header_sent {
            // RFC 6120 §4.9.1.2: an error needs a stream to be in.
            let from = self.host.as_ref().map(|host| host.jid());
            let lang = Some("en".to_owned());
            let id = Some(random::token());
            let header = StreamOpen {
                from,
                id,
                lang,
                version: Some(Version::V1_0),
                ..StreamOpen::default()
            };
            header.write(&mut out, ns::CLIENT);
        }
        error.write(&mut out);
        write_close(&mut out);
        carrier.finish(&out, CLOSE_PATIENCE).await;
    }
}
