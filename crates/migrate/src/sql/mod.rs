//! The data of one host as SQL for ejabberd's tables, in words that SQLite, PostgreSQL and MySQL understand alike.

mod store;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ::store::{Layout, OutputFile, Query, Value};

use crate::migration::Migration;
use crate::report::MigrateError;
use crate::tables::{Tables, is_own};
use crate::words::{Pace, through};
use store::Shape;

const HEAD: &str = "-- Data of one host for the SQL tables of ejabberd";
/// Only MySQL reads this comment: with it a backslash is a character, as in the other two.
const MYSQL: &str =
    "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='ANSI_QUOTES,NO_BACKSLASH_ESCAPES' */;";
const MYSQL_END: &str = "/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;";
/// Rows in one transaction of the database that reads the file.
const ROWS_A_TRANSACTION: u64 = 1000;

impl Migration {
    /// Writes what is stored of a host as SQL, with the column `server_host` if `layout` has it. Each row replaces
    /// the one of the same key.
    ///
    /// # Errors
    /// [`MigrateError`]; then there is no file, or the one from before.
    pub async fn export_sql(
        &self,
        host: &str,
        layout: Layout,
        target: PathBuf,
    ) -> Result<(), MigrateError> {
        let (tables, mut pace, host) = (self.tables.clone(), self.pace(), host.to_owned());
        let write = move |query: &mut Query<'_>| {
            Ok(write_file(query, &tables, &host, layout, &target, &mut pace))
        };
        self.store.read_at_length("export2sql", write).await?
    }
}

fn write_file(
    query: &mut Query<'_>,
    tables: &Tables,
    host: &str,
    layout: Layout,
    target: &Path,
    pace: &mut Pace,
) -> Result<(), MigrateError> {
    // COMPAT: ejabberd's files of this kind begin with a comment of two words.
    let ours =
        |head: &[u8]| head.starts_with(HEAD.as_bytes()) || head.starts_with(b"-- \n-- Mnesia");
    let mut file = OutputFile::create(target, ours).map_err(MigrateError::io(target))?;
    let mut out = BufWriter::with_capacity(1 << 16, &mut file);
    through(target, writeln!(out, "{HEAD}\n{MYSQL}\nBEGIN;"))?;
    let mut rows = 0;
    let exported = tables.iter().filter(|table| {
        !is_own(table) && table.columns.iter().any(|column| column.name == "server_host")
    });
    for table in exported {
        through(target, writeln!(out, "-- {}", table.name))?;
        let shape = Shape::of(table, tables.layout(), layout);
        let mut failed = Ok(());
        query.rows_of(table, tables.layout(), &[("server_host", Value::Text(host))], |row| {
            let mut values = Vec::with_capacity(shape.columns.len());
            for (index, _) in &shape.columns {
                values.push(row.value(*index)?);
            }
            failed = shape.write(&mut out, &values);
            rows += 1;
            if rows % ROWS_A_TRANSACTION == 0 {
                failed = std::mem::replace(&mut failed, Ok(()))
                    .and_then(|()| out.write_all(b"COMMIT;\nBEGIN;\n"));
            }
            pace.tell(|| format!("{rows} rows written, now {}", table.name));
            Ok(failed.is_ok())
        })?;
        through(target, failed)?;
    }
    through(target, writeln!(out, "COMMIT;\n{MYSQL_END}").and_then(|()| out.flush()))?;
    drop(out);
    file.publish().map_err(MigrateError::io(target))
}
