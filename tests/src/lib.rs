//! What tests of the whole server share: the functions that `fuzz/` feeds. The plays are in `tests/plays` and in the
//! modules' folders.

pub mod fuzz;
