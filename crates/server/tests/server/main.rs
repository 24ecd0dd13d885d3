//! The server's binary, as an administrator starts it.

mod files;
mod takeover;
