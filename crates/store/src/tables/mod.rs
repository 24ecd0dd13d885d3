//! Tables that no module owns.

use crate::table::{Column, Index, Table};

/// Which version the tables of each module have. The rows are shared with ejabberd: its module names,
/// its numbers.
pub static SCHEMA_VERSION: Table = Table::new("schema_version", "core", COLUMNS).indexes(INDEXES);

const COLUMNS: &[Column] = &[Column::text("module"), Column::bigint("version")];
const INDEXES: &[Index] = &[Index::unique(&["module"])];
