//! Checks of what every listener has: the PROXY header, TLS and its certificates.

use settings::audit::{Check, Per, Severity, View};
use settings::{Problem, Value};

use crate::certs::CertProblem;
use crate::ciphers::{Protocols, select};

/// What is wrong with the certificates, as a fact for [`CHECKS`].
#[derive(Clone, Debug, Default)]
pub struct CertReport(pub Vec<CertProblem>);

const LISTENER: Check = Check { per: Per::Listener, ..Check::PLAIN };

/// Asked for each listener, whatever its door.
pub const LISTENER_CHECKS: &[Check] = &[Check {
    id: "proxy-header-from-anybody",
    about: "a listener that takes PROXY headers and can be reached from other machines",
    why: "whoever connects may claim any address, and bans, access rules and logs believe it",
    judge: |view| {
        view.when(
            view.options().bool("use_proxy_protocol") && view.listener().faces_the_network(),
            "use_proxy_protocol",
            "anybody who connects here may claim to come from any address",
            "set `ip` to the address that only the proxy reaches (127.0.0.1, or a Unix socket), or close the port \
             for all but the proxy in the firewall",
        )
    },
    ..LISTENER
}];

const SERVER: Check = Check { per: Per::Server, ..LISTENER };

/// Asked once: the certificates, and the TLS options of hosts.
pub const CHECKS: &[Check] = &[
    Check {
        id: "certificate-unusable",
        about: "certificates that are expired, not valid yet, weakly signed, unreadable or without their key",
        why: "clients refuse the connection, or learn to accept any certificate",
        severity: Severity::Serious,
        judge: |view| {
            certificates(view, |problem| {
                matches!(
                    problem,
                    CertProblem::Expired { .. }
                        | CertProblem::NotYetValid { .. }
                        | CertProblem::WeakSignature { .. }
                        | CertProblem::Unreadable { .. }
                        | CertProblem::NoSuchFile { .. }
                        | CertProblem::NoKey { .. }
                        | CertProblem::KeyUnusable { .. }
                )
            })
        },
        ..SERVER
    },
    Check {
        id: "certificate-ends-soon",
        about: "certificates that end within two weeks, lack their chain, or name the host as clients no longer look",
        why: "clients will refuse the connection, all of them or some",
        judge: |view| {
            certificates(view, |problem| {
                matches!(
                    problem,
                    CertProblem::ExpiresSoon { .. }
                        | CertProblem::ChainIncomplete { .. }
                        | CertProblem::CommonNameOnly { .. }
                )
            })
        },
        ..SERVER
    },
    Check {
        id: "certificate-self-signed",
        about: "a host without a certificate that clients can verify, on a listener that other machines reach",
        why: "clients cannot tell this server from somebody in between",
        judge: |view| {
            let faces = view.config.listeners().iter().any(|listener| listener.faces_the_network());
            if !faces {
                return Vec::new();
            }
            certificates(view, |problem| {
                matches!(problem, CertProblem::SelfSigned { .. } | CertProblem::NoneForHost { .. })
            })
        },
        ..SERVER
    },
    Check {
        id: "tls-1.3-off",
        about: "`no_tlsv1_3` in `c2s_protocol_options`",
        why: "only TLS 1.3 has the hybrid key exchange that recordings of today resist with tomorrow's computers",
        per: Per::Host,
        judge: |view| {
            let words: Vec<String> = words(view.options().get("c2s_protocol_options"));
            let (protocols, _) = Protocols::read("c2s_protocol_options", &words);
            let what = "TLS 1.3 is switched off";
            view.when(!protocols.tls13, "c2s_protocol_options", what, "remove `no_tlsv1_3`")
        },
        ..LISTENER
    },
    Check {
        id: "tls-old-asked",
        about: "TLS versions or ciphers below this server's floor (TLS 1.2, forward secrecy, authenticated encryption)",
        why: "they have no effect here, and whoever reads the file believes that they have",
        severity: Severity::Advice,
        per: Per::Host,
        judge: old_tls,
        ..LISTENER
    },
];

fn certificates(view: &View<'_>, of_kind: fn(&CertProblem) -> bool) -> Vec<Problem> {
    let report = view.fact::<CertReport>().into_iter().flat_map(|report| &report.0);
    let told = |problem: &CertProblem| {
        let text = problem.to_string();
        let (what, mend) = match (problem, text.rsplit_once(": ")) {
            (CertProblem::SelfSigned { host, .. } | CertProblem::NoneForHost { host, .. }, _) => (
                format!("no certificate in `certfiles` is for {host}: a self-signed one is used"),
                format!("get a certificate for {host} and name its files in `certfiles`"),
            ),
            (CertProblem::Unreadable { .. } | CertProblem::KeyUnusable { .. }, _) | (_, None) => {
                (text, "replace the file; a new one is in use within a minute".to_owned())
            }
            (_, Some((what, mend))) => (what.to_owned(), mend.to_owned()),
        };
        view.at("certfiles", what).help(mend)
    };
    report.filter(|problem| of_kind(problem)).map(told).collect()
}

