//! ARP and Neighbor Discovery: what is read, and what we ask, answer and announce; sections cited.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod naive;

use std::net::IpAddr;

use naive::{framed, ip, sealed};
use types::net::solicited_node;
use types::{DropReason, MacAddr};
use wire::ndp::{AdvertisementFlags, Message};
use wire::packet::{Frame, IpPacket, Payload, parse};
use wire::{arp, build, ndp};

fn v6(last: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])
}

fn parse_ip(frame: &[u8]) -> Result<IpPacket, DropReason> {
    match parse(frame)? {
        Frame::Ip(packet) => Ok(packet),
        Frame::Arp(packet) => panic!("{packet:?}"),
    }
}

/// Neighbor Discovery from `src` to `dst` with everything else right.
fn ndp_frame(src: IpAddr, dst: IpAddr, hop_limit: u8, mut message: Vec<u8>) -> Vec<u8> {
    let sum = sealed(src, dst, 58, &message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    framed(&ip(src, dst, 58, hop_limit, 0, &message))
}

fn solicitation(target: IpAddr, options: &[u8]) -> Vec<u8> {
    let IpAddr::V6(target) = target else { panic!() };
    [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.octets(), options].concat()
}

fn advertisement(flags: u8, options: &[u8]) -> Vec<u8> {
    let IpAddr::V6(target) = v6(1) else { panic!() };
    [
        &[136, 0, 0, 0, flags, 0, 0, 0][..],
        &target.octets(),
        options,
    ]
    .concat()
}

/// RFC 4861 §7.1.1 and §7.1.2, check by check.
#[test]
fn neighbour_discovery_is_read_only_when_valid() {
    let IpAddr::V6(target) = v6(2) else { panic!() };
    let group = IpAddr::V6(solicited_node(target));
    let option = [1, 1, 2, 0, 0, 0, 0, 7];
    let message = |frame: Vec<u8>| parse_ip(&frame).map(|packet| packet.payload);
    let asked = |source_mac| {
        Ok(Payload::Ndp(Message::NeighborSolicitation {
            target,
            source_mac,
        }))
    };
    let mac = MacAddr([2, 0, 0, 0, 0, 7]);
    let nobody = IpAddr::from([0_u16; 8]);
    let malformed = Err(DropReason::Malformed);

    let ask = |src, dst, hop_limit, options: &[u8]| {
        message(ndp_frame(src, dst, hop_limit, solicitation(v6(2), options)))
    };
    assert_eq!(ask(v6(1), group, 255, &option), asked(Some(mac)));
    assert_eq!(ask(v6(1), v6(2), 255, &[]), asked(None));
    let unknown_first = [&[14, 1, 0, 0, 0, 0, 0, 0], &option[..]].concat();
    assert_eq!(ask(v6(1), group, 255, &unknown_first), asked(Some(mac)));
    assert_eq!(ask(v6(1), group, 254, &option), malformed);
    assert_eq!(ask(v6(1), group, 255, &[1, 0, 2, 0, 0, 0, 0, 7]), malformed);
    assert_eq!(ask(v6(1), group, 255, &[1, 2, 2, 0, 0, 0, 0, 7]), malformed);
    assert_eq!(ask(nobody, group, 255, &[]), asked(None));
    assert_eq!(ask(nobody, group, 255, &option), malformed);
    assert_eq!(ask(nobody, v6(2), 255, &[]), malformed);
    let to_group = solicitation(IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 1_u16]), &[]);
    assert_eq!(message(ndp_frame(v6(1), v6(2), 255, to_group)), malformed);
    let mut with_code = solicitation(v6(2), &[]);
    with_code[1] = 1;
    assert_eq!(message(ndp_frame(v6(1), v6(2), 255, with_code)), malformed);
    let mut damaged = ndp_frame(v6(1), group, 255, solicitation(v6(2), &option));
    damaged[60] ^= 1;
    assert!(message(damaged).is_err());

    let everybody = IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 1_u16]);
    let option = [2, 1, 2, 0, 0, 0, 0, 7];
    let told = message(ndp_frame(
        v6(1),
        everybody,
        255,
        advertisement(0xa0, &option),
    ));
    let IpAddr::V6(target) = v6(1) else { panic!() };
    let flags = AdvertisementFlags {
        router: true,
        solicited: false,
        overrides: true,
    };
    let expected = Message::NeighborAdvertisement {
        target,
        target_mac: Some(mac),
        flags,
    };
    assert_eq!(told, Ok(Payload::Ndp(expected)));
    let solicited = ndp_frame(v6(1), everybody, 255, advertisement(0x40, &option));
    assert_eq!(message(solicited), malformed);
}

