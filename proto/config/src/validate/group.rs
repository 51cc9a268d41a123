//! Redundancy-groups: whole, not half, and of one mind.

use super::view::{Device, Router};
use crate::candidate::Block;
use crate::findings::Findings;
use crate::schema::Leaf;
use crate::schema::interface::{PREEMPT, PRIORITY};
use crate::schema::router::{MEMBER, MEMBER_DEVICE, MEMBER_NODE, REDUNDANCY_GROUP};
use crate::value::same;

pub(super) fn check(router: &Router<'_>, findings: &mut Findings) {
    let groups: Vec<&Block> = router.block.blocks(&REDUNDANCY_GROUP).collect();
    for group in groups.iter().skip(1) {
        findings.error(group.complain(
            "this release has one redundancy-group a router: one node is active for all of it",
            "put its members into the first group",
        ));
    }
    let mut grouped: Vec<&Device<'_>> = Vec::new();
    for group in groups {
        let members = members(router, group, findings);
        check_whole(router, group, &members, findings);
        check_agreement(&members, findings);
        grouped.extend(members.iter().map(|(_, device)| *device));
    }
    for device in router.devices() {
        let in_group = grouped
            .iter()
            .any(|member| core::ptr::eq(member.block, device.block));
        if let Some(vrrp) = device.vrrp
            && !in_group
        {
            findings.error(vrrp.complain(
                "no redundancy-group moves this shared interface",
                format!(
                    "add member {} {} to a redundancy-group",
                    device.node, device.name
                ),
            ));
        }
    }
}

/// The members that exist and are shared, each with the line that names it.
fn members<'r, 'a>(
    router: &'r Router<'a>,
    group: &'a Block,
    findings: &mut Findings,
) -> Vec<(&'a Block, &'r Device<'a>)> {
    let mut members = Vec::new();
    for member in group.blocks(&MEMBER) {
        match member_device(router, member) {
            Ok(device) if device.vrrp.is_some() => members.push((member, device)),
            Ok(device) => findings.error(member.blame(
                &MEMBER_DEVICE,
                format!("vrrp is not enabled on {}, so it cannot move", device.name),
                "enable vrrp on it, or take the member away",
            )),
            Err(problem) => findings.error(problem),
        }
    }
    if group.block(&MEMBER).is_none() {
        findings.error(group.complain(
            "it has no member",
            "add member with a node and a device-interface, or take the group away",
        ));
    }
    members
}

fn member_device<'r, 'a>(
    router: &'r Router<'a>,
    member: &Block,
) -> Result<&'r Device<'a>, crate::Problem> {
    let node = router.named_node(member, &MEMBER_NODE)?;
    let name = member.words(&MEMBER_DEVICE).next();
    name.and_then(|name| node.device(&name.text))
        .ok_or_else(|| {
            let known = node.devices.iter().map(|device| device.name);
            member.unknown(&MEMBER_DEVICE, "device-interface that is enabled", known)
        })
}

/// Whoever moves, moves on both nodes.
fn check_whole(
    router: &Router<'_>,
    group: &Block,
    members: &[(&Block, &Device<'_>)],
    findings: &mut Findings,
) {
    for (member, device) in members {
        let Some(half) = router.other_half(device) else {
            continue; // Reported with the pair, or the only node.
        };
        let is_member = members
            .iter()
            .any(|(_, other)| core::ptr::eq(other.block, half.block));
        if !is_member {
            findings.error(member.complain(
                format!(
                    "its other half, {} {}, is not in the group",
                    half.node, half.name
                ),
                format!("add member {} {} to {}", half.node, half.name, group.key()),
            ));
        }
    }
}

/// Members that would be elected apart cannot move together.
fn check_agreement(members: &[(&Block, &Device<'_>)], findings: &mut Findings) {
    for (index, (_, device)) in members.iter().enumerate() {
        let earlier = members.get(..index).unwrap_or_default();
        let on_node = earlier.iter().find(|(_, other)| other.node == device.node);
        if let Some((_, other)) = on_node {
            compare(&PRIORITY, other, device, findings);
            compare(&PREEMPT, other, device, findings);
        }
    }
}

fn compare(leaf: &'static Leaf, first: &Device<'_>, device: &Device<'_>, findings: &mut Findings) {
    if let (Some(first_vrrp), Some(vrrp)) = (first.vrrp, device.vrrp)
        && !same(first_vrrp, vrrp, leaf)
    {
        findings.error(vrrp.blame(
            leaf,
            format!("{} of the same group and node has another", first.name),
            format!("type the same {} for all members of a node", leaf.name),
        ));
    }
}
