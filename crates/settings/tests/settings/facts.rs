//! The whole catalogue against the facts of ejabberd 26.07, field by field.

use std::path::Path;

use serde_json::{Map, Value, json};
use settings::catalogue::{
    COMMON, DefaultValue, FileUse, HANDLERS, LISTENERS, MODULES, OptionSpec, Scope, TOPLEVEL, Type,
    module,
};

fn facts(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/facts/ejabberd-26.07");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// A type as the tree the facts hold.
fn tree(kind: &Type) -> Value {
    let mut out = Map::new();
    let mut flag = |name: &str, on: bool| {
        if on {
            out.insert(name.to_owned(), json!(true));
        }
    };
    match kind {
        Type::Int { min, max, infinity } => return int_tree(*min, *max, *infinity),
        Type::Duration { infinity, .. } => {
            flag("infinity", *infinity);
            out.insert("bare_int_unit".to_owned(), json!("second"));
            out.insert("type".to_owned(), json!("duration"));
        }
        Type::List { of, unique, sorted, non_empty, single } => {
            flag("unique", *unique);
            flag("sorted", *sorted);
            flag("non_empty", *non_empty);
            flag("or_single", *single);
            out.insert("of".to_owned(), tree(of));
            out.insert("type".to_owned(), json!("list"));
        }
        Type::Map { key, value, unique, non_empty } => {
            flag("unique", *unique);
            flag("non_empty", *non_empty);
            return merged(out, json!({"type": "map", "key": tree(key), "value": tree(value)}));
        }
        Type::Options { fields, unique } => {
            flag("unique", *unique);
            let required: Vec<&str> = fields
                .iter()
                .filter(|f| f.default == DefaultValue::Required)
                .map(|f| f.name)
                .collect();
            if !required.is_empty() {
                out.insert("required".to_owned(), json!(required));
            }
            let fields: Map<String, Value> =
                fields.iter().map(|f| (f.name.to_owned(), tree(&f.kind))).collect();
            return merged(out, json!({"type": "options", "fields": fields}));
        }
        Type::Either(of) => {
            return json!({"type": "either", "of": of.iter().map(tree).collect::<Vec<_>>()});
        }
        other => return leaf(other),
    }
    Value::Object(out)
}

fn int_tree(min: i64, max: i64, infinity: bool) -> Value {
    let mut out = Map::new();
    out.insert("type".to_owned(), json!("int"));
    if min != i64::MIN {
        out.insert("min".to_owned(), json!(min));
    }
    if max != i64::MAX {
        out.insert("max".to_owned(), json!(max));
    }
    if infinity {
        out.insert("infinity".to_owned(), json!(true));
    }
    Value::Object(out)
}

fn leaf(kind: &Type) -> Value {
    match kind {
        Type::Text(None) => json!({"type": "string"}),
        Type::Text(Some(pattern)) => json!({"type": "string", "regex": pattern}),
        Type::Enum(words) => json!({"type": "enum", "values": words}),
        Type::DbType(prefix) => json!({"type": "db_type", "prefix": prefix}),
        Type::Url(schemes) => json!({"type": "url", "schemes": schemes}),
        Type::File(FileUse::Read) => json!({"type": "file", "mode": "read"}),
        Type::File(FileUse::Write) => json!({"type": "file", "mode": "write"}),
        Type::Directory(FileUse::Read) => json!({"type": "directory", "mode": "read"}),
        Type::Directory(FileUse::Write) => json!({"type": "directory", "mode": "write"}),
        Type::Origins => json!({"type": "split_string", "sep": "\\s+"}),
        Type::NumberFromZero => json!({"type": "number", "min": 0}),
        Type::AccessRules => json!({"type": "access_rules_map"}),
        Type::Acl => json!({"type": "acl_map"}),
        Type::ApiPermissions => json!({"type": "api_permissions_map"}),
        Type::Shapers => json!({"type": "shaper_map"}),
        Type::ShaperRules => json!({"type": "shaper_rules_map"}),
        Type::HostOptions => json!({"type": "host_options"}),
        Type::ModuleOptions => json!({"type": "module_options"}),
        Type::ModuleOverrides => {
            json!({"type": "map", "key": {"type": "domain"}, "value": {"type": "list", "of": {"type": "any"}}})
        }
        other => json!({"type": other.short()}),
    }
}

fn merged(mut into: Map<String, Value>, other: Value) -> Value {
    into.extend(other.as_object().unwrap().clone());
    Value::Object(into)
}

/// The tree of the facts without remarks, booleans among the words of an enumeration as words.
fn cleaned(spec: &Value) -> Value {
    match spec {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !matches!(key.as_str(), "normalised" | "see"));
            let sorted = |key: &str, value: &Value| match (key, value) {
                ("required", Value::Array(names)) => {
                    let mut names = names.clone();
                    names.sort_by_key(|name| name.as_str().unwrap().to_owned());
                    Value::Array(names)
                }
                ("values", Value::Array(words)) => words
                    .iter()
                    .map(|word| word.as_bool().map_or(word.clone(), |word| json!(word.to_string())))
                    .collect(),
                (_, value) => cleaned(value),
            };
            Value::Object(kept.map(|(key, value)| (key.clone(), sorted(key, value))).collect())
        }
        Value::Array(items) => items.iter().map(cleaned).collect(),
        other => other.clone(),
    }
}

