//! The log as a whole: levels, lines, rotation, and what must never be in it.

use std::fs;
use std::path::Path;

use super::*;
use crate::Redacted;

const LONG: Duration = Duration::from_secs(5);

fn options(path: &Path, format: LogFormat) -> LogOptions {
    LogOptions { file: Some(path.to_owned()), format, ..LogOptions::default() }
}

/// What is written while `f` runs.
fn logged(format: LogFormat, level: LogLevel, f: impl FnOnce(&Logging)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (logging, dispatch) =
        Logging::build(&LogOptions { level, ..options(&path, format) }).unwrap();
    tracing::dispatcher::with_default(&dispatch, || f(&logging));
    assert!(logging.flush(LONG));
    fs::read_to_string(&path).unwrap()
}

#[test]
fn levels_are_read_as_words_and_numbers() {
    for (text, level) in [
        ("0", LogLevel::None),
        ("3", LogLevel::Warning),
        ("5", LogLevel::Debug),
        ("notice", LogLevel::Notice),
    ] {
        assert_eq!(text.parse::<LogLevel>().unwrap(), level);
    }
    assert!("6".parse::<LogLevel>().is_err());
    assert!("verbose".parse::<LogLevel>().unwrap_err().to_string().contains("verbose"));
    for (word, level) in LogLevel::WORDS {
        assert_eq!(level.as_str(), word);
    }
}

#[test]
fn the_level_can_be_changed_while_running() {
    let text = logged(LogFormat::Text, LogLevel::Warning, |logging| {
        for round in 0..2 {
            tracing::info!(round, "information");
            tracing::warn!(round, "warning");
            logging.set_level(LogLevel::Info);
        }
        logging.set_level(LogLevel::None);
        tracing::error!("never");
        assert_eq!(logging.level(), LogLevel::None);
    });
    let shown: Vec<_> = text.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(
        shown,
        [
            "[warning] observe::logging::tests: warning round=0",
            "[info] observe::logging::tests: information round=1",
            "[warning] observe::logging::tests: warning round=1",
        ]
    );
}

#[test]
fn others_debug_lines_are_left_out_unless_their_module_is_logged_fully() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let fully = LogOptions {
        modules_fully: vec!["mod_offline".to_owned()],
        ..options(&path, LogFormat::Text)
    };
    let (logging, dispatch) = Logging::build(&fully).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        tracing::debug!(target: "modules::offline::store", "kept");
        tracing::debug!(target: "modules::roster", "below the level");
        tracing::info!(target: "hyper::proto", "not ours");
        tracing::warn!(target: "hyper::proto", "not ours, but a warning");
    });
    assert!(logging.flush(LONG));
    let text = fs::read_to_string(&path).unwrap();
    let messages: Vec<_> = text.lines().map(|line| line.rsplit_once(": ").unwrap().1).collect();
    assert_eq!(messages, ["kept", "not ours, but a warning"]);
}

#[test]
fn nobody_can_forge_a_line_or_drive_a_terminal() {
    let evil = "x\n2026-01-01T00:00:00Z [info] forged\x1b[2J\r\u{202e}\u{9b}";
    let text = logged(LogFormat::Text, LogLevel::Info, |_| {
        tracing::info!(name = evil, shown = %evil, debugged = ?evil, "{evil}");
    });
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.trim_end().chars().all(|character| !character.is_control()), "{text}");
    assert!(!text.contains('\u{202e}'));
    let json = logged(LogFormat::Json, LogLevel::Info, |_| tracing::info!(name = evil, "{evil}"));
    assert_eq!(json.lines().count(), 1);
    assert!(!json.contains('\x1b'));
}

#[test]
fn json_lines_hold_the_fields_flat() {
    let json = logged(LogFormat::Json, LogLevel::Info, |_| {
        tracing::info!(count = 3, host = "a.example", "hello")
    });
    assert!(json.starts_with("{\"timestamp\":\"2"), "{json}");
    for part in
        ["\"level\":\"INFO\"", "\"message\":\"hello\"", "\"count\":3", "\"host\":\"a.example\""]
    {
        assert!(json.contains(part), "{part} in {json}");
    }
}

#[test]
fn an_endless_value_is_cut() {
    let long = "a".repeat(1 << 20);
    let text = logged(LogFormat::Text, LogLevel::Info, |_| tracing::info!(%long, "cut"));
    assert!(text.len() < 40_000, "{}", text.len());
}

#[test]
fn a_canary_in_every_secret_type_never_reaches_the_log() {
    const CANARY: &str = "canary-7f3a";
    for format in [LogFormat::Text, LogFormat::Json] {
        let text = logged(format, LogLevel::Debug, |_| {
            let password = stdx::Secret::new(CANARY);
            let key = stdx::SecretBytes::new(CANARY.as_bytes());
            let nested = Some((vec![password.clone()], key.clone()));
            tracing::debug!(?password, ?key, ?nested, "{password:?} {key:?} {nested:#?}");
            let jid = format!("{CANARY}@example.org");
            tracing::info!(jid = %Redacted::new(&jid, true), ip = ?Redacted::new(&jid, true), "hidden");
        });
        assert!(!text.contains(CANARY), "{text}");
        // Secret bytes must not appear as numbers, either.
        assert!(!text.contains("99, 97, 110"), "{text}");
        assert!(text.contains("[redacted]") && text.contains("[hidden]"), "{text}");
    }
}

