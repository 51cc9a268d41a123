//! `show cluster`.

use proto::ops::{ClusterReply, RaftGroup, RaftMember};
use raft::{GroupStatus, MemberKind, MemberRole, MemberStatus};

use super::Desk;
use super::ha::millis;

impl Desk {
    pub(super) fn answer_cluster(&self) -> ClusterReply {
        let groups = [self.cluster.control.status(), self.cluster.state.status()];
        ClusterReply {
            groups: groups.iter().map(|status| self.group(status)).collect(),
            ..ClusterReply::default()
        }
    }

    fn group(&self, status: &GroupStatus) -> RaftGroup {
        RaftGroup {
            name: status.group.to_string(),
            leader: status.leader.map(|leader| self.site.name(leader)),
            term: status.term,
            last_log_index: Some(status.last_log),
            applied_index: Some(status.applied),
            members: status.members.iter().map(member).collect(),
        }
    }
}

fn member(member: &MemberStatus) -> RaftMember {
    RaftMember {
        id: u32::from(member.id.0),
        name: member.name.to_string(),
        kind: match member.kind {
            MemberKind::Node => "node",
            MemberKind::Witness => "witness",
        }
        .to_owned(),
        vote: match member.role {
            MemberRole::Voter => "voter",
            MemberRole::Learner => "learner",
            MemberRole::Absent => "absent",
        }
        .to_owned(),
        last_heard_ms: member.heard_ago.map(millis),
        matched_index: member.matched,
    }
}
