//! Old files, whole and broken.

use settings::{Inputs, Source};

use super::*;

/// Reads files of a folder, of which the first is called `ejabberd.cfg`.
fn read(files: &[(&str, &str)]) -> Result<OldConfig, MigrateError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    OldConfig::read(&folder.path().join("ejabberd.cfg"))
}

fn yaml(text: &str) -> OldConfig {
    read(&[("ejabberd.cfg", &format!("{{hosts, [\"h\"]}}.\n{text}"))]).unwrap()
}

fn loaded(old: &OldConfig) -> settings::Loaded {
    let source = Source::Text { name: "out.yml".to_owned(), text: old.yaml.clone() };
    let loaded = settings::load(&source, &Inputs::default()).unwrap_or_else(|problems| {
        panic!("{}\n{}", problems.render(false), old.yaml);
    });
    for host in loaded.config.hosts() {
        let read = access::Access::from_config(&loaded.config, Some(host));
        let (_, notes) = read.unwrap_or_else(|problems| panic!("{problems:?}\n{}", old.yaml));
        assert_eq!(notes, [], "{}", old.yaml);
    }
    loaded
}

fn sample() -> OldConfig {
    OldConfig::read(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/old_config/ejabberd.cfg").as_path(),
    )
    .unwrap()
}

#[test]
fn a_whole_file_of_old_is_loaded() {
    let old = sample();
    let loaded = loaded(&old);
    let config = &loaded.config;
    assert_eq!(config.hosts(), ["talk.test", "config.test", "few.test"]);
    let places: Vec<String> = config
        .listeners()
        .iter()
        .map(|one| format!("{} {:?} {:?}", one.module.name, one.endpoint, one.transport))
        .collect();
    assert_eq!(
        places,
        [
            "ejabberd_c2s Inet { ip: 0.0.0.0, port: 5222 } Tcp",
            "ejabberd_c2s Inet { ip: 127.0.0.1, port: 5223 } Tcp",
            "ejabberd_c2s Inet { ip: 127.0.0.1, port: 5224 } Tcp",
            "ejabberd_s2s_in Inet { ip: ::, port: 5269 } Tcp",
            "ejabberd_http Inet { ip: ::1, port: 5280 } Tcp",
            "ejabberd_service Inet { ip: 127.0.0.1, port: 8888 } Tcp",
            "ejabberd_stun Inet { ip: 0.0.0.0, port: 3478 } Udp",
        ]
    );
    let modules = |host| config.modules(host).iter().map(|it| it.module.name).collect::<Vec<_>>();
    assert_eq!(modules("talk.test").len(), 24, "{:?}", modules("talk.test"));
    assert!(modules("few.test").contains(&"mod_roster"));
    for (host, shows) in [("talk.test", false), ("few.test", true)] {
        let all = config.modules(host);
        let version = all.iter().find(|it| it.module.name == "mod_version").unwrap();
        assert_eq!(version.options.bool("show_os"), shows, "{host}");
    }
    assert_eq!(config.global().get("certfiles").as_list().map(<[_]>::len), Some(1));
    // The result is in today's words.
    let rewritten: Vec<_> =
        loaded.notes.iter().filter(|note| note.kind == settings::NoteKind::Rewritten).collect();
    assert_eq!(rewritten, Vec::<&Note>::new());
}

#[test]
fn what_has_no_place_is_a_comment_and_told() {
    let old = sample();
    for (why, text) in [
        ("`override_global` has no effect any more", "override_global"),
        ("option `no_such_option` is unknown", "no_such_option:"),
        ("module `mod_irc` is unknown", "mod_irc: {}"),
        ("option `colour` of mod_vcard is unknown", "colour: \"mauve\""),
    ] {
        let told = format!("left out, as a comment: {why}");
        assert!(old.told.contains(&told), "{why}: {:?}", old.told);
        let comment = format!("# {why}:\n#     {text}");
        assert!(old.yaml.contains(&comment), "{comment} is not in {}", old.yaml);
    }
    assert!(old.told.iter().any(|line| line.contains("`mod_echo` is no more")), "{:?}", old.told);
    let secret =
        yaml("{strange, \"secret\", 3}. {hide, {\"secret\", 1, 2}}. weird. {a}. 7. {\"b\", 1}.");
    assert_eq!(secret.told.len(), 6, "{:?}", secret.told);
    assert!(!secret.told.join(" ").contains("secret") && secret.yaml.contains("secret"));
    let strange = yaml(
        r#"{no_such, "a\x{85}b\nlisten: []\x{2028}c"}. {no, "x
listen: []", 3}."#,
    );
    assert!(loaded(&strange).config.listeners().is_empty());
    assert!(
        strange.yaml.lines().all(|line| line.starts_with('#') || !line.contains("listen")),
        "{}",
        strange.yaml
    );
}

