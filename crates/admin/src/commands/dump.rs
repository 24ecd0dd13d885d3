//! `dump_config`: the configuration in force as one YAML file, with what other files and macros gave.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;

use kernel::commands::{Arguments, Call, CommandError, Example, Value};
use settings::{Config, Endpoint, ListenerConfig, Node, Section, Transport, Value as Setting};

use super::{Command, Kernel, RESCODE, Shape, Version, field};

/// Top-level options that are spelt otherwise in the dump, or have done what they do.
const NOT_DUMPED: &[&str] = &[
    "append_host_config",
    "define_keyword",
    "define_macro",
    "host_config",
    "hosts",
    "include_config_file",
    "listen",
    "modules",
];
/// Options of listeners that say where they are.
const PLACE: &[&str] = &["ip", "module", "port", "transport", "unix_socket"];

pub(super) const DUMP_CONFIG: Command = Command {
    name: "dump_config",
    tags: &["config"],
    about: "Write the configuration in force into a new file on the machine of the server",
    detail: "It is one file, whatever files and macros it came from; options that have their default are left out. The \
             file has mode 0600, since passwords are in it. A file that is there is not replaced.",
    versions: &[Version {
        args: &[field("out", Shape::Text)],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(dump_config(kernel, arguments)),
        example: Example { args: &["/path/to/ejabberd.yml"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn dump_config(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let path = arguments.text("out").to_owned();
    let config = kernel.config();
    let write = move || {
        let text = render(&config);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| format!("Failed to write to '{path}': {error}"))
    };
    let done = tokio::task::spawn_blocking(write).await.map_err(CommandError::failed)?;
    done.map_err(CommandError::bad_argument)?;
    Ok(Value::OK)
}

/// The configuration as a file that gives the same one.
pub(crate) fn render(config: &Config) -> String {
    let mut text = "# The configuration in force, written by dump_config.\n\nhosts:\n".to_owned();
    for host in config.hosts() {
        line(&mut text, 1, &format!("- {}", quoted(host)));
    }
    options(&mut text, 0, config.global(), |name, _| !NOT_DUMPED.contains(&name));
    line(&mut text, 0, "listen:");
    config.listeners().iter().for_each(|one| listener(&mut text, one));
    line(&mut text, 0, "host_config:");
    for host in config.hosts() {
        line(&mut text, 1, &format!("{}:", quoted(host)));
        let global = config.global();
        options(&mut text, 2, config.host(host), |name, value| {
            !NOT_DUMPED.contains(&name) && (!global.has(name) || global.get(name) != value)
        });
        line(
            &mut text,
            2,
            if config.modules(host).is_empty() { "modules: {}" } else { "modules:" },
        );
        for module in config.modules(host) {
            let mut own = String::new();
            options(&mut own, 4, &module.options, |_, _| true);
            let empty = if own.is_empty() { " {}" } else { "" };
            line(&mut text, 3, &format!("{}:{empty}", module.module.name));
            text.push_str(&own);
        }
    }
    text
}

fn line(text: &mut String, depth: usize, content: &str) {
    writeln!(text, "{:1$}{content}", "", depth * 2).expect("writing to a text does not fail");
}

fn options(
    text: &mut String,
    depth: usize,
    section: &Section,
    wanted: impl Fn(&str, &Setting) -> bool,
) {
    // Not every default could be written in a file, so what has its default is left out.
    for (spec, _) in section.written() {
        let value = section.get(spec.name);
        if let Some(value) = flow(value).filter(|_| wanted(spec.name, value)) {
            line(text, depth, &format!("{}: {value}", spec.name));
        }
    }
}

fn listener(text: &mut String, listener: &ListenerConfig) {
    line(text, 1, &format!("- module: {}", listener.module.name));
    match &listener.endpoint {
        Endpoint::Inet { ip, port } => {
            line(text, 2, &format!("port: {port}"));
            line(text, 2, &format!("ip: {}", quoted(&ip.to_string())));
        }
        Endpoint::Unix(path) => {
            line(text, 2, &format!("port: {}", quoted(&format!("unix:{}", path.display()))));
        }
    }
    if listener.transport == Transport::Udp {
        line(text, 2, "transport: udp");
    }
    options(text, 2, &listener.options, |name, _| !PLACE.contains(&name));
}

/// A value on one line; `None` for one that is unset.
fn flow(value: &Setting) -> Option<String> {
    Some(match value {
        Setting::Unset => return None,
        Setting::Bool(value) => value.to_string(),
        Setting::Int(value) => value.to_string(),
        Setting::Number(value) => value.to_string(),
        Setting::Infinity => "infinity".to_owned(),
        Setting::Duration(time) => format!("{} ms", time.as_millis()),
        Setting::Text(text) => quoted(text),
        Setting::Secret(secret) => quoted(secret.expose()),
        Setting::List(items) => sequence(items.iter().filter_map(flow)),
        Setting::Map(entries) => {
            mapping(entries.iter().filter_map(|(key, value)| Some((flow(key)?, flow(value)?))))
        }
        Setting::Options(section) => mapping(
            section.all().filter_map(|(spec, value)| Some((spec.name.to_owned(), flow(value)?))),
        ),
        Setting::Ip(address) => quoted(&address.to_string()),
        Setting::Net(range) => quoted(&format!("{}/{}", range.address, range.bits)),
        Setting::Node(node) => of_node(node),
    })
}

fn of_node(node: &Node) -> String {
    if let Some(items) = node.items() {
        return sequence(items.iter().map(of_node));
    }
    if let Some(entries) = node.entries() {
        return mapping(entries.iter().map(|(key, value)| (of_node(key), of_node(value))));
    }
    match node.scalar() {
        Some(scalar) if scalar.quoted => quoted(&scalar.text),
        // A word is one of the file, so it can be written without quotes.
        Some(scalar)
            if scalar.text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@ ".contains(c)) =>
        {
            scalar.text.to_string()
        }
        Some(scalar) => quoted(&scalar.text),
        None => "null".to_owned(),
    }
}

fn sequence(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn mapping(entries: impl Iterator<Item = (String, String)>) -> String {
    let entries: Vec<_> = entries.map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{{}}}", entries.join(", "))
}

/// A text in double quotes: JSON, which YAML understands.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
