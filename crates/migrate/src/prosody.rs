//! The data folder of Prosody with its storage `internal`: a folder for each host, in it one for each store, in it a file
//! for each account (`util.datamanager`); names are escaped as in URLs.

use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::io::Read;
use std::path::{Path, PathBuf};

use jid::BareJid;
use jiff::Timestamp;
use kernel::Kernel;
use sasl::{ScramHash, ScramVerifier};
use stdx::{Secret, SecretBytes};
use xmlstream::{Element, escape_attr, escape_text};

use crate::lua::{self, Lua, Table};
use crate::migration::Migration;
use crate::passwords::{Password, Passwords};
use crate::report::{MigrateError, Report};
use crate::roster::{self, Item};
use crate::sink::Sink;
use crate::words::{Pace, account, element, is_name, open};

impl Migration {
    /// Reads what accounts have in a data folder of Prosody. What an account has is replaced where the folder has the
    /// same; files that are not understood are told and left out.
    ///
    /// # Errors
    /// [`MigrateError`]; batches that were complete before are stored, and importing again is right.
    pub async fn import_prosody(&self, folder: PathBuf) -> Result<Report, MigrateError> {
        let migration = self.clone();
        let read = move || {
            let mut import = Import {
                kernel: migration.kernel.clone(),
                passwords: migration.passwords(),
                sink: migration.sink(),
                pace: migration.pace(),
                report: Report::default(),
                files: 0,
            };
            import.folder(&folder)?;
            import.sink.flush()?;
            Ok(import.report)
        };
        self.store.aside("import_prosody", read).await?
    }
}

struct Import {
    kernel: Kernel,
    passwords: Passwords,
    sink: Sink,
    pace: Pace,
    report: Report,
    files: u64,
}

/// What a folder holds, by name; links are not followed.
fn entries(folder: &Path) -> Result<Vec<DirEntry>, MigrateError> {
    let read: Result<Vec<_>, _> = folder.read_dir().map_err(MigrateError::io(folder))?.collect();
    let mut entries = read.map_err(MigrateError::io(folder))?;
    entries.retain(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_file()));
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

/// The name behind `%2e` and the like.
fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

impl Import {
    fn folder(&mut self, folder: &Path) -> Result<(), MigrateError> {
        let mut hosts = 0;
        for entry in entries(folder)? {
            let name = entry.file_name();
            let host = name.to_str().and_then(unescaped).and_then(|name| account("x", &name));
            let Some(host) = host.filter(|_| entry.path().is_dir()) else { continue };
            let host = host.domain().as_str();
            if self.kernel.host(host).is_none() {
                self.report
                    .skipped(&format!("host {host} (not among the hosts of the configuration)"));
                continue;
            }
            hosts += 1;
            self.host(host, &entry.path())?;
        }
        if hosts == 0 && self.report.skipped.is_empty() {
            let what = "this is no data folder of Prosody: no folder in it has the name of a host";
            return Err(MigrateError::format(folder, what));
        }
        Ok(())
    }

