//! A minimal blocking XMPP client (RFC 6120) that is cheap enough not to be the bottleneck: it looks for the tags that it
//! waits for, parses nothing else, and verifies no certificate.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use memchr::memmem;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{AddressFamily, SocketType};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs as crypto};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::error::{BenchError, Doing};
use crate::scram::Exchange;

/// The virtual host of every subject.
pub(crate) const HOST: &str = "localhost";
/// How long an answer may take before a subject counts as broken.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// `<starttls/>` on a plain stream (RFC 6120 §5).
    StartTls,
    /// TLS from the first byte (XEP-0368).
    Direct,
}

/// Key exchange groups that the client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyExchange {
    /// X25519 alone.
    Classic,
    /// X25519MLKEM768 first, with X25519 for servers that do not know it.
    Hybrid,
}

/// How to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// RFC 5802.
    ScramSha1,
    /// RFC 4616.
    Plain,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    /// Port with STARTTLS.
    pub(crate) starttls: u16,
    /// Port with TLS from the first byte.
    pub(crate) direct: u16,
}

/// Everything that a log-in needs.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Node part, which needs no escaping anywhere.
    pub(crate) user: String,
    /// Password.
    pub(crate) password: String,
    /// Resource to bind.
    pub(crate) resource: String,
}

impl Account {
    /// The full JID.
    pub(crate) fn jid(&self) -> String {
        format!("{}@{HOST}/{}", self.user, self.resource)
    }
}

/// TLS settings that are shared by all connections.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Settings without certificate verification and without resumption.
    pub(crate) fn new(key_exchange: KeyExchange) -> Self {
        let mut provider = crypto::default_provider();
        if key_exchange == KeyExchange::Classic {
            provider.kx_groups = vec![crypto::kx_group::X25519];
        }
        let provider = Arc::new(provider);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        Self(Arc::new(config))
    }
}

/// One TCP connection, first in clear, then under TLS.
pub(crate) struct Connection {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    inbox: Vec<u8>,
    peer: String,
    /// Waits for bytes by asking again and again.
    busy_waiting: bool,
}

/// What has been counted in received bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// `</message>`.
    pub(crate) messages: u64,
    /// Requests for an acknowledgement (XEP-0198 `<r/>`).
    pub(crate) requests: u64,
    /// Acknowledgements (XEP-0198 `<a/>`).
    pub(crate) acks: u64,
}

impl Connection {
    /// Connects in clear; `source` is the local address, for more connections than one address has ports.
    pub(crate) fn open(port: u16, source: Option<Ipv4Addr>) -> Result<Self, BenchError> {
        let target = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let tcp = connect(target, source).doing(|| format!("connect to {target}"))?;
        tcp.set_nodelay(true).doing(|| "set TCP_NODELAY".to_owned())?;
        tcp.set_read_timeout(Some(ANSWER_TIMEOUT)).doing(|| "set the read timeout".to_owned())?;
        Ok(Self { tcp, tls: None, inbox: Vec::new(), peer: target.to_string(), busy_waiting: true })
    }

    /// Connects and negotiates TLS, by STARTTLS or directly.
    pub(crate) fn secure(
        address: Address,
        security: Security,
        tls: &Tls,
        source: Option<Ipv4Addr>,
    ) -> Result<Self, BenchError> {
        let mut connection = match security {
            Security::Direct => Self::open(address.direct, source)?,
            Security::StartTls => {
                let mut plain = Self::open(address.starttls, source)?;
                plain.send_header()?;
                plain.element(&["stream:features"], "waiting for features")?;
                plain.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")?;
                plain.element(&["proceed"], "starting TLS")?;
                plain
            }
        };
        connection.handshake(tls)?;
        Ok(connection)
    }

