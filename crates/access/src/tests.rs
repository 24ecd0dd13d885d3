//! The semantics of ejabberd's rules, one table a rule, and the rules of its sample file.

use std::net::IpAddr;
use std::sync::Arc;

use jid::{BareJid, Jid};
use serde_json::{Value, json};
use settings::{Node, Note, Pos, Problem};

use crate::{
    Access, ApiDoor, ApiPermissions, CONDITION_NAMES, Call, Caller, LocalHosts, Rate, RuleRef,
    Sections, ShaperRef, ShaperValue, SharedGroups, Subject,
};

/// JSON as the settings reader would hand it on; a repeated key is written as a list of maps.
fn node(value: &Value) -> Node {
    let pos = Pos::BUILT_IN;
    match value {
        Value::Null => Node::new(settings::Kind::Null, pos),
        Value::Bool(word) => Node::word(word.to_string(), pos),
        Value::Number(number) => Node::word(number.to_string(), pos),
        Value::String(text) => Node::quoted(text.as_str(), pos),
        Value::Array(items) => Node::seq(items.iter().map(node).collect(), pos),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| {
                let is_number = key.parse::<i64>().is_ok();
                let key = key.as_str();
                let key = if is_number { Node::word(key, pos) } else { Node::quoted(key, pos) };
                (key, node(value))
            };
            Node::map(entries.iter().map(entry).collect(), pos)
        }
    }
}

fn local() -> LocalHosts {
    LocalHosts::new(["home.test", "other.test"])
}

fn load(config: &Value) -> Result<(Access, Vec<Note>), Vec<Problem>> {
    let section = |name: &str| config.get(name).map(node);
    let (acl, access_rules) = (section("acl"), section("access_rules"));
    let (shaper, shaper_rules) = (section("shaper"), section("shaper_rules"));
    let sections = Sections {
        acl: acl.as_ref(),
        access_rules: access_rules.as_ref(),
        shaper: shaper.as_ref(),
        shaper_rules: shaper_rules.as_ref(),
    };
    Access::from_sections(&sections, &local())
}

fn access(config: &Value) -> Access {
    load(config).unwrap_or_else(|problems| panic!("{problems:?}")).0
}

fn titles(config: &Value) -> Vec<String> {
    let problems = load(config).expect_err("the configuration is wrong");
    problems.iter().map(|problem| problem.title().to_owned()).collect()
}

fn jid(text: &str) -> Jid {
    Jid::new(text).expect("a JID of a test")
}

struct Friends;

impl SharedGroups for Friends {
    fn is_member(&self, group: &str, host: &str, account: &BareJid) -> bool {
        group == "friends"
            && host == "home.test"
            && account.node().map(|n| n.as_str()) == Some("ann")
    }
}

/// Whether one ACL condition fits a JID; `ip:` in front means an address.
fn fits(condition: &Value, who: &str) -> bool {
    let access = access(&json!({ "acl": { "x": condition } }));
    match who.strip_prefix("ip:") {
        Some(ip) => access.acl_fits("x", &Subject::of_ip(ip.parse().expect("an address"))),
        None => access.acl_fits("x", &Subject::of_jid(&jid(who)).with_groups(&Friends)),
    }
}

#[test]
fn the_empty_user_is_nobody() {
    let access = access(&json!({ "acl": { "admin": { "user": [""] } } }));
    for address in ["somebody@home.test", "home.test", "home.test/x"] {
        let jid = jid::Jid::new(address).unwrap();
        assert!(!access.acl_fits("admin", &Subject::of_jid(&jid)), "{address}");
    }
}

