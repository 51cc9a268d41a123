//! A redundancy group, and with it its addresses, has one owner an epoch, and epochs only rise.
//!
//! DESIGN, section 6: of two active nodes the higher epoch wins. That needs more than epochs which carry their
//! claimant, and so this is judged from what was agreed on, without the rule that the state applies:
//!
//! - No history, of whatever member and lineage, names two owners under one epoch, or an owner that has not
//!   claimed it.
//! - Within one lineage a member never goes from a role to one of an epoch that is not higher, nor loses it,
//!   whether it applies commands or takes a snapshot. Who gives way to another lineage takes over what that one
//!   agreed on: there the nodes' own heartbeats raise the epoch.
//! - An agreed claim above all earlier ones is what counts from then on, and one that is not changes nothing.
//! - What nodes are told of roles is part of that history: nobody else ever has the epoch, and, unless a lineage
//!   was given up with what was agreed on in it, no node ends with a lower one. Who is refused lost to an epoch
//!   that is not lower than its own.

use std::collections::{BTreeMap, BTreeSet};

use raft::MemberKind;
use raft::seam::{Content, Place};
use raft_state::{ControlCommand, ControlOutcome, ControlState, Role, Versioned};
use types::{Epoch, Name, NodeId};

use super::{Applied, End, Invariant, Observation};
use crate::workload::{Request, Told};

/// The roles of each group.
type Roles = BTreeMap<Name, Role>;

/// What was ever agreed on, and where each member is.
#[derive(Debug, Default)]
pub(super) struct OneOwner {
    owners: BTreeMap<(Name, Epoch), NodeId>,
    /// The highest epoch of each group that a node was told of.
    told: BTreeMap<Name, Epoch>,
    lineages: BTreeSet<u64>,
    before: BTreeMap<NodeId, (Place, Roles)>,
}

impl OneOwner {
    fn recorded(&mut self, group: &Name, role: Role) -> Result<(), String> {
        let Role { node, epoch } = role;
        let owner = *self.owners.entry((group.clone(), epoch)).or_insert(node);
        if owner == node && epoch.owner() == Some(node) {
            return Ok(());
        }
        Err(format!(
            "{group} under epoch {epoch} belongs to node {owner} and to node {node}"
        ))
    }

    /// `member` has applied `content` and has these roles now.
    fn applied(
        &mut self,
        member: NodeId,
        place: Place,
        content: &Content,
        state: &ControlState,
    ) -> Result<(), String> {
        let after = state.roles();
        self.lineages.insert(place.generation);
        if let Some((known, before)) = self.before.get(&member)
            && known.generation == place.generation
            && known.index < place.index
        {
            risen(before, after).map_err(|what| format!("node {member}: {what}"))?;
            if known.index + 1 == place.index {
                taken(before, content, after).map_err(|what| format!("node {member}: {what}"))?;
            }
        }
        for (group, role) in after {
            self.recorded(group, *role)?;
        }
        self.before.insert(member, (place, after.clone()));
        Ok(())
    }

    /// What a node that asked for a role was told. Nobody need have been seen to apply it: who agreed on it may
    /// have died with the answer on its way.
    fn told(&mut self, request: &Request, outcome: &ControlOutcome) -> Result<(), String> {
        let ControlCommand::TakeRole { group, node, epoch } = &request.command else {
            return Ok(());
        };
        let (node, epoch) = (*node, *epoch);
        let role = if let ControlOutcome::RoleRefused { current } = outcome
            && current.epoch >= epoch
        {
            *current
        } else if *outcome == ControlOutcome::RoleTaken {
            Role { node, epoch }
        } else {
            return Err(format!(
                "node {node} claimed {group} under epoch {epoch} and was told '{outcome}'"
            ));
        };
        self.recorded(group, role)?;
        let highest = self.told.entry(group.clone()).or_insert(role.epoch);
        *highest = (*highest).max(role.epoch);
        Ok(())
    }

    /// Nobody forgets what somebody was told.
    fn ended(&self, end: &End) -> Result<(), String> {
        if self.lineages.len() > 1 {
            return Ok(());
        }
        for (group, told) in &self.told {
            let nodes = end.members.iter();
            for node in nodes.filter(|member| member.kind == MemberKind::Node) {
                let has = node.control.roles().get(group).map(|role| role.epoch);
                if has < Some(*told) {
                    return Err(format!(
                        "epoch {told} of {group} was told of, and node {} ends with {has:?}",
                        node.id
                    ));
                }
            }
        }
        Ok(())
    }
}

/// No group loses its role, and a change of role raises the epoch.
fn risen(before: &Roles, after: &Roles) -> Result<(), String> {
    for (group, had) in before {
        let has = after.get(group);
        if has.is_none_or(|has| has != had && has.epoch <= had.epoch) {
            return Err(format!("{group} went from {had:?} to {has:?}"));
        }
    }
    Ok(())
}

/// The entry right after `before` has made of it what a claim may make, and nothing else has changed a role.
fn taken(before: &Roles, content: &Content, after: &Roles) -> Result<(), String> {
    let bytes = match content {
        Content::Command(bytes) => bytes,
        Content::Consensus => &Vec::new(),
        Content::Snapshot => return Ok(()),
    };
    let mut expected = before.clone();
    if let Ok(ControlCommand::TakeRole { group, node, epoch }) = ControlCommand::decode(bytes)
        && before.get(&group).is_none_or(|had| had.epoch < epoch)
    {
        expected.insert(group, Role { node, epoch });
    }
    if *after == expected {
        return Ok(());
    }
    Err(format!("roles are {after:?} instead of {expected:?}"))
}

impl Invariant for OneOwner {
    fn name(&self) -> &'static str {
        "one_owner"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        match observation {
            Observation::Applied {
                member,
                kind: MemberKind::Node,
                place,
                content,
                state: Applied::Control(state),
            } => self.applied(*member, *place, content, state),
            Observation::Told {
                request,
                told: Told::Outcome(outcome),
                ..
            } => self.told(request, outcome),
            Observation::Applied { .. }
            | Observation::Asked(_)
            | Observation::Told { .. }
            | Observation::Carried { .. }
            | Observation::Aged(_)
            | Observation::Stopped { .. } => Ok(()),
            Observation::Ended(end) => self.ended(end),
        }
    }
}
