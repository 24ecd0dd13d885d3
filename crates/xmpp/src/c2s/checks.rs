//! Checks of client listeners, and of stream management.

use std::net::{IpAddr, Ipv4Addr};

use access::{Access, ShaperRef, Subject};
use accounts::HostOptions;
use settings::audit::{Check, Per, Severity, View};
use settings::{Limit, Section};

use super::options::{self, STANZA_BYTES_MAX};

const LISTENER: Check = Check { per: Per::Listener, ..Check::PLAIN };

/// Bytes that a stranger may make the server hold for one element.
const PRE_AUTH_BYTES_MUCH: u64 = 64 << 10;
/// Stanzas waiting for one session.
const QUEUE_LONG: u64 = 100_000;
/// Seconds that a dead session is kept for its client.
const RESUME_SECONDS_LONG: u64 = 24 * 3600;

/// Somebody whom no rule knows: an address for documentation (RFC 5737).
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

/// Asked of each client listener.
pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "c2s-clear",
        about: "a client listener without TLS that other machines can reach",
        why: "everybody on the way reads and changes messages (RFC 7590)",
        severity: Severity::Serious,
        judge: |view| {
            view.when(
                view.listener().faces_the_network() && !has_tls(view),
                "starttls_required",
                "clients connect here without encryption",
                "set `starttls_required: true` (or `tls: true` for direct TLS), or `ip: 127.0.0.1`",
            )
        },
        ..LISTENER
    },
    Check {
        id: "c2s-password-in-clear",
        about: "SASL PLAIN on offer without TLS, where other machines can reach it",
        why: "everybody on the way reads the password",
        severity: Severity::Serious,
        judge: |view| {
            let offers = view.config.hosts().iter().any(|host| {
                let options = HostOptions::from_section(view.config.host(host));
                let disabled = |name: &String| name.eq_ignore_ascii_case("PLAIN");
                options.offers_passwords() && !options.disabled_mechanisms.iter().any(disabled)
            });
            view.when(
                view.listener().faces_the_network() && !has_tls(view) && offers,
                "starttls",
                "clients send their passwords here in clear",
                "set `starttls_required: true`, or `disable_sasl_mechanisms: [PLAIN]`",
            )
        },
        ..LISTENER
    },
    Check {
        id: "c2s-tls-optional",
        about: "a client listener with `starttls` and without `starttls_required`",
        why: "somebody in between hides the offer, and the client goes on in clear",
        judge: |view| {
            let options = view.options();
            view.when(
                view.listener().faces_the_network()
                    && has_tls(view)
                    && !options.bool("tls")
                    && !options.bool("starttls_required"),
                "starttls",
                "clients may leave out encryption here",
                "set `starttls_required: true`",
            )
        },
        ..LISTENER
    },
    Check {
        id: "c2s-sasl2-in-clear",
        about: "`allow_unencrypted_sasl2` where other machines can reach it",
        why: "SASL2 is for encrypted streams alone (XEP-0388 §3); what comes from a proxy that ends TLS needs no open port",
        judge: |view| {
            let options = view.options();
            let encrypted = options.bool("tls") || options.bool("starttls_required");
            view.when(
                view.listener().faces_the_network()
                    && options.bool("allow_unencrypted_sasl2")
                    && !encrypted,
                "allow_unencrypted_sasl2",
                "clients may log in and take up sessions here without encryption",
                "remove the option; for a proxy that ends TLS set `ip: 127.0.0.1`, or a port `unix:PATH`",
            )
        },
        ..LISTENER
    },
    Check {
        id: "c2s-stanza-large",
        about: "`max_stanza_size` above 1 MiB",
        why: "each of many sessions may make the server hold so much at once",
        judge: |view| {
            let size = view.options().limit("max_stanza_size").finite();
            view.when(
                size.is_some_and(|bytes| bytes > u64::from(STANZA_BYTES_MAX)),
                "max_stanza_size",
                "a single stanza may be very large",
                "set `max_stanza_size: 262144`; files go by HTTP upload",
            )
        },
        ..LISTENER
    },
    Check {
        id: "c2s-stranger-large",
        about: "`pre_auth_max_stanza_size` above 64 KiB",
        why: "whoever connects makes the server hold so much, without an account",
        judge: |view| {
            let size = view.options().limit("pre_auth_max_stanza_size").finite();
            view.when(
                size.is_some_and(|bytes| bytes > PRE_AUTH_BYTES_MUCH),
                "pre_auth_max_stanza_size",
                "strangers may send large elements before they log in",
                "remove the option: 8 KiB are enough for every log-in",
            )
        },
        ..LISTENER
    },
    Check {
        id: "c2s-no-shaper",
        about: "no `shaper` for ordinary users",
        why: "one client can take all bandwidth and processor time",
        severity: Severity::Advice,
        judge: |view| {
            view.when(
                view.listener().faces_the_network() && !is_shaped(view),
                "shaper",
                "the traffic of a connection is not limited",
                "set `shaper: c2s_shaper`, and at the top level `shaper_rules: {c2s_shaper: normal}` and `shaper: {normal: 50000}`",
            )
        },
        ..LISTENER
    },
    Check {
        id: "c2s-queue-long",
        about: "`max_fsm_queue` above 100 000 stanzas",
        why: "a client that does not read makes the server hold so much for it",
        severity: Severity::Advice,
        judge: |view| {
            // COMPAT: what the listener does not say, the top level does.
            let sections = [view.options(), view.config.global()];
            let written = sections.into_iter().find(|section| section.is_set("max_fsm_queue"));
            let long = |section: &&Section| {
                let count = section.limit_if_set("max_fsm_queue").and_then(Limit::finite);
                count.is_some_and(|count| count > QUEUE_LONG)
            };
            let said = |section: &Section| {
                let what = "very many stanzas may wait for one client";
                section.problem("max_fsm_queue", what).help("remove the option")
            };
            written.filter(long).map(said).into_iter().collect()
        },
        ..LISTENER
    },
    Check {
        id: "c2s-compression",
        about: "`zlib`",
        why: "the length of compressed and then encrypted text tells of its content (CRIME; XEP-0138 §8)",
        severity: Severity::Advice,
        judge: |view| {
            view.when(
                view.options().bool("zlib"),
                "zlib",
                "streams may be compressed",
                "remove the option unless clients on very slow links need it",
            )
        },
        ..LISTENER
    },
];