    /// Logs in up to and including resource binding.
    pub(crate) fn log_in(
        mut self,
        account: &Account,
        mechanism: Mechanism,
    ) -> Result<Self, BenchError> {
        self.send_header()?;
        self.element(&["stream:features"], "waiting for mechanisms")?;
        self.authenticate(account, mechanism)?;
        self.inbox.clear();
        self.send_header()?;
        self.element(&["stream:features"], "waiting for binding")?;
        let bind = format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{}</resource></bind></iq>",
            account.resource
        );
        self.send(bind.as_bytes())?;
        let (_, answer) = self.element(&["iq"], "binding a resource")?;
        if !answer.contains(&account.jid()) {
            return Err(self.unexpected("binding a resource", &answer));
        }
        Ok(self)
    }

    /// Sends initial presence (RFC 6121 §4.2) and waits until the server has sent it back.
    pub(crate) fn become_available(&mut self) -> Result<(), BenchError> {
        self.send(b"<presence/>")?;
        self.element(&["presence"], "waiting for the own presence").map(drop)
    }

    /// Enables stream management (XEP-0198); the counters begin at 0 with the next stanza.
    pub(crate) fn enable_stream_management(&mut self) -> Result<(), BenchError> {
        self.send(b"<enable xmlns='urn:xmpp:sm:3' resume='true'/>")?;
        self.element(&["enabled"], "enabling stream management").map(drop)
    }

    /// From now on sleeps while it waits for bytes, so that the other end pays for waking this one.
    pub(crate) fn wait_asleep(&mut self) {
        self.busy_waiting = false;
    }

    /// Sends bytes in one write.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        let Some(tls) = &mut self.tls else {
            return self.tcp.write_all(bytes).doing(|| format!("write to {}", self.peer));
        };
        tls.writer().write_all(bytes).doing(|| "encrypt".to_owned())?;
        while tls.wants_write() {
            tls.write_tls(&mut self.tcp).doing(|| format!("write to {}", self.peer))?;
        }
        Ok(())
    }

    /// Waits for bytes and counts what has come in completely.
    pub(crate) fn tally(&mut self) -> Result<Tally, BenchError> {
        self.fill()?;
        Ok(take_tally(&mut self.inbox))
    }

    /// Says good-bye and closes. Errors are of no interest any more.
    pub(crate) fn close(mut self) {
        drop(self.send(b"</stream:stream>"));
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            drop(tls.write_tls(&mut self.tcp));
        }
    }

    /// Waits until the server closes the connection, so that its work for the session is over.
    pub(crate) fn close_and_wait(mut self) {
        drop(self.send(b"</stream:stream>"));
        while self.fill().is_ok() {}
    }

    /// Protocol version, cipher suite and key exchange group in words.
    pub(crate) fn tls_words(&self) -> String {
        let Some(tls) = &self.tls else {
            return "no TLS".to_owned();
        };
        let version = tls.protocol_version().map(|version| format!("{version:?}"));
        let suite = tls.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        let group = tls.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
        [version, suite, group].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Sends a stream header (RFC 6120 §4.2).
    pub(crate) fn send_header(&mut self) -> Result<(), BenchError> {
        self.send(
            format!(
                "<?xml version='1.0'?><stream:stream to='{HOST}' version='1.0' xml:lang='en' \
                 xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
            )
            .as_bytes(),
        )
    }

    /// Waits for at least one more byte.
    pub(crate) fn fill(&mut self) -> Result<(), BenchError> {
        let reading = || "read an answer".to_owned();
        let mut chunk = [0_u8; 16 * 1024];
        let Some(tls) = &mut self.tls else {
            if self.busy_waiting {
                wait_readable(&self.tcp).doing(reading)?;
            }
            let count = self.tcp.read(&mut chunk).doing(reading)?;
            self.inbox.extend_from_slice(&chunk[..count]);
            return if count == 0 {
                Err(self.unexpected("reading", "end of stream"))
            } else {
                Ok(())
            };
        };
        loop {
            match tls.reader().read(&mut chunk) {
                Ok(0) => return Err(self.unexpected("reading", "end of stream")),
                Ok(count) => {
                    self.inbox.extend_from_slice(&chunk[..count]);
                    return Ok(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if self.busy_waiting {
                        wait_readable(&self.tcp).doing(reading)?;
                    }
                    let count = tls.read_tls(&mut self.tcp).doing(reading)?;
                    tls.process_new_packets()
                        .map_err(|source| BenchError::Tls { peer: self.peer.clone(), source })?;
                    if count == 0 {
                        return Err(self.unexpected("reading", "end of stream"));
                    }
                }
                Err(source) => {
                    return Err(BenchError::Io { what: reading(), source });
                }
            }
        }
    }

    /// Performs the TLS handshake on the open connection.
    pub(crate) fn handshake(&mut self, tls: &Tls) -> Result<(), BenchError> {
        let name = ServerName::try_from(HOST).expect("a valid DNS name");
        let broken = |source| BenchError::Tls { peer: self.peer.clone(), source };
        let mut session = ClientConnection::new(Arc::clone(&tls.0), name).map_err(broken)?;
        self.inbox.clear();
        let doing = || format!("TLS handshake with {}", self.peer);
        while session.is_handshaking() || session.wants_write() {
            while session.wants_write() {
                session.write_tls(&mut self.tcp).doing(doing)?;
            }
            if session.is_handshaking() {
                wait_readable(&self.tcp).doing(doing)?;
                session.complete_io(&mut self.tcp).doing(doing)?;
            }
        }
        self.tls = Some(Box::new(session));
        Ok(())
    }

    fn authenticate(&mut self, account: &Account, mechanism: Mechanism) -> Result<(), BenchError> {
        const NS: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
        const DOING: &str = "authenticating";
        if mechanism == Mechanism::Plain {
            let initial = BASE64.encode(format!("\0{}\0{}", account.user, account.password));
            self.send(format!("<auth xmlns='{NS}' mechanism='PLAIN'>{initial}</auth>").as_bytes())?;
        } else {
            let exchange = Exchange::new(&account.user);
            let first = exchange.first();
            self.send(
                format!("<auth xmlns='{NS}' mechanism='SCRAM-SHA-1'>{first}</auth>").as_bytes(),
            )?;
            let (name, challenge) = self.element(&["challenge", "failure"], DOING)?;
            let last = exchange.last(content(&challenge), &account.password);
            let Some(last) = last.filter(|_| name == "challenge") else {
                return Err(self.unexpected(DOING, &challenge));
            };
            self.send(format!("<response xmlns='{NS}'>{last}</response>").as_bytes())?;
        }
        let (name, answer) = self.element(&["success", "failure"], DOING)?;
        if name == "success" { Ok(()) } else { Err(self.unexpected(DOING, &answer)) }
    }

    /// Waits for the first complete element with one of `names`, drops everything up to its end, and returns its text.
    fn element(
        &mut self,
        names: &[&'static str],
        doing: &'static str,
    ) -> Result<(&'static str, String), BenchError> {
        loop {
            for name in names {
                if let Some((start, end)) = find_element(&self.inbox, name) {
                    let text = String::from_utf8_lossy(&self.inbox[start..end]).into_owned();
                    self.inbox.drain(..end);
                    return Ok((name, text));
                }
            }
            if let Some((start, end)) = find_element(&self.inbox, "stream:error") {
                let text = String::from_utf8_lossy(&self.inbox[start..end]).into_owned();
                return Err(self.unexpected(doing, &text));
            }
            self.fill()?;
        }
    }

    fn unexpected(&self, doing: &'static str, answer: &str) -> BenchError {
        let answer = answer.chars().take(300).collect();
        BenchError::Protocol { peer: self.peer.clone(), doing, answer }
    }
}

fn connect(target: SocketAddrV4, source: Option<Ipv4Addr>) -> std::io::Result<TcpStream> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    if let Some(source) = source {
        // Ports that wait for the end of earlier connections may be used again.
        rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &SocketAddrV4::new(source, 0))?;
    }
    rustix::net::connect(&socket, &target)?;
    Ok(TcpStream::from(socket))
}