    fn host(&mut self, host: &str, folder: &Path) -> Result<(), MigrateError> {
        for store in entries(folder)? {
            let (name, path) = (store.file_name(), store.path());
            let Some(take) = name.to_str().and_then(taking).filter(|_| path.is_dir()) else {
                let name = name.to_string_lossy();
                self.report
                    .skipped(&format!("store {name} (there is nothing for it in this server yet)"));
                continue;
            };
            for file in entries(&path)? {
                let path = file.path();
                let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(unescaped);
                let Some(account) = stem.and_then(|user| account(&user, host)) else {
                    self.report.skipped("files with a name that no account can have");
                    continue;
                };
                self.file(&path, &account, take)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, account: &BareJid, take: Take) -> Result<(), MigrateError> {
        let mut bytes = Vec::new();
        let mut file = open(path)?.take(lua::FILE_BYTES_MAX + 1);
        file.read_to_end(&mut bytes).map_err(MigrateError::io(path))?;
        let read = match bytes.len() as u64 {
            0..=lua::FILE_BYTES_MAX => lua::read(&bytes).map_err(|error| error.to_string()),
            _ => Err("the file is too large".to_owned()),
        };
        match read {
            Ok(values) => {
                for value in &values {
                    match value.table().and_then(|table| take(self, account, table)) {
                        Some((what, number)) => (0..number).for_each(|_| self.report.stored(what)),
                        None => {
                            self.report.skipped(&format!("{} (not understood)", path.display()))
                        }
                    }
                    self.sink.whole()?;
                }
            }
            Err(why) => self.report.skipped(&format!("{} ({why})", path.display())),
        }
        self.files += 1;
        let files = self.files;
        self.pace.tell(|| format!("{files} files read"));
        Ok(())
    }
}

/// Stores what one value of a file has for an account: says what and how much, `None` if it is not understood.
type Take = fn(&mut Import, &BareJid, &Table) -> Option<(&'static str, usize)>;

fn taking(store: &str) -> Option<Take> {
    Some(match store {
        "accounts" => |import, account, table| {
            import
                .passwords
                .store(&mut import.sink, account, &[password(table)?])
                .then_some(("accounts", 1))
        },
        "roster" => |import, account, table| {
            let contacts = contacts(table);
            for (contact, item) in &contacts {
                roster::store(&mut import.sink, account, contact, item);
            }
            Some(("contacts", contacts.len()))
        },
        "vcard" => |import, account, table| {
            let card = stanza(table)?;
            crate::vcard::store(&mut import.sink, account, &card);
            Some(("vCards", 1))
        },
        "private" => |import, account, table| {
            let all = table.fields.iter().map(|(_, data)| stanza(data.table()?));
            let all: Vec<Element> = all.collect::<Option<_>>()?;
            for data in &all {
                crate::private::store(&mut import.sink, account, data.ns(), data);
            }
            Some(("private data", all.len()))
        },
        "offline" => |import, account, table| {
            let mut message = stanza(table)?;
            for kept_apart in ["stamp", "stamp_legacy"] {
                message.remove_attr(kept_apart);
            }
            let now = import.kernel.clock().wall();
            crate::spool::store(&mut import.sink, account, &mut message, since(table), now)?;
            Some(("offline messages", 1))
        },
        _ => return None,
    })
}

/// `internal_plain` has the password, `internal_hashed` what checks it, with keys in hexadecimal digits.
fn password(table: &Table) -> Option<Password> {
    if let Some(password) = table.text("password") {
        return Some(Password::Plain(Secret::new(password)));
    }
    let key = |name| hexadecimal(table.text(name)?);
    let (stored, server) = (key("stored_key")?, key("server_key")?);
    let hash = match stored.len() {
        20 => ScramHash::Sha1,
        32 => ScramHash::Sha256,
        _ => return None,
    };
    let iterations = table.get("iteration_count")?.number()?;
    let iterations = format!("{iterations:.0}").parse().ok()?;
    let salt = table.text("salt")?.as_bytes().to_vec();
    let (stored, server) = (SecretBytes::new(stored), SecretBytes::new(server));
    let verifier = ScramVerifier::from_parts(hash, iterations, salt, stored, server);
    verifier.ok().map(Password::Verifier)
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// The roster by addresses; requests that wait for an answer are under the key `false`, of old under `pending`.
fn contacts(table: &Table) -> BTreeMap<String, Item> {
    let mut contacts: BTreeMap<String, Item> = BTreeMap::new();
    let of_false = table.fields.iter().find(|(key, _)| *key == Lua::Boolean(false));
    let pending = of_false.and_then(|(_, own)| own.table()?.get("pending"));
    for requests in [pending, table.get("pending")].into_iter().flatten().filter_map(Lua::table) {
        for (from, request) in &requests.fields {
            let Some(from) = from.text().and_then(roster::address) else { continue };
            let presence = request.table().and_then(stanza);
            let reason = presence.and_then(|presence| {
                presence.children().find(|it| it.name() == "status").map(Element::text)
            });
            let known = contacts.entry(from).or_default();
            known.asked = true;
            known.reason = reason.unwrap_or_default();
        }
    }
    for (contact, kept) in &table.fields {
        let contact = contact.text().filter(|name| *name != "pending").and_then(roster::address);
        let (Some(contact), Some(kept)) = (contact, kept.table()) else { continue };
        let subscription = kept.text("subscription").unwrap_or("none");
        let groups = kept.get("groups").and_then(Lua::table);
        let groups = groups.into_iter().flat_map(|groups| &groups.fields);
        let known = contacts.entry(contact).or_default();
        known.name = kept.text("name").unwrap_or_default().to_owned();
        known.to = matches!(subscription, "to" | "both");
        known.from = matches!(subscription, "from" | "both");
        known.asks = kept.text("ask") == Some("subscribe");
        known.approved =
            kept.get("approved").is_some_and(|it| !matches!(it, Lua::Boolean(false) | Lua::Nil));
        known.listed = true;
        known.groups = groups.filter_map(|(name, _)| name.text()).map(str::to_owned).collect();
        known.groups.sort();
    }
    contacts
}

/// When a message was kept.
fn since(table: &Table) -> Option<Timestamp> {
    let when = table.get("when").and_then(Lua::number);
    let when = when.and_then(|when| format!("{when:.0}").parse().ok());
    when.and_then(|when| Timestamp::from_second(when).ok())
        .or_else(|| table.get("attr")?.table()?.text("stamp")?.parse().ok())
}

/// A stanza as `util.stanza` keeps it: its name, its attributes, and its children in their order.
fn stanza(table: &Table) -> Option<Element> {
    let mut xml = Vec::new();
    write(table, &mut xml)?;
    element(&xml)
}

fn write(table: &Table, out: &mut Vec<u8>) -> Option<()> {
    let name = table.text("name").filter(|name| is_name(name))?;
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    for (name, value) in
        table.get("attr").and_then(Lua::table).into_iter().flat_map(|attr| &attr.fields)
    {
        // Names with a namespace of their own have it in front, behind a control character; they are rare and left out.
        let Some(name) = name.text().filter(|name| is_name(name)) else { continue };
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"='");
        escape_attr(value.text()?, out);
        out.push(b'\'');
    }
    out.push(b'>');
    for child in &table.items {
        match child {
            Lua::Text(text) => escape_text(text, out),
            Lua::Table(child) => write(child, out)?,
            _ => return None,
        }
    }
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
    Some(())
}
