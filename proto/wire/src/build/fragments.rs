//! Fragmenting IPv4 for a smaller link (RFC 791 §3.2).

use std::net::IpAddr;

use crate::bytes::{array, be16, put16};
use crate::checksum::Sum;
use crate::ipv4;
use crate::packet::IpPacket;

/// Every link of IPv4 carries this much (RFC 791 §3.2).
const MIN_MTU: u16 = 68;
const MORE_FRAGMENTS: u16 = 0x2000;
/// Options with this bit stand in every fragment, the others in the first alone (RFC 791 §3.1).
const COPIED: u8 = 0x80;

/// Why a packet was not fragmented.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FragmentError {
    /// Its sender forbids it, as IPv6 always does: it is to be told "too big".
    #[error("the packet must not be fragmented")]
    Forbidden,
    /// No room for a header with all options and eight bytes.
    #[error("an MTU of {0} is below IPv4's minimum of 68")]
    MtuTooSmall(u16),
    /// It is not the frame that the packet was parsed from.
    #[error("the frame is shorter than its packet")]
    Frame,
}

/// Cuts an IPv4 packet into fragments that `mtu` carries and gives each, as a whole frame in
/// `scratch`, to `each`; says how many there were. A packet that fits is given as it is.
///
/// A fragment may be cut further. Its transport checksum must be complete, see
/// [`crate::rewrite::complete_l4_checksum`].
pub fn fragments(
    scratch: &mut Vec<u8>,
    frame: &[u8],
    packet: &IpPacket,
    mtu: u16,
    mut each: impl FnMut(&[u8]),
) -> Result<usize, FragmentError> {
    scratch.clear();
    let whole = frame.get(..packet.layout.end).ok_or(FragmentError::Frame)?;
    if packet.ip_len() <= usize::from(mtu) {
        each(whole);
        return Ok(1);
    }
    if packet.dont_fragment || matches!(packet.src, IpAddr::V6(_)) {
        return Err(FragmentError::Forbidden);
    }
    if mtu < MIN_MTU {
        return Err(FragmentError::MtuTooSmall(mtu));
    }
    let mut rest = packet.l4(frame);
    let header = whole.get(..packet.layout.l4).ok_or(FragmentError::Frame)?;
    let mut header = HeaderTemplate::first(header, packet.layout.l3).ok_or(FragmentError::Frame)?;
    let mut count = 0;
    while !rest.is_empty() {
        let (data, following) = rest.split_at(rest.len().min(header.room(mtu)));
        header
            .write(scratch, data, !following.is_empty())
            .ok_or(FragmentError::Frame)?;
        each(scratch);
        header.advance(data.len()).ok_or(FragmentError::Frame)?;
        rest = following;
        count += 1;
    }
    Ok(count)
}

/// Ethernet and IP header of the next fragment, its length and checksum to be filled in.
struct HeaderTemplate {
    /// No header is longer than 14 + 60 bytes.
    bytes: [u8; 74],
    len: usize,
    l3: usize,
    /// Where the next fragment's data belongs, in bytes.
    offset: usize,
    /// The packet was itself a fragment, but not the last.
    more_follow: bool,
}

impl HeaderTemplate {
    fn first(header: &[u8], l3: usize) -> Option<Self> {
        let mut bytes = [0; 74];
        bytes.get_mut(..header.len())?.copy_from_slice(header);
        let flags = be16(header, l3 + 6)?;
        Some(Self {
            bytes,
            len: header.len(),
            l3,
            offset: usize::from(flags & 0x1fff) * 8,
            more_follow: flags & MORE_FRAGMENTS != 0,
        })
    }

    /// How much data fits: a multiple of 8, so that the next offset can say where it goes on.
    fn room(&self, mtu: u16) -> usize {
        usize::from(mtu).saturating_sub(self.len - self.l3) & !7
    }

    fn write(&self, out: &mut Vec<u8>, data: &[u8], more: bool) -> Option<()> {
        out.clear();
        out.extend_from_slice(self.bytes.get(..self.len)?);
        let header = out.get_mut(self.l3..)?;
        put16(header, 2, u16::try_from(header.len() + data.len()).ok()?)?;
        let more = if more || self.more_follow {
            MORE_FRAGMENTS
        } else {
            0
        };
        put16(header, 6, u16::try_from(self.offset / 8).ok()? | more)?;
        put16(header, ipv4::at::CHECKSUM, 0)?;
        let checksum = Sum::new().bytes(header).checksum();
        put16(header, ipv4::at::CHECKSUM, checksum)?;
        out.extend_from_slice(data);
        Some(())
    }

    /// Makes this the header of the fragment behind `length` bytes more; options that only the first
    /// fragment has are gone.
    fn advance(&mut self, length: usize) -> Option<()> {
        self.offset += length;
        let before = self.bytes;
        let options_at = self.l3 + ipv4::HEADER_LEN;
        let mut len = options_at;
        for (kind, option) in ipv4::options(before.get(options_at..self.len)?).map_while(Result::ok)
        {
            if kind & COPIED != 0 {
                self.bytes
                    .get_mut(len..len + option.len())?
                    .copy_from_slice(option);
                len += option.len();
            }
        }
        // "End of options" fills the last word up.
        self.bytes.get_mut(len..)?.fill(0);
        self.len = self.l3 + (len - self.l3).next_multiple_of(4);
        let [first] = array(&self.bytes, self.l3)?;
        let words = u8::try_from((self.len - self.l3) / 4).ok()?;
        *self.bytes.get_mut(self.l3)? = first & 0xf0 | words;
        Some(())
    }
}
