//! ARP for IPv4 over Ethernet (RFC 826); every other combination of types is refused.

use std::net::Ipv4Addr;

use types::MacAddr;

use crate::bytes::{array, be16};

/// Length of an ARP packet for IPv4 over Ethernet.
pub const PACKET_LEN: usize = 28;

/// A MAC address and the IPv4 address that it answers for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Station {
    /// Its MAC address.
    pub mac: MacAddr,
    /// Its IPv4 address.
    pub ip: Ipv4Addr,
}

/// What an ARP packet wants.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    /// "Who has the target's address?"
    Request,
    /// "The sender has it."
    Reply,
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Packet {
    /// Request or reply.
    pub operation: Operation,
    /// Who sends it; its address is unspecified in a probe (RFC 5227 §2.1.1).
    pub sender: Station,
    /// Who is asked or answered; its MAC address means nothing in a request.
    pub target: Station,
}

impl Packet {
    /// Reads what follows the Ethernet header; padding behind it is ignored. `None` when it is cut
    /// off, of other address types, or neither request nor reply.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let packet = bytes.first_chunk::<PACKET_LEN>()?;
        // Hardware type Ethernet, protocol type IPv4, and their address lengths.
        if array(packet, 0)? != [0, 1, 8, 0, 6, 4] {
            return None;
        }
        let operation = match be16(packet, 6)? {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return None,
        };
        let station = |at| {
            Some(Station {
                mac: MacAddr(array(packet, at)?),
                ip: Ipv4Addr::from_octets(array(packet, at + 6)?),
            })
        };
        Some(Self {
            operation,
            sender: station(8)?,
            target: station(18)?,
        })
    }

    /// Appends the packet.
    pub fn write(&self, out: &mut Vec<u8>) {
        let operation = match self.operation {
            Operation::Request => 1,
            Operation::Reply => 2,
        };
        out.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation]);
        for station in [self.sender, self.target] {
            out.extend_from_slice(&station.mac.0);
            out.extend_from_slice(&station.ip.octets());
        }
    }

    /// Whether the sender announces its own address (RFC 5227 §3): a gratuitous request or reply.
    pub fn is_gratuitous(&self) -> bool {
        self.sender.ip == self.target.ip && !self.sender.ip.is_unspecified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(operation: Operation) -> Packet {
        Packet {
            operation,
            sender: Station {
                mac: MacAddr([2, 0, 0, 0, 0, 1]),
                ip: Ipv4Addr::new(192, 0, 2, 1),
            },
            target: Station {
                mac: MacAddr::ZERO,
                ip: Ipv4Addr::new(192, 0, 2, 2),
            },
        }
    }

    #[test]
    fn what_was_written_is_read_back_and_padding_is_ignored() {
        for operation in [Operation::Request, Operation::Reply] {
            let mut bytes = Vec::new();
            packet(operation).write(&mut bytes);
            assert_eq!(bytes.len(), PACKET_LEN);
            bytes.resize(46, 0);
            assert_eq!(Packet::parse(&bytes), Some(packet(operation)));
        }
    }

    #[test]
    fn other_types_lengths_and_operations_are_refused() {
        let mut good = Vec::new();
        packet(Operation::Request).write(&mut good);
        assert_eq!(Packet::parse(&good[..27]), None);
        for (at, bad) in [(1, 6), (2, 9), (4, 8), (5, 16), (6, 1), (7, 3), (7, 0)] {
            let mut bytes = good.clone();
            bytes[at] = bad;
            assert_eq!(Packet::parse(&bytes), None, "byte {at} = {bad}");
        }
    }
}
