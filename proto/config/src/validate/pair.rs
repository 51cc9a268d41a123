//! Both halves of a shared interface: typed alike, except for what stays on its node.

use std::collections::BTreeMap;

use super::view::{Device, Router};
use crate::candidate::Block;
use crate::findings::Findings;
use crate::schema::interface::{
    ADVERTISEMENT_INTERVAL, NETWORK_INTERFACE, PREEMPT, SHARED_PHYS_ADDRESS, UTILITY_IP_ADDRESS,
    VRID,
};
use crate::schema::{Item, Leaf};
use crate::value::{canonical_keys, same};

pub(super) fn check(router: &Router<'_>, findings: &mut Findings) {
    let [first, second, ..] = router.nodes.as_slice() else {
        return; // One node shares its interfaces with another router, whose tree is not here.
    };
    for device in first.devices.iter().chain(&second.devices) {
        if device.vrid().is_some() && router.other_half(device).is_none() {
            let other = if device.node == first.name {
                second
            } else {
                first
            };
            report_lone_half(device, other.name, other.device(device.name), findings);
        }
    }
    for device in &first.devices {
        if let Some(other) = router.other_half(device) {
            compare(device, other, findings);
        }
    }
}

fn report_lone_half(
    device: &Device<'_>,
    other_node: &str,
    namesake: Option<&Device<'_>>,
    findings: &mut Findings,
) {
    let Some(vrrp) = device.vrrp else { return };
    let hint = match namesake.map(|other| (other.vrrp.is_some(), other.vrid())) {
        Some((true, Some(vrid))) => format!("; {} there has vrid {vrid}", device.name),
        Some((true, None)) => format!("; {} there has no vrid", device.name),
        Some((false, _)) => format!("; vrrp is not enabled on {} there", device.name),
        None => String::new(),
    };
    findings.error(vrrp.blame(
        &VRID,
        format!("node {other_node} has no device-interface with this vrid{hint}"),
        format!("enable vrrp with the same vrid on a device-interface of node {other_node}"),
    ));
}

fn compare(device: &Device<'_>, other: &Device<'_>, findings: &mut Findings) {
    if let (Some(vrrp), Some(other_vrrp)) = (device.vrrp, other.vrrp) {
        for leaf in [&ADVERTISEMENT_INTERVAL, &PREEMPT] {
            compare_leaf(vrrp, other_vrrp, leaf, findings);
        }
    }
    compare_leaf(device.block, other.block, &SHARED_PHYS_ADDRESS, findings);
    let ours = device.block.blocks(&NETWORK_INTERFACE);
    let theirs: Vec<_> = other.block.blocks(&NETWORK_INTERFACE).collect();
    compare_lists(other.block, ours.collect(), &theirs, findings);
}

fn compare_leaf(ours: &Block, theirs: &Block, leaf: &'static Leaf, findings: &mut Findings) {
    if !same(ours, theirs, leaf) {
        let first = ours.words(leaf).map(|word| word.text.as_str());
        let first: Vec<_> = first.chain(leaf.default_value()).take(1).collect();
        let reason = match first.as_slice() {
            [value, ..] => format!("it is {value} in the other half ({})", ours.path),
            [] => format!("the other half has none ({})", ours.path),
        };
        findings.error(theirs.blame(leaf, reason, "type the same in both halves"));
    }
}

fn compare_blocks(ours: &Block, theirs: &Block, findings: &mut Findings) {
    for item in ours.branch.items {
        match item {
            // The one leaf that is each node's own.
            Item::Leaf(leaf) if core::ptr::eq(*leaf, &raw const UTILITY_IP_ADDRESS) => {}
            Item::Leaf(leaf) => compare_leaf(ours, theirs, leaf, findings),
            Item::Branch(branch) => {
                let inner: Vec<_> = theirs.blocks(branch).collect();
                compare_lists(theirs, ours.blocks(branch).collect(), &inner, findings);
            }
        }
    }
}

/// Entries belong together by their keys; what only one half has is missing in the other.
fn compare_lists<'a>(
    holder: &Block,
    ours: Vec<&'a Block>,
    theirs: &[&'a Block],
    findings: &mut Findings,
) {
    let by_keys = |blocks: &[&'a Block]| -> BTreeMap<Vec<String>, &'a Block> {
        // Backwards, so that of two with the same keys the first one counts.
        let blocks = blocks.iter().rev();
        blocks
            .map(|block| (canonical_keys(block), *block))
            .collect()
    };
    let (of_ours, of_theirs) = (by_keys(&ours), by_keys(theirs));
    for extra in theirs
        .iter()
        .filter(|other| !of_ours.contains_key(&canonical_keys(other)))
    {
        findings.error(extra.complain(
            "the other half does not have it",
            "type the same in both halves",
        ));
    }
    for block in ours {
        match of_theirs.get(&canonical_keys(block)) {
            Some(other) => compare_blocks(block, other, findings),
            None => findings.error(holder.complain(
                format!("it lacks what the other half has ({})", block.path),
                "type the same in both halves",
            )),
        }
    }
}
