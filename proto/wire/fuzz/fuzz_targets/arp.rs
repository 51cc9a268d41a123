//! ARP packets: what is read is what stands there.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire_fuzz::arp::run(data));
