//! `show cluster`.

use proto::ops::{Candidate, ClusterReply, RaftGroup, RaftMember, Survival};
use raft::{GroupStatus, MemberKind, MemberRole, MemberStatus};
use raft_state::ControlState;
use types::NodeId;

use super::Desk;
use super::ha::millis;

impl Desk {
    pub(super) fn answer_cluster(&self) -> ClusterReply {
        let agreed = self.cluster.control.state();
        let (control, state) = (self.cluster.control.status(), self.cluster.state.status());
        let state_founder = agreed.lineage().map(|lineage| lineage.founder);
        ClusterReply {
            groups: vec![
                self.group(&control, control.founder),
                self.group(&state, state_founder.filter(|_| state.generation != 0)),
            ],
            quorum: self.quorum(),
            survivals: self.survivals(&agreed),
            candidates: self.candidates(&agreed),
            ..ClusterReply::default()
        }
    }

    fn group(&self, status: &GroupStatus, founder: Option<NodeId>) -> RaftGroup {
        RaftGroup {
            name: status.group.to_string(),
            leader: status.leader.map(|leader| self.site.name(leader)),
            term: status.term,
            last_log_index: Some(status.last_log),
            applied_index: Some(status.applied),
            members: status.members.iter().map(member).collect(),
            generation: (status.generation != 0).then_some(status.generation),
            founder: founder.map(|founder| self.site.name(founder)),
        }
    }

    fn survivals(&self, agreed: &ControlState) -> Vec<Survival> {
        let survivals = agreed.survivals().iter();
        survivals
            .map(|survival| Survival {
                generation: survival.lineage.generation,
                founder: self.site.name(survival.lineage.founder),
                reason: survival.reason.to_string(),
                by: survival.by.clone(),
                at_unix_ms: survival.at_unix_ms,
                revision: survival.revision.0,
            })
            .collect()
    }

    fn candidates(&self, agreed: &ControlState) -> Vec<Candidate> {
        let candidates = agreed.candidates().iter();
        candidates
            .map(|(name, candidate)| Candidate {
                name: name.to_string(),
                revision: candidate.record.revision.0,
                author: candidate.record.author.clone(),
                at_unix_ms: candidate.record.at_unix_ms,
                held_by: self.site.name(candidate.node),
                lineage: candidate.lineage.to_string(),
                text_bytes: candidate.record.text.len().to_string(),
            })
            .collect()
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