#[test]
fn each_condition_matches_and_fails_as_the_table_says() {
    let table = [
        (json!({"user": "ann"}), "ann@home.test", "ann@far.test"),
        (json!({"user": "ann"}), "ann@other.test/r", "bob@home.test"),
        (json!({"user": "ANN@Far.Test"}), "ann@far.test", "ann@home.test"),
        (json!({"user": ["bob", "ann@far.test"]}), "ann@far.test", "ann@home.test"),
        (json!({"user": {"ann": "far.test", "bob": "home.test"}}), "bob@home.test", "bob@far.test"),
        (json!({"user": [{"ann": "far.test"}]}), "ann@far.test", "ann@home.test"),
        (json!({"user_regexp": "^ad"}), "admin@home.test", "bad@home.test"),
        (json!({"user_regexp": "dmi"}), "admin@home.test", "admin@far.test"),
        (json!({"user_regexp": ""}), "admin@home.test", "admin@far.test"),
        (json!({"user_regexp": "^ad@far.test"}), "admin@far.test", "admin@home.test"),
        (json!({"user_regexp": {"^ad": "far.test"}}), "admin@far.test", "admin@home.test"),
        (json!({"user_glob": "ad*"}), "admin@home.test", "badmin@home.test"),
        (json!({"user_glob": "ad?in@far.test"}), "admin@far.test", "admiin@far.test"),
        (json!({"server": "FAR.test"}), "ann@far.test", "ann@home.test"),
        (json!({"server": ["a.test", "far.test"]}), "far.test", "near.test"),
        (json!({"server_regexp": "^f"}), "ann@far.test", "ann@afar.test"),
        (json!({"server_glob": "*.test"}), "ann@far.test", "ann@far.tests"),
        (json!({"resource": "Phone"}), "ann@far.test/Phone", "ann@far.test/phone"),
        (json!({"resource_regexp": "on"}), "ann@far.test/phone", "ann@far.test/desk"),
        (json!({"resource_glob": "ph*"}), "ann@far.test/phone", "ann@far.test/aphone"),
        (json!({"node_regexp": [{"^a": "^f"}]}), "ann@far.test", "ann@home.test"),
        (json!({"node_glob": {"a*": "*.test"}}), "ann@far.test", "bob@far.test"),
        (json!({"ip": "127.0.0.0/8"}), "ip:127.1.2.3", "ip:10.0.0.1"),
        (json!({"ip": ["10.0.0.0/8", "::1"]}), "ip:::1", "ip:127.0.0.1"),
        (json!({"shared_group": "friends"}), "ann@home.test/r", "ann@other.test"),
        (json!({"shared_group": ["x", "friends@home.test"]}), "ann@other.test", "bob@other.test"),
    ];
    for (condition, fitting, failing) in &table {
        assert!(fits(condition, fitting), "{condition} should fit {fitting}");
        assert!(!fits(condition, failing), "{condition} should not fit {failing}");
    }
    let covered = |name: &&str| table.iter().any(|(condition, ..)| condition.get(name).is_some());
    assert!(CONDITION_NAMES.iter().all(covered), "a condition has no line");
}

#[test]
fn conditions_of_an_acl_are_alternatives() {
    let both = json!({"user": "ann@far.test", "ip": "10.0.0.0/8"});
    assert!(fits(&both, "ann@far.test") && fits(&both, "ip:10.1.1.1"));
    let listed = json!([{"user": "ann@far.test"}, {"server": "home.test"}]);
    assert!(fits(&listed, "ann@far.test") && fits(&listed, "home.test"));
}

#[test]
fn a_missing_part_makes_conditions_on_it_false() {
    assert!(!fits(&json!({"ip": "0.0.0.0/0"}), "ann@home.test"));
    assert!(!fits(&json!({"server_regexp": ""}), "ip:127.0.0.1"));
    assert!(!fits(&json!({"shared_group": "friends"}), "ip:127.0.0.1"));
    let access = access(&json!({"acl": {"x": {"shared_group": "friends"}}}));
    let ann = jid("ann@home.test");
    assert!(!access.acl_fits("x", &Subject::of_jid(&ann)), "no module offers groups");
}

#[test]
fn all_and_none_are_built_in_and_undefined_matches_nothing() {
    let access = access(&json!({}));
    let nobody = Subject::default();
    assert!(access.acl_fits("all", &nobody));
    assert!(!access.acl_fits("none", &nobody) && !access.acl_fits("unknown", &nobody));
    for (name, allowed) in [("all", true), ("none", false), ("unknown", false)] {
        assert_eq!(access.allows(&RuleRef::named(name), &nobody), allowed, "{name}");
    }
}