const MODULE: Check = Check { per: Per::Module, severity: Severity::Advice, ..LISTENER };

/// Asked of `mod_stream_mgmt`.
pub(super) const STREAM_MGMT_CHECKS: &[Check] = &[
    Check {
        id: "resume-long",
        about: "sessions that wait longer than a day for their client",
        why: "whoever logs in often leaves that many sessions behind",
        judge: |view| {
            let long = |option: &str| {
                let time = view.options().duration_if_set(option);
                time.and_then(|time| time.finite())
                    .is_some_and(|time| time.as_secs() > RESUME_SECONDS_LONG)
            };
            let option = match long("resume_timeout") {
                true => "resume_timeout",
                false => "max_resume_timeout",
            };
            view.when(
                long(option),
                option,
                "sessions without a client stay for very long",
                "set it to some minutes",
            )
        },
        ..MODULE
    },
    Check {
        id: "ack-queue-unlimited",
        about: "`max_ack_queue: infinity`",
        why: "a client that acknowledges nothing makes the server keep up to 16 MiB for it",
        judge: |view| {
            view.when(
                view.options().limit("max_ack_queue").finite().is_none(),
                "max_ack_queue",
                "any number of stanzas may wait for one client's acknowledgement",
                "remove the option: 5000 is the default",
            )
        },
        ..MODULE
    },
];

fn has_tls(view: &View<'_>) -> bool {
    options::has_tls(view.options())
}

/// Whether an ordinary user of some host is slowed down.
fn is_shaped(view: &View<'_>) -> bool {
    // What is wrong with the rules is said elsewhere.
    let Ok((access, _)) = Access::from_config(view.config, None) else { return true };
    let rule = match view.options().node("shaper").map(|node| access.shaper_ref(node)) {
        Some(Ok((rule, _))) => rule,
        Some(Err(_)) => return true,
        None => ShaperRef::named("none"),
    };
    access.shaper(&rule, &Subject::of_ip(STRANGER)).rate().is_some()
}

#[cfg(test)]
mod tests {
    use settings::audit::{Declared, Facts, judge};
    use settings::{Inputs, Source, load};

    use super::*;

