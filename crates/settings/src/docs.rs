//! `docs/options.md`, written from the catalogue.

use std::fmt::Write as _;

use crate::catalogue::{
    COMMON, DefaultValue, HANDLERS, LISTENERS, MODULES, OptionSpec, Scope, TOPLEVEL,
};

/// The whole page. It changes with the catalogue only.
pub fn options_page() -> String {
    let mut page = String::from(
        "# Options\n\n\
         <!-- Written from the catalogue in crates/settings; refresh with: UPDATE_DOCS=1 cargo test -p settings -->\n\n\
         Every option of `ejabberd.yml`, with its type, default and meaning. `T|infinity` also takes\n\
         `infinity`; `T|single` also takes one bare value for a list of one; `duration[second]` is a number of\n\
         seconds or a number with a unit (`5 minutes`). Options marked *host* may stand in `host_config`.\n\n",
    );
    section(&mut page, "## Top level", "", TOPLEVEL, true);
    section(&mut page, "## Listeners", "Options of every entry of `listen`:", COMMON, false);
    for listener in LISTENERS {
        let about = format!("{} Transports: {}.", listener.doc, listener.transports.join(", "));
        section(&mut page, &format!("### {}", listener.name), &about, listener.options, false);
    }
    page.push_str("### Request handlers\n\nModules for `request_handlers` of `ejabberd_http`: ");
    let handlers: Vec<String> = HANDLERS.iter().map(|handler| format!("`{handler}`")).collect();
    page.push_str(&handlers.join(", "));
    page.push_str(".\n\n## Modules\n\n");
    for module in MODULES {
        let mut about = module.doc.to_owned();
        for (label, names) in [("Needs", module.needs), ("Does more with", module.wants)] {
            if !names.is_empty() {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                write!(about, " {label} {}.", names.join(", "))
                    .expect("writing to a string succeeds");
            }
        }
        if !module.since.is_empty() {
            write!(about, " Since {}.", module.since).expect("writing to a string succeeds");
        }
        section(&mut page, &format!("### {}", module.name), &about, module.options, false);
    }
    while page.ends_with("\n\n") {
        page.pop();
    }
    page
}

fn section(
    page: &mut String,
    heading: &str,
    about: &str,
    options: &[OptionSpec],
    with_scope: bool,
) {
    let mut out = format!("{heading}\n\n");
    if !about.is_empty() {
        out += &format!("{about}\n\n");
    }
    if !options.is_empty() {
        out += "| option | type | default | meaning |\n|---|---|---|---|\n";
    }
    for option in options {
        out += &row(option, with_scope);
    }
    if !options.is_empty() {
        out.push('\n');
    }
    page.push_str(&out);
}

fn row(option: &OptionSpec, with_scope: bool) -> String {
    let mut meaning = match option.doc {
        "" => sentence(&option.kind.words()),
        doc => doc.to_owned(),
    };
    if let Some(backend) = option.backend {
        meaning += &format!(" Only with `db_type: {backend}`.");
    }
    if with_scope && option.scope == Scope::Host {
        meaning += " *host*";
    }
    if !option.since.is_empty() {
        meaning += &format!(" Since {}.", option.since);
    }
    let cells =
        [code(option.name), code(&option.kind.short()), default(&option.default), cell(&meaning)];
    format!("| {} |\n", cells.join(" | "))
}

fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// A bar ends a cell unless it is escaped.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn default(default: &DefaultValue) -> String {
    match default {
        DefaultValue::Unset => String::new(),
        DefaultValue::Required => "must be written".to_owned(),
        DefaultValue::Of(name) => format!("as `{name}`"),
        DefaultValue::OfOr(name, fallback) => format!("as `{name}`, else `{fallback}`"),
        DefaultValue::ListOf(name) => format!("as `{name}`"),
        DefaultValue::AtStart(what) => cell(what),
        DefaultValue::When(name, arms, rest) => {
            let arms: Vec<String> = arms
                .iter()
                .map(|(word, arm)| format!("{} for `{name}: {word}`", plain(arm)))
                .collect();
            match rest {
                DefaultValue::Unset => arms.join(", "),
                rest => format!("{}, else {}", arms.join(", "), plain(rest)),
            }
        }
        other => code(&plain(other)),
    }
}

fn plain(default: &DefaultValue) -> String {
    match default {
        DefaultValue::Bool(value) => value.to_string(),
        DefaultValue::Int(value) => value.to_string(),
        DefaultValue::Millis(millis) => time(*millis),
        DefaultValue::Text("") => "\"\"".to_owned(),
        DefaultValue::Text(text) => (*text).to_owned(),
        DefaultValue::List(items) => {
            format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", "))
        }
        DefaultValue::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}: {}", plain(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        DefaultValue::Of(name) | DefaultValue::ListOf(name) | DefaultValue::OfOr(name, _) => {
            format!("as {name}")
        }
        DefaultValue::AtStart(_)
        | DefaultValue::Unset
        | DefaultValue::Required
        | DefaultValue::When(..) => String::new(),
    }
}

/// Milliseconds in the largest unit that divides them.
fn time(millis: i64) -> String {
    let units = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")];
    let unit = units.iter().find(|(length, _)| millis % length == 0 && millis >= *length);
    match unit {
        Some((length, name)) if millis / length == 1 => format!("1 {name}"),
        Some((length, name)) => format!("{} {name}s", millis / length),
        None => format!("{millis} ms"),
    }
}
