//! The server's binary, as an administrator starts it.

mod audit;
mod files;
mod http;
mod reload;
mod space;
mod start;
mod takeover;
