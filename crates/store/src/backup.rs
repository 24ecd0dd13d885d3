//! Copies of the running database, and the check of its integrity.

use std::fs::File;
use std::path::Path;

use crate::engine::{Connection, Control, sqlite};
use crate::error::{OpenError, StoreError};
use crate::files;

/// Pages copied in one step.
const PAGES_PER_STEP: i32 = 512;
/// Complaints that an integrity check lists.
const COMPLAINTS_MAX: &str = "PRAGMA integrity_check(100)";

/// Copies the database at `source` into the new file `target`.
pub(crate) fn backup(source: &Path, target: &Path) -> Result<(), OpenError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    if target.symlink_metadata().is_ok() {
        return Err(io(target)(std::io::ErrorKind::AlreadyExists.into()));
    }
    let part = files::beside(target, ".part");
    files::create_private(&part).map_err(io(&part))?;
    let copied =
        copy(source, &part).map_err(|source| OpenError::Engine { path: part.clone(), source });
    let finished = copied.and_then(|()| {
        File::open(&part).and_then(|file| file.sync_all()).map_err(io(&part))?;
        // A hard link fails if the target has appeared meanwhile; a rename would replace it.
        std::fs::hard_link(&part, target).map_err(io(target))?;
        files::sync_directory(target).map_err(io(target))
    });
    let removed = std::fs::remove_file(&part).map_err(io(&part));
    finished.and(removed)
}

fn copy(source: &Path, part: &Path) -> Result<(), StoreError> {
    let part = part.canonicalize().map_err(|error| StoreError::Io(error.to_string().into()))?;
    let mut from = Connection::Sqlite(sqlite::Connection::open_reader(source)?);
    let mut to = sqlite::Connection::open_target(&part)?;
    // Inside one read transaction the copy need not start over when the writer commits.
    from.control(Control::BeginRead)?;
    from.query("SELECT count(*) FROM sqlite_schema", &[], &mut |_| Ok(true))?;
    let Connection::Sqlite(from) = from;
    from.copy_to(&mut to, PAGES_PER_STEP)?;
    // The copy is one file: it leaves the mode that keeps a journal beside it.
    to.pragma("journal_mode", "DELETE")?;
    to.close()
}

/// What SQLite finds wrong with the database.
pub(crate) fn integrity_check(path: &Path) -> Result<Vec<String>, StoreError> {
    let mut connection = Connection::Sqlite(sqlite::Connection::open_reader(path)?);
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
