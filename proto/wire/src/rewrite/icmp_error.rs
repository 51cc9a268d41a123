//! Translating an ICMP error: its own addresses, and those of the packet that it quotes.
//!
//! The receiver looks for its connection by the quoted packet, so that must read as it did when the
//! receiver sent it (RFC 5508 §4.2). Its checksums are changed along, as far as they were quoted.

use std::net::IpAddr;

use types::{Endpoint, Protocol};

use super::{RewriteError, complete, network, ports, pseudo_change, update, word};
use crate::checksum::Change;
use crate::packet::{Embedded, IpPacket, Payload};
use crate::{icmp, tcp, udp};

/// Gives an ICMP error new addresses, and the packet that it quotes new endpoints; the error's own
/// checksum is computed from scratch.
///
/// `embedded` are the source and destination that the quotation shall show, for an echo with its
/// identifier where [`super::translate`] takes it.
///
/// # Errors
/// `Payload` when the packet is not an ICMP error about a packet with a flow key.
pub fn translate_icmp_error(
    frame: &mut [u8],
    packet: &IpPacket,
    outer: (IpAddr, IpAddr),
    embedded: (Endpoint, Endpoint),
) -> Result<(), RewriteError> {
    let Payload::IcmpError(error) = packet.payload else {
        return Err(RewriteError::Payload);
    };
    let (src, dst) = embedded;
    let inner = &error.embedded;
    let change = network::addresses(frame, inner.layout.l3, src.ip, dst.ip)?;
    let quoted = frame
        .get_mut(..inner.layout.end)
        .ok_or(RewriteError::Frame)?;
    match inner.echo_request {
        Some(request) => {
            let id = if request { src.port } else { dst.port };
            quoted_echo(quoted, inner, id, change)?;
        }
        None => quoted_ports(quoted, inner, (src.port, dst.port), change)?,
    }
    let (src, dst) = outer;
    network::addresses(frame, packet.layout.l3, src, dst).map(|_| ())?;
    let renewed = IpPacket {
        src,
        dst,
        ..*packet
    };
    complete(frame, &renewed, icmp::CHECKSUM).ok_or(RewriteError::Frame)
}

fn quoted_echo(
    quoted: &mut [u8],
    inner: &Embedded,
    id: u16,
    addresses: Change,
) -> Result<(), RewriteError> {
    let l4 = inner.layout.l4;
    let change = pseudo_change(inner.key.src.ip, addresses);
    let change = word(quoted, l4 + icmp::IDENTIFIER, id, change)?;
    quoted
        .get_mut(l4..)
        .and_then(|message| icmp::change_checksum(message, change))
        .ok_or(RewriteError::Frame)
}

fn quoted_ports(
    quoted: &mut [u8],
    inner: &Embedded,
    (src, dst): (u16, u16),
    addresses: Change,
) -> Result<(), RewriteError> {
    let l4 = inner.layout.l4;
    let change = ports(quoted, l4, src, dst, addresses)?;
    if inner.key.protocol == Protocol::UDP {
        update(quoted, l4 + udp::CHECKSUM, |sum| change.apply_udp(sum))
    } else if quoted.len() >= l4 + tcp::CHECKSUM + 2 {
        update(quoted, l4 + tcp::CHECKSUM, |sum| change.apply(sum))
    } else {
        // Routers that quote the least leave TCP's checksum out.
        Ok(())
    }
}
