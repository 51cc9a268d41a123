//! At most one survivor wins: generations never fall, and in the end all are in one lineage of the
//! highest generation that there was.

use std::collections::BTreeMap;

use raft::GroupName;
use raft_state::ControlLineage;
use types::NodeId;

use super::{Invariant, Observation};

/// The lineage that each member took part in last.
#[derive(Debug, Default)]
pub(super) struct OneLineage {
    last: BTreeMap<NodeId, ControlLineage>,
    highest: u64,
}

impl Invariant for OneLineage {
    fn name(&self) -> &'static str {
        "one_lineage"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        match observation {
            Observation::Applied { member, place, .. } if place.group == GroupName::Control => {
                let Some(lineage) = ControlLineage::from_wire(place.generation) else {
                    return Err(format!("{} is no lineage", place.generation));
                };
                self.highest = self.highest.max(lineage.generation);
                let last = self.last.insert(*member, lineage);
                match last.filter(|last| last.generation > lineage.generation) {
                    Some(last) => Err(format!(
                        "member {member} went from {last} back to {lineage}"
                    )),
                    None => Ok(()),
                }
            }
            Observation::Aged(member) => {
                self.last.remove(member);
                Ok(())
            }
            Observation::Ended(end) => {
                let mut lineages = end.members.iter().map(|member| member.lineage.lineage);
                let Some(Some(first)) = lineages.next() else {
                    return Err("a member takes part in no lineage".to_owned());
                };
                if lineages.any(|lineage| lineage != Some(first)) {
                    return Err("members take part in different lineages".to_owned());
                }
                if first.generation < self.highest {
                    return Err(format!(
                        "lineage {first} is left, and there was a generation {}",
                        self.highest
                    ));
                }
                Ok(())
            }
            Observation::Applied { .. }
            | Observation::Asked(_)
            | Observation::Told { .. }
            | Observation::Carried { .. }
            | Observation::Stopped { .. } => Ok(()),
        }
    }
}