#[test]
fn rules_mean_what_they_meant() {
    let old = yaml(
        r#"{acl, a, {user, "u", "h"}}. {acl, a, {user_regexp, "^x"}}. {acl, a, {node_glob, "a*", "*.h"}}.
           {acl, all, {user, "u"}}. {access, r, [{deny, a}, {allow, all}]}. {access, empty, []}.
           {access, n, [{5, a}, {none, all}]}.
           {shaper, slow, {maxrate, 10}}. {shaper, free, none}. {shaper, none, none}.
           {{s2s_host, "bad"}, deny}. {s2s_default_policy, allow}.
           {host_config, "h", [{acl, a, {server, "s"}}, {access, r, [{allow, a}]}]}."#,
    );
    loaded(&old);
    for part in [
        r#"acl:
  a:
    - user: "u@h"
    - user_regexp: "^x"
    - node_glob:
        - "a*": "*.h"
"#,
        "  r:\n    - deny: a\n    - allow\n  empty:\n    - deny\n",
        "  s2s:\n    - deny:\n        server: \"bad\"\n    - allow\n",
        "s2s_access: s2s\n",
        "shaper_rules:\n  n:\n    - 5: a\n    - none\n",
        "shaper:\n  slow: 10\n  free: infinity\n",
        // The host had its own lists besides those of the server, and its own rules before them.
        "            - \"a*\": \"*.h\"\n        - server: \"s\"\n",
        "      r:\n        - allow: a\n      empty:\n        - deny\n",
    ] {
        assert!(old.yaml.contains(part), "{part} is not in {}", old.yaml);
    }
    let comment = "# access list `all` is built in:\n#     {acl,all,{user,\"u\"}}";
    assert!(old.yaml.contains(comment), "{}", old.yaml);
}

#[test]
fn listeners_are_where_they_were() {
    let old = yaml(
        r#"{listen, [{5222, ejabberd_c2s, []}, {{5223, {0,0,0,0}}, ejabberd_c2s, [ssl]},
           {{5224, "10.0.0.1", tcp}, ejabberd_c2s, [inet6]},
           {5225, ejabberd_c2s, [inet6, starttls]}, {5226, ejabberd_c2s, [{ip, {0,0,0,0,0,0,0,1}}]},
           {5280, ejabberd_http, [{web_admin, false}, {captcha, true}]}, {5555, no_such, [{a, 1}]}, {x, y}]}."#,
    );
    let config = loaded(&old).config;
    let places: Vec<_> =
        config.listeners().iter().map(|one| format!("{:?}", one.endpoint)).collect();
    let inet = |(ip, port)| format!("Inet {{ ip: {ip}, port: {port} }}");
    let expected = [
        ("0.0.0.0", 5222),
        ("0.0.0.0", 5223),
        ("10.0.0.1", 5224),
        ("::", 5225),
        ("::1", 5226),
        ("0.0.0.0", 5280),
    ];
    assert_eq!(places, expected.map(inet));
    // What was switched off does not come up.
    assert!(!old.yaml.contains("ejabberd_web_admin"), "{}", old.yaml);
    assert!(old.yaml.contains("\"/captcha\""), "{}", old.yaml);
    for line in
        ["web_admin,false", "listener `no_such` is unknown", "a listener that is not understood"]
    {
        assert!(old.told.iter().any(|told| told.contains(line)), "{line}: {:?}", old.told);
    }
}

