//! ARP packets: what is read is what stands there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::arp::{PACKET_LEN, Packet};

fuzz_target!(|data: &[u8]| {
    if let Some(packet) = Packet::parse(data) {
        let mut out = Vec::new();
        packet.write(&mut out);
        assert_eq!(out, data[..PACKET_LEN]);
    }
});
