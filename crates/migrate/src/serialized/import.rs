//! Reading the files: each record in the place of what its account has of the kind, in batches of one transaction.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jid::BareJid;
use jiff::Timestamp;
use kernel::{Job, JobState};
use sasl::ScramHash;
use stdx::Secret;

use super::frames::Reader;
use super::schema::{Kind, Plain, Record};
use super::{Format, SUBJECTS, Subject, listed};
use crate::migration::Migration;
use crate::passwords::{Password, Passwords, verifier};
use crate::report::MigrateError;
use crate::roster::{self, Item};
use crate::sink::Sink;
use crate::words::{account, closed_folder, element, key, open_within};
use crate::{private, spool, vcard};

/// Broken records that are told one by one.
const TOLD_MAX: u64 = 100;
/// Files of other modules that are named.
const LEFT_OUT_MAX: usize = 20;
/// Files in a folder that are looked at.
const FILES_MAX: usize = 10_000;

/// An import that may begin: its files are open, and each of them begins as it should.
pub struct Importing {
    migration: Migration,
    host: String,
    files: Vec<(&'static Subject, Reader, PathBuf)>,
    /// Files that nothing here can read.
    left_out: Vec<String>,
}

impl Migration {
    /// Prepares the import of a host's files in a folder. Where a module has a file in both formats, the one of terms is
    /// read.
    ///
    /// # Errors
    /// [`MigrateError`]: a folder that is none, that others may write to or that has no file of the host; a file that
    /// is not what its name says.
    pub fn importing(&self, host: &str, folder: &Path) -> Result<Importing, MigrateError> {
        let folder = closed_folder(folder)?;
        let mut names = names_of(&folder, host)?;
        let mut files: Vec<(&'static Subject, Reader, PathBuf)> = Vec::new();
        for subject in &SUBJECTS {
            for format in [Format::Terms, Format::Json] {
                let name = format!("{host}_{}.{}", subject.stem, format.extension());
                if files.last().is_some_and(|(read, ..)| std::ptr::eq(*read, subject))
                    || !names.remove(&name)
                {
                    continue;
                }
                let path = folder.join(name);
                let file = open_within(&path)?;
                let reader = Reader::new(&path, file, format)?;
                files.push((subject, reader, path));
            }
        }
        if files.is_empty() {
            let what = format!("there is no file of {host} in it that can be read here");
            let also = if names.is_empty() { "" } else { "; there are: " };
            return Err(MigrateError::format(&folder, format!("{what}{also}{}", shown(&names))));
        }
        let left_out = names.into_iter().collect();
        Ok(Importing { migration: self.clone(), host: host.to_owned(), files, left_out })
    }
}

/// The names of the host's files in both formats.
fn names_of(folder: &Path, host: &str) -> Result<BTreeSet<String>, MigrateError> {
    let mut found = BTreeSet::new();
    let entries = folder.read_dir().map_err(MigrateError::io(folder))?;
    for entry in entries.take(FILES_MAX) {
        let name = entry.map_err(MigrateError::io(folder))?.file_name();
        let Some(name) = name.to_str() else { continue };
        let rest = name.strip_prefix(host).and_then(|rest| rest.strip_prefix('_'));
        if rest.is_some_and(|rest| rest.ends_with(".dbser") || rest.ends_with(".json")) {
            found.insert(name.to_owned());
        }
    }
    Ok(found)
}

fn shown(names: &BTreeSet<String>) -> String {
    names.iter().take(LEFT_OUT_MAX).cloned().collect::<Vec<_>>().join(", ")
}

impl Importing {
    /// Stores what the files have and counts records in `job` as they become durable; looks all the time whether
    /// somebody ended it. What cannot be stored is told in the log with its place.
    ///
    /// # Errors
    /// [`MigrateError`]; what was counted is stored, and importing the mended files again is right.
    pub async fn run(self, job: Arc<Job>) -> Result<(), MigrateError> {
        let store = self.migration.store.clone();
        store.aside("import_db", move || self.read(&job)).await?
    }

