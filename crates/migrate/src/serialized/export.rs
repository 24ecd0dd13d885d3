//! Writing the files: all of one state of the database, and all of them or none.

use std::collections::BTreeMap;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernel::{Job, JobState};
use settings::catalogue;
use store::{OutputFile, Query, StoreError};

use super::frames::Writer;
use super::schema::{AUTH, OWN_ROSTER, Plain, Record, word_of};
use super::{Format, SUBJECTS, Subject, listed};
use crate::migration::Migration;
use crate::passwords::of_row;
use crate::report::MigrateError;
use crate::rows::{Named, names_after, rows_of};
use crate::tables::Tables;
use crate::words::{closed_folder, column_micros};

/// An export that may begin: its folder and its modules were looked at.
pub struct Exporting {
    migration: Migration,
    host: String,
    folder: PathBuf,
    format: Format,
    subjects: Vec<&'static Subject>,
    /// Modules that were asked for and have nothing to be written.
    left_out: Vec<String>,
}

impl Migration {
    /// Prepares the export of a host's data into a folder: of all modules, or of those with the names in `modules`.
    ///
    /// # Errors
    /// [`MigrateError`]: a folder that is none or that others may write to, a module that nobody knows.
    pub fn exporting(
        &self,
        host: &str,
        folder: &Path,
        modules: Option<&str>,
        format: Format,
    ) -> Result<Exporting, MigrateError> {
        let folder = closed_folder(folder)?;
        let mut left_out = Vec::new();
        let subjects: Vec<&Subject> = match modules {
            None => SUBJECTS.iter().collect(),
            Some(names) => {
                let names: Vec<&str> = names.split(',').map(str::trim).collect();
                for name in &names {
                    if SUBJECTS.iter().any(|subject| subject.module == *name) {
                        continue;
                    }
                    if catalogue::module(name).is_none() {
                        return Err(MigrateError::Unknown(format!(
                            "there is no module {name:?}; those with data are {}",
                            listed(SUBJECTS.iter().map(|subject| subject.module))
                        )));
                    }
                    left_out.push((*name).to_owned());
                }
                SUBJECTS.iter().filter(|subject| names.contains(&subject.module)).collect()
            }
        };
        if subjects.is_empty() {
            return Err(MigrateError::Unknown(format!(
                "there is nothing to export of {}; modules with data are {}",
                left_out.join(", "),
                listed(SUBJECTS.iter().map(|subject| subject.module))
            )));
        }
        let (migration, host) = (self.clone(), host.to_owned());
        Ok(Exporting { migration, host, folder, format, subjects, left_out })
    }
}

impl Exporting {
    /// Writes the files and counts records in `job`; looks all the time whether somebody ended it. The files appear
    /// under their names when the last of them is complete.
    ///
    /// # Errors
    /// [`MigrateError`]; then no file has changed, unless it was the renaming of a later one that failed.
    pub async fn run(self, job: Arc<Job>) -> Result<(), MigrateError> {
        let store = self.migration.store.clone();
        let write = move |query: &mut Query<'_>| Ok(self.write(query, &job));
        store.read_at_length("export_db", write).await?
    }

    fn write(&self, query: &mut Query<'_>, job: &Job) -> Result<(), MigrateError> {
        let mut files = Vec::new();
        for subject in &self.subjects {
            job.tell(format!("Exporting {}", subject.module));
            let name = format!("{}_{}.{}", self.host, subject.stem, self.format.extension());
            let target = self.folder.join(name);
            let ours = |head: &[u8]| head.starts_with(self.format.begins());
            let file = OutputFile::create(&target, ours).map_err(MigrateError::io(&target))?;
            let out = BufWriter::with_capacity(1 << 16, file);
            let mut walk = Walk {
                query: &mut *query,
                tables: &self.migration.tables,
                host: &self.host,
                out: Writer::new(out, self.format),
                written: Ok(()),
                job,
            };
            walk.subject(subject)?;
            let Walk { out, written, .. } = walk;
            if job.state() != JobState::Working {
                return Ok(());
            }
            let out = written.and_then(|()| out.finish()).map_err(MigrateError::io(&target))?;
            let file = out.into_inner().map_err(|error| error.into_error());
            files.push((file.map_err(MigrateError::io(&target))?, target));
        }
        for (file, target) in files {
            file.publish().map_err(MigrateError::io(&target))?;
        }
        let mut told = format!("Exported {}", listed(self.subjects.iter().map(|it| it.module)));
        if !self.left_out.is_empty() {
            told.push_str(&format!("; there is nothing to export of {}", self.left_out.join(", ")));
        }
        job.tell(told);
        Ok(())
    }
}

/// One file under way.
struct Walk<'a, 'q, W> {
    query: &'a mut Query<'q>,
    tables: &'a Tables,
    host: &'a str,
    out: Writer<W>,
    written: io::Result<()>,
    job: &'a Job,
}

impl<W: io::Write> Walk<'_, '_, W> {
    fn subject(&mut self, subject: &'static Subject) -> Result<(), StoreError> {
        match subject.module {
            "ejabberd_auth" => self.accounts("users", |walk, name| walk.passwords(name)),
            "mod_roster" => {
                let is_own = subject.kind.name == OWN_ROSTER.name;
                self.accounts("rosterusers", |walk, name| walk.roster(subject, is_own, name))
            }
            "mod_private" => self.each(subject, "private_storage", |row| {
                Ok(Some(vec![Plain::text(row.text("namespace")?), Plain::text(row.text("data")?)]))
            }),
            "mod_vcard" => {
                self.each(subject, "vcard", |row| Ok(Some(vec![Plain::text(row.text("vcard")?)])))
            }
            "mod_last" => self.each(subject, "last", |row| {
                let seconds: Option<i64> = row.text("seconds")?.parse().ok();
                let status = Plain::text(row.text("state")?);
                Ok(seconds.map(|seconds| vec![Plain::Number(seconds), status]))
            }),
            _ => self.each(subject, "spool", |row| {
                let kept = column_micros(row.text("created_at")?);
                let packet = Plain::text(row.text("xml")?);
                Ok(kept.map(|kept| vec![Plain::Number(kept), packet]))
            }),
        }
    }

