//! Is anybody else there? One question to a neighbour: to an anchor, which is neither of the two nodes, or
//! to the other node on an interface that both share, where a standby says nothing by itself.
//!
//! Asked only while there is no quorum, so nothing of it costs anything on a normal day. A neighbour on
//! the subnet of a data-plane interface is asked by ARP or Neighbor Discovery from this node's own address
//! there, because the kernel has no address on such an interface; every other one by an ICMP echo through
//! the kernel.

mod link;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use config::valid::{Node, Router};
use runtime::Clock;
use socket2::{Domain, Protocol, Socket, Type};
use types::Name;
use wire::icmp::Echo;

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
    /// Directly, on a data-plane interface.
    OnLink { device: String, source: IpAddr },
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
        let asked = match &self.way {
            Way::OnLink { device, source } => link::ask(device, *source, self.address, clock),
            Way::Ours => Ok(false),
            Way::Kernel => ask_kernel(self.address, clock),
        };
        asked.unwrap_or_else(|error| {
            tracing::debug!(neighbour = %self.address, %error, "a neighbour cannot be asked");
            false
        })
    }
}

/// The way to `address` on a data-plane interface of `node` that has its subnet.
fn on_link(address: IpAddr, node: &Node) -> Option<Way> {
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
    // Without an address of its own the node asks as nobody (RFC 5227, RFC 4862), which is answered.
    let nobody = match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let source = own.utility.or((!device.is_shared()).then_some(own.ip));
    let source = source.unwrap_or(nobody);
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
                source: own.utility.unwrap_or(own.ip),
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
            own.collect()
        };

        let asked = Neighbour::of_peer(node, peer);

        let seen: Vec<_> = asked.iter().map(|(_, asked)| asked.address).collect();
        let expected: Vec<_> = shared(peer).into_iter().map(|(_, own)| own).collect();
        assert!(expected.iter().any(IpAddr::is_ipv4) && expected.iter().any(IpAddr::is_ipv6));
        assert_eq!(seen, expected);
        for ((device, own), (name, asked)) in shared(node).into_iter().zip(asked) {
            assert_eq!(name.as_str(), device);
            let source = own;
            assert_eq!(asked.way, Way::OnLink { device, source });
        }
    }
}
