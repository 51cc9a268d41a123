//! A redundancy group, and with it its addresses, has one owner an epoch.

use std::collections::BTreeMap;

use raft::MemberKind;
use raft_state::{ControlCommand, ControlOutcome};
use types::{Epoch, Name, NodeId};

use super::{Applied, Invariant, Observation};
use crate::workload::Told;

/// Who was ever seen to own a group under an epoch.
#[derive(Debug, Default)]
pub(super) struct OneOwner {
    owners: BTreeMap<(Name, Epoch), NodeId>,
}

impl OneOwner {
    fn owns(&mut self, group: &Name, epoch: Epoch, node: NodeId) -> Result<(), String> {
        let key = (group.clone(), epoch);
        let owner = *self.owners.entry(key).or_insert(node);
        if owner == node && epoch.owner() == Some(node) {
            return Ok(());
        }
        Err(format!(
            "{group} under epoch {epoch} belongs to node {owner} and to node {node}"
        ))
    }
}

impl Invariant for OneOwner {
    fn name(&self) -> &'static str {
        "one_owner"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        match observation {
            Observation::Applied {
                kind: MemberKind::Node,
                state: Applied::Control(state),
                ..
            } => state
                .roles()
                .iter()
                .try_for_each(|(group, role)| self.owns(group, role.epoch, role.node)),
            Observation::Told {
                request,
                told: Told::Outcome(ControlOutcome::RoleTaken),
                ..
            } => {
                let ControlCommand::TakeRole { group, node, epoch } = &request.command else {
                    return Err(format!("request {} took no role", request.id));
                };
                self.owns(group, *epoch, *node)
            }
            Observation::Applied { .. }
            | Observation::Asked(_)
            | Observation::Told { .. }
            | Observation::Carried { .. }
            | Observation::Stopped { .. }
            | Observation::Ended(_) => Ok(()),
        }
    }
}
