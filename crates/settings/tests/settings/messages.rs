//! What an operator reads when something is wrong: the exact text, then the gist of many.

use settings::{Node, Pos, Problem, Problems, Sources};

use crate::{bad, read};

#[test]
fn problems_show_place_line_reason_and_remedy() {
    let text = "hosts: [a.example]\nlogleve: 4\nlisten:\n  - port: 5222\n    module: ejabberd_c2s\n    max_stanza_size: 10k\nmodules:\n  mod_ping:\n    send_ping: true\nsql_password:   12345   # secret\n";
    insta::assert_snapshot!(bad(text), @r"
    error: unknown option `logleve`
     --> ejabberd.yml:2:1
      |
    2 | logleve: ...
      | ^^^^^^^
      |
      = help: did you mean `loglevel`?

    error: expected an integer above 0, or `infinity`, found `10k`
     --> ejabberd.yml:6:22
      |
    6 |     max_stanza_size: 10k
      |                      ^^^ option `max_stanza_size` of ejabberd_c2s
      |
      = help: write the plain number, without unit or separators

    error: unknown option `send_ping` of mod_ping
     --> ejabberd.yml:9:5
      |
    9 |     send_ping: ...
      |     ^^^^^^^^^
      |
      = help: did you mean `send_pings`?

    error: expected a text, found something else
      --> ejabberd.yml:10:17
       |
    10 | sql_password:   ********
       |                 ^^^^^^^^ option `sql_password`
       |
       = help: put it in quotes
    ");
}

#[test]
fn a_secret_is_hidden_also_where_its_option_is_not_understood() {
    for text in [
        "hosts: [a.example]\nsql_pasword: CANARY\n",
        "hosts: [a.example]\nsql_password: CANARY: x\n",
        "hosts: [a.example]\nsql_password: \"CANARY\nlanguage: en\n",
        "hosts: [a.example]\nsql_password: @CANARY\n",
        "hosts: [a.example]\nmodules:\n  mod_stun_disco: {sekret: 1, seecret: CANARY}\n",
        "hosts: [a.example]\nmodules:\n  mod_stun_disco:\n    secret: {a: CANARY}\n",
        "hosts: [a.example]\nmodules:\n  mod_nothing:\n    api_key: CANARY\n",
        "hosts: [a.example]\nadmin_token: 'CANARY\n",
        "hosts: [a.example]\nldap_password:\n  a: CANARY\n",
        "hosts: [a.example]\nldap_password:\n  - CANARY\n  - b\n",
    ] {
        let shown = bad(text);
        assert!(!shown.contains("CANARY"), "{shown}");
    }
    let shown = bad("hosts: [a.example]\nsql_pasword: CANARY\n");
    assert!(shown.contains("sql_pasword: ********\n  | ^^^^^^^^^^^"), "{shown}");
}

#[test]
fn what_is_no_yaml_is_told_with_its_own_remedy() {
    for (text, remedy) in [
        ("hosts: [a.example]\nmodules:\n\tmod_ping: {}\n", "replace the tab characters"),
        ("hosts: [a.example]\n\0\n", "remove the control character"),
        ("hosts: [a.example\nmodules: {}\n", "close every quote and bracket"),
    ] {
        let shown = bad(text);
        assert!(shown.contains(remedy), "{shown}");
    }
}

#[test]
fn colours_change_the_looks_and_not_the_words() {
    let problems = read("hosts: [a.example]\nlogleve: 4\n").unwrap_err();
    let colored = problems.render(true);
    assert!(colored.contains("\u{1b}["));
    let stripped =
        regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&colored, "").into_owned();
    assert_eq!(stripped, problems.render(false));
}

