//! Neighbor Discovery messages, alone and in a frame whose checksum is right.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire_fuzz::ndp::run(data));