/// A default as the facts write it.
fn default_json(default: &DefaultValue) -> Value {
    match default {
        DefaultValue::Unset | DefaultValue::Required => Value::Null,
        DefaultValue::Bool(value) => json!(value),
        DefaultValue::Int(value) | DefaultValue::Millis(value) => json!(value),
        DefaultValue::Text(text) => json!(text),
        DefaultValue::List(items) => items.iter().map(default_json).collect(),
        DefaultValue::Map(entries) => Value::Object(
            entries.iter().map(|(key, value)| ((*key).to_owned(), default_json(value))).collect(),
        ),
        DefaultValue::Of(name) => json!({"from_option": name}),
        DefaultValue::OfOr(name, fallback) => json!({"from_option": name, "fallback": fallback}),
        DefaultValue::ListOf(name) => json!({"from_option": name, "as": "one-element list"}),
        DefaultValue::AtStart(what) => json!({"from": what}),
        DefaultValue::When(option, arms, rest) => {
            let key = |word: &str| match *option {
                "sql_type" if arms.len() > 1 => word.to_owned(),
                option => format!("if {option}={word}"),
            };
            let mut map: Map<String, Value> =
                arms.iter().map(|(word, arm)| (key(word), default_json(arm))).collect();
            map.insert("else".to_owned(), default_json(rest));
            Value::Object(map)
        }
    }
}

fn since(fact: &Value) -> String {
    let text = fact["since"].as_str().unwrap_or_default();
    match text.starts_with("<=") {
        true => String::new(),
        false => text.trim_start_matches("added in ").trim_start_matches("improved in ").to_owned(),
    }
}

fn compare(owner: &str, option: &OptionSpec, fact: &Value) {
    let place = format!("{owner}.{}", option.name);
    assert_eq!(option.name, fact["name"], "{place}");
    assert_eq!(option.kind.short(), fact["type"].as_str().unwrap(), "type of {place}");
    if let Some(spec) = fact.get("spec") {
        assert_eq!(tree(&option.kind), cleaned(spec), "tree of {place}");
    }
    let required = fact["required"].as_bool().unwrap_or(false);
    assert_eq!(option.default == DefaultValue::Required, required, "{place} required");
    assert_eq!(
        default_json(&option.default),
        fact.get("default").cloned().unwrap_or_default(),
        "default of {place}"
    );
    let is_millis = fact["default_unit"] == "ms";
    assert_eq!(
        matches!(option.default, DefaultValue::Millis(_)),
        is_millis,
        "unit of the default of {place}"
    );
    assert_eq!(option.since, since(fact), "since of {place}");
    if let Some(scope) = fact.get("scope") {
        let ours = if option.scope == Scope::Host { "host" } else { "global" };
        assert_eq!(ours, scope, "scope of {place}");
    }
}

