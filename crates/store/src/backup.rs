//! Copies of the running database, their way back, and the check of its integrity.
//!
//! A copy that comes back is first made whole beside the database: checked, brought to the present tables, on
//! disk. Then it replaces the content in one transaction of the writer, or waits under a name that the next start
//! knows. A crash leaves the old data or the new, never a mixture.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::engine::{Connection, Control, sqlite};
use crate::error::{OpenError, StoreError};
use crate::files::{self, Place};
use crate::inspect;
use crate::migrate::{self, TableSet};
use crate::output::OutputFile;
use crate::store::Layout;

/// Pages copied in one step.
const PAGES_PER_STEP: i32 = 512;
/// Complaints that an integrity check lists.
const COMPLAINTS_MAX: &str = "PRAGMA integrity_check(100)";
/// Behind the name of the database: the copy that the next start takes instead.
const FALLBACK: &str = "-fallback";
/// Behind the name of the database: the copy on its way back.
const STAGED: &str = "-restoring";

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}

fn no_backup(path: &Path, reason: impl std::fmt::Display) -> OpenError {
    OpenError::NotABackup { path: path.to_owned(), reason: reason.to_string() }
}

/// Copies the database at `source` to `target`, which may replace an older backup.
pub(crate) fn backup(source: &Path, target: &Path) -> Result<(), OpenError> {
    if is_part_of(source, target) {
        return Err(no_backup(target, "this is the running database itself"));
    }
    let output = OutputFile::create(target, inspect::is_ours).map_err(io_at(target))?;
    copy(source, output.part())
        .map_err(|source| OpenError::Engine { path: target.to_owned(), source })?;
    output.publish().map_err(io_at(target))
}

/// Whether a path names the running database or one of the files beside it.
fn is_part_of(database: &Path, path: &Path) -> bool {
    let same = |a: &Path, b: &Path| match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    };
    let folders = |a: &Path, b: &Path| match (a.parent(), b.parent()) {
        (Some(a), Some(b)) => same(a, b),
        _ => false,
    };
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let beside = match (name(database), name(path)) {
        (Some(ours), Some(theirs)) => {
            theirs.strip_prefix(&ours).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        }
        _ => false,
    };
    same(database, path) || (beside && folders(database, path))
}

fn copy(source: &Path, part: &Path) -> Result<(), StoreError> {
    let mut from = Connection::Sqlite(sqlite::Connection::open_reader(source)?);
    let mut to = sqlite::Connection::open_target(part)?;
    // Inside one read transaction the copy need not start over when the writer commits.
    from.control(Control::BeginRead)?;
    from.query("SELECT count(*) FROM sqlite_schema", &[], &mut |_| Ok(true))?;
    let Connection::Sqlite(from) = from;
    from.copy_to(&mut to, PAGES_PER_STEP)?;
    // The copy is one file: it leaves the mode that keeps a journal beside it.
    to.pragma("journal_mode", "DELETE")?;
    to.close()
}

/// A checked copy of a backup beside the running database; it goes with the value unless it was put to use.
pub(crate) struct Staged(Option<PathBuf>);

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What is left is removed by the next attempt.
            drop(std::fs::remove_file(path));
        }
    }
}

/// Checks a backup and makes of it a database for `live`. Neither of the two is touched.
pub(crate) fn stage(
    source: &Path,
    live: &Path,
    layout: Layout,
    sets: &[&TableSet],
) -> Result<Staged, OpenError> {
    migrate::check_declarations(sets)?;
    let found = source.metadata().map_err(io_at(source))?;
    if !found.is_file() {
        return Err(no_backup(source, "this is not a regular file"));
    }
    if is_part_of(live, source) {
        return Err(no_backup(source, "this is the running database itself"));
    }
    let mut input = File::open(source).map_err(io_at(source))?;
    check_header(source, &mut input)?;
    let from = Place::resolve(&source.canonicalize().map_err(io_at(source))?)?;
    inspect::inspect(&from, false, layout, sets)?;
    let path = files::beside(live, STAGED);
    if path.symlink_metadata().is_ok() {
        std::fs::remove_file(&path).map_err(io_at(&path))?;
    }
    let mut copy = files::create_private(&path).map_err(io_at(&path))?;
    let staged = Staged(Some(path.clone()));
    let copied = io::Seek::rewind(&mut input).and_then(|()| io::copy(&mut input, &mut copy));
    copied.and_then(|_| copy.sync_all()).map_err(io_at(&path))?;
    // Closing a descriptor drops the locks of this process on the file: it must be gone before SQLite comes.
    drop(copy);
    prepare(&Place::resolve(&path)?, source, layout, sets)?;
    Ok(staged)
}

