//! TCP's header (RFC 9293 §3.1).

use core::fmt;

use crate::bytes::{be16, be32, byte};

/// Length of a header without options.
pub const HEADER_LEN: usize = 20;
/// Where the checksum stands.
pub(crate) const CHECKSUM: usize = 16;

/// The control bits, as the header's fourteenth byte has them.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// The sender has nothing more to send.
    pub const FIN: Self = Self(0x01);
    /// The sequence number opens a connection.
    pub const SYN: Self = Self(0x02);
    /// The connection is reset.
    pub const RST: Self = Self(0x04);
    /// Data shall be pushed to the receiver.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment number counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `flags` are set.
    #[inline]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// FIN is set.
    #[inline]
    pub const fn fin(self) -> bool {
        self.has(Self::FIN)
    }

    /// SYN is set.
    #[inline]
    pub const fn syn(self) -> bool {
        self.has(Self::SYN)
    }

    /// RST is set.
    #[inline]
    pub const fn rst(self) -> bool {
        self.has(Self::RST)
    }

    /// ACK is set.
    #[inline]
    pub const fn ack(self) -> bool {
        self.has(Self::ACK)
    }
}

/// Shown as letters, such as `SA` for SYN and ACK; `.` for none.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Self(self.0 & 0x3f);
        if shown == Self::default() {
            return f.pad(".");
        }
        let letters = [
            (Self::FIN, "F"),
            (Self::SYN, "S"),
            (Self::RST, "R"),
            (Self::PSH, "P"),
            (Self::ACK, "A"),
            (Self::URG, "U"),
        ];
        for (flag, letter) in letters {
            if self.has(flag) {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpFlags({self})")
    }
}

/// The fixed part of a header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Header length with options, in bytes: 20 to 60.
    pub header_len: usize,
    /// Control bits.
    pub flags: TcpFlags,
}

impl Header {
    /// Reads a segment's header; `None` when header or options are cut off or the data offset is
    /// below five words.
    #[inline]
    pub fn parse(segment: &[u8]) -> Option<Self> {
        let header = segment.first_chunk::<HEADER_LEN>()?;
        let header_len = usize::from(byte(header, 12)? >> 4) * 4;
        if header_len < HEADER_LEN || header_len > segment.len() {
            return None;
        }
        Some(Self {
            src_port: be16(header, 0)?,
            dst_port: be16(header, 2)?,
            seq: be32(header, 4)?,
            ack: be32(header, 8)?,
            header_len,
            flags: TcpFlags(byte(header, 13)?),
        })
    }
}

/// Where the value of the maximum segment size option stands, counted from the header's first byte.
///
/// `None` without the option, or when the options contradict themselves before it comes.
pub fn mss_offset(header: &[u8]) -> Option<usize> {
    let mut at = HEADER_LEN;
    loop {
        match byte(header, at)? {
            0 => return None,
            1 => at += 1,
            kind => {
                let length = usize::from(byte(header, at + 1)?);
                if length < 2 {
                    return None;
                }
                if kind == 2 {
                    return (length == 4 && header.len() >= at + 4).then_some(at + 2);
                }
                at += length;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_offset_below_five_or_beyond_the_segment_is_refused() {
        let mut segment = [0; 24];
        for (offset, good) in [(0x40, false), (0x50, true), (0x60, true), (0x70, false)] {
            segment[12] = offset;
            assert_eq!(Header::parse(&segment).is_some(), good, "{offset:#x}");
        }
    }

    #[test]
    fn the_mss_option_is_found_behind_padding_and_broken_options_end_the_search() {
        let find = |options: &[u8]| {
            let mut header = vec![0; HEADER_LEN];
            header.extend_from_slice(options);
            mss_offset(&header)
        };
        assert_eq!(find(&[2, 4, 5, 0xb4]), Some(22));
        assert_eq!(find(&[1, 2, 4, 5, 0xb4, 0, 0, 0]), Some(23));
        assert_eq!(find(&[3, 3, 7, 2, 4, 5, 0xb4, 0]), Some(25));
        for none in [
            &[][..],
            &[0, 2, 4, 5],
            &[2, 3, 5, 0],
            &[3, 0, 2, 4],
            &[2, 4, 5],
            &[3, 1],
        ] {
            assert_eq!(find(none), None, "{none:?}");
        }
    }
}
