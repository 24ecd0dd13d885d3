//! The spool of jabberd 1.4 (`xdb_file`): one XML file an account, `HOST/USER.xml`, whose elements say by `xdbns` what
//! they are.

use std::io::Read;
use std::path::{Path, PathBuf};

use jid::BareJid;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use stdx::Secret;
use xmlstream::{Element, Limits};
use xmpp_wire::ns;

use crate::migration::Migration;
use crate::passwords::{Password, Passwords};
use crate::report::{MigrateError, Report};
use crate::roster::{self, Item};
use crate::sink::Sink;
use crate::words::{account, open};

/// Bytes of a file at most.
const FILE_BYTES_MAX: u64 = 64 << 20;

impl Migration {
    /// Reads the file of one account; the folder that it is in has the name of the host.
    ///
    /// # Errors
    /// [`MigrateError`]; then nothing of the file is stored.
    pub async fn import_jabberd14_file(&self, file: PathBuf) -> Result<Report, MigrateError> {
        self.import_jabberd14(move |import| import.file(&file)).await
    }

    /// Reads the files of a host's folder.
    ///
    /// # Errors
    /// [`MigrateError`]; accounts that were complete before are stored, and importing again is right.
    pub async fn import_jabberd14_dir(&self, folder: PathBuf) -> Result<Report, MigrateError> {
        self.import_jabberd14(move |import| import.folder(&folder)).await
    }

    async fn import_jabberd14(
        &self,
        read: impl FnOnce(&mut Import) -> Result<(), MigrateError> + Send + 'static,
    ) -> Result<Report, MigrateError> {
        let migration = self.clone();
        let work = move || {
            let (sink, passwords) = (migration.sink(), migration.passwords());
            let mut import = Import { migration, passwords, sink, report: Report::default() };
            read(&mut import)?;
            import.sink.flush()?;
            Ok(import.report)
        };
        self.store.aside("import of jabberd 1.4", work).await?
    }
}

struct Import {
    migration: Migration,
    passwords: Passwords,
    sink: Sink,
    report: Report,
}

impl Import {
    fn folder(&mut self, folder: &Path) -> Result<(), MigrateError> {
        let read: Result<Vec<_>, _> =
            folder.read_dir().map_err(MigrateError::io(folder))?.collect();
        let mut files: Vec<PathBuf> =
            read.map_err(MigrateError::io(folder))?.iter().map(std::fs::DirEntry::path).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "xml") && file.is_file());
        files.sort();
        if files.is_empty() {
            return Err(MigrateError::format(folder, "there is no file USER.xml in this folder"));
        }
        let mut pace = self.migration.pace();
        for (at, file) in files.iter().enumerate() {
            self.file(file)?;
            pace.tell(|| format!("{} of {} accounts read", at + 1, files.len()));
        }
        Ok(())
    }

    fn file(&mut self, file: &Path) -> Result<(), MigrateError> {
        let refuse = |what: &str| Err(MigrateError::format(file, what));
        let path = file.canonicalize().map_err(MigrateError::io(file))?;
        let host = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let user = path.file_stem().and_then(|stem| stem.to_str());
        let Some(account) = user.zip(host).and_then(|(user, host)| account(user, host)) else {
            return refuse("neither its name nor that of its folder can be those of an account");
        };
        if self.migration.kernel.host(account.domain().as_str()).is_none() {
            return refuse("the folder has not the name of a host of the configuration");
        }
        let mut bytes = Vec::new();
        let mut reading = open(&path)?.take(FILE_BYTES_MAX);
        reading.read_to_end(&mut bytes).map_err(MigrateError::io(file))?;
        let limits = Limits { stanza_bytes_max: 64 << 20, ..Limits::standard() };
        let root = Element::parse_within(without_declaration(&bytes), ns::SERVER, &limits);
        let root = root.map_err(|error| MigrateError::format(file, error))?;
        if root.name() != "xdb" {
            return refuse("this is no file of jabberd 1.4: its root is not <xdb/>");
        }
        for part in root.children() {
            self.part(&account, part);
        }
        Ok(self.sink.whole()?)
    }

    fn part(&mut self, account: &BareJid, part: &Element) {
        let kind = part.attr("xdbns").unwrap_or_else(|| part.ns()).to_owned();
        let sink = &mut self.sink;
        let stored = match kind.as_str() {
            "jabber:iq:auth" => {
                let password = Password::Plain(Secret::new(part.text().trim()));
                self.passwords.store(sink, account, &[password]).then_some(("accounts", 1))
            }
            ns::ROSTER => {
                let contacts: Vec<_> = part.children().filter_map(contact).collect();
                for (contact, item) in &contacts {
                    roster::store(sink, account, contact, item);
                }
                Some(("contacts", contacts.len()))
            }
            ns::VCARD => {
                let mut card = part.clone();
                card.remove_attr("xdbns");
                crate::vcard::store(sink, account, &card);
                Some(("vCards", 1))
            }
            ns::LAST => last(sink, account, part).map(|()| ("last activity", 1)),
            "jabber:x:offline" => {
                let now = self.migration.kernel.clock().wall();
                let messages = part.children().map(|message| {
                    let (mut message, since) = (message.clone(), legacy_stamp(message));
                    // They have the namespace of what holds them.
                    into_client(&mut message, part.ns());
                    crate::spool::store(sink, account, &mut message, since, now)
                });
                messages.collect::<Option<Vec<()>>>().map(|all| ("offline messages", all.len()))
            }
            namespace if part.attr("j_private_flag") == Some("1") => {
                let mut data = part.clone();
                data.remove_attr("xdbns");
                data.remove_attr("j_private_flag");
                crate::private::store(sink, account, namespace, &data);
                Some(("private data", 1))
            }
            _ => None,
        };
        match stored {
            Some((what, number)) => (0..number).for_each(|_| self.report.stored(what)),
            None => {
                self.report.skipped(&format!("{kind} (there is nothing for it, or not understood)"))
            }
        }
    }
}