fn old_tls(view: &View<'_>) -> Vec<Problem> {
    let options = view.options();
    let (option, ciphers) = ("c2s_protocol_options", "c2s_ciphers");
    let words = words(options.get(option));
    let mut split = words.iter().flat_map(|words| words.split('|')).map(str::trim);
    let old = split.find(|word| matches!(*word, "sslv2" | "sslv3" | "tlsv1" | "tlsv1_1"));
    let mut found: Vec<Problem> = Vec::new();
    if let Some(old) = old {
        let what = format!("`{old}` is asked for, and the oldest version here is TLS 1.2");
        found.push(view.at(option, what).help(format!("remove `{old}`")));
    }
    let wanted = crate::configured::joined(options.get(ciphers), ":").unwrap_or_default();
    let (_, notes) = select(ciphers, &wanted);
    if let Some(note) = notes.first() {
        let mend = "name ciphers that are there, or remove the option: the defaults are RFC 9325's";
        found.push(view.at(ciphers, note.text.clone()).help(mend));
    }
    found
}

fn words(value: &Value) -> Vec<String> {
    crate::configured::joined(value, "|").into_iter().collect()
}

#[cfg(test)]
mod tests {
    use settings::audit::{Declared, Facts, judge};
    use settings::{Inputs, Source, load};

    use super::*;

    fn found(text: &str, facts: &Facts) -> Vec<&'static str> {
        let text = format!("hosts: [a.test]\n{text}");
        let loaded =
            load(&Source::Text { name: "t".to_owned(), text }, &Inputs::default()).unwrap();
        let declared = [
            Declared { by: "ejabberd_c2s", checks: LISTENER_CHECKS },
            Declared { by: "TLS", checks: CHECKS },
        ];
        judge(&loaded.config, facts, &declared).ids()
    }

    fn listener(ip: &str, proxy: bool) -> String {
        format!(
            "listen:\n  -\n    port: 5222\n    ip: \"{ip}\"\n    module: ejabberd_c2s\n    use_proxy_protocol: {proxy}\n"
        )
    }

    #[test]
    fn proxy_headers_are_for_proxies() {
        let none = Facts::default();
        for (ip, proxy, fires) in [
            ("::", true, true),
            ("127.0.0.1", true, false),
            ("::1", true, false),
            ("::", false, false),
        ] {
            let expected = if fires { &["proxy-header-from-anybody"][..] } else { &[] };
            assert_eq!(found(&listener(ip, proxy), &none), expected, "{ip} {proxy}");
        }
    }

    #[test]
    fn certificates_are_judged_by_what_was_found() {
        let host = || "a.test".to_owned();
        let path = || "/c.pem".into();
        let expired = CertProblem::Expired { path: path(), subject: host() };
        let soon = CertProblem::ExpiresSoon { path: path(), subject: host(), days: 3 };
        let own = CertProblem::SelfSigned { host: host(), fingerprint: String::new() };
        for (problem, ip, expected) in [
            (expired, "127.0.0.1", &["certificate-unusable"][..]),
            (soon, "127.0.0.1", &["certificate-ends-soon"]),
            (own.clone(), "::", &["certificate-self-signed"]),
            (own, "127.0.0.1", &[]),
        ] {
            let facts = Facts::default().with(CertReport(vec![problem.clone()]));
            assert_eq!(found(&listener(ip, false), &facts), expected, "{problem}");
        }
        assert_eq!(found(&listener("::", false), &Facts::default()), Vec::<&str>::new());
    }

    #[test]
    fn tls_options_below_the_floor_and_without_the_newest_are_told() {
        let none = Facts::default();
        for (text, expected) in [
            ("c2s_protocol_options: [no_tlsv1_3]", &["tls-1.3-off"][..]),
            ("c2s_protocol_options: [tlsv1_1]", &["tls-old-asked"]),
            ("c2s_ciphers: \"RC4-SHA:HIGH\"", &["tls-old-asked"]),
            ("c2s_ciphers: \"HIGH:!aNULL:!3DES\"", &[]),
            ("c2s_protocol_options: [no_sslv3, no_tlsv1]", &[]),
            ("", &[]),
        ] {
            assert_eq!(found(text, &none), expected, "{text}");
        }
    }
}
