//! Data in and out of the server in forms that other programs read: a text dump, SQL, and the files of XEP-0227.
//!
//! Every form is made of rows of ejabberd's tables ([`store::Table`] declares them), so no form needs the modules.
//! What is written sees one state of the database and appears under its name when it is complete; what is read is
//! stored in batches, each of them one transaction, and reading it again gives the same result.

mod dump;
pub mod erl_text;
mod jabberd14;
mod lua;
mod migration;
mod mnesia;
mod old_config;
mod passwords;
mod piefxis;
mod private;
mod prosody;
mod report;
mod roster;
mod rows;
mod serialized;
mod sink;
mod spool;
mod sql;
mod tables;
mod vcard;
mod words;

pub use migration::Migration;
pub use old_config::OldConfig;
pub use report::{MigrateError, Report};
pub use serialized::{Exporting, Format, Importing};
pub use tables::{Tables, sqlite_schema, tables};
