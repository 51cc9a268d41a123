//! Heartbeats of the pair, unsigned and signed: what is read can be written and read again.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire_fuzz::heartbeat::run(data));
