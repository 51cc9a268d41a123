//! Is anybody else there? One question to a neighbour: to an anchor, which is neither of the two nodes, or
//! to the other node on an interface that both share, where a standby says nothing by itself.
//!
//! Asked only while there is no quorum, so nothing of it costs anything on a normal day. A neighbour on
//! the subnet of a data-plane interface is asked by ARP from this node's own address there, because the
//! kernel has no address on such an interface; every other one by an ICMP echo through the kernel.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use config::valid::{Node, Router};
use pnet_datalink::{Channel, NetworkInterface};
use runtime::Clock;
use socket2::{Domain, Protocol, Socket, Type};
use types::{MacAddr, Name};
use wire::arp::{Operation, Station};
use wire::icmp::Echo;
use wire::packet::Frame;

/// A neighbour that takes longer does not answer.
const PATIENCE: Duration = Duration::from_millis(400);
/// Between two looks whether patience is over.
const SLICE: Duration = Duration::from_millis(20);

/// A neighbour, and the way to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Neighbour {
    pub(crate) address: IpAddr,
    way: Way,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Way {
    /// By ARP on a data-plane interface.
    OnLink { device: String, source: Ipv4Addr },
    /// By the kernel's own routes.
    Kernel,
    /// It is one of the router's own addresses: whether it answers says nothing about the network.
    Ours,
}

impl Neighbour {
    /// Finds the way to the anchor `address` from `node` of `router`.
    pub(crate) fn anchor(address: IpAddr, router: &Router, node: &Node) -> Self {
        let way = if is_ours(address, router) {
            Way::Ours
        } else {
            on_link(address, node).unwrap_or(Way::Kernel)
        };
        Self { address, way }
    }

    /// The other node at its own addresses on the shared interfaces, each with the device of `node` where
    /// it is asked. Its process answers there whatever its role, and nobody else does.
    pub(crate) fn of_peer(node: &Node, peer: &Node) -> Vec<(Name, Self)> {
        let devices = peer.device_interfaces.iter();
        let shared = devices.filter(|device| device.is_shared());
        let interfaces = shared.flat_map(|device| &device.network_interfaces);
        let addresses = interfaces.flat_map(|interface| &interface.addresses);
        let own = addresses.filter_map(|address| address.interface.utility);
        own.filter_map(|address| {
            let way = on_link(address, node)?;
            let Way::OnLink { device, .. } = &way else {
                return None;
            };
            Some((Name::from(device.as_str()), Self { address, way }))
        })
        .collect()
    }

    /// Asks, and waits for the answer: not for a thread that others wait for.
    pub(crate) fn answers(&self, clock: Clock) -> bool {
        let asked = match (&self.way, self.address) {
            (Way::OnLink { device, source }, IpAddr::V4(target)) => {
                ask_on_link(device, *source, target, clock)
            }
            (Way::Ours, _) => Ok(false),
            (Way::OnLink { .. }, IpAddr::V6(_)) | (Way::Kernel, _) => {
                ask_kernel(self.address, clock)
            }
        };
        asked.unwrap_or_else(|error| {
            tracing::debug!(neighbour = %self.address, %error, "a neighbour cannot be asked");
            false
        })
    }
}

/// The way to `address` on a data-plane interface of `node` that has its subnet; by ARP, so IPv4 only.
fn on_link(address: IpAddr, node: &Node) -> Option<Way> {
    if address.is_ipv6() {
        return None;
    }
    let interfaces = node.device_interfaces.iter().flat_map(|device| {
        let interfaces = device.network_interfaces.iter();
        interfaces.map(move |interface| (device, interface))
    });
    let own = interfaces.flat_map(|(device, interface)| {
        let addresses = interface.addresses.iter();
        addresses.map(move |own| (device, own.interface))
    });
    let (device, own) = own.into_iter().find(|(_, own)| {
        let subnet = own.subnet();
        subnet.is_some_and(|subnet| subnet.contains(&address))
    })?;
    // Without an address of its own the node asks as nobody (RFC 5227), which is answered.
    let source = match (own.utility, device.is_shared(), own.ip) {
        (Some(IpAddr::V4(utility)), _, _) => utility,
        (None, false, IpAddr::V4(ip)) => ip,
        (Some(IpAddr::V6(_)), _, _) | (None, true, _) | (None, false, IpAddr::V6(_)) => {
            Ipv4Addr::UNSPECIFIED
        }
    };
    Some(Way::OnLink {
        device: device.interface_name.clone(),
        source,
    })
}

fn is_ours(address: IpAddr, router: &Router) -> bool {
    let devices = router.nodes.iter().flat_map(|node| &node.device_interfaces);
    let interfaces = devices.flat_map(|device| &device.network_interfaces);
    let mut addresses = interfaces.flat_map(|interface| &interface.addresses);
    addresses.any(|own| own.interface.ip == address || own.interface.utility == Some(address))
}

