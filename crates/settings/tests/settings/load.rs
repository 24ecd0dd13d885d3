//! What a settings file means once it is accepted.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use settings::{
    Config, Endpoint, FileChecks, InForce, Inputs, Limit, NoteKind, Source, Transport, Value, load,
};

use crate::{bad, good};

/// A file with every structure that files in the wild have.
const FULL: &str = include_str!("full.yml");

#[test]
fn a_full_file_is_read() {
    let loaded = good(FULL);
    let config = &loaded.config;
    assert_eq!(config.hosts(), ["a.example", "b.example", "müller.example"]);
    assert_eq!(config.global().text("loglevel"), Some("debug"));
    assert_eq!(config.global().text("c2s_ciphers"), Some("HIGH:!aNULL:@STRENGTH"));
    assert_eq!(config.global().texts("c2s_protocol_options"), ["no_sslv3", "no_tlsv1"]);
    assert_eq!(config.global().texts("disable_sasl_mechanisms"), ["DIGEST-MD5", "X-OAUTH2"]);
    assert_eq!(
        config.global().duration("negotiation_timeout"),
        Limit::At(Duration::from_secs(120))
    );
    assert_eq!(config.global().duration("s2s_timeout"), Limit::At(Duration::from_secs(300)));
    assert_eq!(config.global().limit("cache_size"), Limit::Infinite);
    let stream = &config.module("a.example", "mod_stream_mgmt").unwrap().options;
    assert_eq!(stream.duration("resume_timeout"), Limit::At(Duration::ZERO));
    assert_eq!(config.listeners().len(), 6);
    let names: Vec<&str> =
        config.modules("a.example").iter().map(|module| module.module.name).collect();
    assert!(names.contains(&"mod_muc") && names.contains(&"mod_pubsub"));
    assert!(
        names.iter().position(|name| *name == "mod_adhoc")
            < names.iter().position(|name| *name == "mod_announce")
    );
    assert!(
        loaded.notes.iter().all(|note| note.kind == NoteKind::Suspicious),
        "{:?}",
        loaded.notes
    );
}

#[test]
fn the_packaged_file_of_debian_is_read() {
    let path = Path::new("/etc/ejabberd/ejabberd.yml");
    // Only some machines have it, and only some users may read it.
    if std::fs::File::open(path).is_err() {
        return;
    }
    let inputs = Inputs { files: FileChecks::Disk, ..Inputs::default() };
    let loaded = load(&Source::File(path.to_path_buf()), &inputs)
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert!(!loaded.config.listeners().is_empty());
    assert!(!loaded.config.modules(loaded.config.first_host()).is_empty());
}

#[test]
fn listeners_have_their_endpoints_and_options() {
    let config = good(FULL).config;
    let [c2s, component, http, unix, stun, s2s] = config.listeners() else {
        panic!("six listeners")
    };
    assert_eq!(c2s.module.name, "ejabberd_c2s");
    assert_eq!(c2s.endpoint, Endpoint::Inet { ip: "::".parse().unwrap(), port: 5222 });
    assert!(c2s.options.bool("starttls_required") && !c2s.options.bool("tls"));
    assert_eq!(c2s.options.limit("max_stanza_size"), Limit::At(262_144));
    assert_eq!(c2s.options.limit("pre_auth_max_stanza_size"), Limit::At(8192));
    assert_eq!(c2s.options.node("access").unwrap().as_str(), Some("c2s"));
    assert!(c2s.options.is_set("access") && !c2s.options.is_set("zlib"));
    let hosts = component.options.map("hosts");
    assert_eq!(hosts[0].0.as_str(), Some("gateway.a.example"));
    assert_eq!(hosts[0].1.as_section().unwrap().secret("password").unwrap().expose(), "hunter2");
    let handlers: Vec<_> =
        http.options.map("request_handlers").iter().filter_map(|(path, _)| path.as_str()).collect();
    assert_eq!(handlers, ["/api", "/bosh", "/"]);
    assert_eq!(unix.endpoint, Endpoint::Unix("ctl.sock".into()));
    assert_eq!(unix.options.section("unix_socket").unwrap().text("mode"), Some("0660"));
    assert_eq!(stun.transport, Transport::Udp);
    assert_eq!(s2s.endpoint, Endpoint::Inet { ip: IpAddr::from([0, 0, 0, 0]), port: 5269 });
}

/// COMPAT: the listener's own default of 10000 is never applied.
#[test]
fn queue_bound_of_listeners_comes_from_the_top_level() {
    let listen = "listen:\n  - {port: 5222, module: ejabberd_c2s}\n  - {port: 5223, module: ejabberd_c2s, max_fsm_queue: 10000}\n  - {port: 5224, module: ejabberd_c2s, max_fsm_queue: 7}\n";
    let bounds = |config: &Config| {
        config
            .listeners()
            .iter()
            .map(|listener| listener.options.limit("max_fsm_queue").finite())
            .collect::<Vec<_>>()
    };
    let without = good(&format!("hosts: [a.example]\n{listen}")).config;
    assert_eq!(bounds(&without), [None, None, Some(7)]);
    let with = good(&format!("hosts: [a.example]\nmax_fsm_queue: 500\n{listen}")).config;
    assert_eq!(bounds(&with), [Some(500), Some(500), Some(7)]);
}

