//! Large frames on their way out: the kernel cuts them and computes each segment's checksum from the
//! pseudo-header's sum, which must stand in the checksum field.

use std::net::IpAddr;

use types::DropReason;
use wire::IpPacket;
use wire::checksum::Sum;

use crate::port::Segments;

/// Writes the sum of the pseudo-header that `packet` leaves with, whatever stood there.
pub(crate) fn seed_checksum(
    frame: &mut [u8],
    packet: &IpPacket,
    ends: (IpAddr, IpAddr),
    segments: Segments,
) -> Result<(), DropReason> {
    let length = packet.layout.end.saturating_sub(packet.layout.l4);
    let length = u32::try_from(length).map_err(|_| DropReason::Malformed)?;
    let sum = match ends {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            Sum::new().pseudo_v4((src, dst), packet.protocol, length)
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            Sum::new().pseudo_v6((src, dst), packet.protocol, length)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            return Err(DropReason::Malformed);
        }
    };
    // Where the field stands is the kernel's own word, given with the frame.
    let (start, offset) = segments.checksum_at();
    let field = frame
        .get_mut(start + offset..)
        .and_then(|rest| rest.first_chunk_mut::<2>())
        .ok_or(DropReason::Malformed)?;
    *field = sum.fold().to_be_bytes();
    Ok(())
}
