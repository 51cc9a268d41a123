//! The control group's state as version 1 wrote it: one configuration without its past.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{Name, NodeId};

use super::candidate::Candidates;
use super::history::History;
use super::members::Members;
use super::state::{ConfigRecord, ControlState, Role};
use super::survival::Survivals;
use super::version2::Foundation;
use crate::snapshot::SnapshotError;

/// What stands in front of it.
pub(super) const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Version1 {
    config: Option<ConfigRecord>,
    roles: BTreeMap<Name, Role>,
    port_blocks: BTreeMap<IpAddr, BTreeMap<u16, NodeId>>,
    lineage: Option<Foundation>,
}

/// The state with a history of one, no candidates and no survivals.
pub(super) fn decode(content: &[u8]) -> Result<ControlState, SnapshotError> {
    let old: Version1 = postcard::from_bytes(content).map_err(SnapshotError::Damaged)?;
    Ok(ControlState {
        history: History::starting_with(old.config),
        roles: old.roles,
        port_blocks: old.port_blocks,
        lineage: old.lineage.map(|foundation| foundation.under(0)),
        candidates: Candidates::default(),
        survivals: Survivals::default(),
        members: Members::default(),
    })
}

#[cfg(test)]
mod tests {
    use types::{Epoch, Revision};

    use super::*;
    use crate::snapshot::Versioned;

    #[test]
    fn a_snapshot_of_version_1_is_read_with_its_configuration_as_the_whole_history() {
        let old = Version1 {
            config: Some(ConfigRecord {
                revision: Revision(7),
                text: "config\n".to_owned(),
                author: "root".to_owned(),
                at_unix_ms: 9,
            }),
            roles: BTreeMap::from([(
                Name::from("lan-wan"),
                Role {
                    node: NodeId(1),
                    epoch: Epoch::NONE.next_for(NodeId(1)),
                },
            )]),
            port_blocks: BTreeMap::new(),
            lineage: None,
        };
        let bytes = postcard::to_extend(&old, vec![VERSION]).unwrap();

        let state = ControlState::decode(&bytes).unwrap();

        assert_eq!(state.config(), old.config.as_ref());
        assert_eq!(state.history().iter().len(), 1);
        assert_eq!(state.roles(), &old.roles);
        assert!(state.candidates().is_empty());
        assert_eq!(
            ControlState::decode(&state.encode().unwrap()),
            Ok(state),
            "what was converted is written as the new version"
        );
    }

    #[test]
    fn a_damaged_snapshot_of_version_1_is_called_damaged() {
        assert!(matches!(
            ControlState::decode(&[VERSION, 0xff]),
            Err(SnapshotError::Damaged(_))
        ));
    }
}
