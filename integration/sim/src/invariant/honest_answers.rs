//! Who is told that nothing came of a commit, or that somebody was faster, never sees it run.

use std::collections::{BTreeMap, BTreeSet};

use raft::MemberKind;
use raft_state::{ControlCommand, ControlOutcome};

use super::{Applied, Invariant, Observation};
use crate::workload::{RequestId, Told};

/// What ran, and what never may.
#[derive(Debug, Default)]
pub(super) struct HonestAnswers {
    ran: BTreeSet<String>,
    denied: BTreeMap<String, RequestId>,
}

impl Invariant for HonestAnswers {
    fn name(&self) -> &'static str {
        "honest_answers"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        let lie = |request: &RequestId, text: &str| {
            Err(format!("request {request} was denied and runs: \"{text}\""))
        };
        match observation {
            Observation::Applied {
                kind: MemberKind::Node,
                state: Applied::Control(state),
                ..
            } => {
                let Some(config) = state.config() else {
                    return Ok(());
                };
                if let Some(request) = self.denied.get(&config.text) {
                    return lie(request, &config.text);
                }
                if !self.ran.contains(&config.text) {
                    self.ran.insert(config.text.clone());
                }
                Ok(())
            }
            Observation::Told {
                request,
                told: Told::Nothing | Told::Outcome(ControlOutcome::ConfigStale { .. }),
                ..
            } => {
                let ControlCommand::SetConfig { text, .. } = &request.command else {
                    return Ok(());
                };
                if self.ran.contains(text) {
                    return lie(&request.id, text);
                }
                self.denied.insert(text.clone(), request.id);
                Ok(())
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
