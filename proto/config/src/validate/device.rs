//! Ports: what each one needs, and that names, numbers and MAC addresses are not used twice.

use std::collections::BTreeMap;

use types::MacAddr;

use super::view::{Device, Interface, Node, Router};
use crate::findings::Findings;
use crate::schema::authority::NAME;
use crate::schema::interface::{GLOBAL_ID, INTERFACE_NAME, SHARED_PHYS_ADDRESS, VLAN, VRID};

pub(super) fn check(router: &Router<'_>, findings: &mut Findings) {
    for node in &router.nodes {
        check_names(node, findings);
        for device in &node.devices {
            check_device(device, findings);
        }
    }
    check_giids(router, findings);
}

fn check_device(device: &Device<'_>, findings: &mut Findings) {
    match (device.interfaces.as_slice(), device.vrrp) {
        ([], Some(vrrp)) => findings.error(vrrp.complain(
            "the port has no network-interface, so vrrp has no address to own",
            "add a network-interface with an address",
        )),
        ([], None) => findings.warning(device.block.complain(
            "it has no network-interface, so it carries nothing",
            "add a network-interface, or take the port away",
        )),
        ([_], _) => {}
        ([first, rest @ ..], _) => {
            for other in rest {
                findings.error(other.block.blame(
                    &VLAN,
                    format!(
                        "network-interface {} has the port's untagged traffic",
                        first.name
                    ),
                    format!("put its addresses into {}", first.name),
                ));
            }
        }
    }
    match device.vrrp {
        Some(vrrp) if vrrp.words(&VRID).next().is_none() => findings.error(vrrp.missing(&VRID)),
        None if device.block.words(&SHARED_PHYS_ADDRESS).next().is_some() => {
            findings.error(device.block.blame(
                &SHARED_PHYS_ADDRESS,
                "nothing decides which node has the virtual MAC",
                "set vrrp enabled true and a vrid, or leave the address out",
            ));
        }
        Some(_) | None => {}
    }
}

/// Names, Linux devices and virtual routers of one node.
fn check_names(node: &Node<'_>, findings: &mut Findings) {
    let mut linux: BTreeMap<&str, &str> = BTreeMap::new();
    let mut vrids: BTreeMap<u8, &str> = BTreeMap::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for device in &node.devices {
        if let Some(word) = device.block.words(&INTERFACE_NAME).next()
            && let Some(first) = linux.insert(&word.text, device.name)
        {
            findings.error(device.block.blame(
                &INTERFACE_NAME,
                format!("device-interface {first} has this Linux device"),
                "name another device",
            ));
        }
        if let Some(vrrp) = device.vrrp
            && let Some(vrid) = device.vrid()
            && let Some(first) = vrids.insert(vrid, device.name)
        {
            findings.error(vrrp.blame(
                &VRID,
                format!("device-interface {first} has this virtual router"),
                "give each port of a node a vrid of its own",
            ));
        }
        for interface in &device.interfaces {
            if let Some(first) = names.insert(interface.name, device.name) {
                findings.error(interface.block.blame(
                    &NAME,
                    format!("device-interface {first} has a network-interface of this name"),
                    "give each network-interface of a node a name of its own",
                ));
            }
        }
    }
}

/// A GIID stands for one interface, of which a shared one has two halves.
fn check_giids(router: &Router<'_>, findings: &mut Findings) {
    let mut seen: BTreeMap<u16, (&Device<'_>, &Interface<'_>)> = BTreeMap::new();
    for device in router.devices() {
        let other_half = router.other_half(device).map(|other| other.block);
        for interface in &device.interfaces {
            let Some(giid) = interface.giid else { continue };
            let (first_device, first) = *seen.entry(giid).or_insert((device, interface));
            let itself = core::ptr::eq(first.block, interface.block);
            let halves = other_half.is_some_and(|other| core::ptr::eq(other, first_device.block));
            if !itself && !halves {
                findings.error(interface.block.blame(
                    &GLOBAL_ID,
                    format!("{} of node {} has this id", first.name, first.node),
                    "give each interface an id of its own; only halves of a shared one have the same",
                ));
            }
        }
    }
}

/// A virtual MAC stands for one shared interface in the whole authority.
pub(super) fn check_macs(routers: &[Router<'_>], findings: &mut Findings) {
    let mut seen: BTreeMap<MacAddr, &Device<'_>> = BTreeMap::new();
    for router in routers {
        for device in router.devices() {
            let Some(mac) = device.block.peek(&SHARED_PHYS_ADDRESS) else {
                continue;
            };
            let first = *seen.entry(mac).or_insert(device);
            let itself = core::ptr::eq(first.block, device.block);
            let other_half = router.other_half(device);
            let halves = other_half.is_some_and(|other| core::ptr::eq(other.block, first.block));
            if !itself && !halves {
                findings.error(device.block.blame(
                    &SHARED_PHYS_ADDRESS,
                    format!("{} has this MAC address", first.block.path),
                    "give each shared interface a MAC address of its own",
                ));
            }
        }
    }
}
