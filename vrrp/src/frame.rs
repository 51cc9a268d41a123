//! Frames ⇄ adverts: RFC 9568's receive checks by `wire`, ours around them, and what we send.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use types::{MacAddr, Protocol, Vrid};
use vrrp_machine::{Advert, AdvertInterval, Family, Priority};
use wire::vrrp::{Carrier, ChecksumForm, Header, ReceiveError};
use wire::{arp, build, ethernet, ipv4, ipv6, ndp, vrrp};

use crate::plan::Addresses;

macro_rules! invalid_reasons {
    ($($variant:ident $text:literal $help:literal,)*) => {
        /// Why a received VRRP frame was not heard.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum Invalid { $(#[doc = $help] $variant,)* }

        impl Invalid {
            /// Every reason, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name operators read.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

// One macro, because variant and text must never drift apart.
invalid_reasons! {
    Malformed "malformed" "The IP header is truncated or contradicts itself.",
    NotGroup "not-group" "Sent to another address than the VRRP group.",
    Own "own" "It carries our own source address: a loop, or two nodes with one address.",
    Ttl "ttl" "TTL or hop limit is not 255.",
    Version "version" "Another version than 3.",
    Kind "type" "Another type than ADVERTISEMENT.",
    Incomplete "incomplete" "Cut off.",
    Checksum "checksum" "The checksum is wrong.",
    Vrid "vrid" "Of a virtual router that is not configured here.",
    NoAddress "no-address" "It has no address.",
    NoInterval "no-interval" "Its interval is zero.",
    NotLinkLocal "not-link-local" "Its first IPv6 address is not link-local.",
}

/// A frame that is none of our members', for its reason.
impl From<ReceiveError> for Invalid {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Ttl(_) => Self::Ttl,
            ReceiveError::Version(_) => Self::Version,
            ReceiveError::Type(_) => Self::Kind,
            ReceiveError::Incomplete { .. } => Self::Incomplete,
            ReceiveError::Checksum => Self::Checksum,
            ReceiveError::Vrid(_) => Self::Vrid,
            ReceiveError::NoAddress => Self::NoAddress,
            ReceiveError::NoInterval => Self::NoInterval,
            ReceiveError::NotLinkLocal(_) => Self::NotLinkLocal,
        }
    }
}

/// A valid advert with what only people care about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Received {
    /// For the machine.
    pub advert: Advert,
    /// How its checksum was taken.
    pub checksum: ChecksumForm,
    /// Whether its address list is ours; a different one is heard all the same.
    pub same_addresses: bool,
}

/// The sending and receiving side of one virtual router.
#[derive(Clone, Debug)]
pub struct Framer {
    vrid: Vrid,
    source: IpAddr,
    addresses: Addresses,
    checksum: ChecksumForm,
}

impl Framer {
    /// For a virtual router whose adverts come from `source` (IPv6: the device's link-local).
    pub fn new(vrid: Vrid, source: IpAddr, addresses: Addresses, checksum: ChecksumForm) -> Self {
        Self {
            vrid,
            source,
            addresses: addresses.advertised(vrid),
            checksum,
        }
    }

    /// Where our adverts come from.
    pub const fn source(&self) -> IpAddr {
        self.source
    }

    /// How many addresses are announced.
    pub const fn announced(&self) -> usize {
        self.addresses.len()
    }

    /// Reads a frame that carries protocol 112.
    pub fn parse(&self, frame: &[u8]) -> Result<Received, Invalid> {
        let (_, packet) = ethernet::Header::parse(frame).ok_or(Invalid::Malformed)?;
        match self.addresses.family() {
            Family::V4 => self.parse_v4(packet),
            Family::V6 => self.parse_v6(packet),
        }
    }

