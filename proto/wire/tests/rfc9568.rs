//! VRRP's packets as a specification: RFC 9568 §5.2 and the receive checks of §7.1, in their order.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

mod naive;

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use types::{MacAddr, Vrid};
use wire::packet::{Payload, parse};
use wire::vrrp::{
    Advertisement, Carrier, ChecksumForm, Header, ReceiveError, parse_v2, parse_v4, parse_v6,
};
use wire::{Frame, build};

/// The worked examples of the packet format use these addresses; they go nowhere.
const CARRIER: Carrier<Ipv4Addr> = Carrier {
    src: Ipv4Addr::new(10, 0, 0, 2),
    dst: Ipv4Addr::new(224, 0, 0, 18),
    ttl: 255,
};
const RFC_FORM: [u8; 12] = [0x31, 10, 200, 1, 0, 0x64, 0xfc, 0x8e, 10, 0, 0, 1];
const PSEUDO_FORM: [u8; 12] = [0x31, 10, 200, 1, 0, 0x64, 0x11, 0xfe, 10, 0, 0, 1];

fn header() -> Header {
    Header {
        vrid: Vrid::new(10).unwrap(),
        priority: 200,
        max_advertise_interval: 100,
    }
}

fn receive(ttl: u8, message: &[u8]) -> Result<Advertisement<Ipv4Addr>, ReceiveError> {
    parse_v4(Carrier { ttl, ..CARRIER }, message, |vrid| vrid.get() == 10)
}

/// The IPv6 example: VRID 10, priority 200, from `fe80::2` for `fe80::1` and `2001:db8::1`.
fn v6_example() -> (Carrier<Ipv6Addr>, Vec<u8>) {
    let carrier = Carrier {
        src: "fe80::2".parse().unwrap(),
        dst: "ff02::12".parse().unwrap(),
        ttl: 255,
    };
    let mut message = vec![0x31, 10, 200, 2, 0, 0x64, 0xdc, 0x22];
    for address in ["fe80::1", "2001:db8::1"] {
        message.extend(address.parse::<Ipv6Addr>().unwrap().octets());
    }
    (carrier, message)
}

/// `message` with its checksum in the form of §5.2.8.
fn resealed(mut message: Vec<u8>) -> Vec<u8> {
    message[6..8].fill(0);
    let sum = naive::checksum(&message).to_be_bytes();
    message[6..8].copy_from_slice(&sum);
    message
}

#[test]
fn both_forms_of_the_ipv4_checksum_are_accepted_and_told_apart() {
    for (message, form) in [
        (RFC_FORM, ChecksumForm::Message),
        (PSEUDO_FORM, ChecksumForm::PseudoHeader),
    ] {
        let advertisement = receive(255, &message).unwrap();
        assert_eq!(advertisement.header, header());
        assert_eq!(advertisement.addresses, [Ipv4Addr::new(10, 0, 0, 1)]);
        assert_eq!(advertisement.checksum_form, form);
    }
}

/// A capture of keepalived: VRID 51, priority 100, half a second, 192.0.2.100 from 192.0.2.1.
#[test]
fn keepalived_is_understood() {
    let message = [0x31, 0x33, 100, 1, 0, 50, 0x05, 0xa4, 192, 0, 2, 100];
    let carrier = Carrier {
        src: Ipv4Addr::new(192, 0, 2, 1),
        ..CARRIER
    };
    let advertisement = parse_v4(carrier, &message, |_| true).unwrap();
    assert_eq!(advertisement.header.max_advertise_interval, 50);
    assert_eq!(advertisement.checksum_form, ChecksumForm::PseudoHeader);
}

