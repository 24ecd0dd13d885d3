//! The configuration of ejabberd for many plays: a virtual host for each, which has the play's settings.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use settings::catalogue::{self, Scope};
use testkit::play::{Place, Play};

use super::process::Installed;
use crate::Named;

/// Settings of the plays' base that choose where Rookery keeps accounts; ejabberd keeps them in its own database.
const STORAGE: &[&str] =
    &["auth_method", "sql_type", "default_db", "auth_stored_password_types", "hosts"];

/// In their place.
const OWN_STORAGE: &str = "auth_method: internal\nauth_password_format: plain\n";

/// What one server runs.
pub(super) struct Group {
    /// Its whole configuration.
    pub(super) config: String,
    /// Accounts to be there: user, host and password.
    pub(super) accounts: Vec<(String, String, String)>,
    /// Where each play, by its number, finds its host.
    pub(super) places: BTreeMap<usize, Place>,
}

/// A play's settings by where they go.
#[derive(Default)]
struct Parts {
    /// Those that a whole server has.
    global: String,
    /// Those that a virtual host has.
    host: String,
    /// The listener.
    listen: String,
    /// Hosts that the play names.
    hosts: BTreeSet<String>,
}

/// A group while it grows.
#[derive(Default)]
struct Draft {
    hosts: BTreeSet<String>,
    host_config: String,
    listeners: BTreeMap<String, u16>,
    group: BTreeMap<usize, Place>,
    accounts: Vec<(String, String, String)>,
}

/// Distributes the plays that are not refused among servers.
///
/// # Errors
/// The system has no free port.
pub(super) fn groups(
    plays: &[Named],
    refusals: &[Option<String>],
    ejabberd: &Installed,
) -> Result<Vec<Group>, String> {
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    let played = plays.iter().zip(refusals).enumerate();
    for (number, (Named { play, .. }, _)) in played.filter(|(_, (_, refusal))| refusal.is_none()) {
        let host = format!("play{number}.test");
        let parts = parts_of(&play.config.replace("{host}", &host), ejabberd);
        let draft = drafts.entry(parts.global.clone()).or_default();
        draft.add(number, play, &host, parts)?;
    }
    Ok(drafts.into_iter().map(|(global, draft)| draft.finish(&global)).collect())
}

fn parts_of(over: &str, ejabberd: &Installed) -> Parts {
    let base = testkit::blocks_of(&testkit::base(), 0);
    let base: String = base
        .into_iter()
        .filter(|(key, _)| !STORAGE.contains(&key.as_str()))
        .map(|(_, text)| text)
        .collect();
    let mut parts = Parts::default();
    for (key, text) in
        testkit::blocks_of(&testkit::merged_over(&(OWN_STORAGE.to_owned() + &base), over), 0)
    {
        match key.as_str() {
            "listen" => parts.listen = below(&text),
            "hosts" => {
                let names = text.lines().filter_map(|line| line.trim().strip_prefix("- "));
                parts.hosts.extend(names.map(str::to_owned));
            }
            "modules" => {
                parts.host += "modules:\n";
                let modules = testkit::blocks_of(&below(&text), 2);
                let known = modules.into_iter().filter(|(module, _)| ejabberd.has(module));
                parts.host.extend(known.map(|(_, text)| text));
            }
            key if catalogue::toplevel(key).is_some_and(|option| option.scope == Scope::Host) => {
                parts.host += &text
            }
            _ => parts.global += &text,
        }
    }
    parts
}

/// What stands below the first line.
fn below(text: &str) -> String {
    text.split_once('\n').map_or(String::new(), |(_, below)| below.to_owned())
}

impl Draft {
    fn add(&mut self, number: usize, play: &Play, host: &str, parts: Parts) -> Result<(), String> {
        let port = match self.listeners.get(&parts.listen) {
            Some(port) => *port,
            None => free_port()?,
        };
        self.listeners.insert(parts.listen, port);
        self.hosts.insert(host.to_owned());
        self.hosts.extend(parts.hosts);
        self.host_config += &format!("  {host}:\n");
        self.host_config.extend(parts.host.lines().map(|line| format!("    {line}\n")));
        let accounts = Place::accounts(play).into_iter();
        self.accounts.extend(accounts.map(|(user, password)| (user, host.to_owned(), password)));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.group.insert(number, Place { address, host: host.to_owned() });
        Ok(())
    }

    fn finish(self, global: &str) -> Group {
        let hosts: String = self.hosts.iter().map(|host| format!("  - {host}\n")).collect();
        let listen: String =
            self.listeners.iter().map(|(listen, port)| at_port(listen, *port)).collect();
        let config = format!(
            "hosts:\n{hosts}listen:\n{listen}{global}{OWN_STORAGE}modules: {{}}\nhost_config:\n{}",
            self.host_config
        );
        Group { config, accounts: self.accounts, places: self.group }
    }
}

/// A listener on loopback at a port of its own.
fn at_port(listen: &str, port: u16) -> String {
    let own = format!("port: {port}\n    ip: \"127.0.0.1\"");
    listen.replace("port: 5222", &own)
}

/// A port which nobody listens on now.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}
