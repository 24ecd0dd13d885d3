//! The tables of the server by name.

use kernel::Kernel;
use store::{Dialect, Layout, SCHEMA_VERSION, Table, TableSet};

/// Every table that the accounts and any module can have, whether the module runs or not.
pub fn tables(kernel: &Kernel) -> Vec<&'static TableSet> {
    let modules = kernel.modules().iter().copied().flatten();
    let mut sets: Vec<&'static TableSet> = accounts::TABLES.to_vec();
    sets.extend(modules.flat_map(|module| module.tables.iter().copied()));
    sets
}

/// The tables of the server, and their layout.
#[derive(Clone, Debug)]
pub struct Tables {
    tables: Vec<&'static Table>,
    layout: Layout,
}

impl Tables {
    /// The tables of these sets.
    pub fn new(sets: &[&'static TableSet], layout: Layout) -> Self {
        let tables = sets.iter().flat_map(|set| set.tables.iter().copied()).collect();
        Self { tables, layout }
    }

    /// The tables of a server.
    pub fn of(kernel: &Kernel) -> Self {
        Self::new(&tables(kernel), kernel.store().layout())
    }

    /// The table of a name.
    pub fn get(&self, name: &str) -> Option<&'static Table> {
        self.tables.iter().copied().find(|table| table.name == name)
    }

    /// All of them, in the order of their declaration.
    pub fn iter(&self) -> impl Iterator<Item = &'static Table> {
        self.tables.iter().copied()
    }

    /// Their layout in the database.
    pub fn layout(&self) -> Layout {
        self.layout
    }
}

/// The statements that make ejabberd's tables in SQLite, as this server does at its start.
pub fn sqlite_schema(kernel: &Kernel, layout: Layout) -> String {
    let tables = Tables::new(&tables(kernel), layout);
    let mut statements: Vec<String> = SCHEMA_VERSION.create(Dialect::Sqlite, layout);
    for table in tables.iter().filter(|table| !is_own(table)) {
        statements.extend(table.create(Dialect::Sqlite, layout));
    }
    statements.iter().map(|statement| format!("{statement};\n")).collect()
}

/// Whether a table is the server's own and not one of ejabberd's.
pub(crate) fn is_own(table: &Table) -> bool {
    table.name.starts_with("rookery_")
}
