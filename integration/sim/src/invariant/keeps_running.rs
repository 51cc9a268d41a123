//! A group ends nowhere: not even a full disk is a reason.

use super::{Invariant, Observation};

/// Nothing to remember.
#[derive(Debug, Default)]
pub(super) struct KeepsRunning;

impl Invariant for KeepsRunning {
    fn name(&self) -> &'static str {
        "keeps_running"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        match observation {
            Observation::Stopped { member, reason } => {
                Err(format!("a group ended on member {member}: {reason}"))
            }
            Observation::Applied { .. }
            | Observation::Asked(_)
            | Observation::Told { .. }
            | Observation::Carried { .. }
            | Observation::Aged(_)
            | Observation::Ended(_) => Ok(()),
        }
    }
}