#[test]
fn hosts_have_their_own_values_else_the_top_level_ones() {
    let text = "hosts: [a.example, b.example, c.example]\nlanguage: de\ncache_size: 5\nauth_method: sql\n\
                host_config:\n  b.example:\n    language: fr\n    cache_size: 9\n    auth_method: [ldap]\n\
                append_host_config:\n  b.example:\n    auth_method: [anonymous]\n    acl: {admin: {user: bob}}\n  c.example:\n    auth_method: [jwt]\n\
                acl: {local: {user_regexp: ''}}\n";
    let config = good(text).config;
    assert_eq!(config.host("a.example").text("language"), Some("de"));
    assert_eq!(config.host("b.example").text("language"), Some("fr"));
    assert_eq!(config.host("c.example").text("language"), Some("de"));
    assert_eq!(config.host("nowhere.example").text("language"), Some("de"));
    assert_eq!(config.host("b.example").texts("auth_method"), ["ldap", "anonymous"]);
    assert_eq!(config.host("c.example").texts("auth_method"), ["sql", "jwt"]);
    let names = |host: &str| {
        let acl = config.host(host).node("acl").unwrap();
        acl.entries()
            .unwrap()
            .iter()
            .map(|(name, _)| name.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("a.example"), ["local"]);
    assert_eq!(names("b.example"), ["local", "admin"]);
}

#[test]
fn defaults_refer_to_the_options_of_the_host() {
    let text = "hosts: [a.example, b.example]\ncache_size: 77\ndefault_db: sql\nsql_type: pgsql\n\
                host_config:\n  b.example:\n    cache_size: infinity\n    default_ram_db: redis\n    sql_type: mysql\n    ldap_encrypt: tls\n\
                modules:\n  mod_mam: {}\n  mod_bosh: {}\n  mod_mqtt: {}\n  mod_stream_mgmt: {}\n";
    let config = good(text).config;
    let options = |host: &str, module: &str| config.module(host, module).unwrap().options.clone();
    assert_eq!(options("a.example", "mod_mam").limit("cache_size"), Limit::At(77));
    assert_eq!(options("b.example", "mod_mam").limit("cache_size"), Limit::Infinite);
    assert_eq!(options("a.example", "mod_mam").text("db_type"), Some("sql"));
    assert_eq!(options("b.example", "mod_bosh").text("ram_db_type"), Some("redis"));
    // There is no redis for this one, so the fallback holds.
    assert_eq!(options("b.example", "mod_mqtt").text("ram_db_type"), Some("mnesia"));
    assert_eq!(config.host("a.example").int("sql_port"), 5432);
    assert_eq!(config.host("b.example").int("sql_port"), 3306);
    assert_eq!(config.host("b.example").int("ldap_port"), 636);
    assert_eq!(config.host("a.example").limit("auth_cache_size"), Limit::At(77));
    assert_eq!(config.host("a.example").texts("auth_method"), ["sql"]);
    let stream = options("a.example", "mod_stream_mgmt");
    assert_eq!(stream.duration("resume_timeout"), Limit::At(Duration::from_secs(300)));
    assert_eq!(stream.duration_if_set("max_resume_timeout"), None);
}

#[test]
fn fields_not_written_hold_what_the_whole_default_says() {
    let text = "hosts: [a.example]\nmodules:\n  mod_muc:\n    default_room_options:\n      mam: true\n  mod_multicast:\n    limits:\n      local:\n        message: 7\n";
    let config = good(text).config;
    let rooms = config
        .module("a.example", "mod_muc")
        .unwrap()
        .options
        .section("default_room_options")
        .unwrap()
        .clone();
    assert!(rooms.bool("mam") && rooms.bool("public") && !rooms.bool("persistent"));
    assert_eq!(rooms.text("allowpm"), Some("anyone"));
    let limits = config
        .module("a.example", "mod_multicast")
        .unwrap()
        .options
        .section("limits")
        .unwrap()
        .clone();
    assert_eq!(limits.section("local").unwrap().limit("message"), Limit::At(7));
    assert_eq!(limits.section("local").unwrap().limit("presence"), Limit::At(100));
    assert_eq!(limits.section("remote").unwrap().limit("message"), Limit::At(20));
}

#[test]
fn service_hosts_and_their_own_options() {
    let text = "hosts: [a.example, b.example]\nmodules:\n  mod_muc:\n    host: old.@HOST@\n    hosts: [rooms.@HOST@, talk.@HOST@]\n    max_users: 10\n    append_module_config:\n      talk.a.example:\n        - max_users: 5\n        - history_size: 0\n  mod_proxy65: {}\n  mod_ping: {}\n";
    let config = good(text).config;
    let muc = config.module("a.example", "mod_muc").unwrap();
    assert_eq!(muc.service_hosts(), ["rooms.a.example", "talk.a.example"]);
    assert_eq!(muc.options_for("rooms.a.example").int("max_users"), 10);
    assert_eq!(muc.options_for("talk.a.example").int("max_users"), 5);
    assert_eq!(muc.options_for("talk.a.example").int("history_size"), 0);
    assert_eq!(
        config.module("b.example", "mod_proxy65").unwrap().service_hosts(),
        ["proxy.b.example"]
    );
    assert!(config.module("b.example", "mod_ping").unwrap().service_hosts().is_empty());
}

#[test]
fn what_is_not_in_force_is_told_once_and_defaults_never() {
    let text = "hosts: [a.example, b.example]\nlanguage: de\nloglevel: 4\nlisten:\n  - {port: 1, module: ejabberd_c2s, zlib: true, tls: true}\n  - {port: 2, module: ejabberd_sip}\nmodules:\n  mod_ping: {send_pings: true, timeout_action: kill}\n  mod_sip: {}\n";
    let loaded = good(text);
    let mut in_force = InForce::new();
    in_force
        .toplevel(&["loglevel"])
        .listener("ejabberd_c2s", &["tls", "send_timeout"])
        .module("mod_ping", &["send_pings"]);
    let notes = loaded.config.set_but_not_in_force(&in_force);
    let titles: Vec<&str> = notes.iter().map(|note| note.problem.title()).collect();
    assert_eq!(
        titles,
        [
            "option `language` is known and not yet in force",
            "option `zlib` of `ejabberd_c2s` is known and not yet in force",
            "listener `ejabberd_sip` is known and not yet in force",
            "option `timeout_action` of `mod_ping` is known and not yet in force",
            "module `mod_sip` is known and not yet in force",
        ]
    );
}

#[test]
#[should_panic(expected = "no option `send_pinks` of `mod_ping`")]
fn declaring_an_unknown_option_in_force_is_a_mistake_in_the_program() {
    InForce::new().module("mod_ping", &["send_pinks"]);
}

#[test]
#[should_panic(expected = "has no option `send_pinks`")]
fn asking_for_an_unknown_option_is_a_mistake_in_the_program() {
    let config = good("hosts: [a.example]\nmodules: {mod_ping: {}}\n").config;
    config.module("a.example", "mod_ping").unwrap().options.bool("send_pinks");
}

#[test]
fn a_reload_sees_values_and_not_places() {
    let one = good(
        "hosts: [a.example]\nlisten: [{port: 1, module: ejabberd_c2s, tls: true}]\nmodules: {mod_ping: {send_pings: true}}\n",
    );
    let two = good(
        "# moved\n\nhosts:\n  - a.example\nmodules: {mod_ping: {send_pings: yes}}\nlisten: [{tls: on, port: 1, module: ejabberd_c2s}]\n",
    );
    let three = good(
        "hosts: [a.example]\nlisten: [{port: 1, module: ejabberd_c2s}]\nmodules: {mod_ping: {}}\n",
    );
    assert_eq!(one.config.listeners(), two.config.listeners());
    assert_eq!(one.config.modules("a.example"), two.config.modules("a.example"));
    assert_eq!(one.config.global(), two.config.global());
    assert_ne!(one.config.listeners(), three.config.listeners());
    assert_ne!(one.config.modules("a.example"), three.config.modules("a.example"));
}

#[test]
fn domains_are_prepared() {
    let config = good("hosts: [EXAMPLE.Org, xn--bcher-kva.example, \"[::1]\"]\n").config;
    assert_eq!(config.hosts(), ["example.org", "bücher.example", "[::1]"]);
    for wrong in ["a@b", "a b", "''", "a/b", "5", "a..b", "\"a\\nb\""] {
        let text = bad(&format!("hosts: [{wrong}]\n"));
        assert!(text.contains("expected a domain name"), "{wrong}: {text}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let config = good("hosts: [a.example]\nsql_password: hunter2\nmodules:\n  mod_stun_disco: {secret: hunter3}\n").config;
    assert_eq!(config.global().secret("sql_password").unwrap().expose(), "hunter2");
    assert_eq!(config.global().secret("ldap_password"), None);
    assert!(!format!("{config:?}").contains("hunter"));
}

#[test]
fn every_default_fits_its_own_type_or_is_a_known_oddity() {
    let all: String = settings::catalogue::MODULES
        .iter()
        .map(|module| match module.name {
            "mod_http_fileserver" => "  mod_http_fileserver: {docroot: www}\n".to_owned(),
            name => format!("  {name}: {{}}\n"),
        })
        .collect();
    let config = good(&format!("hosts: [a.example]\nmodules:\n{all}")).config;
    assert_eq!(config.modules("a.example").len(), 70);
    for module in config.modules("a.example") {
        for (spec, value) in module.options.all() {
            let may_be_unset = matches!(spec.default, settings::catalogue::DefaultValue::Unset)
                || matches!(value, Value::Unset)
                    && (spec.secret
                        || spec.name.starts_with("maximum")
                        || spec.name.starts_with("ldap_tls_"))
                || matches!(spec.default, settings::catalogue::DefaultValue::AtStart(_));
            assert!(
                !value.is_unset() || may_be_unset,
                "{}.{} is {value:?}",
                module.module.name,
                spec.name
            );
        }
    }
}
