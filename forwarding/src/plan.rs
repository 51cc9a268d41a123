//! What the configuration wants of this node's data plane, and the compiled form workers read.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ahash::{HashMap, HashMapExt, HashSet, HashSetExt};
use types::{Giid, InterfaceAddress, MacAddr, Name, NodeId};

use crate::port::PortKind;

/// Everything a node forwards by. Immutable; a new configuration is a new plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// This node: the owner of sessions it opens.
    pub node: NodeId,
    /// Seeds hashes and session ids; differs between starts.
    pub seed: u64,
    /// How many session processors; fixed for the life of the process.
    pub workers: usize,
    /// What carries the frames.
    pub port: PortKind,
    /// The network-interfaces, in any order.
    pub interfaces: Vec<InterfacePlan>,
    /// Tenants, services, access policies, service-routes.
    pub policy: Arc<session::Policy>,
    /// Where destinations are.
    pub fib: Arc<fib::Fib>,
    /// Sessions that the node holds at most, over all processors.
    pub max_sessions: usize,
}

/// One network-interface.
#[derive(Clone, Debug)]
pub struct InterfacePlan {
    /// Its id, the same on both nodes when it is shared.
    pub giid: Giid,
    /// The operators' name.
    pub name: Name,
    /// The Linux device.
    pub device: String,
    /// Its addresses move with the role.
    pub shared: bool,
    /// The MAC address that answers for its IPv4 addresses, unless the device's own.
    pub virtual_mac_v4: Option<MacAddr>,
    /// The MAC address that answers for its IPv6 addresses, unless the device's own.
    pub virtual_mac_v6: Option<MacAddr>,
    /// Its addresses with their subnets.
    pub addresses: Vec<InterfaceAddress>,
    /// The largest IP packet that leaves.
    pub mtu: u16,
    /// The tenant of what arrives; `None` is the global one.
    pub tenant: Option<Name>,
    /// Sessions that leave here get one of its addresses as source.
    pub source_nat: bool,
}

impl Default for InterfacePlan {
    fn default() -> Self {
        Self {
            giid: Giid(0),
            name: Name::from("unnamed"),
            device: String::new(),
            shared: false,
            virtual_mac_v4: None,
            virtual_mac_v6: None,
            addresses: Vec::new(),
            mtu: 1500,
            tenant: None,
            source_nat: false,
        }
    }
}

impl InterfacePlan {
    /// The virtual MAC address for `family`'s packets, if it has one.
    pub const fn virtual_mac(&self, family: IpAddr) -> Option<MacAddr> {
        match family {
            IpAddr::V4(_) => self.virtual_mac_v4,
            IpAddr::V6(_) => self.virtual_mac_v6,
        }
    }
}

/// Position of an interface in the compiled plan, and of its port in each worker.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PortIndex(pub usize);

/// An interface with what its device adds.
#[derive(Clone, Debug)]
pub struct Interface {
    /// What the configuration says.
    pub plan: InterfacePlan,
    /// The device's own MAC address.
    pub mac: MacAddr,
    /// Where it stands in [`Topology::interfaces`].
    pub port: PortIndex,
}

/// How an address is ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OwnRole {
    /// It is answered for by the active node alone.
    Virtual,
    /// It is this node's whatever its role: a utility address, or one of an unshared interface.
    Local,
}

/// An address of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Own {
    /// The interface that has it.
    pub port: PortIndex,
    /// Whether it moves with the role.
    pub role: OwnRole,
    /// Sessions are translated to it, so that its ports belong to them.
    pub translated: bool,
}

/// The plan as packets need it: indexed.
#[derive(Debug)]
pub struct Topology {
    /// The plan it was made of.
    pub plan: Plan,
    /// All interfaces; [`PortIndex`] is the position.
    pub interfaces: Vec<Interface>,
    by_giid: HashMap<Giid, PortIndex>,
    own: HashMap<IpAddr, Own>,
    broadcasts: HashSet<Ipv4Addr>,
}

impl Topology {
    /// Indexes `plan`; `macs` are its devices' addresses in the order of its interfaces.
    pub fn new(plan: Plan, macs: &[MacAddr]) -> Self {
        let mut by_giid = HashMap::new();
        let mut own = HashMap::new();
        let mut broadcasts = HashSet::new();
        let mut interfaces = Vec::with_capacity(plan.interfaces.len());
        for (index, (interface, mac)) in plan.interfaces.iter().zip(macs).enumerate() {
            let port = PortIndex(index);
            by_giid.insert(interface.giid, port);
            for address in &interface.addresses {
                insert_own(&mut own, interface, port, address);
                broadcasts.extend(broadcast_of(address));
            }
            interfaces.push(Interface {
                plan: interface.clone(),
                mac: *mac,
                port,
            });
        }
        Self {
            plan,
            interfaces,
            by_giid,
            own,
            broadcasts,
        }
    }

