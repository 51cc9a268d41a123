//! ARP and neighbour discovery: who has our addresses, and who has said where it is.
//!
//! Virtual addresses answer with the virtual MAC, on the active node alone; the node's own addresses
//! answer always, with the device's MAC. The Ethernet source is the MAC that the answer names, so
//! that switches learn where the virtual MAC is (RFC 9568 §8.1.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use neighbor::{Event, Heard};
use types::MacAddr;
use wire::ndp::{AdvertisementFlags, Message};
use wire::{IpPacket, arp, build, ndp};

use super::{Outcome, Pipeline};
use crate::outbox::Outbox;
use crate::plan::Interface;
use crate::port::Offload;

impl<O: Outbox> Pipeline<'_, O> {
    /// Any ARP packet has done its work here.
    pub(super) fn arp(&mut self, interface: &Interface, packet: arp::Packet) -> Outcome {
        let sender = packet.sender;
        // A probe has no sender (RFC 5227), and whoever claims our address is not our neighbour:
        // the heartbeat thread deals with conflicts.
        let anonymous = sender.ip.is_unspecified();
        let learnable = !anonymous && self.env.topology.own(IpAddr::V4(sender.ip)).is_none();
        let announced = sender.ip == packet.target.ip;
        match packet.operation {
            arp::Operation::Reply => {
                if learnable {
                    let kind = if announced {
                        Heard::Gratuitous
                    } else {
                        Heard::Reply
                    };
                    self.hear(interface, IpAddr::V4(sender.ip), sender.mac, kind);
                }
            }
            arp::Operation::Request if announced => {
                if learnable {
                    self.hear(
                        interface,
                        IpAddr::V4(sender.ip),
                        sender.mac,
                        Heard::Gratuitous,
                    );
                }
            }
            arp::Operation::Request => {
                let asked = IpAddr::V4(packet.target.ip);
                let Some(mac) = self.answering_mac(interface, asked) else {
                    return Outcome::Consumed;
                };
                if learnable {
                    self.hear(interface, IpAddr::V4(sender.ip), sender.mac, Heard::Request);
                }
                let ours = arp::Station {
                    mac,
                    ip: packet.target.ip,
                };
                if is_station(sender.mac) && self.env.topology.own(sender.ip.into()).is_none() {
                    build::arp_reply(&mut self.state.scratch, ours, sender);
                    self.reply(interface);
                    return Outcome::Sent;
                }
            }
        }
        Outcome::Consumed
    }

    /// Any message of neighbour discovery has done its work here.
    pub(super) fn ndp(
        &mut self,
        interface: &Interface,
        ip: &IpPacket,
        message: Message,
    ) -> Outcome {
        match message {
            Message::NeighborSolicitation { target, source_mac } => {
                self.solicited(interface, ip, target, source_mac)
            }
            Message::NeighborAdvertisement {
                target,
                target_mac,
                flags,
            } => {
                let mac = target_mac.unwrap_or(ip.src_mac);
                let ours = self.env.topology.own(IpAddr::V6(target)).is_some();
                if let (Some(kind), false) = (heard(flags), ours) {
                    self.hear(interface, IpAddr::V6(target), mac, kind);
                }
                Outcome::Consumed
            }
            // Routers are configured at hosts, or found by VRRP's virtual address: nothing is
            // advertised here.
            Message::RouterSolicitation { source_mac: _ } => Outcome::Consumed,
        }
    }

    fn solicited(
        &mut self,
        interface: &Interface,
        ip: &IpPacket,
        target: Ipv6Addr,
        source_mac: Option<MacAddr>,
    ) -> Outcome {
        let Some(mac) = self.answering_mac(interface, IpAddr::V6(target)) else {
            return Outcome::Consumed;
        };
        let ours = ndp::Station { mac, ip: target };
        let IpAddr::V6(asker) = ip.src else {
            return Outcome::Consumed;
        };
        if asker.is_unspecified() {
            // Somebody probes for our address: everybody shall hear that it is taken.
            build::unsolicited_na(&mut self.state.scratch, ours);
            self.reply(interface);
            return Outcome::Sent;
        }
        let asker_mac = source_mac.unwrap_or(ip.src_mac);
        if !is_station(asker_mac) || self.env.topology.own(IpAddr::V6(asker)).is_some() {
            return Outcome::Consumed;
        }
        self.hear(interface, IpAddr::V6(asker), asker_mac, Heard::Request);
        let asker = ndp::Station {
            mac: asker_mac,
            ip: asker,
        };
        build::neighbor_advertisement(&mut self.state.scratch, ours, asker);
        self.reply(interface);
        Outcome::Sent
    }

    /// The MAC address that answers for `address` on this interface now, if any does.
    fn answering_mac(&self, interface: &Interface, address: IpAddr) -> Option<MacAddr> {
        let own = self.env.topology.own(address)?;
        let here = own.port == interface.port && self.answers(own);
        here.then(|| interface.mac_for(own.role, address))
    }

    fn hear(&mut self, interface: &Interface, ip: IpAddr, mac: MacAddr, kind: Heard) {
        if is_station(mac) && is_unicast(ip) {
            self.out.tell_neighbors(Event::Heard {
                interface: interface.plan.giid,
                ip,
                mac,
                kind,
            });
        }
    }

    fn reply(&mut self, interface: &Interface) {
        let frame = &self.state.scratch;
        self.out.transmit(interface.port, frame, Offload::None);
    }
}

/// RFC 4861 §7.2.5: an unsolicited advertisement that may not override says nothing new.
const fn heard(flags: AdvertisementFlags) -> Option<Heard> {
    match (flags.solicited, flags.overrides) {
        (true, true) => Some(Heard::Reply),
        (true, false) => Some(Heard::ReplyWithoutOverride),
        (false, true) => Some(Heard::Gratuitous),
        (false, false) => None,
    }
}

/// Whether a single station can have this MAC address.
fn is_station(mac: MacAddr) -> bool {
    !mac.is_group() && mac != MacAddr::ZERO
}

fn is_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4 != Ipv4Addr::BROADCAST && !v4.is_multicast() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_multicast() && !v6.is_unspecified(),
    }
}