/// Asks the kernel until the socket can be read. Polling does not lock the socket, which reading would.
fn wait_readable(tcp: &TcpStream) -> std::io::Result<()> {
    let begin = Instant::now();
    let mut fds = [PollFd::new(tcp, PollFlags::IN)];
    while rustix::event::poll(&mut fds, Some(&Timespec::default()))? == 0 {
        if begin.elapsed() > ANSWER_TIMEOUT {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
    }
    Ok(())
}

/// Start and end of the first complete `<name …>…</name>` or `<name …/>` that does not contain itself.
fn find_element(bytes: &[u8], name: &str) -> Option<(usize, usize)> {
    let open = format!("<{name}");
    let start = memmem::find_iter(bytes, &open)
        .find(|at| matches!(bytes.get(at + open.len()), Some(b' ' | b'/' | b'>' | b'\n')))?;
    let head_end = start + memchr::memchr(b'>', &bytes[start..])? + 1;
    if bytes[head_end - 2] == b'/' {
        return Some((start, head_end));
    }
    let close = format!("</{name}>");
    let at = memmem::find(&bytes[head_end..], close.as_bytes())?;
    Some((start, head_end + at + close.len()))
}

/// What stands between the first `>` and the last `<`.
fn content(element: &str) -> &str {
    let inner = element.split_once('>').map_or("", |(_, rest)| rest);
    inner.rsplit_once('<').map_or("", |(inner, _)| inner)
}

/// Counts what is complete and leaves the rest in `inbox`.
fn take_tally(inbox: &mut Vec<u8>) -> Tally {
    let mut tally = Tally::default();
    let mut done = 0;
    for at in memchr::memchr_iter(b'>', inbox) {
        let chunk = &inbox[done..=at];
        let tag = chunk.iter().rposition(|byte| *byte == b'<').map_or(chunk, |from| &chunk[from..]);
        if tag == b"</message>" {
            tally.messages += 1;
        } else if tag.starts_with(b"<r ") || tag == b"<r/>" {
            tally.requests += 1;
        } else if tag.starts_with(b"<a ") {
            tally.acks += 1;
        }
        done = at + 1;
    }
    inbox.drain(..done);
    tally
}

/// Accepts every certificate: all ends are on this machine and the certificate was made for this run.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn element_is_found_only_when_complete() {
        let text = b"<a/><iqs/><iq id='1'><x/></iq><iq";
        assert_eq!(find_element(text, "iq"), Some((10, 30)));
        assert_eq!(find_element(b"<iq id='1'><x/>", "iq"), None);
        assert_eq!(find_element(b"<success xmlns='x'/>..", "success"), Some((0, 20)));
    }

    #[test]
    fn tally_survives_any_cut() {
        let whole = b"<message a='1'><body>x</body></message><r xmlns='urn:xmpp:sm:3'/><a h='1'/><message/>";
        for cut in 0..whole.len() {
            let mut inbox = whole[..cut].to_vec();
            let first = take_tally(&mut inbox);
            inbox.extend_from_slice(&whole[cut..]);
            let second = take_tally(&mut inbox);
            assert_eq!(first.messages + second.messages, 1);
            assert_eq!(first.requests + second.requests, 1);
            assert_eq!(first.acks + second.acks, 1);
            assert!(inbox.is_empty());
        }
    }

    #[test]
    fn content_is_between_the_tags() {
        assert_eq!(content("<challenge xmlns='x'>abc=</challenge>"), "abc=");
        assert_eq!(content("<success/>"), "");
    }
}