#[test]
fn the_ipv6_example_is_understood() {
    let (carrier, message) = v6_example();
    let advertisement = parse_v6(carrier, &message, |_| true).unwrap();
    assert_eq!(advertisement.header, header());
    let expected: [Ipv6Addr; 2] = ["fe80::1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    assert_eq!(advertisement.addresses, expected);
}

#[test]
fn version_2_is_recognised_but_not_obeyed() {
    let message = [
        0x21, 10, 200, 1, 0, 1, 0x0c, 0xf2, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(receive(255, &message), Err(ReceiveError::Version(2)));
    let seen = parse_v2(&message).unwrap();
    assert_eq!(
        (seen.vrid.get(), seen.priority, seen.interval_s),
        (10, 200, 1)
    );
    assert_eq!(parse_v2(&message[..19]), None);
    assert_eq!(parse_v2(&RFC_FORM), None);
    let mut damaged = message;
    damaged[2] = 199;
    assert_eq!(parse_v2(&damaged), None);
}

/// Each step repairs one fault of a message that has all of them: the next check must then speak.
#[test]
fn the_receive_checks_come_in_the_rfcs_order() {
    let mut message = vec![0x52, 0, 200, 0, 0xf0, 0, 0xde, 0xad];
    assert_eq!(receive(254, &message), Err(ReceiveError::Ttl(254)));
    assert_eq!(receive(255, &message), Err(ReceiveError::Version(5)));
    message[0] = 0x32;
    assert_eq!(receive(255, &message), Err(ReceiveError::Type(2)));
    message[0] = 0x31;
    let incomplete = ReceiveError::Incomplete {
        expected: 8,
        found: 7,
    };
    assert_eq!(receive(255, &message[..7]), Err(incomplete));
    message[3] = 1;
    let incomplete = ReceiveError::Incomplete {
        expected: 12,
        found: 8,
    };
    assert_eq!(receive(255, &message), Err(incomplete));
    message[3] = 0;
    assert_eq!(receive(255, &message), Err(ReceiveError::Checksum));
    let mut message = resealed(message);
    assert_eq!(receive(255, &message), Err(ReceiveError::Vrid(0)));
    message[1] = 11;
    let mut message = resealed(message);
    assert_eq!(receive(255, &message), Err(ReceiveError::Vrid(11)));
    message[1] = 10;
    let mut message = resealed(message);
    assert_eq!(receive(255, &message), Err(ReceiveError::NoAddress));
    message[3] = 1;
    message.extend([192, 0, 2, 1]);
    let mut message = resealed(message);
    // The four reserved bits above the interval do not count.
    assert_eq!(receive(255, &message), Err(ReceiveError::NoInterval));
    message[5] = 1;
    let message = resealed(message);
    assert_eq!(
        receive(255, &message)
            .unwrap()
            .header
            .max_advertise_interval,
        1
    );
}

#[test]
fn an_ipv6_advertisement_begins_with_a_link_local_address() {
    let (carrier, _) = v6_example();
    let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let mut frame = Vec::new();
    build::vrrp_advertisement_v6(&mut frame, carrier.src, header(), &[global]).unwrap();
    let refused = parse_v6(carrier, &frame[54..], |_| true);
    assert_eq!(refused, Err(ReceiveError::NotLinkLocal(global)));
}

/// §5.1: who sends, to whom, how far.
#[test]
fn an_advertisement_is_a_whole_frame_from_the_virtual_mac() {
    let mut frame = Vec::new();
    let addresses = [Ipv4Addr::new(10, 0, 0, 1)];
    let form = ChecksumForm::default();
    build::vrrp_advertisement_v4(&mut frame, CARRIER.src, header(), &addresses, form).unwrap();
    let ethernet = [1, 0, 0x5e, 0, 0, 0x12, 0, 0, 0x5e, 0, 1, 10, 8, 0];
    let ip = naive::ip(
        CARRIER.src.into(),
        CARRIER.dst.into(),
        112,
        255,
        0,
        &RFC_FORM,
    );
    assert_eq!(frame[..14], ethernet);
    assert_eq!(frame[14..16], [0x45, 0xc0]);
    assert_eq!(frame[22..24], [255, 112]);
    assert_eq!(frame[26..34], ip[12..20]);
    assert_eq!(naive::checksum(&frame[14..34]), 0);
    assert_eq!(frame[34..], RFC_FORM);
    let form = ChecksumForm::PseudoHeader;
    build::vrrp_advertisement_v4(&mut frame, CARRIER.src, header(), &addresses, form).unwrap();
    assert_eq!(frame[34..], PSEUDO_FORM);

    let (carrier, message) = v6_example();
    let addresses = ["fe80::1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    build::vrrp_advertisement_v6(&mut frame, carrier.src, header(), &addresses).unwrap();
    let ethernet = [0x33, 0x33, 0, 0, 0, 0x12, 0, 0, 0x5e, 0, 2, 10, 0x86, 0xdd];
    let ip = naive::ip(
        carrier.src.into(),
        carrier.dst.into(),
        112,
        255,
        0,
        &message,
    );
    assert_eq!(frame[..14], ethernet);
    // Traffic class 0xc0 straddles the first two bytes.
    assert_eq!(frame[14..18], [0x6c, 0, 0, 0]);
    assert_eq!(frame[18..], ip[4..]);
}

#[test]
fn more_addresses_than_the_count_can_say_are_refused() {
    let mut frame = vec![1];
    let addresses = vec![Ipv4Addr::new(10, 0, 0, 1); 256];
    let form = ChecksumForm::Message;
    let refused = build::vrrp_advertisement_v4(&mut frame, CARRIER.src, header(), &addresses, form);
    assert_eq!(refused, Err(build::TooManyAddresses(256)));
    assert!(frame.is_empty());
}

proptest! {
    #[test]
    fn what_is_sent_is_received(
        vrid in 1_u8.., priority: u8, interval in 1_u16..=4095, src: [u8; 4],
        addresses in vec(any::<[u8; 4]>(), 1..=255), pseudo: bool, padding in 0_usize..8,
    ) {
        let vrid = Vrid::new(vrid).unwrap();
        let header = Header { vrid, priority, max_advertise_interval: interval };
        let addresses: Vec<_> = addresses.into_iter().map(Ipv4Addr::from).collect();
        let form = if pseudo { ChecksumForm::PseudoHeader } else { ChecksumForm::Message };
        let mut frame = Vec::new();
        build::vrrp_advertisement_v4(&mut frame, src.into(), header, &addresses, form).unwrap();
        let end = frame.len();
        frame.resize(end + padding, 0);
        let Ok(Frame::Ip(packet)) = parse(&frame) else {
            panic!("not an IP packet");
        };
        prop_assert_eq!(packet.payload, Payload::Vrrp);
        prop_assert_eq!(packet.src_mac, MacAddr::virtual_v4(vrid));
        let carrier = Carrier { src: src.into(), ttl: packet.ttl, ..CARRIER };
        let heard = parse_v4(carrier, packet.l4(&frame), |ours| ours == vrid).unwrap();
        prop_assert_eq!((heard.header, &heard.addresses), (header, &addresses));
        // A pseudo-header that sums up to nothing makes both forms alike.
        prop_assert!(heard.checksum_form == form || pseudo);
    }

    #[test]
    fn a_damaged_byte_is_noticed(at in 0_usize..12, flip in 1_u8..) {
        let mut message = RFC_FORM;
        message[at] ^= flip;
        let heard = receive(255, &message);
        // What one form's checksum no longer covers, the other's may: then the addresses differ.
        prop_assert!(heard.is_err() || heard.unwrap().checksum_form != ChecksumForm::Message);
    }
}
