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
