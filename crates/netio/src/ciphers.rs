//! Translates OpenSSL cipher strings and protocol options, as `c2s_ciphers` and `c2s_protocol_options` hold them.
//!
//! The grammar is that of OpenSSL's `ciphers(1)`; the suites are the nine that the TLS library has, all of them with
//! forward secrecy and authenticated encryption, so most strings in use come out as "all" in some order.

use rustls::crypto::aws_lc_rs::cipher_suite as suite;
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use crate::tls::TlsNote;

/// One suite: its OpenSSL name, the keywords that select it, and its key length in bits.
struct Known {
    suite: SupportedCipherSuite,
    name: &'static str,
    keywords: &'static [&'static str],
    bits: u16,
}

/// Keywords that every TLS 1.2 suite here answers to.
const EVERY: &[&str] = &[
    "ALL", "DEFAULT", "HIGH", "FIPS", "ECDHE", "EECDH", "kECDHE", "kEECDH", "TLSv1.2", "AEAD",
    "SSLv3", "TLSv1",
];

const ECDSA: &str = "ECDSA";
const RSA: &str = "RSA";

/// The TLS 1.2 suites in the library's order.
fn tls12() -> [Known; 6] {
    let known = |suite, name, keywords, bits| Known { suite, name, keywords, bits };
    [
        known(
            suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            &["ECDSA", "aECDSA", "AES", "AES256", "AESGCM", "SHA384"],
            256,
        ),
        known(
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            &["ECDSA", "aECDSA", "AES", "AES128", "AESGCM", "SHA256"],
            128,
        ),
        known(
            suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            &["ECDSA", "aECDSA", "CHACHA20", "SHA256"],
            256,
        ),
        known(
            suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            "ECDHE-RSA-AES256-GCM-SHA384",
            &["RSA", "aRSA", "AES", "AES256", "AESGCM", "SHA384"],
            256,
        ),
        known(
            suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            "ECDHE-RSA-AES128-GCM-SHA256",
            &["RSA", "aRSA", "AES", "AES128", "AESGCM", "SHA256"],
            128,
        ),
        known(
            suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            "ECDHE-RSA-CHACHA20-POLY1305",
            &["RSA", "aRSA", "CHACHA20", "SHA256"],
            256,
        ),
    ]
}