    fn read(self, job: &Job) -> Result<(), MigrateError> {
        let modules = listed(self.files.iter().map(|(subject, ..)| subject.module));
        let mut intake = Intake {
            host: self.host,
            sink: self.migration.sink(),
            passwords: self.migration.passwords(),
            now: self.migration.kernel.clock().wall(),
            job,
            waiting: 0,
            broken: 0,
        };
        for (subject, mut reader, path) in self.files {
            job.tell(format!("Importing {}", subject.module));
            while job.state() == JobState::Working
                && reader
                    .next(&[subject.kind], |record, place| intake.take(record, &path, place))?
            {
            }
        }
        if job.state() != JobState::Working {
            return Ok(());
        }
        intake.sink.flush()?;
        intake.counted();
        let mut told = format!("Imported {modules}");
        if !self.left_out.is_empty() {
            let names = self.left_out.into_iter().collect();
            told.push_str(&format!("; there is nothing here yet for {}", shown(&names)));
        }
        if intake.broken > 0 {
            told.push_str(&format!("; {} records were left out, see the log", intake.broken));
        }
        tracing::info!("import_db: {told}");
        job.tell(told);
        Ok(())
    }
}

/// Where records go.
struct Intake<'a> {
    host: String,
    sink: Sink,
    passwords: Passwords,
    now: Timestamp,
    job: &'a Job,
    /// Records that are not stored yet.
    waiting: u64,
    broken: u64,
}

impl Intake<'_> {
    fn take(
        &mut self,
        record: Result<Record, String>,
        path: &Path,
        place: &str,
    ) -> Result<bool, MigrateError> {
        match record.and_then(|record| self.store(&record)) {
            Ok(()) => {
                self.waiting += 1;
                self.sink.whole()?;
                self.counted();
            }
            Err(why) => {
                self.broken += 1;
                if self.broken <= TOLD_MAX {
                    tracing::warn!("import_db: {}: {place}: {why}; left out", path.display());
                }
                if self.broken == TOLD_MAX {
                    tracing::warn!("import_db: further records that are left out are only counted");
                }
            }
        }
        Ok(self.job.state() == JobState::Working)
    }

    /// Counts what has become durable.
    fn counted(&mut self) {
        if self.sink.is_empty() {
            self.job.count(std::mem::take(&mut self.waiting));
        }
    }

    fn store(&mut self, record: &Record) -> Result<(), String> {
        let [Plain::Text(user), values @ ..] = record.values.as_slice() else {
            return Err("it has no account".to_owned());
        };
        let account = account(user, &self.host).ok_or("no account can have that name")?;
        let (sink, now) = (&mut self.sink, self.now);
        let known = of_kind(record.kind, values).ok_or("its values have no meaning")?;
        match known {
            Known::Passwords(list) => {
                let usable: Vec<Password> = list.iter().filter_map(password).collect();
                match usable.len() == list.len() && self.passwords.store(sink, &account, &usable) {
                    true => Ok(()),
                    false => Err(format!("{account} has no password that can be used")),
                }
            }
            Known::Roster(version, entries) => {
                let items: Option<Vec<_>> = entries.iter().map(contact).collect();
                let items =
                    items.ok_or_else(|| format!("a contact of {account} has no meaning"))?;
                put_roster(sink, &account, version, &items);
                Ok(())
            }
            Known::Private(namespace, data) => {
                let data = element(data.as_bytes()).ok_or("its data is not XML")?;
                private::store(sink, &account, namespace, &data);
                Ok(())
            }
            Known::Card(card) => {
                let card = element(card.as_bytes()).ok_or("the vCard is not XML")?;
                vcard::store(sink, &account, &card);
                Ok(())
            }
            Known::Last(seconds, status) => {
                let (user, host) = key(&account);
                let cells = vec![
                    ("username", user.into()),
                    ("server_host", host.into()),
                    ("seconds", seconds.to_string().into()),
                    ("state", status.into()),
                ];
                sink.put("last", cells);
                Ok(())
            }
            Known::Message(kept, packet) => {
                // The same one may wait here as a client spelt it.
                let (user, host) = key(&account);
                let same = vec![
                    ("username", user.into()),
                    ("server_host", host.into()),
                    ("xml", packet.into()),
                ];
                let mut packet = element(packet.as_bytes()).ok_or("the message is not XML")?;
                sink.delete("spool", same);
                let kept = Timestamp::from_microsecond(kept).map_err(|error| error.to_string())?;
                spool::store(sink, &account, &mut packet, Some(kept), now)
                    .ok_or_else(|| "the packet is no message".to_owned())
            }
        }
    }
}

