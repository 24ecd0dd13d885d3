//! Carriers: how a session's stream travels. Each yields elements and takes bytes.

mod stream;
mod zlib;

pub(crate) use stream::{Carrier, Inbound};
