//! The control group's state as version 2 wrote it: generations of the state group did not say which
//! lineage of the control group decided them, and nobody knew who had been a member once.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{Name, NodeId};

use super::candidate::Candidates;
use super::history::History;
use super::members::Members;
use super::state::{ControlState, Lineage, Role};
use super::survival::Survivals;
use crate::cluster::Incarnation;
use crate::snapshot::SnapshotError;

/// What stands in front of it.
pub(super) const VERSION: u8 = 2;

/// A generation of the state group, by itself.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Foundation {
    generation: u64,
    founder: NodeId,
    incarnation: Incarnation,
}

impl Foundation {
    /// Decided in the control group's lineage `under`.
    pub(super) const fn under(self, under: u64) -> Lineage {
        Lineage {
            generation: self.generation,
            founder: self.founder,
            incarnation: self.incarnation,
            under,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Version2 {
    history: History,
    roles: BTreeMap<Name, Role>,
    port_blocks: BTreeMap<IpAddr, BTreeMap<u16, NodeId>>,
    lineage: Option<Foundation>,
    candidates: Candidates,
    survivals: Survivals,
    members: Members,
}

/// The state whose generation was decided in the lineage that was begun last, and in which nobody was
/// dismissed. That list is the last thing of a state, so the older content is the newer one without its
/// end, and an empty list is written as its length.
pub(super) fn decode(content: &[u8]) -> Result<ControlState, SnapshotError> {
    const NOBODY: u8 = 0;
    let whole = [content, &[NOBODY]].concat();
    let old: Version2 = postcard::from_bytes(&whole).map_err(SnapshotError::Damaged)?;
    let begun = old.survivals.iter().next_back();
    let under = begun.map_or(0, |survival| survival.lineage.wire());
    Ok(ControlState {
        history: old.history,
        roles: old.roles,
        port_blocks: old.port_blocks,
        lineage: old.lineage.map(|foundation| foundation.under(under)),
        candidates: old.candidates,
        survivals: old.survivals,
        members: old.members,
    })
}

#[cfg(test)]
mod tests {
    use types::{MemberKind, Revision};

    use super::*;
    use crate::control::{
        Certificates, ControlLineage, MemberRecord, MemberStanding, MembersCommand, Survival,
        SurvivalReason,
    };
    use crate::snapshot::Versioned;
    use crate::{CertificateRecord, ControlCommand};

    #[test]
    fn a_generation_of_version_2_was_decided_in_the_last_lineage() {
        let lineage = ControlLineage::first(NodeId(1)).next(NodeId(2), Incarnation(9));
        let mut survivals = Survivals::default();
        survivals.record(&Survival {
            lineage,
            reason: SurvivalReason::Evidence,
            by: "policy".to_owned(),
            at_unix_ms: 1,
            revision: Revision(0),
        });
        let old = Version2 {
            history: History::default(),
            roles: BTreeMap::new(),
            port_blocks: BTreeMap::new(),
            lineage: Some(Foundation {
                generation: 4,
                founder: NodeId(2),
                incarnation: Incarnation(9),
            }),
            candidates: Candidates::default(),
            survivals,
            members: Members::default(),
        };
        let mut bytes = postcard::to_extend(&old, vec![VERSION]).unwrap();
        assert_eq!(bytes.pop(), Some(0), "nobody was dismissed");

        let state = ControlState::decode(&bytes).unwrap();

        let formed = state.lineage().unwrap();
        assert_eq!((formed.generation, formed.under), (4, lineage.wire()));
        assert_eq!(
            ControlState::decode(&state.encode().unwrap()),
            Ok(state),
            "what was converted is written as the new version"
        );
    }

    /// What version 2 wrote for a configuration `config` of revision 1 by `root` and a member 1 named `a`.
    const WRITTEN: &[u8] = &[
        2, 1, 1, 6, b'c', b'o', b'n', b'f', b'i', b'g', 4, b'r', b'o', b'o', b't', 9, 0, 0, 0, 0,
        0, 1, 1, 1, 1, b'a', 0, 0, 0, 1, b'0', 7, 0, 0, 1,
    ];

    fn state() -> ControlState {
        let mut state = ControlState::default();
        state.apply(&ControlCommand::SetConfig {
            base: types::Revision(0),
            text: "config".to_owned(),
            author: "root".to_owned(),
            at_unix_ms: 9,
        });
        state.apply(&ControlCommand::Members(MembersCommand::SetMember {
            record: MemberRecord {
                id: NodeId(1),
                name: "a".into(),
                kind: MemberKind::Node,
                addresses: Vec::new(),
                certificates: Vec::<CertificateRecord>::new(),
                software: "0".to_owned(),
                since_unix_s: 7,
                standing: MemberStanding::Member,
            },
            certificates: Certificates::Add,
            now_unix_s: 7,
        }));
        state
    }

    #[test]
    fn a_snapshot_of_version_2_is_read_without_dismissals() {
        assert_eq!(ControlState::decode(WRITTEN), Ok(state()));
    }

    #[test]
    fn a_damaged_snapshot_of_version_2_is_called_damaged() {
        let cut = WRITTEN.split_last().unwrap().1;
        for damaged in [&[VERSION, 0xff][..], cut] {
            assert!(matches!(
                ControlState::decode(damaged),
                Err(SnapshotError::Damaged(_))
            ));
        }
    }
}
