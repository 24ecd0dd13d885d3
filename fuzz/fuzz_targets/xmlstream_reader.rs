//! Any bytes as a stream: `tests/src/fuzz/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tests::fuzz::xmlstream_reader(input));