    /// The interface at `port`.
    pub fn interface(&self, port: PortIndex) -> Option<&Interface> {
        self.interfaces.get(port.0)
    }

    /// The interface with id `giid`.
    pub fn by_giid(&self, giid: Giid) -> Option<&Interface> {
        self.interface(*self.by_giid.get(&giid)?)
    }

    /// How `address` is ours, if it is.
    pub fn own(&self, address: IpAddr) -> Option<Own> {
        self.own.get(&address).copied()
    }

    /// Whether `address` means every host of a subnet of ours (RFC 2644: not forwarded).
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else {
            return false;
        };
        self.broadcasts.contains(&address)
    }

    /// All addresses that sessions are translated to.
    pub fn translated_addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.own
            .iter()
            .filter(|(_, own)| own.translated)
            .map(|(address, _)| *address)
    }
}

/// The address of all hosts of a subnet; point-to-point ones (RFC 3021) and IPv6 have none.
fn broadcast_of(address: &InterfaceAddress) -> Option<Ipv4Addr> {
    match address.subnet()?.broadcast() {
        IpAddr::V4(broadcast) if address.prefix_len < 31 => Some(broadcast),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

fn insert_own(
    own: &mut HashMap<IpAddr, Own>,
    interface: &InterfacePlan,
    port: PortIndex,
    address: &InterfaceAddress,
) {
    let role = if interface.shared {
        OwnRole::Virtual
    } else {
        OwnRole::Local
    };
    own.insert(
        address.ip,
        Own {
            port,
            role,
            translated: interface.source_nat && !is_link_local(address.ip),
        },
    );
    if let Some(utility) = address.utility {
        own.insert(
            utility,
            Own {
                port,
                role: OwnRole::Local,
                translated: false,
            },
        );
    }
}

/// Nobody outside can answer to a link-local address, so no session is translated to one.
const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

impl Interface {
    /// The MAC address that `role`'s packets of `family` carry as source.
    pub fn mac_for(&self, role: OwnRole, family: IpAddr) -> MacAddr {
        match role {
            OwnRole::Virtual => self.plan.virtual_mac(family).unwrap_or(self.mac),
            OwnRole::Local => self.mac,
        }
    }

    /// The source MAC address of what is forwarded here.
    pub fn forwarding_mac(&self, family: IpAddr) -> MacAddr {
        let role = if self.plan.shared {
            OwnRole::Virtual
        } else {
            OwnRole::Local
        };
        self.mac_for(role, family)
    }

    /// The address that packets of our own carry as source, towards `peer`: of its subnet if there
    /// is one, else any of its family.
    pub fn source_for(&self, peer: IpAddr) -> Option<InterfaceAddress> {
        let mut of_family = self
            .plan
            .addresses
            .iter()
            .filter(|address| address.ip.is_ipv4() == peer.is_ipv4());
        let on_link = of_family
            .clone()
            .find(|address| address.subnet().is_some_and(|net| net.contains(&peer)));
        on_link.or_else(|| of_family.next()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface() -> Interface {
        let address = |ip: &str, utility: Option<&str>, prefix_len| InterfaceAddress {
            ip: ip.parse().unwrap(),
            prefix_len,
            utility: utility.map(|text| text.parse().unwrap()),
        };
        Interface {
            plan: InterfacePlan {
                shared: true,
                virtual_mac_v4: Some(MacAddr([0, 0, 0x5e, 0, 1, 10])),
                addresses: vec![
                    address("192.0.2.1", Some("192.0.2.2"), 24),
                    address("198.51.100.1", None, 24),
                    address("2001:db8::1", None, 64),
                ],
                ..InterfacePlan::default()
            },
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            port: PortIndex(0),
        }
    }

    #[test]
    fn the_source_is_of_the_peers_subnet_and_family() {
        let interface = interface();
        let source = |peer: &str| interface.source_for(peer.parse().unwrap()).unwrap().ip;
        assert_eq!(source("198.51.100.9").to_string(), "198.51.100.1");
        assert_eq!(source("203.0.113.9").to_string(), "192.0.2.1");
        assert_eq!(source("2001:db8:1::9").to_string(), "2001:db8::1");
    }

    #[test]
    fn the_virtual_mac_is_for_virtual_addresses_of_its_family() {
        let interface = interface();
        let v4 = "192.0.2.1".parse().unwrap();
        let v6 = "2001:db8::1".parse().unwrap();
        assert_eq!(
            interface.mac_for(OwnRole::Virtual, v4).to_string(),
            "00:00:5e:00:01:0a"
        );
        assert_eq!(interface.mac_for(OwnRole::Local, v4), interface.mac);
        assert_eq!(interface.mac_for(OwnRole::Virtual, v6), interface.mac);
    }
}