fn compare_all(owner: &str, ours: &[OptionSpec], facts: &[Value]) {
    // Options that ejabberd does not have say so where it says since when.
    let ours: Vec<_> = ours.iter().filter(|one| !one.since.starts_with("rookery")).collect();
    let mut facts: Vec<&Value> = facts.iter().collect();
    facts.sort_by_key(|fact| fact["name"].as_str().unwrap().to_owned());
    let names =
        |specs: &[&OptionSpec]| specs.iter().map(|spec| spec.name.to_owned()).collect::<Vec<_>>();
    let fact_names: Vec<String> =
        facts.iter().map(|fact| fact["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names(&ours), fact_names, "options of {owner}, by name");
    for (option, fact) in ours.iter().zip(facts) {
        compare(owner, option, fact);
    }
}

#[test]
fn toplevel_options_are_those_of_the_facts() {
    let facts = facts("toplevel.json");
    assert_eq!(TOPLEVEL.len(), 177);
    compare_all("top level", TOPLEVEL, facts["options"].as_array().unwrap());
}

#[test]
fn listener_options_are_those_of_the_facts() {
    let facts = facts("listeners.json");
    compare_all("listen", COMMON, facts["common"].as_array().unwrap());
    let modules = facts["modules"].as_array().unwrap();
    assert_eq!(LISTENERS.len(), modules.len());
    for fact in modules {
        let name = fact["module"].as_str().unwrap();
        let ours = LISTENERS.iter().find(|listener| listener.name == name).unwrap();
        assert_eq!(
            ours.transports.to_vec(),
            strings(&fact["transports"]).iter().map(String::as_str).collect::<Vec<_>>()
        );
        compare_all(name, ours.options, fact["options"].as_array().map_or(&[], Vec::as_slice));
    }
    let mut handlers: Vec<&str> = facts["request_handlers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| h["module"].as_str().unwrap())
        .collect();
    handlers.sort_unstable();
    assert_eq!(HANDLERS, handlers);
}

#[test]
fn module_options_are_those_of_the_facts() {
    let facts = facts("modules.json");
    let modules = facts["modules"].as_array().unwrap();
    assert_eq!(MODULES.len(), modules.len());
    for fact in modules {
        let name = fact["name"].as_str().unwrap();
        let ours = module(name).unwrap();
        assert_eq!(ours.since, since(fact), "since of {name}");
        let mut options = fact["options"].as_array().cloned().unwrap_or_default();
        for (backend, own) in fact["options_by_backend"].as_object().into_iter().flatten() {
            for option in own.as_array().unwrap() {
                let of = ours.option(option["name"].as_str().unwrap()).unwrap();
                assert_eq!(of.backend, Some(backend.as_str()), "back-end of {name}.{}", of.name);
                options.push(option.clone());
            }
        }
        compare_all(name, ours.options, &options);
        assert_eq!(ours.db_types.to_vec(), strings(&fact["db_type"]), "back-ends of {name}");
        assert_eq!(
            ours.ram_db_types.to_vec(),
            strings(&fact["ram_db_type"]),
            "back-ends of {name}"
        );
        let dependencies = |kind: &str| {
            let all = fact["depends"].as_array().into_iter().flatten();
            let some = all.filter(|d| d["kind"] == kind && d.get("when").is_none());
            some.map(|d| d["module"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ours.needs.to_vec(), dependencies("hard"), "what {name} needs");
        assert_eq!(ours.wants.to_vec(), dependencies("soft"), "what {name} wants");
    }
}

#[test]
fn tables_are_sorted_and_without_repetition() {
    let is_sorted =
        |options: &[OptionSpec]| options.is_sorted_by(|left, right| left.name < right.name);
    assert!(is_sorted(TOPLEVEL) && is_sorted(COMMON));
    assert!(MODULES.is_sorted_by(|left, right| left.name < right.name));
    assert!(LISTENERS.is_sorted_by(|left, right| left.name < right.name));
    assert!(MODULES.iter().all(|module| is_sorted(module.options)));
    assert!(LISTENERS.iter().all(|listener| is_sorted(listener.options)));
}

#[test]
fn defaults_refer_to_top_level_options_that_refer_no_further() {
    let specs = MODULES
        .iter()
        .flat_map(|m| m.options)
        .chain(LISTENERS.iter().flat_map(|l| l.options))
        .chain(TOPLEVEL);
    let mut seen = 0;
    for spec in specs {
        let (DefaultValue::Of(name)
        | DefaultValue::OfOr(name, _)
        | DefaultValue::ListOf(name)
        | DefaultValue::When(name, ..)) = &spec.default
        else {
            continue;
        };
        let target = TOPLEVEL.iter().find(|option| option.name == *name).unwrap();
        let is_plain = !matches!(
            target.default,
            DefaultValue::Of(_) | DefaultValue::OfOr(..) | DefaultValue::ListOf(_)
        );
        let module_level = spec.scope == Scope::Global
            && !TOPLEVEL.iter().any(|option| std::ptr::eq(option, spec));
        assert!(is_plain || module_level, "{} refers to {name}, which refers further", spec.name);
        seen += 1;
    }
    assert!(seen > 50);
}

#[test]
fn patterns_of_the_catalogue_are_expressions() {
    fn walk(kind: &Type) -> usize {
        match kind {
            Type::Text(Some(pattern)) => regex::Regex::new(pattern).map(|_| 1).unwrap(),
            Type::List { of, .. } => walk(of),
            Type::Map { key, value, .. } => walk(key) + walk(value),
            Type::Either(of) => of.iter().map(walk).sum(),
            Type::Options { fields, .. } => fields.iter().map(|field| walk(&field.kind)).sum(),
            _ => 0,
        }
    }
    let modules = MODULES.iter().flat_map(|module| module.options);
    assert!(
        modules.chain(TOPLEVEL).chain(COMMON).map(|option| walk(&option.kind)).sum::<usize>() >= 3
    );
}

#[test]
fn control_variables_are_those_of_the_facts() {
    let facts = facts("ctlcfg.json");
    let mut names: Vec<&str> = facts["variables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    let ours: Vec<&str> = settings::ctlcfg::VARIABLES.iter().map(|known| known.name).collect();
    assert_eq!(ours, names);
}

#[test]
fn legacy_names_of_the_facts_are_accepted() {
    let facts = facts("toplevel.json");
    for name in strings(&facts["legacy"]["ignored_with_warning"]) {
        let loaded = crate::good(&format!("hosts: [a.example]\n{name}: 1\n"));
        assert_eq!(loaded.notes.len(), 1, "{name} gives a note");
    }
    let renamed = facts["legacy"]["renamed_applied"].as_array().unwrap();
    for fact in renamed.iter().filter(|fact| !fact["old"].as_str().unwrap().contains('.')) {
        let (old, new) = (fact["old"].as_str().unwrap(), fact["new"].as_str().unwrap());
        let value = match new {
            "sql_schema_multihost" => "true",
            "auth_password_types_hidden_in_sasl1" => "[plain]",
            "extauth_pool_size" => "3",
            "ldap_deref_aliases" => "always",
            _ => "cert.pem",
        };
        let loaded = crate::good(&format!("hosts: [a.example]\n{old}: {value}\n"));
        assert!(loaded.config.global().is_set(new), "{old} is read as {new}");
        let rewrite = loaded.notes[0].rewrite.as_ref().unwrap();
        assert!(rewrite.old.starts_with(old) && rewrite.new.starts_with(new));
    }
}
