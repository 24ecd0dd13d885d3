//! One row as SQL text that three databases read alike.

use std::io::{self, Write};

use ::store::{Cell, Column, Kind, Layout, Table, Value};

/// How the rows of one table are written.
pub(super) struct Shape {
    table: &'static str,
    /// Columns with their place in the rows that are read.
    pub(super) columns: Vec<(usize, &'static Column)>,
    /// The columns by which a row is replaced.
    key: Vec<&'static str>,
}

impl Shape {
    pub(super) fn of(table: &Table, read: Layout, written: Layout) -> Self {
        let kept: Vec<&str> = table.columns_in(written).map(|column| column.name).collect();
        let columns: Vec<(usize, &'static Column)> = table
            .columns_in(read)
            .enumerate()
            // The other database counts by itself.
            .filter(|(_, column)| kept.contains(&column.name) && column.kind != Kind::BigSerial)
            .collect();
        let names = || columns.iter().map(|(_, column)| column.name).collect::<Vec<_>>();
        let key = table.primary_key(written);
        let usable = !key.is_empty() && key.iter().all(|name| names().contains(name));
        let key = if usable { key } else { names() };
        Self { table: table.name, columns, key }
    }

    pub(super) fn write(&self, out: &mut impl Write, values: &[Value<'_>]) -> io::Result<()> {
        let cells: Vec<(Cell<'_>, Kind)> = self
            .columns
            .iter()
            .zip(values)
            .map(|((_, column), value)| ((column.name, *value), column.kind))
            .collect();
        write!(out, "DELETE FROM {} WHERE ", self.table)?;
        let key = cells.iter().filter(|((name, _), _)| self.key.contains(name));
        for (at, ((name, value), kind)) in key.enumerate() {
            let equals = if *value == Value::Null { " IS " } else { "=" };
            write!(out, "{}{name}{equals}", if at == 0 { "" } else { " AND " })?;
            literal(out, *value, *kind)?;
        }
        let names: Vec<&str> = cells.iter().map(|((name, _), _)| *name).collect();
        write!(out, ";\nINSERT INTO {} ({}) VALUES (", self.table, names.join(", "))?;
        for (at, ((_, value), kind)) in cells.iter().enumerate() {
            out.write_all(if at == 0 { b"" } else { b", " })?;
            literal(out, *value, *kind)?;
        }
        out.write_all(b");\n")
    }
}

fn literal(out: &mut impl Write, value: Value<'_>, kind: Kind) -> io::Result<()> {
    match (value, kind) {
        (Value::Null, _) => out.write_all(b"NULL"),
        (Value::Integer(number), Kind::Boolean) => {
            out.write_all(if number == 0 { b"FALSE" } else { b"TRUE" })
        }
        (Value::Integer(number), _) => write!(out, "{number}"),
        (Value::Real(number), _) => write!(out, "{number:?}"),
        (Value::Text(text), _) => write!(out, "'{}'", text.replace('\0', "").replace('\'', "''")),
        (Value::Blob(bytes), _) => {
            // Nothing of ejabberd's that exists here has bytes; this is what two of the three read.
            out.write_all(b"X'")?;
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02X}"))?;
            out.write_all(b"'")
        }
    }
}
