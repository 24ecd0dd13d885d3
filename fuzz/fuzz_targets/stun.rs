//! Any bytes as a datagram and as a stream: `tests/src/fuzz/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tests::fuzz::stun(input));
