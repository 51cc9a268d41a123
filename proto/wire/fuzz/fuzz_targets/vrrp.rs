//! VRRP messages as they come and with a checksum made right; what is read can be written again.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire_fuzz::vrrp::run(data));
