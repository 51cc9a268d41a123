//! A generation of the state group has one founder in each lineage of the control group, and nobody takes
//! part in one that was not decided.

use std::collections::{BTreeMap, BTreeSet};

use raft::GroupName;
use raft_state::Lineage;

use super::{Applied, Invariant, Observation};

/// The generations that the control group has decided.
#[derive(Debug, Default)]
pub(super) struct OneGeneration {
    /// By the control group's lineage and the generation.
    decided: BTreeMap<(u64, u64), Lineage>,
    /// Numbers that may travel with messages.
    numbers: BTreeSet<u64>,
}

impl Invariant for OneGeneration {
    fn name(&self) -> &'static str {
        "one_generation"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        match observation {
            Observation::Applied {
                state: Applied::Control(state),
                place,
                ..
            } => {
                let Some(lineage) = state.lineage() else {
                    return Ok(());
                };
                self.numbers.insert(lineage.wire());
                let key = (place.generation, lineage.generation);
                let known = *self.decided.entry(key).or_insert(lineage);
                if known == lineage {
                    return Ok(());
                }
                let (one, other) = (known.founder, lineage.founder);
                Err(format!(
                    "generation {} was founded by node {one} and by node {other}",
                    lineage.generation
                ))
            }
            Observation::Applied { place, member, .. }
                if place.group == GroupName::State && !self.numbers.contains(&place.generation) =>
            {
                Err(format!(
                    "member {member} takes part in generation {}, which nobody decided",
                    place.generation
                ))
            }
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
