//! ARP requests, replies and announcements.

use std::net::Ipv4Addr;

use types::MacAddr;

use crate::arp::{Operation, Packet, Station};
use crate::ethernet::{EtherType, Header};

/// Asks everybody on the link who has `target`.
pub fn arp_request(out: &mut Vec<u8>, sender: Station, target: Ipv4Addr) {
    let target = Station {
        mac: MacAddr::ZERO,
        ip: target,
    };
    frame(
        out,
        MacAddr::BROADCAST,
        Packet {
            operation: Operation::Request,
            sender,
            target,
        },
    );
}

/// Asks a known neighbour whether it is still there (RFC 1122 §2.3.2.1), disturbing nobody else.
pub fn arp_request_to(out: &mut Vec<u8>, sender: Station, neighbor: Station) {
    let target = Station {
        mac: MacAddr::ZERO,
        ip: neighbor.ip,
    };
    frame(
        out,
        neighbor.mac,
        Packet {
            operation: Operation::Request,
            sender,
            target,
        },
    );
}

/// Answers `asker`: `owner` has its address.
pub fn arp_reply(out: &mut Vec<u8>, owner: Station, asker: Station) {
    let packet = Packet {
        operation: Operation::Reply,
        sender: owner,
        target: asker,
    };
    frame(out, asker.mac, packet);
}

/// Announces a virtual address to the link: a broadcast request for the address itself, with the
/// virtual MAC as target too (RFC 9568 §6.4.1, §6.4.2).
pub fn gratuitous_arp(out: &mut Vec<u8>, owner: Station) {
    let packet = Packet {
        operation: Operation::Request,
        sender: owner,
        target: owner,
    };
    frame(out, MacAddr::BROADCAST, packet);
}

fn frame(out: &mut Vec<u8>, dst: MacAddr, packet: Packet) {
    out.clear();
    let header = Header {
        dst,
        src: packet.sender.mac,
        ether_type: EtherType::ARP,
    };
    header.write(out);
    packet.write(out);
}
