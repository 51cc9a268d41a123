//! VRRP messages as they come and with a checksum made right; what is read can be written again.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::shared::{sums, take};
use wire::build::{vrrp_advertisement_v4, vrrp_advertisement_v6};
use wire::vrrp::{Carrier, parse_v2, parse_v4, parse_v6};

/// One input.
pub fn run(data: &[u8]) {
    let mut data = data;
    let Some([family, ttl]) = take(&mut data) else {
        return;
    };
    // Mostly 255, or nothing behind the first check would be reached.
    let ttl = if ttl < 250 { 255 } else { ttl };
    let _seen = parse_v2(data);
    let mut message = data.to_vec();
    if family & 1 == 0 {
        let carrier = Carrier {
            src: Ipv4Addr::new(192, 0, 2, 1),
            dst: Ipv4Addr::new(224, 0, 0, 18),
            ttl,
        };
        let _verdict = parse_v4(carrier, &message, |_| true);
        seal(&mut message, 4, |message| {
            sums(carrier.src.into(), carrier.dst.into(), 112, message)
        });
        if let Ok(heard) = parse_v4(carrier, &message, |_| true) {
            let mut out = Vec::new();
            let (header, addresses) = (heard.header, &heard.addresses);
            vrrp_advertisement_v4(
                &mut out,
                carrier.src,
                header,
                addresses,
                heard.checksum_form,
            )
            .unwrap();
            let again = parse_v4(carrier, &out[34..], |_| true).unwrap();
            assert_eq!((again.header, &again.addresses), (header, addresses));
        }
    } else {
        let carrier = Carrier {
            src: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
            dst: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12),
            ttl,
        };
        let _verdict = parse_v6(carrier, &message, |_| true);
        seal(&mut message, 16, |message| {
            sums(carrier.src.into(), carrier.dst.into(), 112, message)
        });
        if let Ok(heard) = parse_v6(carrier, &message, |_| true) {
            let mut out = Vec::new();
            vrrp_advertisement_v6(&mut out, carrier.src, heard.header, &heard.addresses).unwrap();
            assert_eq!(parse_v6(carrier, &out[54..], |_| true), Ok(heard));
        }
    }
}

/// Fills in the checksum of as much as the count says is the message.
fn seal(bytes: &mut [u8], address: usize, sum: impl Fn(&[u8]) -> u16) {
    let Some(count) = bytes.get(3) else {
        return;
    };
    let length = 8 + usize::from(*count) * address;
    if let Some(message) = bytes.get_mut(..length) {
        message[6..8].fill(0);
        let sum = sum(message).to_be_bytes();
        message[6..8].copy_from_slice(&sum);
    }
}