    fn parse_v4(&self, packet: &[u8]) -> Result<Received, Invalid> {
        let ip = ipv4::Header::parse(packet).map_err(|_| Invalid::Malformed)?;
        let message = packet
            .get(ip.header_len..ip.total_len)
            .filter(|_| ip.protocol == Protocol::VRRP && !ip.more_fragments)
            .ok_or(Invalid::Malformed)?;
        if ip.dst != vrrp::GROUP_V4 {
            return Err(Invalid::NotGroup);
        }
        let carrier = Carrier {
            src: ip.src,
            dst: ip.dst,
            ttl: ip.ttl,
        };
        let read = vrrp::parse_v4(carrier, message, |vrid| vrid == self.vrid)?;
        let same_addresses = match &self.addresses {
            Addresses::V4 { addresses, .. } => same_set(addresses, &read.addresses),
            Addresses::V6 { .. } => false,
        };
        self.received(
            read.header,
            ip.src.into(),
            read.checksum_form,
            same_addresses,
        )
    }

    fn parse_v6(&self, packet: &[u8]) -> Result<Received, Invalid> {
        let ip = ipv6::Header::parse(packet).ok_or(Invalid::Malformed)?;
        let message = packet
            .get(ipv6::HEADER_LEN..)
            .and_then(|payload| payload.get(..ip.payload_len))
            .filter(|_| Protocol(ip.next_header) == Protocol::VRRP)
            .ok_or(Invalid::Malformed)?;
        if ip.dst != vrrp::GROUP_V6 {
            return Err(Invalid::NotGroup);
        }
        let carrier = Carrier {
            src: ip.src,
            dst: ip.dst,
            ttl: ip.hop_limit,
        };
        let read = vrrp::parse_v6(carrier, message, |vrid| vrid == self.vrid)?;
        let same_addresses = match &self.addresses {
            Addresses::V6 { addresses } => same_set(addresses, &read.addresses),
            Addresses::V4 { .. } => false,
        };
        self.received(
            read.header,
            ip.src.into(),
            read.checksum_form,
            same_addresses,
        )
    }

    fn received(
        &self,
        header: Header,
        source: IpAddr,
        checksum: ChecksumForm,
        same_addresses: bool,
    ) -> Result<Received, Invalid> {
        if source == self.source {
            return Err(Invalid::Own);
        }
        let interval = AdvertInterval::from_centiseconds(header.max_advertise_interval)
            .ok_or(Invalid::NoInterval)?;
        Ok(Received {
            advert: Advert {
                priority: Priority::received(header.priority),
                interval,
                source,
            },
            checksum,
            same_addresses,
        })
    }