/// The values of a record after the account, by their meaning.
enum Known<'r> {
    Passwords(&'r [Plain]),
    Roster(Option<&'r str>, &'r [Plain]),
    Private(&'r str, &'r str),
    Card(&'r str),
    Last(i64, &'r str),
    Message(i64, &'r str),
}

fn of_kind<'r>(kind: &Kind, values: &'r [Plain]) -> Option<Known<'r>> {
    Some(match (kind.name, values) {
        ("serialize_auth_v1", [Plain::List(passwords)]) => Known::Passwords(passwords),
        ("rookery_private_v1", [Plain::Text(namespace), Plain::Text(data)]) => {
            Known::Private(namespace, data)
        }
        ("rookery_vcard_v1", [Plain::Text(card)]) => Known::Card(card),
        ("rookery_last_v1", [Plain::Number(seconds), Plain::Text(status)]) => {
            Known::Last(*seconds, status)
        }
        ("rookery_offline_v1", [Plain::Number(kept), Plain::Text(packet)]) => {
            Known::Message(*kept, packet)
        }
        (_, [Plain::Text(version), Plain::List(entries)]) => Known::Roster(Some(version), entries),
        (_, [Plain::Nothing, Plain::List(entries)]) => Known::Roster(None, entries),
        _ => return None,
    })
}

fn password(value: &Plain) -> Option<Password> {
    match value {
        Plain::Text(text) => Some(Password::Plain(Secret::new(text.as_str()))),
        Plain::Parts(parts) => match parts.as_slice() {
            [
                Plain::Text(hash),
                Plain::Text(stored),
                Plain::Text(server),
                Plain::Text(salt),
                Plain::Number(iterations),
            ] => {
                let hash = match hash.as_str() {
                    "sha" => ScramHash::Sha1,
                    "sha256" => ScramHash::Sha256,
                    "sha512" => ScramHash::Sha512,
                    _ => return None,
                };
                verifier(hash, *iterations, salt, stored, server).map(Password::Verifier)
            }
            _ => None,
        },
        _ => None,
    }
}

/// An entry of a roster with its address: as ejabberd has it, or with the two flags of the server's own record.
fn contact(entry: &Plain) -> Option<(String, Item)> {
    let Plain::Parts(parts) = entry else { return None };
    let [
        Plain::Text(address),
        Plain::Text(name),
        Plain::List(groups),
        Plain::Text(subscription),
        Plain::Text(ask),
        Plain::Text(reason),
        more @ ..,
    ] = parts.as_slice()
    else {
        return None;
    };
    let (approved, listed) = match more {
        [Plain::Flag(approved), Plain::Flag(listed)] => (*approved, *listed),
        _ => (false, false),
    };
    let groups = groups.iter().filter_map(|group| match group {
        Plain::Text(group) => Some(group.clone()),
        _ => None,
    });
    let (name, reason, groups) = (name.clone(), reason.clone(), groups.collect());
    let item = Item { name, approved, listed, reason, groups, ..Item::default() };
    Some((roster::address(address)?, item.with_words(subscription, ask)?))
}

/// Stores a roster in the place of all that the account had.
fn put_roster(sink: &mut Sink, account: &BareJid, version: Option<&str>, items: &[(String, Item)]) {
    let (user, host) = key(account);
    let whose = || vec![("username", user.into()), ("server_host", host.into())];
    for table in ["rosterusers", "rostergroups", "roster_version"] {
        sink.delete(table, whose());
    }
    for (address, item) in items {
        roster::store(sink, account, address, item);
    }
    if let Some(version) = version {
        let mut cells = whose();
        cells.push(("version", version.into()));
        sink.put("roster_version", cells);
    }
}
