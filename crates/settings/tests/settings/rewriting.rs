//! What happens to a file before it is checked: includes, macros, keywords, repetition, old spellings.

use std::net::IpAddr;

use settings::{Inputs, NoteKind, Source, load};

use crate::{bad, good, read_with};

#[test]
fn macros_replace_whole_values_and_parts_between_at_signs() {
    let text = "hosts: [a.example]\ndefine_macro:\n  PORT: 5222\n  WORD: muc\n  NESTED: \"@WORD@ of PORT\"\n  RULE: {allow: all}\n\
                listen:\n  - port: PORT\n    module: ejabberd_c2s\n    access: RULE\n  - port: 'PORT'\n    ip: 127.0.0.1\n    transport: tcp\n    module: ejabberd_c2s\n\
                modules:\n  mod_muc:\n    name: NESTED\n    host: \"@WORD@.@HOST@\"\n";
    let problems = read_with(text, &Inputs::default()).unwrap_err().render(false);
    assert!(problems.contains("in the way"), "both ports are 5222: {problems}");
    let mut inputs = Inputs::default();
    inputs.env.push(("EJABBERD_MACRO_WORD".to_owned(), "rooms".to_owned()));
    let text = text.replace("port: 'PORT'", "port: 1");
    let config = read_with(&text, &inputs).unwrap().config;
    let muc = config.module("a.example", "mod_muc").unwrap();
    assert_eq!(muc.options.text("name"), Some("rooms of PORT"));
    assert_eq!(muc.service_hosts(), ["rooms.a.example"]);
    assert!(config.listeners()[0].options.node("access").unwrap().entries().is_some());
}

#[test]
fn keywords_replace_bare_capitals_and_parts_and_differ_by_host() {
    let text = "hosts: [a.example, b.example]\ndefine_keyword:\n  TITLE: Rooms\n  QUOTED: x\n  DB: /srv\n\
                host_config:\n  b.example:\n    define_keyword: {TITLE: Zimmer}\n\
                sql_database: \"@DB@/@HOST@.sqlite\"\ncaptcha_cmd: \"@HOME@/@VERSION@\"\n\
                modules:\n  mod_muc:\n    name: \"@TITLE@ of @HOST@\"\n    regexp_room_id: 'QUOTED'\n  mod_disco:\n    name: TITLE\n  mod_http_upload:\n    put_url: https://@HOST_URL_ENCODE@/x\n";
    let inputs =
        Inputs { home: "/home/rook".into(), version: "1.2".to_owned(), ..Inputs::default() };
    let config = read_with(text, &inputs).unwrap_or_else(|problems| panic!("{problems}")).config;
    let option = |host: &str, module: &str, name: &str| {
        config.module(host, module).unwrap().options.text(name).unwrap().to_owned()
    };
    assert_eq!(option("a.example", "mod_muc", "name"), "Rooms of a.example");
    assert_eq!(option("b.example", "mod_muc", "name"), "Zimmer of b.example");
    assert_eq!(option("b.example", "mod_disco", "name"), "Zimmer");
    assert_eq!(option("a.example", "mod_muc", "regexp_room_id"), "QUOTED");
    assert_eq!(option("a.example", "mod_http_upload", "put_url"), "https://a.example/x");
    assert_eq!(config.global().text("captcha_cmd"), Some("/home/rook/1.2"));
    assert_eq!(config.host("b.example").text("sql_database"), Some("/srv/b.example.sqlite"));
}

#[test]
fn repeated_lists_and_maps_are_joined_and_aliases_and_merges_are_read() {
    let text = "hosts: [a.example]\nhosts: [b.example]\nacl: &acl {x: {user: y}}\nacl: {z: {user: *name}}\n\
                language: &name en\nmodules:\n  mod_ping: &ping {send_pings: true, ping_interval: 5 minutes}\n  mod_muc: {}\nmodules:\n  mod_version: {}\n";
    let problems = bad(text);
    assert!(problems.contains("not YAML"), "an alias before its anchor: {problems}");
    let config = good(&text.replace("*name", "w")).config;
    assert_eq!(config.hosts(), ["a.example", "b.example"]);
    assert_eq!(config.modules("b.example").len(), 3);
    let merged = good(
        "hosts: [a.example]\nlanguage: &en en\nfqdn: *en\nacl: &base {one: {user: a}}\nshaper_rules:\n  <<: *base\n  one: 5\n  two: 6\n",
    );
    let rules = merged.config.global().node("shaper_rules").unwrap();
    assert_eq!(rules.value_of("one").unwrap().as_int(), Some(5));
    assert_eq!(rules.entries().unwrap().len(), 2);
    assert_eq!(merged.config.global().texts("fqdn"), ["en"]);
}