    /// Writes an ADVERTISEMENT into `out`; `false` when the address list does not fit one, which
    /// the plan's check rules out.
    #[must_use]
    pub fn advert(&self, priority: Priority, interval: AdvertInterval, out: &mut Vec<u8>) -> bool {
        let header = Header {
            vrid: self.vrid,
            priority: priority.get(),
            max_advertise_interval: interval.centiseconds(),
        };
        match (&self.addresses, self.source) {
            (Addresses::V4 { addresses, .. }, IpAddr::V4(source)) => {
                build::vrrp_advertisement_v4(out, source, header, addresses, self.checksum).is_ok()
            }
            (Addresses::V6 { addresses }, IpAddr::V6(source)) => {
                build::vrrp_advertisement_v6(out, source, header, addresses).is_ok()
            }
            (Addresses::V4 { .. }, IpAddr::V6(_)) | (Addresses::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }

    /// Writes the announcement of one address into `out`: gratuitous ARP or unsolicited NA from the
    /// virtual MAC; `false` when there is no such address.
    #[must_use]
    pub fn announcement(&self, place: usize, out: &mut Vec<u8>) -> bool {
        match &self.addresses {
            Addresses::V4 { addresses, .. } => addresses.get(place).is_some_and(|ip: &Ipv4Addr| {
                let mac = MacAddr::virtual_v4(self.vrid);
                build::gratuitous_arp(out, arp::Station { mac, ip: *ip });
                true
            }),
            Addresses::V6 { addresses } => addresses.get(place).is_some_and(|ip: &Ipv6Addr| {
                let mac = MacAddr::virtual_v6(self.vrid);
                build::unsolicited_na(out, ndp::Station { mac, ip: *ip });
                true
            }),
        }
    }
}

/// Lists as sets: routers write the same addresses in different orders.
fn same_set<A: Copy + Ord>(ours: &[A], theirs: &[A]) -> bool {
    let sorted = |list: &[A]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list.dedup();
        list
    };
    sorted(ours) == sorted(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(source: &str, addresses: &[&str], checksum: ChecksumForm) -> Framer {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let source = source.parse().unwrap();
        let list = Addresses::V4 { source, addresses };
        Framer::new(Vrid::new(51).unwrap(), source.into(), list, checksum)
    }

    fn v6(source: &str, addresses: &[&str]) -> Framer {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let list = Addresses::V6 { addresses };
        let source = source.parse().unwrap();
        Framer::new(Vrid::new(51).unwrap(), source, list, ChecksumForm::Message)
    }

    fn sent_by(framer: &Framer) -> Vec<u8> {
        let mut frame = Vec::new();
        let priority = Priority::configured(120).unwrap();
        let interval = AdvertInterval::from_centiseconds(1).unwrap();
        assert!(framer.advert(priority, interval, &mut frame));
        frame
    }

    #[test]
    fn what_one_node_sends_the_other_one_hears() {
        for checksum in [ChecksumForm::Message, ChecksumForm::PseudoHeader] {
            let frame = sent_by(&v4("192.0.2.11", &["192.0.2.1", "192.0.2.2"], checksum));
            let peer = v4(
                "192.0.2.12",
                &["192.0.2.2", "192.0.2.1"],
                ChecksumForm::Message,
            );
            let received = peer.parse(&frame).unwrap();
            assert_eq!(
                received.advert.source,
                "192.0.2.11".parse::<IpAddr>().unwrap()
            );
            assert_eq!(received.advert.priority.get(), 120);
            assert_eq!(received.advert.interval.centiseconds(), 1);
            assert_eq!(received.checksum, checksum);
            assert!(received.same_addresses);
        }
        let frame = sent_by(&v6("fe80::11", &["2001:db8::1"]));
        let received = v6("fe80::12", &["2001:db8::1"]).parse(&frame).unwrap();
        assert_eq!(
            received.advert.source,
            "fe80::11".parse::<IpAddr>().unwrap()
        );
        assert!(received.same_addresses);
    }

    #[test]
    fn other_addresses_are_heard_and_noted() {
        let frame = sent_by(&v4("192.0.2.11", &["192.0.2.1"], ChecksumForm::Message));
        let peer = v4("192.0.2.12", &["192.0.2.9"], ChecksumForm::Message);
        assert!(!peer.parse(&frame).unwrap().same_addresses);
    }

    #[test]
    fn our_own_frames_and_damaged_ones_are_not_heard() {
        let framer = v4("192.0.2.11", &["192.0.2.1"], ChecksumForm::Message);
        let frame = sent_by(&framer);
        assert_eq!(framer.parse(&frame), Err(Invalid::Own));
        let peer = v4("192.0.2.12", &["192.0.2.1"], ChecksumForm::Message);
        for cut in 0..frame.len() {
            assert!(peer.parse(&frame[..cut]).is_err(), "{cut} bytes");
        }
        let mut damaged = frame.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(peer.parse(&damaged), Err(Invalid::Checksum));
    }

    #[test]
    fn an_ipv6_advert_begins_with_a_link_local_address_and_announces_it() {
        let framer = v6("fe80::11", &["2001:db8::1", "fe80::1"]);
        assert_eq!(framer.announced(), 2);
        let Addresses::V6 { addresses } = &framer.addresses else {
            panic!("not IPv6");
        };
        assert_eq!(addresses[0], "fe80::1".parse::<Ipv6Addr>().unwrap());
        let derived = v6("fe80::11", &["2001:db8::1"]);
        assert_eq!(derived.announced(), 2);
        let expected: Ipv6Addr = "fe80::5e00:233".parse().unwrap();
        assert_eq!(crate::virtual_link_local(Vrid::new(51).unwrap()), expected);
    }

    #[test]
    fn announcements_exist_for_every_address_and_no_more() {
        let mut frame = Vec::new();
        let four = v4(
            "192.0.2.11",
            &["192.0.2.1", "192.0.2.2"],
            ChecksumForm::Message,
        );
        assert!(four.announcement(1, &mut frame));
        let (header, packet) = ethernet::Header::parse(&frame).unwrap();
        assert_eq!(header.dst, MacAddr::BROADCAST);
        assert!(arp::Packet::parse(packet).unwrap().is_gratuitous());
        assert!(!four.announcement(2, &mut frame));
    }
}
