//! A revision that was acknowledged, or that anybody has applied, is the same in every later state.

use std::collections::BTreeMap;

use raft::MemberKind;
use raft_state::{ControlCommand, ControlOutcome};
use types::Revision;

use super::{Applied, Invariant, Observation};
use crate::workload::Told;

/// The chain of revisions, as far as anybody has seen it.
#[derive(Debug, Default)]
pub(super) struct NoLostCommit {
    chain: BTreeMap<Revision, String>,
    acknowledged: Revision,
}

impl NoLostCommit {
    fn link(&mut self, revision: Revision, text: &str) -> Result<(), String> {
        let known = self
            .chain
            .entry(revision)
            .or_insert_with(|| text.to_owned());
        if known == text {
            return Ok(());
        }
        Err(format!(
            "revision {revision} was \"{known}\" and is \"{text}\" now"
        ))
    }
}

impl Invariant for NoLostCommit {
    fn name(&self) -> &'static str {
        "no_lost_commit"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        match observation {
            Observation::Applied {
                kind: MemberKind::Node,
                state: Applied::Control(state),
                ..
            } => match state.config() {
                Some(config) => self.link(config.revision, &config.text),
                None => Ok(()),
            },
            Observation::Told {
                request,
                told: Told::Outcome(ControlOutcome::ConfigSet { revision }),
                ..
            } => {
                let ControlCommand::SetConfig { text, .. } = &request.command else {
                    return Err(format!("request {} was no commit", request.id));
                };
                self.acknowledged = self.acknowledged.max(*revision);
                self.link(*revision, text)
            }
            Observation::Ended(end) => {
                let behind = |node: &&super::Final| node.control.revision() < self.acknowledged;
                match end.nodes().find(behind) {
                    Some(node) => Err(format!(
                        "revision {} was acknowledged, node {} is at {}",
                        self.acknowledged,
                        node.id,
                        node.control.revision()
                    )),
                    None => Ok(()),
                }
            }
            Observation::Applied { .. }
            | Observation::Asked(_)
            | Observation::Told { .. }
            | Observation::Carried { .. }
            | Observation::Stopped { .. } => Ok(()),
        }
    }
}
