//! The operators' grammar: see the body.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| config_fuzz::grammar::run(data));
