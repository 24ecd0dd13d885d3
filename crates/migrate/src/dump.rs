//! The text dump: one Erlang term a line, so that people, `grep` and Erlang read it.
//!
//! The first term is `{rookery_dump,1}.`; then each table says `{table,Name,[Column,...]}.` and each of its rows
//! follows as a tuple of the table's name and the values: `<<"text">>`, numbers, `null`, `{blob,<<1,2>>}`. The last
//! term is `{rookery_dump_end,Rows}.`, without which a file counts as cut off. [`load`] reads it back, and reads
//! what `ejabberdctl dump` wrote too.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use erl_wire::Term;
use store::{OutputFile, Query, Row, StoreError, Table, Value};

use crate::erl_text::{Encoding, TermError, Terms, write_binary};
use crate::migration::Migration;
use crate::mnesia;
use crate::passwords::Passwords;
use crate::report::{MigrateError, Report};
use crate::sink::{Cells, Datum, Sink};
use crate::tables::Tables;
use crate::words::{Pace, open, through};

const HEAD: &str = "{rookery_dump,1}.";

impl Migration {
    /// Writes all tables as text.
    ///
    /// # Errors
    /// [`MigrateError`]; then there is no file, or the one from before.
    pub async fn dump(&self, target: PathBuf) -> Result<(), MigrateError> {
        self.write_tables(self.tables.iter().collect(), target).await
    }

    /// Writes one table as text.
    ///
    /// # Errors
    /// As [`Migration::dump`], and a table that does not exist.
    pub async fn dump_table(&self, target: PathBuf, name: &str) -> Result<(), MigrateError> {
        match self.tables.get(name) {
            Some(table) => self.write_tables(vec![table], target).await,
            None => {
                let known: Vec<&str> = self.tables.iter().map(|table| table.name).collect();
                let what = format!("there is no table {name:?}; there are {}", known.join(", "));
                Err(MigrateError::format(&target, what))
            }
        }
    }

    async fn write_tables(
        &self,
        chosen: Vec<&'static Table>,
        target: PathBuf,
    ) -> Result<(), MigrateError> {
        let (tables, mut pace) = (self.tables.clone(), self.pace());
        let write = move |query: &mut Query<'_>| {
            Ok(write_file(query, &tables, &chosen, &target, &mut pace))
        };
        self.store.read_at_length("dump", write).await?
    }

    /// Reads a dump of this server or of ejabberd. Rows replace those with the same key; all others stay.
    ///
    /// # Errors
    /// [`MigrateError`]; batches that were complete before are stored, and loading the mended file again is right.
    pub async fn load(&self, source: PathBuf) -> Result<Report, MigrateError> {
        let migration = self.clone();
        self.store.aside("load", move || Loading::open(&source, &migration)?.run()).await?
    }
}

