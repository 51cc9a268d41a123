//! One question on an interface: ARP for IPv4, Neighbor Discovery for IPv6.

use std::io;
use std::net::IpAddr;

use pnet_datalink::{Channel, NetworkInterface};
use runtime::Clock;
use types::MacAddr;
use wire::packet::{Frame, Payload};
use wire::{arp, ndp};

use super::{PATIENCE, SLICE, is_timeout};

/// Asks on `device` who has `target`, as `source`, and waits for the answer.
pub(super) fn ask(device: &str, source: IpAddr, target: IpAddr, clock: Clock) -> io::Result<bool> {
    let interface = interface(device)?;
    let mac = interface.mac.map(|mac| MacAddr(mac.octets()));
    let mac = mac.ok_or_else(|| io::Error::other("the device has no MAC address"))?;
    let request = request(mac, source, target);
    let request = request.ok_or_else(|| io::Error::other("both addresses are of one family"))?;
    let config = pnet_datalink::Config {
        read_timeout: Some(SLICE),
        promiscuous: false,
        ..pnet_datalink::Config::default()
    };
    let Channel::Ethernet(mut sender, mut receiver) = pnet_datalink::channel(&interface, config)?
    else {
        return Err(io::Error::other("the device is no Ethernet"));
    };
    sender
        .send_to(&request, None)
        .ok_or_else(|| io::Error::other("no room to send"))??;
    let until = clock.now() + PATIENCE;
    while clock.now() < until {
        match receiver.next() {
            Ok(frame) if is_answer(frame, target) => return Ok(true),
            Ok(_) => {}
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn interface(device: &str) -> io::Result<NetworkInterface> {
    let known = pnet_datalink::interfaces();
    let found = known.into_iter().find(|interface| interface.name == device);
    found.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The frame that asks; `None` for addresses of different families.
fn request(mac: MacAddr, source: IpAddr, target: IpAddr) -> Option<Vec<u8>> {
    let mut frame = Vec::new();
    match (source, target) {
        (IpAddr::V4(ip), IpAddr::V4(target)) => {
            wire::build::arp_request(&mut frame, arp::Station { mac, ip }, target);
        }
        (IpAddr::V6(ip), IpAddr::V6(target)) => {
            wire::build::neighbor_solicitation(&mut frame, ndp::Station { mac, ip }, target);
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    }
    Some(frame)
}

/// Whether `target` says in `frame` that it is there.
fn is_answer(frame: &[u8], target: IpAddr) -> bool {
    match wire::packet::parse(frame) {
        Ok(Frame::Arp(packet)) => {
            packet.operation == arp::Operation::Reply && IpAddr::V4(packet.sender.ip) == target
        }
        Ok(Frame::Ip(packet)) => {
            let Payload::Ndp(ndp::Message::NeighborAdvertisement { target: found, .. }) =
                packet.payload
            else {
                return false;
            };
            IpAddr::V6(found) == target
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const fn mac(last: u8) -> MacAddr {
        MacAddr([2, 0, 0, 0, 0, last])
    }

    const fn v4(last: u8) -> arp::Station {
        arp::Station {
            mac: mac(last),
            ip: Ipv4Addr::new(192, 0, 2, last),
        }
    }

    fn v6(last: u8) -> ndp::Station {
        ndp::Station {
            mac: mac(last),
            ip: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, last.into()),
        }
    }

    #[test]
    fn the_answer_to_another_question_is_none() {
        let mut reply = Vec::new();
        wire::build::arp_reply(&mut reply, v4(1), v4(9));
        assert!(is_answer(&reply, v4(1).ip.into()));
        assert!(!is_answer(&reply, v4(2).ip.into()));

        let mut reply = Vec::new();
        wire::build::neighbor_advertisement(&mut reply, v6(1), v6(9));
        assert!(is_answer(&reply, v6(1).ip.into()));
        assert!(!is_answer(&reply, v6(2).ip.into()));
        // To one that asks as nobody everybody is told.
        let mut reply = Vec::new();
        wire::build::unsolicited_na(&mut reply, v6(1));
        assert!(is_answer(&reply, v6(1).ip.into()));
    }

    #[test]
    fn a_question_is_no_answer() {
        for (source, target) in [
            (IpAddr::V4(v4(1).ip), IpAddr::V4(v4(9).ip)),
            (IpAddr::V6(v6(1).ip), IpAddr::V6(v6(9).ip)),
        ] {
            let question = request(mac(1), source, target).unwrap();
            assert!(!is_answer(&question, source) && !is_answer(&question, target));
        }
        assert_eq!(request(mac(1), v4(1).ip.into(), v6(9).ip.into()), None);
    }
}
