//! When all is calm, both nodes hold the same, and somebody leads.

use super::{Final, Invariant, Observation};

/// Nothing to remember.
#[derive(Debug, Default)]
pub(super) struct EqualInTheEnd;

fn differ(one: &Final, other: &Final) -> Option<&'static str> {
    if one.control.checksum() != other.control.checksum() {
        return Some("the control state");
    }
    if one.state.checksum() != other.state.checksum() {
        return Some("the sessions");
    }
    (one.leaders != other.leaders).then_some("who leads")
}

impl Invariant for EqualInTheEnd {
    fn name(&self) -> &'static str {
        "equal_in_the_end"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        let Some(end) = observation.end() else {
            return Ok(());
        };
        let mut nodes = end.nodes();
        let Some(first) = nodes.next() else {
            return Ok(());
        };
        if first.leaders.contains(&None) {
            return Err("a group has no leader".to_owned());
        }
        for node in nodes {
            if let Some(what) = differ(first, node) {
                return Err(format!(
                    "{what} of nodes {} and {} differs",
                    first.id, node.id
                ));
            }
        }
        Ok(())
    }
}
