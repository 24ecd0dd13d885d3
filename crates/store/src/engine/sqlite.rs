//! The SQLite engine: opening with the right settings, binding, stepping, mapping of errors.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, ffi};

use super::{Control, EngineRow, RowSink};
use crate::error::StoreError;
use crate::value::{Bind, Value};

/// `RkRy`: written into the header of every database that this server created or took over.
pub(crate) const APPLICATION_ID: u32 = 0x526b_5279;

/// Pages that the writer keeps: 1 MiB, in SQLite's notation.
const WRITER_CACHE: &str = "-1024";
/// Pages that each reader keeps: 256 KiB.
const READER_CACHE: &str = "-256";
/// Statements that stay prepared in each connection.
const STATEMENTS_MAX: usize = 160;
/// How long a connection that reads waits for a lock of another process, which it rarely meets.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to SQLite.
pub(crate) struct Connection {
    inner: rusqlite::Connection,
}

/// A row that SQLite has stepped to.
pub(crate) struct Row<'r>(&'r rusqlite::Row<'r>);

impl Connection {
    /// Opens the one connection that writes. The file exists already with its permissions.
    /// Foreign keys stay off until [`Connection::enforce_foreign_keys`], because an update may have to
    /// rebuild a table.
    pub(crate) fn open_writer(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Self::open(path, flags)?;
        connection.pragma("cache_size", WRITER_CACHE)?;
        // Until the tables are accepted, closing must not write into the main file.
        connection.keep_journal_on_close(true)?;
        connection.pragma("foreign_keys", "OFF")?;
        connection.pragma("synchronous", "FULL")?;
        // What is deleted is overwritten, so that the file gives no secret or message away that its owner removed.
        connection.pragma("secure_delete", "ON")?;
        Ok(connection)
    }

    /// Whether the header carries our application id.
    pub(crate) fn is_claimed(&self) -> bool {
        self.application_id().is_ok_and(|id| id == APPLICATION_ID)
    }

    /// Writes our application id into the header. It must stand in the main file before the switch to
    /// WAL, because a start after a crash sees only that file before it decides.
    pub(crate) fn mark_claimed(&self) -> Result<(), StoreError> {
        if self.is_claimed() {
            return Ok(());
        }
        self.pragma("application_id", &APPLICATION_ID.to_string())
    }

    /// Puts the file in the mode in which the server runs it.
    pub(crate) fn use_journal(&self) -> Result<(), StoreError> {
        self.pragma("journal_mode", "WAL")?;
        self.pragma("synchronous", "FULL")?;
        self.pragma("journal_size_limit", "16777216")
    }