/// What the rule gives for ann@home.test from 10.0.0.1.
fn allows(rule: &Value) -> bool {
    let access = access(&json!({
        "acl": {"ann": {"user": "ann"}, "bob": {"user": "bob"}, "near": {"ip": "10.0.0.0/8"}},
        "access_rules": {"x": rule},
    }));
    let ann = jid("ann@home.test");
    let subject = Subject::of_jid(&ann).with_ip("10.0.0.1".parse().ok());
    let named = access.allows(&RuleRef::named("x"), &subject);
    let (inline, _) = access
        .rule_ref(&node(&json!([rule]).as_array().map_or(json!(null), |it| {
            // In place, a lone word would be the name of a rule, so it goes into a list.
            if it[0].is_string() { json!(it) } else { it[0].clone() }
        })))
        .expect("the rule reads in place too");
    assert_eq!(access.allows(&inline, &subject), named, "in place and named differ for {rule}");
    named
}

#[test]
fn access_rules_follow_the_table() {
    let table = [
        (json!("allow"), true),
        (json!("deny"), false),
        (json!({"allow": "all"}), true),
        (json!({"allow": "none"}), false),
        (json!({"allow": "ann"}), true),
        (json!({"allow": "bob"}), false),
        (json!({"allow": "undefined"}), false),
        (json!([{"deny": "ann"}, {"allow": "all"}]), false),
        (json!([{"deny": "bob"}, {"allow": "all"}]), true),
        (json!({"deny": "bob", "allow": "all"}), true),
        (json!({"deny": "ann", "allow": "all"}), false),
        (json!([{"allow": "ann"}, {"deny": "ann"}]), true),
        (json!([{"allow": "bob"}, "allow"]), true),
        (json!([]), false),
        // All terms of one line must hold.
        (json!({"allow": ["ann", "near"]}), true),
        (json!({"allow": ["ann", "bob"]}), false),
        (json!({"allow": {"acl": "ann", "ip": "10.0.0.0/8"}}), true),
        (json!({"allow": {"acl": "ann", "ip": "11.0.0.0/8"}}), false),
        (json!({"allow": {"acl": ["ann", "bob"]}}), false),
        (json!({"allow": [{"acl": "ann"}, {"user": "ann"}, "near"]}), true),
        // So must all values of one condition, unlike inside `acl`.
        (json!({"allow": {"user": ["ann", "bob"]}}), false),
        (json!({"allow": {"user": ["ann", "ann@home.test"]}}), true),
        (json!({"allow": {"ip": ["10.0.0.0/8", "192.168.0.0/16"]}}), false),
    ];
    for (rule, expected) in table {
        assert_eq!(allows(&rule), expected, "{rule}");
    }
}

#[test]
fn shapers_and_shaper_rules_follow_the_table() {
    let rate =
        |bytes_per_second, burst_bytes| ShaperValue::Rate(Rate { bytes_per_second, burst_bytes });
    let table = [
        (json!("fast"), rate(100_000, 100_000)),
        (json!("normal"), rate(3_000, 20_000)),
        (json!("even"), rate(500, 500)),
        (json!("free"), ShaperValue::Infinity),
        (json!(10), ShaperValue::Number(10)),
        (json!("none"), ShaperValue::None),
        (json!("unlimited"), ShaperValue::Infinity),
        (json!([{"5000": "bob"}, {"100": "all"}]), ShaperValue::Number(100)),
        (json!({"5000": "ann", "100": "all"}), ShaperValue::Number(5000)),
        (json!([{"none": "ann"}, {"normal": "all"}]), ShaperValue::None),
        (json!([{"none": "bob"}, {"normal": "all"}]), rate(3_000, 20_000)),
        (json!([{"infinity": {"user": "ann"}}]), ShaperValue::Infinity),
        (json!([{"fast": ["ann", "bob"]}]), ShaperValue::None),
        (json!([{"missing": "ann"}, "fast"]), rate(100_000, 100_000)),
    ];
    for (rule, expected) in table {
        let access = access(&json!({
            "acl": {"ann": {"user": "ann"}, "bob": {"user": "bob"}},
            "shaper": {
                "fast": 100_000,
                "normal": {"rate": 3000, "burst_size": 20000},
                "even": {"rate": 500},
                "free": "infinity",
            },
            "shaper_rules": {"x": rule},
        }));
        let ann = jid("ann@home.test");
        let found = access.shaper(&ShaperRef::named("x"), &Subject::of_jid(&ann));
        assert_eq!(found, expected, "{rule}");
    }
}

