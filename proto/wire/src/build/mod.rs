//! Whole frames into a buffer that the caller keeps: it is cleared first, and grows once.

mod arp;
mod echo;
mod fragments;
mod icmp_error;
mod ndp;
mod tcp_reset;
mod vrrp;

use std::net::IpAddr;

use types::{MacAddr, Protocol};

use crate::checksum::pseudo;
use crate::ethernet::{self, EtherType};
use crate::{ipv4, ipv6};

pub use arp::{arp_reply, arp_request, arp_request_to, gratuitous_arp};
pub use echo::echo_reply_in_place;
pub use fragments::{FragmentError, fragments};
pub use icmp_error::{Refusal, icmp_error, icmp_error_allowed};
pub use ndp::{
    neighbor_advertisement, neighbor_solicitation, neighbor_solicitation_to, unsolicited_na,
};
pub use tcp_reset::tcp_reset;
pub use vrrp::{TooManyAddresses, vrrp_advertisement_v4, vrrp_advertisement_v6};

/// TTL of what we originate (RFC 1812 §5.3.1's recommendation for hosts, as everybody uses it).
const TTL: u8 = 64;
/// Internetwork control, for errors and routing alike (RFC 1812 §4.3.2.5).
const TOS_CONTROL: u8 = 0xc0;

/// The headers below a message, of one family.
struct Envelope {
    dst_mac: MacAddr,
    src_mac: MacAddr,
    src: IpAddr,
    dst: IpAddr,
    protocol: Protocol,
    tos: u8,
    ttl: u8,
}

impl Envelope {
    /// Clears `out` and writes Ethernet and IP headers for a message of `length` bytes. `None` when
    /// the addresses are of two families.
    fn write(&self, length: u16, out: &mut Vec<u8>) -> Option<()> {
        out.clear();
        let ethernet = |ether_type| ethernet::Header {
            dst: self.dst_mac,
            src: self.src_mac,
            ether_type,
        };
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                ethernet(EtherType::IPV4).write(out);
                let (tos, ttl, protocol) = (self.tos, self.ttl, self.protocol);
                ipv4::Outgoing {
                    tos,
                    ttl,
                    protocol,
                    src,
                    dst,
                }
                .write(length, out);
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                ethernet(EtherType::IPV6).write(out);
                let (traffic_class, hop_limit) = (self.tos, self.ttl);
                let protocol = self.protocol;
                ipv6::Outgoing {
                    traffic_class,
                    hop_limit,
                    protocol,
                    src,
                    dst,
                }
                .write(length, out);
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
        }
        Some(())
    }

    /// Where the message begins.
    const fn message_at(&self) -> usize {
        ethernet::HEADER_LEN
            + match self.src {
                IpAddr::V4(_) => ipv4::HEADER_LEN,
                IpAddr::V6(_) => ipv6::HEADER_LEN,
            }
    }

    /// Fills in the checksum that stands `at` bytes into the message and is zero as yet.
    fn seal(&self, at: usize, covers: Covers, out: &mut [u8]) -> Option<()> {
        let message = out.get_mut(self.message_at()..)?;
        let start = match covers {
            Covers::Message => crate::checksum::Sum::new(),
            Covers::PseudoHeader => pseudo(self.src, self.dst, self.protocol, message.len())?,
        };
        let checksum = start.bytes(message).checksum();
        crate::bytes::put16(message, at, checksum)
    }
}

/// What a checksum covers.
#[derive(Clone, Copy)]
enum Covers {
    /// The message alone.
    Message,
    /// The pseudo-header too.
    PseudoHeader,
}
