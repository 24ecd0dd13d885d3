//! The bytes of the files: frames of terms, and lines of JSON.
//!
//! A file of terms is a sequence of batches: the letters `dbdb`, the length of what follows in 32 bits with the lowest
//! byte first, and a list of records in Erlang's external term format. A file of JSON has an object a line, and an
//! empty line behind each.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use erl_wire::{Limits, Term, decode_items, encode};
use serde_json::Value;

use super::schema::{Kind, Record};
use super::{Format, MAGIC};
use crate::report::MigrateError;

/// Records in one batch at most, as ejabberd has them.
const BATCH_RECORDS: usize = 1000;
/// Bytes in one batch, about.
const BATCH_BYTES: usize = 1 << 20;
/// Bytes of one batch that is read at most. ejabberd counts records only: a thousand rosters can be long.
const FRAME_BYTES_MAX: u32 = 256 << 20;
/// Bytes of one line that is read at most.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// What one record may hold: a roster of a hundred thousand contacts.
const RECORD: Limits =
    Limits { depth_max: 16, terms_max: 1 << 20, bytes_max: FRAME_BYTES_MAX as usize };

/// Writes records in one of the two forms.
pub(super) struct Writer<W> {
    out: W,
    format: Format,
    batch: Vec<Term>,
    bytes: usize,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, format: Format) -> Self {
        Self { out, format, batch: Vec::new(), bytes: 0 }
    }

    pub(super) fn put(&mut self, host: &str, record: &Record) -> io::Result<()> {
        match self.format {
            Format::Json => write!(self.out, "{}\n\n", record.to_json(host)),
            Format::Terms => {
                self.bytes += record.bytes();
                self.batch.push(record.to_term(host));
                match self.batch.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES {
                    true => self.flush_batch(),
                    false => Ok(()),
                }
            }
        }
    }

    fn flush_batch(&mut self) -> io::Result<()> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        encode(&Term::List(batch), &mut bytes);
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.out.write_all(MAGIC)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&bytes)
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.flush_batch()?;
        Ok(self.out)
    }
}

/// Reads records in one of the two forms.
pub(super) struct Reader {
    path: PathBuf,
    input: BufReader<File>,
    format: Format,
    /// The batch, or the line, that is read, counted from 1.
    at: u64,
}

impl Reader {
    /// Reads from a file whose first bytes are as they should be.
    ///
    /// # Errors
    /// The system's, and those of a file that is not what its name says.
    pub(super) fn new(path: &Path, file: File, format: Format) -> Result<Self, MigrateError> {
        let mut input = BufReader::with_capacity(1 << 16, file);
        let head = input.fill_buf().map_err(MigrateError::io(path))?;
        if !head.is_empty() && !head.trim_ascii_start().starts_with(format.begins()) {
            let what = format!(
                "this is no file of export_db: it does not begin as its name says ({})",
                format.extension()
            );
            return Err(MigrateError::format(path, what));
        }
        Ok(Self { path: path.to_owned(), input, format, at: 0 })
    }

    /// Shows each record of the next batch, or of the next line, with its place, and what is read as none; gives
    /// whether there was one. `record` says whether to go on.
    ///
    /// # Errors
    /// Those of the file and of `record`; [`MigrateError::Format`] where the file is not what it claims to be.
    pub(super) fn next(
        &mut self,
        kinds: &[&'static Kind],
        mut record: impl FnMut(Result<Record, String>, &str) -> Result<bool, MigrateError>,
    ) -> Result<bool, MigrateError> {
        match self.format {
            Format::Terms => self.next_batch(kinds, &mut record),
            Format::Json => self.next_line(kinds, &mut record),
        }
    }

    fn fail<T>(&self, what: impl std::fmt::Display) -> Result<T, MigrateError> {
        let unit = if self.format == Format::Terms { "batch" } else { "line" };
        Err(MigrateError::format(&self.path, format!("{unit} {}: {what}", self.at)))
    }

    fn read(&mut self, length: u32) -> Result<Vec<u8>, MigrateError> {
        let mut bytes = Vec::new();
        let input = self.input.by_ref().take(u64::from(length));
        { input }.read_to_end(&mut bytes).map_err(MigrateError::io(&self.path))?;
        Ok(bytes)
    }

    fn next_batch(
        &mut self,
        kinds: &[&'static Kind],
        record: &mut impl FnMut(Result<Record, String>, &str) -> Result<bool, MigrateError>,
    ) -> Result<bool, MigrateError> {
        let head = self.read(8)?;
        if head.is_empty() {
            return Ok(false);
        }
        self.at += 1;
        let length = match head.strip_prefix(MAGIC).map(<[u8; 4]>::try_from) {
            Some(Ok(length)) => u32::from_le_bytes(length),
            _ => return self.fail("it does not begin with `dbdb` and a length"),
        };
        if length > FRAME_BYTES_MAX {
            return self.fail(format!("it is longer than {FRAME_BYTES_MAX} bytes"));
        }
        let bytes = self.read(length)?;
        if bytes.len() != length as usize {
            return self.fail("the file is cut off here");
        }
        let batch = self.at;
        let items = match decode_items(&bytes, RECORD) {
            Ok(items) => items,
            Err(error) => {
                let what = format!("the whole batch cannot be read: {error}");
                return record(Err(what), &format!("batch {batch}")).map(|_| true);
            }
        };
        for (number, item) in items.enumerate() {
            let place = format!("batch {batch}, record {}", number + 1);
            let read = match item {
                Ok(term) => Record::from_term(&term, kinds).map_err(|error| error.to_string()),
                Err(error) => Err(format!("it and the rest of the batch cannot be read: {error}")),
            };
            if !record(read, &place)? {
                break;
            }
        }
        Ok(true)
    }

    fn next_line(
        &mut self,
        kinds: &[&'static Kind],
        record: &mut impl FnMut(Result<Record, String>, &str) -> Result<bool, MigrateError>,
    ) -> Result<bool, MigrateError> {
        let mut line = Vec::new();
        let mut input = self.input.by_ref().take(LINE_BYTES_MAX);
        let read = input.read_until(b'\n', &mut line).map_err(MigrateError::io(&self.path))?;
        if read == 0 {
            return Ok(false);
        }
        self.at += 1;
        if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
            return self.fail(format!("it is longer than {LINE_BYTES_MAX} bytes"));
        }
        if line.trim_ascii().is_empty() {
            return Ok(true);
        }
        let read = match serde_json::from_slice::<Value>(&line) {
            Ok(value) => Record::from_json(&value, kinds).map_err(|error| error.to_string()),
            // The error could show a piece of a password.
            Err(_) => Err("this is not JSON".to_owned()),
        };
        record(read, &format!("line {}", self.at)).map(|_| true)
    }
}
