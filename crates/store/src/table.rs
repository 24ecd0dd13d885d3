//! Tables as data, and the statements that create them.
//!
//! The layouts are ejabberd's (schema.json of its release 26.07): in the single-host layout
//! `server_host` disappears from columns and keys; the first unique index is the primary key, unless a
//! [`Kind::BigSerial`] column is; other indexes are called `i_<table>_<columns>`.

use crate::store::Layout;

/// The name of the column that only the multi-host layout has.
pub(crate) const SERVER_HOST: &str = "server_host";

/// The dialect in which statements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite.
    Sqlite,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text of ordinary length.
    Text,
    /// Text that may be long, such as a stanza.
    TextBig,
    /// Text of at most so many characters, where the engine can say so.
    TextMax(u16),
    /// Text of exactly so many characters.
    Char(u8),
    /// A whole number of 16 bits.
    SmallInt,
    /// A whole number of 32 bits.
    Integer,
    /// A whole number of 64 bits.
    BigInt,
    /// A whole number of 64 bits that the engine counts up; it is the primary key.
    BigSerial,
    /// True or false.
    Boolean,
    /// Bytes.
    Blob,
    /// Date and time, in UTC.
    Timestamp,
    /// A number of any size.
    Numeric,
}

/// The value that a column gets when a row does not name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// None: every row must name it.
    None,
    /// The empty text.
    Empty,
    /// 0.
    Zero,
    /// The time of the insertion.
    Now,
}

/// A column whose values are keys of another table; rows go when the row they refer to goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// The other table.
    pub table: &'static str,
    /// Its key.
    pub column: &'static str,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it may be `NULL`.
    pub null: bool,
    /// What it is when a row does not say.
    pub default: DefaultValue,
    /// What it refers to.
    pub references: Option<Reference>,
}

impl Column {
    /// A column of some type, not `NULL`, without a default.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, null: false, default: DefaultValue::None, references: None }
    }

    /// A text column.
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, Kind::Text)
    }

    /// A column of whole numbers of 64 bits.
    pub const fn bigint(name: &'static str) -> Self {
        Self::new(name, Kind::BigInt)
    }

    /// The column `created_at`, which many tables of ejabberd have.
    pub const fn created_at() -> Self {
        Self::new("created_at", Kind::Timestamp).or(DefaultValue::Now)
    }

    /// The same column, and it may be `NULL`.
    #[must_use]
    pub const fn nullable(mut self) -> Self {
        self.null = true;
        self
    }

    /// The same column with a default.
    #[must_use]
    pub const fn or(mut self, default: DefaultValue) -> Self {
        self.default = default;
        self
    }

    /// The same column, referring to a key of another table.
    #[must_use]
    pub const fn references(mut self, table: &'static str, column: &'static str) -> Self {
        self.references = Some(Reference { table, column });
        self
    }
}

/// An index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Its columns as in the multi-host layout, in order.
    pub columns: &'static [&'static str],
    /// Whether two rows may not have the same values.
    pub unique: bool,
}

impl Index {
    /// An index that allows each combination once. The first one of a table is its primary key.
    pub const fn unique(columns: &'static [&'static str]) -> Self {
        Self { columns, unique: true }
    }

    /// An index that only helps to find rows.
    pub const fn on(columns: &'static [&'static str]) -> Self {
        Self { columns, unique: false }
    }
}

/// What becomes of the column `server_host` in the single-host layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerHost {
    /// It disappears from columns and keys.
    MultiHostOnly,
    /// It stays (table `route`, and the server's own tables).
    Always,
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The module that owns it, by ejabberd's name for it.
    pub owner: &'static str,
    /// Its columns as in the multi-host layout, in order.
    pub columns: &'static [Column],
    /// Its indexes as in the multi-host layout; the first unique one is the primary key.
    pub indexes: &'static [Index],
    /// What the single-host layout does with `server_host`.
    pub server_host: ServerHost,
    /// Whether rows are kept in the order of the primary key and nowhere else (`WITHOUT ROWID` of
    /// SQLite): half the writes for short rows of the server's own tables. Never for ejabberd's tables,
    /// and not for journals: where many sessions add rows at once, a table whose only key is a
    /// [`Kind::BigSerial`] takes about three times as many (`examples/group_commit.rs`), since all rows of a
    /// commit go to the same page.
    pub clustered: bool,
}

impl Table {
    /// A table without indexes, whose `server_host`, if it has one, is for the multi-host layout only.
    pub const fn new(name: &'static str, owner: &'static str, columns: &'static [Column]) -> Self {
        Self {
            name,
            owner,
            columns,
            indexes: &[],
            server_host: ServerHost::MultiHostOnly,
            clustered: false,
        }
    }

    /// The same table with indexes.
    #[must_use]
    pub const fn indexes(mut self, indexes: &'static [Index]) -> Self {
        self.indexes = indexes;
        self
    }

    /// The same table, which keeps `server_host` in both layouts.
    #[must_use]
    pub const fn server_host_always(mut self) -> Self {
        self.server_host = ServerHost::Always;
        self
    }

    /// The same table, kept in the order of its primary key.
    #[must_use]
    pub const fn clustered(mut self) -> Self {
        self.clustered = true;
        self
    }