    /// Whether there is any use in going on.
    fn goes_on(&self) -> bool {
        self.written.is_ok() && self.job.state() == JobState::Working
    }

    fn put(&mut self, record: &Record) {
        self.written = self.out.put(self.host, record);
        self.job.count(1);
    }

    /// Shows the names in a table, a page at a time.
    fn accounts(
        &mut self,
        table: &str,
        mut account: impl FnMut(&mut Self, &str) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let names = names_after(self.query, self.tables, table, self.host, &after)?;
            let Some(last) = names.last() else { return Ok(()) };
            after.clone_from(last);
            for name in &names {
                if !self.goes_on() {
                    return Ok(());
                }
                account(self, name)?;
            }
        }
    }

    /// Makes a record of each row of a table, an account after the other: all of a host at once would have to be sorted in
    /// memory. `values` gives what follows the name of the account, and nothing of a row that nobody could have read
    /// either.
    fn each(
        &mut self,
        subject: &'static Subject,
        table: &'static str,
        values: impl Fn(&Named<'_>) -> Result<Option<Vec<Plain>>, StoreError>,
    ) -> Result<(), StoreError> {
        self.accounts(table, |walk, name| {
            let Walk { query, tables, host, out, written, job } = walk;
            rows_of(query, tables, table, (host, name), |row| {
                let Some(mut more) = values(row)? else {
                    tracing::warn!(
                        user = name,
                        table,
                        "a stored row cannot be read and is not exported"
                    );
                    return Ok(true);
                };
                more.insert(0, Plain::text(name));
                *written = out.put(host, &Record { kind: subject.kind, values: more });
                job.count(1);
                Ok(written.is_ok() && job.state() == JobState::Working)
            })
        })
    }

    fn rows(
        &mut self,
        table: &str,
        name: &str,
        mut row: impl FnMut(&Named<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        rows_of(self.query, self.tables, table, (self.host, name), |it| row(it).map(|()| true))
    }

    fn passwords(&mut self, name: &str) -> Result<(), StoreError> {
        let mut passwords = Vec::new();
        self.rows("users", name, |row| {
            let (password, iterations) = (row.text("password")?, row.integer("iterationcount")?);
            let (hash, key) = of_row(row.integer("type")?, password, iterations);
            passwords.push(match hash {
                None => Plain::text(key),
                Some(hash) => Plain::Parts(vec![
                    Plain::text(word_of(hash)),
                    Plain::text(key),
                    Plain::text(row.text("serverkey")?),
                    Plain::text(row.text("salt")?),
                    Plain::Number(iterations),
                ]),
            });
            Ok(())
        })?;
        let values = vec![Plain::text(name), Plain::List(passwords)];
        self.put(&Record { kind: &AUTH, values });
        Ok(())
    }

    /// A roster as ejabberd has it, or the server's own with all that is kept, if there is more.
    fn roster(
        &mut self,
        subject: &'static Subject,
        is_own: bool,
        name: &str,
    ) -> Result<(), StoreError> {
        let mut version = Plain::Nothing;
        self.rows("roster_version", name, |row| {
            version = Plain::text(row.text("version")?);
            Ok(())
        })?;
        let mut groups: BTreeMap<String, Vec<Plain>> = BTreeMap::new();
        self.rows("rostergroups", name, |row| {
            let of = groups.entry(row.text("jid")?.to_owned()).or_default();
            of.push(Plain::text(row.text("grp")?));
            Ok(())
        })?;
        let (mut entries, mut has_more) = (Vec::new(), false);
        self.rows("rosterusers", name, |row| {
            let jid = row.text("jid")?;
            let approved = row.integer("approved").unwrap_or_default() == 1;
            let is_listed = row.text("subscribe")? == "listed";
            has_more |= approved || is_listed;
            let mut entry = vec![
                Plain::text(jid),
                Plain::text(row.text("nick")?),
                Plain::List(groups.remove(jid).unwrap_or_default()),
                Plain::text(subscription(row.text("subscription")?)),
                Plain::text(ask(row.text("ask")?)),
                Plain::text(row.text("askmessage")?),
            ];
            if is_own {
                entry.extend([Plain::Flag(approved), Plain::Flag(is_listed)]);
            }
            entries.push(Plain::Parts(entry));
            Ok(())
        })?;
        if !is_own || has_more {
            let values = vec![Plain::text(name), version, Plain::List(entries)];
            self.put(&Record { kind: subject.kind, values });
        }
        Ok(())
    }
}

/// The word for column `subscription`.
fn subscription(letter: &str) -> &'static str {
    match letter {
        "B" => "both",
        "T" => "to",
        "F" => "from",
        _ => "none",
    }
}

/// The word for column `ask`.
fn ask(letter: &str) -> &'static str {
    match letter {
        "B" => "both",
        "O" => "out",
        "I" => "in",
        "S" => "subscribe",
        "U" => "unsubscribe",
        _ => "none",
    }
}
