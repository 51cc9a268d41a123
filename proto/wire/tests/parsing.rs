//! Which frames are read as what, and what the others end for: tables, sections cited.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails loudly"
)]

mod naive;

use std::net::IpAddr;

use naive::{error_frame, framed, ip, sealed};
use types::DropReason;
use wire::icmp;
use wire::packet::{Fragment, Frame, IpPacket, Payload, parse};

fn v4(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn v6(last: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])
}

fn parse_ip(frame: &[u8]) -> Result<IpPacket, DropReason> {
    match parse(frame)? {
        Frame::Ip(packet) => Ok(packet),
        Frame::Arp(packet) => panic!("{packet:?}"),
    }
}

/// An IPv4 frame with the flags and offset word of its header set to `word`.
fn fragment_v4(protocol: u8, word: u16, message: &[u8]) -> Vec<u8> {
    let mut packet = ip(v4(1), v4(2), protocol, 64, 0, message);
    packet[6..8].copy_from_slice(&word.to_be_bytes());
    packet[10..12].fill(0);
    let sum = naive::checksum(&packet[..20]).to_be_bytes();
    packet[10..12].copy_from_slice(&sum);
    framed(&packet)
}

/// An IPv6 frame with a fragment header: `word` is its offset and M flag.
fn fragment_v6(protocol: u8, word: u16, message: &[u8]) -> Vec<u8> {
    let [high, low] = word.to_be_bytes();
    let header = [protocol, 0, high, low, 0, 0, 0, 9];
    framed(&ip(
        v6(1),
        v6(2),
        44,
        64,
        0,
        &[&header[..], message].concat(),
    ))
}