#[test]
fn shaper_values_serve_traffic_and_limits() {
    let rate = Rate { bytes_per_second: 5, burst_bytes: 5 };
    assert_eq!(ShaperValue::Number(5).rate(), Some(rate));
    assert_eq!((ShaperValue::None.rate(), ShaperValue::Infinity.rate()), (None, None));
    assert_eq!(ShaperValue::None.limit(Some(1)), Some(1));
    assert_eq!(ShaperValue::Infinity.limit(Some(1)), None);
    assert_eq!(ShaperValue::Number(7).limit(Some(1)), Some(7));
    let access = access(&json!({}));
    let free = access.shaper(&ShaperRef::named("infinity"), &Subject::default());
    assert_eq!(free, ShaperValue::Infinity);
    let unknown = access.shaper(&ShaperRef::named("unknown"), &Subject::default());
    assert_eq!(unknown, ShaperValue::None);
}

#[test]
fn mistakes_are_errors() {
    let table = [
        (json!({"acl": {"all": {"user": "a"}}}), "built in"),
        (json!({"acl": {"x": {}}}), "no condition"),
        (json!({"acl": {"x": {"usr": "a"}}}), "unknown condition `usr`"),
        (json!({"acl": {"x": {"acl": "y"}}}), "cannot refer to another"),
        (json!({"acl": {"x": {"user": 5}}}), "must be a string"),
        (json!({"acl": {"x": {"user": "a b"}}}), "not a valid user"),
        (json!({"acl": {"x": {"user": []}}}), "no value"),
        (json!({"acl": {"x": {"user_regexp": "(?=a)"}}}), "look-ahead"),
        (json!({"acl": {"x": {"ip": "localhost"}}}), "not an IP address"),
        (json!({"acl": {"x": "ann"}}), "must be a map"),
        (json!({"access_rules": {"none": "deny"}}), "built in"),
        (json!({"access_rules": {"x": {"permit": "all"}}}), "expected `allow` or `deny`"),
        (json!({"access_rules": {"x": {"allow": []}}}), "no condition here"),
        (json!({"access_rules": {"x": {"allow": null}}}), "must be a string"),
        (json!({"shaper": {"none": 5}}), "reserved"),
        (json!({"shaper": {"x": 0}}), "greater than 0"),
        (json!({"shaper": {"x": {"burst_size": 5}}}), "needs `rate`"),
        (json!({"shaper": {"x": {"rate": "5"}}}), "positive integer"),
        (json!({"shaper_rules": {"x": -1}}), "greater than 0"),
    ];
    for (config, part) in table {
        let titles = titles(&config);
        assert!(titles.iter().any(|title| title.contains(part)), "{config}: {titles:?}");
    }
}

#[test]
fn problems_stand_at_their_place_and_name_the_near_word() {
    let pos = Pos { start: 40, end: 44, line: 3, column: 7, ..Pos::BUILT_IN };
    let bad = Node::map(vec![(Node::word("user_regex", pos), Node::quoted("a", pos))], pos);
    let acl = Node::map(vec![(Node::word("x", Pos::BUILT_IN), bad)], Pos::BUILT_IN);
    let sections = Sections { acl: Some(&acl), ..Sections::default() };
    let problems = Access::from_sections(&sections, &local()).expect_err("unknown condition");
    assert_eq!(problems[0].pos(), pos);
    assert_eq!(problems[0].helps(), ["did you mean `user_regexp`?"]);
}

