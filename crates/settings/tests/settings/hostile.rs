//! Files that want to break the reader: no panic, and a bound on everything.

use proptest::prelude::*;
use settings::ctlcfg;

use crate::{bad, read};

#[test]
fn aliases_cannot_blow_up() {
    let mut text =
        String::from("hosts: [a.example]\nacl:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (before, now) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        text += &format!("  {now}: &{now} [{}]\n", vec![format!("*{before}"); 10].join(", "));
    }
    let problems = bad(&text);
    assert!(problems.contains("more than 200000 values"), "{problems}");
}

#[test]
fn macros_cannot_blow_up() {
    let mut text =
        String::from("hosts: [a.example]\ndefine_macro:\n  M0: [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        text += &format!("  M{level}: [{}]\n", vec![format!("M{}", level - 1); 10].join(", "));
    }
    assert!(bad(&text).contains("too large"), "lists");
    let mut text =
        String::from("hosts: [a.example]\ndefine_macro:\n  M0: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
    for level in 1..12 {
        text += &format!("  M{level}: \"{}\"\n", format!("@M{}@", level - 1).repeat(10));
    }
    assert!(bad(&text).contains("too large"), "texts");
    let keywords = format!(
        "hosts: [a.example]\ndefine_keyword:\n  K: {}\nacl:\n  x: \"{}\"\n",
        "x".repeat(10_000),
        "@K@".repeat(10_000)
    );
    assert!(bad(&keywords).contains("too large"), "keywords");
}

#[test]
fn macros_in_a_circle_are_refused() {
    let problems =
        bad("hosts: [a.example]\ndefine_macro:\n  A: B\n  B: [C]\n  C: '@A@'\nlanguage: A\n");
    assert!(
        problems.contains("the macro `A` stands for itself, through `A`, `B`, `C`"),
        "{problems}"
    );
}

#[test]
fn deep_nesting_is_refused() {
    let problems = bad(&format!("hosts: {}a.example{}\n", "[".repeat(100), "]".repeat(100)));
    assert!(problems.contains("nested more than 64 deep"), "{problems}");
    let block: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(bad(&block).contains("nested more than 64 deep"));
}

#[test]
fn large_texts_are_refused() {
    let problems = bad(&"# comment\n".repeat(500_000));
    assert!(problems.contains("more than 4194304"), "{problems}");
    assert!(ctlcfg::parse("x", &"A=1\n".repeat(100_000), &Default::default()).is_err());
}

#[test]
fn only_fifty_problems_are_shown_and_the_rest_counted() {
    let wrong: String = (0..80).map(|number| format!("wrong_{number}: 1\n")).collect();
    let problems = read(&format!("hosts: [a.example]\n{wrong}")).unwrap_err();
    assert_eq!((problems.list().len(), problems.left_out()), (50, 30));
    assert!(problems.render(false).ends_with("... and 30 more"));
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ejabberd.yml");
    std::fs::write(&path, b"hosts:\n  - a\xff\n").unwrap();
    let problems = settings::load(&settings::Source::File(path), &Default::default()).unwrap_err();
    assert!(problems.render(false).contains("is not UTF-8 text: line 2"), "{problems}");
    assert!(bad("a: b\n---\nc: d\n").contains("second YAML document"));
    assert!(bad("").contains("`hosts` is missing"));
    assert!(bad("- a\n").contains("expected a map from option names"));
    assert!(bad("\u{feff}hosts: [a b]\n").contains("expected a domain"));
    assert!(bad("a: 1\n\tb: 2\n").contains("spaces"));
}

/// Pieces that make texts nearly right.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "hosts",
        ": ",
        "\n",
        "  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "a.example",
        "modules",
        "mod_muc",
        "listen",
        "port",
        "5222",
        "'",
        "\"",
        "&a ",
        "*a",
        "<<",
        "@HOST@",
        "define_macro",
        "A",
        "host_config",
        "# x",
        "|",
        ">",
        "é",
        "\t",
        "---",
        "include_config_file",
        "acl",
        "true",
        "5 minutes",
        "infinity",
        "~",
        "!!str ",
        "? ",
        "%",
        "\r\n",
        "0x",
        "module",
        "ejabberd_c2s",
        "define_keyword",
        "append_host_config",
        "default_room_options",
        "http://@",
        "xn--",
        "::1/129",
        "(&(",
        "\u{0}",
        "sql_password",
    ];
    proptest::sample::select(words.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Err(problems) = read(&text) {
            prop_assert!(!problems.is_empty());
            problems.render(true);
        }
    }

    #[test]
    fn nearly_right_text_is_read_or_refused(pieces in prop::collection::vec(piece(), 0..60)) {
        let text = format!("hosts: [a.example]\n{}", pieces.concat());
        if let Err(problems) = read(&text) {
            problems.render(false);
        }
        let alone = read(&pieces.concat());
        prop_assert!(alone.is_err() || pieces.len() > 3);
    }

    #[test]
    fn any_value_of_any_option_is_read_or_refused(
        option in proptest::sample::select(settings::catalogue::TOPLEVEL.iter().map(|spec| spec.name).collect::<Vec<_>>()),
        value in "\\PC{0,20}",
    ) {
        if let Err(problems) = read(&format!("hosts: [a.example]\n{option}: {value}\n")) {
            problems.render(false);
        }
    }

    #[test]
    fn any_control_file_is_read_or_refused(text in "([A-Z_]{1,3}=|[\"'$\\{}#;\\\\ \n]|\\PC){0,40}") {
        if let Err(problems) = ctlcfg::parse("ejabberdctl.cfg", &text, &Default::default()) {
            problems.render(false);
        }
    }
}
