//! What Erlang nodes say to each other, as bytes: terms, the handshake, control messages and epmd's protocol.
//!
//! Facts are from Erlang's own documents: "External Term Format" ([ETF]) and "Distribution Protocol" ([DIST]). Nothing
//! here does I/O, and no bytes of a peer make it panic or allocate more than its limits allow. Atoms are plain short
//! texts, so a peer cannot fill a table of them.
//!
//! [ETF]: https://www.erlang.org/doc/apps/erts/erl_ext_dist
//! [DIST]: https://www.erlang.org/doc/apps/erts/erl_dist_protocol

mod bytes;
pub mod control;
mod decode;
mod encode;
pub mod epmd;
pub mod flags;
pub mod handshake;
mod parse;
mod print;
mod term;

pub use decode::{DecodeError, Items, Limits, decode, decode_items, decode_prefix};
pub use encode::encode;
pub use parse::{ParseError, parse, parse_prefix};
pub use term::{Atom, BigInteger, Export, NameTooLong, Pid, Port, Reference, Term};

#[cfg(test)]
mod tests;