#[test]
fn names_that_are_not_defined_are_noted_only_when_near_another() {
    let notes = |rule: &str| {
        let config =
            json!({"acl": {"admin": {"user": "a"}}, "access_rules": {"x": {"allow": rule}}});
        load(&config).expect("no error").1.len()
    };
    assert_eq!((notes("admin"), notes("blocked"), notes("admni")), (0, 0, 1));
    let config = json!({"shaper": {"fast": 5}, "shaper_rules": {"x": [{"fsat": "all"}]}});
    let (_, notes) = load(&config).expect("no error");
    assert_eq!(notes[0].problem.helps(), ["did you mean `fast`?"]);
    let access = access(&json!({"access_rules": {"local": "allow"}}));
    let (_, notes) = access.rule_ref(&node(&json!("locla"))).expect("no error");
    assert_eq!(notes[0].problem.helps(), ["did you mean `local`?"]);
    assert_eq!(access.rule_ref(&node(&json!("local"))).expect("no error").1, []);
}

fn sample() -> Access {
    access(&json!({
        "acl": {"local": {"user_regexp": ""}, "loopback": {"ip": ["127.0.0.0/8", "::1/128"]}},
        "access_rules": {
            "local": {"allow": "local"},
            "c2s": [{"deny": "blocked"}, {"allow": "all"}],
            "announce": {"allow": "admin"},
            "configure": {"allow": "admin"},
            "trusted_network": {"allow": "loopback"},
        },
        "shaper": {"normal": {"rate": 3000, "burst_size": 20000}, "fast": 100_000},
        "shaper_rules": {
            "max_user_sessions": 10,
            "max_user_offline_messages": [{"5000": "admin"}, {"100": "all"}],
            "c2s_shaper": [{"none": "admin"}, {"normal": "all"}],
            "s2s_shaper": "fast",
        },
    }))
}

#[test]
fn the_sample_file_means_what_it_means_in_ejabberd() {
    let sample = sample();
    let (ann, stranger) = (jid("ann@home.test/r"), jid("ann@far.test"));
    let allows = |rule: &str, subject| sample.allows(&RuleRef::named(rule), &subject);
    assert!(allows("local", Subject::of_jid(&ann)));
    assert!(!allows("local", Subject::of_jid(&stranger)));
    assert!(allows("c2s", Subject::of_jid(&ann)));
    assert!(!allows("configure", Subject::of_jid(&ann)), "no admin is defined");
    let client = |ip: &str| Subject::of_ip(ip.parse::<IpAddr>().expect("an address"));
    assert!(allows("trusted_network", client("::ffff:127.0.0.1")));
    assert!(!allows("trusted_network", client("192.0.2.1")));
    let value = |rule: &str| sample.shaper(&ShaperRef::named(rule), &Subject::of_jid(&ann));
    assert_eq!(value("max_user_sessions").limit(None), Some(10));
    assert_eq!(value("max_user_offline_messages").limit(None), Some(100));
    let normal = Rate { bytes_per_second: 3000, burst_bytes: 20000 };
    assert_eq!(value("c2s_shaper").rate(), Some(normal));
    assert_eq!(value("s2s_shaper").limit(None), Some(100_000));
}

struct Asked<'a> {
    permissions: &'a Value,
    door: ApiDoor,
    who: Option<&'a str>,
    scopes: Option<&'a [&'a str]>,
    command: &'a str,
    host: Option<&'a str>,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        let permissions = &Value::Null;
        let door = ApiDoor::HttpApi;
        Self { permissions, door, who: None, scopes: None, command: "status", host: None }
    }
}

