//! ICMP errors whose quotation the fuzzer writes: translated, the error is intact and quotes the new
//! flow key; translated back, it is the same.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire_fuzz::icmp_error::run(data));
