//! Hosts with TLS options of their own behind one listener.

use super::handshakes::{client_config, handshake};
use super::*;

fn endpoint(site: &Site) -> TlsEndpoint {
    let mut endpoint = site.endpoint(&TlsOptions::default());
    let modern =
        TlsOptions { protocol_options: vec!["no_tlsv1_2".to_owned()], ..TlsOptions::default() };
    assert!(endpoint.add_host("B.example", &modern).unwrap().is_empty());
    endpoint
}

/// The version that a client which has nothing newer than TLS 1.2 gets, or none.
async fn old_client(
    endpoint: &TlsEndpoint,
    mut config: rustls::ClientConfig,
    sni: bool,
    name: &str,
    host: Option<&str>,
) -> bool {
    config.enable_sni = sni;
    handshake(endpoint, config, name, host).await.1.is_ok()
}

#[tokio::test]
async fn the_name_asked_for_decides_then_the_stream_then_the_listener() {
    let site = Site::with_certificates(&["a.example", "b.example"]);
    let endpoint = endpoint(&site);
    let config = client_config(&site, &[&rustls::version::TLS12]);
    let cases = [
        (true, "a.example", None, true),
        (true, "b.example", None, false),
        (true, "b.EXAMPLE", None, false),
        // What the client asks for wins over the stream that it opened.
        (true, "b.example", Some("a.example"), false),
        (false, "b.example", Some("b.example"), false),
        (false, "a.example", Some("a.example"), true),
    ];
    for (sni, name, host, expected) in cases {
        let agreed = old_client(&endpoint, config.clone(), sni, name, host).await;
        assert_eq!(agreed, expected, "{sni} {name} {host:?}");
    }
    let modern = client_config(&site, rustls::ALL_VERSIONS);
    assert!(old_client(&endpoint, modern, true, "b.example", None).await);
}

/// What a client agreed under one host's name counts for another host only as far as that one would have agreed.
#[tokio::test]
async fn a_weaker_host_is_no_way_around_the_options_of_another() {
    let site = Site::with_certificates(&["a.example", "b.example"]);
    let endpoint = endpoint(&site);
    let old = client_config(&site, &[&rustls::version::TLS12]);
    let new = client_config(&site, rustls::ALL_VERSIONS);
    for (config, sni, host, expected) in [
        (&old, "a.example", "a.example", true),
        (&old, "a.example", "b.example", false),
        (&old, "a.example", "B.EXAMPLE", false),
        (&old, "a.example", "c.example", true),
        (&new, "a.example", "b.example", true),
        (&new, "b.example", "a.example", true),
    ] {
        let (client, server) = handshake(&endpoint, config.clone(), sni, None).await;
        client.unwrap();
        assert_eq!(server.unwrap().is_allowed(&endpoint, host), expected, "{sni} {host}");
    }
    let mut endpoint = endpoint;
    let cipher = TlsOptions {
        ciphers: Some("ECDHE-ECDSA-CHACHA20-POLY1305".to_owned()),
        ..TlsOptions::default()
    };
    endpoint.add_host("c.example", &cipher).unwrap();
    let (client, server) = handshake(&endpoint, old, "a.example", None).await;
    client.unwrap();
    let server = server.unwrap();
    let agreed = server.tls_info().unwrap().cipher;
    assert!(!server.is_allowed(&endpoint, "c.example"), "{agreed}");
}

#[tokio::test]
async fn options_of_a_host_that_leave_nothing_are_refused() {
    let site = Site::with_certificates(&["a.example"]);
    let mut endpoint = site.endpoint(&TlsOptions::default());
    let nothing = TlsOptions {
        protocol_options: vec!["no_tlsv1_2|no_tlsv1_3".to_owned()],
        ..TlsOptions::default()
    };
    assert!(endpoint.add_host("a.example", &nothing).is_err());
}