#[test]
fn files_are_included_where_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    write(
        "sub/acl.yml",
        "acl: {admin: {user: root}}\nlanguage: de\nlisten: []\ninclude_config_file: deep.yaml\n",
    );
    write("sub/deep.yaml", "loglevel: 4\ndefine_macro: {PINGS: true}\n");
    write("host.yml", "language: fr\n");
    let main = write(
        "ejabberd.yml",
        "hosts: [a.example]\ninclude_config_file:\n  sub/acl.yml:\n    disallow: [listen]\nhost_config:\n  a.example:\n    include_config_file: [host.yml]\nmodules: {mod_ping: {send_pings: PINGS}}\n",
    );
    let loaded = load(&Source::File(main.clone()), &Inputs::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.config.global().text("language"), Some("de"));
    assert_eq!(loaded.config.global().text("loglevel"), Some("info"));
    assert_eq!(loaded.config.host("a.example").text("language"), Some("fr"));
    assert!(loaded.config.module("a.example", "mod_ping").unwrap().options.bool("send_pings"));
    assert_eq!(loaded.notes.len(), 1, "the refused `listen` is told");
    assert_eq!(loaded.sources.names().count(), 4);

    write("sub/deep.yaml", "include_config_file: ../ejabberd.yml\n");
    let problems = load(&Source::File(main.clone()), &Inputs::default()).unwrap_err().render(false);
    assert!(
        problems.contains("includes itself") && problems.contains("deep.yaml:1:22"),
        "{problems}"
    );

    write("ejabberd.yml", "hosts: [a.example]\ninclude_config_file: [gone.yml, old.cfg]\n");
    let problems = load(&Source::File(main), &Inputs::default()).unwrap_err().render(false);
    assert!(problems.contains("cannot read") && problems.contains("Erlang terms"), "{problems}");
}

/// Nearly every old spelling at once.
const OLD: &str = "hosts: [a.example]\nnew_sql_schema: true\ndefault_db: internal\nauth_method: [internal, odbc]\nlog_rate_limit: 100\n\
                s2s_use_starttls: required_trusted\nc2s_certfile: /c.pem\n\
                listen:\n  - {port: 5280, module: ejabberd_http, web_admin: false, certfile: /l.pem, request_handlers: {/ws: ejabberd_http_ws, /b: mod_http_bind}}\n  - {port: 3478, transport: udp, module: ejabberd_stun, turn_ip: 10.0.0.1}\n\
                modules:\n  mod_s2s_dialback: {}\n  mod_last_odbc: {}\n  mod_vcard_ldap: {}\n  mod_http_bind: {}\n  mod_echo: {}\n  mod_muc_occupantid: {}\n  mod_carboncopy: {ram_db_type: sql, iqdisc: x}\n  mod_caps: {db_type: odbc}\n  mod_pubsub: {plugins: [flat, hometree, pep]}\n";

#[test]
fn old_spellings_are_read_and_told() {
    let loaded = good(OLD);
    let config = &loaded.config;
    assert!(config.global().bool("sql_schema_multihost"));
    assert_eq!(config.global().text("default_db"), Some("mnesia"));
    assert_eq!(config.global().texts("auth_method"), ["mnesia", "sql"]);
    assert_eq!(config.global().text("s2s_use_starttls"), Some("required"));
    assert_eq!(config.global().texts("certfiles"), ["/c.pem", "/l.pem"]);
    let handlers = config.listeners()[0].options.map("request_handlers");
    let handlers: Vec<_> = handlers
        .iter()
        .map(|(path, module)| (path.as_str().unwrap(), module.as_str().unwrap()))
        .collect();
    assert_eq!(
        handlers,
        [("/ws", "ejabberd_http_ws"), ("/b", "mod_bosh"), ("/admin", "ejabberd_web_admin")]
    );
    assert_eq!(
        config.listeners()[1].options.ip("turn_ipv4_address"),
        Some(IpAddr::from([10, 0, 0, 1]))
    );
    let diff = loaded
        .notes
        .iter()
        .find(|note| note.rewrite.as_ref().is_some_and(|r| r.old.contains("web_admin")));
    let diff = diff.unwrap().render(&loaded.sources, false);
    assert!(
        diff.contains("- web_admin: false") && diff.contains("+   /admin: ejabberd_web_admin"),
        "{diff}"
    );
    assert_eq!(
        loaded.notes.iter().filter(|note| note.kind == NoteKind::Ignored).count(),
        5,
        "{:?}",
        loaded.notes
    );
}

#[test]
fn old_modules_are_read_as_the_present_ones() {
    let config = good(OLD).config;
    let names: Vec<&str> =
        config.modules("a.example").iter().map(|module| module.module.name).collect();
    assert_eq!(
        names,
        ["mod_last", "mod_vcard", "mod_bosh", "mod_carboncopy", "mod_caps", "mod_pubsub"]
    );
    let db = |module: &str| {
        config.module("a.example", module).unwrap().options.text("db_type").unwrap().to_owned()
    };
    assert_eq!(
        (db("mod_last"), db("mod_vcard"), db("mod_caps")),
        ("sql".to_owned(), "ldap".to_owned(), "sql".to_owned())
    );
    assert_eq!(
        config.module("a.example", "mod_pubsub").unwrap().options.texts("plugins"),
        ["flat", "pep"]
    );
}