/// `root@home.test` is an administrator everywhere, `ann@home.test` on home.test only.
fn may(asked: Asked<'_>) -> bool {
    let global = access(&json!({
        "acl": {"admin": {"user": "root@home.test"}},
        "access_rules": {"configure": {"allow": "admin"}},
    }));
    let home = Arc::new(access(&json!({
        "acl": {"admin": {"user": ["root@home.test", "ann@home.test"]}},
        "access_rules": {"configure": {"allow": "admin"}},
    })));
    let of_host = |host: &str| (host == "home.test").then(|| Arc::clone(&home));
    let section = (!asked.permissions.is_null()).then(|| node(asked.permissions));
    let (permissions, _) =
        ApiPermissions::from_node(section.as_ref(), &global).unwrap_or_else(|it| panic!("{it:?}"));
    let jid = asked.who.map(jid);
    let caller = Caller {
        door: asked.door,
        tag: Some("inner"),
        subject: Subject { jid: jid.as_ref(), ip: "127.0.0.1".parse().ok(), groups: None },
        token_scopes: asked.scopes,
    };
    let call = Call { command: asked.command, tags: &["server"], host: asked.host };
    permissions.allows(&caller, &call, &global, &of_host)
}

#[test]
fn the_default_permissions_are_for_administrators() {
    let root = || Asked { who: Some("root@home.test"), ..Asked::default() };
    assert!(may(root()));
    assert!(
        !may(Asked { command: "stop", ..root() }) && !may(Asked { command: "start", ..root() })
    );
    assert!(!may(Asked { who: Some("bob@home.test"), ..Asked::default() }));
    assert!(!may(Asked::default()), "a caller without a JID is nobody");
    assert!(may(Asked { scopes: Some(&["ejabberd:admin"]), ..root() }));
    assert!(!may(Asked { scopes: Some(&["sasl_auth"]), ..root() }), "a token for something else");
    assert!(!may(Asked { scopes: Some(&[]), ..root() }), "a token without scopes");
}

#[test]
fn the_console_may_do_everything_unless_its_entry_is_replaced() {
    let console = || Asked { door: ApiDoor::Ctl, command: "stop", ..Asked::default() };
    assert!(may(console()));
    let empty = json!({});
    assert!(may(Asked { permissions: &empty, ..console() }), "the entry is put in front");
    assert!(!may(Asked { permissions: &empty, door: ApiDoor::HttpApi, ..console() }));
    let own = json!({"console commands": {"from": "ejabberd_ctl", "who": "all", "what": "status"}});
    assert!(!may(Asked { permissions: &own, ..console() }));
    assert!(may(Asked { permissions: &own, command: "status", ..console() }));
}

#[test]
fn from_who_and_what_follow_the_table() {
    let table = [
        (json!({"who": "all", "what": "*"}), true),
        (json!({"who": "all"}), false),
        (json!({"what": "*"}), false),
        (json!({"who": "none", "what": "*"}), false),
        (json!({"from": [], "who": "all", "what": "*"}), true),
        (json!({"from": "mod_http_api", "who": "all", "what": "*"}), true),
        (json!({"from": ["ejabberd_ctl", "mod_cron"], "who": "all", "what": "*"}), false),
        (json!({"from": [{"tag": "inner"}], "who": "all", "what": "*"}), true),
        (json!({"from": [{"tag": "outer"}], "who": "all", "what": "*"}), false),
        (json!({"from": ["mod_http_api", {"tag": "outer"}], "who": "all", "what": "*"}), false),
        (json!({"from": ["mod_cron", {"tag": "inner"}], "who": "all", "what": "*"}), false),
        (json!({"who": ["none", {"ip": "127.0.0.1"}], "what": "*"}), true),
        (json!({"who": {"ip": ["10.0.0.1", "127.0.0.1"]}, "what": "*"}), true),
        (json!({"who": {"acl": ["none", "all"]}, "what": "*"}), true),
        (json!({"who": {"access": "all"}, "what": "*"}), true),
        (json!({"who": {"access": "configure"}, "what": "*"}), false),
        (json!({"who": {"access": {"allow": ["all", {"ip": "127.0.0.1"}]}}, "what": "*"}), true),
        (json!({"who": {"access": {"allow": ["all", "none"]}}, "what": "*"}), false),
        (json!({"who": {"oauth": {"scope": "s", "acl": "all"}}, "what": "*"}), false),
        (json!({"who": "all", "what": "status"}), true),
        (json!({"who": "all", "what": ["stop", "status"]}), true),
        (json!({"who": "all", "what": "stop"}), false),
        (json!({"who": "all", "what": "[tag:server]"}), true),
        (json!({"who": "all", "what": "[tag:accounts]"}), false),
        (json!({"who": "all", "what": ["*", "!status"]}), false),
        (json!({"who": "all", "what": ["!status", "*"]}), false),
        (json!({"who": "all", "what": ["*", "![tag:server]"]}), false),
        (json!({"who": "all", "what": ["*", "!stop"]}), true),
        (json!({"who": "all", "what": "!stop"}), false),
        (json!({"who": "all", "what": ["status", "!*"]}), false),
    ];
    for (entry, expected) in table {
        let permissions = json!({ "x": entry });
        assert_eq!(
            may(Asked { permissions: &permissions, ..Asked::default() }),
            expected,
            "{entry}"
        );
    }
}

