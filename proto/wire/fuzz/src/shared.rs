//! What the fuzz targets share: chosen bytes become a frame whose checksums are right, since a
//! fuzzer seldom guesses those, and a check from scratch of what was rewritten.

use std::net::IpAddr;

use types::Endpoint;

/// Takes `N` bytes from the front of the input.
pub fn take<const N: usize>(data: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = data.split_first_chunk()?;
    *data = rest;
    Some(*first)
}

/// An endpoint of the family.
pub fn endpoint(data: &mut &[u8], like: IpAddr) -> Option<Endpoint> {
    let ip = match like {
        IpAddr::V4(_) => IpAddr::from(take::<4>(data)?),
        IpAddr::V6(_) => IpAddr::from(take::<16>(data)?),
    };
    Some(Endpoint::new(ip, u16::from_be_bytes(take(data)?)))
}

/// The Internet checksum, pair by pair.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) * 256 + u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// Makes an IPv4 header's checksum right, if there is a header.
pub fn repair_ipv4(frame: &mut [u8]) {
    let Some(packet) = frame.get_mut(14..) else {
        return;
    };
    let Some(first) = packet.first().filter(|first| **first >> 4 == 4) else {
        return;
    };
    let length = usize::from(*first & 0x0f) * 4;
    if let Some(header) = packet.get_mut(..length).filter(|header| header.len() >= 20) {
        header[10..12].fill(0);
        let sum = checksum(header).to_be_bytes();
        header[10..12].copy_from_slice(&sum);
    }
}

/// The IPv4 or IPv6 header's checksum and, with `protocol`'s pseudo-header, the message's sum; both
/// are zero when right.
pub fn sums(src: IpAddr, dst: IpAddr, protocol: u8, message: &[u8]) -> u16 {
    let length = u32::try_from(message.len()).unwrap_or(0).to_be_bytes();
    let pseudo = match (src, dst) {
        (IpAddr::V4(_), IpAddr::V4(_)) if protocol == 1 => Vec::new(),
        (IpAddr::V4(src), IpAddr::V4(dst)) => [
            &src.octets()[..],
            &dst.octets(),
            &[0, protocol],
            &length[2..],
        ]
        .concat(),
        (IpAddr::V6(src), IpAddr::V6(dst)) => [
            &src.octets()[..],
            &dst.octets(),
            &length,
            &[0, 0, 0, protocol],
        ]
        .concat(),
        _ => panic!("two families in one packet"),
    };
    checksum(&[&pseudo[..], message].concat())
}
