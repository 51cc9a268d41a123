//! ARP packets: what is read is what stands there.

use wire::arp::{PACKET_LEN, Packet};

/// One input.
pub fn run(data: &[u8]) {
    if let Some(packet) = Packet::parse(data) {
        let mut out = Vec::new();
        packet.write(&mut out);
        assert_eq!(out, data[..PACKET_LEN]);
    }
}