#[test]
fn macros_and_includes_are_taken_in() {
    let files = [
        (
            "ejabberd.cfg",
            r#"{define_macro, 'PORT', 5333}. {define_macro, 'LISTEN', [{'PORT', ejabberd_c2s, [{access, 'RULE'}]}]}.
               {include_config_file, "b.cfg", [{allow_only, [hosts, language, define_macro]}, {disallow, [language]}]}.
               {listen, 'LISTEN'}. {max_fsm_queue, {use_macro, 'NONE', 77}}. {include_config_file, "c.cfg"}."#,
        ),
        (
            "b.cfg",
            r#"{hosts, ["one"]}. {language, "fr"}. {loglevel, 1}. {define_macro, 'RULE', c2s}."#,
        ),
        ("c.cfg", r#"{hosts, ["two"]}. {loglevel, 3}. {loglevel, 2}."#),
    ];
    let old = read(&files).unwrap();
    let config = loaded(&old).config;
    assert_eq!(config.hosts(), ["one", "two"]);
    for part in ["port: 5333", "access: c2s", "max_fsm_queue: 77", "loglevel: 2"] {
        assert!(old.yaml.contains(part), "{part} is not in {}", old.yaml);
    }
    assert!(!old.yaml.contains("language") && old.yaml.contains("c.cfg"), "{}", old.yaml);
    assert!(old.told.contains(&"`loglevel` is given twice; the last one counts".to_owned()));
}

#[test]
fn values_keep_their_meaning() {
    let old = yaml(
        r#"{ldap_password, ""}. {ldap_uids, [{"uid"}, {"mail"}]}. {ldap_rootdn, "12"}. {extauth_program, "/bin/\x{416}"}.
           {certfiles, []}. {odbc_server, {pgsql, "s", "d", "u", ""}}. {odbc_keepalive_interval, 10}.
           {trusted_proxies, all}. {language, <<"en">>}. {auth_method, external}."#,
    );
    for part in [
        "ldap_password: \"\"",
        "ldap_uids:\n  - \"uid\"\n  - \"mail\"",
        "ldap_rootdn: \"12\"",
        "extauth_program: \"/bin/\u{416}\"",
        "certfiles: []",
        "sql_port: 5432",
        "sql_password: \"\"",
        "sql_keepalive_interval: 10",
        "trusted_proxies: all",
        "language: \"en\"",
    ] {
        assert!(old.yaml.contains(part), "{part} is not in {}", old.yaml);
    }
}

#[test]
fn what_is_no_configuration_is_refused() {
    let double: String =
        (0..40).map(|n| format!("{{define_macro, 'M{n}', ['M{0}', 'M{0}']}}. ", n + 1)).collect();
    let double = format!("{double} {{hosts, 'M0'}}.");
    for (text, why) in [
        ("{hosts, [\"h\"}.", "line 1"),
        ("{loglevel, 4}.", "names no hosts"),
        ("hosts:\n  - h\n", "a full stop was expected"),
        ("{include_config_file, \"ejabberd.cfg\"}.", "includes itself"),
        ("{include_config_file, \"none.cfg\"}.", "none.cfg: No such file"),
        ("{define_macro, 'A', ['A']}. {hosts, 'A'}.", "macros are too deep"),
        (double.as_str(), "macros are too deep"),
    ] {
        let error = read(&[("ejabberd.cfg", text)]).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_terms_are_in_a_file_the_result_is_yaml(
        terms in proptest::collection::vec(
            (
                "(acl|access|shaper|listen|modules|host_config|hosts|odbc_server|s2s_dns_options|define_macro|x)",
                proptest::collection::vec(
                    proptest::sample::select(vec![
                        "a", "\"b: c\"", "[]", "1", "[{a,[]}]", "{a,1}", "[{mod_muc,[{host,\"c\\n- d\"}]}]", "{user,\"x\"}",
                        "[{allow,a}]", "[{acl,a,all}]", "[{5222,ejabberd_c2s,[{a,[[],[1,2]]}]}]", "\"\\x{85}#\"", "'#'",
                    ]),
                    1..4,
                ),
            ),
            0..8,
        )
    ) {
        let terms = terms.iter().map(|(name, parts)| format!("{{{name},{}}}.\n", parts.join(",")));
        let text = format!("{{hosts, [\"h\"]}}.\n{}", terms.collect::<String>());
        let Ok(old) = read(&[("ejabberd.cfg", &text)]) else {
            // A macro within itself.
            proptest::prop_assert!(text.contains("define_macro"), "{}", text);
            return Ok(());
        };
        let source = Source::Text { name: "out.yml".to_owned(), text: old.yaml.clone() };
        if let Err(problems) = settings::load(&source, &Inputs::default()) {
            let text = problems.render(false);
            proptest::prop_assert!(!text.contains("not YAML"), "{}\n{}", text, old.yaml);
        }
    }
}