    /// The columns that the table has in a layout.
    pub fn columns_in(&self, layout: Layout) -> impl Iterator<Item = &'static Column> {
        let table = *self;
        self.columns.iter().filter(move |column| table.keeps(column.name, layout))
    }

    /// The columns of the primary key in a layout; empty if the table has none.
    pub fn primary_key(&self, layout: Layout) -> Vec<&'static str> {
        if let Some(serial) = self.serial() {
            return vec![serial];
        }
        let first = self.indexes.iter().find(|index| index.unique);
        first.map(|index| self.index_columns(index, layout)).unwrap_or_default()
    }

    /// The indexes beside the primary key in a layout: their columns, and whether they are unique.
    pub fn other_indexes(&self, layout: Layout) -> Vec<(Vec<&'static str>, bool)> {
        let key = self.primary_key(layout);
        let mut others: Vec<(Vec<&'static str>, bool)> = Vec::new();
        for index in self.indexes {
            let columns = self.index_columns(index, layout);
            let covered = index.unique && columns == key;
            if !columns.is_empty() && !covered && !others.iter().any(|(known, _)| *known == columns)
            {
                others.push((columns, index.unique));
            }
        }
        others
    }

    /// The statements that create the table and its indexes.
    pub fn create(&self, dialect: Dialect, layout: Layout) -> Vec<String> {
        let mut statements = vec![self.create_table(dialect, layout, self.name)];
        for (columns, unique) in self.other_indexes(layout) {
            statements.push(self.create_index(&columns, unique));
        }
        statements
    }

    /// The statement that creates the table under a name, which an update may choose for a moment.
    pub(crate) fn create_table(&self, dialect: Dialect, layout: Layout, name: &str) -> String {
        let Dialect::Sqlite = dialect;
        let mut parts: Vec<String> = self.columns_in(layout).map(sqlite_column).collect();
        let key = self.primary_key(layout);
        if self.serial().is_none() && !key.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", quoted_list(&key)));
        }
        let clustered = if self.clustered { " WITHOUT ROWID" } else { "" };
        format!("CREATE TABLE {} (\n    {}\n){clustered}", quoted(name), parts.join(",\n    "))
    }

    pub(crate) fn create_index(&self, columns: &[&str], unique: bool) -> String {
        let unique = if unique { "UNIQUE " } else { "" };
        let name = quoted(&format!("i_{}_{}", self.name, columns.join("_")));
        format!("CREATE {unique}INDEX {name} ON {} ({})", quoted(self.name), quoted_list(columns))
    }

    fn serial(&self) -> Option<&'static str> {
        self.columns.iter().find(|column| column.kind == Kind::BigSerial).map(|column| column.name)
    }

    fn keeps(&self, column: &str, layout: Layout) -> bool {
        layout == Layout::MultiHost
            || self.server_host == ServerHost::Always
            || column != SERVER_HOST
    }

    fn index_columns(&self, index: &Index, layout: Layout) -> Vec<&'static str> {
        index.columns.iter().copied().filter(|column| self.keeps(column, layout)).collect()
    }
}

/// The definition of a column that is added to a table with rows: SQLite wants a constant for them.
pub(crate) fn sqlite_added_column(column: &Column) -> String {
    let constant = match (column.default, column.null, affinity(sqlite_word(column.kind).as_str()))
    {
        (DefaultValue::None, true, _) => "",
        (DefaultValue::Now, _, _) => " DEFAULT '1970-01-01 00:00:00'",
        (DefaultValue::Zero, _, _) => " DEFAULT 0",
        (DefaultValue::Empty, _, _)
        | (DefaultValue::None, false, Affinity::Text | Affinity::Blob) => " DEFAULT ''",
        (DefaultValue::None, false, _) => " DEFAULT 0",
    };
    let null = if column.null { "" } else { " NOT NULL" };
    format!("{} {}{null}{constant}", quoted(column.name), sqlite_word(column.kind))
}

fn sqlite_column(column: &Column) -> String {
    let mut text = format!("{} {}", quoted(column.name), sqlite_word(column.kind));
    if column.kind == Kind::BigSerial {
        text.push_str(" PRIMARY KEY AUTOINCREMENT");
        return text;
    }
    if !column.null {
        text.push_str(" NOT NULL");
    }
    text.push_str(match column.default {
        DefaultValue::None => "",
        DefaultValue::Empty => " DEFAULT ''",
        DefaultValue::Zero => " DEFAULT 0",
        DefaultValue::Now => " DEFAULT CURRENT_TIMESTAMP",
    });
    if let Some(other) = column.references {
        let target = format!(
            " REFERENCES {} ({}) ON DELETE CASCADE",
            quoted(other.table),
            quoted(other.column)
        );
        text.push_str(&target);
    }
    text
}

/// The word for a type in SQLite.
pub(crate) fn sqlite_word(kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::TextBig | Kind::TextMax(_) => "text".to_owned(),
        Kind::Char(length) => format!("character({length})"),
        Kind::SmallInt => "smallint".to_owned(),
        Kind::Integer | Kind::BigSerial => "integer".to_owned(),
        Kind::BigInt => "bigint".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Blob => "blob".to_owned(),
        Kind::Timestamp => "timestamp".to_owned(),
        Kind::Numeric => "numeric".to_owned(),
    }
}

/// How SQLite treats values of a column; what two declarations must have in common to be alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

/// The affinity of a declared type, by the rules of SQLite's documentation, "Determination of column
/// affinity".
pub(crate) fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if has(&["int"]) {
        Affinity::Integer
    } else if has(&["char", "clob", "text"]) {
        Affinity::Text
    } else if declared.is_empty() || has(&["blob"]) {
        Affinity::Blob
    } else if has(&["real", "floa", "doub"]) {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// A name between quotes. Names are part of the program and hold no quote.
pub(crate) fn quoted(name: &str) -> String {
    debug_assert!(!name.contains('"'), "a name in a declared table holds a quote");
    format!("\"{name}\"")
}

pub(crate) fn quoted_list(names: &[&str]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}