fn check_header(source: &Path, input: &mut File) -> Result<(), OpenError> {
    let mut head = [0; 100];
    match io::Read::read_exact(input, &mut head) {
        Ok(()) if inspect::is_ours(&head) => Ok(()),
        Ok(()) if inspect::is_sqlite(&head) => Err(no_backup(
            source,
            "this SQLite database was not made by this server; to take over one of ejabberd's, name it in `sql_database`",
        )),
        Ok(()) => {
            Err(no_backup(source, "this is not an SQLite database; text files are for `load`"))
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(no_backup(source, "the file is empty or cut off"))
        }
        Err(error) => Err(io_at(source)(error)),
    }
}

/// Reads every page of the copy and brings its tables to the present versions.
fn prepare(
    place: &Place,
    source: &Path,
    layout: Layout,
    sets: &[&TableSet],
) -> Result<(), OpenError> {
    let engine = |error| OpenError::Engine { path: source.to_owned(), source: error };
    let opened = sqlite::Connection::open_writer(place.file()).map_err(engine)?;
    let mut connection = Connection::Sqlite(opened);
    let complaints = complaints(&mut connection).map_err(engine)?;
    if let Some(first) = complaints.first() {
        return Err(no_backup(source, format!("it is damaged: {first}")));
    }
    migrate::run(place, &mut connection, layout, sets)?;
    let Connection::Sqlite(opened) = connection;
    opened.pragma("journal_mode", "DELETE").and_then(|()| opened.close()).map_err(engine)
}

/// Replaces everything that the writer's connection holds by a staged copy, in one transaction.
pub(crate) fn replace(connection: &mut Connection, staged: &Staged) -> Result<(), StoreError> {
    let path = staged.0.as_ref().expect("a staged copy has a path until it is used");
    let Connection::Sqlite(live) = connection;
    let from = sqlite::Connection::open_reader(path)?;
    from.copy_to(live, PAGES_PER_STEP)?;
    // The journal has grown to the size of the database; readers in the way are no reason to fail.
    drop(live.checkpoint());
    from.close()
}

/// Leaves a staged copy where the next start takes it instead of the present database.
pub(crate) fn install_fallback(mut staged: Staged, live: &Path) -> Result<(), OpenError> {
    let target = files::beside(live, FALLBACK);
    let path = staged.0.as_ref().expect("a staged copy has a path until it is used");
    File::open(path).and_then(|file| file.sync_all()).map_err(io_at(path))?;
    std::fs::rename(path, &target).map_err(io_at(&target))?;
    staged.0 = None;
    files::sync_directory(&target).map_err(io_at(&target))
}

/// Takes the fallback, if there is one. To be called with the lock held and before anything is opened. The name of
/// the fallback is the marker: after a crash in between, the next start goes on where this one was.
pub(crate) fn take_fallback(place: &Place) -> Result<(), OpenError> {
    let fallback = place.beside(FALLBACK);
    if place.size(&fallback)?.is_none() {
        return Ok(());
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let path = place.beside(suffix);
        if place.size(&path)?.is_some() {
            std::fs::remove_file(&path).map_err(io_at(&path))?;
        }
    }
    std::fs::rename(&fallback, place.file()).map_err(io_at(&fallback))?;
    tracing::warn!(database = %place.file().display(), "the fallback has taken the place of the database");
    files::sync_directory(place.file()).map_err(io_at(place.file()))
}

/// What SQLite finds wrong with the database.
pub(crate) fn integrity_check(path: &Path) -> Result<Vec<String>, StoreError> {
    complaints(&mut Connection::Sqlite(sqlite::Connection::open_reader(path)?))
}

fn complaints(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let mut complaints = Vec::new();
    connection.query(COMPLAINTS_MAX, &[], &mut |row| {
        let line: String = row.get(0)?;
        if line != "ok" {
            complaints.push(line);
        }
        Ok(true)
    })?;
    Ok(complaints)
}
