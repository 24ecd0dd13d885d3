//! The SQL store: one writer with group commit, a few readers, tables as data, migrations.
//!
//! An answer that promises durability can only be built from a [`Durable`] receipt, and only a
//! commit hands one out. Closures run synchronously on threads of the store, so that other
//! database engines can follow behind the same interface. No type of an SQL driver leaves the crate.

mod actual;
mod backup;
mod durable;
mod engine;
mod error;
mod files;
mod inspect;
mod migrate;
mod output;
mod query;
mod readers;
mod rows;
mod store;
mod table;
mod tables;
mod value;
mod writer;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use durable::{Committed, Durable};
pub use error::{OpenError, StoreError};
pub use migrate::{Step, TableSet, Update};
pub use output::OutputFile;
pub use query::{Query, Row, Tx};
pub use rows::Cell;
pub use store::{Layout, OpenOptions, Stats, Store};
pub use table::{Column, DefaultValue, Dialect, Index, Kind, Reference, ServerHost, Table};
pub use tables::SCHEMA_VERSION;
pub use value::{Bind, FromColumn, Value};