const UDP: [u8; 16] = [0x10, 0, 0, 53, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
const TCP_START: [u8; 24] = [
    0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0x50, 0x02, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9,
];

#[test]
fn ether_types_other_than_ip_and_arp_are_unknown() {
    for other in [0x8100_u16, 0x88cc, 0x0026, 0x0801] {
        let mut frame = framed(&ip(v4(1), v4(2), 17, 64, 0, &UDP));
        frame[12..14].copy_from_slice(&other.to_be_bytes());
        assert_eq!(parse(&frame), Err(DropReason::UnknownEtherType));
    }
    assert_eq!(parse(&[0; 13]), Err(DropReason::Malformed));
}

#[test]
fn a_first_fragment_has_a_key_and_later_ones_their_datagrams_id() {
    let long_udp = [&[0x10, 0, 0, 53, 2, 0, 0, 0][..], &[7; 16]].concat();
    let first = parse_ip(&fragment_v4(17, 0x2000, &long_udp)).unwrap();
    assert_eq!(
        first.fragment,
        Some(Fragment {
            id: 0x1234,
            offset: 0,
            more: true
        })
    );
    assert_eq!(first.flow_key().unwrap().dst.port, 53);
    assert!(!first.is_later_fragment());
    let later = parse_ip(&fragment_v4(17, 0x2003, &[7; 16])).unwrap();
    assert_eq!(
        later.fragment,
        Some(Fragment {
            id: 0x1234,
            offset: 24,
            more: true
        })
    );
    assert_eq!(
        (later.payload, later.flow_key()),
        (Payload::LaterFragment, None)
    );
    let last = parse_ip(&fragment_v4(6, 0x0005, &[7; 3])).unwrap();
    assert_eq!(
        last.fragment,
        Some(Fragment {
            id: 0x1234,
            offset: 40,
            more: false
        })
    );
    assert!(last.is_later_fragment());

    let first = parse_ip(&fragment_v6(17, 1, &long_udp)).unwrap();
    assert_eq!(
        first.fragment,
        Some(Fragment {
            id: 9,
            offset: 0,
            more: true
        })
    );
    assert_eq!(first.flow_key().unwrap().dst.port, 53);
    let later = parse_ip(&fragment_v6(17, 24, &[7; 3])).unwrap();
    assert_eq!(
        later.fragment,
        Some(Fragment {
            id: 9,
            offset: 24,
            more: false
        })
    );
    assert_eq!(later.payload, Payload::LaterFragment);
}

/// RFC 6946: an atomic fragment is a datagram with a needless header.
#[test]
fn an_atomic_fragment_is_no_fragment() {
    let packet = parse_ip(&fragment_v6(17, 0, &UDP)).unwrap();
    assert_eq!(packet.fragment, None);
    assert_eq!(packet.flow_key().unwrap().dst.port, 53);
    assert_eq!(packet.layout.l4, 62);
}

/// RFC 1858, RFC 3128, RFC 7112, and datagrams that would not fit when put together.
#[test]
fn fragments_that_hide_headers_or_reach_too_far_are_malformed() {
    let cases = [
        (
            "half a TCP header",
            fragment_v4(6, 0x2000, &TCP_START[..16]),
        ),
        (
            "TCP flags overwritten",
            fragment_v4(6, 0x0001, &TCP_START[..16]),
        ),
        ("half a UDP header", fragment_v6(17, 1, &[])),
        (
            "an uneven length before the end",
            fragment_v4(17, 0x2000, &UDP[..15]),
        ),
        (
            "an uneven length before the end",
            fragment_v6(17, 9, &UDP[..15]),
        ),
        ("beyond 65535 bytes", fragment_v4(17, 0x1fff, &[0; 8])),
        ("nothing", fragment_v4(17, 0x0002, &[])),
    ];
    for (what, frame) in cases {
        assert_eq!(parse(&frame), Err(DropReason::Malformed), "{what}");
    }
    assert!(parse(&fragment_v4(17, 0x1fff, &[0; 7])).is_ok());
    assert!(parse(&fragment_v4(17, 0x0001, &UDP)).is_ok());
}

#[test]
fn a_udp_length_may_be_shorter_than_its_packet_but_not_longer() {
    let with_length = |length| {
        let mut message = UDP;
        message[5] = length;
        parse_ip(&framed(&ip(v4(1), v4(2), 17, 64, 0, &message))).map(|packet| packet.payload)
    };
    let payload = |payload_len| {
        Ok(Payload::Udp {
            src_port: 0x1000,
            dst_port: 53,
            payload_len,
        })
    };
    assert_eq!(with_length(16), payload(8));
    assert_eq!(with_length(9), payload(1));
    assert_eq!(with_length(17), Err(DropReason::Malformed));
    assert_eq!(with_length(7), Err(DropReason::Malformed));
}

#[test]
fn protocols_are_those_of_their_family() {
    let payload = |src, dst, protocol, message: &[u8]| {
        parse_ip(&framed(&ip(src, dst, protocol, 64, 0, message))).map(|packet| packet.payload)
    };
    let echo = [8, 0, 0, 0, 0, 9, 0, 1];
    assert_eq!(
        payload(v4(1), v4(2), 1, &echo),
        Ok(Payload::Echo {
            request: true,
            id: 9
        })
    );
    assert_eq!(payload(v6(1), v6(2), 1, &echo), Ok(Payload::Other));
    assert_eq!(payload(v4(1), v4(2), 58, &echo), Ok(Payload::Other));
    assert_eq!(payload(v4(1), v4(2), 112, &[]), Ok(Payload::Vrrp));
    assert_eq!(payload(v4(1), v4(2), 47, &[]), Ok(Payload::Other));
    assert_eq!(payload(v6(1), v6(2), 59, &[]), Ok(Payload::Other));
    // Timestamp, redirect, source quench, an echo with a code: nothing that sessions carry.
    for message in [[13, 0], [5, 1], [4, 0], [8, 1]] {
        let message = [&message[..], &[0; 18]].concat();
        assert_eq!(payload(v4(1), v4(2), 1, &message), Ok(Payload::OtherIcmp));
    }
    assert_eq!(
        payload(v4(1), v4(2), 1, &[8, 0, 0, 0, 0, 9, 0]),
        Err(DropReason::Malformed)
    );
    // Multicast listener reports, router advertisements and redirects are not ours to read.
    for kind in [143, 134, 137] {
        assert_eq!(
            payload(v6(1), v6(2), 58, &[kind, 0, 0, 0, 0, 0, 0, 0]),
            Ok(Payload::OtherIcmp)
        );
    }
}

#[test]
fn errors_are_read_with_what_they_are_about() {
    let about = |packet: &[u8], kind: u8, code: u8, rest: [u8; 4]| {
        let (src, dst, protocol) = if packet[0] >> 4 == 4 {
            (v4(9), v4(1), 1)
        } else {
            (v6(9), v6(1), 58)
        };
        let mut message = [&[kind, code, 0, 0][..], &rest, packet].concat();
        let sum = sealed(src, dst, protocol, &message).to_be_bytes();
        message[2..4].copy_from_slice(&sum);
        match parse_ip(&framed(&ip(src, dst, protocol, 60, 0, &message)))
            .unwrap()
            .payload
        {
            Payload::IcmpError(error) => (error.kind, error.embedded.key.dst.port),
            other => panic!("{other:?}"),
        }
    };
    let four = ip(v4(1), v4(2), 17, 64, 2, &UDP);
    let six = ip(v6(1), v6(2), 17, 64, 2, &UDP);
    let too_big = |mtu| icmp::ErrorKind::TooBig { mtu };
    assert_eq!(about(&four, 3, 4, [0, 0, 5, 0]), (too_big(1280), 53));
    assert_eq!(about(&six, 2, 0, [0, 1, 0, 0]), (too_big(65_536), 53));
    assert_eq!(
        about(&four, 3, 13, [0; 4]),
        (icmp::ErrorKind::Unreachable { code: 13 }, 53)
    );
    assert_eq!(
        about(&six, 1, 4, [0; 4]),
        (icmp::ErrorKind::Unreachable { code: 4 }, 53)
    );
    assert_eq!(
        about(&six, 3, 1, [0; 4]),
        (icmp::ErrorKind::TimeExceeded { code: 1 }, 53)
    );
    assert_eq!(
        about(&four, 12, 0, [0; 4]),
        (icmp::ErrorKind::ParameterProblem { code: 0 }, 53)
    );
}

/// RFC 5508 REQ-3: translating a damaged error would hide the damage.
#[test]
fn an_error_with_a_wrong_checksum_is_dropped() {
    for quoted in [
        ip(v4(1), v4(2), 17, 64, 0, &UDP),
        ip(v6(1), v6(2), 17, 64, 0, &UDP),
    ] {
        let reporter = if quoted[0] >> 4 == 4 { v4(9) } else { v6(9) };
        let dst = if quoted[0] >> 4 == 4 { v4(1) } else { v6(1) };
        let mut frame = error_frame(reporter, dst, &quoted);
        assert!(matches!(
            parse_ip(&frame).unwrap().payload,
            Payload::IcmpError(_)
        ));
        *frame.last_mut().unwrap() ^= 1;
        assert_eq!(parse(&frame), Err(DropReason::BadChecksum));
    }
}

#[test]
fn errors_about_packets_without_a_flow_belong_to_no_session() {
    let mut later = ip(v4(1), v4(2), 17, 64, 0, &UDP);
    later[7] = 3;
    let gre = ip(v4(1), v4(2), 47, 64, 0, &[0; 8]);
    let error = ip(v4(1), v4(2), 1, 64, 0, &[3, 1, 0, 0, 0, 0, 0, 0]);
    for quoted in [later, gre, error] {
        let payload = parse_ip(&error_frame(v4(9), v4(1), &quoted))
            .unwrap()
            .payload;
        assert_eq!(payload, Payload::OtherIcmp);
    }
    // A protocol that we do not read may have less than eight bytes.
    let short = ip(v6(1), v6(2), 59, 64, 0, &[]);
    let payload = parse_ip(&error_frame(v6(9), v6(1), &short))
        .unwrap()
        .payload;
    assert_eq!(payload, Payload::OtherIcmp);
    let cut_off = ip(v4(1), v4(2), 17, 64, 0, &UDP);
    let frame = error_frame(v4(9), v4(1), &cut_off[..27]);
    assert_eq!(parse(&frame), Err(DropReason::Malformed));
}