    fn found(text: String) -> Vec<&'static str> {
        let loaded =
            load(&Source::Text { name: "t".to_owned(), text }, &Inputs::default()).unwrap();
        let declared = [
            Declared { by: "ejabberd_c2s", checks: CHECKS },
            Declared { by: "mod_stream_mgmt", checks: STREAM_MGMT_CHECKS },
        ];
        judge(&loaded.config, &Facts::default(), &declared).ids()
    }

    /// A listener with options, and lines of the top level.
    fn listener(options: &str, top: &str) -> Vec<&'static str> {
        found(format!(
            "hosts: [a.test]\n{top}\nlisten:\n  - {{port: 5222, module: ejabberd_c2s, {options}}}\n"
        ))
    }

    const SHAPER: &str = "shaper: {normal: 1000}\nshaper_rules: {c2s: {none: admin, normal: all}}";

    #[test]
    fn encryption_is_asked_of_what_others_can_reach() {
        for (options, expected) in [
            ("shaper: c2s", &["c2s-clear", "c2s-password-in-clear"][..]),
            ("shaper: c2s, starttls: false, ip: \"::\"", &["c2s-clear", "c2s-password-in-clear"]),
            ("shaper: c2s, ip: 127.0.0.1", &[]),
            ("shaper: c2s, ip: \"::1\"", &[]),
            ("shaper: c2s, starttls: true", &["c2s-tls-optional"]),
            ("shaper: c2s, tls_verify: true", &["c2s-tls-optional"]),
            ("shaper: c2s, starttls: true, ip: \"::ffff:127.0.0.1\"", &[]),
            ("shaper: c2s, starttls_required: true", &[]),
            ("shaper: c2s, tls: true", &[]),
            ("shaper: c2s, tls: true, allow_unencrypted_sasl2: true", &[]),
            ("shaper: c2s, starttls_required: true, allow_unencrypted_sasl2: true", &[]),
            ("shaper: c2s, ip: 127.0.0.1, allow_unencrypted_sasl2: true", &[]),
            (
                "shaper: c2s, starttls: true, allow_unencrypted_sasl2: true",
                &["c2s-sasl2-in-clear", "c2s-tls-optional"],
            ),
        ] {
            assert_eq!(listener(options, SHAPER), expected, "{options}");
        }
        let top = format!("{SHAPER}\ndisable_sasl_mechanisms: [plain]");
        assert_eq!(listener("shaper: c2s", &top), ["c2s-clear"]);
        let top = format!("{SHAPER}\nauth_method: anonymous");
        assert_eq!(listener("shaper: c2s", &top), ["c2s-clear"]);
    }

    #[test]
    fn limits_are_asked_for() {
        let tls = "tls: true";
        for (options, top, expected) in [
            ("", "", &["c2s-no-shaper"][..]),
            ("shaper: none", SHAPER, &["c2s-no-shaper"]),
            ("ip: 127.0.0.1", SHAPER, &[]),
            // The name of a shaper, where the name of a rule belongs.
            ("shaper: normal", SHAPER, &["c2s-no-shaper"]),
            ("shaper: c2s, max_stanza_size: 2000000", SHAPER, &["c2s-stanza-large"]),
            // What is not set has a bound.
            ("shaper: c2s, max_stanza_size: infinity", SHAPER, &[]),
            ("shaper: c2s, pre_auth_max_stanza_size: 100000", SHAPER, &["c2s-stranger-large"]),
            ("shaper: c2s, max_fsm_queue: 1000000", SHAPER, &["c2s-queue-long"]),
            ("ip: 127.0.0.1", "max_fsm_queue: 1000000", &["c2s-queue-long"]),
            ("shaper: c2s, zlib: true", SHAPER, &["c2s-compression"]),
        ] {
            let options = format!("{tls}, {options}").trim_end_matches(", ").to_owned();
            assert_eq!(listener(&options, top), expected, "{options}");
        }
    }

    #[test]
    fn what_waits_for_clients_is_bounded() {
        for (options, expected) in [
            ("", &[][..]),
            ("resume_timeout: 1 hour", &[]),
            ("resume_timeout: 2 days", &["resume-long"]),
            ("max_resume_timeout: 2 days", &["resume-long"]),
            ("max_ack_queue: infinity", &["ack-queue-unlimited"]),
        ] {
            let text = format!("hosts: [a.test]\nmodules:\n  mod_stream_mgmt: {{{options}}}\n");
            assert_eq!(found(text), expected, "{options}");
        }
    }
}