/// The TLS 1.3 suites in the library's order; OpenSSL's strings select them by full name only.
fn tls13() -> [(SupportedCipherSuite, &'static str); 3] {
    [
        (suite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
        (suite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
        (suite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
    ]
}

impl Known {
    /// Whether a selector (`AES128`, `ECDHE+AESGCM`, a full name) selects this suite.
    fn answers_to(&self, selector: &str) -> bool {
        selector.split('+').all(|word| {
            word.eq_ignore_ascii_case(self.name)
                || word.eq_ignore_ascii_case(&format!("{:?}", self.suite.suite()))
                || EVERY.contains(&word)
                || self.keywords.contains(&word)
        })
    }
}

/// The suites that a cipher string leaves, best first, and what of the string has no effect.
///
/// The result may be empty for one protocol version or for both; the caller decides what that means.
pub(crate) fn select(
    option: &'static str,
    string: &str,
) -> (Vec<SupportedCipherSuite>, Vec<TlsNote>) {
    let mut notes = Vec::new();
    let mut pool: Vec<Known> = tls12().into();
    let mut chosen: Vec<Known> = Vec::new();
    let mut modern: Vec<SupportedCipherSuite> = Vec::new();
    for token in string.split([':', ',', ' ']).filter(|token| !token.is_empty()) {
        if let Some(selector) = token.strip_prefix('!') {
            pool.retain(|known| !known.answers_to(selector));
            chosen.retain(|known| !known.answers_to(selector));
        } else if let Some(selector) = token.strip_prefix('-') {
            let (out, kept): (Vec<_>, Vec<_>) =
                chosen.into_iter().partition(|known| known.answers_to(selector));
            chosen = kept;
            pool.splice(0..0, out);
        } else if let Some(selector) = token.strip_prefix('+') {
            let (last, first): (Vec<_>, Vec<_>) =
                chosen.into_iter().partition(|known| known.answers_to(selector));
            chosen = first.into_iter().chain(last).collect();
        } else if token == "@STRENGTH" {
            chosen.sort_by_key(|known| std::cmp::Reverse(known.bits));
        } else if token.starts_with('@') {
            notes.push(TlsNote::new(
                option,
                format!("`{token}` has no effect: key strengths have a fixed floor here"),
            ));
        } else if let Some((suite, _)) =
            tls13().into_iter().find(|(_, name)| token.eq_ignore_ascii_case(name))
        {
            modern.push(suite);
        } else {
            let (added, rest): (Vec<_>, Vec<_>) =
                pool.into_iter().partition(|known| known.answers_to(token));
            pool = rest;
            if added.is_empty() && !chosen.iter().any(|known| known.answers_to(token)) {
                notes.push(TlsNote::new(
                    option,
                    format!("`{token}` selects no cipher that this server has"),
                ));
            }
            chosen.extend(added);
        }
    }
    if modern.is_empty() {
        modern.extend(tls13().map(|(suite, _)| suite));
    }
    modern.extend(chosen.iter().map(|known| known.suite));
    for (auth, what) in [(ECDSA, "ECDSA"), (RSA, "RSA")] {
        if !chosen.is_empty() && !chosen.iter().any(|known| known.keywords.contains(&auth)) {
            let text = format!(
                "leaves no TLS 1.2 cipher for {what} certificates: such hosts are reachable by TLS 1.3 only"
            );
            notes.push(TlsNote::new(option, text));
        }
    }
    (modern, notes)
}

/// What a list of protocol options comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Protocols {
    pub(crate) tls12: bool,
    pub(crate) tls13: bool,
    /// Whether the server's order of ciphers wins over the client's.
    pub(crate) server_order: bool,
    /// Whether session tickets are given out.
    pub(crate) tickets: bool,
}

impl Protocols {
    /// Reads the options of `c2s_protocol_options`; those without effect are noted.
    pub(crate) fn read(option: &'static str, words: &[String]) -> (Self, Vec<TlsNote>) {
        let mut protocols = Self { tls12: true, tls13: true, server_order: false, tickets: true };
        let mut notes = Vec::new();
        for word in words
            .iter()
            .flat_map(|words| words.split('|'))
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            match word {
                "no_tlsv1_2" => protocols.tls12 = false,
                "no_tlsv1_3" => protocols.tls13 = false,
                "cipher_server_preference" => protocols.server_order = true,
                "no_ticket" => protocols.tickets = false,
                // True whatever is configured: the library has nothing older, no compression and no renegotiation.
                "no_sslv2" | "no_sslv3" | "no_tlsv1" | "no_tlsv1_1" | "no_compression"
                | "no_renegotiation" | "single_dh_use" | "single_ecdh_use" => {}
                "sslv2" | "sslv3" | "tlsv1" | "tlsv1_1" => {
                    notes.push(TlsNote::new(
                        option,
                        format!("`{word}` has no effect: the oldest version here is TLS 1.2"),
                    ));
                }
                _ => notes.push(TlsNote::new(
                    option,
                    format!("`{word}` is not known here and has no effect"),
                )),
            }
        }
        (protocols, notes)
    }

    pub(crate) fn versions(self) -> Vec<&'static SupportedProtocolVersion> {
        let tls13 = self.tls13.then_some(&rustls::version::TLS13);
        tls13.into_iter().chain(self.tls12.then_some(&rustls::version::TLS12)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(string: &str) -> (Vec<String>, Vec<String>) {
        let (suites, notes) = select("c2s_ciphers", string);
        let names = suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
        (names, notes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_usual_string_keeps_everything() {
        let (suites, notes) = names("HIGH:!aNULL:!eNULL:!3DES:@STRENGTH");
        assert_eq!(suites.len(), 9);
        assert_eq!(suites[0], "TLS13_AES_256_GCM_SHA384");
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn order_killing_and_moving_follow_openssl() {
        let (suites, _) = names("ECDHE+AESGCM:ECDHE+CHACHA20:!AES256:+ECDSA");
        assert_eq!(
            &suites[3..],
            [
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            ]
        );
        let (again, _) = names("ALL:-AES128:AES128+RSA");
        assert_eq!(again.last().unwrap(), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        assert_eq!(again.len(), 3 + 5);
    }

    #[test]
    fn what_cannot_be_had_is_noted() {
        let (suites, notes) = names("DHE-RSA-AES256-SHA:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=2");
        assert_eq!(suites.len(), 3 + 1);
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(notes[0].contains("DHE-RSA-AES256-SHA"));
        assert!(notes[2].contains("ECDSA certificates"), "{notes:?}");
    }

    #[test]
    fn tls13_suites_are_selected_by_full_name() {
        let (suites, _) = names("TLS_CHACHA20_POLY1305_SHA256");
        assert_eq!(suites, ["TLS13_CHACHA20_POLY1305_SHA256"]);
    }

    #[test]
    fn protocol_options_in_both_spellings() {
        let words = [
            "no_sslv3|cipher_server_preference".to_owned(),
            "no_tlsv1_2".to_owned(),
            "tlsv1".to_owned(),
        ];
        let (protocols, notes) = Protocols::read("c2s_protocol_options", &words);
        assert_eq!(
            protocols,
            Protocols { tls12: false, tls13: true, server_order: true, tickets: true }
        );
        assert_eq!(notes.len(), 1);
        assert_eq!(protocols.versions().len(), 1);
    }
}