fn ask_on_link(device: &str, source: Ipv4Addr, target: Ipv4Addr, clock: Clock) -> io::Result<bool> {
    let interface = interface(device)?;
    let mac = interface.mac.map(|mac| MacAddr(mac.octets()));
    let mac = mac.ok_or_else(|| io::Error::other("the device has no MAC address"))?;
    let config = pnet_datalink::Config {
        read_timeout: Some(SLICE),
        promiscuous: false,
        ..pnet_datalink::Config::default()
    };
    let Channel::Ethernet(mut sender, mut receiver) = pnet_datalink::channel(&interface, config)?
    else {
        return Err(io::Error::other("the device is no Ethernet"));
    };
    let mut request = Vec::new();
    wire::build::arp_request(&mut request, Station { mac, ip: source }, target);
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

fn is_answer(frame: &[u8], target: Ipv4Addr) -> bool {
    match wire::packet::parse(frame) {
        Ok(Frame::Arp(packet)) => {
            packet.operation == Operation::Reply && packet.sender.ip == target
        }
        Ok(Frame::Ip(_)) | Err(_) => false,
    }
}

fn ask_kernel(target: IpAddr, clock: Clock) -> io::Result<bool> {
    let (domain, protocol) = match target {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
    socket.set_read_timeout(Some(SLICE))?;
    let remote = SocketAddr::new(target, 0);
    socket.connect(&remote.into())?;
    // Tells our own questions from other programs', which is all that it has to do.
    let id = u16::try_from(std::process::id() & 0xffff).unwrap_or_default();
    let sequence = u16::try_from(clock.unix_millis() & 0xffff).unwrap_or_default();
    let echo = Echo::new(remote.ip(), id);
    socket.send(&echo.request(sequence))?;
    let until = clock.now() + PATIENCE;
    let mut packet = [0; 1024];
    while clock.now() < until {
        match io::Read::read(&mut &socket, &mut packet) {
            Ok(length) if echo.is_reply(packet.get(..length).unwrap_or_default(), sequence) => {
                return Ok(true);
            }
            Ok(_) => {}
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_on_a_data_plane_subnet_is_asked_there_and_every_other_one_by_the_kernel() {
        let text = include_str!("../../proto/config/examples/site.conf");
        let valid = config::check(text).unwrap();
        let router = valid.routers().first().unwrap();
        let node = router.nodes.first().unwrap();
        let device = node.device_interfaces.first().unwrap();
        let own = device.network_interfaces.first().unwrap();
        let own = own.addresses.first().unwrap().interface;
        let subnet = own.subnet().unwrap();
        let neighbour = subnet.hosts().last().unwrap();

        let anchor = Neighbour::anchor(neighbour, router, node);
        assert_eq!(
            anchor.way,
            Way::OnLink {
                device: device.interface_name.clone(),
                source: match own.utility.unwrap_or(own.ip) {
                    IpAddr::V4(ip) => ip,
                    IpAddr::V6(_) => unreachable!("the sample's first interface has IPv4"),
                }
            }
        );
        assert_eq!(Neighbour::anchor(own.ip, router, node).way, Way::Ours);
        let far = "198.18.77.1".parse().unwrap();
        assert_eq!(Neighbour::anchor(far, router, node).way, Way::Kernel);
    }

    /// The active node hears nothing of a standby on the shared interfaces, unless it asks there.
    #[test]
    fn the_other_node_is_asked_at_its_own_address_on_each_shared_interface() {
        let text = include_str!("../../proto/config/examples/site.conf");
        let valid = config::check(text).unwrap();
        let router = valid.routers().first().unwrap();
        let [node, peer] = router.nodes.as_slice() else {
            panic!("the sample has two nodes");
        };
        let shared = |node: &Node| -> Vec<_> {
            let devices = node.device_interfaces.iter();
            let devices = devices.filter(|device| device.is_shared());
            let own = devices.flat_map(|device| {
                let interfaces = device.network_interfaces.iter();
                let addresses = interfaces.flat_map(|interface| &interface.addresses);
                let own = addresses.filter_map(|address| address.interface.utility);
                own.map(|own| (device.interface_name.clone(), own))
            });
            own.filter(|(_, own)| own.is_ipv4()).collect()
        };

        let asked = Neighbour::of_peer(node, peer);

        let seen: Vec<_> = asked.iter().map(|(_, asked)| asked.address).collect();
        let expected: Vec<_> = shared(peer).into_iter().map(|(_, own)| own).collect();
        assert!(!expected.is_empty());
        assert_eq!(seen, expected);
        for ((device, own), (name, asked)) in shared(node).into_iter().zip(asked) {
            assert_eq!(name.as_str(), device);
            let IpAddr::V4(source) = own else { continue };
            assert_eq!(asked.way, Way::OnLink { device, source });
        }
    }

    #[test]
    fn the_answer_to_another_question_is_none() {
        let station = |last| Station {
            mac: MacAddr([2, 0, 0, 0, 0, last]),
            ip: Ipv4Addr::new(192, 0, 2, last),
        };
        let mut reply = Vec::new();
        wire::build::arp_reply(&mut reply, station(1), station(9));
        assert!(is_answer(&reply, station(1).ip));
        assert!(!is_answer(&reply, station(2).ip));
        let mut request = Vec::new();
        wire::build::arp_request(&mut request, station(1), station(9).ip);
        assert!(!is_answer(&request, station(1).ip));
    }
}