#[test]
fn oauth_clauses_need_a_scope_and_a_person() {
    let table = [
        (json!({"oauth": {"scope": "s", "acl": "all"}}), true),
        (json!({"oauth": [{"scope": ["x", "s"]}, {"access": "all"}]}), true),
        (json!({"oauth": {"scope": "x", "acl": "all"}}), false),
        (json!({"oauth": {"scope": "s"}}), false),
        (json!({"oauth": {"scope": "s", "acl": "none"}}), false),
        (json!({"acl": "all"}), false),
    ];
    for (who, expected) in table {
        let permissions = json!({"x": {"who": who, "what": "*"}});
        let asked = Asked { permissions: &permissions, scopes: Some(&["s"]), ..Asked::default() };
        assert_eq!(may(asked), expected, "{who}");
    }
}

#[test]
fn a_host_argument_needs_the_rule_configure_of_that_host() {
    let everyone = json!({"x": {"who": "all", "what": "*"}});
    let call = |who, host| Asked { permissions: &everyone, who, host, ..Asked::default() };
    assert!(may(call(Some("bob@home.test"), None)));
    assert!(!may(call(Some("bob@home.test"), Some("home.test"))), "the hidden check");
    assert!(may(call(Some("ann@home.test"), Some("home.test"))));
    assert!(!may(call(Some("ann@home.test"), Some("far.test"))), "no rules of that host");
    assert!(may(call(None, Some("home.test"))), "without a JID the check does not apply");
}

#[test]
fn acls_are_those_of_the_callers_host_only_with_a_host_argument() {
    let admins = json!({"x": {"who": {"acl": "admin"}, "what": "*"}});
    let call =
        |host| Asked { permissions: &admins, who: Some("ann@home.test"), host, ..Asked::default() };
    assert!(may(call(Some("home.test"))));
    assert!(!may(call(None)), "globally ann is no administrator");
}

#[test]
fn echo_and_the_hosts_of_the_web_admin_are_always_allowed() {
    let nothing = json!({});
    let ask = |command, door| Asked { permissions: &nothing, command, door, ..Asked::default() };
    assert!(may(ask("echo", ApiDoor::XmlRpc)));
    assert!(may(ask("registered_vhosts", ApiDoor::WebAdmin)));
    assert!(!may(ask("registered_vhosts", ApiDoor::HttpApi)));
}

#[test]
fn mistakes_in_permissions_are_errors() {
    let table = [
        (json!({"form": []}), "no part"),
        (json!({"from": "mod_http"}), "no way to call"),
        (json!({"what": "Stop"}), "no command name"),
        (json!({"what": "[tag:]"}), "no command name"),
        (json!({"who": {"oauth": {"acl": "all"}}}), "needs `scope`"),
        (json!({"who": {"oauth": {"scope": "a", "oauth": {}}}}), "cannot hold another"),
        (json!({"who": {"nobody": 1}}), "unknown condition"),
    ];
    for (entry, part) in table {
        let section = node(&json!({ "x": entry }));
        let problems = ApiPermissions::from_node(Some(&section), &Access::default())
            .expect_err("the entry is wrong");
        assert!(problems.iter().any(|it| it.title().contains(part)), "{entry}: {problems:?}");
    }
}
