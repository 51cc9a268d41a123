//! The witness votes on positions and holds nothing of what is agreed on.

use raft::MemberKind;

use super::{Applied, Invariant, Observation};
use crate::disk::contains;
use crate::workload::SECRET;

/// Nothing to remember.
#[derive(Debug, Default)]
pub(super) struct BlindWitness;

impl Invariant for BlindWitness {
    fn name(&self) -> &'static str {
        "blind_witness"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        match observation {
            Observation::Carried {
                to: MemberKind::Witness,
                bytes,
            } if contains(bytes, SECRET.as_bytes()) => {
                Err("content was sent to the witness".to_owned())
            }
            Observation::Applied {
                kind: MemberKind::Witness,
                place,
                state,
                ..
            } => {
                let holds = match state {
                    Applied::Control(state) => **state != state.stripped(),
                    Applied::State(state) => state.session_count() > 0,
                };
                if holds {
                    Err(format!("the witness holds content at {place:?}"))
                } else {
                    Ok(())
                }
            }
            Observation::Ended(end) => {
                let told = |member: &&super::Final| {
                    member.kind == MemberKind::Witness && member.disk_has_secret
                };
                match end.members.iter().find(told) {
                    Some(_) => Err("the disk of the witness holds content".to_owned()),
                    None => Ok(()),
                }
            }
            Observation::Carried { .. }
            | Observation::Applied { .. }
            | Observation::Asked(_)
            | Observation::Told { .. }
            | Observation::Aged(_)
            | Observation::Stopped { .. } => Ok(()),
        }
    }
}
