//! Echoes as a raw ICMP socket sends and receives them: a request of ours, and whether a packet is its
//! reply.

use std::net::IpAddr;

use super::{v4, v6};
use crate::checksum::Sum;
use crate::ipv4;

/// The messages of one family, for one identifier.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Echo {
    family: Icmp,
    id: u16,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Icmp {
    V4,
    V6,
}

impl Echo {
    /// For the family of `remote`; `id` tells our replies from other programs'.
    pub const fn new(remote: IpAddr, id: u16) -> Self {
        let family = match remote {
            IpAddr::V4(_) => Icmp::V4,
            IpAddr::V6(_) => Icmp::V6,
        };
        Self { family, id }
    }

    /// An echo request (RFC 792, RFC 4443 §4.1). The kernel fills in ICMPv6's checksum.
    pub fn request(self, sequence: u16) -> [u8; 8] {
        match self.family {
            Icmp::V4 => {
                let checksum = Sum::new()
                    .bytes(&self.message(v4::ECHO_REQUEST, 0, sequence))
                    .checksum();
                self.message(v4::ECHO_REQUEST, checksum, sequence)
            }
            Icmp::V6 => self.message(v6::ECHO_REQUEST, 0, sequence),
        }
    }

    const fn message(self, kind: u8, checksum: u16, sequence: u16) -> [u8; 8] {
        let [c, d] = checksum.to_be_bytes();
        let [e, f] = self.id.to_be_bytes();
        let [g, h] = sequence.to_be_bytes();
        [kind, 0, c, d, e, f, g, h]
    }

    /// Whether a raw socket has received the reply to the request with this sequence. In IPv4 the
    /// packet comes with its header.
    pub fn is_reply(self, packet: &[u8], sequence: u16) -> bool {
        let (message, kind) = match self.family {
            Icmp::V4 => {
                let header = ipv4::Header::parse(packet).ok();
                let message = header.and_then(|header| packet.get(header.header_len..));
                (message, v4::ECHO_REPLY)
            }
            Icmp::V6 => (Some(packet), v6::ECHO_REPLY),
        };
        let wanted = self.message(kind, 0, sequence);
        message
            .and_then(|message| message.first_chunk::<8>())
            .is_some_and(|[kind, code, _, _, rest @ ..]| {
                let [wanted_kind, wanted_code, _, _, wanted_rest @ ..] = &wanted;
                (kind, code, rest) == (wanted_kind, wanted_code, wanted_rest)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: u16 = 0x1234;

    #[test]
    fn an_ipv4_request_has_a_checksum_of_its_own() {
        let echo = Echo::new("198.51.100.2".parse().unwrap(), ID);
        let request = echo.request(7);
        assert_eq!((request[0], &request[4..]), (8, &[0x12, 0x34, 0, 7][..]));
        assert!(Sum::new().bytes(&request).is_intact());
    }

    #[test]
    fn only_the_reply_to_the_last_request_of_ours_counts() {
        let echo = Echo::new("2001:db8::2".parse().unwrap(), ID);
        let reply = [129, 0, 0xab, 0xcd, 0x12, 0x34, 0, 7];
        assert!(echo.is_reply(&reply, 7));
        assert!(!echo.is_reply(&reply, 8));
        assert!(!echo.is_reply(&echo.request(7), 7));
        assert!(!echo.is_reply(&reply[..7], 7));
        let other = Echo::new("2001:db8::2".parse().unwrap(), ID + 1);
        assert!(!other.is_reply(&reply, 7));
    }

    #[test]
    fn an_ipv4_reply_is_found_behind_its_header() {
        let echo = Echo::new("198.51.100.2".parse().unwrap(), ID);
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 1, 0, 0];
        packet.extend([198, 51, 100, 2, 198, 51, 100, 1]);
        let checksum = Sum::new().bytes(&packet).checksum().to_be_bytes();
        packet[10..12].copy_from_slice(&checksum);
        packet.extend([0, 0, 0xab, 0xcd, 0x12, 0x34, 0, 7]);
        assert!(echo.is_reply(&packet, 7));
        assert!(!echo.is_reply(&packet[20..], 7));
    }
}
