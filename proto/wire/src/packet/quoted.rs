//! The packet inside an ICMP error: cut off, its checksums possibly stale, read leniently.
//!
//! Eight bytes of the transport header suffice (RFC 792); they hold both ports or the identifier.

use std::net::IpAddr;

use types::{DropReason, Endpoint, FlowKey, Protocol};

use super::{Embedded, Layout, echo_ports};
use crate::bytes::{array, be16, byte};
use crate::{icmp, ipv4, ipv6};

/// Reads a quoted IPv4 packet that begins at `l3` of its frame. `None` when it has no flow key:
/// a later fragment, another protocol.
pub(super) fn parse_v4(quotation: &[u8], l3: usize) -> Result<Option<Embedded>, DropReason> {
    let header = ipv4::Header::parse_quoted(quotation).ok_or(DropReason::Malformed)?;
    if header.fragment_offset > 0 {
        return Ok(None);
    }
    // What an extension (RFC 4884) or padding adds lies behind the quoted packet's own length. Some
    // routers quote a length that they have already changed: so it never cuts the ports off.
    let end = header
        .total_len
        .max(header.header_len + 8)
        .min(quotation.len());
    let transport = quotation
        .get(header.header_len..end)
        .ok_or(DropReason::Malformed)?;
    let layout = Layout {
        l3,
        l4: l3 + header.header_len,
        end: l3 + end,
    };
    let ends = (IpAddr::V4(header.src), IpAddr::V4(header.dst));
    embedded(ends, header.protocol, transport, layout)
}

/// Reads a quoted IPv6 packet that begins at `l3` of its frame.
pub(super) fn parse_v6(quotation: &[u8], l3: usize) -> Result<Option<Embedded>, DropReason> {
    let header = ipv6::Header::parse(quotation).ok_or(DropReason::Malformed)?;
    let end = (ipv6::HEADER_LEN + header.payload_len).min(quotation.len());
    let extended = quotation
        .get(ipv6::HEADER_LEN..end)
        .ok_or(DropReason::Malformed)?;
    // A chain that we would not forward, or that the quotation cuts off, belongs to no session.
    let Ok(upper) = ipv6::upper(header.next_header, extended) else {
        return Ok(None);
    };
    if upper.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return Ok(None);
    }
    let transport = extended.get(upper.offset..).ok_or(DropReason::Malformed)?;
    let layout = Layout {
        l3,
        l4: l3 + ipv6::HEADER_LEN + upper.offset,
        end: l3 + end,
    };
    let ends = (IpAddr::V6(header.src), IpAddr::V6(header.dst));
    embedded(ends, upper.protocol, transport, layout)
}

fn embedded(
    (src, dst): (IpAddr, IpAddr),
    protocol: Protocol,
    transport: &[u8],
    layout: Layout,
) -> Result<Option<Embedded>, DropReason> {
    // Other protocols may have fewer bytes than the ports need, and nobody looks at them.
    if !carries_sessions(protocol, src) {
        return Ok(None);
    }
    let first: [u8; 8] = array(transport, 0).ok_or(DropReason::Malformed)?;
    let kind = byte(&first, 0).ok_or(DropReason::Malformed)?;
    let echo_request = match (protocol, src) {
        (Protocol::TCP | Protocol::UDP, _) => None,
        (Protocol::ICMP, IpAddr::V4(_)) if kind == icmp::v4::ECHO_REQUEST => Some(true),
        (Protocol::ICMP, IpAddr::V4(_)) if kind == icmp::v4::ECHO_REPLY => Some(false),
        (Protocol::ICMPV6, IpAddr::V6(_)) if kind == icmp::v6::ECHO_REQUEST => Some(true),
        (Protocol::ICMPV6, IpAddr::V6(_)) if kind == icmp::v6::ECHO_REPLY => Some(false),
        _ => return Ok(None),
    };
    let word = |at| be16(&first, at).ok_or(DropReason::Malformed);
    let (src_port, dst_port) = match echo_request {
        None => (word(0)?, word(2)?),
        Some(request) => echo_ports(request, word(icmp::IDENTIFIER)?),
    };
    let key = FlowKey {
        src: Endpoint::new(src, src_port),
        dst: Endpoint::new(dst, dst_port),
        protocol,
    };
    Ok(Some(Embedded {
        key,
        layout,
        echo_request,
    }))
}

/// Whether packets of this protocol have flow keys in the family.
fn carries_sessions(protocol: Protocol, family: IpAddr) -> bool {
    match protocol {
        Protocol::TCP | Protocol::UDP => true,
        Protocol::ICMP => family.is_ipv4(),
        Protocol::ICMPV6 => family.is_ipv6(),
        _ => false,
    }
}
