//! `ejabberd.yml` as it is: read, expanded, checked against one catalogue, and handed on as typed values.
//!
//! [`load`] reads a file or text and answers with a [`Config`] or with [`Problems`], all of them at once
//! and each with its place. Other crates report in the same form with [`Problem`] and [`Problems`].

mod acl_entries;
mod assemble;
pub mod audit;
pub mod catalogue;
mod check;
mod config;
pub mod ctlcfg;
mod defaults;
pub mod docs;
pub mod exposure;
mod include;
mod keywords;
mod legacy;
mod load;
mod node;
mod node_name;
mod places;
mod problem;
mod section;
mod source;
mod suggest;
pub mod users;
mod value;
mod yaml;

pub use config::{Config, Endpoint, InForce, ListenerConfig, ModuleConfig, Transport};
pub use legacy::current_spelling;
pub use load::{FileChecks, Inputs, Loaded, Source, load};
pub use node::{Kind, Node, Scalar};
pub use node_name::{NodeName, NodeNameError};
pub use places::{PlaceHints, Places};
pub use problem::{Note, NoteKind, PROBLEMS_MAX, Problem, Problems, Rewrite};
pub use section::Section;
pub use source::{FileId, Pos, Sources};
pub use value::{IpRange, Limit, Value};
