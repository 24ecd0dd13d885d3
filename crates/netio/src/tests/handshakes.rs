//! Handshakes with a rustls client: certificates by name, versions, ALPN, channel binding, STARTTLS injection.

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::{HANDSHAKE_TIMEOUT, TlsError, TlsInfo, Transport};

pub(super) fn client_config(
    site: &Site,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(site.authority.root.as_bytes()).unwrap()).unwrap();
    ClientConfig::builder_with_protocol_versions(versions)
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A handshake over memory: the client's stream or error, and the server's.
pub(super) async fn handshake(
    endpoint: &TlsEndpoint,
    config: ClientConfig,
    name: &str,
    host: Option<&str>,
) -> (std::io::Result<TlsStream<DuplexStream>>, Result<Transport, TlsError>) {
    let (near, far) = tokio::io::duplex(64 << 10);
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let client = connector.connect(name, near);
    let server = Transport::memory(far).start_tls(endpoint, host, HANDSHAKE_TIMEOUT);
    tokio::join!(client, server)
}

async fn info(endpoint: &TlsEndpoint, config: ClientConfig, name: &str) -> TlsInfo {
    let (client, server) = handshake(endpoint, config, name, None).await;
    client.unwrap();
    server.unwrap().tls_info().unwrap()
}

#[tokio::test]
async fn tls_1_3_is_hybrid_and_binds_the_channel() {
    let site = Site::with_certificates(&["a.example", "b.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let (client, server) =
        handshake(&endpoint, client_config(&site, rustls::ALL_VERSIONS), "b.example", None).await;
    let (client, server) = (client.unwrap(), server.unwrap());
    let info = server.tls_info().unwrap();
    assert_eq!((info.version, info.sni.as_deref()), ("TLSv1.3", Some("b.example")));
    assert_eq!(info.group.as_deref(), Some("X25519MLKEM768"));
    assert_eq!(info.cipher, "TLS13_AES_256_GCM_SHA384");
    assert!(info.peer_certificates.is_empty() && info.alpn.is_none());
    let connection = client.get_ref().1;
    let expected =
        connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None).unwrap();
    assert_eq!(server.tls_exporter().unwrap(), expected);
    use sha2::Digest;
    let presented = &connection.peer_certificates().unwrap()[0];
    assert_eq!(server.tls_server_end_point().unwrap(), sha2::Sha256::digest(presented).to_vec());
    assert_eq!(info.own_fingerprint[..], sha2::Sha256::digest(presented)[..]);
}

#[tokio::test]
async fn tls_1_2_gives_no_exporter() {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let config = client_config(&site, &[&rustls::version::TLS12]);
    let (client, server) = handshake(&endpoint, config, "a.example", None).await;
    client.unwrap();
    let server = server.unwrap();
    assert_eq!(server.tls_info().unwrap().version, "TLSv1.2");
    assert_eq!(server.tls_exporter(), None);
    assert!(server.tls_server_end_point().is_some());
}

#[tokio::test]
async fn the_certificate_follows_the_name_and_the_reload() {
    let site = Site::with_certificates(&["a.example", "b.example"]);
    let (store, _) = site.open();
    let (endpoint, notes) = TlsEndpoint::new(&TlsOptions::default(), Arc::clone(&store)).unwrap();
    assert_eq!(notes, []);
    let fingerprint = async |name: &str| {
        info(&endpoint, client_config(&site, rustls::ALL_VERSIONS), name).await.own_fingerprint
    };
    for name in ["a.example", "b.example"] {
        assert_eq!(Some(fingerprint(name).await), store.fingerprint(Some(name)));
    }
    let before = fingerprint("a.example").await;
    site.put("a.example.pem", &site.authority.bundle(&site.authority.issue(&["a.example"])));
    assert_eq!(store.reload(&site.options, now()), []);
    assert_ne!(fingerprint("a.example").await, before);
}

#[tokio::test]
async fn without_a_name_the_stream_s_host_decides_and_then_the_default() {
    let site = Site::with_certificates(&["a.example", "b.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let (store, _) = site.open();
    for (host, expected) in
        [(Some("b.example"), "b.example"), (Some("c.example"), "a.example"), (None, "a.example")]
    {
        let mut config = client_config(&site, rustls::ALL_VERSIONS);
        config.enable_sni = false;
        let (client, server) = handshake(&endpoint, config, expected, host).await;
        client.unwrap();
        let info = server.unwrap().tls_info().unwrap();
        assert_eq!(
            (info.sni, Some(info.own_fingerprint)),
            (None, store.fingerprint(Some(expected)))
        );
    }
}

#[tokio::test]
async fn alpn_is_agreed_or_refused_but_not_demanded() {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint =
        site.endpoint(&TlsOptions { alpn: vec![b"xmpp-client".to_vec()], ..TlsOptions::default() });
    for (offer, agreed) in [(&["xmpp-client", "h2"][..], Some(&b"xmpp-client"[..])), (&[], None)] {
        let mut config = client_config(&site, rustls::ALL_VERSIONS);
        config.alpn_protocols = offer.iter().map(|name| name.as_bytes().to_vec()).collect();
        assert_eq!(info(&endpoint, config, "a.example").await.alpn.as_deref(), agreed);
    }
    for offer in ["xmpp-server", "h2"] {
        let mut config = client_config(&site, rustls::ALL_VERSIONS);
        config.alpn_protocols = vec![offer.into()];
        let (client, server) = handshake(&endpoint, config, "a.example", None).await;
        assert!(
            client.unwrap_err().to_string().contains("NoApplicationProtocol"),
            "the alert arrives"
        );
        assert!(matches!(server, Err(TlsError::Handshake(_))));
    }
}

#[tokio::test]
async fn options_narrow_what_is_offered() {
    let site = Site::with_certificates(&["a.example"]);
    let options = |ciphers: &str, protocols: &[&str]| TlsOptions {
        ciphers: Some(ciphers.to_owned()),
        protocol_options: protocols.iter().map(ToString::to_string).collect(),
        ..TlsOptions::default()
    };
    let endpoint = site.endpoint(&options("ECDHE-ECDSA-CHACHA20-POLY1305", &["no_tlsv1_3"]));
    let agreed = info(&endpoint, client_config(&site, rustls::ALL_VERSIONS), "a.example").await;
    assert_eq!(agreed.cipher, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
    let endpoint = site.endpoint(&options("HIGH", &["no_tlsv1_2"]));
    let (client, server) =
        handshake(&endpoint, client_config(&site, &[&rustls::version::TLS12]), "a.example", None)
            .await;
    assert!(client.is_err() && matches!(server, Err(TlsError::Handshake(_))));
    for wrong in [options("HIGH", &["no_tlsv1_2|no_tlsv1_3"]), options("RC4", &["no_tlsv1_3"])] {
        let error = TlsEndpoint::new(&wrong, site.open().0).unwrap_err();
        assert!(matches!(error, TlsError::Option { .. }), "{error}");
    }
}

#[tokio::test]
async fn options_without_effect_are_noted() {
    let site = Site::new(&["a.example"]);
    let options = TlsOptions {
        dhfile: Some("/etc/dh.pem".into()),
        tls_compression: Some(true),
        verify_client: true,
        protocol_options: vec!["tlsv1".to_owned(), "no_sslv3".to_owned()],
        ..TlsOptions::default()
    };
    let (endpoint, notes) = TlsEndpoint::new(&options, site.open().0).unwrap();
    let options: Vec<_> = notes.iter().map(|note| note.option).collect();
    assert_eq!(options, ["protocol_options", "tls_verify", "dhfile", "tls_compression"]);
    assert!(endpoint.verifies_clients());
}

#[tokio::test]
async fn a_second_connection_is_resumed_and_its_channel_bound_anew() {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let config = client_config(&site, rustls::ALL_VERSIONS);
    let mut kinds = Vec::new();
    let mut exporters = Vec::new();
    for _ in 0..2 {
        let (client, server) = handshake(&endpoint, config.clone(), "a.example", None).await;
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        // The ticket comes with the first bytes.
        server.write_all(b"x").await.unwrap();
        client.read_u8().await.unwrap();
        kinds.push(client.get_ref().1.handshake_kind().unwrap());
        exporters.push(server.tls_exporter().unwrap());
        assert!(server.tls_server_end_point().is_some());
    }
    assert_eq!(kinds, [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed]);
    assert_ne!(exporters[0], exporters[1]);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_is_given_up() {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let (mut near, far) = tokio::io::duplex(1024);
    near.write_all(&[22, 3, 1, 1, 0, 1]).await.unwrap();
    let error =
        Transport::memory(far).start_tls(&endpoint, None, HANDSHAKE_TIMEOUT).await.unwrap_err();
    assert!(matches!(error, TlsError::Timeout { after: HANDSHAKE_TIMEOUT }));
    let (near, far) = tokio::io::duplex(1024);
    drop(near);
    let error =
        Transport::memory(far).start_tls(&endpoint, None, HANDSHAKE_TIMEOUT).await.unwrap_err();
    assert!(matches!(error, TlsError::Closed));
}

#[tokio::test]
async fn bytes_injected_behind_starttls_never_reach_the_stream() {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let (mut near, far) = tokio::io::duplex(64 << 10);
    let mut server = Transport::memory(far);
    near.write_all(b"<starttls/><iq id='injected'/>").await.unwrap();
    // What came along in the same read is the caller's to drop: it holds it, the transport does not.
    let mut read = Vec::new();
    server.read_burst(|bytes| read.extend_from_slice(bytes)).await.unwrap();
    assert!(read.ends_with(b"<iq id='injected'/>"));
    let connector = TlsConnector::from(Arc::new(client_config(&site, rustls::ALL_VERSIONS)));
    let client = connector.connect("a.example".try_into().unwrap(), near);
    let (client, server) =
        tokio::join!(client, server.start_tls(&endpoint, None, HANDSHAKE_TIMEOUT));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    client.write_all(b"<stream>").await.unwrap();
    let mut read = Vec::new();
    server.read_burst(|bytes| read.extend_from_slice(bytes)).await.unwrap();
    assert_eq!(read, b"<stream>");
}

#[tokio::test]
async fn bytes_injected_before_the_hello_fail_the_handshake() {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let (mut near, far) = tokio::io::duplex(64 << 10);
    near.write_all(b"<iq id='injected'/>").await.unwrap();
    let connector = TlsConnector::from(Arc::new(client_config(&site, rustls::ALL_VERSIONS)));
    let client = connector.connect("a.example".try_into().unwrap(), near);
    let server = Transport::memory(far).start_tls(&endpoint, None, HANDSHAKE_TIMEOUT);
    let (client, server) = tokio::join!(client, server);
    assert!(client.is_err());
    assert!(matches!(server, Err(TlsError::Handshake(_))));
}

#[tokio::test]
async fn a_transport_is_secured_once() {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let (_client, server) =
        handshake(&endpoint, client_config(&site, rustls::ALL_VERSIONS), "a.example", None).await;
    let error = server.unwrap().start_tls(&endpoint, None, HANDSHAKE_TIMEOUT).await.unwrap_err();
    assert!(matches!(error, TlsError::AlreadyTls));
}