#[test]
fn columns_count_characters_in_any_script_and_line_ending() {
    let text = "# ä\r\nhosts: [ä.example, Ü.example]\r\nlanguage: \"ö\"  # ü\r\n";
    insta::assert_snapshot!(bad(text), @r#"
    error: expected a language tag (`en`, `pt-br`), found "ö"
     --> ejabberd.yml:3:11
      |
    3 | language: "ö"  # ü
      |           ^^^ option `language`
    "#);
}

/// A line of the file, and words its problem must have.
const WRONG: &[(&str, &[&str])] = &[
    // Numbers and times.
    ("sql_port: \"5432\"", &["found the quoted text \"5432\"", "without quotes: 5432"]),
    ("sql_port: 70000", &["an integer from 1 to 65535, found `70000`"]),
    ("sql_pool_size: 0", &["an integer above 0, found `0`"]),
    ("oom_watermark: 100", &["from 1 to 99"]),
    ("cache_size: infinit", &["did you mean `infinity`?"]),
    ("log_rotate_size: 10 MB", &["without unit"]),
    ("negotiation_timeout: 0", &["a time of at least 1 second, found `0`", "`5 minutes`"]),
    ("negotiation_timeout: -1", &["a time of at least"]),
    ("negotiation_timeout: 500 ms", &["a time of at least"]),
    ("negotiation_timeout: infinity", &["a time of at least 1 second, found `infinity`"]),
    ("negotiation_timeout: \"30\"", &["without quotes: 30"]),
    ("negotiation_timeout: 5 fortnights", &["a number with a unit"]),
    ("s2s_timeout: 99999999999", &["write `infinity` for no bound"]),
    // Words and texts.
    ("use_cache: maybe", &["`true` or `false`, found `maybe`"]),
    ("queue_type: rom", &["`ram` or `file`", "did you mean `ram`?"]),
    ("sql_server: 127", &["expected a text, found `127`", "put it in quotes: \"127\""]),
    ("sql_username: [a]", &["expected a text, found a list"]),
    ("language: 5", &["expected a language tag"]),
    ("loglevel: 6", &["an integer from 0 to 5, or one of the words"]),
    ("sm_db_type: postgres", &["no storage back-end `postgres`", "`mnesia`, `sql` and `redis`"]),
    ("acme: {contact: nobody}", &["a text that matches", "option `contact` of `acme`"]),
    (
        "acme: {cert: rsa}",
        &[
            "unknown option `cert` of `acme`",
            "known here: `auto`, `ca_url`, `cert_type` and `contact`",
        ],
    ),
    ("acme: {auto: true, auto: false}", &["option `auto` is written twice"]),
    ("acme: {ca_url: ftp://x}", &["a URL that starts with `http://` or `https://`"]),
    ("ext_api_url: \"http://:80/\"", &["a URL"]),
    ("ext_api_url: \"http://a:0/\"", &["a URL"]),
    // Lists and maps.
    ("outgoing_s2s_families: []", &["may not be empty"]),
    ("outgoing_s2s_families: [ipv4, ipv4]", &["in the list twice"]),
    ("outgoing_s2s_families: [ipv5]", &["did you mean `ipv4`?"]),
    ("outgoing_s2s_families: ipv4", &["write a list of one: `[ipv4]`"]),
    ("acl: [a, b]", &["a map from ACL names"]),
    ("access_rules: yes", &["a map from rule names"]),
    ("hosts_alias: {a: b, a: c}", &["in the map twice"]),
    ("trusted_proxies: [10.0.0.0/33]", &["address or address range"]),
    ("domain_balancing: {x.example: {component_number: 1}}", &["an integer from 2 to 1000"]),
    ("ldap_filter: \"(a=b\"", &["an LDAP filter"]),
    ("ldap_filter: \"a=b\"", &["an LDAP filter"]),
    // Places.
    ("language: en\nlanguage: de", &["option `language` is written twice", "line 2 already"]),
    ("mod_mam: {}", &["unknown option `mod_mam`", "write it below `modules:`"]),
    ("request_handlers: {}", &["`request_handlers` is an option of `ejabberd_http`"]),
    ("modules: {mod_mam: {loglevel: 4}}", &["`loglevel` is a top-level option"]),
    ("modules: {mod_ping: {versioning: true}}", &["`versioning` is an option of `mod_roster`"]),
    ("modules: {mod_man: {}}", &["unknown module `mod_man`", "did you mean `mod_mam`?"]),
    ("modules: {loglevel: 4}", &["unknown module `loglevel`", "is a top-level option"]),
    ("modules: {mod_ping: {}, mod_ping: {}}", &["module `mod_ping` is written twice"]),
    ("modules: {mod_ping: }", &["found nothing", "for no options write `mod_ping: {}`"]),
    ("modules: {mod_sic: {x: 1}}", &["there are no options here"]),
    ("modules: {mod_announce: {}}", &["`mod_announce` needs module `mod_adhoc`"]),
    ("modules: {mod_pubsub: {plugins: [flat, pep]}}", &["`mod_pubsub` needs module `mod_caps`"]),
    ("modules: {mod_http_fileserver: {}}", &["needs option `docroot`"]),
    ("modules: {mod_muc: {host: a.example}}", &["`a.example` is one of `hosts`"]),
    ("modules: {mod_vcard: {ldap_base: x}}", &["only with `db_type: ldap`"]),
    ("modules: {mod_stun_disco: {services: [{port: 1}]}}", &["needs `host`"]),
    (
        "modules: {mod_muc: {append_module_config: {r.a.example: [{max_user: 1}]}}}",
        &["did you mean `max_users`?"],
    ),
    ("modules: {mod_muc: {regexp_room_id: \"(a\"}}", &["regular expression is not accepted"]),
    (
        "modules: {mod_muc: {default_room_options: {persistant: true}}}",
        &["did you mean `persistent`?"],
    ),
    (
        "host_config: {b.example: {}}",
        &["`b.example` is not one of `hosts`", "did you mean `a.example`?"],
    ),
    ("host_config: {a.example: {hosts: []}}", &["option `hosts` holds for the whole server"]),
    (
        "host_config: {a.example: {langauge: en}}",
        &["unknown option `langauge` in `host_config`", "`language`"],
    ),
    ("append_host_config: {a.example: {language: en}}", &["expected a list or map to append"]),
    ("define_macro: {lower: 1}", &["`lower` is no name for a macro"]),
    ("define_keyword: {A: 1, A: 2}", &["the keyword `A` is defined twice"]),
    ("include_config_file: {x.yml: {allow: [a]}}", &["`allow` is no rule for an included file"]),
    // Listeners.
    ("listen: {port: 1}", &["expected a list of listeners", "start each listener with a dash"]),
    ("listen: [{port: 1}]", &["this listener has no `module`"]),
    ("listen: [{module: ejabberd_c2s}]", &["listener `ejabberd_c2s` needs a `port`"]),
    ("listen: [{port: 70000, module: ejabberd_c2s}]", &["from 0 to 65535"]),
    ("listen: [{port: 1, module: ejabberd_c2}]", &["did you mean `ejabberd_c2s`?"]),
    (
        "listen: [{port: \"1\", module: mod_bosh}]",
        &["is a request handler of `ejabberd_http`", "or a text that matches `^unix:.*`"],
    ),
    ("listen: [{port: 1, module: mod_proxy65_stream}]", &["opened by `mod_proxy65` itself"]),
    (
        "listen: [{port: 1, module: ejabberd_c2s, transport: udp}]",
        &["works over tcp, not over udp"],
    ),
    (
        "listen: [{port: 1, module: ejabberd_stun, transport: udp, backlog: 5}]",
        &["no meaning for a UDP listener"],
    ),
    (
        "listen: [{port: 1, module: ejabberd_http, request_handlers: {/x: mod_boss}}]",
        &["did you mean `mod_bosh`?"],
    ),
    (
        "listen: [{port: 1, module: ejabberd_c2s}, {port: 1, ip: 127.0.0.1, module: ejabberd_c2s}]",
        &["in the way of the one in line 2"],
    ),
    (
        "listen: [{port: 1, module: ejabberd_c2s, timeout: 5}]",
        &["unknown option `timeout` of ejabberd_c2s"],
    ),
];

#[test]
fn every_mistake_has_a_message_that_helps() {
    for (line, words) in WRONG {
        let problems = bad(&format!("hosts: [a.example]\n{line}\n"));
        for word in *words {
            assert!(problems.contains(word), "`{line}` should say `{word}` and says:\n{problems}");
        }
        assert!(problems.contains(" --> ejabberd.yml:"), "`{line}` has a place:\n{problems}");
    }
}

#[test]
fn a_file_without_hosts_is_checked_all_the_same() {
    let problems = bad(
        "modules: {mod_ping: {send_ping: true}}\nhost_config: {a.example: {language: 5}}\nuse_cache: 7\n",
    );
    for word in
        ["option `hosts` is missing", "did you mean `send_pings`?", "`true` or `false`, found `7`"]
    {
        assert!(problems.contains(word), "{problems}");
    }
    assert!(!problems.contains("is not one of `hosts`"), "{problems}");
}

/// Lines that look odd and are right.
const RIGHT: &[&str] = &[
    "use_cache: \"on\"",
    "use_cache: n",
    "negotiation_timeout: 1000 MS",
    "negotiation_timeout: \"2 hours \"",
    "negotiation_timeout: 1d",
    "cache_size: infinite",
    "s2s_timeout: unlimited",
    "auth_method: sql",
    "acme: []",
    "modules: []",
    "trusted_proxies: all",
    "trusted_proxies: [::1, 10.0.0.0/8]",
    "ldap_tls_verify: no",
    "ldap_filter: \"(&(objectClass=person)(!(uid=%u)))\"",
    "sql_server: \"unix:/run/sock\"",
    "ext_api_url: \"https://@SERVICE@:8443/x\"",
    "s2s_access: [{allow: all}]",
    "modules: {mod_muc: {min_message_interval: 0.5, hibernation_timeout: 1 hour}}",
    "modules: [{mod_ping: {}}, {mod_version: {}}]",
    "modules: {mod_push: {include_body: false}}",
    "modules: {mod_conversejs: {default_domain: \"@HOST@\"}}",
    "listen: [{port: 0, module: ejabberd_c2s}, {port: 0, module: ejabberd_c2s}]",
    "listen: [{port: 1, module: ejabberd_c2s}, {port: 1, ip: \"::\", module: ejabberd_c2s}]",
    "listen: [{port: 1, module: ejabberd_stun, transport: udp}, {port: 1, module: ejabberd_stun}]",
];

#[test]
fn odd_and_right_lines_are_accepted() {
    for line in RIGHT {
        if let Err(problems) = read(&format!("hosts: [a.example]\n{line}\n")) {
            panic!("`{line}` is right, and the answer is:\n{problems}");
        }
    }
}

#[test]
fn other_crates_report_in_the_same_form() {
    let loaded =
        read("hosts: [a.example]\nacl:\n  admin:\n    usr: root\nsql_password: hunter2\n").unwrap();
    let acl = loaded.config.global().node("acl").unwrap();
    let (name, _) = &acl.value_of("admin").unwrap().entries().unwrap()[0];
    let mut problems = Problems::new(loaded.sources.clone());
    problems.push(name.problem("unknown condition `usr`").help("did you mean `user`?"));
    problems.push(name.problem("unknown condition `usr`").help("did you mean `user`?"));
    problems.push(loaded.config.global().problem("sql_password", "the database refused it"));
    problems.push(Problem::general("no lines here"));
    let problems = problems.into_result(()).unwrap_err();
    insta::assert_snapshot!(problems.render(false), @r"
    error: unknown condition `usr`
     --> ejabberd.yml:4:5
      |
    4 |     usr: root
      |     ^^^
      |
      = help: did you mean `user`?

    error: the database refused it
     --> ejabberd.yml:5:15
      |
    5 | sql_password: ********
      |               ^^^^^^^^ option `sql_password` of the server

    error: no lines here
    ");
    assert!(Problems::new(Sources::none()).into_result(5).is_ok_and(|value| value == 5));
}

#[test]
fn nodes_read_numbers_words_and_rows_of_maps() {
    let word = |text: &str| Node::word(text, Pos::BUILT_IN);
    assert_eq!(
        (word("5").as_int(), word("5").as_text(), word("5").as_str()),
        (Some(5), None, Some("5"))
    );
    assert_eq!(Node::quoted("5", Pos::BUILT_IN).as_int(), None);
    assert_eq!(word("1.5").as_number(), Some(1.5));
    assert_eq!((word("1.5").as_text(), word("1.2.3").as_text()), (None, Some("1.2.3")));
    let one = Node::map(vec![(word("a"), word("1"))], Pos::BUILT_IN);
    let two = Node::map(vec![(word("b"), word("2"))], Pos::BUILT_IN);
    let row = Node::seq(vec![one, two], Pos::BUILT_IN);
    let names: Vec<_> = row.pairs().unwrap().iter().map(|(key, _)| key.as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(Node::seq(vec![word("a")], Pos::BUILT_IN).pairs().is_none());
    assert!(Node::seq(Vec::new(), Pos::BUILT_IN).entries().is_some_and(<[_]>::is_empty));
}

#[test]
fn address_ranges_contain_what_they_should() {
    let config = read("hosts: [a.example]\ntrusted_proxies: [10.0.0.0/8, 0.0.0.0/0, ::1, \"fe80::/10\", \"::ffff:192.0.2.0/120\"]\n").unwrap().config;
    let nets: Vec<_> = config
        .global()
        .list("trusted_proxies")
        .iter()
        .map(|value| value.as_net().unwrap())
        .collect();
    let inside = |net: usize, address: &str| nets[net].contains(address.parse().unwrap());
    assert!(
        inside(0, "10.255.0.1")
            && inside(0, "::ffff:10.1.1.1")
            && !inside(0, "11.0.0.1")
            && !inside(0, "::1")
    );
    assert!(inside(1, "203.0.113.9") && !inside(1, "fe80::1"));
    assert!(inside(2, "::1") && !inside(2, "::2"));
    assert!(inside(3, "febf::1") && !inside(3, "fec0::1"));
    assert!(inside(4, "192.0.2.77") && !inside(4, "192.0.3.1"));
}
