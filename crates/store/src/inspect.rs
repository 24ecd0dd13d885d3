//! The look at a database file before anything may touch it.
//!
//! The file is opened as one that never changes: no lock is taken, no journal is read or made. What is
//! damaged, foreign or newer than this server is refused here, byte for byte as it was.

use std::fs::File;
use std::io::Read;

use crate::engine::{Connection, sqlite};
use crate::error::OpenError;
use crate::files::{JOURNALS, Place};
use crate::migrate::{self, TableSet};
use crate::store::Layout;

/// SQLite's file format, §1.3: the first 16 bytes of every database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the application id stands in the header of 100 bytes.
const APPLICATION_ID_AT: std::ops::Range<usize> = 68..72;
/// A file up to this size is read as a whole at every start; for larger ones there is the integrity
/// check, since a start must not take longer with every message archived.
const CHECK_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// Whether a file that begins so is an SQLite database.
pub(crate) fn is_sqlite(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Whether a file that begins so is a database that this server made or took over.
pub(crate) fn is_ours(head: &[u8]) -> bool {
    is_sqlite(head)
        && head.get(APPLICATION_ID_AT) == Some(sqlite::APPLICATION_ID.to_be_bytes().as_slice())
}

/// What the look found.
pub(crate) struct Found {
    /// Whether the tables were compared; false if a journal must be recovered first.
    pub(crate) checked: bool,
}

/// Looks at the file. `known` says that a lock file of ours stands beside it, which means that this
/// server has accepted the database before and that a journal beside it is ours to recover.
pub(crate) fn inspect(
    place: &Place,
    known: bool,
    layout: Layout,
    sets: &[&TableSet],
) -> Result<Found, OpenError> {
    let size = place.size(place.file())?.unwrap_or_default();
    let journal = pending_journal(place)?;
    if size == 0 {
        return match journal {
            Some(journal) if !known || journal.ends_with(JOURNALS[0]) => {
                Err(corrupt(place, format!("it is empty, but {journal} is not")))
            }
            _ => Ok(Found { checked: true }),
        };
    }
    let id = read_header(place)?;
    if id != 0 && id != sqlite::APPLICATION_ID {
        return Err(foreign(place, format!("its application id is {id:#x}")));
    }
    if let Some(journal) = journal {
        if known || id == sqlite::APPLICATION_ID {
            return Ok(Found { checked: false });
        }
        let path = place.file().to_owned();
        return Err(OpenError::UnfinishedJournal { path, journal: journal.into() });
    }
    let opened = sqlite::Connection::open_untouched(place.file())
        .map_err(|source| migrate::engine(place, source))?;
    let mut connection = Connection::Sqlite(opened);
    check_content(place, &mut connection, id != 0, sets)?;
    if size <= CHECK_BYTES_MAX {
        check_pages(place, &mut connection)?;
    }
    migrate::plan_all(place, &mut connection, layout, sets)?;
    Ok(Found { checked: true })
}

/// The part of the look that had to wait until a journal was recovered.
pub(crate) fn check_recovered(
    place: &Place,
    connection: &mut Connection,
    layout: Layout,
    sets: &[&TableSet],
) -> Result<(), OpenError> {
    let Connection::Sqlite(open) = &*connection;
    let ours = open.application_id().map_err(|source| migrate::engine(place, source))?
        == sqlite::APPLICATION_ID;
    check_content(place, connection, ours, sets)?;
    migrate::plan_all(place, connection, layout, sets).map(drop)
}

fn pending_journal(place: &Place) -> Result<Option<String>, OpenError> {
    for suffix in JOURNALS {
        let path = place.beside(suffix);
        if place.size(&path)?.is_some_and(|size| size > 0) {
            return Ok(Some(path.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// Reads the header and gives the application id. No connection of this process is open yet, so
/// closing the file here drops no lock.
fn read_header(place: &Place) -> Result<u32, OpenError> {
    let path = place.file().to_owned();
    let mut header = [0; 100];
    let read = File::open(&path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Ok(()) if header.starts_with(MAGIC) => {}
        Ok(()) => return Err(OpenError::NotADatabase { path }),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(OpenError::NotADatabase { path });
        }
        Err(source) => return Err(OpenError::Io { path, source }),
    }
    let mut id = [0; 4];
    id.copy_from_slice(&header[APPLICATION_ID_AT]);
    Ok(u32::from_be_bytes(id))
}

/// A database without our mark must be ejabberd's: then some of its tables are tables we declare.
fn check_content(
    place: &Place,
    connection: &mut Connection,
    ours: bool,
    sets: &[&TableSet],
) -> Result<(), OpenError> {
    let mut tables: Vec<String> = Vec::new();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' LIMIT 1000";
    connection
        .query(sql, &[], &mut |row| {
            tables.push(row.get(0)?);
            Ok(true)
        })
        .map_err(|source| migrate::engine(place, source))?;
    let declared =
        |name: &String| sets.iter().any(|set| set.tables.iter().any(|table| table.name == *name));
    match tables.first() {
        Some(first) if !ours && !tables.iter().any(declared) => {
            Err(foreign(place, format!("it holds table {first} and none of ours")))
        }
        _ => Ok(()),
    }
}

fn check_pages(place: &Place, connection: &mut Connection) -> Result<(), OpenError> {
    let mut complaint = None;
    connection
        .query("PRAGMA quick_check(1)", &[], &mut |row| {
            let line: String = row.get(0)?;
            complaint = Some(line).filter(|line| line != "ok");
            Ok(false)
        })
        .map_err(|source| migrate::engine(place, source))?;
    complaint.map_or(Ok(()), |reason| Err(corrupt(place, reason)))
}

fn corrupt(place: &Place, reason: String) -> OpenError {
    OpenError::Corrupt { path: place.file().to_owned(), reason }
}

fn foreign(place: &Place, reason: String) -> OpenError {
    OpenError::Foreign { path: place.file().to_owned(), reason }
}
