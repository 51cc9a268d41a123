//! The frames of the measurement, as they leave the generator and as they must reach the sink.

use std::net::SocketAddrV4;

use types::{MacAddr, Protocol};
use wire::checksum::{Sum, transport};

/// A 64-byte Ethernet frame without its four bytes of frame check sequence.
pub(in crate::bench) const FRAME: usize = 60;

/// What a frame carries: everything beyond Ethernet, IPv4 and UDP headers.
const PAYLOAD: usize = FRAME - 14 - 20 - 8;

/// Where a frame is between two hosts.
#[derive(Clone, Copy, Debug)]
pub(in crate::bench) struct Hop {
    pub(in crate::bench) source_mac: MacAddr,
    pub(in crate::bench) target_mac: MacAddr,
    pub(in crate::bench) source: SocketAddrV4,
    pub(in crate::bench) target: SocketAddrV4,
    pub(in crate::bench) ttl: u8,
}

/// Which of all frames one is; its payload says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::bench) struct Label {
    /// The session.
    pub(in crate::bench) session: u16,
    /// The frame within it.
    pub(in crate::bench) sequence: u64,
}

impl Label {
    /// The payload: session, sequence, and eight bytes that follow from both.
    fn payload(self) -> [u8; PAYLOAD] {
        let mixed =
            (u64::from(self.session) << 48 ^ self.sequence).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut payload = [0; PAYLOAD];
        let bytes = [
            self.session.to_be_bytes().as_slice(),
            &self.sequence.to_be_bytes(),
            &mixed.to_be_bytes(),
        ]
        .concat();
        for (to, from) in payload.iter_mut().zip(bytes) {
            *to = from;
        }
        payload
    }

    /// What a received frame's payload says, without believing the rest of it.
    pub(in crate::bench) fn read(frame: &[u8]) -> Option<Self> {
        let (_, payload) = frame.split_last_chunk::<PAYLOAD>()?;
        let (session, rest) = payload.split_first_chunk()?;
        let sequence = rest.first_chunk()?;
        Some(Self {
            session: u16::from_be_bytes(*session),
            sequence: u64::from_be_bytes(*sequence),
        })
    }
}

/// The whole frame with right checksums.
pub(in crate::bench) fn build(hop: &Hop, label: Label) -> [u8; FRAME] {
    let (source, target) = (*hop.source.ip(), *hop.target.ip());
    let payload = label.payload();
    let length = u16::try_from(PAYLOAD + 8).unwrap_or(0);
    let ports = [
        hop.source.port().to_be_bytes(),
        hop.target.port().to_be_bytes(),
    ]
    .concat();
    let message = |checksum: u16| {
        [
            &ports,
            length.to_be_bytes().as_slice(),
            &checksum.to_be_bytes(),
            &payload,
        ]
        .concat()
    };
    let checksum = transport(source.into(), target.into(), Protocol::UDP, &message(0));
    // UDP spells a computed zero with ones, for zero means "none" (RFC 768).
    let checksum = checksum.filter(|sum| *sum != 0).unwrap_or(0xffff);
    let header = |checksum: u16| {
        let total = (length + 20).to_be_bytes();
        // Version and header length, no service class; no identification, do not fragment.
        let fixed = [
            &[0x45, 0],
            total.as_slice(),
            &[0, 0, 0x40, 0],
            &[hop.ttl, Protocol::UDP.0],
        ];
        [
            &fixed.concat(),
            checksum.to_be_bytes().as_slice(),
            &source.octets(),
            &target.octets(),
        ]
        .concat()
    };
    let frame = [
        &hop.target_mac.0,
        hop.source_mac.0.as_slice(),
        &[0x08, 0x00],
        &header(Sum::new().bytes(&header(0)).checksum()),
        &message(checksum),
    ]
    .concat();
    // All parts have fixed sizes that add up.
    frame.try_into().unwrap_or([0; FRAME])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_parses_with_right_checksums_and_says_which_one_it_is() {
        let hop = Hop {
            source_mac: MacAddr([2, 0, 0, 0, 0, 1]),
            target_mac: MacAddr([2, 0, 0, 0, 0, 2]),
            source: "192.0.2.100:10001".parse().unwrap(),
            target: "203.0.113.10:7".parse().unwrap(),
            ttl: 64,
        };
        let label = Label {
            session: 77,
            sequence: 0x0102_0304_0506_0708,
        };

        let frame = build(&hop, label);

        assert_eq!(Label::read(&frame), Some(label));
        let parsed = wire::packet::parse(&frame);
        assert!(
            matches!(parsed, Ok(wire::packet::Frame::Ip(_))),
            "{parsed:?}"
        );
        let (header, message) = (&frame[14..34], &frame[34..]);
        assert!(Sum::new().bytes(header).is_intact());
        let ends = (*hop.source.ip(), *hop.target.ip());
        let length = u32::try_from(message.len()).unwrap();
        assert!(
            Sum::new()
                .pseudo_v4(ends, Protocol::UDP, length)
                .bytes(message)
                .is_intact()
        );
    }

    #[test]
    fn no_frame_claims_to_have_no_checksum() {
        let target = "203.0.113.10:7".parse().unwrap();
        let label = Label {
            session: 0,
            sequence: 0,
        };
        // Somewhere among all ports the sum comes out as zero.
        for port in 0..=u16::MAX {
            let hop = Hop {
                source_mac: MacAddr::ZERO,
                target_mac: MacAddr::ZERO,
                source: SocketAddrV4::new("203.0.113.1".parse().unwrap(), port),
                target,
                ttl: 63,
            };
            assert_ne!(build(&hop, label)[40..42], [0, 0], "port {port}");
        }
    }
}
