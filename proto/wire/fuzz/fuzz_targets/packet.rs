//! Any frame: parsed without a panic, its layout inside the frame; rewritten, it parses to the new
//! flow key, its checksums are as right as they were, and back it is the same.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire_fuzz::packet::run(data));
