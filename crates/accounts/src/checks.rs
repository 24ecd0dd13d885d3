//! Checks of how accounts are kept and who may log in without one.

use settings::audit::{Check, Guide, Per, Severity, View};

use crate::Form;
use crate::backend::Method;
use crate::options::HostOptions;

const HOST: Check = Check { per: Per::Host, ..Check::PLAIN };

/// Asked for each host.
pub const CHECKS: &[Check] = &[
    Check {
        id: "passwords-in-clear",
        about: "passwords stored as clear text",
        why: "whoever gets the database or a backup of it has the passwords of all accounts, here and elsewhere",
        guide: Guide::Files,
        severity: Severity::Serious,
        judge: |view| {
            let option = match view.options().texts("auth_stored_password_types").is_empty() {
                true => "auth_password_format",
                false => "auth_stored_password_types",
            };
            view.when(
                of(view).stored.contains(&Form::Plain),
                option,
                "new passwords are stored as clear text",
                "set `auth_stored_password_types: [scram_sha256, scram_sha1]`; an account's clear text goes at its next \
                 log-in with the password",
            )
        },
        ..HOST
    },
    Check {
        id: "anonymous-shared-names",
        about: "anonymous log-in together with `allow_multiple_connections`",
        why: "who logs in anonymously under somebody's name receives that person's messages",
        judge: |view| {
            let options = of(view);
            view.when(
                options.methods.contains(&Method::Anonymous)
                    && options.anonymous_shared
                    && options.anonymous_protocol.allows_login(),
                "allow_multiple_connections",
                "several anonymous users may share one name",
                "set `allow_multiple_connections: false`, or `anonymous_protocol: sasl_anon`",
            )
        },
        ..HOST
    },
    Check {
        id: "anonymous-names-chosen",
        about: "`anonymous_protocol` login_anon or both",
        why: "anybody takes any free name with any password, and may pass for somebody whom others know by that name",
        judge: |view| {
            let options = of(view);
            view.when(
                options.methods.contains(&Method::Anonymous)
                    && options.anonymous_protocol.allows_login(),
                "anonymous_protocol",
                "anonymous users choose their names",
                "set `anonymous_protocol: sasl_anon`: then the server makes the names",
            )
        },
        ..HOST
    },
    Check {
        id: "anonymous",
        about: "anonymous log-in",
        why: "whoever comes may send to every account of the server, and nobody can be held to anything",
        severity: Severity::Advice,
        judge: |view| {
            view.when(
                of(view).methods.contains(&Method::Anonymous),
                "auth_method",
                "everybody may log in to this host without an account",
                "if that is not meant, remove `anonymous` from `auth_method`; otherwise bound them by `access_rules` \
                 and `shaper_rules`",
            )
        },
        ..HOST
    },
    Check {
        id: "scram-downgrade",
        about: "`disable_sasl_scram_downgrade_protection`",
        why: "somebody in between can make a client use a weaker mechanism than both sides have (XEP-0474)",
        judge: |view| {
            view.when(
                !of(view).downgrade_protection,
                "disable_sasl_scram_downgrade_protection",
                "clients do not notice when the list of mechanisms was shortened on the way",
                "remove the option, unless a client that cannot log in otherwise is still in use",
            )
        },
        ..HOST
    },
];

fn of(view: &View<'_>) -> HostOptions {
    HostOptions::from_section(view.options())
}

#[cfg(test)]
mod tests {
    use settings::audit::{Declared, Facts, judge};
    use settings::{Inputs, Source, load};

    use super::*;

    #[test]
    fn each_fires_where_it_should_and_nowhere_else() {
        let anonymous = "auth_method: anonymous\n";
        for (text, expected) in [
            ("", &[][..]),
            ("auth_password_format: plain", &["passwords-in-clear"]),
            ("auth_stored_password_types: [plain, scram_sha1]", &["passwords-in-clear"]),
            ("auth_password_format: scram", &[]),
            ("host_config:\n  b.test:\n    auth_password_format: plain", &["passwords-in-clear"]),
            ("disable_sasl_scram_downgrade_protection: true", &["scram-downgrade"]),
            (anonymous, &["anonymous"]),
            (&format!("{anonymous}allow_multiple_connections: true"), &["anonymous"]),
            (
                &format!("{anonymous}anonymous_protocol: both"),
                &["anonymous", "anonymous-names-chosen"],
            ),
            (
                &format!(
                    "{anonymous}anonymous_protocol: login_anon\nallow_multiple_connections: true"
                ),
                &["anonymous", "anonymous-names-chosen", "anonymous-shared-names"],
            ),
            ("anonymous_protocol: both\nallow_multiple_connections: true", &[]),
        ] {
            let source = Source::Text {
                name: "t".to_owned(),
                text: format!("hosts: [a.test, b.test]\n{text}\n"),
            };
            let loaded = load(&source, &Inputs::default()).unwrap();
            let declared = [Declared { by: "accounts", checks: CHECKS }];
            let found = judge(&loaded.config, &Facts::default(), &declared);
            assert_eq!(found.ids(), expected, "{text}");
            // Two hosts share each line, or one has it of its own.
            assert_eq!(found.list().len(), expected.len(), "{text}");
        }
    }
}
