//! No block of ports is granted to two nodes in one lineage, and a claim that was overtaken grants nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use raft::MemberKind;
use raft::seam::{Content, Place};
use raft_state::{ControlCommand, ControlOutcome, ControlState, Versioned};
use types::NodeId;

use super::{Applied, Invariant, Observation};
use crate::workload::Told;

/// Who was ever seen to own which block, and what each node had before.
#[derive(Debug, Default)]
pub(super) struct NoPortTwice {
    /// By lineage of the control group, as it travels with messages.
    owners: BTreeMap<u64, BTreeMap<(IpAddr, u16), NodeId>>,
    before: BTreeMap<NodeId, (Place, ControlState)>,
}

impl NoPortTwice {
    fn owns(&mut self, lineage: u64, key: (IpAddr, u16), node: NodeId) -> Result<(), String> {
        let owners = self.owners.entry(lineage).or_default();
        let owner = *owners.entry(key).or_insert(node);
        if owner == node {
            return Ok(());
        }
        let (address, block) = key;
        Err(format!(
            "block {block} of {address} belongs to node {owner} and to node {node}"
        ))
    }

    /// A node was told that it has these blocks: in some lineage nothing speaks against it. Where there
    /// is only one, they are the node's from then on.
    fn told(&mut self, node: NodeId, address: IpAddr, blocks: &[u16]) -> Result<(), String> {
        if self.owners.len() <= 1 {
            let only = self.owners.keys().next().copied().unwrap_or_default();
            return blocks
                .iter()
                .try_for_each(|block| self.owns(only, (address, *block), node));
        }
        let fits = |owners: &BTreeMap<(IpAddr, u16), NodeId>| {
            let owner = |block: &u16| owners.get(&(address, *block));
            blocks.iter().filter_map(owner).all(|owner| *owner == node)
        };
        if self.owners.values().any(fits) {
            return Ok(());
        }
        Err(format!(
            "node {node} was told that blocks {blocks:?} of {address} are its own, which holds in no lineage"
        ))
    }

    /// `content` has made `after` of what `member` had at the place before.
    fn granted(
        &self,
        member: NodeId,
        place: Place,
        content: &Content,
        after: &ControlState,
    ) -> Result<(), String> {
        let Content::Command(bytes) = content else {
            return Ok(());
        };
        let Ok(ControlCommand::ClaimPortBlocks {
            node,
            address,
            held,
            count,
        }) = ControlCommand::decode(bytes)
        else {
            return Ok(());
        };
        let Some((_, before)) = self.before.get(&member).filter(|(known, _)| {
            (known.generation, known.index + 1) == (place.generation, place.index)
        }) else {
            return Ok(());
        };
        let had = before.granted(node, address).len();
        let has = after.granted(node, address).len();
        let fair = if had == usize::from(held) {
            had + usize::from(count)
        } else {
            had
        };
        if has > fair {
            return Err(format!(
                "a claim of node {node} that knew of {held} blocks made {has} of {had}"
            ));
        }
        Ok(())
    }
}

impl Invariant for NoPortTwice {
    fn name(&self) -> &'static str {
        "no_port_twice"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        match observation {
            Observation::Applied {
                member,
                kind: MemberKind::Node,
                place,
                content,
                state: Applied::Control(state),
            } => {
                self.granted(*member, *place, content, state)?;
                for (address, blocks) in state.port_blocks() {
                    for (block, node) in blocks {
                        self.owns(place.generation, (*address, *block), *node)?;
                    }
                }
                self.before.insert(*member, (*place, (*state).clone()));
                Ok(())
            }
            Observation::Told {
                request,
                told: Told::Outcome(ControlOutcome::PortBlocks { address, blocks }),
                ..
            } => self.told(request.node, *address, blocks),
            Observation::Applied { .. }
            | Observation::Asked(_)
            | Observation::Told { .. }
            | Observation::Carried { .. }
            | Observation::Aged(_)
            | Observation::Stopped { .. }
            | Observation::Ended(_) => Ok(()),
        }
    }
}
