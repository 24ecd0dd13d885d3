//! The options as they come from a configuration file.

use settings::{Config, Inputs, Source, load};

use super::*;
use crate::{ListenAddress, ListenSpec, Shaper};

fn config(text: &str) -> Config {
    let source = Source::Text { name: "test.yml".into(), text: text.into() };
    match load(&source, &Inputs::default()) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{problems:?}"),
    }
}

const FILE: &str = r#"
hosts: [a.example, b.example]
certfiles: ["/etc/certs/*.pem"]
ca_file: /etc/ca.pem
c2s_ciphers: [HIGH, "!aNULL"]
host_config:
  b.example:
    c2s_cafile: /etc/b.pem
    c2s_protocol_options: [no_tlsv1_2, cipher_server_preference]
listen:
  - port: 5222
    ip: "::"
    module: ejabberd_c2s
    ciphers: LOW
    dhfile: /etc/dh.pem
    tls_verify: true
    backlog: 7
    accept_interval: 20
    send_timeout: infinity
    use_proxy_protocol: true
  - port: "unix:c2s.sock"
    module: ejabberd_c2s
    unix_socket: {mode: "0660", group: 5}
"#;

#[test]
fn listeners_are_read_with_their_defaults() {
    let config = config(FILE);
    let specs: Vec<_> = config
        .listeners()
        .iter()
        .map(|one| ListenSpec::from_config(one, Path::new("/spool")))
        .collect();
    let tcp = ListenSpec {
        backlog: 7,
        accept_interval: Duration::from_millis(20),
        send_timeout: None,
        use_proxy_protocol: true,
        ..ListenSpec::tcp(std::net::Ipv6Addr::UNSPECIFIED, 5222)
    };
    let mut unix = ListenSpec::new(ListenAddress::Unix("/spool/c2s.sock".into()));
    unix.unix_socket.mode = Some(0o660);
    unix.unix_socket.group = Some(5);
    assert_eq!(specs, [tcp, unix]);
}

#[test]
fn the_host_s_tls_options_win_over_the_listener_s() {
    let config = config(FILE);
    let (first, second) = (&config.listeners()[0].options, &config.listeners()[1].options);
    let of = |listener, host| TlsOptions::for_c2s(listener, config.host(host), config.global());
    let expected = TlsOptions {
        ciphers: Some("HIGH:!aNULL".to_owned()),
        dhfile: Some("/etc/dh.pem".into()),
        cafile: Some("/etc/ca.pem".into()),
        tls_compression: Some(false),
        verify_client: true,
        ..TlsOptions::default()
    };
    assert_eq!(of(first, "a.example"), expected);
    let b = of(second, "b.example");
    assert_eq!(b.cafile, Some("/etc/b.pem".into()));
    assert_eq!(b.protocol_options, ["no_tlsv1_2|cipher_server_preference"]);
    assert!(!b.verify_client);
    let certificates = CertOptions::from_config(&config, None);
    assert_eq!(certificates.hosts, ["a.example", "b.example"]);
    assert_eq!(certificates.certfiles, ["/etc/certs/*.pem"]);
}

#[test]
fn plain_rates_become_shapers() {
    assert_eq!(Shaper::from(settings::Limit::Infinite), Shaper::NONE);
    assert_eq!(Shaper::from(settings::Limit::At(500)), Shaper::new(500, Some(500)));
}
