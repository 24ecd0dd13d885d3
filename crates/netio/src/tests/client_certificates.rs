//! Client certificates: let in at the handshake, judged afterwards.

use rcgen::{ExtendedKeyUsagePurpose, OtherNameValue, SanType};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::handshakes::{client_config, handshake};
use super::*;
use crate::{ClientCertificate, client_identities};

fn user(
    authority: &Authority,
    addresses: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> Pair {
    let mut params = CertificateParams::default();
    for address in addresses {
        let value = OtherNameValue::Utf8String((*address).to_owned());
        params.subject_alt_names.push(SanType::OtherName((vec![1, 3, 6, 1, 5, 5, 7, 8, 5], value)));
    }
    authority.issue_with(params, change)
}

fn with_certificate(site: &Site, authority: &Authority, pair: &Pair) -> ClientConfig {
    let base = client_config(site, rustls::ALL_VERSIONS);
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let chain = vec![der(&pair.certificate), der(&authority.intermediate)];
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der(&site.authority.root)).unwrap();
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.resumption = base.resumption;
    config
}

#[tokio::test]
async fn every_certificate_is_let_in_and_judged_by_the_ca_file() {
    let site = Site::with_certificates(&["a.example"]);
    let (trusted, foreign) = (Authority::new("Users"), Authority::new("Strangers"));
    let cafile = site.path("users.ca");
    write(&cafile, &trusted.root);
    let options = TlsOptions { verify_client: true, cafile: Some(cafile), ..TlsOptions::default() };
    let endpoint = site.endpoint(&options);
    let judged = async |config: ClientConfig| {
        let (client, server) = handshake(&endpoint, config, "a.example", None).await;
        client.unwrap();
        let server = server.unwrap();
        let verdict = server.client_certificate(&endpoint, "a.example", now());
        (verdict, server.tls_info().unwrap().peer_certificates.len())
    };
    let romeo = user(&trusted, &["romeo@a.example", "romeo@a.example", "r@b.example"], |_| {});
    let config = with_certificate(&site, &trusted, &romeo);
    let expected = ClientCertificate::Verified {
        identities: vec!["romeo@a.example".into(), "r@b.example".into()],
    };
    assert_eq!(judged(config.clone()).await, (expected.clone(), 2));
    // Judged again on the resumed connection, at which the client sends nothing.
    assert_eq!(judged(config).await.0, expected);
    let absent = judged(client_config(&site, rustls::ALL_VERSIONS)).await;
    assert_eq!(absent, (ClientCertificate::Absent, 0));
    let mallory = user(&foreign, &["romeo@a.example"], |_| {});
    let expired =
        user(&trusted, &["romeo@a.example"], |params| valid(params, now() - 9 * DAY, now() - DAY));
    let server_only = user(&trusted, &["romeo@a.example"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    for (authority, pair) in [(&foreign, mallory), (&trusted, expired), (&trusted, server_only)] {
        let (verdict, sent) = judged(with_certificate(&site, authority, &pair)).await;
        assert!(matches!(verdict, ClientCertificate::Rejected { .. }), "{verdict:?}");
        assert_eq!(sent, 2);
    }
}

#[tokio::test]
async fn nothing_is_asked_for_unless_configured() {
    let site = Site::with_certificates(&["a.example"]);
    let endpoint = site.endpoint(&TlsOptions::default());
    let romeo = user(&site.authority, &["romeo@a.example"], |_| {});
    let config = with_certificate(&site, &site.authority, &romeo);
    let (client, server) = handshake(&endpoint, config, "a.example", None).await;
    client.unwrap();
    let verdict = server.unwrap().client_certificate(&endpoint, "a.example", now());
    assert_eq!(verdict, ClientCertificate::Absent);
}

#[test]
fn a_ca_file_that_cannot_be_used_is_an_error() {
    let site = Site::new(&["a.example"]);
    let broken = site.path("broken.ca");
    write(&broken, "no certificate");
    for path in [site.path("missing.ca"), broken] {
        let options =
            TlsOptions { verify_client: true, cafile: Some(path.clone()), ..TlsOptions::default() };
        let error = TlsEndpoint::new(&options, site.open().0).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn only_clean_addresses_count_and_garbage_has_none() {
    let authority = Authority::new("Users");
    let names = ["a@b\0.example", "", "a@b.example\n", "good@b.example"];
    let pair = user(&authority, &names, |params| {
        params.subject_alt_names.push(SanType::DnsName("dns.example".try_into().unwrap()));
        params.subject_alt_names.push(SanType::Rfc822Name("mail@b.example".try_into().unwrap()));
    });
    let der = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
    assert_eq!(client_identities(&der), ["good@b.example"]);
    for cut in 0..der.len() {
        client_identities(&der[..cut]);
    }
    for at in 0..der.len() {
        let mut bytes = der.to_vec();
        bytes[at] ^= 0x41;
        client_identities(&bytes);
    }
}

#[tokio::test]
async fn a_client_is_judged_by_the_authorities_of_the_host_it_logs_in_to() {
    let site = Site::with_certificates(&["a.example", "b.example"]);
    let (of_a, of_b) = (Authority::new("A"), Authority::new("B"));
    let with = |name: &str, authority: &Authority| {
        let cafile = site.path(name);
        write(&cafile, &authority.root);
        TlsOptions { verify_client: true, cafile: Some(cafile), ..TlsOptions::default() }
    };
    let mut endpoint = site.endpoint(&with("a.ca", &of_a));
    endpoint.add_host("b.example", &with("b.ca", &of_b)).unwrap();
    // Its authority is that of a.example, and so is the name in the handshake; the address is the other host's.
    let mallory = user(&of_a, &["romeo@b.example"], |_| {});
    let config = with_certificate(&site, &of_a, &mallory);
    let (client, server) = handshake(&endpoint, config, "a.example", None).await;
    client.unwrap();
    let server = server.unwrap();
    let judge = |host| server.client_certificate(&endpoint, host, now());
    assert!(matches!(judge("a.example"), ClientCertificate::Verified { .. }));
    assert!(matches!(judge("b.example"), ClientCertificate::Rejected { .. }));
}
