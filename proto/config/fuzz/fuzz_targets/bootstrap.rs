//! `node.toml`: see the body.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| config_fuzz::bootstrap::run(data));
