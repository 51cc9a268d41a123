//! UDP's header (RFC 768).

use crate::bytes::be16;

/// Length of the header.
pub const HEADER_LEN: usize = 8;
/// Where the checksum stands.
pub(crate) const CHECKSUM: usize = 6;

/// The header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Length of header and data.
    pub length: u16,
}

impl Header {
    /// Reads a datagram's header; `None` when it is cut off or its length is below the header's.
    #[inline]
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        let header = datagram.first_chunk::<HEADER_LEN>()?;
        let length = be16(header, 4)?;
        (usize::from(length) >= HEADER_LEN).then_some(())?;
        Some(Self {
            src_port: be16(header, 0)?,
            dst_port: be16(header, 2)?,
            length,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_below_the_headers_is_refused() {
        let parse = |length| Header::parse(&[0, 1, 0, 2, 0, length, 0, 0]);
        assert_eq!(parse(7), None);
        assert_eq!(parse(8).map(|header| header.length), Some(8));
        assert_eq!(Header::parse(&[0; 7]), None);
    }
}
