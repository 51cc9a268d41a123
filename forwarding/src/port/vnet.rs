//! The kernel's offload header (`struct virtio_net_hdr`), which `PACKET_VNET_HDR` puts before each
//! frame in both directions.
//!
//! Neighbours on veth or behind a card with GRO hand over frames far larger than the MTU, and frames
//! whose checksum nobody has computed yet. The header says which, and lets us pass a large frame on
//! as it came: the kernel cuts it where the egress device needs it. Fields are in host order.

use super::Offload;

/// Flag: the checksum field covers the pseudo-header only.
const NEEDS_CSUM: u8 = 1;
/// No segmentation.
const GSO_NONE: u8 = 0;

/// The ten bytes before a frame.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct VnetHeader {
    flags: u8,
    gso_type: u8,
    header_len: u16,
    segment_size: u16,
    checksum_start: u16,
    checksum_offset: u16,
}

/// How the kernel cuts a large frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segments(VnetHeader);

impl Segments {
    /// Payload bytes of each segment but the last.
    pub const fn size(self) -> u16 {
        self.0.segment_size
    }

    /// Where the transport header starts, and where in it the checksum stands.
    pub const fn checksum_at(self) -> (usize, usize) {
        (
            self.0.checksum_start as usize,
            self.0.checksum_offset as usize,
        )
    }

    /// Segments of `size` bytes with the TCP header at `checksum_start`, as a kernel would say it.
    #[cfg(test)]
    pub(crate) const fn tcp_v4(size: u16, checksum_start: u16, header_len: u16) -> Self {
        Self(VnetHeader {
            flags: NEEDS_CSUM,
            gso_type: 1,
            header_len,
            segment_size: size,
            checksum_start,
            checksum_offset: 16,
        })
    }
}

impl VnetHeader {
    /// Length on the socket.
    pub const LEN: usize = 10;

    /// Reads what the kernel put before a frame.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [flags, gso_type, a, b, c, d, e, f, g, h] = bytes;
        Self {
            flags,
            gso_type,
            header_len: u16::from_ne_bytes([a, b]),
            segment_size: u16::from_ne_bytes([c, d]),
            checksum_start: u16::from_ne_bytes([e, f]),
            checksum_offset: u16::from_ne_bytes([g, h]),
        }
    }

    /// What goes before a frame to the kernel.
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [a, b] = self.header_len.to_ne_bytes();
        let [c, d] = self.segment_size.to_ne_bytes();
        let [e, f] = self.checksum_start.to_ne_bytes();
        let [g, h] = self.checksum_offset.to_ne_bytes();
        [self.flags, self.gso_type, a, b, c, d, e, f, g, h]
    }

    /// What the pipeline must know of it.
    pub const fn offload(self) -> Offload {
        if self.gso_type != GSO_NONE && self.segment_size != 0 {
            Offload::Segments(Segments(self))
        } else if self.flags & NEEDS_CSUM != 0 {
            Offload::ChecksumMissing
        } else {
            Offload::None
        }
    }

    /// The header for a frame that leaves: only large frames leave the kernel something to do.
    pub const fn for_transmit(offload: Offload) -> Self {
        match offload {
            Offload::None | Offload::ChecksumMissing => Self {
                flags: 0,
                gso_type: GSO_NONE,
                header_len: 0,
                segment_size: 0,
                checksum_start: 0,
                checksum_offset: 0,
            },
            Offload::Segments(Segments(header)) => Self {
                flags: NEEDS_CSUM,
                ..header
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_round_trips_and_names_the_offload() {
        let plain = VnetHeader::default();
        assert_eq!(VnetHeader::from_bytes(plain.to_bytes()), plain);
        assert_eq!(plain.offload(), Offload::None);

        let partial = VnetHeader {
            flags: NEEDS_CSUM,
            checksum_start: 34,
            checksum_offset: 6,
            ..plain
        };
        assert_eq!(VnetHeader::from_bytes(partial.to_bytes()), partial);
        assert_eq!(partial.offload(), Offload::ChecksumMissing);

        let large = Offload::Segments(Segments::tcp_v4(1448, 34, 66));
        let sent = VnetHeader::for_transmit(large);
        assert_eq!(VnetHeader::from_bytes(sent.to_bytes()).offload(), large);
    }
}
