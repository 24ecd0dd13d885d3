//! The security audit: its checks as a whole, what known configurations yield, and `docs/audit.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use settings::audit::{Check, Guide, Per, Severity};
use settings::{Inputs, Source, exposure};

use crate::audit::{Surroundings, declared, of_file};

/// A duty of the guide: its section, what to see to, the checks that do, and what the server does by itself.
struct Duty(Guide, &'static str, &'static [&'static str], &'static str);

const TLS: &[&str] = &[
    "c2s-clear",
    "c2s-password-in-clear",
    "c2s-tls-optional",
    "c2s-sasl2-in-clear",
    "tls-1.3-off",
    "tls-old-asked",
    "certificate-unusable",
    "certificate-ends-soon",
    "certificate-self-signed",
];

#[rustfmt::skip]
const DUTIES: &[Duty] = &[
    Duty(Guide::Firewall, "5222, 5223: clients connect encrypted, and know whom they connect to", TLS,
        "TLS 1.2 is the floor; a host without a certificate gets one of its own"),
    Duty(Guide::Firewall, "5222, 5223: one client cannot take everything",
        &["c2s-stanza-large", "c2s-stranger-large", "c2s-no-shaper", "c2s-queue-long", "c2s-compression", "resume-long",
          "ack-queue-unlimited", "offline-unlimited"],
        "every queue and buffer has a bound, smaller before the log-in than after it"),
    Duty(Guide::Firewall, "5222, 5223: only those who should log in, under their own names",
        &["anonymous", "anonymous-names-chosen", "anonymous-shared-names", "scram-downgrade"], ""),
    Duty(Guide::Firewall, "5222, 5223: the server tells strangers no more than it must", &["version-tells-system"], ""),
    Duty(Guide::Firewall, "any port behind a proxy: only the proxy reaches it", &["proxy-header-from-anybody"], ""),
    Duty(Guide::Firewall, "any way in: administrators alone administer",
        &["commands-for-strangers", "commands-for-every-account", "configure-for-every-account"],
        "the control socket takes root and the server's own user"),
    Duty(Guide::Firewall, "3478, 5349 and the range of relay ports: relays for those with an account, to public addresses",
        &["turn-anonymous", "turn-private-peers", "turn-test-mode", "turn-range-clash", "turn-quota", "turn-bandwidth",
          "relay-secret-weak", "relay-login-long"],
        "special-purpose addresses and the server's own are refused whatever `turn_blacklist` says"),
    Duty(Guide::Firewall, "5269, 5280, 5443, 1883, 8883, 5060, 5061, 7777", &[],
        "nothing of this version listens there"),
    Duty(Guide::Epmd, "4369: only those machines reach it that must", &["epmd-open"],
        "there is none unless Erlang nodes are asked for, and then on loopback addresses; rookeryctl needs none"),
    Duty(Guide::Epmd, "the ports of nodes: few and known, or 5210 alone (`ERL_DIST_PORT`)", &["erlang-ports-open"], ""),
    Duty(Guide::Epmd, "the interface of nodes: loopback, or TLS", &["erlang-in-clear"],
        "a node on `localhost` listens on loopback"),
    Duty(Guide::Cookie, "a cookie that nobody guesses, and that others do not see",
        &["erlang-cookie-weak", "erlang-cookie-in-options"],
        "a missing one is made from the system's generator; one that others can read stops the start"),
    Duty(Guide::NodeName, "a name that reaches no further than it must", &["erlang-name-long"], ""),
    Duty(Guide::Files, "configuration, database, cookie, keys, log: for the server's user alone", &["files-exposed"],
        "they are made so whatever the umask, and the start is refused otherwise (docs/files.md)"),
    Duty(Guide::Files, "the log holds no more than it must", &["log-debug", "log-modules-fully"],
        "passwords cannot be logged at any level"),
    Duty(Guide::Files, "a stolen database gives no passwords away", &["passwords-in-clear"],
        "verifiers are stored instead, unless clear text is asked for"),
];

fn checks() -> Vec<(&'static str, &'static Check)> {
    let mut all: Vec<(&str, &Check)> = Vec::new();
    for declared in declared() {
        for check in declared.checks {
            match all.iter_mut().find(|(_, known)| known.id == check.id) {
                Some((by, _)) => *by = "every listener",
                None => all.push((declared.by, check)),
            }
        }
    }
    all
}

#[test]
fn checks_have_names_reasons_and_a_duty_of_the_guide() {
    let mut ids = BTreeSet::new();
    for (by, check) in checks() {
        let id = check.id;
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        assert!(ids.insert(id) && id.chars().all(word), "{id}");
        assert!(!check.about.is_empty() && !check.why.is_empty(), "{id}");
        assert!(!check.about.ends_with('.') && !check.why.ends_with('.'), "{id}");
        let served =
            DUTIES.iter().any(|Duty(guide, _, ids, _)| *guide == check.guide && ids.contains(&id));
        assert!(served, "{id} of {by} serves no duty of its section");
        let is_module = by.starts_with("mod_");
        assert_eq!(check.per == Per::Module, is_module, "{id} of {by}");
    }
    let named: BTreeSet<&str> =
        DUTIES.iter().flat_map(|Duty(_, _, ids, _)| ids.iter().copied()).collect();
    assert_eq!(named, ids);
    assert!(Guide::ALL.iter().all(|guide| DUTIES.iter().any(|duty| duty.0 == *guide)));
    // Only what all doors share may be declared twice.
    let total: usize = declared().iter().map(|declared| declared.checks.len()).sum();
    let doors: usize = crate::lists::DOORS.iter().map(|doors| doors.len()).sum();
    assert_eq!(total, ids.len() + (doors - 1) * netio::LISTENER_CHECKS.len());
}

fn found(text: &str) -> Vec<(Severity, &'static str)> {
    let source = Source::Text { name: "t".to_owned(), text: text.to_owned() };
    let loaded = settings::load(&source, &Inputs::default()).unwrap();
    let findings = of_file(&loaded, &Surroundings::default());
    findings.list().iter().map(|it| (it.check.severity, it.check.id)).collect()
}

#[test]
fn the_embedded_defaults_yield_the_missing_certificate_alone() {
    let expected = [(Severity::Warning, "certificate-self-signed")];
    assert_eq!(found(crate::boot::DEFAULTS), expected);
}

#[test]
fn an_open_server_yields_what_is_open() {
    let text = "hosts: [a.test]\nloglevel: debug\nauth_password_format: plain\nlisten:\n  -\n    port: 5222\n    \
                module: ejabberd_c2s\n    use_proxy_protocol: true\n  -\n    port: 3478\n    transport: udp\n    module: \
                ejabberd_stun\n    use_turn: true\n    auth_type: anonymous\nmodules:\n  mod_version:\n    show_os: true\n";
    use Severity::{Advice, Serious, Warning};
    assert_eq!(
        found(text),
        [
            (Serious, "passwords-in-clear"),
            (Serious, "c2s-clear"),
            (Serious, "c2s-password-in-clear"),
            (Serious, "turn-anonymous"),
            (Warning, "log-debug"),
            (Warning, "proxy-header-from-anybody"),
            (Warning, "certificate-self-signed"),
            (Advice, "c2s-no-shaper"),
            (Advice, "turn-bandwidth"),
            (Advice, "version-tells-system"),
        ]
    );
}

#[test]
fn files_that_were_let_pass_are_told_with_the_command_that_mends_them() {
    let (path, mend) = ("/srv/secret".into(), "chmod 600 '/srv/secret'".to_owned());
    let exposed = exposure::Finding { path, reason: "everybody may read it".to_owned(), mend };
    let source =
        Source::Text { name: "t".to_owned(), text: "hosts: [a.test]\nlisten: []\n".to_owned() };
    let loaded = settings::load(&source, &Inputs::default()).unwrap();
    let surroundings = Surroundings { exposed: vec![exposed], ..Surroundings::default() };
    let findings = of_file(&loaded, &surroundings);
    let told: Vec<_> =
        findings.list().iter().map(|it| (it.check.id, it.problem.title(), it.mend())).collect();
    let title = "/srv/secret: everybody may read it";
    assert_eq!(told, [("files-exposed", title, "chmod 600 '/srv/secret'".to_owned())]);
}

/// `docs/audit.md`.
pub(super) fn page() -> String {
    let mut out = String::from(
        "# Security audit\n\n<!-- Written from the declarations: UPDATE_DOCS=1 cargo test -p server -->\n\n\
         Every door, module and service declares, beside the options that it honours, what a careful administrator would \
         not\nset. The server judges its configuration by these checks:\n\n\
         - `rookery check FILE` shows what they find, with line and remedy; with `--audit` it ends with code 2 when \
         something\n  serious is among it;\n\
         - a start and a reload write it to the log in short (advice at level debug);\n\
         - `rookeryctl security_audit` judges the running server anew, certificates included.\n\n\
         `serious` is open to whoever comes by, a `warning` to somebody who tries, `advice` could be tighter. Nothing is \
         changed and\nnothing refused because of them; what stops a start is said in docs/files.md.\n\n\
         ## Duties of the guide\n\nThe sections are those of ejabberd's guide on securing a server.\n",
    );
    for guide in Guide::ALL {
        write!(out, "\n### {}\n\n| see to | checks | by itself |\n|---|---|---|\n", guide.title())
            .unwrap();
        for Duty(_, what, ids, itself) in DUTIES.iter().filter(|duty| duty.0 == guide) {
            let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
            writeln!(out, "| {what} | {} | {itself} |", ids.join(" ")).unwrap();
        }
    }
    out.push_str(
        "\n## Checks\n\n| check | severity | of | finds | because |\n|---|---|---|---|---|\n",
    );
    let mut all = checks();
    all.sort_by_key(|(_, check)| (check.guide, std::cmp::Reverse(check.severity), check.id));
    for (by, check) in all {
        let Check { id, about, why, severity, .. } = check;
        writeln!(out, "| `{id}` | {severity} | {by} | {about} | {why} |").unwrap();
    }
    out
}
