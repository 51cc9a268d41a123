//! A session whose node lives on is known to both nodes in the end, whatever happened to the group.

use super::{Invariant, Observation};

/// Nothing to remember.
#[derive(Debug, Default)]
pub(super) struct NoLostSession;

impl Invariant for NoLostSession {
    fn name(&self) -> &'static str {
        "no_lost_session"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        let Some(end) = observation.end() else {
            return Ok(());
        };
        for node in end.nodes() {
            let lacks = |opened: &&crate::workload::Opened| node.state.session(opened.id).is_none();
            if let Some(lost) = end.living.iter().find(lacks) {
                return Err(format!(
                    "node {} does not know session {} of node {}",
                    node.id, lost.id, lost.node
                ));
            }
        }
        Ok(())
    }
}
