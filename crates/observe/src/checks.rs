//! Checks of what the log tells.

use settings::audit::{Check, Guide, Per, Severity};

use crate::logging::{LogFormat, LogLevel, LogOptions};

/// Asked once.
pub const CHECKS: &[Check] = &[
    Check {
        id: "log-debug",
        about: "`loglevel: debug`",
        why: "the log then tells who talks to whom from where, and grows fast; it never holds passwords",
        guide: Guide::Files,
        severity: Severity::Warning,
        per: Per::Server,
        judge: |view| {
            let options = LogOptions::from_section(view.options(), LogFormat::Text, None);
            view.when(
                options.level == LogLevel::Debug,
                "loglevel",
                "everything is logged",
                "set `loglevel: info`; `rookeryctl set_loglevel debug` is for the hour of the search",
            )
        },
    },
    Check {
        id: "log-modules-fully",
        about: "`log_modules_fully`",
        why: "parts of the server are logged in full, whatever the level",
        guide: Guide::Files,
        severity: Severity::Advice,
        per: Per::Server,
        judge: |view| {
            view.when(
                !view.options().list("log_modules_fully").is_empty(),
                "log_modules_fully",
                "parts of the server are logged in full",
                "remove the option when the search is over",
            )
        },
    },
];

#[cfg(test)]
mod tests {
    use settings::audit::{Declared, Facts, judge};
    use settings::{Inputs, Source, load};

    #[test]
    fn a_chatty_log_is_told() {
        for (text, expected) in [
            ("", &[][..]),
            ("loglevel: debug", &["log-debug"]),
            ("loglevel: 5", &["log-debug"]),
            ("loglevel: 4", &[]),
            ("log_modules_fully: [ejabberd_sql]", &["log-modules-fully"]),
        ] {
            let text = format!("hosts: [a.test]\n{text}\n");
            let source = Source::Text { name: "t".to_owned(), text: text.clone() };
            let loaded = load(&source, &Inputs::default()).unwrap();
            let declared = [Declared { by: "log", checks: super::CHECKS }];
            let found = judge(&loaded.config, &Facts::default(), &declared);
            assert_eq!(found.ids(), expected, "{text}");
        }
    }
}
