//! The control group's state as version 2 wrote it: without those who were members once.

use super::state::ControlState;
use crate::snapshot::SnapshotError;

/// What stands in front of it.
pub(super) const VERSION: u8 = 2;

/// The state in which nobody was dismissed. That list is the last thing of a state, so the older content is
/// the newer one without its end, and an empty list is written as its length.
pub(super) fn decode(content: &[u8]) -> Result<ControlState, SnapshotError> {
    const NOBODY: u8 = 0;
    let whole = [content, &[NOBODY]].concat();
    postcard::from_bytes(&whole).map_err(SnapshotError::Damaged)
}

#[cfg(test)]
mod tests {
    use types::{MemberKind, NodeId};

    use super::*;
    use crate::control::{Certificates, MemberRecord, MemberStanding, MembersCommand};
    use crate::snapshot::Versioned;
    use crate::{CertificateRecord, ControlCommand};

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
