//! A whole server inside a test: in-memory connections, virtual time, and plays.
//!
//! [`run`] gives a runtime whose clock stands still until [`World::advance`] moves it; [`World`] is the server;
//! [`Client`] is one connection to it; [`play`] runs the notation of `PLAYS.md`.

mod client;
mod config;
pub mod play;
mod runtime;
mod world;

pub use client::{Client, Failure, Item, StreamManagement};
pub use config::{base, blocks_of, merged, merged_over};
pub use runtime::{run, run_in_real_time};
pub use world::{HOST, MODULES, World, password_of};