/// What we ask and announce is what a stack following the RFCs reads.
#[test]
fn our_own_neighbour_messages_are_valid() {
    let mac = MacAddr([0, 0, 0x5e, 0, 2, 10]);
    let (IpAddr::V6(ours), IpAddr::V6(theirs)) = (v6(1), v6(2)) else {
        panic!()
    };
    let owner = ndp::Station { mac, ip: ours };
    let asker = ndp::Station {
        mac: MacAddr([2, 0, 0, 0, 0, 9]),
        ip: theirs,
    };
    let mut frame = Vec::new();
    let read = |frame: &[u8]| {
        naive::assert_intact(frame);
        let packet = parse_ip(frame).unwrap();
        assert_eq!((packet.src_mac, packet.src, packet.ttl), (mac, v6(1), 255));
        let Payload::Ndp(message) = packet.payload else {
            panic!("{:?}", packet.payload)
        };
        (packet.dst_mac, packet.dst, message)
    };
    let advertised = |solicited| Message::NeighborAdvertisement {
        target: ours,
        target_mac: Some(mac),
        flags: AdvertisementFlags {
            router: true,
            solicited,
            overrides: true,
        },
    };

    build::unsolicited_na(&mut frame, owner);
    let all_nodes = IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 1_u16]);
    let all_nodes_mac = MacAddr([0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(read(&frame), (all_nodes_mac, all_nodes, advertised(false)));
    build::neighbor_advertisement(&mut frame, owner, asker);
    assert_eq!(read(&frame), (asker.mac, v6(2), advertised(true)));

    let question = Message::NeighborSolicitation {
        target: theirs,
        source_mac: Some(mac),
    };
    build::neighbor_solicitation(&mut frame, owner, theirs);
    let group = solicited_node(theirs);
    assert_eq!(
        read(&frame),
        (MacAddr::multicast_v6(group), IpAddr::V6(group), question)
    );
    build::neighbor_solicitation_to(&mut frame, owner, asker);
    assert_eq!(read(&frame), (asker.mac, v6(2), question));

    let nobody = ndp::Station {
        mac,
        ip: [0_u16; 8].into(),
    };
    build::neighbor_solicitation(&mut frame, nobody, theirs);
    naive::assert_intact(&frame);
    let probe = Message::NeighborSolicitation {
        target: theirs,
        source_mac: None,
    };
    assert_eq!(parse_ip(&frame).unwrap().payload, Payload::Ndp(probe));
}

/// RFC 9568 §8.1.2 and §6.4.1 with its errata: every field that a switch or host looks at.
#[test]
fn arp_frames_are_as_the_rfcs_lay_them_out() {
    let mac = MacAddr([0, 0, 0x5e, 0, 1, 10]);
    let owner = arp::Station {
        mac,
        ip: [192, 0, 2, 1].into(),
    };
    let other = arp::Station {
        mac: MacAddr([2, 0, 0, 0, 0, 9]),
        ip: [192, 0, 2, 9].into(),
    };
    let ours = [0, 0, 0x5e, 0, 1, 10, 192, 0, 2, 1];
    let fixed = |operation| [8, 6, 0, 1, 8, 0, 6, 4, 0, operation];
    let mut frame = Vec::new();

    build::gratuitous_arp(&mut frame, owner);
    let expected = [&[0xff; 6], &mac.0[..], &fixed(1), &ours, &ours].concat();
    assert_eq!(frame, expected);
    let Ok(Frame::Arp(packet)) = parse(&frame) else {
        panic!()
    };
    assert!(packet.is_gratuitous());

    build::arp_reply(&mut frame, owner, other);
    let asker = [2, 0, 0, 0, 0, 9, 192, 0, 2, 9];
    assert_eq!(
        frame,
        [&asker[..6], &mac.0, &fixed(2), &ours, &asker].concat()
    );
    let wanted = [0, 0, 0, 0, 0, 0, 192, 0, 2, 9];
    build::arp_request(&mut frame, owner, other.ip);
    assert_eq!(
        frame,
        [&[0xff; 6], &mac.0[..], &fixed(1), &ours, &wanted].concat()
    );
    build::arp_request_to(&mut frame, owner, other);
    assert_eq!(
        frame,
        [&asker[..6], &mac.0, &fixed(1), &ours, &wanted].concat()
    );
}