#[test]
fn rotation_and_reopening_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (logging, dispatch) = Logging::build(&options(&path, LogFormat::Text)).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        tracing::info!("first");
        logging.rotate();
        assert!(logging.flush(LONG));
        tracing::info!("second");
        assert!(logging.flush(LONG));
        fs::rename(&path, folder.path().join("moved")).unwrap();
        logging.reopen();
        tracing::info!("third");
        logging.reconfigure(&LogOptions {
            rotate_size: Some(1),
            rotate_count: 3,
            ..LogOptions::default()
        });
        assert!(logging.flush(LONG));
        tracing::info!("fourth");
    });
    drop(logging);
    for (name, word) in
        [("log.1", "first"), ("moved", "second"), ("log.0", "third"), ("log", "fourth")]
    {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(
            text.ends_with(&format!("{word}\n")) && text.lines().count() == 1,
            "{name}: {text}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_with_its_name() {
    let error =
        Logging::build(&options(Path::new("/proc/nowhere/log"), LogFormat::Text)).unwrap_err();
    assert!(error.to_string().contains("/proc/nowhere/log"), "{error}");
}

#[test]
fn a_flood_of_lines_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let burst = Some((3, Duration::from_secs(3600)));
    let (logging, dispatch) =
        Logging::build(&LogOptions { burst, ..options(&path, LogFormat::Text) }).unwrap();
    let say = |words: &str| words.split(' ').for_each(|word| tracing::info!("{word}"));
    tracing::dispatcher::with_default(&dispatch, || {
        say("one two three four five");
        logging.reconfigure(&options(&path, LogFormat::Text));
        say("six seven");
    });
    assert!(logging.flush(LONG));
    assert_eq!(logging.dropped(), 2);
    let text = fs::read_to_string(&path).unwrap();
    let words: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(words, ["one", "two", "three", "log_burst_limit_count", "six", "seven"]);
    assert!(text.contains("... 2 log lines were left out here"), "{text}");
}

#[test]
fn the_options_come_from_the_configuration() {
    let read = |text: &str| {
        let source = settings::Source::Text { name: "test.yml".into(), text: text.into() };
        let loaded =
            settings::load(&source, &settings::Inputs::default()).map_err(|_| text).unwrap();
        LogOptions::from_section(loaded.config.global(), LogFormat::Text, None)
    };
    let burst = Some((500, Duration::from_secs(1)));
    assert_eq!(read("hosts: [a.example]"), LogOptions { burst, ..LogOptions::default() });
    let options = read(
        "hosts: [a.example]\nloglevel: 5\nlog_rotate_size: infinity\nlog_rotate_count: 4\nlog_modules_fully: [mod_ping]\n\
         log_burst_limit_count: 7\nlog_burst_limit_window_time: 2",
    );
    let expected = LogOptions {
        level: LogLevel::Debug,
        rotate_size: None,
        rotate_count: 4,
        modules_fully: vec!["mod_ping".to_owned()],
        burst: Some((7, Duration::from_secs(2))),
        ..LogOptions::default()
    };
    assert_eq!(options, expected);
    assert_eq!(read("hosts: [a.example]\nloglevel: notice").level, LogLevel::Notice);
}

#[test]
fn commands_are_in_the_audit_file_whatever_the_level_and_cannot_forge_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.log");
    let options = LogOptions {
        level: LogLevel::None,
        audit: Some(audit.clone()),
        ..options(&folder.path().join("log"), LogFormat::Text)
    };
    let (logging, dispatch) = Logging::build(&options).unwrap();
    let forged = "x\n{\"uid\":0}\u{202e}\u{9b}";
    tracing::dispatcher::with_default(&dispatch, || {
        let pid = std::process::id();
        tracing::info!(target: crate::AUDIT_TARGET, uid = 0_u32, pid, command = forged, status = 0_u8, "command");
        tracing::error!("no command");
        tracing::debug!(target: crate::AUDIT_TARGET, "only for the log");
        logging.rotate();
        tracing::warn!(target: crate::AUDIT_TARGET, uid = 4_000_000_000_u32, "refused");
    });
    let first = fs::read_to_string(folder.path().join("audit.log.0")).unwrap();
    assert_eq!(first.lines().count(), 1, "{first}");
    assert!(!first.contains(['\u{202e}', '\u{9b}']));
    let record: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&record["event"], &record["user"]), (&"command".into(), &"root".into()));
    assert_eq!(record["uid"], 0);
    assert!(!record["program"].as_str().unwrap().is_empty());
    assert!(record["command"].as_str().unwrap().starts_with("x\\n{"), "{first}");
    assert!(fs::read_to_string(&audit).unwrap().contains("\"refused\""));
    assert!(logging.flush(LONG));
    assert_eq!(fs::read_to_string(folder.path().join("log")).unwrap(), "");
}

/// `/dev/full` takes nothing.
#[test]
fn an_audit_record_that_is_lost_is_told_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let options = LogOptions {
        audit: Some("/dev/full".into()),
        rotate_size: None,
        ..options(&log, LogFormat::Text)
    };
    let (logging, dispatch) = Logging::build(&options).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        tracing::info!(target: crate::AUDIT_TARGET, uid = 0_u32, "command");
    });
    assert!(logging.flush(LONG));
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("the audit file could not be written"), "{text}");
    assert!(text.contains("admin::audit: command uid=0"), "{text}");
    assert_eq!(logging.failures(), 1);
}
