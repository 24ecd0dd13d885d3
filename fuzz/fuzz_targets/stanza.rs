//! Any element as a stanza: `tests/src/fuzz/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tests::fuzz::stanza(input));