/// A file may begin with a declaration of XML; a stanza never does.
fn without_declaration(bytes: &[u8]) -> &[u8] {
    let trimmed = bytes.trim_ascii();
    if !trimmed.starts_with(b"<?xml") {
        return trimmed;
    }
    let end = trimmed.windows(2).position(|two| two == b"?>").map_or(0, |at| at + 2);
    trimmed.get(end..).unwrap_or_default().trim_ascii()
}

fn contact(item: &Element) -> Option<(String, Item)> {
    let subscription = item.attr("subscription").unwrap_or("none");
    // `subscribe` is the mark of a request that waits for the account's answer.
    let asked = item.attr("subscribe").is_some();
    let contact = Item {
        name: item.attr("name").unwrap_or_default().to_owned(),
        to: matches!(subscription, "to" | "both"),
        from: matches!(subscription, "from" | "both"),
        asks: item.attr("ask") == Some("subscribe"),
        asked,
        approved: false,
        listed: item.attr("hidden").is_none(),
        reason: item.attr("subscribe").unwrap_or_default().to_owned(),
        groups: item.children().map(Element::text).filter(|group| !group.is_empty()).collect(),
    };
    Some((roster::address(item.attr("jid")?)?, contact))
}

fn last(sink: &mut Sink, account: &BareJid, part: &Element) -> Option<()> {
    let seconds: i64 = part.attr("last")?.parse().ok()?;
    let (user, host) = crate::words::key(account);
    let cells = vec![
        ("username", user.into()),
        ("server_host", host.into()),
        ("seconds", seconds.to_string().into()),
        ("state", part.text().into()),
    ];
    sink.put("last", cells);
    Some(())
}

fn into_client(element: &mut Element, from: &str) {
    if element.ns() == from {
        element.set_ns(ns::CLIENT);
    }
    element.children_mut().for_each(|child| into_client(child, from));
}

/// When a message was kept: `jabber:x:delay` (XEP-0091) has `20020910T23:08:25` in UTC.
fn legacy_stamp(message: &Element) -> Option<Timestamp> {
    let delay = message.children().find(|child| child.is("x", "jabber:x:delay"))?;
    let stamp = DateTime::strptime("%Y%m%dT%H:%M:%S", delay.attr("stamp")?).ok()?;
    stamp.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
