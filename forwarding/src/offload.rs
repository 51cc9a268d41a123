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

#[cfg(test)]
mod tests {
    use wire::packet::{Frame, parse};

    use super::*;
    use crate::port::{Offload, VnetHeader};

    /// A TCP segment without data from 192.0.2.9; its checksum field says nothing.
    const FRAME: [u8; 54] = [
        0, 0, 0x5e, 0, 1, 10, 2, 0, 0, 0, 1, 9, 8, 0, // Ethernet
        0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0x4e, 0x8a, 192, 0, 2, 9, 198, 51, 100,
        9, // IPv4
        0x9c, 0x40, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0xee, 0xee, 0,
        0, // TCP
    ];

    #[test]
    fn the_checksum_field_holds_the_sum_of_the_pseudo_header_that_leaves() {
        let mut frame = FRAME;
        let Ok(Frame::Ip(packet)) = parse(&frame) else {
            panic!("{:?}", parse(&frame));
        };
        let [size, start, offset] = [1448_u16, 34, 16].map(u16::to_ne_bytes);
        let header = [
            1, 1, 66, 0, size[0], size[1], start[0], start[1], offset[0], offset[1],
        ];
        let Offload::Segments(segments) = VnetHeader::from_bytes(header).offload() else {
            panic!("no segments");
        };
        let ends = ([203, 0, 113, 1].into(), [198, 51, 100, 9].into());
        seed_checksum(&mut frame, &packet, ends, segments).unwrap();
        // cb00 + 7101 + c633 + 6409 + 0006 + 0014 = 2_6657, folded.
        assert_eq!(frame[50..52], [0x66, 0x59]);
    }
}