    /// Ends the time of caution after opening: from here on foreign keys hold.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        self.enforce_foreign_keys(true)?;
        self.keep_journal_on_close(false)
    }

    /// Whether the engine enforces references; it cannot be changed inside a transaction.
    pub(crate) fn enforce_foreign_keys(&self, on: bool) -> Result<(), StoreError> {
        self.pragma("foreign_keys", if on { "ON" } else { "OFF" })
    }

    /// Opens a connection that cannot write.
    pub(crate) fn open_reader(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Self::open(path, flags)?;
        connection.pragma("cache_size", READER_CACHE)?;
        connection.pragma("query_only", "ON")?;
        Ok(connection)
    }

    /// Opens a file that nobody writes for inspection: no lock, no journal, no other file appears.
    pub(crate) fn open_untouched(path: &Path) -> Result<Self, StoreError> {
        let mut uri = String::from("file:");
        for &byte in path.as_os_str().as_encoded_bytes() {
            if byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                uri.push_str(&format!("%{byte:02X}"));
            }
        }
        uri.push_str("?mode=ro&immutable=1");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        Self::open(Path::new(&uri), flags)
    }

    fn open(path: &Path, flags: OpenFlags) -> Result<Self, StoreError> {
        let inner = rusqlite::Connection::open_with_flags(path, flags)
            .map_err(|error| map("open", error))?;
        inner.busy_timeout(BUSY_TIMEOUT).map_err(|error| map("busy_timeout", error))?;
        inner.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // A damaged or planted schema must not reach functions that it has no business to call.
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        ] {
            inner.set_db_config(setting, on).map_err(|error| map("set_db_config", error))?;
        }
        let connection = Self { inner };
        connection.pragma("temp_store", "MEMORY")?;
        connection.pragma("mmap_size", "0")?;
        Ok(connection)
    }

    fn keep_journal_on_close(&self, on: bool) -> Result<(), StoreError> {
        let setting = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.inner.set_db_config(setting, on).map(drop).map_err(|error| map("set_db_config", error))
    }

    /// Sets a pragma to a value that is part of this program.
    pub(crate) fn pragma(&self, name: &'static str, value: &str) -> Result<(), StoreError> {
        let sql = format!("PRAGMA {name} = {value}");
        let run = || -> rusqlite::Result<()> {
            let mut statement = self.inner.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        };
        run().map_err(|error| map(&sql, error))
    }

    /// The application id in the header; 0 if nobody set one.
    pub(crate) fn application_id(&self) -> Result<u32, StoreError> {
        let sql = "PRAGMA application_id";
        let id: i32 =
            self.inner.query_row(sql, [], |row| row.get(0)).map_err(|error| map(sql, error))?;
        Ok(id.cast_unsigned())
    }

    /// How long a statement waits for a lock of another process, for instance of a backup program.
    pub(crate) fn wait_for_locks(&self, time: Duration) -> Result<(), StoreError> {
        self.inner.busy_timeout(time).map_err(|error| map("busy_timeout", error))
    }

    /// Moves the journal into the main file and empties it; the number of readers in the way is no error.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.inner.query_row(sql, [], |_| Ok(())).map_err(|error| map(sql, error))
    }

    /// Closes, and says so if that failed.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        self.inner.close().map_err(|(_, error)| map("close", error))
    }

    /// Copies the state that this connection sees into `target`, `pages` at a time.
    pub(crate) fn copy_to(&self, target: &mut Self, pages: i32) -> Result<(), StoreError> {
        use rusqlite::backup::{Backup, StepResult};
        let mut run = || -> rusqlite::Result<()> {
            let copy = Backup::new(&self.inner, &mut target.inner)?;
            loop {
                match copy.step(pages)? {
                    StepResult::Done => return Ok(()),
                    StepResult::More => {}
                    _ => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        };
        run().map_err(|error| map("backup", error))
    }

    /// Opens an empty file that exists already as the target of a backup.
    pub(crate) fn open_target(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Self::open(path, flags)?;
        connection.pragma("cache_size", READER_CACHE)?;
        Ok(connection)
    }

    pub(super) fn control(&mut self, step: Control) -> Result<(), StoreError> {
        let sql = match step {
            Control::BeginWrite => "BEGIN IMMEDIATE",
            Control::BeginRead => "BEGIN DEFERRED",
            Control::Commit => "COMMIT",
            Control::Rollback => "ROLLBACK",
            Control::Savepoint => "SAVEPOINT one",
            Control::Release => "RELEASE one",
            Control::Undo => {
                self.run("ROLLBACK TO one")?;
                "RELEASE one"
            }
        };
        self.run(sql)
    }

    fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.execute(sql, &[]).map(drop)
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.inner.is_autocommit()
    }

    pub(super) fn last_insert_id(&self) -> i64 {
        self.inner.last_insert_rowid()
    }

    pub(super) fn execute(&mut self, sql: &str, params: &[&dyn Bind]) -> Result<usize, StoreError> {
        let mut statement = self.inner.prepare_cached(sql).map_err(|error| map(sql, error))?;
        bind(&mut statement, sql, params)?;
        statement.raw_execute().map_err(|error| map(sql, error))
    }

    pub(super) fn query(
        &mut self,
        sql: &str,
        params: &[&dyn Bind],
        sink: RowSink<'_>,
    ) -> Result<(), StoreError> {
        let mut statement = self.inner.prepare_cached(sql).map_err(|error| map(sql, error))?;
        bind(&mut statement, sql, params)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| map(sql, error))? {
            if !sink(&crate::query::Row::new(EngineRow::Sqlite(Row(row))))? {
                break;
            }
        }
        Ok(())
    }
}

impl Row<'_> {
    pub(super) fn value(&self, index: usize) -> Option<Value<'_>> {
        Some(match self.0.get_ref(index).ok()? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::Real(number),
            ValueRef::Text(bytes) => Value::Text(std::str::from_utf8(bytes).ok()?),
            ValueRef::Blob(bytes) => Value::Blob(bytes),
        })
    }
}

fn bind(
    statement: &mut rusqlite::Statement<'_>,
    sql: &str,
    params: &[&dyn Bind],
) -> Result<(), StoreError> {
    if statement.parameter_count() != params.len() {
        let message =
            format!("{} values for {} parameters", params.len(), statement.parameter_count());
        return Err(StoreError::Statement { sql: sql.into(), message: message.into() });
    }
    for (index, param) in params.iter().enumerate() {
        let value = match param.bind() {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Real(number) => ValueRef::Real(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        };
        statement
            .raw_bind_parameter(index + 1, ToSqlOutput::Borrowed(value))
            .map_err(|error| map(sql, error))?;
    }
    Ok(())
}

/// Sorts the engine's errors by whose fault they are.
fn map(sql: &str, error: rusqlite::Error) -> StoreError {
    let message: Arc<str> = error.to_string().into();
    let rusqlite::Error::SqliteFailure(failure, _) = &error else {
        return StoreError::Statement { sql: sql.into(), message };
    };
    match failure.code {
        ErrorCode::DiskFull => StoreError::DiskFull,
        // The index of the log is a file of the same disk, which cannot be extended.
        _ if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => StoreError::DiskFull,
        ErrorCode::ConstraintViolation => StoreError::Constraint {
            unique: matches!(
                failure.extended_code,
                ffi::SQLITE_CONSTRAINT_UNIQUE
                    | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                    | ffi::SQLITE_CONSTRAINT_ROWID
            ),
            message,
        },
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt(message),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy(message),
        ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::NoLargeFileSupport => StoreError::Io(message),
        _ => StoreError::Statement { sql: sql.into(), message },
    }
}
