//! What other Erlang nodes say: `tests/src/fuzz/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tests::fuzz::erlang(input));
