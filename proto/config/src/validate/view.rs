//! Routers as the rules look at them: the blocks beside what could be read from them.
//!
//! A value that cannot be read is missing here; it has been reported where it stands.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::candidate::Block;
use crate::problem::Problem;
use crate::schema::Leaf;
use crate::schema::authority::NAME;
use crate::schema::interface::{
    ADDRESS, DEVICE_ENABLED, DEVICE_INTERFACE, GATEWAY, GLOBAL_ID, IP_ADDRESS, NETWORK_INTERFACE,
    PREFIX_LENGTH, UTILITY_IP_ADDRESS, VRID, VRRP, VRRP_ENABLED,
};
use crate::schema::node::NODE;
use crate::schema::router::ROUTER;
use crate::valid::NodeInterface;

/// A router.
pub(super) struct Router<'a> {
    pub(super) block: &'a Block,
    pub(super) nodes: Vec<Node<'a>>,
}

/// A node.
pub(super) struct Node<'a> {
    pub(super) block: &'a Block,
    pub(super) name: &'a str,
    /// Those that are enabled.
    pub(super) devices: Vec<Device<'a>>,
}

/// A device-interface that is enabled.
pub(super) struct Device<'a> {
    pub(super) block: &'a Block,
    pub(super) node: &'a str,
    pub(super) name: &'a str,
    /// The vrrp block, when it is enabled: the device is shared.
    pub(super) vrrp: Option<&'a Block>,
    pub(super) interfaces: Vec<Interface<'a>>,
}

/// A network-interface.
pub(super) struct Interface<'a> {
    pub(super) block: &'a Block,
    pub(super) node: &'a str,
    pub(super) name: &'a str,
    pub(super) giid: Option<u16>,
    pub(super) shared: bool,
    pub(super) addresses: Vec<Address<'a>>,
}

/// An address of a network-interface.
pub(super) struct Address<'a> {
    pub(super) block: &'a Block,
    pub(super) ip: Option<IpAddr>,
    pub(super) subnet: Option<IpNet>,
    pub(super) gateway: Option<IpAddr>,
    pub(super) utility: Option<IpAddr>,
}

/// Every router of the authority.
pub(super) fn routers(authority: &Block) -> Vec<Router<'_>> {
    let router = |block| Router {
        block,
        nodes: Block::blocks(block, &NODE).map(node).collect(),
    };
    authority.blocks(&ROUTER).map(router).collect()
}

fn node(block: &Block) -> Node<'_> {
    let enabled = |block: &&Block| block.peek(&DEVICE_ENABLED) != Some(false);
    Node {
        block,
        name: block.key(),
        devices: block
            .blocks(&DEVICE_INTERFACE)
            .filter(enabled)
            .map(|device_block| device(device_block, block.key()))
            .collect(),
    }
}

fn device<'a>(block: &'a Block, node: &'a str) -> Device<'a> {
    let enabled = |vrrp: &&Block| vrrp.peek(&VRRP_ENABLED) == Some(true);
    let vrrp = block.block(&VRRP).filter(enabled);
    let interface = |block: &'a Block| Interface {
        block,
        node,
        name: block.key(),
        giid: block.peek(&GLOBAL_ID),
        shared: vrrp.is_some(),
        addresses: block.blocks(&ADDRESS).map(address).collect(),
    };
    Device {
        block,
        node,
        name: block.key(),
        vrrp,
        interfaces: block.blocks(&NETWORK_INTERFACE).map(interface).collect(),
    }
}

fn address(block: &Block) -> Address<'_> {
    let ip: Option<IpAddr> = block.peek(&IP_ADDRESS);
    let length: Option<u8> = block.peek(&PREFIX_LENGTH);
    Address {
        block,
        ip,
        subnet: ip
            .zip(length)
            .and_then(|(ip, length)| IpNet::new(ip, length).ok())
            .map(|net| net.trunc()),
        gateway: block.peek(&GATEWAY),
        utility: block.peek(&UTILITY_IP_ADDRESS),
    }
}

impl<'a> Router<'a> {
    pub(super) fn devices(&self) -> impl Iterator<Item = &Device<'a>> {
        self.nodes.iter().flat_map(|node| &node.devices)
    }

    pub(super) fn interfaces(&self) -> impl Iterator<Item = &Interface<'a>> {
        self.devices().flat_map(|device| &device.interfaces)
    }

    pub(super) fn node(&self, name: &str) -> Option<&Node<'a>> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The device on the other node that is the other half of a shared one: the same vrid.
    pub(super) fn other_half(&self, device: &Device<'_>) -> Option<&Device<'a>> {
        let vrid: u8 = device.vrrp?.peek(&VRID)?;
        self.devices()
            .filter(|other| other.node != device.node)
            .find(|other| other.vrid() == Some(vrid))
    }
}

impl<'a> Node<'a> {
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &Interface<'a>> {
        self.devices.iter().flat_map(|device| &device.interfaces)
    }

    pub(super) fn interface(&self, name: &str) -> Option<&Interface<'a>> {
        self.interfaces().find(|interface| interface.name == name)
    }

    pub(super) fn device(&self, name: &str) -> Option<&Device<'a>> {
        self.devices.iter().find(|device| device.name == name)
    }
}

impl Device<'_> {
    pub(super) fn vrid(&self) -> Option<u8> {
        self.vrrp?.peek(&VRID)
    }
}

impl Interface<'_> {
    /// Its subnets that hold `ip`.
    pub(super) fn subnet_of(&self, ip: IpAddr) -> Option<IpNet> {
        let mut subnets = self.addresses.iter().filter_map(|address| address.subnet);
        subnets.find(|subnet| subnet.contains(&ip))
    }

    /// Whether `ip` is one of its own.
    pub(super) fn owns(&self, ip: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|address| address.ip == Some(ip) || address.utility == Some(ip))
    }

    /// What the checked tree calls it.
    pub(super) fn reference(&self) -> Option<NodeInterface> {
        Some(NodeInterface {
            node: self.node.into(),
            interface: self.block.peek(&NAME)?,
            giid: types::Giid(self.giid?),
        })
    }
}

impl<'a> Router<'a> {
    /// The node that `block` names by `leaf`.
    pub(super) fn named_node(
        &self,
        block: &Block,
        leaf: &'static Leaf,
    ) -> Result<&Node<'a>, Problem> {
        let name = block.words(leaf).next();
        name.and_then(|name| self.node(&name.text))
            .ok_or_else(|| block.unknown(leaf, "node", self.nodes.iter().map(|node| node.name)))
    }

    /// The network-interface that `block` names by node and interface.
    pub(super) fn named_interface(
        &self,
        block: &Block,
        node: &'static Leaf,
        interface: &'static Leaf,
    ) -> Result<&Interface<'a>, Problem> {
        let node = self.named_node(block, node)?;
        let name = block.words(interface).next();
        name.and_then(|name| node.interface(&name.text))
            .ok_or_else(|| {
                let known = node.interfaces().map(|interface| interface.name);
                block.unknown(interface, "network-interface on an enabled port", known)
            })
    }

    /// The other half of a shared network-interface.
    pub(super) fn other_half_of(&self, interface: &Interface<'_>) -> Option<&Interface<'a>> {
        let giid = interface.giid.filter(|_| interface.shared)?;
        self.interfaces()
            .filter(|other| other.shared && other.node != interface.node)
            .find(|other| other.giid == Some(giid))
    }
}