fn write_file(
    query: &mut Query<'_>,
    tables: &Tables,
    chosen: &[&'static Table],
    target: &Path,
    pace: &mut Pace,
) -> Result<(), MigrateError> {
    let ours = |head: &[u8]| head.starts_with(HEAD.as_bytes()) || head.starts_with(b"{tables,[");
    let mut file = OutputFile::create(target, ours).map_err(MigrateError::io(target))?;
    let mut out = BufWriter::with_capacity(1 << 16, &mut file);
    let mut rows = 0;
    let mut written = through(target, writeln!(out, "{HEAD}"));
    for table in chosen {
        written = written.and_then(|()| {
            through(target, write_head(&mut out, tables, table))?;
            let mut failed = Ok(());
            query.rows_of(table, tables.layout(), &[], |row| {
                rows += 1;
                pace.tell(|| format!("{rows} rows written, now {}", table.name));
                failed = write_row(&mut out, tables, table, row)?;
                Ok(failed.is_ok())
            })?;
            through(target, failed)
        });
    }
    written?;
    through(target, writeln!(out, "{{rookery_dump_end,{rows}}}.").and_then(|()| out.flush()))?;
    drop(out);
    file.publish().map_err(MigrateError::io(target))
}

fn write_head(out: &mut impl Write, tables: &Tables, table: &Table) -> io::Result<()> {
    let columns: Vec<&str> = table.columns_in(tables.layout()).map(|column| column.name).collect();
    writeln!(out, "{{table,{},[{}]}}.", table.name, columns.join(","))
}

fn write_row(
    out: &mut impl Write,
    tables: &Tables,
    table: &Table,
    row: &Row<'_>,
) -> Result<io::Result<()>, StoreError> {
    let mut written = write!(out, "{{{}", table.name);
    for index in 0..table.columns_in(tables.layout()).count() {
        let value = row.value(index)?;
        written = written.and_then(|()| write_value(out, value));
    }
    Ok(written.and_then(|()| writeln!(out, "}}.")))
}

fn write_value(out: &mut impl Write, value: Value<'_>) -> io::Result<()> {
    out.write_all(b",")?;
    match value {
        Value::Null => out.write_all(b"null"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Real(number) => match format!("{number:?}").split_once('e') {
            // Erlang wants a point before an exponent.
            Some((digits, power)) if !digits.contains('.') => write!(out, "{digits}.0e{power}"),
            _ => write!(out, "{number:?}"),
        },
        Value::Text(text) => write_binary(out, text.as_bytes()),
        Value::Blob(bytes) => {
            out.write_all(b"{blob,")?;
            write_binary(out, bytes)?;
            out.write_all(b"}")
        }
    }
}

struct Loading<R> {
    path: PathBuf,
    terms: Terms<R>,
    tables: Arc<Tables>,
    passwords: Passwords,
    sink: Sink,
    pace: Pace,
    report: Report,
    /// The table whose rows follow, and its columns in the order of the file.
    present: Option<(&'static Table, Vec<&'static str>)>,
    rows: i64,
}

impl Loading<File> {
    fn open(path: &Path, migration: &Migration) -> Result<Self, MigrateError> {
        Ok(Self {
            path: path.to_owned(),
            terms: Terms::new(open(path)?),
            tables: migration.tables.clone(),
            passwords: migration.passwords(),
            sink: migration.sink(),
            pace: migration.pace(),
            report: Report::default(),
            present: None,
            rows: 0,
        })
    }
}

impl<R: Read> Loading<R> {
    fn run(mut self) -> Result<Report, MigrateError> {
        match self.next()? {
            Some(Term::Tuple(parts)) => match parts.as_slice() {
                [Term::Atom(word), Term::Integer(1)] if word.as_str() == "rookery_dump" => {
                    self.ours()?
                }
                [Term::Atom(word), Term::Integer(version)] if word.as_str() == "rookery_dump" => {
                    return self.fail(format!("version {version} of the dump is not known here"));
                }
                [Term::Atom(word), Term::List(_)] if word.as_str() == "tables" => {
                    self.ejabberds()?
                }
                _ => return self.no_dump(),
            },
            _ => return self.no_dump(),
        }
        self.sink.flush()?;
        Ok(self.report)
    }

    fn fail<T>(&self, what: impl std::fmt::Display) -> Result<T, MigrateError> {
        Err(MigrateError::format(&self.path, format!("line {}: {what}", self.terms.line())))
    }

    fn no_dump<T>(&self) -> Result<T, MigrateError> {
        self.fail("this is neither a dump of this server nor one of ejabberd; nothing was loaded")
    }

    fn next(&mut self) -> Result<Option<Term>, MigrateError> {
        self.terms.next_term().map_err(|error| match error {
            TermError::Io(source) => MigrateError::Io { path: self.path.clone(), source },
            other => MigrateError::format(&self.path, other),
        })
    }

    fn ours(&mut self) -> Result<(), MigrateError> {
        self.terms.encoding = Encoding::Utf8;
        while let Some(term) = self.next()? {
            let Term::Tuple(parts) = term else { return self.fail("a tuple was expected") };
            match parts.as_slice() {
                [Term::Atom(word), Term::Atom(name), Term::List(columns)]
                    if word.as_str() == "table" =>
                {
                    self.begin_table(name.as_str(), columns)?;
                }
                [Term::Atom(word), Term::Integer(rows)] if word.as_str() == "rookery_dump_end" => {
                    if *rows != self.rows {
                        return self
                            .fail(format!("{rows} rows should have come, {} did", self.rows));
                    }
                    return Ok(());
                }
                [Term::Atom(name), values @ ..] => self.row(name.as_str(), values)?,
                _ => return self.fail("a row was expected"),
            }
        }
        self.fail("the file is cut off: what was complete is loaded")
    }

    fn begin_table(&mut self, name: &str, columns: &[Term]) -> Result<(), MigrateError> {
        self.present = None;
        let Some(table) = self.tables.get(name) else {
            self.report.skipped(&format!("table {name} (unknown here)"));
            return Ok(());
        };
        let known: Option<Vec<&'static str>> = columns
            .iter()
            .map(|column| {
                let mut there = table.columns.iter();
                there.find(|known| Some(known.name) == column.as_atom()).map(|known| known.name)
            })
            .collect();
        match known {
            Some(columns) => self.present = Some((table, columns)),
            None => return self.fail(format!("table {name} has other columns here")),
        }
        Ok(())
    }

    fn row(&mut self, name: &str, values: &[Term]) -> Result<(), MigrateError> {
        self.rows += 1;
        let rows = self.rows;
        self.pace.tell(|| format!("{rows} rows read"));
        let Some((table, columns)) = &self.present else {
            self.report.skipped(&format!("rows of {name}"));
            return Ok(());
        };
        let (table, columns) = (*table, columns.clone());
        let data: Option<Vec<Datum>> = values.iter().map(datum).collect();
        let Some(data) = data.filter(|data| data.len() == columns.len() && name == table.name)
        else {
            return self.fail(format!("this is no row of table {}", table.name));
        };
        let cells: Cells = columns.into_iter().zip(data).collect();
        self.sink.put(table.name, cells);
        self.report.stored(table.name);
        Ok(self.sink.whole()?)
    }

    fn ejabberds(&mut self) -> Result<(), MigrateError> {
        while let Some(term) = self.next()? {
            self.rows += 1;
            let rows = self.rows;
            self.pace.tell(|| format!("{rows} records read"));
            match mnesia::store(&mut self.sink, &self.passwords, &term) {
                Ok(kind) => self.report.stored(kind),
                Err(why) => self.report.skipped(&why),
            }
            self.sink.whole()?;
        }
        Ok(())
    }
}

fn datum(term: &Term) -> Option<Datum> {
    Some(match term {
        Term::Atom(word) if word.as_str() == "null" => Datum::Null,
        Term::Integer(number) => Datum::Integer(*number),
        Term::Float(number) => Datum::Real(*number),
        Term::Binary(bytes) => Datum::Text(String::from_utf8(bytes.clone()).ok()?),
        Term::Tuple(parts) => match parts.as_slice() {
            [Term::Atom(word), Term::Binary(bytes)] if word.as_str() == "blob" => {
                Datum::Blob(bytes.clone())
            }
            _ => return None,
        },
        _ => return None,
    })
}
